// Copyright the Frank authors. SPDX-License-Identifier: Apache-2.0
//
// Made by hdl/regs/generate.py from hdl/regs/registers.toml; edit that instead.
//
// Of each register: _WORD, the word address (the offset without its two low bits). Of each
// field: _LSB and _BITS. Values of a field by their names. WINDOW_WORDS: length of a window.

// The package is a list of the whole map; no module uses all of it.
// verilator lint_off UNUSED
package frank_reg_pkg;
  localparam int ADDRESS_BITS = 13;
  localparam logic [31:0] ID_VALUE = 32'h4652_4E4B;
  localparam logic [31:0] VERSION_VALUE = 32'h0001_0000;

  localparam logic [10:0] ID_WORD = 11'h000;

  localparam logic [10:0] VERSION_WORD = 11'h001;
  localparam int VERSION_MINOR_LSB = 0;
  localparam int VERSION_MINOR_BITS = 16;
  localparam int VERSION_MAJOR_LSB = 16;
  localparam int VERSION_MAJOR_BITS = 16;

  localparam logic [10:0] PARAM0_WORD = 11'h002;
  localparam int PARAM0_UNROLL_LSB = 0;
  localparam int PARAM0_UNROLL_BITS = 8;
  localparam int PARAM0_IN_FLIGHT_LSB = 8;
  localparam int PARAM0_IN_FLIGHT_BITS = 8;
  localparam int PARAM0_RINGS_LSB = 16;
  localparam int PARAM0_RINGS_BITS = 8;

  localparam logic [10:0] PARAM1_WORD = 11'h003;
  localparam int PARAM1_BLOCKS_MAX_LSB = 0;
  localparam int PARAM1_BLOCKS_MAX_BITS = 8;
  localparam int PARAM1_BUFFERS_LSB = 8;
  localparam int PARAM1_BUFFERS_BITS = 8;
  localparam int PARAM1_FIFO_DEPTH_LSB = 16;
  localparam int PARAM1_FIFO_DEPTH_BITS = 16;

  localparam logic [10:0] CTRL_WORD = 11'h004;
  localparam int CTRL_ABORT_LSB = 0;
  localparam int CTRL_ABORT_BITS = 1;
  localparam int CTRL_RESET_LSB = 1;
  localparam int CTRL_RESET_BITS = 1;

  localparam logic [10:0] STATUS_WORD = 11'h005;
  localparam int STATUS_RUNNING_LSB = 0;
  localparam int STATUS_RUNNING_BITS = 1;
  localparam int STATUS_PENDING_LSB = 1;
  localparam int STATUS_PENDING_BITS = 1;
  localparam int STATUS_READY_LSB = 2;
  localparam int STATUS_READY_BITS = 1;
  localparam int STATUS_BUFFER_BUSY_LSB = 4;
  localparam int STATUS_BUFFER_BUSY_BITS = 2;
  localparam int STATUS_RUN_ID_LSB = 16;
  localparam int STATUS_RUN_ID_BITS = 14;

  localparam logic [10:0] ERR_CODE_WORD = 11'h006;
  localparam logic [31:0] ERR_CODE_RESET = 32'h0000_0000;
  localparam int ERR_CODE_CODE_LSB = 0;
  localparam int ERR_CODE_CODE_BITS = 8;
  localparam logic [7:0] ERR_CODE_CODE_NONE = 8'h00;
  localparam logic [7:0] ERR_CODE_CODE_BLOCKS = 8'h01;
  localparam logic [7:0] ERR_CODE_CODE_WORD = 8'h02;
  localparam logic [7:0] ERR_CODE_CODE_RANGE = 8'h03;
  localparam logic [7:0] ERR_CODE_CODE_PENDING = 8'h04;
  localparam logic [7:0] ERR_CODE_CODE_BUFFER = 8'h05;

  localparam logic [10:0] IRQ_STATE_WORD = 11'h007;
  localparam int IRQ_STATE_FIFO_LSB = 0;
  localparam int IRQ_STATE_FIFO_BITS = 1;
  localparam int IRQ_STATE_READY_LSB = 1;
  localparam int IRQ_STATE_READY_BITS = 1;
  localparam int IRQ_STATE_ERROR_LSB = 2;
  localparam int IRQ_STATE_ERROR_BITS = 1;

  localparam logic [10:0] IRQ_ENABLE_WORD = 11'h008;
  localparam logic [31:0] IRQ_ENABLE_RESET = 32'h0000_0000;
  localparam int IRQ_ENABLE_FIFO_LSB = 0;
  localparam int IRQ_ENABLE_FIFO_BITS = 1;
  localparam int IRQ_ENABLE_READY_LSB = 1;
  localparam int IRQ_ENABLE_READY_BITS = 1;
  localparam int IRQ_ENABLE_ERROR_LSB = 2;
  localparam int IRQ_ENABLE_ERROR_BITS = 1;

  localparam logic [10:0] IRQ_TEST_WORD = 11'h009;
  localparam logic [31:0] IRQ_TEST_RESET = 32'h0000_0000;
  localparam int IRQ_TEST_FIFO_LSB = 0;
  localparam int IRQ_TEST_FIFO_BITS = 1;
  localparam int IRQ_TEST_READY_LSB = 1;
  localparam int IRQ_TEST_READY_BITS = 1;
  localparam int IRQ_TEST_ERROR_LSB = 2;
  localparam int IRQ_TEST_ERROR_BITS = 1;

  localparam logic [10:0] START_ID_WORD = 11'h00A;
  localparam logic [31:0] START_ID_RESET = 32'h8000_0000;
  localparam int START_ID_ID_LSB = 0;
  localparam int START_ID_ID_BITS = 14;
  localparam int START_ID_NONE_LSB = 31;
  localparam int START_ID_NONE_BITS = 1;

  localparam logic [10:0] JOB_SHAPE_WORD = 11'h00B;
  localparam logic [31:0] JOB_SHAPE_RESET = 32'h0000_0000;
  localparam int JOB_SHAPE_BLOCKS_LSB = 0;
  localparam int JOB_SHAPE_BLOCKS_BITS = 4;
  localparam int JOB_SHAPE_WORD_LSB = 8;
  localparam int JOB_SHAPE_WORD_BITS = 4;
  localparam int JOB_SHAPE_BUFFER_LSB = 16;
  localparam int JOB_SHAPE_BUFFER_BITS = 1;

  localparam logic [10:0] JOB_TARGET_WORD = 11'h00C;
  localparam logic [31:0] JOB_TARGET_RESET = 32'h0000_0000;

  localparam logic [10:0] JOB_FIRST_WORD = 11'h00D;
  localparam logic [31:0] JOB_FIRST_RESET = 32'h0000_0000;

  localparam logic [10:0] JOB_LAST_WORD = 11'h00E;
  localparam logic [31:0] JOB_LAST_RESET = 32'h0000_0000;

  localparam logic [10:0] POSITION_WORD = 11'h00F;

  localparam logic [10:0] ATTEMPTS_LO_WORD = 11'h010;

  localparam logic [10:0] ATTEMPTS_HI_WORD = 11'h011;

  localparam logic [10:0] HEARTBEAT_WORD = 11'h012;

  localparam logic [10:0] FIFO_LEVEL_WORD = 11'h013;

  localparam logic [10:0] FIFO_DROPPED_WORD = 11'h014;

  localparam logic [10:0] ENTRY_COUNTER_WORD = 11'h015;

  localparam logic [10:0] ENTRY_TAG_WORD = 11'h016;
  localparam int ENTRY_TAG_ID_LSB = 0;
  localparam int ENTRY_TAG_ID_BITS = 14;
  localparam int ENTRY_TAG_END_LSB = 14;
  localparam int ENTRY_TAG_END_BITS = 1;
  localparam int ENTRY_TAG_DROPPED_LSB = 15;
  localparam int ENTRY_TAG_DROPPED_BITS = 1;
  localparam int ENTRY_TAG_SEQUENCE_LSB = 16;
  localparam int ENTRY_TAG_SEQUENCE_BITS = 8;
  localparam int ENTRY_TAG_VALID_LSB = 31;
  localparam int ENTRY_TAG_VALID_BITS = 1;

  localparam logic [10:0] ENTRY_POP_WORD = 11'h017;
  localparam int ENTRY_POP_SEQUENCE_LSB = 0;
  localparam int ENTRY_POP_SEQUENCE_BITS = 8;

  localparam logic [10:0] LOAD_BUFFER_WORD = 11'h018;
  localparam logic [31:0] LOAD_BUFFER_RESET = 32'h0000_0000;
  localparam int LOAD_BUFFER_BUFFER_LSB = 0;
  localparam int LOAD_BUFFER_BUFFER_BITS = 1;

  localparam logic [10:0] TEMPLATE_WORD = 11'h020;
  localparam int TEMPLATE_WINDOW_WORDS = 16;

  localparam logic [10:0] INIT_WORD = 11'h030;
  localparam int INIT_WINDOW_WORDS = 8;

  localparam logic [10:0] KW_WORD = 11'h400;
  localparam int KW_WINDOW_WORDS = 768;
endpackage
// verilator lint_on UNUSED
