/*
 * The bus over a model. FRANK_SIM_MODELS lists the models of this build: X(1) X(8) ...
 */
#include "hdl/sim/frank_sim.h"

#include "hdl/sim/model.h"

#include <cstdio>
#include <memory>
#include <new>

namespace
{

struct known {
  unsigned unroll;
  frank_sim_make *make;
};

#define X(unroll) {unroll, frank_sim_make_model<unroll>},
const known MODELS[] = {FRANK_SIM_MODELS};
#undef X

/* U in the order of how many attempts per second they simulate: hdl/sim/README.md has the figures.
 */
const unsigned FASTEST_FIRST[] = {64, 32, 16, 8, 4, 2, 1};

constexpr uint8_t AXI_OKAY = 0;
constexpr uint32_t WINDOW_BYTES = 0x2000;

struct sim {
  struct frank_bus bus;
  std::unique_ptr<frank_sim_model> model;
  const char *failure = "nothing failed";
};

sim *from(void *ctx)
{
  return static_cast<sim *>(ctx);
}

const sim *from(const struct frank_bus *bus)
{
  return static_cast<const sim *>(bus->ctx);
}

enum frank_fpga_err answer(sim *of, bool answered, uint8_t response)
{
  if (!answered) {
    of->failure = "the simulated core gave no answer on its AXI port";
    return FRANK_FPGA_ERR_TIMEOUT;
  }
  if (response != AXI_OKAY) {
    of->failure = "the simulated core answered SLVERR";
    return FRANK_FPGA_ERR_REFUSED;
  }
  return FRANK_FPGA_OK;
}

enum frank_fpga_err outside(sim *of)
{
  of->failure = "the address is outside the core's window";
  return FRANK_FPGA_ERR_REFUSED;
}

enum frank_fpga_err read32(void *ctx, uint32_t addr, uint32_t *value)
{
  sim *of = from(ctx);
  uint8_t response = 0;
  if (addr >= WINDOW_BYTES) {
    return outside(of);
  }
  bool answered = of->model->read(addr, value, &response);
  return answer(of, answered, response);
}

enum frank_fpga_err write32(void *ctx, uint32_t addr, uint32_t value)
{
  sim *of = from(ctx);
  uint8_t response = 0;
  if (addr >= WINDOW_BYTES) {
    return outside(of);
  }
  bool answered = of->model->write(addr, value, &response);
  return answer(of, answered, response);
}

enum frank_fpga_err wait_irq(void *ctx, uint64_t timeout_ns, bool *level)
{
  uint64_t cycles = timeout_ns / FRANK_SIM_CYCLE_NS + (timeout_ns % FRANK_SIM_CYCLE_NS != 0);
  *level = from(ctx)->model->run_until_irq(cycles);
  return FRANK_FPGA_OK;
}

enum frank_fpga_err now(void *ctx, uint64_t *now_ns)
{
  *now_ns = from(ctx)->model->cycles() * FRANK_SIM_CYCLE_NS;
  return FRANK_FPGA_OK;
}

enum frank_fpga_err reset(void *ctx)
{
  from(ctx)->model->reset();
  return FRANK_FPGA_OK;
}

const char *failure(void *ctx)
{
  return from(ctx)->failure;
}

void close(void *ctx)
{
  delete from(ctx);
}

const struct frank_bus_ops OPS = {read32, write32, wait_irq, now, reset, failure, close};

enum frank_fpga_err unknown(unsigned unroll, char *why)
{
  int used = std::snprintf(why, FRANK_FPGA_WHY_BYTES,
                           "no simulated core with U=%u in this build; there is: U=", unroll);
  const char *comma = "";
  for (const known &model : MODELS) {
    if (used >= 0 && used < FRANK_FPGA_WHY_BYTES) {
      used += std::snprintf(why + used, static_cast<size_t>(FRANK_FPGA_WHY_BYTES - used), "%s%u",
                            comma, model.unroll);
    }
    comma = ", ";
  }
  return FRANK_FPGA_ERR_NOT_FOUND;
}

} // namespace

size_t frank_sim_unrolls(unsigned *list, size_t cap)
{
  size_t count = 0;
  for (const known &model : MODELS) {
    if (count < cap) {
      list[count] = model.unroll;
    }
    count++;
  }
  return count;
}

unsigned frank_sim_unroll_default(void)
{
  for (unsigned unroll : FASTEST_FIRST) {
    for (const known &model : MODELS) {
      if (model.unroll == unroll) {
        return unroll;
      }
    }
  }
  return MODELS[0].unroll;
}

enum frank_fpga_err frank_sim_open(unsigned unroll, struct frank_bus **bus, char *why)
{
  return frank_sim_open_random(unroll, 0, bus, why);
}

enum frank_fpga_err frank_sim_open_random(unsigned unroll, int seed, struct frank_bus **bus,
                                          char *why)
{
  unsigned wanted = unroll != 0 ? unroll : frank_sim_unroll_default();
  *bus = nullptr;
  for (const known &model : MODELS) {
    if (model.unroll == wanted) {
      try {
        auto made = std::make_unique<sim>();
        made->model.reset(model.make(seed));
        made->bus = {&OPS, made.get(), true};
        *bus = &made.release()->bus;
        return FRANK_FPGA_OK;
      } catch (const std::bad_alloc &) {
        (void)std::snprintf(why, FRANK_FPGA_WHY_BYTES, "no memory for a simulated core");
        return FRANK_FPGA_ERR_NOMEM;
      }
    }
  }
  return unknown(wanted, why);
}

uint64_t frank_sim_cycles(const struct frank_bus *bus)
{
  return from(bus)->model->cycles();
}

void frank_sim_run(struct frank_bus *bus, uint64_t cycles)
{
  from(bus->ctx)->model->run(cycles);
}

void frank_sim_flip(struct frank_bus *bus, uint64_t seed)
{
  from(bus->ctx)->model->flip(seed);
}

enum frank_fpga_err frank_sim_trace(struct frank_bus *bus, const char *path)
{
  sim *of = from(bus->ctx);
  const char *why = of->model->trace(path);
  if (why == nullptr) {
    return FRANK_FPGA_OK;
  }
  of->failure = why;
  return VM_TRACE ? FRANK_FPGA_ERR_IO : FRANK_FPGA_ERR_NOT_FOUND;
}

enum frank_fpga_err frank_sim_coverage(struct frank_bus *bus, const char *path)
{
  sim *of = from(bus->ctx);
  const char *why = of->model->coverage(path);
  if (why == nullptr) {
    return FRANK_FPGA_OK;
  }
  of->failure = why;
  return FRANK_FPGA_ERR_NOT_FOUND;
}

frank_sim_model *frank_sim_model_of(struct frank_bus *bus)
{
  return from(bus->ctx)->model.get();
}
