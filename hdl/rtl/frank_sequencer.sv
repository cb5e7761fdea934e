// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// What happens to a job: it is taken, its template and state are copied from memory to where the
// ring reads them, the ring runs until the last counter is examined or the job is aborted, and its
// end is told.

module frank_sequencer (
  /// Clock.
  input  logic        clk_i,
  /// Reset.
  input  logic        rst_ni,
  /// Drops the running job without an end.
  input  logic        clear_i,

  /// A job waits; its fields are stable meanwhile.
  input  logic        job_valid_i,
  input  logic [13:0] job_id_i,
  input  logic        job_buffer_i,
  input  logic [3:0]  job_blocks_i,
  input  logic [3:0]  job_word_i,
  input  logic [31:0] job_target_i,
  input  logic [31:0] job_first_i,
  input  logic [31:0] job_last_i,
  /// It is taken.
  output logic        job_take_o,
  /// Ends the running job.
  input  logic        abort_i,

  /// A job is running, or its end is being told.
  output logic        running_o,
  /// Fields of that job, or of the one before.
  output logic [13:0] id_o,
  output logic        buffer_o,
  output logic [3:0]  block_last_o,
  output logic [3:0]  word_o,
  output logic [31:0] target_o,

  /// A word of template (index 0..15) or state (16..23) is to be read.
  output logic        copy_read_o,
  output logic [4:0]  copy_index_o,
  /// The word of that index has been read.
  output logic        copy_valid_o,
  output logic [4:0]  copy_index_q_o,

  /// The ring runs.
  output logic        run_o,
  /// The ring wants the next counter, and which it is.
  input  logic        enter_i,
  output logic [31:0] enter_counter_o,
  /// A hash is ready in this cycle, and which counter's it is.
  input  logic        leave_i,
  output logic        attempt_o,
  output logic [31:0] position_o,

  /// All results of the job have been told: ends when end_ready_i.
  output logic        end_valid_o,
  input  logic        end_ready_i
);

  localparam logic [4:0] CopyLast = 5'd23;

  typedef enum logic [2:0] {
    StIdle,
    StCopy,
    StRun,
    StFlush,
    StEnd
  } state_e;

  state_e state_d, state_q;
  logic [4:0] copy_d, copy_q;
  logic [31:0] enter_d, enter_q, position_d, position_q;
  logic copy_valid_q;
  logic [4:0] copy_index_q;

  // The job that runs.
  logic [13:0] id_q;
  logic buffer_q;
  logic [3:0] block_last_q, word_q;
  logic [31:0] target_q, last_q;

  assign job_take_o = (state_q == StIdle) && job_valid_i && !clear_i;
  assign attempt_o = (state_q == StRun) && leave_i;

  always_comb begin
    state_d = state_q;
    copy_d = copy_q;
    enter_d = enter_i ? enter_q + 32'd1 : enter_q;
    position_d = attempt_o ? position_q + 32'd1 : position_q;
    case (state_q)
      StIdle: begin
        copy_d = '0;
        if (job_valid_i) begin
          enter_d = job_first_i;
          position_d = job_first_i;
          state_d = StCopy;
        end
      end
      StCopy: begin
        copy_d = copy_q + 5'd1;
        if (abort_i) begin
          state_d = StFlush;
        end else if (copy_q == CopyLast) begin
          state_d = StRun;
        end
      end
      StRun: begin
        if (abort_i || (attempt_o && (position_q == last_q))) begin
          state_d = StFlush;
        end
      end
      // The last hash is being compared.
      StFlush: state_d = StEnd;
      StEnd: begin
        if (end_ready_i) begin
          state_d = StIdle;
        end
      end
      default: state_d = StIdle;
    endcase
    if (clear_i) begin
      state_d = StIdle;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      copy_valid_q <= 1'b0;
      position_q <= '0;
      id_q <= '0;
      buffer_q <= 1'b0;
    end else begin
      state_q <= state_d;
      copy_valid_q <= copy_read_o;
      position_q <= position_d;
      if (job_take_o) begin
        id_q <= job_id_i;
        buffer_q <= job_buffer_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    copy_q <= copy_d;
    copy_index_q <= copy_q;
    enter_q <= enter_d;
    if (job_take_o) begin
      block_last_q <= job_blocks_i - 4'd1;
      word_q <= job_word_i;
      target_q <= job_target_i;
      last_q <= job_last_i;
    end
  end

  assign running_o = (state_q != StIdle);
  assign id_o = id_q;
  assign buffer_o = buffer_q;
  assign block_last_o = block_last_q;
  assign word_o = word_q;
  assign target_o = target_q;
  assign copy_read_o = (state_q == StCopy);
  assign copy_index_o = copy_q;
  assign copy_valid_o = copy_valid_q;
  assign copy_index_q_o = copy_index_q;
  // The last words copied are those of the state, which the ring reads after its first revolution.
  assign run_o = (state_q == StRun);
  assign enter_counter_o = enter_q;
  assign position_o = position_q;
  assign end_valid_o = (state_q == StEnd);

`ifdef FORMAL
  `include "frank_sequencer_properties.svh"
`endif

endmodule
