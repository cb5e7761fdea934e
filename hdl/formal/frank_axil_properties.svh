// What is proved of frank_axil. Nothing is assumed of the master. Of the register file: it answers
// each request once, within f_Latency cycles, and keeps what was read until the next read.

  localparam int f_Latency = 3;
  // A write that is complete, or a read, runs at the latest after one access of the other direction.
  localparam int f_Longest = 2 * (f_Latency + 2);

  logic f_past_valid = 1'b0;
  always_ff @(posedge clk_i) f_past_valid <= 1'b1;
  always_comb if (!f_past_valid) assume (!rst_ni);

  // The register file: busy from a request to its answer.
  logic       f_busy;
  logic [3:0] f_age;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      f_busy <= 1'b0;
      f_age  <= '0;
    end else begin
      if (req_valid_o) f_busy <= 1'b1;
      else if (rsp_valid_i) f_busy <= 1'b0;
      f_age <= req_valid_o ? 4'd1 : f_age + 4'(f_busy);
    end
  end
  always_comb begin
    if (!f_busy) assume (!rsp_valid_i);
    if (f_busy && (f_age == 4'(f_Latency))) assume (rsp_valid_i);
  end
  always_ff @(posedge clk_i) begin
    if (f_past_valid && rst_ni && !(f_busy && !req_write_o)) assume ($stable(rsp_rdata_i));
  end

  // The specification: what the master has handed over and had no response for, of each channel.
  logic [1:0]           f_aw, f_w, f_ar;
  logic [AddrWidth-1:0] f_awaddr, f_araddr;
  logic [31:0]          f_wdata;
  logic [3:0]           f_wstrb;
  logic                 f_berror, f_rerror;
  logic                 f_write_asked, f_read_asked; // the newest was put to the register file
  logic [4:0]           f_write_wait, f_read_wait;

  logic f_aw_now, f_w_now, f_b_now, f_ar_now, f_r_now;
  assign f_aw_now = awvalid_i && awready_o;
  assign f_w_now  = wvalid_i && wready_o;
  assign f_b_now  = bvalid_o && bready_i;
  assign f_ar_now = arvalid_i && arready_o;
  assign f_r_now  = rvalid_o && rready_i;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      f_aw          <= '0;
      f_w           <= '0;
      f_ar          <= '0;
      f_write_asked <= 1'b0;
      f_read_asked  <= 1'b0;
      f_write_wait  <= '0;
      f_read_wait   <= '0;
    end else begin
      f_aw <= f_aw + 2'(f_aw_now) - 2'(f_b_now);
      f_w  <= f_w + 2'(f_w_now) - 2'(f_b_now);
      f_ar <= f_ar + 2'(f_ar_now) - 2'(f_r_now);
      if (f_aw_now) f_awaddr <= awaddr_i;
      if (f_w_now) {f_wstrb, f_wdata} <= {wstrb_i, wdata_i};
      if (f_ar_now) f_araddr <= araddr_i;
      if (req_valid_o && req_write_o) f_write_asked <= 1'b1;
      else if (rsp_valid_i && req_write_o) f_write_asked <= 1'b0;
      if (req_valid_o && !req_write_o) f_read_asked <= 1'b1;
      else if (rsp_valid_i && !req_write_o) f_read_asked <= 1'b0;
      if (rsp_valid_i && req_write_o) f_berror <= rsp_error_i;
      if (rsp_valid_i && !req_write_o) f_rerror <= rsp_error_i;
      f_write_wait <= (f_aw != '0 && f_w != '0 && !bvalid_o) ? f_write_wait + 5'd1 : '0;
      f_read_wait  <= (f_ar != '0 && !rvalid_o) ? f_read_wait + 5'd1 : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (f_past_valid && !$past(rst_ni)) assert (!bvalid_o && !rvalid_o && !req_valid_o);
    if (f_past_valid && rst_ni && $past(rst_ni)) begin
      // A response stays as it is until the master takes it.
      if ($past(bvalid_o && !bready_i)) assert (bvalid_o && $stable(bresp_o));
      if ($past(rvalid_o && !rready_i)) assert (rvalid_o && $stable(rresp_o) && $stable(rdata_o));
      // No response without address and data; as many responses as requests, and no more.
      if (bvalid_o) assert (f_aw != '0 && f_w != '0);
      if (rvalid_o) assert (f_ar != '0);
      assert (f_aw <= 2 && f_w <= 2 && f_ar <= 2);
      // A response for every request, in time.
      assert (f_write_wait <= f_Longest);
      assert (f_read_wait <= f_Longest);
      // SLVERR exactly for what the register file refused.
      if (bvalid_o) assert (bresp_o == (f_berror ? 2'b10 : 2'b00));
      if (rvalid_o) assert (rresp_o == (f_rerror ? 2'b10 : 2'b00));

      // Towards the register file: one request at a time, of what was handed over, once.
      if (req_valid_o) assert (!f_busy);
      if (req_valid_o && req_write_o) begin
        assert (f_aw != '0 && f_w != '0 && !f_write_asked && !bvalid_o);
        assert (req_addr_o == f_awaddr && req_wdata_o == f_wdata);
        assert (req_full_o == (f_wstrb == 4'hf));
      end
      if (req_valid_o && !req_write_o) begin
        assert (f_ar != '0 && !f_read_asked && !rvalid_o);
        assert (req_addr_o == f_araddr && req_full_o);
      end
      if (f_busy) begin
        assert ($stable(req_write_o) && $stable(req_addr_o));
        if (req_write_o) assert ($stable(req_wdata_o));
        assert ($stable(req_full_o));
      end
      // A response follows the answer at once, and nothing else.
      if ($past(rsp_valid_i && req_write_o)) assert (bvalid_o);
      if ($past(rsp_valid_i && !req_write_o)) assert (rvalid_o);
      if ($past(!(rsp_valid_i && req_write_o)) && !$past(bvalid_o)) assert (!bvalid_o);
      if ($past(!(rsp_valid_i && !req_write_o)) && !$past(rvalid_o)) assert (!rvalid_o);

      // How it does so: what induction needs.
      assert (f_aw == 2'(aw_full_q) + 2'(bvalid_q));
      assert (f_w == 2'(w_full_q) + 2'(bvalid_q));
      assert (f_ar == 2'(ar_full_q) + 2'(rvalid_q));
      assert (f_busy == (state_q == StWait));
      assert (state_q != 2'd3);
      if (f_busy) assert (f_age >= 4'd1 && f_age <= 4'(f_Latency));
      if (state_q != StIdle && write_q) assert (aw_full_q && w_full_q && !bvalid_q);
      if (state_q != StIdle && !write_q) assert (ar_full_q && !rvalid_q);
      if (aw_full_q) assert (awaddr_q == f_awaddr);
      if (w_full_q) assert (wdata_q == f_wdata && wfull_q == (f_wstrb == 4'hf));
      if (ar_full_q) assert (araddr_q == f_araddr);
      assert (f_write_asked == (f_busy && write_q));
      assert (f_read_asked == (f_busy && !write_q));
      if (bvalid_q) assert (berror_q == f_berror);
      if (rvalid_q) assert (rerror_q == f_rerror);
      // How long each has waited, by what runs.
      case (state_q)
        StIdle: begin
          if (can_write) assert (f_write_wait <= (write_q ? 5'd0 : 5'(f_Latency + 2)));
          if (can_read) assert (f_read_wait <= (write_q ? 5'(f_Latency + 2) : 5'd0));
          if (can_read && f_read_wait != '0) assert (bvalid_q);  // so that the read is next
        end
        StRequest: begin
          if (can_write) assert (f_write_wait <= (write_q ? 5'(f_Latency + 3) : 5'd1));
          if (can_read) assert (f_read_wait <= (write_q ? 5'd1 : 5'(f_Latency + 3)));
        end
        default: begin
          if (can_write) assert (f_write_wait <= (write_q ? 5'(f_Latency + 3) : 5'd1) + 5'(f_age));
          if (can_read) assert (f_read_wait <= (write_q ? 5'd1 : 5'(f_Latency + 3)) + 5'(f_age));
        end
      endcase

      cover (bvalid_o && !bready_i && rvalid_o && !rready_i);
      cover (f_aw == 2 && f_ar == 2);
      cover (bvalid_o && bresp_o == 2'b10 && $past(rvalid_o && rresp_o == 2'b00));
      cover (f_read_wait == 5'(f_Longest));
    end
  end
