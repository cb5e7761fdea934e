// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// Prints what frank_beat does around the moment when nonces end and others start: a line for each
// cycle, for timing.py.

module timing;

  localparam int Unroll = 2;

  logic clk = 1'b0;
  logic rst_n = 1'b0;
  logic run = 1'b0;
  always #5 clk = ~clk;

  logic enter, window_load, window_zero, block_end, restart, kw_read, leave;
  logic [1:0] slot;
  logic [9:0] kw_index;
  logic [Unroll-1:0] kw_load;

  frank_beat #(
    .Unroll(Unroll)
  ) u_beat (
    .clk_i        (clk),
    .rst_ni       (rst_n),
    .run_i        (run),
    .block_last_i (4'd1),
    .enter_o      (enter),
    .window_load_o(window_load),
    .window_zero_o(window_zero),
    .block_end_o  (block_end),
    .restart_o    (restart),
    .slot_o       (slot),
    .kw_read_o    (kw_read),
    .kw_index_o   (kw_index),
    .kw_load_o    (kw_load),
    .leave_o      (leave)
  );

  initial begin
    repeat (3) @(negedge clk);
    rst_n = 1'b1;
    @(negedge clk);
    run = 1'b1;
    repeat (400) begin
      @(negedge clk);
      $display("%b %b %b %b %b %0d %b %0d %0d %b %b", enter, window_load, window_zero, block_end,
               restart, slot, kw_read, kw_index[9:6], kw_index[5:0], kw_load, leave);
    end
    $finish;
  end

endmodule
