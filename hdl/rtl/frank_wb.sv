// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// Wishbone B4 slave in front of the core's request port: classic standard cycles, 32-bit port.
//
// The master holds strobe, address and data until ack or err comes, each a register's output for one
// cycle. Err where the core refuses the access, which then has no effect. A master that ends its
// cycle early gets neither; the access may still take effect. A pipelined master is connected with
// stall = cyc and not (ack or err), as the specification has it (B4, 5.2.1).
module frank_wb #(
  /// Bits of a byte address; the bus carries it without the two low ones.
  parameter int AddrWidth = 13
) (
  /// CLK_I.
  input  logic                 clk_i,
  /// RST_I inverted; asynchronous.
  input  logic                 rst_ni,

  /// CYC_I.
  input  logic                 cyc_i,
  /// STB_I.
  input  logic                 stb_i,
  /// WE_I.
  input  logic                 we_i,
  /// ADR_I: of the word.
  input  logic [AddrWidth-3:0] adr_i,
  /// SEL_I: all four, or the access is refused.
  input  logic [3:0]           sel_i,
  /// DAT_I.
  input  logic [31:0]          dat_i,
  /// DAT_O: valid with ack_o of a read, 0 with err_o.
  output logic [31:0]          dat_o,
  /// ACK_O.
  output logic                 ack_o,
  /// ERR_O.
  output logic                 err_o,

  /// A request, for one cycle; the outputs below are stable from then to its response.
  output logic                 req_valid_o,
  /// It is a write.
  output logic                 req_write_o,
  /// Byte address.
  output logic [AddrWidth-1:0] req_addr_o,
  /// What to write; of a read, anything.
  output logic [31:0]          req_wdata_o,
  /// The access is of all four bytes.
  output logic                 req_full_o,
  /// The response, for one cycle, any number of cycles after the request.
  input  logic                 rsp_valid_i,
  /// What was read, until the next request for a read.
  input  logic [31:0]          rsp_rdata_i,
  /// The access was refused; valid with rsp_valid_i.
  input  logic                 rsp_error_i
);

  typedef enum logic [1:0] {
    StIdle,
    StRequest,
    StWait
  } state_e;

  state_e state_q, state_d;

  logic                 write_q, full_q;
  logic [AddrWidth-3:0] word_q;
  logic [31:0]          wdata_q;
  // The master still waits for the access that runs.
  logic                 wanted_q;
  logic                 ack_q, err_q;

  logic strobe, begins, ends;

  assign strobe = cyc_i && stb_i;
  // The strobe that goes with a response is of the access just answered.
  assign begins = (state_q == StIdle) && strobe && !ack_q && !err_q;
  assign ends   = (state_q == StWait) && rsp_valid_i;

  always_comb begin
    state_d = state_q;
    case (state_q)
      StIdle: if (begins) state_d = StRequest;
      StRequest: state_d = StWait;
      StWait: if (rsp_valid_i) state_d = StIdle;
      default: state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q  <= StIdle;
      write_q  <= 1'b0;
      full_q   <= 1'b0;
      word_q   <= '0;
      wdata_q  <= '0;
      wanted_q <= 1'b0;
      ack_q    <= 1'b0;
      err_q    <= 1'b0;
    end else begin
      state_q <= state_d;
      if (begins) begin
        write_q <= we_i;
        full_q  <= &sel_i;
        word_q  <= adr_i;
        wdata_q <= dat_i;
      end
      wanted_q <= strobe && (begins || wanted_q);
      ack_q    <= ends && wanted_q && strobe && !rsp_error_i;
      err_q    <= ends && wanted_q && strobe && rsp_error_i;
    end
  end

  assign dat_o = rsp_rdata_i;
  assign ack_o = ack_q;
  assign err_o = err_q;

  assign req_valid_o = state_q == StRequest;
  assign req_write_o = write_q;
  assign req_addr_o  = {word_q, 2'b00};
  assign req_wdata_o = wdata_q;
  assign req_full_o  = full_q;

`ifdef FORMAL
  `include "frank_wb_properties.svh"
`endif

endmodule
