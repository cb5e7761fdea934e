// What is proved of frank_kw_ram: no two words of the memory share a place. Of the register file is
// assumed what it is proved to do (frank_regs): no index out of range. So what one job's buffer is
// loaded with never meets what the running job reads from the other, nor the constants K.

  function automatic logic f_in_range(input logic kw, input logic [9:0] index);
    f_in_range = kw ? (32'(index[9:6]) < BlocksMax) : (index < 10'd24);
  endfunction

  always_comb begin
    assume (f_in_range(rkw_i, rindex_i));
    if (we_i) assume (f_in_range(wkw_i, windex_i));
    if (we_i && wkw_i) assume (windex_i[9:6] != 4'd0);

    assert (32'(raddr) < Depth);
    if (we_i) begin
      assert (32'(waddr) < Depth);
      assert (waddr >= 64);  // the constants
      // The place that is read is the place that is written only if it is the same word.
      if (waddr == raddr) begin
        assert (wbuffer_i == rbuffer_i && wkw_i == rkw_i && windex_i == rindex_i);
      end
      if (wbuffer_i == rbuffer_i && wkw_i == rkw_i && windex_i == rindex_i) begin
        assert (waddr == raddr);
      end
    end
    cover (we_i && wkw_i && wbuffer_i && windex_i[9:6] == 4'(BlocksMax - 1));
  end
