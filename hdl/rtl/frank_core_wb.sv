// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The core behind Wishbone B4 (classic standard cycles): what an integrator instantiates.
// hdl/doc/integration.md tells how.
module frank_core_wb #(
  /// Rounds per cycle, U: a power of two, 1 to 64. Attempts per cycle: U / (64 * blocks).
  parameter int Unroll = 8,
  /// Most blocks of a message, 1 to 12.
  parameter int BlocksMax = 12,
  /// Entries of the FIFO of results: a power of two, 4 to 128.
  parameter int FifoDepth = 16
) (
  /// CLK_I: one clock for all.
  input  logic        clk_i,
  /// RST_I inverted: asserted at any time, released in step with clk_i.
  input  logic        rst_ni,
  /// CYC_I.
  input  logic        cyc_i,
  /// STB_I.
  input  logic        stb_i,
  /// WE_I.
  input  logic        we_i,
  /// ADR_I: of the word, the byte offset divided by 4.
  input  logic [10:0] adr_i,
  /// SEL_I: all four, or the access is refused.
  input  logic [3:0]  sel_i,
  /// DAT_I.
  input  logic [31:0] dat_i,
  /// DAT_O: valid with ack_o of a read, 0 with err_o.
  output logic [31:0] dat_o,
  /// ACK_O.
  output logic        ack_o,
  /// ERR_O: refused, without an effect.
  output logic        err_o,
  /// Interrupt: a level, high while an enabled cause lasts.
  output logic        irq_o
);

  logic        req_valid, req_write, req_full, rsp_valid, rsp_error;
  logic [12:0] req_addr;
  logic [31:0] req_wdata, rsp_rdata;

  frank_wb #(
    .AddrWidth(frank_reg_pkg::ADDRESS_BITS)
  ) u_wb (
    .clk_i,
    .rst_ni,
    .cyc_i,
    .stb_i,
    .we_i,
    .adr_i,
    .sel_i,
    .dat_i,
    .dat_o,
    .ack_o,
    .err_o,
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
