// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// A memory with one write port and one read port on the same clock, in the form that synthesis maps
// onto block RAM: the read takes a cycle, and a read of the word that is written at the same edge
// gives the old or the new one, so nobody may use it. Words start as zero.

module frank_ram #(
  /// Bits of a word.
  parameter int Width = 32,
  /// Words.
  parameter int Depth = 256,
  /// Bits of an address; not to be set.
  parameter int AddrWidth = (Depth > 1) ? $clog2(Depth) : 1
) (
  /// Clock.
  input  logic                 clk_i,
  /// Write enable.
  input  logic                 we_i,
  /// Address written.
  input  logic [AddrWidth-1:0] waddr_i,
  /// Word written.
  input  logic [Width-1:0]     wdata_i,
  /// Address read.
  input  logic [AddrWidth-1:0] raddr_i,
  /// The word at raddr_i a cycle ago.
  output logic [Width-1:0]     rdata_o
`ifdef FORMAL
  ,
  /// In proofs alone: a word to look at.
  input  logic [AddrWidth-1:0] formal_addr_i,
  /// In proofs alone: what it holds.
  output logic [Width-1:0]     formal_word_o
`endif
);

  // Block RAM, however small: registers would need a multiplexer for each bit. no_rw_check: else
  // yosys builds logic that gives the old word when a read meets a write.
  (* ram_style = "block", no_rw_check *)
  logic [Width-1:0] mem[Depth];
  logic [Width-1:0] rdata_q;

  initial begin
    for (int i = 0; i < Depth; i++) begin
      mem[i] = '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (we_i) begin
      mem[waddr_i] <= wdata_i;
    end
    rdata_q <= mem[raddr_i];
  end

  assign rdata_o = rdata_q;

`ifdef FORMAL
  assign formal_word_o = mem[formal_addr_i];
`endif

endmodule
