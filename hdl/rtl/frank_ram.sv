// A RAM with one write port and one read port of the same clock, as FPGAs have in blocks.
//
// The word at raddr_i comes out after the clock edge. Reading the word that is written at the same
// edge gives either value: nobody may use it. There is no reset: a word that was never written is
// unknown.
module frank_ram #(
  /// Bits of a word.
  parameter int Width = 32,
  /// Words.
  parameter int Depth = 256,
  /// Bits of an address; follows from Depth.
  parameter int AddrWidth = $clog2(Depth)
) (
  /// Clock.
  input  logic                 clk_i,
  /// Write wdata_i to waddr_i at this edge.
  input  logic                 we_i,
  /// Word to write to.
  input  logic [AddrWidth-1:0] waddr_i,
  /// What to write.
  input  logic [Width-1:0]     wdata_i,
  /// Word to read.
  input  logic [AddrWidth-1:0] raddr_i,
  /// The word that raddr_i named before the last edge.
  output logic [Width-1:0]     rdata_o
);

  // Without the attribute yosys builds logic around the block that returns the old word when reading
  // what is written at the same edge.
  (* no_rw_check *)
  logic [Width-1:0] mem [Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) mem[waddr_i] <= wdata_i;
    rdata_o <= mem[raddr_i];
  end

endmodule
