// What is proved of frank_fifo. The f_ signals are the specification, made of the ports alone: how
// many entries were put in, and what one of them, any one, holds.

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);

  // The search offers a hit or an END, not both, and holds an END until it is taken.
  always_comb assume (!(hit_valid_i && end_valid_i));
  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni && end_valid_i && !end_ready_o && !clear_i)) begin
      assume (end_valid_i && $stable(id_i) && $stable(end_counter_i));
    end
  end

  logic f_hit_kept, f_hit_lost, f_end_kept, f_push, f_pop;
  assign f_hit_kept = hit_valid_i && (level_o < Depth - 2);
  assign f_hit_lost = hit_valid_i && (level_o >= Depth - 2);
  assign f_end_kept = end_valid_i && end_ready_o;
  assign f_push     = f_hit_kept || f_end_kept;
  assign f_pop      = pop_i && head_valid_o && (pop_sequence_i == head_sequence_o);

  // Entries put in and hits lost since the last clear; hits of the present job lost.
  logic [7:0]  f_count;
  logic [31:0] f_lost;
  logic        f_job_lost;
  // Any one number; the entry that last got it.
  (* anyconst *) logic [7:0] f_track;
  logic [47:0] f_entry;
  assign f_addr = f_track[PtrWidth-1:0];

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      f_count    <= '0;
      f_lost     <= '0;
      f_job_lost <= 1'b0;
    end else begin
      if (f_push) f_count <= f_count + 8'd1;
      if (f_push && (f_count == f_track)) begin
        f_entry <= f_end_kept ? {1'b1, f_job_lost, id_i, end_counter_i} :
                                {1'b0, 1'b0, id_i, hit_counter_i};
      end
      if (f_hit_lost) f_lost <= f_lost + 32'd1;
      if (f_hit_lost) f_job_lost <= 1'b1;
      else if (f_end_kept) f_job_lost <= 1'b0;
    end
  end

  logic f_tracked_inside;
  assign f_tracked_inside = (f_track - head_sequence_o) < 8'(level_o);

  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      // Nothing is lost but hits beyond the limit, which are counted.
      assert (level_o <= Depth);
      assert (8'(level_o) == f_count - head_sequence_o);
      assert (dropped_o == f_lost);
      // An END waits only while every place is taken.
      assert (end_ready_o == (level_o < Depth));
      // Numbers go up by one with each pop and by nothing else: a repeated pop has no effect.
      if ($past(clear_i)) assert (head_sequence_o == '0 && level_o == '0);
      else assert (head_sequence_o == $past(head_sequence_o) + 8'($past(f_pop)));
      // An entry is offered two cycles after it was put in or became the oldest, and then stays.
      if (head_valid_o) assert (level_o != '0);
      if ($past(level_o != '0 && !f_pop && !clear_i)) assert (head_valid_o);
      if ($past(head_valid_o && !f_pop && !clear_i)) begin
        assert (head_valid_o && $stable(head_sequence_o));
        if (f_track == head_sequence_o) begin
          assert ($stable({head_end_o, head_dropped_o, head_id_o, head_counter_o}));
        end
      end
      // Entries come out in order, as they were put in.
      if (head_valid_o && (f_track == head_sequence_o)) begin
        assert ({head_end_o, head_dropped_o, head_id_o, head_counter_o} == f_entry);
      end

      // How it does so: what induction needs.
      assert (write_q == f_count[PtrWidth-1:0]);
      assert (job_dropped_q == f_job_lost);
      if (f_tracked_inside) assert (f_word == f_entry);

      cover (level_o == Depth && end_valid_i);
      cover (head_valid_o && head_end_o && head_dropped_o && (dropped_o == 32'd2));
      cover (head_valid_o && !head_end_o && (head_sequence_o == 8'd5));
      cover (f_pop && f_push && (level_o == Depth - 3));
    end
  end
