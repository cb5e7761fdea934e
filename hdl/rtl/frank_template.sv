// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// The first block of the nonce that enters the ring: a template, in which two neighbouring words
// are the digits of its counter.

module frank_template (
  /// Clock.
  input  logic         clk_i,

  /// A word is written, its index, itself.
  input  logic         we_i,
  input  logic [3:0]   index_i,
  input  logic [31:0]  data_i,

  /// Index of the first of the counter's words, 0 to 14.
  input  logic [3:0]   word_i,
  /// The counter that is in block_o a cycle later.
  input  logic [31:0]  counter_i,

  /// The block, word 0 in the lowest bits.
  output logic [511:0] block_o
);

  logic [31:0] high, low, even, odd;
  frank_hex u_high (
    .value_i (counter_i[31:16]),
    .digits_o(high)
  );
  frank_hex u_low (
    .value_i (counter_i[15:0]),
    .digits_o(low)
  );

  // One of the two has an even index. So each word has one source of digits, not two.
  assign even = word_i[0] ? low : high;
  assign odd = word_i[0] ? high : low;

  logic [15:0] is_first, is_digits;
  assign is_first = 16'b1 << word_i;
  assign is_digits = is_first | {is_first[14:0], 1'b0};

  for (genvar i = 0; i < 16; i++) begin : gen_word
    logic [31:0] word_q;
    always_ff @(posedge clk_i) begin
      if (is_digits[i]) begin
        word_q <= (i % 2 == 0) ? even : odd;
      end else if (we_i && (index_i == 4'(i))) begin
        word_q <= data_i;
      end
    end
    assign block_o[32*i+:32] = word_q;
  end

endmodule
