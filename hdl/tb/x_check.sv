// Looks for X with iverilog, which has four states where Verilator has two: after reset nothing that
// leaves the core may be unknown, whatever registers and memories without reset hold. Two jobs of two
// blocks with all counters hits, and one of one block without, are loaded, run and read through the
// AXI port; then one is aborted and the core is reset by command.
//
//     iverilog -g2012 -P x_check.Unroll=8 ... ; vvp
//
// Prints "x_check: U=8: ok" and what was checked, or what was wrong; the exit status is vvp's: 1 by
// $fatal.

`timescale 1ns / 1ns

module x_check #(
  /// Rounds per cycle.
  parameter int Unroll = 1
);

  import frank_reg_pkg::*;

  logic clk = 1'b0;
  logic rst_n = 1'b0;
  logic awvalid = 1'b0, wvalid = 1'b0, bready = 1'b0, arvalid = 1'b0, rready = 1'b0;
  logic [12:0] awaddr = '0, araddr = '0;
  logic [31:0] wdata = '0;
  logic [3:0] wstrb = '0;
  logic awready, wready, bvalid, arready, rvalid, irq;
  logic [1:0] bresp, rresp;
  logic [31:0] rdata;

  frank_core_axil #(
    .Unroll(Unroll)
  ) u_dut (
    .clk_i    (clk),
    .rst_ni   (rst_n),
    .awvalid_i(awvalid),
    .awready_o(awready),
    .awaddr_i (awaddr),
    .awprot_i (3'b0),
    .wvalid_i (wvalid),
    .wready_o (wready),
    .wdata_i  (wdata),
    .wstrb_i  (wstrb),
    .bvalid_o (bvalid),
    .bready_i (bready),
    .bresp_o  (bresp),
    .arvalid_i(arvalid),
    .arready_o(arready),
    .araddr_i (araddr),
    .arprot_i (3'b0),
    .rvalid_o (rvalid),
    .rready_i (rready),
    .rdata_o  (rdata),
    .rresp_o  (rresp),
    .irq_o    (irq)
  );

  always #5 clk = !clk;

  int checked = 0;

  // Once in reset, and ever after.
  logic watching = 1'b0;
  always @(negedge clk) begin
    if (watching) begin
      checked = checked + 1;
      if ((^{awready, wready, bvalid, arready, rvalid, irq}) === 1'bx) begin
        $display("x_check: U=%0d: %0t: X in awready %b wready %b bvalid %b arready %b rvalid %b irq %b",
                 Unroll, $time, awready, wready, bvalid, arready, rvalid, irq);
        $fatal(1);
      end
      if (bvalid && (^bresp) === 1'bx) begin
        $display("x_check: U=%0d: %0t: bresp is %b", Unroll, $time, bresp);
        $fatal(1);
      end
      if (rvalid && (^{rresp, rdata}) === 1'bx) begin
        $display("x_check: U=%0d: %0t: reading 0x%h: rresp %b rdata %h", Unroll, $time, araddr,
                 rresp, rdata);
        $fatal(1);
      end
    end
  end

  task automatic fail(input string what, input logic [31:0] got, input logic [31:0] wanted);
    $display("x_check: U=%0d: %0t: %0s is %h, not %h", Unroll, $time, what, got, wanted);
    $fatal(1);
  endtask

  task automatic write(input logic [10:0] word, input logic [31:0] value);
    @(negedge clk);
    awaddr = {word, 2'b00};
    wdata = value;
    wstrb = 4'hf;
    awvalid = 1'b1;
    wvalid = 1'b1;
    bready = 1'b1;
    // Both channels are ready together: an access is on its way at a time.
    while (!(awready && wready)) @(negedge clk);
    @(negedge clk);
    awvalid = 1'b0;
    wvalid = 1'b0;
    while (!bvalid) @(negedge clk);
    if (bresp !== 2'b00) fail("bresp", {30'b0, bresp}, 32'b0);
    @(negedge clk);
    bready = 1'b0;
  endtask

  task automatic read(input logic [10:0] word, output logic [31:0] value);
    @(negedge clk);
    araddr = {word, 2'b00};
    arvalid = 1'b1;
    rready = 1'b1;
    while (!arready) @(negedge clk);
    @(negedge clk);
    arvalid = 1'b0;
    while (!rvalid) @(negedge clk);
    if (rresp !== 2'b00) fail("rresp", {30'b0, rresp}, 32'b0);
    value = rdata;
    @(negedge clk);
    rready = 1'b0;
  endtask

  task automatic load(input logic buffer, input int blocks);
    write(LOAD_BUFFER_WORD, {31'b0, buffer});
    for (int i = 0; i < 16; i++) write(TEMPLATE_WORD + 11'(i), 32'h61626364 + 32'(i));
    for (int i = 0; i < 8; i++) write(INIT_WORD + 11'(i), 32'h6a09e667 ^ 32'(i * 77));
    for (int i = 64; i < 64 * blocks; i++) write(KW_WORD + 11'(i), 32'h9e3779b9 * 32'(i));
  endtask

  task automatic start(input logic buffer, input int blocks, input logic [31:0] target,
                       input logic [31:0] first, input logic [31:0] last, input logic [13:0] id);
    write(JOB_SHAPE_WORD, (32'(buffer) << JOB_SHAPE_BUFFER_LSB) | 32'(blocks) |
                          (32'd5 << JOB_SHAPE_WORD_LSB));
    write(JOB_TARGET_WORD, target);
    write(JOB_FIRST_WORD, first);
    write(JOB_LAST_WORD, last);
    write(START_ID_WORD, {18'b0, id});
  endtask

  // Takes one entry, as soon as the interrupt says that there is one.
  task automatic take(output logic [31:0] tag, output logic [31:0] counter);
    int waited;
    waited = 0;
    while (!irq) begin
      @(negedge clk);
      waited = waited + 1;
      if (waited > 200000) fail("cycles without an interrupt", waited, 0);
    end
    read(ENTRY_TAG_WORD, tag);
    read(ENTRY_COUNTER_WORD, counter);
    if (!tag[ENTRY_TAG_VALID_LSB]) fail("ENTRY_TAG", tag, 32'h8000_0000);
    write(ENTRY_POP_WORD, {24'b0, tag[ENTRY_TAG_SEQUENCE_LSB+:8]});
    @(negedge clk);
    @(negedge clk);
  endtask

  // Hits first..last, all of them, then END.
  task automatic collect(input logic [31:0] first, input logic [31:0] last, input logic hits,
                         input logic [13:0] id);
    logic [31:0] tag, counter, next;
    next = first;
    while (hits && next != last + 32'd1) begin
      take(tag, counter);
      if (tag[15:0] !== {2'b00, id}) fail("tag of a hit", tag, {18'b0, id});
      if (counter !== next) fail("counter of a hit", counter, next);
      next = next + 32'd1;
    end
    take(tag, counter);
    if (tag[15:0] !== {2'b01, id}) fail("tag of END", tag, {18'b1, id});
    if (counter !== last) fail("counter of END", counter, last);
  endtask

  logic [31:0] value, tag, counter;
  initial begin
    repeat (3) @(negedge clk);
    watching = 1'b1;
    repeat (2) @(negedge clk);
    rst_n = 1'b1;
    for (int word = 0; word <= int'(LOAD_BUFFER_WORD); word++) begin
      if (11'(word) != CTRL_WORD && 11'(word) != ENTRY_POP_WORD) read(11'(word), value);
    end
    write(IRQ_ENABLE_WORD, 32'd1);
    load(1'b0, 2);
    start(1'b0, 2, 32'hffff_ffff, 32'h0000_fffc, 32'h0001_0003, 14'd1);
    load(1'b1, 2);
    start(1'b1, 2, 32'hffff_ffff, 32'hffff_fff9, 32'hffff_ffff, 14'd2);
    collect(32'h0000_fffc, 32'h0001_0003, 1'b1, 14'd1);
    collect(32'hffff_fff9, 32'hffff_ffff, 1'b1, 14'd2);
    start(1'b0, 1, 32'd0, 32'd7, 32'd20, 14'd3);
    collect(32'd7, 32'd20, 1'b0, 14'd3);
    read(ATTEMPTS_LO_WORD, value);
    if (value !== 32'd29) fail("ATTEMPTS_LO", value, 32'd29);
    start(1'b0, 1, 32'd0, 32'd0, 32'hffff_ffff, 14'd4);
    repeat (300) @(negedge clk);
    read(STATUS_WORD, value);
    read(POSITION_WORD, value);
    read(HEARTBEAT_WORD, value);
    write(CTRL_WORD, 32'd1 << CTRL_ABORT_LSB);
    take(tag, counter);
    write(CTRL_WORD, 32'd1 << CTRL_RESET_LSB);
    for (int word = 0; word <= int'(LOAD_BUFFER_WORD); word++) begin
      if (11'(word) != CTRL_WORD && 11'(word) != ENTRY_POP_WORD) read(11'(word), value);
    end
    $display("x_check: U=%0d: ok, %0d cycles", Unroll, checked);
    $finish;
  end

endmodule
