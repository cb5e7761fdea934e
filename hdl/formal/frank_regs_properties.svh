// What is proved of frank_regs. Of the bus adapter is assumed what frank_axil and frank_wb are proved
// to do; of the search, what its port list promises (frank_sequencer is proved to).

  `include "reg_access.svh"

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);

  // One request at a time, stable until its response.
  logic [1:0] f_age;  // 0: none, 1: second cycle, 2: response
  always_ff @(posedge clk_i) begin
    if (!rst_ni) f_age <= 2'd0;
    else if (req_valid_i) f_age <= 2'd1;
    else if (f_age == 2'd1) f_age <= 2'd2;
    else f_age <= 2'd0;
  end
  always_comb if (f_age != 2'd0) assume (!req_valid_i);
  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && f_age != 2'd0) begin
      assume ($stable(req_write_i) && $stable(req_addr_i));
      assume ($stable(req_wdata_i) && $stable(req_full_i));
    end
  end

  // The search: takes a job that is offered, when none runs; then it runs in the buffer named.
  always_comb begin
    if (job_take_i) assume (job_valid_o && !running_i);
    assume (!(hit_valid_i && end_valid_i));
  end
  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      if ($past(job_take_i)) assume (running_i && run_buffer_i == $past(job_buffer_o));
      else begin
        if (running_i) assume ($past(running_i));
        assume ($stable(run_buffer_i));
      end
    end else assume (!running_i);
  end

  // The specification: may this be done at all, and now?
  logic [10:0] f_word;
  logic [1:0]  f_may;
  logic        f_kw, f_to_job, f_window, f_same, f_busy;
  logic        f_bad;
  logic [7:0]  f_code;
  assign f_word = req_addr_i[12:2];
  assign f_may  = f_access(f_word);
  assign f_kw   = f_word >= frank_reg_pkg::KW_WORD;
  assign f_bad  = (req_addr_i[1:0] != 2'd0) || !req_full_i || !(req_write_i ? f_may[0] : f_may[1]) ||
                  (f_kw && ((f_word < frank_reg_pkg::KW_WORD + 64) ||
                            (f_word >= frank_reg_pkg::KW_WORD + 64 * BlocksMax)));
  assign f_to_job = (f_word >= frank_reg_pkg::JOB_SHAPE_WORD) &&
                    (f_word <= frank_reg_pkg::JOB_LAST_WORD);
  assign f_window = f_kw || ((f_word >= frank_reg_pkg::TEMPLATE_WORD) &&
                             (f_word < frank_reg_pkg::INIT_WORD + 8));
  assign f_same   = !start_none_q && (req_wdata_i[13:0] == job_id_o);
  assign f_busy   = (pending_q && (job_buffer_o == mem_buffer_o)) ||
                    (running_i && (run_buffer_i == mem_buffer_o));
  always_comb begin
    f_code = frank_reg_pkg::ERR_CODE_CODE_NONE;
    if (req_write_i && !f_bad) begin
      if (f_word == frank_reg_pkg::START_ID_WORD && !f_same) begin
        if (job_last_o < job_first_o) f_code = frank_reg_pkg::ERR_CODE_CODE_RANGE;
        if (job_word_o == 4'd15) f_code = frank_reg_pkg::ERR_CODE_CODE_WORD;
        if (job_blocks_o == 4'd0 || 32'(job_blocks_o) > BlocksMax)
          f_code = frank_reg_pkg::ERR_CODE_CODE_BLOCKS;
        if (pending_q) f_code = frank_reg_pkg::ERR_CODE_CODE_PENDING;
      end
      if (f_to_job && pending_q) f_code = frank_reg_pkg::ERR_CODE_CODE_PENDING;
      if (f_window && f_busy) f_code = frank_reg_pkg::ERR_CODE_CODE_BUFFER;
    end
  end

  // The verdict of the first cycle, and what a read is to give.
  logic        f_refused_q;
  logic [7:0]  f_code_q;
  logic        f_same_q;
  logic        f_known_q;
  logic [31:0] f_value_q;
  logic [63:0] f_attempts;
  logic [7:0]  f_err;
  always_ff @(posedge clk_i) begin
    if (req_valid_i) begin
      f_refused_q <= f_bad || (f_code != frank_reg_pkg::ERR_CODE_CODE_NONE);
      f_code_q    <= f_code;
      f_same_q    <= f_same;
      f_known_q   <= 1'b1;
      case (f_word)
        frank_reg_pkg::ID_WORD:            f_value_q <= frank_reg_pkg::ID_VALUE;
        frank_reg_pkg::VERSION_WORD:       f_value_q <= frank_reg_pkg::VERSION_VALUE;
        frank_reg_pkg::PARAM0_WORD:        f_value_q <= {8'd0, 8'd1, 8'(InFlight), 8'(Unroll)};
        frank_reg_pkg::PARAM1_WORD:        f_value_q <= {16'(FifoDepth), 8'd2, 8'(BlocksMax)};
        frank_reg_pkg::STATUS_WORD:
          f_value_q <= {2'd0, run_id_i, 10'd0,
                        (running_i && run_buffer_i) || (pending_q && job_buffer_o),
                        (running_i && !run_buffer_i) || (pending_q && !job_buffer_o), 1'b0,
                        !pending_q, pending_q, running_i};
        frank_reg_pkg::ERR_CODE_WORD:      f_value_q <= 32'(f_err);
        frank_reg_pkg::IRQ_STATE_WORD:
          f_value_q <= 32'({f_err != 8'd0, !pending_q, head_valid} | irq_test_q);
        frank_reg_pkg::IRQ_ENABLE_WORD:    f_value_q <= 32'(irq_enable_q);
        frank_reg_pkg::IRQ_TEST_WORD:      f_value_q <= 32'(irq_test_q);
        frank_reg_pkg::START_ID_WORD:      f_value_q <= {start_none_q, 17'd0, job_id_o};
        frank_reg_pkg::JOB_SHAPE_WORD:
          f_value_q <= {15'd0, job_buffer_o, 4'd0, job_word_o, 4'd0, job_blocks_o};
        frank_reg_pkg::JOB_TARGET_WORD:    f_value_q <= job_target_o;
        frank_reg_pkg::JOB_FIRST_WORD:     f_value_q <= job_first_o;
        frank_reg_pkg::JOB_LAST_WORD:      f_value_q <= job_last_o;
        frank_reg_pkg::POSITION_WORD:      f_value_q <= position_i;
        frank_reg_pkg::ATTEMPTS_LO_WORD:   f_value_q <= f_attempts[31:0];
        frank_reg_pkg::HEARTBEAT_WORD:     f_value_q <= heartbeat_q;
        frank_reg_pkg::FIFO_LEVEL_WORD:    f_value_q <= 32'(level);
        frank_reg_pkg::FIFO_DROPPED_WORD:  f_value_q <= dropped;
        frank_reg_pkg::ENTRY_COUNTER_WORD: f_value_q <= head_valid ? head_counter : 32'd0;
        frank_reg_pkg::ENTRY_TAG_WORD:
          f_value_q <= head_valid ? {8'h80, head_sequence, head_dropped, head_end, head_id} : 32'd0;
        frank_reg_pkg::LOAD_BUFFER_WORD:   f_value_q <= 32'(mem_buffer_o);
        frank_reg_pkg::ATTEMPTS_HI_WORD:   f_known_q <= 1'b0;  // below
        default:                           f_value_q <= 32'd0;
      endcase
      if (f_bad) {f_known_q, f_value_q} <= {1'b1, 32'd0};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) f_attempts <= '0;
    else f_attempts <= f_attempts + 64'(attempt_i);
    // The first error since the last that was cleared.
    if (!rst_ni) f_err <= '0;
    else if (clear_o || (f_age == 2'd1 && req_write_i && !f_refused_q &&
                         f_word == frank_reg_pkg::ERR_CODE_WORD)) f_err <= '0;
    else if (f_age == 2'd1 && f_err == '0) f_err <= f_code_q;
  end

  // A write that is carried out, to one register.
  logic f_done;
  assign f_done = (f_age == 2'd1) && req_write_i && !f_refused_q;

  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      // Each request has one response, two cycles later, and is refused as the description says.
      assert (rsp_valid_o == (f_age == 2'd2));
      if (rsp_valid_o) assert (rsp_error_o == f_refused_q);
      // Reads. They have no effect but on what is read next.
      if (rsp_valid_o && !req_write_i && f_known_q) assert (rsp_rdata_o == f_value_q);
      if (!$past(f_age == 2'd1 && !req_write_i)) assert ($stable(rsp_rdata_o));
      assert (err_code_q == f_err[CodeBits-1:0] && f_err < 8'd8);
      assert (attempts_lo_q == f_attempts[31:0]);
      assert (attempts_hi_q + 32'(attempts_carry_q) == f_attempts[63:32]);
      assert (heartbeat_q == $past(heartbeat_q) + 32'd1);

      // Writes: what is written is what comes out, and nothing else changes it.
      if ($past(clear_o)) begin
        assert ({job_target_o, job_first_o, job_last_o, job_blocks_o, job_word_o} == '0);
        assert ({job_buffer_o, mem_buffer_o, irq_enable_q, irq_test_q, pending_q} == '0);
        assert (start_none_q && level == '0);
      end else begin
        if ($past(f_done && f_word == frank_reg_pkg::JOB_TARGET_WORD))
          assert (job_target_o == $past(req_wdata_i));
        else assert ($stable(job_target_o));
        if ($past(f_done && f_word == frank_reg_pkg::JOB_FIRST_WORD))
          assert (job_first_o == $past(req_wdata_i));
        else assert ($stable(job_first_o));
        if ($past(f_done && f_word == frank_reg_pkg::JOB_LAST_WORD))
          assert (job_last_o == $past(req_wdata_i));
        else assert ($stable(job_last_o));
        if ($past(f_done && f_word == frank_reg_pkg::JOB_SHAPE_WORD))
          assert ({job_buffer_o, job_word_o, job_blocks_o} ==
                  {$past(req_wdata_i[16]), $past(req_wdata_i[11:8]), $past(req_wdata_i[3:0])});
        else assert ($stable({job_buffer_o, job_word_o, job_blocks_o}));
        if ($past(f_done && f_word == frank_reg_pkg::LOAD_BUFFER_WORD))
          assert (mem_buffer_o == $past(req_wdata_i[0]));
        else assert ($stable(mem_buffer_o));
        if ($past(f_done && f_word == frank_reg_pkg::IRQ_ENABLE_WORD))
          assert (irq_enable_q == $past(req_wdata_i[2:0]));
        else assert ($stable(irq_enable_q));
        if ($past(f_done && f_word == frank_reg_pkg::IRQ_TEST_WORD))
          assert (irq_test_q == $past(req_wdata_i[2:0]));
        else assert ($stable(irq_test_q));

        // A START that is new makes one job wait, until it is taken or dropped; a repeated one none.
        if ($past(f_done && f_word == frank_reg_pkg::START_ID_WORD && !f_same_q))
          assert (pending_q && !start_none_q && job_id_o == $past(req_wdata_i[13:0]));
        else begin
          assert ($stable(job_id_o));
          assert (pending_q == ($past(pending_q) && !$past(job_take_i) && !$past(abort_q)));
          assert (start_none_q == ($past(start_none_q) || $past(abort_q && pending_q)));
        end
      end
      assert (abort_q == $past(f_done && f_word == frank_reg_pkg::CTRL_WORD && req_wdata_i[0]));
      assert (clear_o == $past(f_done && f_word == frank_reg_pkg::CTRL_WORD && req_wdata_i[1]));
      assert (abort_o == (abort_q && running_i));

      // What is offered to the search is sound, and does not change while it waits.
      assert (job_valid_o == (pending_q && !abort_q && !clear_o));
      if (pending_q) begin
        assert (job_first_o <= job_last_o && job_word_o <= 4'd14);
        assert (job_blocks_o >= 4'd1 && 32'(job_blocks_o) <= BlocksMax);
      end
      if (pending_q && $past(pending_q)) begin
        assert ($stable({job_target_o, job_first_o, job_last_o, job_id_o}));
        assert ($stable({job_buffer_o, job_word_o, job_blocks_o}));
      end

      // The windows: written as addressed, never in a buffer in use.
      assert (mem_we_o == $past(f_done && f_window));
      if (mem_we_o) begin
        assert (!(pending_q && job_buffer_o == mem_buffer_o));
        assert (!(running_i && run_buffer_i == mem_buffer_o));
        assert (mem_wdata_o == req_wdata_i && mem_kw_o == f_kw);
        if (mem_kw_o) begin
          assert (11'(mem_index_o) == f_word - frank_reg_pkg::KW_WORD);
          assert (mem_index_o >= 10'd64 && 32'(mem_index_o) < 64 * BlocksMax);
        end else begin
          assert (mem_index_o < 10'd24);
          assert (11'(mem_index_o) == f_word - frank_reg_pkg::TEMPLATE_WORD);
        end
      end

      // A pop takes the entry that it names, once.
      if ($past(f_done && f_word == frank_reg_pkg::ENTRY_POP_WORD && head_valid && !clear_o &&
                req_wdata_i[7:0] == head_sequence))
        assert (head_sequence == 8'($past(head_sequence) + 8'd1));
      else if (!$past(clear_o)) assert ($stable(head_sequence));

      // The interrupt is a level, a cycle behind its causes.
      assert (irq_o == |($past(irq_enable_q) & ($past(irq_test_q) |
                         {$past(f_err != '0), !$past(pending_q), $past(head_valid)})));

      // How it does so: what induction needs.
      assert (execute_q == (f_age == 2'd1) && f_age != 2'd3);
      if (f_age != 2'd0) begin
        assert (f_refused_q == (f_bad || f_code_q != frank_reg_pkg::ERR_CODE_CODE_NONE));
        assert (f_code_q <= 8'd5);
      end
      if (f_age == 2'd1) begin
        assert (denied_q == f_refused_q && code_q == f_code_q[CodeBits-1:0]);
        assert (same_start_q == f_same_q);
        if (!req_write_i && f_known_q) begin
          assert ((group_state_q | group_start_q | group_job_q | group_count_q | group_entry_q) ==
                  f_value_q);
        end
        if (req_write_i && !f_refused_q && f_word == frank_reg_pkg::START_ID_WORD && !f_same_q) begin
          assert (!pending_q && job_first_o <= job_last_o && job_word_o <= 4'd14);
          assert (job_blocks_o >= 4'd1 && 32'(job_blocks_o) <= BlocksMax);
        end
        if (req_write_i && !f_refused_q && f_to_job) assert (!pending_q);
        if (req_write_i && !f_refused_q && f_window) assert (!f_busy);
      end
      if (f_age != 2'd1) assert (!(abort_q || clear_o) || f_age == 2'd2);
      if (running_i && abort_q) assert (f_age == 2'd2);

      cover (mem_we_o && mem_kw_o && running_i);
      cover (rsp_valid_o && rsp_error_o && err_code_q == CodeBuffer);
      cover (rsp_valid_o && rsp_error_o && err_code_q == CodePending);
      cover (rsp_valid_o && !req_write_i && f_word == frank_reg_pkg::ENTRY_TAG_WORD && head_end);
      cover (pending_q && running_i && job_buffer_o != run_buffer_i);
      cover (abort_o && pending_q);
    end
  end
