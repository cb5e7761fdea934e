/*
 * Compiled once for each U: FRANK_SIM_UNROLL names the generated class, Vfrank_u<U>.
 */
#include "hdl/sim/model.h"

#define FRANK_SIM_PASTE_(a, b) a##b
#define FRANK_SIM_PASTE(a, b)  FRANK_SIM_PASTE_(a, b)
#define FRANK_SIM_STRING_(a)   #a
#define FRANK_SIM_STRING(a)    FRANK_SIM_STRING_(a)
#define FRANK_SIM_CLASS        FRANK_SIM_PASTE(Vfrank_u, FRANK_SIM_UNROLL)

/* clang-format off */
#include FRANK_SIM_STRING(FRANK_SIM_CLASS.h)
/* clang-format on */
#include <verilated.h>
#include <verilated_sym_props.h>
#include <verilated_syms.h>
#if VM_TRACE
#include <verilated_fst_c.h>
#endif
#if VM_COVERAGE
#include <verilated_cov.h>
#endif

#include <memory>
#include <vector>

namespace
{

/* An access takes 6 cycles; a core that needs this many has hung. */
constexpr unsigned ACCESS_CYCLES_MAX = 64;
constexpr unsigned RESET_CYCLES = 4;

/* A public variable of the generated code (frank_sim.vlt): `units` elements of `bits` bits. */
struct place {
  uint8_t *data;
  size_t stride_bytes;
  uint32_t bits;
  uint32_t units;
};

size_t stride_bytes(VerilatedVarType type, uint32_t bits)
{
  switch (type) {
  case VLVT_UINT8:
    return 1;
  case VLVT_UINT16:
    return 2;
  case VLVT_UINT32:
    return 4;
  case VLVT_UINT64:
    return 8;
  case VLVT_WDATA:
    return (bits + size_t{31}) / 32 * 4;
  default:
    return 0;
  }
}

class core final : public frank_sim_model
{
public:
  explicit core(int seed)
  {
    context.traceEverOn(VM_TRACE);
    if (seed != 0) {
      context.randReset(2);
      context.randSeed(seed);
    }
    top = std::make_unique<FRANK_SIM_CLASS>(&context, "core");
    top->clk_i = 0;
    top->rst_ni = 1;
    idle();
    top->eval();
    reset();
  }

  ~core() override
  {
#if VM_TRACE
    if (waves) {
      waves->close();
    }
#endif
    top->final();
  }

  void step(const struct frank_sim_inputs &in, struct frank_sim_outputs *out) override
  {
    top->rst_ni = in.rst_n;
    top->awaddr_i = in.awaddr;
    top->awvalid_i = in.awvalid;
    top->wdata_i = in.wdata;
    top->wstrb_i = in.wstrb;
    top->wvalid_i = in.wvalid;
    top->bready_i = in.bready;
    top->araddr_i = in.araddr;
    top->arvalid_i = in.arvalid;
    top->rready_i = in.rready;
    top->eval();
    out->awready = top->awready_o;
    out->wready = top->wready_o;
    out->bvalid = top->bvalid_o;
    out->bresp = top->bresp_o;
    out->arready = top->arready_o;
    out->rvalid = top->rvalid_o;
    out->rdata = top->rdata_o;
    out->rresp = top->rresp_o;
    out->irq = top->irq_o;
    cycle();
  }

  bool read(uint32_t addr, uint32_t *value, uint8_t *response) override
  {
    bool answered = false;
    top->araddr_i = addr & ADDRESS_MASK;
    top->arvalid_i = 1;
    top->rready_i = 1;
    for (unsigned i = 0; i < ACCESS_CYCLES_MAX && !answered; i++) {
      top->eval();
      bool taken = top->arvalid_i && top->arready_o;
      answered = top->rvalid_o;
      *value = top->rdata_o;
      *response = top->rresp_o;
      cycle();
      if (taken) {
        top->arvalid_i = 0;
      }
    }
    idle();
    top->eval();
    return answered;
  }

  bool write(uint32_t addr, uint32_t value, uint8_t *response) override
  {
    bool answered = false;
    top->awaddr_i = addr & ADDRESS_MASK;
    top->wdata_i = value;
    top->wstrb_i = 0xf;
    top->awvalid_i = 1;
    top->wvalid_i = 1;
    top->bready_i = 1;
    for (unsigned i = 0; i < ACCESS_CYCLES_MAX && !answered; i++) {
      top->eval();
      bool address_taken = top->awvalid_i && top->awready_o;
      bool data_taken = top->wvalid_i && top->wready_o;
      answered = top->bvalid_o;
      *response = top->bresp_o;
      cycle();
      if (address_taken) {
        top->awvalid_i = 0;
      }
      if (data_taken) {
        top->wvalid_i = 0;
      }
    }
    idle();
    top->eval();
    return answered;
  }

  bool run_until_irq(uint64_t cycles) override
  {
    for (; cycles > 0 && !top->irq_o; cycles--) {
      cycle();
    }
    return top->irq_o;
  }

  void run(uint64_t cycles) override
  {
    for (; cycles > 0; cycles--) {
      cycle();
    }
  }

  void reset() override
  {
    idle();
    top->rst_ni = 0;
    top->eval(); /* it takes effect before the next edge of the clock */
    run(RESET_CYCLES);
    top->rst_ni = 1;
    top->eval();
  }

  uint64_t cycles() const override
  {
    return count;
  }

  void flip(uint64_t seed) override
  {
    uint64_t bits = 0;
    if (places.empty()) {
      find_places();
    }
    for (const place &at : places) {
      bits += static_cast<uint64_t>(at.bits) * at.units;
    }
    if (bits == 0) {
      return;
    }
    uint64_t index = seed % bits;
    for (const place &at : places) {
      uint64_t here = static_cast<uint64_t>(at.bits) * at.units;
      if (index < here) {
        uint64_t bit = index % at.bits;
        at.data[index / at.bits * at.stride_bytes + bit / 8] ^=
            static_cast<uint8_t>(1U << (bit % 8));
        return;
      }
      index -= here;
    }
  }

  const char *trace(const char *path) override
  {
#if VM_TRACE
    waves = std::make_unique<VerilatedFstC>();
    top->trace(waves.get(), 99);
    waves->set_time_unit("ns");
    waves->set_time_resolution("ns");
    waves->open(path);
    if (!waves->isOpen()) {
      waves.reset();
      return "the file for the waves cannot be written";
    }
    return nullptr;
#else
    (void)path;
    return "this build has no tracing; FRANK_FPGA_TRACE=ON makes one that has";
#endif
  }

  const char *coverage(const char *path) override
  {
#if VM_COVERAGE
    context.coveragep()->write(path);
    return nullptr;
#else
    (void)path;
    return "this build counts no coverage";
#endif
  }

private:
  static constexpr uint32_t ADDRESS_MASK = 0x1fff;

  void idle()
  {
    top->awvalid_i = 0;
    top->wvalid_i = 0;
    top->bready_i = 0;
    top->arvalid_i = 0;
    top->rready_i = 0;
  }

  void cycle()
  {
    top->clk_i = 1;
    top->eval();
#if VM_TRACE
    if (waves) {
      waves->dump(count * 10);
    }
#endif
    top->clk_i = 0;
    top->eval();
#if VM_TRACE
    if (waves) {
      waves->dump(count * 10 + 5);
    }
#endif
    count++;
  }

  void find_places()
  {
    const VerilatedScopeNameMap *scopes = context.scopeNameMap();
    for (const auto &scope : *scopes) {
      VerilatedVarNameMap *vars = scope.second->varsp();
      if (vars == nullptr) {
        continue;
      }
      for (const auto &entry : *vars) {
        const VerilatedVar &var = entry.second;
        uint32_t bits = static_cast<uint32_t>(var.packed().elements());
        size_t stride = stride_bytes(var.vltype(), bits);
        if (stride == 0 || var.isParam()) {
          continue;
        }
        uint32_t units = var.udims() > 0 ? static_cast<uint32_t>(var.unpacked().elements()) : 1;
        places.push_back({static_cast<uint8_t *>(var.datap()), stride, bits, units});
      }
    }
  }

  VerilatedContext context;
  std::unique_ptr<FRANK_SIM_CLASS> top;
  std::vector<place> places;
  uint64_t count = 0;
#if VM_TRACE
  std::unique_ptr<VerilatedFstC> waves;
#endif
};

} // namespace

template <> frank_sim_model *frank_sim_make_model<FRANK_SIM_UNROLL>(int seed)
{
  return new core(seed);
}
