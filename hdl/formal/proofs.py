"""What hdl/formal/run proves, and the mutations that it must refute."""
import dataclasses
import enum


class Method(enum.Enum):
    BMC = "bmc"
    INDUCTION = "induction"
    COVER = "cover"


@dataclasses.dataclass
class Proof:
    name: str
    top: str
    sources: list        # of hdl/rtl, without .sv: read with their properties
    quick: list          # (method, depth in cycles) of every run of the tests: takes seconds
    long: list = dataclasses.field(default_factory=list)   # the rest
    below: list = dataclasses.field(default_factory=list)  # read without
    parameters: dict = dataclasses.field(default_factory=dict)
    seconds: int = 1200  # the time limit of each method


@dataclasses.dataclass
class Mutation:
    proof: str
    what: str            # what the broken design does
    source: str          # of hdl/rtl, without .sv
    old: str             # occurs there once
    new: str
    # How it is found: by a way from reset to a wrong state; or, where that would take long, in that
    # induction does not go through any more.
    method: Method = Method.BMC
    depth: int = 0       # cycles that bmc may need to find it, if not the proof's own


PROOFS = [
    Proof("fifo", "frank_fifo", ["frank_ram", "frank_fifo"],
          [(Method.BMC, 8), (Method.INDUCTION, 3)],
          [(Method.BMC, 16), (Method.COVER, 20)], parameters={"Depth": 4}),
    Proof("axil", "frank_axil", ["frank_axil"],
          [(Method.BMC, 12), (Method.INDUCTION, 3)],
          [(Method.BMC, 30), (Method.COVER, 25)]),
    Proof("wb", "frank_wb", ["frank_wb"],
          [(Method.BMC, 12), (Method.INDUCTION, 3), (Method.COVER, 20)],
          [(Method.BMC, 40)]),
    Proof("regs", "frank_regs", ["frank_regs"],
          [(Method.BMC, 5), (Method.INDUCTION, 3)],
          [(Method.BMC, 9), (Method.COVER, 16)],
          below=["frank_reg_pkg", "frank_ram", "frank_fifo"], parameters={"FifoDepth": 4}),
    Proof("sequencer", "frank_sequencer", ["frank_sequencer"],
          [(Method.BMC, 8), (Method.INDUCTION, 3)],
          [(Method.BMC, 14), (Method.COVER, 33)]),
    Proof("kw_ram", "frank_kw_ram", ["frank_kw_ram"],
          [(Method.BMC, 1), (Method.INDUCTION, 1), (Method.COVER, 1)]),
    Proof("beat", "frank_beat", ["frank_beat"],
          [(Method.BMC, 12), (Method.INDUCTION, 6)],
          [(Method.BMC, 40), (Method.COVER, 30)], parameters={"Unroll": 16}),
]

MUTATIONS = [
    Mutation("fifo", "takes hits up to the last place", "frank_fifo",
             "LevelWidth'(Depth - 2)", "LevelWidth'(Depth)"),
    Mutation("fifo", "drops an END where hits are dropped", "frank_fifo",
             "assign push        = hit_taken || end_taken;",
             "assign push        = hit_taken || (end_taken && level_q < FullForHits);"),
    Mutation("fifo", "pops without looking at the number", "frank_fifo",
             " && (pop_sequence_i == sequence_q)", ""),
    Mutation("fifo", "offers an entry a cycle early", "frank_fifo",
             "head_valid_q <= (level_q != '0) && !pop;",
             "head_valid_q <= (level_q != '0 || push) && !pop;"),
    Mutation("fifo", "offers the popped entry again", "frank_fifo",
             "head_valid_q <= (level_q != '0) && !pop;", "head_valid_q <= (level_q != '0);"),
    Mutation("fifo", "does not count what it drops", "frank_fifo",
             "if (hit_dropped) dropped_q <=", "if (hit_dropped && head_valid_q) dropped_q <="),
    Mutation("fifo", "keeps the mark of dropped hits for the next job", "frank_fifo",
             "else if (end_taken) job_dropped_q <= 1'b0;", ""),
    Mutation("fifo", "a clear leaves the level", "frank_fifo",
             """      sequence_q    <= '0;
      level_q       <= '0;
      head_valid_q  <= 1'b0;
      job_dropped_q <= 1'b0;
      dropped_q     <= '0;
    end else begin""", """      sequence_q    <= '0;
      head_valid_q  <= 1'b0;
      job_dropped_q <= 1'b0;
      dropped_q     <= '0;
    end else begin"""),
    Mutation("fifo", "stores the hit's counter with an END", "frank_fifo",
             "end_valid_i ? end_counter_i : hit_counter_i", "hit_counter_i"),

    Mutation("axil", "answers a write without its data", "frank_axil",
             "assign can_write  = aw_full_q && w_full_q &&", "assign can_write  = aw_full_q &&"),
    Mutation("axil", "drops a response that is not taken", "frank_axil",
             "end else if (bready_i) begin", "end else begin"),
    Mutation("axil", "takes a second address over the first", "frank_axil",
             "assign arready_o = !ar_full_q;", "assign arready_o = 1'b1;"),
    Mutation("axil", "reads while a response waits, and changes its data", "frank_axil",
             "ar_full_q && !rvalid_q;", "ar_full_q;"),
    Mutation("axil", "says OKAY to a refused write", "frank_axil",
             "assign bresp_o   = berror_q ? RespSlvErr : RespOkay;", "assign bresp_o   = RespOkay;"),
    Mutation("axil", "takes a write of three bytes for whole", "frank_axil",
             "<= &wstrb_i;", "<= &wstrb_i[3:1];"),
    Mutation("axil", "reads wait behind an address without data", "frank_axil",
             "ar_full_q && !rvalid_q;", "ar_full_q && !rvalid_q && !aw_full_q;", depth=16),
    Mutation("axil", "answers a write twice", "frank_axil",
             """      end else if (write_done) begin
        w_full_q <= 1'b0;""", """      end else if (write_done && !wfull_q) begin
        w_full_q <= 1'b0;"""),
    Mutation("axil", "asks with the address of the other direction", "frank_axil",
             "write_q ? awaddr_q : araddr_q", "write_q ? araddr_q : awaddr_q"),

    Mutation("wb", "acknowledges what was refused", "frank_wb",
             "ack_q    <= ends && wanted_q && strobe && !rsp_error_i;",
             "ack_q    <= ends && wanted_q && strobe;"),
    Mutation("wb", "begins again on the strobe of a response", "frank_wb",
             "strobe && !ack_q && !err_q;", "strobe;"),
    Mutation("wb", "answers a cycle that the master gave up", "frank_wb",
             "wanted_q <= strobe && (begins || wanted_q);", "wanted_q <= begins || wanted_q;"),
    Mutation("wb", "never answers", "frank_wb",
             "wanted_q <= strobe && (begins || wanted_q);", "wanted_q <= strobe && begins;"),
    Mutation("wb", "takes a part of a word for all of it", "frank_wb",
             "full_q  <= &sel_i;", "full_q  <= |sel_i;"),

    Mutation("regs", "a register can be read that may only be written", "frank_regs",
             "frank_reg_pkg::ENTRY_POP_WORD: {low_readable, low_writable} = 2'b01;",
             "frank_reg_pkg::ENTRY_POP_WORD: {low_readable, low_writable} = 2'b11;", depth=6),
    Mutation("regs", "K+W of block 0 can be written", "frank_regs",
             "(kw_block != 4'd0) && ", "", depth=6),
    Mutation("regs", "misaligned accesses are carried out", "frank_regs",
             "req_full_i && (req_addr_i[1:0] == 2'b00)", "req_full_i", depth=6),
    Mutation("regs", "a repeated START starts again", "frank_regs",
             "(low_word == frank_reg_pkg::START_ID_WORD) && !same_start_q;",
             "(low_word == frank_reg_pkg::START_ID_WORD);", Method.INDUCTION),
    Mutation("regs", "a job of no blocks is started", "frank_regs",
             "(job_blocks_q == 4'd0) || ", "", depth=9),
    Mutation("regs", "FIRST above LAST is started", "frank_regs",
             "else if (job_first_q > job_last_q) code = CodeRange;", "", Method.INDUCTION),
    Mutation("regs", "the second error replaces the first", "frank_regs",
             "else if (execute_q && (err_code_q == CodeNone)) err_code_q <= code_q;",
             "else if (execute_q && (code_q != CodeNone)) err_code_q <= code_q;", Method.INDUCTION),
    Mutation("regs", "a job that runs has its buffer overwritten", "frank_regs",
             "assign buffer_busy[0] = (pending_q && !job_buffer_q) || (running_i && !run_buffer_i);",
             "assign buffer_busy[0] = (pending_q && !job_buffer_q);", Method.INDUCTION),
    Mutation("regs", "an abort leaves the job that waits", "frank_regs",
             "if (clear_q || abort_q || job_take_i) pending_q <= 1'b0;",
             "if (clear_q || job_take_i) pending_q <= 1'b0;", Method.INDUCTION),
    Mutation("regs", "ATTEMPTS loses its carry", "frank_regs",
             "attempts_hi_q    <= attempts_hi_q + 32'(attempts_carry_q);", "attempts_hi_q <= '0;", Method.INDUCTION),

    Mutation("sequencer", "takes a job while one runs", "frank_sequencer",
             "assign job_take_o = (state_q == StIdle) &&", "assign job_take_o = (state_q != StEnd) &&"),
    Mutation("sequencer", "ends no job after an abort", "frank_sequencer",
             "StFlush: state_d = StEnd;", "StFlush: state_d = abort_i ? StIdle : StEnd;"),
    Mutation("sequencer", "drops an END that is not taken", "frank_sequencer",
             "if (end_ready_i) begin", "if (end_ready_i || abort_i) begin"),
    Mutation("sequencer", "a clear tells an END", "frank_sequencer",
             """    if (clear_i) begin
      state_d = StIdle;
    end""", """    if (clear_i) begin
      state_d = StEnd;
    end"""),
    Mutation("sequencer", "examines counters after the last", "frank_sequencer",
             "(attempt_o && (position_q == last_q))", "(attempt_o && (position_q > last_q))", Method.INDUCTION),
    Mutation("sequencer", "starts before the state is copied", "frank_sequencer",
             "localparam logic [4:0] CopyLast = 5'd23;", "localparam logic [4:0] CopyLast = 5'd3;", Method.INDUCTION),

    Mutation("kw_ram", "both jobs share a buffer", "frank_kw_ram",
             "assign woffset = wbuffer_i ? RowWidth'(BlocksMax - 1) : '0;", "assign woffset = '0;"),
    Mutation("kw_ram", "the buffers overlap by a block", "frank_kw_ram",
             "assign woffset = wbuffer_i ? RowWidth'(BlocksMax - 1) : '0;",
             "assign woffset = wbuffer_i ? RowWidth'(BlocksMax - 2) : '0;"),

    Mutation("beat", "reads the words of a block that is not there", "frank_beat",
             "word_block_q <= (word_block_q == block_last_i) ?",
             "word_block_q <= (word_block_q > block_last_i) ?", Method.INDUCTION),
    Mutation("beat", "a stage does not get its word", "frank_beat",
             "kw_load3_q <= read2_q ?", "kw_load3_q <= read2_q && !window_load_o ?", Method.INDUCTION),
]
