// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The search: jobs in, hits out. For each counter from first to last it hashes a message of 1 to
// BlocksMax blocks whose first block holds the counter's eight hexadecimal digits, and offers the
// counters whose hash's first word is at or below the job's target.
//
//     memory --template, state--> frank_template --first block--+
//        |                             ^ counter                v
//        +-----------K+W, one a cycle--|-------------------> frank_ring --first word--> <= target?
//        ^                        frank_sequencer               ^                          |
//     register file --job-------------+-----> frank_beat -------+                          v hits

module frank_search #(
  /// Rounds per cycle, U: 1, 2, 4 ... 64.
  parameter int Unroll = 8,
  /// Most blocks of a message, 1 to 15.
  parameter int BlocksMax = 12
) (
  /// Clock.
  input  logic        clk_i,
  /// Reset, asynchronous; to be released with the clock.
  input  logic        rst_ni,
  /// Drops the running job without an end.
  input  logic        clear_i,

  /// A word of a job buffer that no running job uses is written: K+W of {block, round}, or the
  /// template (index 0..15) and the state (16..23).
  input  logic        mem_we_i,
  input  logic        mem_buffer_i,
  input  logic        mem_kw_i,
  input  logic [9:0]  mem_index_i,
  input  logic [31:0] mem_wdata_i,

  /// A job waits; its fields are stable meanwhile: 1..BlocksMax blocks, word 0..14, first <= last.
  input  logic        job_valid_i,
  input  logic [13:0] job_id_i,
  input  logic        job_buffer_i,
  input  logic [3:0]  job_blocks_i,
  input  logic [3:0]  job_word_i,
  input  logic [31:0] job_target_i,
  input  logic [31:0] job_first_i,
  input  logic [31:0] job_last_i,
  /// It is taken, and runs.
  output logic        job_take_o,
  /// Ends the running job.
  input  logic        abort_i,

  /// A job runs, until its end has been taken.
  output logic        running_o,
  /// Id and buffer of that job, or of the one before.
  output logic [13:0] run_id_o,
  output logic        run_buffer_o,
  /// The counter that is examined next.
  output logic [31:0] position_o,
  /// A counter is examined in this cycle.
  output logic        attempt_o,

  /// A hit of the running job, for one cycle.
  output logic        hit_valid_o,
  output logic [31:0] hit_counter_o,
  /// The job has ended, with this as the last counter examined; no hit comes in the same cycle.
  output logic        end_valid_o,
  output logic [31:0] end_counter_o,
  /// That has been taken.
  input  logic        end_ready_i
);

  localparam int SlotWidth = $clog2(Unroll + 2);

  logic run, enter, leave, copy_read, copy_valid, kw_read;
  logic [4:0] copy_index, copy_index_q;
  logic [9:0] kw_index;
  logic [3:0] block_last, word;
  logic [31:0] target, enter_counter, rdata, digest;
  logic [Unroll-1:0] kw_load;
  logic window_load, window_zero, block_end, restart;
  logic [SlotWidth-1:0] slot;
  logic [511:0] first_block;

  frank_sequencer u_sequencer (
    .clk_i,
    .rst_ni,
    .clear_i,
    .job_valid_i,
    .job_id_i,
    .job_buffer_i,
    .job_blocks_i,
    .job_word_i,
    .job_target_i,
    .job_first_i,
    .job_last_i,
    .job_take_o,
    .abort_i,
    .running_o,
    .id_o           (run_id_o),
    .buffer_o       (run_buffer_o),
    .block_last_o   (block_last),
    .word_o         (word),
    .target_o       (target),
    .copy_read_o    (copy_read),
    .copy_index_o   (copy_index),
    .copy_valid_o   (copy_valid),
    .copy_index_q_o (copy_index_q),
    .run_o          (run),
    .enter_i        (enter),
    .enter_counter_o(enter_counter),
    .leave_i        (leave),
    .attempt_o,
    .position_o,
    .end_valid_o,
    .end_ready_i
  );

  frank_beat #(
    .Unroll(Unroll)
  ) u_beat (
    .clk_i,
    .rst_ni,
    .run_i        (run),
    .block_last_i (block_last),
    .enter_o      (enter),
    .window_load_o(window_load),
    .window_zero_o(window_zero),
    .block_end_o  (block_end),
    .restart_o    (restart),
    .slot_o       (slot),
    .kw_read_o    (kw_read),
    .kw_index_o   (kw_index),
    .kw_load_o    (kw_load),
    .leave_o      (leave)
  );

  logic unused_kw_read;
  assign unused_kw_read = kw_read;

  frank_kw_ram #(
    .BlocksMax(BlocksMax)
  ) u_kw_ram (
    .clk_i,
    .we_i     (mem_we_i),
    .wbuffer_i(mem_buffer_i),
    .wkw_i    (mem_kw_i),
    .windex_i (mem_index_i),
    .wdata_i  (mem_wdata_i),
    .rbuffer_i(run_buffer_o),
    .rkw_i    (!copy_read),
    .rindex_i (copy_read ? {5'b0, copy_index} : kw_index),
    .rdata_o  (rdata)
  );

  // The state that nonces start with: shifted in, a first.
  logic [255:0] init_q;
  always_ff @(posedge clk_i) begin
    if (copy_valid && copy_index_q[4]) begin
      init_q <= {init_q[223:0], rdata};
    end
  end

  frank_template u_template (
    .clk_i,
    .we_i     (copy_valid && !copy_index_q[4]),
    .index_i  (copy_index_q[3:0]),
    .data_i   (rdata),
    .word_i   (word),
    .counter_i(enter_counter),
    .block_o  (first_block)
  );

  frank_ring #(
    .Unroll(Unroll)
  ) u_ring (
    .clk_i,
    .rst_ni,
    .kw_i         (rdata),
    .kw_load_i    (kw_load),
    .window_load_i(window_load),
    .window_zero_i(window_zero),
    .template_i   (first_block),
    .block_end_i  (block_end),
    .restart_i    (restart),
    .slot_i       (slot),
    .init_i       (init_q),
    .digest_o     (digest)
  );

  // The comparison takes a cycle.
  logic hit_q;
  logic [31:0] hit_counter_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      hit_q <= 1'b0;
    end else begin
      hit_q <= attempt_o && (digest <= target) && !clear_i;
    end
  end
  always_ff @(posedge clk_i) begin
    hit_counter_q <= position_o;
  end

  assign hit_valid_o = hit_q;
  assign hit_counter_o = hit_counter_q;
  assign end_counter_o = position_o - 32'd1;

endmodule
