/*
 * model: one Verilated core, whatever its U. Verilator makes a class for each U; model.cc is
 * compiled once for each and hides it behind this one.
 *
 * Between two calls the clock is low and the outputs have settled.
 */
#ifndef FRANK_SIM_MODEL_H
#define FRANK_SIM_MODEL_H

#include <stdint.h>

struct frank_sim_inputs {
  uint16_t awaddr, araddr; /* 13 bits */
  uint32_t wdata;
  uint8_t wstrb;
  bool awvalid, wvalid, bready, arvalid, rready;
  bool rst_n;
};

struct frank_sim_outputs {
  uint32_t rdata;
  uint8_t bresp, rresp;
  bool awready, wready, bvalid, arready, rvalid, irq;
};

class frank_sim_model
{
public:
  virtual ~frank_sim_model() = default;

  /* Sets the inputs, tells the outputs as they are at the rising edge that follows, and runs that
   * cycle. */
  virtual void step(const struct frank_sim_inputs &in, struct frank_sim_outputs *out) = 0;

  /* One AXI access that starts at once and whose answer is taken at once. False: no answer within
   * the cycles that any access takes. */
  virtual bool read(uint32_t addr, uint32_t *value, uint8_t *response) = 0;
  virtual bool write(uint32_t addr, uint32_t value, uint8_t *response) = 0;

  /* Runs the clock until the interrupt line is high, at most `cycles`. */
  virtual bool run_until_irq(uint64_t cycles) = 0;
  virtual void run(uint64_t cycles) = 0;

  /* Pulls the reset line for a few cycles. */
  virtual void reset() = 0;

  virtual uint64_t cycles() const = 0;
  virtual void flip(uint64_t seed) = 0;

  /* 0, or why not, in a few words. */
  virtual const char *trace(const char *path) = 0;
  virtual const char *coverage(const char *path) = 0;
};

/* A core in reset that was clocked. seed 0: registers without reset are 0. */
typedef frank_sim_model *frank_sim_make(int seed);
template <unsigned Unroll> frank_sim_model *frank_sim_make_model(int seed);

/* The model of a bus of frank_sim_open, for benches that drive its pins; a view. */
struct frank_bus;
frank_sim_model *frank_sim_model_of(struct frank_bus *bus);

#endif
