// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// Four hexadecimal digits in ASCII, most significant first: 0-9 and a-f.

module frank_hex (
  /// A number of 16 bits.
  input  logic [15:0] value_i,
  /// Its digits, a byte each.
  output logic [31:0] digits_o
);

  for (genvar i = 0; i < 4; i++) begin : gen_digit
    logic [3:0] nibble;
    assign nibble = value_i[4*i+:4];
    assign digits_o[8*i+:8] = (nibble < 4'd10) ? {4'h3, nibble} : {4'h6, nibble - 4'd9};
  end

endmodule
