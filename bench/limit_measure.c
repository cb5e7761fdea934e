/*
 * limit_measure: times a core's arithmetic units.
 *
 * Each kind of operation runs in bursts of a quarter of a millisecond, in as many independent
 * chains as hide its latency, all kinds in turn, many times over. A core's clock moves by a tenth
 * within milliseconds, so the best burst would only tell of its highest clock. What stays is the
 * number of operations in a cycle: before and after each burst a chain of multiplications tells the
 * clock, and bursts around which it moved, or something else ran, do not count.
 *
 * sha256rnds2 has no VEX form, and on Intel's cores an SSE instruction after one that left the
 * upper halves of the vector registers in use waits for them each time (Intel, Optimization
 * Reference Manual, "Mixing AVX Code with SSE Code"). So whatever uses more than 128 bits clears
 * them.
 */
#include "bench/bench.h"
#include "bench/crew.h"
#include "bench/limit.h"
#include "engine/cpu/features.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__x86_64__)

#define CHAINS 12 /* registers 1 to 12; 0 and 13 are read only */
#define REPEATS                                                                                    \
  16 /* of the chains in one turn of the loop: 192 instructions, so that the loop's own            \
        do not count, and few enough for the cache of decoded instructions */
#define PASSES      32 /* as a rule; more while a kind has fewer than WANTED good bursts */
#define PASSES_MAX  256
#define WANTED      4
#define BURST_NS    250000
#define CLOCK_NS    80000
#define SAME        0.01 /* clocks that differ by less are one */
#define FEW         16   /* turns of the loop, to see how long they take */
#define CLOCK_TURNS 256  /* of the loop, 50 us at 3 GHz: the time is read with an error of 0.1% */
#define CLOCK_TRIES 3    /* the best of them: nothing makes one faster */
#define MANY        1000000

#define IMUL_CYCLES                                                                                \
  3 /* latency, on Intel's cores since Nehalem and all of AMD's Zen (uops.info)                    \
     */

/* `body` is instructions; `end` what follows the loop. */
#define KERNEL(name, body, end)                                                                    \
  static void name(uint64_t turns)                                                                 \
  {                                                                                                \
    __asm__ volatile("1:\n"                                                                        \
                     ".rept 16\n" body ".endr\n"                                                   \
                     "dec %0\n"                                                                    \
                     "jnz 1b\n" end                                                                \
                     : "+r"(turns)                                                                 \
                     :                                                                             \
                     : "cc", "eax", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",        \
                       "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13");                \
  }

_Static_assert(REPEATS == 16, "as in KERNEL");

/* One instruction for each of the chains; \\r is its number. */
#define EACH(instruction)       ON("1,2,3,4,5,6,7,8,9,10,11,12", instruction)
#define ON(chains, instruction) ".irp r," chains "\n" instruction "\n.endr\n"

#define CLEAR "vzeroupper\n"

#define SHIFT_128 "pslld $7, %%xmm\\r"
#define LOGIC_128 "pxor %%xmm13, %%xmm\\r"
#define ADD_128   "paddd %%xmm13, %%xmm\\r"
#define SHIFT_256 "vpslld $7, %%ymm\\r, %%ymm\\r"
#define LOGIC_256 "vpxor %%ymm13, %%ymm\\r, %%ymm\\r"
#define ADD_256   "vpaddd %%ymm13, %%ymm\\r, %%ymm\\r"
#define SHIFT_512 "vprord $7, %%zmm\\r, %%zmm\\r"
#define LOGIC_512 "vpternlogd $0x96, %%zmm13, %%zmm0, %%zmm\\r"
#define ADD_512   "vpaddd %%zmm13, %%zmm\\r, %%zmm\\r"

#define SHA_ROUNDS "sha256rnds2 %%xmm13, %%xmm\\r"
#define SHA_MSG1   "sha256msg1 %%xmm13, %%xmm\\r"
#define SHA_MSG2   "sha256msg2 %%xmm13, %%xmm\\r"
#define SHA_GROUPS 3
/* Patterns of twelve. MIX is about as in a round: without vpternlogd and rotations 12 shifts, 16
 * logic, 6 additions; with them 6, 4 and 6. */
/* clang-format off */
#define MIX(shift, logic, add)                                            \
  ON("1", shift) ON("2", logic) ON("3", add) ON("4", logic)               \
  ON("5", shift) ON("6", logic) ON("7", add) ON("8", shift)               \
  ON("9", logic) ON("10", add) ON("11", shift) ON("12", logic)
#define MIX_TERNARY(shift, logic, add)                                    \
  ON("1", shift) ON("2", add) ON("3", logic) ON("4", add)                 \
  ON("5", shift) ON("6", logic) ON("7", add) ON("8", shift)               \
  ON("9", add) ON("10", logic) ON("11", shift) ON("12", add)
#define SHA_MIX                                                           \
  ON("1", SHA_ROUNDS) ON("7", SHA_MSG1) ON("2", SHA_ROUNDS) ON("10", SHA_MSG2) \
  ON("3", SHA_ROUNDS) ON("8", SHA_MSG1) ON("4", SHA_ROUNDS) ON("11", SHA_MSG2) \
  ON("5", SHA_ROUNDS) ON("9", SHA_MSG1) ON("6", SHA_ROUNDS) ON("12", SHA_MSG2)
/* clang-format on */

KERNEL(shift_128, EACH(SHIFT_128), "")
KERNEL(logic_128, EACH(LOGIC_128), "")
KERNEL(add_128, EACH(ADD_128), "")
KERNEL(mix_128, MIX(SHIFT_128, LOGIC_128, ADD_128), "")
KERNEL(shift_256, EACH(SHIFT_256), CLEAR)
KERNEL(logic_256, EACH(LOGIC_256), CLEAR)
KERNEL(add_256, EACH(ADD_256), CLEAR)
KERNEL(mix_256, MIX(SHIFT_256, LOGIC_256, ADD_256), CLEAR)
KERNEL(shift_512, EACH(SHIFT_512), CLEAR)
KERNEL(logic_512, EACH(LOGIC_512), CLEAR)
KERNEL(add_512, EACH(ADD_512), CLEAR)
KERNEL(mix_512, MIX_TERNARY(SHIFT_512, LOGIC_512, ADD_512), CLEAR)
KERNEL(sha_rounds, EACH(SHA_ROUNDS), "")
KERNEL(sha_msg1, EACH(SHA_MSG1), "")
KERNEL(sha_msg2, EACH(SHA_MSG2), "")
KERNEL(sha_group, SHA_MIX, "")
KERNEL(multiply, EACH("imul %%eax, %%eax"), "")

static const struct {
  void (*run)(uint64_t turns);
  uint32_t needs;   /* FRANK_CPU_... */
  unsigned in_each; /* operations in one pass over the chains */
} kernels[BENCH_PORT_COUNT] = {
    [BENCH_PORT_SHIFT_128] = {shift_128, 0, CHAINS},
    [BENCH_PORT_LOGIC_128] = {logic_128, 0, CHAINS},
    [BENCH_PORT_ADD_128] = {add_128, 0, CHAINS},
    [BENCH_PORT_MIX_128] = {mix_128, 0, CHAINS},
    [BENCH_PORT_SHIFT_256] = {shift_256, FRANK_CPU_AVX2, CHAINS},
    [BENCH_PORT_LOGIC_256] = {logic_256, FRANK_CPU_AVX2, CHAINS},
    [BENCH_PORT_ADD_256] = {add_256, FRANK_CPU_AVX2, CHAINS},
    [BENCH_PORT_MIX_256] = {mix_256, FRANK_CPU_AVX2, CHAINS},
    [BENCH_PORT_SHIFT_512] = {shift_512, FRANK_CPU_AVX512, CHAINS},
    [BENCH_PORT_LOGIC_512] = {logic_512, FRANK_CPU_AVX512, CHAINS},
    [BENCH_PORT_ADD_512] = {add_512, FRANK_CPU_AVX512, CHAINS},
    [BENCH_PORT_MIX_512] = {mix_512, FRANK_CPU_AVX512, CHAINS},
    [BENCH_PORT_SHA_ROUNDS] = {sha_rounds, FRANK_CPU_SHA_NI, CHAINS},
    [BENCH_PORT_SHA_MSG1] = {sha_msg1, FRANK_CPU_SHA_NI, CHAINS},
    [BENCH_PORT_SHA_MSG2] = {sha_msg2, FRANK_CPU_SHA_NI, CHAINS},
    [BENCH_PORT_SHA_GROUP] = {sha_group, FRANK_CPU_SHA_NI, SHA_GROUPS},
};

/* Operations in a cycle, of the bursts that count. */
struct sample {
  double per_cycle[PASSES_MAX];
  size_t count;
};

static uint64_t now_ns(void)
{
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static uint64_t time_ns(void (*run)(uint64_t turns), uint64_t turns)
{
  uint64_t start_ns = now_ns();
  run(turns);
  uint64_t took_ns = now_ns() - start_ns;
  return took_ns > 0 ? took_ns : 1;
}

static uint64_t turns_for(void (*run)(uint64_t turns), uint64_t burst_ns)
{
  run(FEW);
  uint64_t wanted = FEW * burst_ns / time_ns(run, FEW);
  return wanted < 1 ? 1 : wanted > MANY ? MANY : wanted;
}

static double clock_hz(uint64_t turns)
{
  return (double)turns * REPEATS * CHAINS * IMUL_CYCLES * 1e9 / (double)time_ns(multiply, turns);
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The value that `share` of the values are below. */
static double quantile(double *values, size_t count, double share)
{
  qsort(values, count, sizeof values[0], compare);
  return count > 0 ? values[(size_t)((double)(count - 1) * share)] : 0;
}

/* One burst of each kind that has turns, the clock before and after it. */
static void pass(const uint64_t turns[BENCH_PORT_COUNT], uint64_t clock_turns,
                 struct sample samples[BENCH_PORT_COUNT], double clocks_hz[BENCH_PORT_COUNT])
{
  double before_hz = clock_hz(clock_turns);
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    uint64_t took_ns = 1;
    if (turns[i] > 0) {
      kernels[i].run(turns[i] / 4 + 1); /* units for 512 bits take microseconds to wake up */
      took_ns = time_ns(kernels[i].run, turns[i]);
    }
    double after_hz = clock_hz(clock_turns);
    double moved = after_hz > before_hz ? after_hz / before_hz : before_hz / after_hz;
    if (turns[i] > 0 && moved < 1 + SAME) {
      double done = (double)turns[i] * REPEATS * kernels[i].in_each;
      double cycles = (before_hz + after_hz) / 2 * (double)took_ns / 1e9;
      samples[i].per_cycle[samples[i].count++] = done / cycles;
    }
    clocks_hz[i] = after_hz;
    before_hz = after_hz;
  }
}

static bool is_enough(const uint64_t turns[BENCH_PORT_COUNT],
                      const struct sample samples[BENCH_PORT_COUNT])
{
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    if (turns[i] > 0 && samples[i].count < WANTED) {
      return false;
    }
  }
  return true;
}

/* Times the core that this process is bound to. */
static enum frank_err measure(struct bench_ports *ports, char *why)
{
  static struct sample samples[BENCH_PORT_COUNT];
  static double clocks_hz[PASSES_MAX * BENCH_PORT_COUNT];
  uint64_t turns[BENCH_PORT_COUNT] = {0};
  uint32_t features = frank_cpu_features();
  uint64_t clock_turns = turns_for(multiply, CLOCK_NS);
  size_t passes = 0;
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    if ((kernels[i].needs & ~features) == 0) {
      turns[i] = turns_for(kernels[i].run, BURST_NS);
    }
  }
  while (passes < PASSES || (passes < PASSES_MAX && !is_enough(turns, samples))) {
    pass(turns, clock_turns, samples, &clocks_hz[passes * BENCH_PORT_COUNT]);
    passes++;
  }
  if (!is_enough(turns, samples)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "this core is too busy with other things to be timed");
    return FRANK_ERR_TIMEOUT;
  }
  ports->clock_hz = quantile(clocks_hz, passes * BENCH_PORT_COUNT, 0.5);
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    /* Not the best: where the clock moves within a burst, it seems to be faster than the core is.
     */
    double per_cycle = quantile(samples[i].per_cycle, samples[i].count, 0.5);
    ports->per_s[i] = per_cycle * ports->clock_hz;
  }
  return FRANK_OK;
}

double bench_limit_clock_hz(void)
{
  double best_hz = 0;
  for (size_t i = 0; i < CLOCK_TRIES; i++) {
    double hz = clock_hz(CLOCK_TURNS);
    best_hz = hz > best_hz ? hz : best_hz;
  }
  return best_hz;
}

#else

static enum frank_err measure(struct bench_ports *ports, char *why)
{
  (void)ports;
  (void)snprintf(why, BENCH_WHY_BYTES,
                 "the arithmetic units of this kind of processor are not known to frank-bench, "
                 "only those of x86-64");
  return FRANK_ERR_UNSUPPORTED;
}

double bench_limit_clock_hz(void)
{
  return 0;
}

#endif

static enum frank_err run(void *arg, size_t member, uint32_t seconds, void *result, char *why)
{
  (void)arg;
  (void)member;
  (void)seconds; /* it takes what it takes */
  return measure(result, why);
}

enum frank_err bench_limit_measure_all(const struct frank_device_info *devices, size_t count,
                                       struct bench_ports *ports, char *why)
{
  const struct bench_crew_work work = {.name = "timing the arithmetic units",
                                       .devices = devices,
                                       .members = count,
                                       .run = run,
                                       .result_bytes = sizeof *ports};
  return bench_crew_run(&work, NULL, ports, why);
}
