/*
 * limit: counts the operations of an attempt, and divides.
 *
 * A round (FIPS 180-4 section 6.2.2, step 3) adds h + (K+W) + Ch + S1 to d, and Maj + S0 to that
 * sum: 6 additions with a ready K+W, 7 where K is still to be added to W. A schedule word (step 1)
 * is 3 additions. With vpternlogd and rotations S0 and S1 are 3 rotations and an xor3, Ch and Maj
 * one operation each. Without: a rotation is two shifts and one more term of the xor, so S0 and S1
 * are 6 shifts and 5 xor; Ch = g ^ (e & (f ^ g)); Maj = ((a ^ b) & (b ^ c)) ^ b, where b ^ c is a ^
 * b of the round before.
 */
#include "bench/limit.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 64

/* ---- counting ---- */

struct counts {
  unsigned shift; /* and rotations */
  unsigned logic;
  unsigned add;
};

/* What the functions of a round cost. */
struct costs {
  struct counts big_sigma;
  struct counts small_sigma;
  unsigned choose;
  unsigned choose_first; /* where f and g are the same for all attempts */
  unsigned majority;
  unsigned majority_first; /* more in a later block's first round: there is no round before it */
};

static const struct costs with_ternary = {{3, 1, 0}, {3, 1, 0}, 1, 1, 1, 0};
static const struct costs without = {{6, 5, 0}, {5, 4, 0}, 3, 2, 3, 1};

static void count(struct counts *sum, const struct counts *more)
{
  sum->shift += more->shift;
  sum->logic += more->logic;
  sum->add += more->add;
}

/* The word of block 0 that differs between attempts: the second of the counter's two. The first is
 * the same for 65536 counters in a row, and what it alone reaches is worked out once for them. */
static unsigned varying_word(const struct frank_plan *plan)
{
  return plan->counter_word + 1U;
}

/* The words of the schedule that it reaches: bit t is W[t] (section 6.2.2, step 1). */
static uint64_t varying_words(unsigned at)
{
  uint64_t varies = UINT64_C(1) << at;
  for (unsigned t = 16; t < ROUNDS; t++) {
    if (((varies >> (t - 16) | varies >> (t - 15) | varies >> (t - 7) | varies >> (t - 2)) & 1) !=
        0) {
      varies |= UINT64_C(1) << t;
    }
  }
  return varies;
}

/* W[t]: the terms that vary, the sum of the others being ready. */
static void count_word(struct counts *sum, const struct costs *costs, uint64_t varies, unsigned t)
{
  unsigned terms = 0;
  for (unsigned i = 0; i < 2; i++) {
    if ((varies >> (t - (i == 0 ? 15 : 2)) & 1) != 0) { /* sigma0 of one, sigma1 of the other */
      count(sum, &costs->small_sigma);
      terms++;
    }
    terms += varies >> (t - (i == 0 ? 16 : 7)) & 1;
  }
  sum->add += terms < 4 ? terms : terms - 1;
}

/* Round t, of which the variables whose bit is set differ between attempts: bit 0 is a. */
static void count_round(struct counts *sum, const struct costs *costs, unsigned varies,
                        bool word_varies)
{
  bool a = (varies & 1U) != 0;
  bool abc = (varies & 7U) != 0;
  bool e = (varies & 1U << 4) != 0;
  bool fg = (varies & 3U << 5) != 0;
  bool efg = e || fg;
  unsigned t1 = (unsigned)e + efg + ((varies & 1U << 7) != 0) + word_varies;
  unsigned t2 = (unsigned)a + abc;
  if (a) {
    count(sum, &costs->big_sigma);
  }
  if (abc) {
    sum->logic += costs->majority;
  }
  if (e) {
    count(sum, &costs->big_sigma);
  }
  if (efg) {
    sum->logic += fg ? costs->choose : costs->choose_first;
  }
  if (t2 == 0) {
    sum->add += t1 - 1 + 2; /* the constants go into the two sums that are needed, a and e */
  } else {
    sum->add += t1 + 1 + t2; /* constants (K at least), d, and the terms of T2 */
    sum->add += t2 < 2;
  }
}

static struct counts count_first_block(const struct costs *costs, unsigned at)
{
  struct counts sum = {0};
  uint64_t varies = varying_words(at);
  unsigned state = 0; /* the variables a..h that vary */
  for (unsigned t = at; t < ROUNDS; t++) {
    bool word = (varies >> t & 1) != 0;
    if (t >= 16 && word) {
      count_word(&sum, costs, varies, t);
    }
    count_round(&sum, costs, state, word);
    state = (state << 1 | 1U | 1U << 4) & 0xffU; /* from the first on, a and e do */
  }
  return sum;
}

static struct counts count_later_block(const struct costs *costs)
{
  struct counts sum = {.logic = costs->majority_first};
  for (unsigned t = 0; t < ROUNDS; t++) {
    count_round(&sum, costs, 0xff, false);
  }
  return sum;
}

static struct counts count_attempt(const struct costs *costs, const struct frank_plan *plan)
{
  struct counts sum = count_first_block(costs, varying_word(plan));
  struct counts later = count_later_block(costs);
  for (unsigned block = 1; block < plan->blocks; block++) {
    count(&sum, &later);
    sum.add += 8; /* the sums at the end of the block before */
  }
  /* Of the last block only h[0] is needed: one sum at its end, and round 63 makes no e, which is
   * one addition less. */
  return sum;
}

/* By the definition of performance tables: every block 0 alike. */
static struct counts count_plainly(const struct costs *costs, const struct frank_plan *plan)
{
  struct counts sum = {0};
  struct counts later = count_later_block(costs);
  for (unsigned block = 0; block < plan->blocks; block++) {
    count(&sum, &later);
  }
  for (unsigned word = 16; word < ROUNDS; word++) {
    count(&sum, &costs->small_sigma);
    count(&sum, &costs->small_sigma);
    sum.add += 3;
  }
  return sum;
}

/* ---- dividing ---- */

struct variant {
  const char *name;
  bool (*limit)(const struct bench_ports *ports, const struct variant *variant,
                const struct frank_plan *plan, bool plainly, double *hps, char *text, size_t size);
  const struct costs *costs;
  enum bench_port first; /* the shifts of its vectors; logic, additions and the mix follow */
  unsigned lanes;
};

/* Operations per cycle; per nanosecond where the clock is not known. */
static double per_cycle(const struct bench_ports *ports, double per_s)
{
  return per_s / (ports->clock_hz > 0 ? ports->clock_hz : 1e9);
}

/* "cycle of 2.75 GHz" */
static void tell_clock(const struct bench_ports *ports, char text[32])
{
  (void)snprintf(text, 32, "%s", "ns");
  if (ports->clock_hz > 0) {
    (void)snprintf(text, 32, "cycle of %.2f GHz", ports->clock_hz / 1e9);
  }
}

static double greater(double a, double b)
{
  return a > b ? a : b;
}

static bool limit_vectors(const struct bench_ports *ports, const struct variant *variant,
                          const struct frank_plan *plan, bool plainly, double *hps, char *text,
                          size_t size)
{
  const double *per_s = &ports->per_s[variant->first];
  double shift = per_s[0];
  double logic = per_s[1];
  double add = per_s[2];
  double all = greater(per_s[3], greater(logic, add));
  if (shift <= 0 || logic <= 0 || add <= 0) {
    return false;
  }
  struct counts n =
      plainly ? count_plainly(variant->costs, plan) : count_attempt(variant->costs, plan);
  double seconds = greater((n.shift + n.logic + n.add) / all, n.shift / shift);
  seconds = greater(seconds, greater(n.logic / logic, n.add / add));
  *hps = variant->lanes / seconds;
  char cycle[32];
  tell_clock(ports, cycle);
  (void)snprintf(text, size, "measured: %.2f operations of %u bits per %s, %.2f of them %s",
                 per_cycle(ports, all), variant->lanes * 32, cycle, per_cycle(ports, shift),
                 variant->costs == &with_ternary ? "rotations or shifts" : "shifts");
  return true;
}

/* sha256rnds2 is two rounds, msg1 and msg2 make four words of the schedule between them. The
 * additions and moves around them go to other units. */
static bool limit_sha_ni(const struct bench_ports *ports, const struct variant *variant,
                         const struct frank_plan *plan, bool plainly, double *hps, char *text,
                         size_t size)
{
  (void)variant;
  double rounds_per_s = ports->per_s[BENCH_PORT_SHA_ROUNDS];
  double msg1_per_s = ports->per_s[BENCH_PORT_SHA_MSG1];
  double msg2_per_s = ports->per_s[BENCH_PORT_SHA_MSG2];
  double groups_per_s = ports->per_s[BENCH_PORT_SHA_GROUP];
  if (plainly || rounds_per_s <= 0 || msg1_per_s <= 0 || msg2_per_s <= 0 || groups_per_s <= 0) {
    return false;
  }
  uint64_t varies = varying_words(varying_word(plan));
  unsigned msg1 = 0;
  unsigned msg2 = 0;
  for (unsigned t = 16; t < ROUNDS; t += 4) {
    msg1 += (varies >> (t - 16) & 0x1f) != 0; /* takes W[t-16] to W[t-12] */
    msg2 += (varies >> (t - 2) & 0xf) != 0;   /* takes W[t-2] to W[t+1] */
  }
  /* Of the first round that varies nothing but W does: an addition does for it. */
  unsigned rounds = (ROUNDS - varying_word(plan)) / 2 + 32U * (plan->blocks - 1U);
  unsigned groups = msg1 < msg2 ? msg1 : msg2;
  groups = groups < rounds / 2 ? groups : rounds / 2;
  double seconds = groups / groups_per_s + (rounds - 2 * groups) / rounds_per_s;
  /* The others run beside rounds that have none, if units of their own do them. */
  seconds = greater(seconds, greater(msg1 / msg1_per_s, msg2 / msg2_per_s));
  *hps = 1 / seconds;
  char cycle[32];
  tell_clock(ports, cycle);
  (void)snprintf(text, size,
                 "measured: %.2f sha256rnds2 per %s, %.2f msg1, %.2f msg2, %.2f of 2 rnds2 with "
                 "msg1 and msg2",
                 per_cycle(ports, rounds_per_s), cycle, per_cycle(ports, msg1_per_s),
                 per_cycle(ports, msg2_per_s), per_cycle(ports, groups_per_s));
  return true;
}

static const struct variant variants[] = {
    {"avx512", limit_vectors, &with_ternary, BENCH_PORT_SHIFT_512, 16},
    {"avx2", limit_vectors, &without, BENCH_PORT_SHIFT_256, 8},
    {"portable", limit_vectors, &without, BENCH_PORT_SHIFT_128, 4},
    {"sha_ni", limit_sha_ni, NULL, BENCH_PORT_SHA_ROUNDS, 1},
};

static bool find(const struct bench_ports *ports, const char *name, const struct frank_plan *plan,
                 bool plainly, double *hps, char *text, size_t size)
{
  *hps = 0;
  for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
    if (strcmp(variants[i].name, name) != 0) {
      continue;
    }
    if (plainly && variants[i].costs != &with_ternary) {
      break;
    }
    if (variants[i].limit(ports, &variants[i], plan, plainly, hps, text, size)) {
      return true;
    }
    (void)snprintf(text, size, "this core was not timed for what %.31s needs", name);
    return false;
  }
  (void)snprintf(text, size, "%s of variant %.31s %s not known",
                 plainly ? "a plain count" : "the operations", name, plainly ? "is" : "are");
  return false;
}

void bench_limit_keep_best(struct bench_ports *best, const struct bench_ports *fresh)
{
  bench_limit_set_clock(best, fresh->clock_hz);
  best->clock_hz = fresh->clock_hz;
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    best->per_s[i] = greater(best->per_s[i], fresh->per_s[i]);
  }
}

void bench_limit_set_clock(struct bench_ports *ports, double clock_hz)
{
  if (clock_hz <= 0 || ports->clock_hz <= 0) {
    return;
  }
  for (size_t i = 0; i < BENCH_PORT_COUNT; i++) {
    ports->per_s[i] *= clock_hz / ports->clock_hz;
  }
  ports->clock_hz = clock_hz;
}

bool bench_limit_hps(const struct bench_ports *ports, const char *variant,
                     const struct frank_plan *plan, double *limit_hps, char *text, size_t text_size)
{
  return find(ports, variant, plan, false, limit_hps, text, text_size);
}

bool bench_limit_plain_hps(const struct bench_ports *ports, const char *variant,
                           const struct frank_plan *plan, double *limit_hps, char *text,
                           size_t text_size)
{
  return find(ports, variant, plan, true, limit_hps, text, text_size);
}
