// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The memory of the words that the rounds add, and of both jobs' templates. One word is read per
// clock, and one is written.
//
//     row 0                         K[0..63]: block 0, whose W comes from the schedule; not writable
//     rows 1 .. B-1                 buffer 0: K+W of blocks 1 .. B-1      (B = BlocksMax)
//     rows B .. 2B-2                buffer 1: likewise
//     row 2B-1                      buffer 0: template (16 words), state (8); at 32: buffer 1
//
// A row has 64 words, so for 12 blocks these are 1536 words: twelve block RAMs of an iCE40.

module frank_kw_ram #(
  /// Most blocks of a message, 1 to 15.
  parameter int BlocksMax = 12
) (
  /// Clock.
  input  logic        clk_i,

  /// Write enable.
  input  logic        we_i,
  /// Buffer written to.
  input  logic        wbuffer_i,
  /// Written is K+W; else template or state.
  input  logic        wkw_i,
  /// Index of the word written: of K+W {block, round}; else 0..15 template, 16..23 state.
  input  logic [9:0]  windex_i,
  /// Word written.
  input  logic [31:0] wdata_i,

  /// Buffer read from.
  input  logic        rbuffer_i,
  /// Read is K+W; else template or state.
  input  logic        rkw_i,
  /// Index of the word read, likewise; block 0 has the plain K.
  input  logic [9:0]  rindex_i,
  /// The word, a cycle later.
  output logic [31:0] rdata_o
);

  localparam int Rows = 2 * BlocksMax;
  localparam int Depth = 64 * Rows;
  localparam int AddrWidth = $clog2(Depth);
  localparam int RowWidth = AddrWidth - 6;
  localparam int TemplateRow = Rows - 1;

  // FIPS 180-4, 4.2.2.
  function automatic logic [31:0] round_constant(input logic [5:0] t);
    case (t)
      6'd0: round_constant = 32'h428a2f98;
      6'd1: round_constant = 32'h71374491;
      6'd2: round_constant = 32'hb5c0fbcf;
      6'd3: round_constant = 32'he9b5dba5;
      6'd4: round_constant = 32'h3956c25b;
      6'd5: round_constant = 32'h59f111f1;
      6'd6: round_constant = 32'h923f82a4;
      6'd7: round_constant = 32'hab1c5ed5;
      6'd8: round_constant = 32'hd807aa98;
      6'd9: round_constant = 32'h12835b01;
      6'd10: round_constant = 32'h243185be;
      6'd11: round_constant = 32'h550c7dc3;
      6'd12: round_constant = 32'h72be5d74;
      6'd13: round_constant = 32'h80deb1fe;
      6'd14: round_constant = 32'h9bdc06a7;
      6'd15: round_constant = 32'hc19bf174;
      6'd16: round_constant = 32'he49b69c1;
      6'd17: round_constant = 32'hefbe4786;
      6'd18: round_constant = 32'h0fc19dc6;
      6'd19: round_constant = 32'h240ca1cc;
      6'd20: round_constant = 32'h2de92c6f;
      6'd21: round_constant = 32'h4a7484aa;
      6'd22: round_constant = 32'h5cb0a9dc;
      6'd23: round_constant = 32'h76f988da;
      6'd24: round_constant = 32'h983e5152;
      6'd25: round_constant = 32'ha831c66d;
      6'd26: round_constant = 32'hb00327c8;
      6'd27: round_constant = 32'hbf597fc7;
      6'd28: round_constant = 32'hc6e00bf3;
      6'd29: round_constant = 32'hd5a79147;
      6'd30: round_constant = 32'h06ca6351;
      6'd31: round_constant = 32'h14292967;
      6'd32: round_constant = 32'h27b70a85;
      6'd33: round_constant = 32'h2e1b2138;
      6'd34: round_constant = 32'h4d2c6dfc;
      6'd35: round_constant = 32'h53380d13;
      6'd36: round_constant = 32'h650a7354;
      6'd37: round_constant = 32'h766a0abb;
      6'd38: round_constant = 32'h81c2c92e;
      6'd39: round_constant = 32'h92722c85;
      6'd40: round_constant = 32'ha2bfe8a1;
      6'd41: round_constant = 32'ha81a664b;
      6'd42: round_constant = 32'hc24b8b70;
      6'd43: round_constant = 32'hc76c51a3;
      6'd44: round_constant = 32'hd192e819;
      6'd45: round_constant = 32'hd6990624;
      6'd46: round_constant = 32'hf40e3585;
      6'd47: round_constant = 32'h106aa070;
      6'd48: round_constant = 32'h19a4c116;
      6'd49: round_constant = 32'h1e376c08;
      6'd50: round_constant = 32'h2748774c;
      6'd51: round_constant = 32'h34b0bcb5;
      6'd52: round_constant = 32'h391c0cb3;
      6'd53: round_constant = 32'h4ed8aa4a;
      6'd54: round_constant = 32'h5b9cca4f;
      6'd55: round_constant = 32'h682e6ff3;
      6'd56: round_constant = 32'h748f82ee;
      6'd57: round_constant = 32'h78a5636f;
      6'd58: round_constant = 32'h84c87814;
      6'd59: round_constant = 32'h8cc70208;
      6'd60: round_constant = 32'h90befffa;
      6'd61: round_constant = 32'ha4506ceb;
      6'd62: round_constant = 32'hbef9a3f7;
      6'd63: round_constant = 32'hc67178f2;
      default: round_constant = 32'h0;
    endcase
  endfunction

  (* ram_style = "block", no_rw_check *)  // as in frank_ram
  logic [31:0] mem[Depth];
  logic [31:0] rdata_q;

  initial begin
    for (int i = 0; i < Depth; i++) begin
      mem[i] = (i < 64) ? round_constant(i[5:0]) : 32'h0;
    end
  end

  // The row of a word: block b of buffer n is row b + n*(BlocksMax-1), and block 0 is row 0 of both.
  logic [RowWidth-1:0] wrow, rrow, woffset, roffset;
  logic [AddrWidth-1:0] waddr, raddr;

  assign woffset = wbuffer_i ? RowWidth'(BlocksMax - 1) : '0;
  assign roffset = rbuffer_i && (rindex_i[9:6] != '0) ? RowWidth'(BlocksMax - 1) : '0;
  assign wrow = wkw_i ? RowWidth'(windex_i[9:6]) + woffset : RowWidth'(TemplateRow);
  assign rrow = rkw_i ? RowWidth'(rindex_i[9:6]) + roffset : RowWidth'(TemplateRow);
  assign waddr = {wrow, wkw_i ? windex_i[5:0] : {wbuffer_i, windex_i[4:0]}};
  assign raddr = {rrow, rkw_i ? rindex_i[5:0] : {rbuffer_i, rindex_i[4:0]}};

  always_ff @(posedge clk_i) begin
    if (we_i) begin
      mem[waddr] <= wdata_i;
    end
    rdata_q <= mem[raddr];
  end

  assign rdata_o = rdata_q;

`ifdef FORMAL
  `include "frank_kw_ram_properties.svh"
`endif

endmodule
