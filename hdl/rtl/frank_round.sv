// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// One round of SHA-256 on the way round the ring: state in, state of the next round out a cycle
// later. Not h itself travels but x = h + K[t] + W[t], which the stage before has added up, so that
// the longest path is three additions. The word that this stage adds for the round after it stays
// for as long as it takes all nonces to pass, and comes over a bus that all stages share.
//
// Stage Close is the last of the ring. When a nonce leaves it for good (restart_i), the state that
// goes on is the start of another nonce: init_i instead of b to h, while `a` still is the hash's.

module frank_round #(
  /// This is the last stage of the ring.
  parameter bit Close = 1'b0
) (
  /// Clock.
  input  logic         clk_i,

  /// K, or K+W, of the round after this one, on the shared bus.
  input  logic [31:0]  kw_i,
  /// Takes it, for the nonces from the next cycle on.
  input  logic         kw_load_i,
  /// W of the round after this one: 0 in all blocks but the first.
  input  logic [31:0]  w_i,

  /// State {a, b, c, d, e, f, g, x}, a in the top bits.
  input  logic [255:0] state_i,
  /// Close: another nonce starts behind this one.
  input  logic         restart_i,
  /// Close: {a, ..., h} that it starts with; a is not used here.
  input  logic [255:0] init_i,

  /// State of the next round.
  output logic [255:0] state_o,
  /// Close: its plain h; else 0.
  output logic [31:0]  h_o
);

  logic [31:0] a, b, c, d, e, f, g, x;
  assign {a, b, c, d, e, f, g, x} = state_i;

  logic [31:0] kw_q;
  always_ff @(posedge clk_i) begin
    if (kw_load_i) begin
      kw_q <= kw_i;
    end
  end

  // FIPS 180-4, 4.1.2.
  logic [31:0] sum1, ch, sum0, maj, t1, t2;
  assign sum1 = {e[5:0], e[31:6]} ^ {e[10:0], e[31:11]} ^ {e[24:0], e[31:25]};
  assign ch = (e & f) ^ (~e & g);
  assign sum0 = {a[1:0], a[31:2]} ^ {a[12:0], a[31:13]} ^ {a[21:0], a[31:22]};
  assign maj = (a & b) ^ (a & c) ^ (b & c);
  assign t1 = x + sum1 + ch;
  assign t2 = sum0 + maj;

  if (Close) begin : gen_close
    logic [31:0] unused_init_a;
    logic [223:0] next_q;
    logic [31:0] a_q, x_q, h;
    assign unused_init_a = init_i[255:224];
    assign h = restart_i ? init_i[31:0] : g;

    always_ff @(posedge clk_i) begin
      a_q <= t1 + t2;
      next_q <= restart_i ? init_i[223:0] : {a, b, c, d + t1, e, f, g};
      x_q <= h + kw_q + w_i;
    end

    assign state_o = {a_q, next_q[223:32], x_q};
    assign h_o = next_q[31:0];
  end else begin : gen_open
    logic unused_restart;
    logic [255:0] unused_init, state_q;
    assign unused_restart = restart_i;
    assign unused_init = init_i;

    always_ff @(posedge clk_i) begin
      state_q <= {t1 + t2, a, b, c, d + t1, e, f, g + kw_q + w_i};
    end

    assign state_o = state_q;
    assign h_o = '0;
  end

endmodule
