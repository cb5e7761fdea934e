// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The core behind AXI4-Lite: what an integrator instantiates. hdl/doc/integration.md tells how.
module frank_core_axil #(
  /// Rounds per cycle, U: a power of two, 1 to 64. Attempts per cycle: U / (64 * blocks).
  parameter int Unroll = 8,
  /// Most blocks of a message, 1 to 12.
  parameter int BlocksMax = 12,
  /// Entries of the FIFO of results: a power of two, 4 to 128.
  parameter int FifoDepth = 16
) (
  /// ACLK: one clock for all.
  input  logic        clk_i,
  /// ARESETn: asserted at any time, released in step with clk_i.
  input  logic        rst_ni,
  /// Write address channel.
  input  logic        awvalid_i,
  /// Write address channel.
  output logic        awready_o,
  /// Byte address.
  input  logic [12:0] awaddr_i,
  /// Ignored.
  input  logic [2:0]  awprot_i,
  /// Write data channel.
  input  logic        wvalid_i,
  /// Write data channel.
  output logic        wready_o,
  /// Data.
  input  logic [31:0] wdata_i,
  /// Byte strobes: all four, or the write is refused.
  input  logic [3:0]  wstrb_i,
  /// Write response channel.
  output logic        bvalid_o,
  /// Write response channel.
  input  logic        bready_i,
  /// OKAY or SLVERR.
  output logic [1:0]  bresp_o,
  /// Read address channel.
  input  logic        arvalid_i,
  /// Read address channel.
  output logic        arready_o,
  /// Byte address.
  input  logic [12:0] araddr_i,
  /// Ignored.
  input  logic [2:0]  arprot_i,
  /// Read data channel.
  output logic        rvalid_o,
  /// Read data channel.
  input  logic        rready_i,
  /// Data; 0 with SLVERR.
  output logic [31:0] rdata_o,
  /// OKAY or SLVERR.
  output logic [1:0]  rresp_o,
  /// Interrupt: a level, high while an enabled cause lasts.
  output logic        irq_o
);

  logic        req_valid, req_write, req_full, rsp_valid, rsp_error;
  logic [12:0] req_addr;
  logic [31:0] req_wdata, rsp_rdata;

  frank_axil #(
    .AddrWidth(frank_reg_pkg::ADDRESS_BITS)
  ) u_axil (
    .clk_i,
    .rst_ni,
    .awvalid_i,
    .awready_o,
    .awaddr_i,
    .awprot_i,
    .wvalid_i,
    .wready_o,
    .wdata_i,
    .wstrb_i,
    .bvalid_o,
    .bready_i,
    .bresp_o,
    .arvalid_i,
    .arready_o,
    .araddr_i,
    .arprot_i,
    .rvalid_o,
    .rready_i,
    .rdata_o,
    .rresp_o,
    .req_valid_o(req_valid),
    .req_write_o(req_write),
    .req_addr_o (req_addr),
    .req_wdata_o(req_wdata),
    .req_full_o (req_full),
    .rsp_valid_i(rsp_valid),
    .rsp_rdata_i(rsp_rdata),
    .rsp_error_i(rsp_error)
  );

  frank_core #(
    .Unroll   (Unroll),
    .BlocksMax(BlocksMax),
    .FifoDepth(FifoDepth)
  ) u_core (
    .clk_i,
    .rst_ni,
    .req_valid_i(req_valid),
    .req_write_i(req_write),
    .req_addr_i (req_addr),
    .req_wdata_i(req_wdata),
    .req_full_i (req_full),
    .rsp_valid_o(rsp_valid),
    .rsp_rdata_o(rsp_rdata),
    .rsp_error_o(rsp_error),
    .irq_o
  );

endmodule
