// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// What one stage of the ring costs: tops for synthesis only, see hdl/synth/run.

/// A round alone, as if all words of the schedule came from memory.
module frank_stage_constant (
  /// As in frank_round.
  input  logic         clk_i,
  input  logic [31:0]  kw_i,
  input  logic         kw_load_i,
  input  logic [255:0] state_i,
  output logic [255:0] state_o
);
  logic [31:0] unused_h;
  frank_round u_round (
    .clk_i,
    .kw_i,
    .kw_load_i,
    .w_i      (32'h0),
    .state_i,
    .restart_i(1'b0),
    .init_i   (256'h0),
    .state_o,
    .h_o      (unused_h)
  );
endmodule

/// A round with its step of the message schedule.
module frank_stage_schedule (
  /// As in frank_round and frank_schedule.
  input  logic         clk_i,
  input  logic [31:0]  kw_i,
  input  logic         kw_load_i,
  input  logic [255:0] state_i,
  input  logic [511:0] window_i,
  output logic [255:0] state_o,
  output logic [511:0] window_o
);
  logic [31:0] unused_h;
  frank_round u_round (
    .clk_i,
    .kw_i,
    .kw_load_i,
    .w_i      (window_i[31:0]),
    .state_i,
    .restart_i(1'b0),
    .init_i   (256'h0),
    .state_o,
    .h_o      (unused_h)
  );
  frank_schedule u_schedule (
    .clk_i,
    .window_i,
    .load_i    (1'b0),
    .zero_i    (1'b0),
    .template_i(512'h0),
    .window_o
  );
endmodule
