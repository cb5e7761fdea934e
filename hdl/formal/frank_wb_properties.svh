// What is proved of frank_wb. Nothing is assumed of the master, but where a property is about a
// master that keeps the protocol. The register file answers each request once, within f_Latency
// cycles.

  localparam int f_Latency = 3;
  localparam int f_Longest = f_Latency + 2;

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);

  logic       f_busy;
  logic [3:0] f_age;
  logic       f_error;  // what the register file answered last
  logic       f_write;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      f_busy <= 1'b0;
      f_age  <= '0;
    end else begin
      if (req_valid_o) f_busy <= 1'b1;
      else if (rsp_valid_i) f_busy <= 1'b0;
      f_age <= req_valid_o ? 4'd1 : f_age + 4'(f_busy);
      if (rsp_valid_i) f_error <= rsp_error_i;
    end
  end
  always_comb begin
    if (!f_busy) assume (!rsp_valid_i);
    if (f_busy && (f_age == 4'(f_Latency))) assume (rsp_valid_i);
  end

  // The specification. An access begins with a strobe that no response is for; the master is patient
  // if it has held it as it was since.
  logic                 f_open;     // an access was begun, and no response came yet
  logic                 f_patient;
  logic [AddrWidth-3:0] f_adr;
  logic [31:0]          f_dat;
  logic [3:0]           f_sel;
  logic [1:0]           f_asked;    // requests made for it
  logic [4:0]           f_wait;
  logic f_strobe, f_begin, f_reply;
  assign f_strobe = cyc_i && stb_i;
  assign f_reply  = ack_o || err_o;
  assign f_begin  = f_strobe && !f_reply && !f_open && !f_busy;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      f_open    <= 1'b0;
      f_patient <= 1'b0;
      f_asked   <= '0;
      f_wait    <= '0;
    end else if (f_begin) begin
      f_open    <= 1'b1;
      f_patient <= 1'b1;
      f_asked   <= '0;
      f_wait    <= 5'd1;
      {f_write, f_adr, f_dat, f_sel} <= {we_i, adr_i, dat_i, sel_i};
    end else begin
      if (f_reply || (f_open && rsp_valid_i && !(f_patient && f_strobe))) f_open <= 1'b0;
      if (f_open && !f_strobe) f_patient <= 1'b0;
      if (req_valid_o) f_asked <= f_asked + 2'd1;
      f_wait <= f_wait + 5'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (f_past_valid && !$past(rst_ni)) assert (!ack_o && !err_o && !req_valid_o);
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      // One response, of one cycle, only to a strobe, and only after the register file's.
      assert (!(ack_o && err_o));
      if (f_reply) assert (f_open && f_patient && $past(f_strobe) && !$past(f_reply));
      if (f_reply) assert ($past(rsp_valid_i) && f_asked == 2'd1);
      // A patient master gets it, in time.
      if (f_open && f_patient && $past(f_patient && f_open && rsp_valid_i && f_strobe))
        assert (f_reply);
      if (f_open) assert (f_wait <= f_Longest + 1);
      // ERR exactly for what the register file refused.
      if (f_reply) assert (err_o == f_error);
      // Each access is one request, of what the master held when it began.
      if (req_valid_o) begin
        assert (f_open && !f_busy && f_asked == 2'd0);
        assert (req_write_o == f_write && req_addr_o == {f_adr, 2'b00} && req_wdata_o == f_dat);
        assert (req_full_o == (f_sel == 4'hf));
      end
      if (f_busy) begin
        assert ($stable(req_write_o) && $stable(req_addr_o));
        if (req_write_o) assert ($stable(req_wdata_o));
        assert ($stable(req_full_o));
      end

      // How it does so: what induction needs.
      assert (state_q != 2'd3);
      assert (f_busy == (state_q == StWait));
      if (f_open) assert (f_asked == 2'(state_q != StRequest));
      if (state_q != StIdle) begin
        assert (f_open && (wanted_q == f_patient));
        assert (write_q == f_write && word_q == f_adr && wdata_q == f_dat);
        assert (full_q == (f_sel == 4'hf));
      end
      if (f_open && (state_q == StIdle)) assert (f_reply);
      if (state_q == StRequest) assert (f_wait == 5'd1);
      if (f_busy) assert (f_age >= 4'd1 && f_age <= 4'(f_Latency) && f_wait == 5'(f_age) + 5'd1);

      cover (ack_o && $past(ack_o, 5));
      cover (err_o && we_i);
      cover (f_open && !f_patient && f_busy);
    end
  end
