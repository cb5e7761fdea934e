// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The ring: Unroll round stages and the final stage, through which Unroll + 1 nonces travel. Each
// does a round in every round stage, so it goes round 64/Unroll times for a block. frank_beat says
// when; all controls come at the moment that its header names.
//
//     +-> round 0 -> round 1 -> ... -> round Unroll-1 -> final -+
//     |      beside each its step of the message schedule       |
//     +---------------------------------------------------------+

module frank_ring #(
  /// Round stages, U: 1, 2, 4 ... 64.
  parameter int Unroll = 8,
  /// Bits of a nonce's number in the ring; not to be set.
  parameter int SlotWidth = $clog2(Unroll + 2)
) (
  /// Clock.
  input  logic                 clk_i,
  /// Reset.
  input  logic                 rst_ni,

  /// The word that one of the stages adds next, and which of them takes it.
  input  logic [31:0]          kw_i,
  input  logic [Unroll-1:0]    kw_load_i,

  /// The window that comes to the last round stage is the template, or zero.
  input  logic                 window_load_i,
  input  logic                 window_zero_i,
  /// First block of the nonce that it belongs to.
  input  logic [511:0]         template_i,

  /// The nonce in the last round stage ends a block, or all, and its number.
  input  logic                 block_end_i,
  input  logic                 restart_i,
  input  logic [SlotWidth-1:0] slot_i,
  /// State {a, ..., h} that nonces start with.
  input  logic [255:0]         init_i,

  /// First word of the hash, two cycles after restart_i.
  output logic [31:0]          digest_o
);

  // With 64 stages each has one round only, and the last 16 words of the schedule need no successors.
  function automatic int words_before(input int stage);
    if (Unroll < 64 || stage >= 63 || stage <= 47) begin
      words_before = 16;
    end else begin
      words_before = 63 - stage;
    end
  endfunction

  // Element i comes into stage i; element Unroll into the final stage.
  logic [255:0] state[Unroll+1];
  logic [511:0] window[Unroll+1];
  logic [31:0] h[Unroll];

  for (genvar i = 0; i < Unroll; i++) begin : gen_stage
    localparam int WordsIn = words_before(i);
    localparam int WordsOut = words_before(i + 1);
    logic [32*WordsOut-1:0] window_out;

    frank_round #(
      .Close(i == Unroll - 1)
    ) u_round (
      .clk_i,
      .kw_i,
      .kw_load_i(kw_load_i[i]),
      .w_i      (window[i][31:0]),
      .state_i  (state[i]),
      .restart_i,
      .init_i,
      .state_o  (state[i+1]),
      .h_o      (h[i])
    );

    frank_schedule #(
      .WordsIn (WordsIn),
      .WordsOut(WordsOut),
      .Load    (i == Unroll - 2),
      .LoadOnly(Unroll == 64 && i == Unroll - 2)
    ) u_schedule (
      .clk_i,
      .window_i(window[i][32*WordsIn-1:0]),
      .load_i  (window_load_i),
      .zero_i  (window_zero_i),
      .template_i,
      .window_o(window_out)
    );

    assign window[i+1] = 512'(window_out);

    if (i < Unroll - 1) begin : gen_unused_h
      logic unused_h;
      assign unused_h = ^h[i];
    end
    if (WordsIn < 16) begin : gen_unused_window
      logic unused_window;
      assign unused_window = ^window[i][511:32*WordsIn];
    end
  end

  frank_final #(
    .InFlight(Unroll + 1)
  ) u_final (
    .clk_i,
    .rst_ni,
    .block_end_i,
    .restart_i,
    .slot_i,
    .state_i (state[Unroll]),
    .h_i     (h[Unroll-1]),
    .init_a_i(init_i[255:224]),
    .state_o (state[0]),
    .digest_o
  );

  frank_schedule #(
    .Step(1'b0),
    .Load(Unroll == 1)
  ) u_schedule_final (
    .clk_i,
    .window_i(window[Unroll]),
    .load_i  (window_load_i),
    .zero_i  (window_zero_i),
    .template_i,
    .window_o(window[0])
  );

endmodule
