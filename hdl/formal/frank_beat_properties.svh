// What is proved of frank_beat: that the words it has read are those of the job's blocks, in order.
// block_last_i stays as it is while the ring runs, as frank_sequencer is proved to keep it.

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);

  always_ff @(posedge clk_i) begin
    if (f_past_valid && (run_i || run_q)) assume ($stable(block_last_i));
  end

  // Words read since the start, in one message.
  logic [9:0] f_next;
  always_ff @(posedge clk_i) begin
    if (!run_q || !rst_ni) f_next <= '0;
    else if (kw_read_o) f_next <= (f_next == {block_last_i, 6'd63}) ? '0 : f_next + 10'd1;
  end

  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni) && $past(rst_ni, 2)) begin
      if (kw_read_o && run_q) begin
        assert (kw_index_o == f_next);
        assert (kw_index_o[9:6] <= block_last_i);
      end
      // A stage takes a word a cycle after it was read, one stage at a time, and none takes it twice.
      assert ((kw_load_o & (kw_load_o - 1'b1)) == '0);
      assert ((kw_load_o != '0) == $past(kw_read_o));
      // A hash is ready four cycles after its slot ended the last block, and in no other.
      if (leave_o) assert ($past(enter_o, 4));
      // Nothing starts where nothing runs.
      if (!run_q) assert (!enter_o);

      // How it does so: what induction needs.
      if ($past(run_q)) assert ({word_block_q, round_q} == f_next);
      if (run_q) assert (word_block_q <= block_last_i && block_q <= block_last_i);
      if (run_q) assert (slot_q <= SlotLast && 32'(rev_q) < Revolutions);
      if (run_q && prime_q) assert (fresh_q);
    end
    cover (leave_o && block_last_i == 4'd0);
  end
