/*
 * The AXI4-Lite port at its pins: all five channels stalled at random and not at all, address and
 * data of a write in any order, several accesses on their way, addresses and strobes that must be
 * refused, the reset line in the middle of it. Checked are the rules of the protocol (AMBA AXI4,
 * A3.2: an offer stays until it is taken) and every answer against a model of the registers.
 */
#include "hdl/sim/model.h"

#include "driver/registers.h"

#include <cinttypes>
#include <cstring>
#include <deque>
#include <map>
#include <set>

extern "C" {
#include "hdl/tb/bench.h"
}

namespace
{

constexpr uint8_t OKAY = 0;
constexpr uint8_t SLVERR = 2;
/* An access that meets no stall takes a few cycles. */
constexpr unsigned QUIET_CYCLES_MAX = 4000;

/* A register of the model: what reads back of a write. */
const std::map<uint32_t, uint32_t> &writable()
{
  static const std::map<uint32_t, uint32_t> masks = {
      {FRANK_FPGA_REG_IRQ_ENABLE, 0x7},
      {FRANK_FPGA_REG_IRQ_TEST, 0x7},
      {FRANK_FPGA_REG_JOB_SHAPE, FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_MASK |
                                     FRANK_FPGA_REG_JOB_SHAPE_WORD_MASK |
                                     FRANK_FPGA_REG_JOB_SHAPE_BUFFER_MASK},
      {FRANK_FPGA_REG_JOB_TARGET, 0xffffffff},
      {FRANK_FPGA_REG_JOB_FIRST, 0xffffffff},
      {FRANK_FPGA_REG_JOB_LAST, 0xffffffff},
      {FRANK_FPGA_REG_LOAD_BUFFER, 0x1},
  };
  return masks;
}

const std::map<uint32_t, uint32_t> &constant()
{
  static const std::map<uint32_t, uint32_t> values = {
      {FRANK_FPGA_REG_ID, FRANK_FPGA_ID},
      {FRANK_FPGA_REG_VERSION, FRANK_FPGA_VERSION_MAJOR << 16 | FRANK_FPGA_VERSION_MINOR},
      {FRANK_FPGA_REG_STATUS, FRANK_FPGA_REG_STATUS_READY_MASK},
      {FRANK_FPGA_REG_ERR_CODE, 0},
      {FRANK_FPGA_REG_ATTEMPTS_LO, 0},
      {FRANK_FPGA_REG_ATTEMPTS_HI, 0},
      {FRANK_FPGA_REG_FIFO_LEVEL, 0},
      {FRANK_FPGA_REG_FIFO_DROPPED, 0},
      {FRANK_FPGA_REG_ENTRY_TAG, 0},
  };
  return values;
}

/* Read: past the registers, windows that cannot be read, commands, addresses that are not aligned.
 */
const uint32_t NOT_READABLE[] = {
    FRANK_FPGA_REG_CTRL,
    FRANK_FPGA_REG_ENTRY_POP,
    FRANK_FPGA_REG_TEMPLATE,
    FRANK_FPGA_REG_INIT,
    FRANK_FPGA_REG_KW + 256,
    0x064,
    0x07c,
    0x0e0,
    0x100,
    0x800,
    0xffc,
    0x1ffc,
    FRANK_FPGA_REG_ID + 1,
    FRANK_FPGA_REG_ID + 2,
    FRANK_FPGA_REG_ID + 3,
    FRANK_FPGA_REG_JOB_LAST + 1,
};
const uint32_t NOT_WRITABLE[] = {
    FRANK_FPGA_REG_ID,
    FRANK_FPGA_REG_VERSION,
    FRANK_FPGA_REG_STATUS,
    FRANK_FPGA_REG_POSITION,
    FRANK_FPGA_REG_HEARTBEAT,
    FRANK_FPGA_REG_ENTRY_TAG,
    0x064,
    0x0e0,
    0x100,
    0xffc,
    FRANK_FPGA_REG_KW,        /* block 0 */
    FRANK_FPGA_REG_KW + 0xfc, /* likewise */
    FRANK_FPGA_REG_KW + 256 * 12,
    0x1ffc,
    FRANK_FPGA_REG_JOB_FIRST + 1,
    FRANK_FPGA_REG_JOB_FIRST + 2,
    FRANK_FPGA_REG_TEMPLATE + 3,
};

struct write_access {
  uint32_t addr, data;
  uint8_t strobes;
  bool refused;
};

struct read_access {
  uint32_t addr;
  bool refused;
  std::set<uint32_t> allowed; /* empty: anything */
};

/* How often each channel moves, in 256ths. */
struct pace {
  unsigned aw, w, b, ar, r;
};

class master
{
public:
  explicit master(frank_sim_model *model) : core(model)
  {
    std::memset(&in, 0, sizeof in);
    in.rst_n = true;
    clear();
  }

  /* Runs `count` writes and as many reads. */
  void run(unsigned count, const pace &at)
  {
    unsigned quiet = 0;
    unsigned writes = 0;
    unsigned reads = 0;
    while (writes < count || reads < count || busy()) {
      bool stirred = offer(writes, reads, count, at);
      stirred = clock() || stirred;
      quiet = stirred ? 0 : quiet + 1;
      if (quiet > QUIET_CYCLES_MAX) {
        fail_msg("nothing moved for %u cycles", quiet);
      }
    }
  }

  /* Pulls the reset line with accesses on their way: nothing is offered afterwards. */
  void pull()
  {
    unsigned writes = 0;
    unsigned reads = 0;
    const pace some = {200, 200, 20, 200, 20};
    for (size_t i = bench_below(30); i > 0; i--) {
      (void)offer(writes, reads, 1000, some);
      (void)clock();
    }
    std::memset(&in, 0, sizeof in);
    for (unsigned i = 0; i < 3; i++) {
      frank_sim_outputs out;
      core->step(in, &out);
      if (i > 0) {
        assert_false(out.bvalid || out.rvalid || out.irq);
      }
    }
    in.rst_n = true;
    clear();
  }

private:
  bool busy() const
  {
    return in.awvalid || in.wvalid || in.arvalid || !answers.empty() || !reading.empty();
  }

  void clear()
  {
    waiting_addresses.clear();
    waiting_data.clear();
    answers.clear();
    reading.clear();
    held_b = held_r = false;
    for (const auto &at : writable()) {
      committed[at.first] = 0;
    }
  }

  static bool chance(unsigned of256)
  {
    return bench_below(256) < of256;
  }

  write_access make_write()
  {
    write_access made = {0, bench_random32(), 0xf, false};
    size_t kind = bench_below(8);
    if (kind == 0) {
      made.addr = NOT_WRITABLE[bench_below(sizeof NOT_WRITABLE / sizeof NOT_WRITABLE[0])];
      made.refused = true;
    } else {
      auto at = writable().begin();
      std::advance(at, bench_below(writable().size()));
      made.addr = at->first;
      if (kind == 1) {
        made.strobes = static_cast<uint8_t>(bench_below(15));
        made.refused = true;
      }
    }
    return made;
  }

  read_access make_read()
  {
    read_access made = {0, false, {}};
    size_t kind = bench_below(8);
    if (kind == 0) {
      made.addr = NOT_READABLE[bench_below(sizeof NOT_READABLE / sizeof NOT_READABLE[0])];
      made.refused = true;
    } else if (kind < 3) {
      auto at = constant().begin();
      std::advance(at, bench_below(constant().size()));
      made.addr = at->first;
      made.allowed.insert(at->second);
    } else {
      auto at = writable().begin();
      std::advance(at, bench_below(writable().size()));
      made.addr = at->first;
      made.allowed.insert(committed[made.addr]);
      for (const write_access &write : answers) {
        allow(&made, write);
      }
    }
    return made;
  }

  static void allow(read_access *read, const write_access &write)
  {
    if (!write.refused && write.addr == read->addr) {
      read->allowed.insert(write.data & writable().at(write.addr));
    }
  }

  /* Decides what is offered in this cycle; what is offered stays. */
  bool offer(unsigned &writes, unsigned &reads, unsigned count, const pace &at)
  {
    bool stirred = false;
    if (writes < count && answers.size() < 4) {
      write_access made = make_write();
      waiting_addresses.push_back(made);
      waiting_data.push_back(made);
      answers.push_back(made);
      for (read_access &read : reading) {
        allow(&read, made);
      }
      writes++;
    }
    if (!in.awvalid && !waiting_addresses.empty() && chance(at.aw)) {
      in.awvalid = true;
      in.awaddr = static_cast<uint16_t>(waiting_addresses.front().addr);
      waiting_addresses.pop_front();
      stirred = true;
    }
    if (!in.wvalid && !waiting_data.empty() && chance(at.w)) {
      in.wvalid = true;
      in.wdata = waiting_data.front().data;
      in.wstrb = waiting_data.front().strobes;
      waiting_data.pop_front();
      stirred = true;
    }
    if (!in.arvalid && reads < count && reading.size() < 3 && chance(at.ar)) {
      read_access made = make_read();
      in.arvalid = true;
      in.araddr = static_cast<uint16_t>(made.addr);
      reading.push_back(made);
      reads++;
      stirred = true;
    }
    in.bready = chance(at.b);
    in.rready = chance(at.r);
    return stirred;
  }

  /* An offer of the core's stays as it is until it is taken. */
  void check_held(const frank_sim_outputs &out)
  {
    if (held_b) {
      assert_true(out.bvalid);
      assert_int_equal(out.bresp, before.bresp);
    }
    if (held_r) {
      assert_true(out.rvalid);
      assert_int_equal(out.rresp, before.rresp);
      assert_int_equal(out.rdata, before.rdata);
    }
    held_b = out.bvalid && !in.bready;
    held_r = out.rvalid && !in.rready;
    before = out;
  }

  bool clock()
  {
    frank_sim_outputs out;
    core->step(in, &out);
    check_held(out);
    bool stirred = (out.bvalid && in.bready) || (out.rvalid && in.rready);
    if (out.bvalid && in.bready) {
      answer_write(out);
    }
    if (out.rvalid && in.rready) {
      answer_read(out);
    }
    in.awvalid = in.awvalid && !out.awready;
    in.wvalid = in.wvalid && !out.wready;
    in.arvalid = in.arvalid && !out.arready;
    return stirred;
  }

  void answer_write(const frank_sim_outputs &out)
  {
    assert_false(answers.empty());
    /* Not before both halves were taken. */
    size_t behind = answers.size() - 1;
    assert_true(waiting_addresses.size() + in.awvalid <= behind);
    assert_true(waiting_data.size() + in.wvalid <= behind);
    const write_access &write = answers.front();
    if (out.bresp != (write.refused ? SLVERR : OKAY)) {
      fail_msg("a write to 0x%03" PRIx32 " with strobes %x was answered with %u", write.addr,
               write.strobes, out.bresp);
    }
    if (!write.refused) {
      committed[write.addr] = write.data & writable().at(write.addr);
    }
    answers.pop_front();
  }

  void answer_read(const frank_sim_outputs &out)
  {
    assert_false(reading.empty());
    assert_true(reading.size() > 1 || !in.arvalid);
    const read_access &read = reading.front();
    if (out.rresp != (read.refused ? SLVERR : OKAY)) {
      fail_msg("a read of 0x%03" PRIx32 " was answered with %u", read.addr, out.rresp);
    }
    if (read.refused) {
      assert_int_equal(out.rdata, 0);
    } else if (read.allowed.count(out.rdata) == 0) {
      fail_msg("0x%03" PRIx32 " was read as %08" PRIx32, read.addr, out.rdata);
    }
    reading.pop_front();
  }

  frank_sim_model *core;
  frank_sim_inputs in;
  frank_sim_outputs before = {};
  bool held_b = false, held_r = false;
  std::deque<write_access> waiting_addresses, waiting_data;
  std::deque<write_access> answers; /* writes not yet answered, in order */
  std::deque<read_access> reading;  /* likewise */
  std::map<uint32_t, uint32_t> committed;
};

/* The AXI side is the same at every U: the first one built. */
struct frank_bus *open_one()
{
  unsigned unrolls[BENCH_UNROLLS_MAX];
  assert_true(bench_unrolls(unrolls) > 0);
  return bench_open(unrolls[0]);
}

void runs_at(const pace *paces, size_t count)
{
  struct frank_bus *bus = open_one();
  master driven(frank_sim_model_of(bus));
  for (unsigned round = 0; round < bench_scale(20); round++) {
    for (size_t i = 0; i < count; i++) {
      driven.run(500, paces[i]);
    }
  }
  bench_close(bus);
}

void without_stalls(void **)
{
  const pace paces[] = {{256, 256, 256, 256, 256}};
  runs_at(paces, 1);
}

void with_stalls_on_every_channel(void **)
{
  pace paces[12];
  for (pace &at : paces) {
    unsigned *channels[] = {&at.aw, &at.w, &at.b, &at.ar, &at.r};
    for (unsigned *channel : channels) {
      static const unsigned CHOICES[] = {8, 64, 128, 256};
      *channel = CHOICES[bench_below(4)];
    }
  }
  runs_at(paces, sizeof paces / sizeof paces[0]);
}

void data_before_address_and_after(void **)
{
  const pace paces[] = {{6, 256, 256, 256, 256}, {256, 6, 256, 256, 256}};
  runs_at(paces, 2);
}

void reset_line_in_an_access(void **)
{
  struct frank_bus *bus = open_one();
  master driven(frank_sim_model_of(bus));
  const pace at = {128, 128, 128, 128, 128};
  for (unsigned i = 0; i < 200; i++) {
    driven.pull();
    driven.run(5, at);
  }
  bench_close(bus);
}

} // namespace

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_stalls),
      cmocka_unit_test(with_stalls_on_every_channel),
      cmocka_unit_test(data_before_address_and_after),
      cmocka_unit_test(reset_line_in_an_access),
  };
  return BENCH_MAIN("hdl_axi", argc, argv, tests);
}
