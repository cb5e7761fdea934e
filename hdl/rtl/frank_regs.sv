// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The registers of hdl/regs/registers.toml, behind a simple request port, with the FIFO of results.
//
// A request is answered two cycles later. In its first cycle the address is decoded, the sources of
// a read are selected in four groups, and whatever would refuse the access is found; in the second
// a write takes effect, or the groups are joined. Nothing else may be requested until the answer,
// which means that nothing that a write changes is read or checked too early.
module frank_regs #(
  /// Rounds per cycle of the search, to be told to the driver.
  parameter int Unroll = 8,
  /// Nonces in flight in the search, to be told to the driver.
  parameter int InFlight = Unroll + 1,
  /// Most blocks of a message, 1 to 12.
  parameter int BlocksMax = 12,
  /// Entries of the FIFO: a power of two, 4 to 128.
  parameter int FifoDepth = 16
) (
  /// Clock.
  input  logic        clk_i,
  /// Asynchronous reset, active low.
  input  logic        rst_ni,

  /// A request, for one cycle; the other req_ inputs are stable from then to its response.
  input  logic        req_valid_i,
  /// It is a write.
  input  logic        req_write_i,
  /// Byte address.
  input  logic [12:0] req_addr_i,
  /// What to write.
  input  logic [31:0] req_wdata_i,
  /// The access is of all four bytes; else it is refused.
  input  logic        req_full_i,
  /// The response, for one cycle, two cycles after the request.
  output logic        rsp_valid_o,
  /// What was read; 0 if refused. Stays until the next request for a read.
  output logic [31:0] rsp_rdata_o,
  /// The access was refused and had no effect; valid with rsp_valid_o.
  output logic        rsp_error_o,

  /// Level interrupt.
  output logic        irq_o,

  /// Drops the running job, without an END.
  output logic        clear_o,
  /// Write one word of a job buffer.
  output logic        mem_we_o,
  /// Which buffer.
  output logic        mem_buffer_o,
  /// 1: K+W; 0: template and state.
  output logic        mem_kw_o,
  /// K+W: block * 64 + round; else 0 to 15 template, 16 to 23 state.
  output logic [9:0]  mem_index_o,
  /// The word.
  output logic [31:0] mem_wdata_o,
  /// A job waits; the fields below are stable while it does.
  output logic        job_valid_o,
  /// Its id.
  output logic [13:0] job_id_o,
  /// Its buffer.
  output logic        job_buffer_o,
  /// Blocks of its message.
  output logic [3:0]  job_blocks_o,
  /// Index of the first of the counter's two words.
  output logic [3:0]  job_word_o,
  /// Largest first word of a hash that is a hit.
  output logic [31:0] job_target_o,
  /// First counter.
  output logic [31:0] job_first_o,
  /// Last counter.
  output logic [31:0] job_last_o,
  /// The job runs from now on.
  input  logic        job_take_i,
  /// End the running job.
  output logic        abort_o,
  /// A job runs.
  input  logic        running_i,
  /// Id of the running job, or of the last.
  input  logic [13:0] run_id_i,
  /// Buffer of the running job.
  input  logic        run_buffer_i,
  /// Counter examined next.
  input  logic [31:0] position_i,
  /// A counter is examined in this cycle.
  input  logic        attempt_i,
  /// A hit is offered in this one cycle.
  input  logic        hit_valid_i,
  /// Its counter.
  input  logic [31:0] hit_counter_i,
  /// The job has ended; held until end_ready_o.
  input  logic        end_valid_i,
  /// There is a place for an END.
  output logic        end_ready_o,
  /// Last counter examined.
  input  logic [31:0] end_counter_i
);

  localparam int LevelWidth = $clog2(FifoDepth) + 1;
  localparam logic [3:0] BlocksLimit = BlocksMax[3:0];
  localparam logic [3:0] WordLimit = 4'd14;
  // Values of ERR_CODE.CODE as they are kept.
  localparam int CodeBits = 3;
  localparam logic [2:0] CodeNone    = frank_reg_pkg::ERR_CODE_CODE_NONE[2:0];
  localparam logic [2:0] CodeBlocks  = frank_reg_pkg::ERR_CODE_CODE_BLOCKS[2:0];
  localparam logic [2:0] CodeWord    = frank_reg_pkg::ERR_CODE_CODE_WORD[2:0];
  localparam logic [2:0] CodeRange   = frank_reg_pkg::ERR_CODE_CODE_RANGE[2:0];
  localparam logic [2:0] CodePending = frank_reg_pkg::ERR_CODE_CODE_PENDING[2:0];
  localparam logic [2:0] CodeBuffer  = frank_reg_pkg::ERR_CODE_CODE_BUFFER[2:0];

  ////////////
  // State  //
  ////////////

  logic [CodeBits-1:0] err_code_q;
  logic [2:0]  irq_enable_q, irq_test_q;
  logic [13:0] start_id_q;
  logic        start_none_q;
  logic        pending_q;
  logic [3:0]  job_blocks_q, job_word_q;
  logic        job_buffer_q;
  logic [31:0] job_target_q, job_first_q, job_last_q;
  logic        load_buffer_q;
  logic [31:0] attempts_lo_q, attempts_hi_q, heartbeat_q;
  logic        attempts_carry_q;
  logic        abort_q, clear_q;

  logic [LevelWidth-1:0] level;
  logic [31:0] dropped;
  logic        head_valid, head_end, head_dropped;
  logic [31:0] head_counter;
  logic [13:0] head_id;
  logic [7:0]  head_sequence;

  logic [1:0] buffer_busy;
  logic [2:0] irq_state;

  assign buffer_busy[0] = (pending_q && !job_buffer_q) || (running_i && !run_buffer_i);
  assign buffer_busy[1] = (pending_q && job_buffer_q) || (running_i && run_buffer_i);
  assign irq_state[frank_reg_pkg::IRQ_STATE_FIFO_LSB]  = head_valid;
  assign irq_state[frank_reg_pkg::IRQ_STATE_READY_LSB] = !pending_q;
  assign irq_state[frank_reg_pkg::IRQ_STATE_ERROR_LSB] = err_code_q != CodeNone;

  ///////////////////////////////////////
  // First cycle: decode and select    //
  ///////////////////////////////////////

  logic [10:0] word;
  logic [10:0] low_word;   // word, if the access is to a register: five bits then tell which
  logic        whole;      // the access is of 32 aligned bits
  logic        low_page;   // it is to a register, not to a window
  logic        to_job, to_start, to_template, to_init, to_kw, to_window;
  logic [3:0]  kw_block;

  assign word     = req_addr_i[12:2];
  assign low_word = {6'd0, req_addr_i[6:2]};
  assign whole    = req_full_i && (req_addr_i[1:0] == 2'b00);
  assign low_page = req_addr_i[12:7] == '0;
  assign kw_block = req_addr_i[11:8];

  assign to_start = low_page && (low_word == frank_reg_pkg::START_ID_WORD);
  assign to_job   = low_page && ((low_word == frank_reg_pkg::JOB_SHAPE_WORD) ||
                                 (low_word == frank_reg_pkg::JOB_TARGET_WORD) ||
                                 (low_word == frank_reg_pkg::JOB_FIRST_WORD) ||
                                 (low_word == frank_reg_pkg::JOB_LAST_WORD));
  assign to_template = word[10:4] == 7'(frank_reg_pkg::TEMPLATE_WORD >> 4);
  assign to_init     = word[10:3] == 8'(frank_reg_pkg::INIT_WORD >> 3);
  assign to_kw       = word[10] && (kw_block != 4'd0) && (kw_block < BlocksLimit);
  assign to_window   = to_template || to_init || to_kw;

  logic low_readable, low_writable, allowed;
  always_comb begin
    case (low_word)
      frank_reg_pkg::ERR_CODE_WORD,
      frank_reg_pkg::IRQ_ENABLE_WORD,
      frank_reg_pkg::IRQ_TEST_WORD,
      frank_reg_pkg::START_ID_WORD,
      frank_reg_pkg::JOB_SHAPE_WORD,
      frank_reg_pkg::JOB_TARGET_WORD,
      frank_reg_pkg::JOB_FIRST_WORD,
      frank_reg_pkg::JOB_LAST_WORD,
      frank_reg_pkg::LOAD_BUFFER_WORD: {low_readable, low_writable} = 2'b11;
      frank_reg_pkg::CTRL_WORD,
      frank_reg_pkg::ENTRY_POP_WORD: {low_readable, low_writable} = 2'b01;
      frank_reg_pkg::ID_WORD,
      frank_reg_pkg::VERSION_WORD,
      frank_reg_pkg::PARAM0_WORD,
      frank_reg_pkg::PARAM1_WORD,
      frank_reg_pkg::STATUS_WORD,
      frank_reg_pkg::IRQ_STATE_WORD,
      frank_reg_pkg::POSITION_WORD,
      frank_reg_pkg::ATTEMPTS_LO_WORD,
      frank_reg_pkg::ATTEMPTS_HI_WORD,
      frank_reg_pkg::HEARTBEAT_WORD,
      frank_reg_pkg::FIFO_LEVEL_WORD,
      frank_reg_pkg::FIFO_DROPPED_WORD,
      frank_reg_pkg::ENTRY_COUNTER_WORD,
      frank_reg_pkg::ENTRY_TAG_WORD: {low_readable, low_writable} = 2'b10;
      default: {low_readable, low_writable} = 2'b00;
    endcase
  end
  assign allowed = req_write_i ? ((low_page && low_writable) || to_window) :
                   (low_page && low_readable);

  // Refused for what the access is, which leaves no code, or for what the core does now.
  logic                refused;
  logic [CodeBits-1:0] code;
  logic                same_start;

  assign refused    = !whole || !allowed;
  assign same_start = !start_none_q && (start_id_q == req_wdata_i[13:0]);

  always_comb begin
    code = CodeNone;
    if (req_write_i) begin
      if ((to_job || (to_start && !same_start)) && pending_q) code = CodePending;
      else if (to_start && !same_start) begin
        if ((job_blocks_q == 4'd0) || (job_blocks_q > BlocksLimit)) code = CodeBlocks;
        else if (job_word_q > WordLimit) code = CodeWord;
        else if (job_first_q > job_last_q) code = CodeRange;
      end else if (to_window && buffer_busy[load_buffer_q]) code = CodeBuffer;
    end
  end

  // What can be read, in groups of which at most one is not 0. Grouped by address, so that each is a
  // small multiplexer.
  localparam logic [8:0] GroupJob   = 9'(frank_reg_pkg::JOB_TARGET_WORD >> 2);
  localparam logic [8:0] GroupCount = 9'(frank_reg_pkg::ATTEMPTS_LO_WORD >> 2);
  localparam logic [8:0] GroupEntry = 9'(frank_reg_pkg::FIFO_DROPPED_WORD >> 2);

  logic        read;
  logic [10:0] word_in_state, word_in_job, word_in_count, word_in_entry;
  logic [31:0] group_state, group_start, group_job, group_count, group_entry;
  logic [31:0] group_state_q, group_start_q, group_job_q, group_count_q, group_entry_q;

  assign read = req_valid_i && !req_write_i && whole && low_page;
  assign word_in_state = {8'd0, word[2:0]};
  assign word_in_job   = {GroupJob, word[1:0]};
  assign word_in_count = {GroupCount, word[1:0]};
  assign word_in_entry = {GroupEntry, word[1:0]};

  always_comb begin
    group_state = '0;
    case (word_in_state)
      frank_reg_pkg::ID_WORD:      group_state = frank_reg_pkg::ID_VALUE;
      frank_reg_pkg::VERSION_WORD: group_state = frank_reg_pkg::VERSION_VALUE;
      frank_reg_pkg::PARAM0_WORD: begin
        group_state[frank_reg_pkg::PARAM0_UNROLL_LSB+:8]    = Unroll[7:0];
        group_state[frank_reg_pkg::PARAM0_IN_FLIGHT_LSB+:8] = InFlight[7:0];
        group_state[frank_reg_pkg::PARAM0_RINGS_LSB+:8]     = 8'd1;
      end
      frank_reg_pkg::PARAM1_WORD: begin
        group_state[frank_reg_pkg::PARAM1_BLOCKS_MAX_LSB+:8]  = BlocksMax[7:0];
        group_state[frank_reg_pkg::PARAM1_BUFFERS_LSB+:8]     = 8'd2;
        group_state[frank_reg_pkg::PARAM1_FIFO_DEPTH_LSB+:16] = FifoDepth[15:0];
      end
      frank_reg_pkg::STATUS_WORD: begin
        group_state[frank_reg_pkg::STATUS_RUNNING_LSB]        = running_i;
        group_state[frank_reg_pkg::STATUS_PENDING_LSB]        = pending_q;
        group_state[frank_reg_pkg::STATUS_READY_LSB]          = !pending_q;
        group_state[frank_reg_pkg::STATUS_BUFFER_BUSY_LSB+:2] = buffer_busy;
        group_state[frank_reg_pkg::STATUS_RUN_ID_LSB+:14]     = run_id_i;
      end
      frank_reg_pkg::ERR_CODE_WORD:
        group_state[frank_reg_pkg::ERR_CODE_CODE_LSB+:CodeBits] = err_code_q;
      frank_reg_pkg::IRQ_STATE_WORD: group_state[2:0] = irq_state | irq_test_q;
      default: ;
    endcase
    group_start = '0;
    case (low_word)
      frank_reg_pkg::IRQ_ENABLE_WORD: group_start[2:0] = irq_enable_q;
      frank_reg_pkg::IRQ_TEST_WORD:   group_start[2:0] = irq_test_q;
      frank_reg_pkg::START_ID_WORD: begin
        group_start[frank_reg_pkg::START_ID_ID_LSB+:14] = start_id_q;
        group_start[frank_reg_pkg::START_ID_NONE_LSB]   = start_none_q;
      end
      frank_reg_pkg::JOB_SHAPE_WORD: begin
        group_start[frank_reg_pkg::JOB_SHAPE_BLOCKS_LSB+:4] = job_blocks_q;
        group_start[frank_reg_pkg::JOB_SHAPE_WORD_LSB+:4]   = job_word_q;
        group_start[frank_reg_pkg::JOB_SHAPE_BUFFER_LSB]    = job_buffer_q;
      end
      frank_reg_pkg::LOAD_BUFFER_WORD: group_start[0] = load_buffer_q;
      default: ;
    endcase
    group_job = '0;
    case (word_in_job)
      frank_reg_pkg::JOB_TARGET_WORD: group_job = job_target_q;
      frank_reg_pkg::JOB_FIRST_WORD:  group_job = job_first_q;
      frank_reg_pkg::JOB_LAST_WORD:   group_job = job_last_q;
      frank_reg_pkg::POSITION_WORD:   group_job = position_i;
      default: ;
    endcase
    group_count = '0;
    case (word_in_count)
      frank_reg_pkg::ATTEMPTS_LO_WORD: group_count = attempts_lo_q;
      frank_reg_pkg::ATTEMPTS_HI_WORD: group_count = attempts_hi_q;
      frank_reg_pkg::HEARTBEAT_WORD:   group_count = heartbeat_q;
      frank_reg_pkg::FIFO_LEVEL_WORD:  group_count[LevelWidth-1:0] = level;
      default: ;
    endcase
    group_entry = '0;
    case (word_in_entry)
      frank_reg_pkg::FIFO_DROPPED_WORD:  group_entry = dropped;
      frank_reg_pkg::ENTRY_COUNTER_WORD: group_entry = head_counter;
      frank_reg_pkg::ENTRY_TAG_WORD: begin
        group_entry[frank_reg_pkg::ENTRY_TAG_ID_LSB+:14]      = head_id;
        group_entry[frank_reg_pkg::ENTRY_TAG_END_LSB]         = head_end;
        group_entry[frank_reg_pkg::ENTRY_TAG_DROPPED_LSB]     = head_dropped;
        group_entry[frank_reg_pkg::ENTRY_TAG_SEQUENCE_LSB+:8] = head_sequence;
        group_entry[frank_reg_pkg::ENTRY_TAG_VALID_LSB]       = 1'b1;
      end
      default: ;
    endcase
  end

  logic is_dropped;
  assign is_dropped = word == frank_reg_pkg::FIFO_DROPPED_WORD;

  // No reset: they are 0 a cycle after any cycle without a request.
  always_ff @(posedge clk_i) begin
    group_state_q <= (read && (word[10:3] == '0)) ? group_state : '0;
    group_start_q <= read ? group_start : '0;
    group_job_q   <= (read && (word[10:2] == GroupJob)) ? group_job : '0;
    group_count_q <= (read && (word[10:2] == GroupCount)) ? group_count : '0;
    group_entry_q <= (read && (word[10:2] == GroupEntry) && (is_dropped || head_valid)) ?
                     group_entry : '0;
  end

  ///////////////////////////////////////
  // Second cycle: join, or write      //
  ///////////////////////////////////////

  logic                execute_q;
  logic                denied_q;
  logic                same_start_q;
  logic [CodeBits-1:0] code_q;
  logic                rsp_valid_q, rsp_error_q;
  logic [31:0]         rdata_q;
  logic                mem_we_q;

  logic write, write_low;
  // What the JOB registers and the switches are set to: 0 by a clear, else what the bus writes.
  logic [31:0] wdata;
  logic start;

  assign write     = execute_q && req_write_i && !denied_q;
  assign write_low = write && !req_addr_i[12] && !req_addr_i[7];
  assign wdata     = clear_q ? '0 : req_wdata_i;

  logic we_err, we_irq_enable, we_irq_test, we_shape, we_target, we_first, we_last, we_load, we_pop;
  logic we_ctrl;
  assign start         = write_low && (low_word == frank_reg_pkg::START_ID_WORD) && !same_start_q;
  assign we_ctrl       = write_low && (low_word == frank_reg_pkg::CTRL_WORD);
  assign we_err        = write_low && (low_word == frank_reg_pkg::ERR_CODE_WORD);
  assign we_pop        = write_low && (low_word == frank_reg_pkg::ENTRY_POP_WORD);
  assign we_irq_enable = clear_q || (write_low && (low_word == frank_reg_pkg::IRQ_ENABLE_WORD));
  assign we_irq_test   = clear_q || (write_low && (low_word == frank_reg_pkg::IRQ_TEST_WORD));
  assign we_shape      = clear_q || (write_low && (low_word == frank_reg_pkg::JOB_SHAPE_WORD));
  assign we_target     = clear_q || (write_low && (low_word == frank_reg_pkg::JOB_TARGET_WORD));
  assign we_first      = clear_q || (write_low && (low_word == frank_reg_pkg::JOB_FIRST_WORD));
  assign we_last       = clear_q || (write_low && (low_word == frank_reg_pkg::JOB_LAST_WORD));
  assign we_load       = clear_q || (write_low && (low_word == frank_reg_pkg::LOAD_BUFFER_WORD));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      execute_q    <= 1'b0;
      denied_q     <= 1'b0;
      same_start_q <= 1'b0;
      code_q       <= CodeNone;
      rsp_valid_q  <= 1'b0;
      rsp_error_q  <= 1'b0;
      rdata_q      <= '0;
      mem_we_q     <= 1'b0;
    end else begin
      execute_q    <= req_valid_i;
      denied_q     <= refused || (code != CodeNone);
      same_start_q <= same_start;
      code_q       <= refused ? CodeNone : code;
      rsp_valid_q  <= execute_q;
      rsp_error_q  <= denied_q;
      if (execute_q && !req_write_i) begin
        rdata_q <= group_state_q | group_start_q | group_job_q | group_count_q | group_entry_q;
      end
      mem_we_q     <= write && (req_addr_i[12] || req_addr_i[7]);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      err_code_q    <= CodeNone;
      irq_enable_q  <= '0;
      irq_test_q    <= '0;
      start_id_q    <= '0;
      start_none_q  <= 1'b1;
      pending_q     <= 1'b0;
      job_blocks_q  <= '0;
      job_word_q    <= '0;
      job_buffer_q  <= 1'b0;
      job_target_q  <= '0;
      job_first_q   <= '0;
      job_last_q    <= '0;
      load_buffer_q <= 1'b0;
      abort_q       <= 1'b0;
      clear_q       <= 1'b0;
    end else begin
      abort_q <= we_ctrl && req_wdata_i[frank_reg_pkg::CTRL_ABORT_LSB];
      clear_q <= we_ctrl && req_wdata_i[frank_reg_pkg::CTRL_RESET_LSB];

      if (clear_q || we_err) err_code_q <= CodeNone;
      else if (execute_q && (err_code_q == CodeNone)) err_code_q <= code_q;

      if (start) start_id_q <= req_wdata_i[frank_reg_pkg::START_ID_ID_LSB+:14];
      // A job that waits is dropped by an abort: it is not offered in that cycle (job_valid_o).
      if (clear_q || (abort_q && pending_q)) start_none_q <= 1'b1;
      else if (start) start_none_q <= 1'b0;
      if (clear_q || abort_q || job_take_i) pending_q <= 1'b0;
      else if (start) pending_q <= 1'b1;

      if (we_irq_enable) irq_enable_q <= wdata[2:0];
      if (we_irq_test) irq_test_q <= wdata[2:0];
      if (we_shape) begin
        job_blocks_q <= wdata[frank_reg_pkg::JOB_SHAPE_BLOCKS_LSB+:4];
        job_word_q   <= wdata[frank_reg_pkg::JOB_SHAPE_WORD_LSB+:4];
        job_buffer_q <= wdata[frank_reg_pkg::JOB_SHAPE_BUFFER_LSB];
      end
      if (we_target) job_target_q <= wdata;
      if (we_first) job_first_q <= wdata;
      if (we_last) job_last_q <= wdata;
      if (we_load) load_buffer_q <= wdata[frank_reg_pkg::LOAD_BUFFER_BUFFER_LSB];
    end
  end

  //////////////
  // Counters //
  //////////////

  // ATTEMPTS in two steps, for a short carry chain. The carry arrives in the high word a cycle late:
  // two reads are further apart.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      attempts_lo_q    <= '0;
      attempts_hi_q    <= '0;
      attempts_carry_q <= 1'b0;
      heartbeat_q      <= '0;
    end else begin
      heartbeat_q      <= heartbeat_q + 32'd1;
      attempts_lo_q    <= attempts_lo_q + 32'(attempt_i);
      attempts_carry_q <= attempt_i && (attempts_lo_q == '1);
      attempts_hi_q    <= attempts_hi_q + 32'(attempts_carry_q);
    end
  end

  /////////////
  // Results //
  /////////////

  frank_fifo #(
    .Depth(FifoDepth)
  ) u_fifo (
    .clk_i,
    .rst_ni,
    .clear_i        (clear_q),
    .id_i           (run_id_i),
    .hit_valid_i,
    .hit_counter_i,
    .end_valid_i,
    .end_ready_o,
    .end_counter_i,
    .head_valid_o   (head_valid),
    .head_counter_o (head_counter),
    .head_id_o      (head_id),
    .head_end_o     (head_end),
    .head_dropped_o (head_dropped),
    .head_sequence_o(head_sequence),
    .pop_i          (we_pop),
    .pop_sequence_i (req_wdata_i[frank_reg_pkg::ENTRY_POP_SEQUENCE_LSB+:8]),
    .level_o        (level),
    .dropped_o      (dropped)
  );

  logic irq_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) irq_q <= 1'b0;
    else irq_q <= |((irq_state | irq_test_q) & irq_enable_q);
  end

  /////////////
  // Outputs //
  /////////////

  assign rsp_valid_o = rsp_valid_q;
  assign rsp_rdata_o = rdata_q;
  assign rsp_error_o = rsp_error_q;
  assign irq_o       = irq_q;

  assign clear_o      = clear_q;
  assign abort_o      = abort_q && running_i;
  assign mem_we_o     = mem_we_q;
  assign mem_buffer_o = load_buffer_q;
  assign mem_kw_o     = req_addr_i[12];
  // Seen from the template at 0x080, the state at 0x0C0 begins at word 16.
  assign mem_index_o  = req_addr_i[12] ? req_addr_i[11:2] : {5'd0, req_addr_i[6:2]};
  assign mem_wdata_o  = req_wdata_i;
  assign job_valid_o  = pending_q && !abort_q && !clear_q;
  assign job_id_o     = start_id_q;
  assign job_buffer_o = job_buffer_q;
  assign job_blocks_o = job_blocks_q;
  assign job_word_o   = job_word_q;
  assign job_target_o = job_target_q;
  assign job_first_o  = job_first_q;
  assign job_last_o   = job_last_q;

`ifdef FORMAL
  `include "frank_regs_properties.svh"
`endif

endmodule
