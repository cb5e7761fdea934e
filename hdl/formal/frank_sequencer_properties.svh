// What is proved of frank_sequencer. The f_ signals are the specification: the job that was taken and
// has not ended, and how many of its counters were examined. Of the register file is assumed what it
// is proved to do (frank_regs); of the ring nothing: enter_i and leave_i come at any time.

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);
  always_comb if (job_valid_i) assume (job_first_i <= job_last_i && job_blocks_i != 4'd0);

  logic        f_open;      // a job was taken, and neither ended nor cleared
  logic        f_stopped;   // it was aborted, or its last counter was examined
  logic [1:0]  f_stopped_for;
  logic [13:0] f_id;
  logic        f_buffer;
  logic [3:0]  f_blocks, f_word;
  logic [31:0] f_target, f_first, f_last;
  logic [32:0] f_next;      // counter to be examined next; 2^32 after the last of all
  logic [31:0] f_enter;     // counter to be handed to the ring next
  logic        f_aborted;
  logic [4:0]  f_copied;    // words copied

  logic f_end_now;
  assign f_end_now = end_valid_o && end_ready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      f_open        <= 1'b0;
      f_stopped     <= 1'b0;
      f_stopped_for <= '0;
      f_aborted     <= 1'b0;
      f_copied      <= '0;
    end else if (job_take_o) begin
      f_open        <= 1'b1;
      f_stopped     <= 1'b0;
      f_stopped_for <= '0;
      f_aborted     <= 1'b0;
      f_copied      <= '0;
      f_next        <= {1'b0, job_first_i};
      f_enter       <= job_first_i;
      {f_id, f_buffer, f_blocks, f_word} <= {job_id_i, job_buffer_i, job_blocks_i, job_word_i};
      {f_target, f_first, f_last} <= {job_target_i, job_first_i, job_last_i};
    end else if (f_open) begin
      if (f_end_now) f_open <= 1'b0;
      if (attempt_o) f_next <= f_next + 33'd1;
      if (enter_i) f_enter <= f_enter + 32'd1;
      if (copy_read_o) f_copied <= f_copied + 5'd1;
      if (abort_i) f_aborted <= 1'b1;
      if (abort_i || (attempt_o && f_next == {1'b0, f_last})) f_stopped <= 1'b1;
      if (f_stopped && f_stopped_for != 2'd3) f_stopped_for <= f_stopped_for + 2'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      // One job at a time: taken when none is there, there until its END or a clear.
      assert (running_o == f_open);
      if (job_take_o) assert (!f_open && job_valid_i);
      if ($past(clear_i)) assert (!running_o && !end_valid_o);
      // Its END comes once, is held until taken, and comes only when it has stopped.
      if (end_valid_o) assert (f_open && f_stopped);
      if ($past(end_valid_o && !end_ready_i && !clear_i)) assert (end_valid_o);
      if ($past(f_end_now)) assert (!end_valid_o);
      // ... at the latest two cycles after it stopped: no job without an END.
      if (f_open && f_stopped_for == 2'd2) assert (end_valid_o);
      // Without an abort, all counters from first to last were examined by then.
      if (end_valid_o && !f_aborted) assert (f_next == {1'b0, f_last} + 33'd1);
      // Its fields do not change.
      if (f_open) begin
        assert (id_o == f_id && buffer_o == f_buffer && word_o == f_word && target_o == f_target);
        assert (block_last_o == f_blocks - 4'd1);
      end
      // Counters: in order from first on, none beyond last.
      if (attempt_o) begin
        assert (f_open && run_o && !f_stopped);
        assert ({1'b0, position_o} == f_next);
        assert (position_o >= f_first && position_o <= f_last);
      end
      if (f_open) assert (position_o == f_next[31:0] && enter_counter_o == f_enter);
      // The ring runs when all 24 words were copied, and until the job stops.
      if (run_o) assert (f_open && f_copied == 5'd24 && !f_stopped);
      if (copy_read_o) assert (copy_index_o == f_copied && f_copied < 5'd24 && !run_o);
      assert (copy_valid_o == $past(copy_read_o));
      if (copy_valid_o) assert (copy_index_q_o == $past(copy_index_o));

      // How it does so: what induction needs.
      assert (state_q <= StEnd);
      if (f_open) begin
        assert (f_first <= f_last && last_q == f_last);
        assert (f_stopped == (state_q == StFlush || state_q == StEnd));
        assert (f_next >= {1'b0, f_first});
        if (!f_stopped) assert (!f_aborted && f_next <= {1'b0, f_last});
        if (f_stopped && !f_aborted) assert (f_next == {1'b0, f_last} + 33'd1);
        if (state_q == StCopy) assert (copy_q == f_copied && f_copied < 5'd24);
        if (state_q == StCopy) assert (f_next == {1'b0, f_first});
        if (!f_stopped || state_q == StFlush) assert (f_stopped_for == 2'd0);
        if (state_q == StRun) assert (f_copied == 5'd24);
        if (state_q == StEnd) assert (f_stopped_for != 2'd0);
      end

      cover (end_valid_o && !f_aborted && f_next == {1'b0, f_first} + 33'd3 && id_o == 14'd5);
      cover (end_valid_o && f_aborted && f_copied == 5'd3);
      cover (job_take_o && $past(f_end_now));
    end
  end
