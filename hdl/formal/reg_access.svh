// Made by hdl/regs/generate.py from hdl/regs/registers.toml; edit that instead.
//
// What may be done with a word: {it may be read, it may be written}.
  function automatic logic [1:0] f_access(input logic [10:0] word);
    f_access = 2'b00;
    if (word == 0) f_access = 2'b10;  // ID
    if (word == 1) f_access = 2'b10;  // VERSION
    if (word == 2) f_access = 2'b10;  // PARAM0
    if (word == 3) f_access = 2'b10;  // PARAM1
    if (word == 4) f_access = 2'b01;  // CTRL
    if (word == 5) f_access = 2'b10;  // STATUS
    if (word == 6) f_access = 2'b11;  // ERR_CODE
    if (word == 7) f_access = 2'b10;  // IRQ_STATE
    if (word == 8) f_access = 2'b11;  // IRQ_ENABLE
    if (word == 9) f_access = 2'b11;  // IRQ_TEST
    if (word == 10) f_access = 2'b11;  // START_ID
    if (word == 11) f_access = 2'b11;  // JOB_SHAPE
    if (word == 12) f_access = 2'b11;  // JOB_TARGET
    if (word == 13) f_access = 2'b11;  // JOB_FIRST
    if (word == 14) f_access = 2'b11;  // JOB_LAST
    if (word == 15) f_access = 2'b10;  // POSITION
    if (word == 16) f_access = 2'b10;  // ATTEMPTS_LO
    if (word == 17) f_access = 2'b10;  // ATTEMPTS_HI
    if (word == 18) f_access = 2'b10;  // HEARTBEAT
    if (word == 19) f_access = 2'b10;  // FIFO_LEVEL
    if (word == 20) f_access = 2'b10;  // FIFO_DROPPED
    if (word == 21) f_access = 2'b10;  // ENTRY_COUNTER
    if (word == 22) f_access = 2'b10;  // ENTRY_TAG
    if (word == 23) f_access = 2'b01;  // ENTRY_POP
    if (word == 24) f_access = 2'b11;  // LOAD_BUFFER
    if (word >= 32 && word <= 47) f_access = 2'b01;  // TEMPLATE
    if (word >= 48 && word <= 55) f_access = 2'b01;  // INIT
    if (word >= 1024 && word <= 1791) f_access = 2'b01;  // KW
  endfunction
