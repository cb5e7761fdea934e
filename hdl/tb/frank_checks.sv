// Assertions on the core's inside, for the checking builds of the model only: bound to the modules
// from here, because the tools that read hdl/rtl for synthesis and proof refuse concurrent ones.

// Several small modules, used nowhere else; and `disable iff` reads the reset with the clock.
// verilator lint_off DECLFILENAME
// verilator lint_off SYNCASYNCNET

`define FRANK_ASSERT(name, what) \
  name: assert property (@(posedge clk_i) disable iff (!rst_ni) what)

/// What the FIFO counts and offers.
module frank_fifo_checks #(
  parameter int Depth = 16,
  parameter int LevelWidth = 5
) (
  input logic                     clk_i,
  input logic                     rst_ni,
  input logic                     clear_i,
  input logic                     hit_valid_i,
  input logic                     end_valid_i,
  input logic                     end_ready_o,
  input logic [31:0]              end_counter_i,
  input logic                     head_valid_o,
  input logic [31:0]              head_counter_o,
  input logic [7:0]               head_sequence_o,
  input logic                     push,
  input logic                     pop,
  input logic [LevelWidth-1:0]    level_q,
  input logic [$clog2(Depth)-1:0] write_q
);

  `FRANK_ASSERT(level_in_bounds, level_q <= LevelWidth'(Depth));
  `FRANK_ASSERT(never_both, !(hit_valid_i && end_valid_i));
  `FRANK_ASSERT(no_push_when_full, push |-> level_q != LevelWidth'(Depth));
  `FRANK_ASSERT(no_pop_when_empty, pop |-> level_q != '0);
  `FRANK_ASSERT(head_is_an_entry, head_valid_o |-> level_q != '0);
  `FRANK_ASSERT(head_stays, head_valid_o && !pop && !clear_i |=>
                               head_valid_o && $stable(head_counter_o) && $stable(head_sequence_o));
  `FRANK_ASSERT(level_is_the_distance, 
    level_q[$clog2(Depth)-1:0] == write_q - head_sequence_o[$clog2(Depth)-1:0]);
  `FRANK_ASSERT(end_stays, end_valid_i && !end_ready_o && !clear_i |=>
                              end_valid_i && $stable(end_counter_i));
endmodule
bind frank_fifo frank_fifo_checks #(.Depth(Depth), .LevelWidth(LevelWidth)) u_checks (.*);

/// The states of a job.
module frank_sequencer_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        clear_i,
  input logic        job_valid_i,
  input logic [3:0]  job_blocks_i,
  input logic [3:0]  job_word_i,
  input logic [31:0] job_first_i,
  input logic [31:0] job_last_i,
  input logic        job_take_o,
  input logic        abort_i,
  input logic        running_o,
  input logic        run_o,
  input logic        attempt_o,
  input logic [31:0] position_o,
  input logic        end_valid_o,
  input logic        end_ready_i,
  input logic [2:0]  state_q,
  input logic [31:0] last_q
);

  `FRANK_ASSERT(state_is_one, state_q <= 3'd4);
  `FRANK_ASSERT(job_is_possible, job_take_o |-> job_blocks_i != 4'd0 && job_word_i <= 4'd14 &&
                                                   job_first_i <= job_last_i);
  `FRANK_ASSERT(taken_when_idle, job_take_o |-> job_valid_i && !running_o);
  `FRANK_ASSERT(taken_at_once, job_valid_i && !running_o && !clear_i |-> job_take_o);
  `FRANK_ASSERT(starts_at_first, job_take_o |=> position_o == $past(job_first_i) && running_o);
  `FRANK_ASSERT(attempts_when_running, attempt_o |-> run_o && position_o <= last_q);
  `FRANK_ASSERT(position_counts, attempt_o |=> position_o == $past(position_o) + 32'd1);
  `FRANK_ASSERT(last_one_ends, attempt_o && (position_o == last_q) |=> !run_o);
  `FRANK_ASSERT(abort_ends, abort_i && run_o |=> !run_o);
  `FRANK_ASSERT(clear_ends, clear_i |=> !running_o);
  `FRANK_ASSERT(end_is_running, end_valid_o |-> running_o && !run_o);
  `FRANK_ASSERT(end_is_taken, end_valid_o && end_ready_i |=> !end_valid_o);
endmodule
bind frank_sequencer frank_sequencer_checks u_checks (.*);

/// The beat of the ring.
module frank_beat_checks #(
  parameter int Unroll = 8,
  parameter int SlotWidth = 4
) (
  input logic                 clk_i,
  input logic                 rst_ni,
  input logic                 run_i,
  input logic                 run_q,
  input logic [SlotWidth-1:0] slot_q,
  input logic                 window_load_o,
  input logic                 window_zero_o,
  input logic                 block_end_o,
  input logic                 restart_o,
  input logic                 kw_read_o,
  input logic [Unroll-1:0]    kw_load_o,
  input logic                 leave_o
);

  `FRANK_ASSERT(slot_in_bounds, run_q |-> slot_q <= SlotWidth'(Unroll));
  `FRANK_ASSERT(one_stage_loads, $onehot0(kw_load_o));
  `FRANK_ASSERT(load_follows_read, kw_read_o |=> kw_load_o != '0);
  `FRANK_ASSERT(one_window, !(window_load_o && window_zero_o));
  `FRANK_ASSERT(restart_ends_a_block, restart_o |-> block_end_o);
  `FRANK_ASSERT(leaves_after_a_restart, leave_o |-> $past(restart_o, 2));
  `FRANK_ASSERT(rests_when_stopped, !run_i |=> !leave_o && !block_end_o && !kw_read_o);
endmodule
bind frank_beat frank_beat_checks #(.Unroll(Unroll), .SlotWidth(SlotWidth)) u_checks (.*);

/// The rules of AXI4-Lite that a slave has to keep.
module frank_axil_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        bvalid_o,
  input logic        bready_i,
  input logic [1:0]  bresp_o,
  input logic        rvalid_o,
  input logic        rready_i,
  input logic [31:0] rdata_o,
  input logic [1:0]  rresp_o,
  input logic        req_valid_o,
  input logic        rsp_valid_i
);

  `FRANK_ASSERT(b_stays, bvalid_o && !bready_i |=> bvalid_o && $stable(bresp_o));
  `FRANK_ASSERT(r_stays, rvalid_o && !rready_i |=>
                            rvalid_o && $stable(rdata_o) && $stable(rresp_o));
  `FRANK_ASSERT(b_is_known, bvalid_o |-> !bresp_o[0]);
  `FRANK_ASSERT(r_is_known, rvalid_o |-> !rresp_o[0]);
  `FRANK_ASSERT(refused_reads_zero, rvalid_o && rresp_o != 2'b00 |-> rdata_o == '0);
  `FRANK_ASSERT(one_request, req_valid_o |=> !req_valid_o);
  `FRANK_ASSERT(answered_in_two, rsp_valid_i |-> $past(req_valid_o, 2));
endmodule
bind frank_axil frank_axil_checks u_checks (.*);

/// Memory that a job reads is not written meanwhile, and what waits stays as it is.
module frank_search_checks (
  input logic        clk_i,
  input logic        rst_ni,
  input logic        clear_i,
  input logic        mem_we_i,
  input logic        mem_buffer_i,
  input logic        abort_i,
  input logic        job_valid_i,
  input logic [13:0] job_id_i,
  input logic        job_buffer_i,
  input logic [31:0] job_first_i,
  input logic [31:0] job_last_i,
  input logic        job_take_o,
  input logic        running_o,
  input logic        run_buffer_o,
  input logic        hit_valid_o,
  input logic        end_valid_o
);

  `FRANK_ASSERT(buffer_is_locked, mem_we_i && running_o |-> mem_buffer_i != run_buffer_o);
  // An ABORT withdraws it, also in the one cycle between two jobs, in which abort_i stays low.
  `FRANK_ASSERT(job_stays, job_valid_i && !job_take_o && !clear_i |=> !job_valid_i ||
                              $stable(job_id_i) && $stable(job_buffer_i) &&
                              $stable(job_first_i) && $stable(job_last_i));
  `FRANK_ASSERT(hits_before_the_end, !(hit_valid_o && end_valid_o));
  `FRANK_ASSERT(hits_of_a_job, hit_valid_o |-> running_o);
endmodule
bind frank_search frank_search_checks u_checks (.*);
