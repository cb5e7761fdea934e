// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The results of the search, kept until the driver takes them: hits and the ends of jobs.
//
// A hit is kept while more than two places are free, else dropped and counted: the last two places
// are for END entries, which wait for one (end_ready_o) and are never lost. The END of a job tells
// whether hits of that job were dropped.
//
// The oldest entry is offered with its sequence number and stays until that number is popped, so a
// pop that is repeated does no harm. It is offered two cycles after it was written or became the
// oldest: the RAM's read is registered.
module frank_fifo #(
  /// Entries: a power of two, 4 to 128.
  parameter int Depth = 16,
  /// Bits of the level; follows from Depth.
  parameter int LevelWidth = $clog2(Depth) + 1
) (
  /// Clock.
  input  logic                  clk_i,
  /// Asynchronous reset, active low.
  input  logic                  rst_ni,
  /// Empties it and sets all counts to 0.
  input  logic                  clear_i,

  /// Job that hit_valid_i and end_valid_i are of.
  input  logic [13:0]           id_i,
  /// A hit is offered in this one cycle.
  input  logic                  hit_valid_i,
  /// The hit's counter.
  input  logic [31:0]           hit_counter_i,
  /// The job has ended; held until end_ready_o. Never together with hit_valid_i.
  input  logic                  end_valid_i,
  /// There is a place for an END.
  output logic                  end_ready_o,
  /// Last counter that the job examined.
  input  logic [31:0]           end_counter_i,

  /// The fields below are those of the oldest entry.
  output logic                  head_valid_o,
  /// Counter of the hit, or last counter examined.
  output logic [31:0]           head_counter_o,
  /// Job of the entry.
  output logic [13:0]           head_id_o,
  /// The entry is an END.
  output logic                  head_end_o,
  /// It is an END, and hits of its job were dropped.
  output logic                  head_dropped_o,
  /// Number of the entry.
  output logic [7:0]            head_sequence_o,
  /// Take the oldest entry off, if there is one and its number is pop_sequence_i.
  input  logic                  pop_i,
  /// Which entry is meant.
  input  logic [7:0]            pop_sequence_i,

  /// Entries held.
  output logic [LevelWidth-1:0] level_o,
  /// Hits dropped since the last clear, wrapping.
  output logic [31:0]           dropped_o
);

  localparam int PtrWidth = $clog2(Depth);
  localparam logic [LevelWidth-1:0] Full = LevelWidth'(Depth);
  localparam logic [LevelWidth-1:0] FullForHits = LevelWidth'(Depth - 2);

  logic [PtrWidth-1:0]   write_q;
  logic [7:0]            sequence_q;
  logic [LevelWidth-1:0] level_q;
  logic                  head_valid_q;
  logic                  job_dropped_q;
  logic [31:0]           dropped_q;

  logic hit_taken, hit_dropped, end_taken, push, pop;

  assign hit_taken   = hit_valid_i && (level_q < FullForHits);
  assign hit_dropped = hit_valid_i && !(level_q < FullForHits);
  assign end_taken   = end_valid_i && end_ready_o;
  assign push        = hit_taken || end_taken;
  assign pop         = pop_i && head_valid_q && (pop_sequence_i == sequence_q);

  assign end_ready_o = level_q != Full;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      write_q       <= '0;
      sequence_q    <= '0;
      level_q       <= '0;
      head_valid_q  <= 1'b0;
      job_dropped_q <= 1'b0;
      dropped_q     <= '0;
    end else if (clear_i) begin
      write_q       <= '0;
      sequence_q    <= '0;
      level_q       <= '0;
      head_valid_q  <= 1'b0;
      job_dropped_q <= 1'b0;
      dropped_q     <= '0;
    end else begin
      if (push) write_q <= write_q + 1'b1;
      if (pop) sequence_q <= sequence_q + 1'b1;
      if (push && !pop) level_q <= level_q + 1'b1;
      if (pop && !push) level_q <= level_q - 1'b1;
      // What the RAM reads at this edge is an entry that was written at an earlier one.
      head_valid_q <= (level_q != '0) && !pop;
      if (hit_dropped) job_dropped_q <= 1'b1;
      else if (end_taken) job_dropped_q <= 1'b0;
      if (hit_dropped) dropped_q <= dropped_q + 32'd1;
    end
  end

  logic [47:0] wentry, rentry;
  assign wentry = {end_valid_i, end_valid_i && job_dropped_q, id_i,
                   end_valid_i ? end_counter_i : hit_counter_i};

`ifdef FORMAL
  logic [PtrWidth-1:0] f_addr;
  logic [47:0]         f_word;
`endif

  frank_ram #(
    .Width(48),
    .Depth(Depth)
  ) u_entries (
    .clk_i,
    .we_i   (push),
    .waddr_i(write_q),
    .wdata_i(wentry),
    .raddr_i(sequence_q[PtrWidth-1:0]),
    .rdata_o(rentry)
`ifdef FORMAL
    ,
    .formal_addr_i(f_addr),
    .formal_word_o(f_word)
`endif
  );

  assign head_valid_o = head_valid_q;
  assign {head_end_o, head_dropped_o, head_id_o, head_counter_o} = rentry;
  assign head_sequence_o = sequence_q;
  assign level_o   = level_q;
  assign dropped_o = dropped_q;

`ifdef FORMAL
  `include "frank_fifo_properties.svh"
`endif

endmodule
