// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The core without a bus: registers, FIFO and search behind one request port.
module frank_core #(
  /// Rounds per cycle, U: a power of two, 1 to 64.
  parameter int Unroll = 8,
  /// Most blocks of a message, 1 to 12.
  parameter int BlocksMax = 12,
  /// Entries of the FIFO of results: a power of two, 4 to 128.
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
  output logic        irq_o
);

  logic        clear;
  logic        mem_we, mem_buffer, mem_kw;
  logic [9:0]  mem_index;
  logic [31:0] mem_wdata;
  logic        job_valid, job_buffer, job_take;
  logic [13:0] job_id;
  logic [3:0]  job_blocks, job_word;
  logic [31:0] job_target, job_first, job_last;
  logic        abort, running, run_buffer, attempt;
  logic [13:0] run_id;
  logic [31:0] position;
  logic        hit_valid, end_valid, end_ready;
  logic [31:0] hit_counter, end_counter;

  frank_regs #(
    .Unroll   (Unroll),
    .InFlight (Unroll + 1),
    .BlocksMax(BlocksMax),
    .FifoDepth(FifoDepth)
  ) u_regs (
    .clk_i,
    .rst_ni,
    .req_valid_i,
    .req_write_i,
    .req_addr_i,
    .req_wdata_i,
    .req_full_i,
    .rsp_valid_o,
    .rsp_rdata_o,
    .rsp_error_o,
    .irq_o,
    .clear_o      (clear),
    .mem_we_o     (mem_we),
    .mem_buffer_o (mem_buffer),
    .mem_kw_o     (mem_kw),
    .mem_index_o  (mem_index),
    .mem_wdata_o  (mem_wdata),
    .job_valid_o  (job_valid),
    .job_id_o     (job_id),
    .job_buffer_o (job_buffer),
    .job_blocks_o (job_blocks),
    .job_word_o   (job_word),
    .job_target_o (job_target),
    .job_first_o  (job_first),
    .job_last_o   (job_last),
    .job_take_i   (job_take),
    .abort_o      (abort),
    .running_i    (running),
    .run_id_i     (run_id),
    .run_buffer_i (run_buffer),
    .position_i   (position),
    .attempt_i    (attempt),
    .hit_valid_i  (hit_valid),
    .hit_counter_i(hit_counter),
    .end_valid_i  (end_valid),
    .end_ready_o  (end_ready),
    .end_counter_i(end_counter)
  );

  frank_search #(
    .Unroll   (Unroll),
    .BlocksMax(BlocksMax)
  ) u_search (
    .clk_i,
    .rst_ni,
    .clear_i      (clear),
    .mem_we_i     (mem_we),
    .mem_buffer_i (mem_buffer),
    .mem_kw_i     (mem_kw),
    .mem_index_i  (mem_index),
    .mem_wdata_i  (mem_wdata),
    .job_valid_i  (job_valid),
    .job_id_i     (job_id),
    .job_buffer_i (job_buffer),
    .job_blocks_i (job_blocks),
    .job_word_i   (job_word),
    .job_target_i (job_target),
    .job_first_i  (job_first),
    .job_last_i   (job_last),
    .job_take_o   (job_take),
    .abort_i      (abort),
    .running_o    (running),
    .run_id_o     (run_id),
    .run_buffer_o (run_buffer),
    .position_o   (position),
    .attempt_o    (attempt),
    .hit_valid_o  (hit_valid),
    .hit_counter_o(hit_counter),
    .end_valid_o  (end_valid),
    .end_ready_i  (end_ready),
    .end_counter_o(end_counter)
  );

endmodule
