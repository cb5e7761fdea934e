// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// One step of the message schedule (FIPS 180-4, 6.2.2), beside the round of the same nonce. The
// window at round t holds W[t+1] to W[t+16]; a cycle later it is that of the next round. It is all
// zero in the blocks after the first, whose W are in memory, and stays so by itself.
//
// The stage before the last round can replace it: by the template when the next block is a first
// one, by zero else.

module frank_schedule #(
  /// Words of the window that come in, the next ones first, 1 to 16.
  parameter int WordsIn = 16,
  /// Words that go out, 1 to 16: WordsIn with a new one at the end, or one less.
  parameter int WordsOut = 16,
  /// The window goes on by a round; else it is only delayed by a cycle.
  parameter bit Step = 1'b1,
  /// The window can be replaced here.
  parameter bit Load = 1'b0,
  /// It always is, whenever it matters.
  parameter bit LoadOnly = 1'b0
) (
  /// Clock.
  input  logic                   clk_i,
  /// Window, the next word in the lowest bits.
  input  logic [32*WordsIn-1:0]  window_i,
  /// Load: takes the template instead.
  input  logic                   load_i,
  /// Load: takes zero instead; goes before load_i.
  input  logic                   zero_i,
  /// The first block of the nonce that is in this stage.
  input  logic [511:0]           template_i,
  /// Window of the next round.
  output logic [32*WordsOut-1:0] window_o
);

  logic [32*WordsOut-1:0] next, window_q;

  if (LoadOnly) begin : gen_no_step
    logic [32*WordsIn-1:0] unused_window;
    assign unused_window = window_i;
    assign next = '0;
  end else if (!Step) begin : gen_delay
    assign next = window_i[32*WordsOut-1:0];
  end else if (WordsOut < WordsIn) begin : gen_drop
    logic [31:0] unused_first;
    assign unused_first = window_i[31:0];
    assign next = window_i[32*WordsOut+31:32];
  end else begin : gen_expand
    logic [31:0] w1, w14, sigma0, sigma1, fresh;
    assign w1 = window_i[63:32];
    assign w14 = window_i[32*14+:32];
    assign sigma0 = {w1[6:0], w1[31:7]} ^ {w1[17:0], w1[31:18]} ^ {3'b0, w1[31:3]};
    assign sigma1 = {w14[16:0], w14[31:17]} ^ {w14[18:0], w14[31:19]} ^ {10'b0, w14[31:10]};
    assign fresh = (window_i[31:0] + sigma0) + (window_i[32*9+:32] + sigma1);
    assign next = {fresh, window_i[511:32]};
  end

  if (Load) begin : gen_load
    always_ff @(posedge clk_i) begin
      if (zero_i) begin
        window_q <= '0;
      end else begin
        window_q <= (LoadOnly || load_i) ? template_i : next;
      end
    end
    if (LoadOnly) begin : gen_no_choice
      logic unused_load;
      assign unused_load = load_i;
    end
  end else begin : gen_pass
    logic unused_load;
    assign unused_load = ^{load_i, zero_i, template_i};
    always_ff @(posedge clk_i) begin
      window_q <= next;
    end
  end

  assign window_o = window_q;

endmodule
