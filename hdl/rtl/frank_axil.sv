// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave in front of the core's request port.
//
// Address and data of a write come in any order. One access runs at a time; where a read and a write
// wait, the write is first, and the read is next: no write can follow before its response is taken.
// A response is held until the master takes it, and meanwhile the other direction may run. Every
// output comes out of registers. SLVERR where the core refuses the access, which then has no effect.
module frank_axil #(
  /// Bits of a byte address.
  parameter int AddrWidth = 13
) (
  /// ACLK.
  input  logic                 clk_i,
  /// ARESETn.
  input  logic                 rst_ni,

  /// Write address channel.
  input  logic                 awvalid_i,
  /// Write address channel.
  output logic                 awready_o,
  /// Byte address.
  input  logic [AddrWidth-1:0] awaddr_i,
  /// Protection: ignored, all masters may do all.
  input  logic [2:0]           awprot_i,

  /// Write data channel.
  input  logic                 wvalid_i,
  /// Write data channel.
  output logic                 wready_o,
  /// Data.
  input  logic [31:0]          wdata_i,
  /// Byte strobes: a write with any of them low is refused.
  input  logic [3:0]           wstrb_i,

  /// Write response channel.
  output logic                 bvalid_o,
  /// Write response channel.
  input  logic                 bready_i,
  /// OKAY or SLVERR.
  output logic [1:0]           bresp_o,

  /// Read address channel.
  input  logic                 arvalid_i,
  /// Read address channel.
  output logic                 arready_o,
  /// Byte address.
  input  logic [AddrWidth-1:0] araddr_i,
  /// Protection: ignored.
  input  logic [2:0]           arprot_i,

  /// Read data channel.
  output logic                 rvalid_o,
  /// Read data channel.
  input  logic                 rready_i,
  /// Data; 0 with SLVERR.
  output logic [31:0]          rdata_o,
  /// OKAY or SLVERR.
  output logic [1:0]           rresp_o,

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

  localparam logic [1:0] RespOkay   = 2'b00;
  localparam logic [1:0] RespSlvErr = 2'b10;

  typedef enum logic [1:0] {
    StIdle,
    StRequest,
    StWait
  } state_e;

  state_e state_q, state_d;
  logic   write_q, write_d;

  // What the master has handed over and has had no response for yet.
  logic                 aw_full_q, w_full_q, ar_full_q;
  logic [AddrWidth-1:0] awaddr_q, araddr_q;
  logic [31:0]          wdata_q;
  logic                 wfull_q;
  // Responses that the master has not taken yet.
  logic                 bvalid_q, rvalid_q;
  logic                 berror_q, rerror_q;

  logic can_write, can_read, write_done, read_done;

  assign can_write  = aw_full_q && w_full_q && !bvalid_q;
  assign can_read   = ar_full_q && !rvalid_q;
  assign write_done = (state_q == StWait) && rsp_valid_i && write_q;
  assign read_done  = (state_q == StWait) && rsp_valid_i && !write_q;

  always_comb begin
    state_d = state_q;
    write_d = write_q;
    case (state_q)
      StIdle: begin
        if (can_write || can_read) begin
          state_d = StRequest;
          write_d = can_write;
        end
      end
      StRequest: state_d = StWait;
      StWait: if (rsp_valid_i) state_d = StIdle;
      default: state_d = StIdle;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= StIdle;
      write_q   <= 1'b0;
      aw_full_q <= 1'b0;
      w_full_q  <= 1'b0;
      ar_full_q <= 1'b0;
      awaddr_q  <= '0;
      araddr_q  <= '0;
      wdata_q   <= '0;
      wfull_q   <= 1'b0;
      bvalid_q  <= 1'b0;
      rvalid_q  <= 1'b0;
      berror_q  <= 1'b0;
      rerror_q  <= 1'b0;
    end else begin
      state_q <= state_d;
      write_q <= write_d;

      if (awvalid_i && awready_o) begin
        aw_full_q <= 1'b1;
        awaddr_q  <= awaddr_i;
      end else if (write_done) begin
        aw_full_q <= 1'b0;
      end
      if (wvalid_i && wready_o) begin
        w_full_q <= 1'b1;
        wdata_q  <= wdata_i;
        wfull_q  <= &wstrb_i;
      end else if (write_done) begin
        w_full_q <= 1'b0;
      end
      if (arvalid_i && arready_o) begin
        ar_full_q <= 1'b1;
        araddr_q  <= araddr_i;
      end else if (read_done) begin
        ar_full_q <= 1'b0;
      end

      if (write_done) begin
        bvalid_q <= 1'b1;
        berror_q <= rsp_error_i;
      end else if (bready_i) begin
        bvalid_q <= 1'b0;
      end
      if (read_done) begin
        rvalid_q <= 1'b1;
        rerror_q <= rsp_error_i;
      end else if (rready_i) begin
        rvalid_q <= 1'b0;
      end
    end
  end

  assign awready_o = !aw_full_q;
  assign wready_o  = !w_full_q;
  assign arready_o = !ar_full_q;
  assign bvalid_o  = bvalid_q;
  assign bresp_o   = berror_q ? RespSlvErr : RespOkay;
  assign rvalid_o  = rvalid_q;
  assign rresp_o   = rerror_q ? RespSlvErr : RespOkay;
  // The register file keeps what was read until the next read, which waits for rvalid_q to fall.
  assign rdata_o   = rsp_rdata_i;

  assign req_valid_o = state_q == StRequest;
  assign req_write_o = write_q;
  assign req_addr_o  = write_q ? awaddr_q : araddr_q;
  assign req_wdata_o = wdata_q;
  assign req_full_o  = !write_q || wfull_q;

  logic unused_prot;
  assign unused_prot = ^{awprot_i, arprot_i};

`ifdef FORMAL
  `include "frank_axil_properties.svh"
`endif

endmodule
