// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The stage of the ring between the last round and the first: at the end of a block it adds the
// state that the block began with (FIPS 180-4, 6.2.2 step 4), which is then kept as the next
// block's. That state comes from a memory with a row for each nonce in flight and one more, a row
// of zeros, which is read where nothing is to be added.

module frank_final #(
  /// Nonces in flight, P.
  parameter int InFlight = 9,
  /// Bits of a nonce's number in the ring; not to be set.
  parameter int SlotWidth = $clog2(InFlight + 1)
) (
  /// Clock.
  input  logic                 clk_i,
  /// Reset.
  input  logic                 rst_ni,

  // A cycle before the nonce's state comes in:
  /// It has done its block's 64 rounds.
  input  logic                 block_end_i,
  /// It has done its last block, and another nonce starts behind it.
  input  logic                 restart_i,
  /// The nonce's number in the ring.
  input  logic [SlotWidth-1:0] slot_i,

  /// State {a, ..., g, x} from the last round.
  input  logic [255:0]         state_i,
  /// Its plain h.
  input  logic [31:0]          h_i,
  /// `a` that nonces start with.
  input  logic [31:0]          init_a_i,

  /// State {a, ..., g, x} to the first round.
  output logic [255:0]         state_o,
  /// First word of the hash, two cycles after restart_i.
  output logic [31:0]          digest_o
);

  localparam logic [SlotWidth-1:0] ZeroRow = SlotWidth'(InFlight);

  logic block_end_q, restart_q, chain_we_q;
  logic [SlotWidth-1:0] slot_q, chain_slot_q, row, row_a;
  logic [255:0] chain_wdata, chain_rdata;

  // Reset, for what these are at power-on may write to the row of zeros.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      block_end_q <= 1'b0;
      chain_we_q <= 1'b0;
    end else begin
      block_end_q <= block_end_i;
      chain_we_q <= block_end_q;
    end
  end

  always_ff @(posedge clk_i) begin
    restart_q <= restart_i;
    slot_q <= slot_i;
    chain_slot_q <= slot_q;
  end

  // Behind a nonce's last block the state from the last round is the next nonce's already, but `a`.
  assign row_a = block_end_i ? slot_i : ZeroRow;
  assign row = (block_end_i && !restart_i) ? slot_i : ZeroRow;

  frank_ram #(
    .Width(32),
    .Depth(InFlight + 1)
  ) u_chain_a (
    .clk_i,
    .we_i   (chain_we_q),
    .waddr_i(chain_slot_q),
    .wdata_i(chain_wdata[255:224]),
    .raddr_i(row_a),
    .rdata_o(chain_rdata[255:224])
  );

  frank_ram #(
    .Width(224),
    .Depth(InFlight + 1)
  ) u_chain (
    .clk_i,
    .we_i   (chain_we_q),
    .waddr_i(chain_slot_q),
    .wdata_i(chain_wdata[223:0]),
    .raddr_i(row),
    .rdata_o(chain_rdata[223:0])
  );

  logic [31:0] a_sum, a_q, b_q, c_q, d_q, e_q, f_q, g_q, h_q, x_q, digest_q;
  assign a_sum = state_i[255:224] + chain_rdata[255:224];

  always_ff @(posedge clk_i) begin
    a_q <= restart_q ? init_a_i : a_sum;
    b_q <= state_i[223:192] + chain_rdata[223:192];
    c_q <= state_i[191:160] + chain_rdata[191:160];
    d_q <= state_i[159:128] + chain_rdata[159:128];
    e_q <= state_i[127:96] + chain_rdata[127:96];
    f_q <= state_i[95:64] + chain_rdata[95:64];
    g_q <= state_i[63:32] + chain_rdata[63:32];
    h_q <= h_i + chain_rdata[31:0];
    x_q <= state_i[31:0] + chain_rdata[31:0];
    digest_q <= a_sum;
  end

  assign chain_wdata = {a_q, b_q, c_q, d_q, e_q, f_q, g_q, h_q};
  assign state_o = {a_q, b_q, c_q, d_q, e_q, f_q, g_q, x_q};
  assign digest_o = digest_q;

endmodule
