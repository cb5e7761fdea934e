// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The time base of the ring. P = Unroll + 1 nonces, the slots 0 to P-1, are in the same revolution
// of the same block at any time, one cycle apart. All controls follow from three counters, which
// describe the slot that comes into the last round stage two cycles later:
//
//     cycle            0         1           2            3           4
//     the slot is in   ...       last but    last round   final       first round
//                                one stage   stage        stage       stage
//     controls         enter_o   window_*    block_end_o  kw_load_o   leave_o
//                                            restart_o                (its hash is ready)
//                                            slot_o
//                                            kw_read_o
//
// The words that the stages add are read one a cycle in the order in which they are needed: block
// after block, and then the first again; stage i takes its word just before slot 0 comes to it, and
// has it for P cycles. The final stage needs none: one cycle in P the memory rests.
//
// A start: the first revolution is the last one of the last block of nonces that do not exist, so
// that the first real ones start as all others do; a cycle before it the last stage gets its word.

module frank_beat #(
  /// Round stages of the ring, U: 1, 2, 4 ... 64.
  parameter int Unroll = 8,
  /// Bits of a nonce's number in the ring; not to be set.
  parameter int SlotWidth = $clog2(Unroll + 2)
) (
  /// Clock.
  input  logic                 clk_i,
  /// Reset.
  input  logic                 rst_ni,

  /// The ring runs; a start where it did not in the cycle before.
  input  logic                 run_i,
  /// Blocks of a message, less one; stable while it runs.
  input  logic [3:0]           block_last_i,

  /// The counter of the slot that starts two cycles later is needed.
  output logic                 enter_o,
  /// Its window is the template (a first block comes next), or zero (another one does).
  output logic                 window_load_o,
  output logic                 window_zero_o,
  /// It ends a block; it ends the last one; its number.
  output logic                 block_end_o,
  output logic                 restart_o,
  output logic [SlotWidth-1:0] slot_o,
  /// A word is to be read: {block, round}.
  output logic                 kw_read_o,
  output logic [9:0]           kw_index_o,
  /// A stage takes the word that was read.
  output logic [Unroll-1:0]    kw_load_o,
  /// A slot has ended its last block, and its hash is ready.
  output logic                 leave_o
);

  localparam int Revolutions = 64 / Unroll;
  localparam int RevWidth = (Revolutions > 1) ? $clog2(Revolutions) : 1;
  localparam logic [RevWidth-1:0] RevLast = RevWidth'(Revolutions - 1);
  localparam logic [SlotWidth-1:0] SlotLast = SlotWidth'(Unroll);

  // The three counters, and what is special about the first two revolutions.
  logic run_q;
  logic [SlotWidth-1:0] slot_d, slot_q;
  logic [RevWidth-1:0] rev_d, rev_q;
  logic [3:0] block_d, block_q;
  logic prime_d, prime_q;  // before the first revolution: there is only a word to be read
  logic fresh_d, fresh_q;  // in the first revolution: no slot ends

  always_comb begin
    slot_d = slot_q + SlotWidth'(1);
    rev_d = rev_q;
    block_d = block_q;
    prime_d = prime_q;
    fresh_d = fresh_q;
    if (!run_q) begin
      slot_d = SlotWidth'(Unroll - 1);
      rev_d = RevLast;
      block_d = block_last_i;
      prime_d = 1'b1;
      fresh_d = 1'b1;
    end else if (slot_q == SlotLast) begin
      slot_d = '0;
      prime_d = 1'b0;
      if (!prime_q) begin
        fresh_d = 1'b0;
        rev_d = rev_q + RevWidth'(1);
        if (rev_q == RevLast) begin
          rev_d = '0;
          block_d = (block_q == block_last_i) ? '0 : block_q + 4'd1;
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      run_q <= 1'b0;
    end else begin
      run_q <= run_i;
    end
  end

  always_ff @(posedge clk_i) begin
    slot_q <= slot_d;
    rev_q <= rev_d;
    block_q <= block_d;
    prime_q <= prime_d;
    fresh_q <= fresh_d;
  end

  // Cycle 0: what the slot is about to end.
  logic running, block_end, restart;
  assign running = run_q && run_i;
  assign block_end = running && !prime_q && (rev_q == RevLast);
  assign restart = block_end && (block_q == block_last_i);
  assign enter_o = restart;

  // Cycles 1 to 4.
  logic read1_q, read2_q, zero1_q, block_end1_q, block_end2_q;
  logic restart1_q, restart2_q, leave1_q, leave2_q, leave3_q, leave4_q;
  logic [SlotWidth-1:0] slot1_q, slot2_q;
  logic [Unroll-1:0] kw_load3_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read1_q <= 1'b0;
      read2_q <= 1'b0;
      zero1_q <= 1'b0;
      block_end1_q <= 1'b0;
      block_end2_q <= 1'b0;
      restart1_q <= 1'b0;
      restart2_q <= 1'b0;
      leave1_q <= 1'b0;
      leave2_q <= 1'b0;
      leave3_q <= 1'b0;
      leave4_q <= 1'b0;
      kw_load3_q <= '0;
    end else begin
      read1_q <= running && (slot_q != SlotLast);
      read2_q <= read1_q && run_i;
      zero1_q <= block_end && !restart;
      block_end1_q <= block_end;
      block_end2_q <= block_end1_q && run_i;
      restart1_q <= restart;
      restart2_q <= restart1_q && run_i;
      leave1_q <= restart && !fresh_q;
      leave2_q <= leave1_q && run_i;
      leave3_q <= leave2_q && run_i;
      leave4_q <= leave3_q && run_i;
      kw_load3_q <= read2_q ? (Unroll'(1) << slot2_q) : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    slot1_q <= slot_q;
    slot2_q <= slot1_q;
  end

  assign window_load_o = restart1_q;
  assign window_zero_o = zero1_q;
  assign block_end_o = block_end2_q;
  assign restart_o = restart2_q;
  assign slot_o = slot2_q;
  assign kw_read_o = read2_q;
  assign kw_load_o = kw_load3_q;
  assign leave_o = leave4_q;

  // The walk through the words.
  logic [5:0] round_q;
  logic [3:0] word_block_q;
  always_ff @(posedge clk_i) begin
    if (!run_q) begin
      round_q <= '0;
      word_block_q <= '0;
    end else if (read2_q) begin
      round_q <= round_q + 6'd1;
      if (round_q == 6'd63) begin
        word_block_q <= (word_block_q == block_last_i) ? '0 : word_block_q + 4'd1;
      end
    end
  end
  assign kw_index_o = {word_block_q, round_q};

`ifdef FORMAL
  `include "frank_beat_properties.svh"
`endif

endmodule
