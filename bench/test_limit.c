/*
 * The limits are those of the operations that an attempt needs. The counts are held against a graph
 * of the whole computation, made here from FIPS 180-4: constants are folded, what is there already
 * is not computed again, and what the first word of the hash does not need is left out.
 */
#include "bench/bench.h"
#include "bench/limit.h"
#include "proof/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

bool bench_is_stopping(void)
{
  return false;
}

static void assert_near(double value, double wanted, double tolerance)
{
  if (!(value >= wanted - tolerance && value <= wanted + tolerance)) {
    fail_msg("%g instead of %g", value, wanted);
  }
}

/* ---- the graph ---- */

enum kind { LEAF, SHIFT, LOGIC, ADD };

#define NODES_MAX 40000
#define CONSTANT  0U /* node 0 stands for every constant */

struct node {
  enum kind kind;
  unsigned cost; /* operations */
  unsigned what; /* tells sigma0 from sigma1 */
  unsigned from[5];
  bool needed;
};

static struct node nodes[NODES_MAX];
static unsigned node_count;

/* A value made of `count` others; a constant when all of them are. The same one twice is one. */
static unsigned node_of(enum kind kind, unsigned cost, unsigned what, const unsigned *from,
                        size_t count)
{
  struct node node = {.kind = kind, .cost = cost, .what = what};
  bool varies = kind == LEAF;
  for (size_t i = 0; i < count; i++) {
    node.from[i] = from[i];
    varies = varies || from[i] != CONSTANT;
  }
  if (!varies) {
    return CONSTANT;
  }
  for (unsigned i = node_count; kind != LEAF && kind != ADD && i-- > 1 && i + 200 > node_count;) {
    if (nodes[i].kind == kind && nodes[i].what == what &&
        memcmp(nodes[i].from, node.from, sizeof node.from) == 0) {
      return i;
    }
  }
  assert_true(node_count < NODES_MAX);
  nodes[node_count] = node;
  return node_count++;
}

/* All constant terms together are one term. */
static unsigned sum(const unsigned *terms, size_t count)
{
  unsigned varying[5];
  size_t used = 0;
  bool has_constant = false;
  for (size_t i = 0; i < count; i++) {
    if (terms[i] == CONSTANT) {
      has_constant = true;
    } else {
      varying[used++] = terms[i];
    }
  }
  return used == 0 ? CONSTANT
                   : node_of(ADD, (unsigned)used - 1 + (has_constant ? 1 : 0), 0, varying, used);
}

#define SUM(...)                                                                                   \
  sum((const unsigned[]){__VA_ARGS__}, sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))
#define NODE(kind, cost, what, ...)                                                                \
  node_of(kind, cost, what, (const unsigned[]){__VA_ARGS__},                                       \
          sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

enum what { SMALL0, SMALL1, BIG0, BIG1, XOR, AND, CHOOSE, MAJORITY };

/* Three rotations, or two and a shift, and their xor. Without rotations each is two shifts, and the
 * xor has as many terms. */
static unsigned sigma(bool ternary, enum what what, unsigned x)
{
  unsigned rotations = what == BIG0 || what == BIG1 ? 3 : 2;
  unsigned shifts = ternary ? 3 : rotations * 2 + (3 - rotations);
  return NODE(LOGIC, ternary ? 1 : shifts - 1, what, NODE(SHIFT, shifts, what, x));
}

static unsigned exclusive_or(unsigned x, unsigned y)
{
  return NODE(LOGIC, 1, XOR, x < y ? x : y, x < y ? y : x);
}

static unsigned choose(bool ternary, unsigned e, unsigned f, unsigned g)
{
  if (ternary) {
    return NODE(LOGIC, 1, CHOOSE, e, f, g);
  }
  return exclusive_or(g, NODE(LOGIC, 1, AND, e, exclusive_or(f, g)));
}

static unsigned majority(bool ternary, unsigned a, unsigned b, unsigned c)
{
  if (ternary) {
    return NODE(LOGIC, 1, MAJORITY, a, b, c);
  }
  return exclusive_or(b, NODE(LOGIC, 1, AND, exclusive_or(a, b), exclusive_or(b, c)));
}

static void compress(bool ternary, unsigned state[8], const unsigned words[16])
{
  unsigned w[64];
  unsigned s[8];
  memcpy(w, words, 16 * sizeof w[0]);
  memcpy(s, state, sizeof s);
  for (unsigned t = 16; t < 64; t++) {
    w[t] = SUM(w[t - 16], sigma(ternary, SMALL0, w[t - 15]), w[t - 7],
               sigma(ternary, SMALL1, w[t - 2]));
  }
  for (unsigned t = 0; t < 64; t++) {
    unsigned t1 =
        SUM(s[7], sigma(ternary, BIG1, s[4]), choose(ternary, s[4], s[5], s[6]), CONSTANT, w[t]);
    unsigned a = SUM(t1, sigma(ternary, BIG0, s[0]), majority(ternary, s[0], s[1], s[2]));
    unsigned e = SUM(s[3], t1);
    memmove(&s[1], &s[0], 7 * sizeof s[0]);
    s[0] = a;
    s[4] = e;
  }
  for (unsigned i = 0; i < 8; i++) {
    state[i] = SUM(state[i], s[i]);
  }
}

static void need(unsigned i)
{
  nodes[i].needed = true; /* a node is made after those that it is made of */
  for (; i > 0; i--) {
    for (size_t k = 0; nodes[i].needed && k < 5; k++) {
      nodes[nodes[i].from[k]].needed = true;
    }
  }
}

static void count_graph(bool ternary, const struct frank_plan *plan, unsigned count[4])
{
  unsigned state[8] = {CONSTANT};
  unsigned words[16] = {CONSTANT};
  const unsigned constants[16] = {CONSTANT};
  memset(nodes, 0, sizeof nodes);
  memset(count, 0, 4 * sizeof count[0]);
  node_count = 1;
  /* Its first word stays for 65536 attempts. */
  words[plan->counter_word + 1] = node_of(LEAF, 0, 0, NULL, 0);
  for (unsigned block = 0; block < plan->blocks; block++) {
    compress(ternary, state, block == 0 ? words : constants);
  }
  need(state[0]);
  for (unsigned i = 1; i < node_count; i++) {
    count[nodes[i].kind] += nodes[i].needed ? nodes[i].cost : 0;
  }
  /* In the first round that varies, T1 is W and a constant: it need not be made, the constants can
   * go into a and e. */
  count[ADD] -= 1;
}

/* ---- what the module says ---- */

#define MUCH 1e15

/* The operations of one kind that it counts: the limit where only that kind takes time. */
static double counted(const char *variant, enum bench_port first, unsigned lanes, enum kind kind,
                      const struct frank_plan *plan)
{
  struct bench_ports ports = {0};
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps = 0;
  for (unsigned i = 0; i < 4; i++) {
    ports.per_s[first + i] = MUCH;
  }
  ports.per_s[first + (kind - SHIFT)] = 1;
  assert_true(bench_limit_hps(&ports, variant, plan, &hps, text, sizeof text));
  return lanes / hps;
}

static void operations_are_those_of_the_graph(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    enum bench_port first;
    unsigned lanes;
    bool ternary;
  } variants[] = {
      {"avx512", BENCH_PORT_SHIFT_512, 16, true},
      {"avx2", BENCH_PORT_SHIFT_256, 8, false},
      {"portable", BENCH_PORT_SHIFT_128, 4, false},
  };
  for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
    for (uint8_t at = 0; at <= 14; at++) {
      for (uint8_t blocks = 1; blocks <= 4; blocks++) {
        const struct frank_plan plan = {.blocks = blocks, .counter_word = at};
        unsigned count[4];
        count_graph(variants[v].ternary, &plan, count);
        for (enum kind kind = SHIFT; kind <= ADD; kind++) {
          assert_near(counted(variants[v].name, variants[v].first, variants[v].lanes, kind, &plan),
                      count[kind], 0.01);
        }
      }
    }
  }
}

/* A core of four operations a cycle, two of them rotations, at 3.56 GHz: AMD's Zen 5. */
static const struct bench_ports zen5 = {
    .clock_hz = 3.56e9,
    .per_s =
        {
            [BENCH_PORT_SHIFT_512] = 2 * 3.56e9,
            [BENCH_PORT_LOGIC_512] = 4 * 3.56e9,
            [BENCH_PORT_ADD_512] = 4 * 3.56e9,
            [BENCH_PORT_MIX_512] = 4 * 3.56e9,
        },
};

static void plain_limits_are_those_of_64_rounds_and_48_words(void **state)
{
  (void)state;
  static const struct {
    size_t b_len;
    unsigned blocks;
    double cycles;
    double hps;
  } shapes[] = {{88, 2, 40.25, 88e6},
                {172, 3, 56.25, 63e6},
                {344, 6, 104.25, 34e6},
                {684, 11, 184.25, 19.3e6}};
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    struct frank_plan plan;
    char text[BENCH_LIMIT_TEXT_BYTES];
    double hps = 0;
    double strict_hps = 0;
    assert_int_equal(frank_plan_make(shapes[i].b_len, UINT64_C(1) << 20, &plan), FRANK_OK);
    assert_int_equal(plan.blocks, shapes[i].blocks);
    assert_true(bench_limit_plain_hps(&zen5, "avx512", &plan, &hps, text, sizeof text));
    assert_near(3.56e9 / hps, shapes[i].cycles, 0.001);
    assert_near(hps / shapes[i].hps, 1, 0.01);
    assert_non_null(strstr(text, "4.00 operations of 512 bits per cycle of 3.56 GHz"));
    assert_non_null(strstr(text, "2.00 of them rotations"));
    assert_true(bench_limit_hps(&zen5, "avx512", &plan, &strict_hps, text, sizeof text));
    assert_near(strict_hps / hps, 1, 0.1);
  }
}

/* Where only the rotations are slow, they decide. */
static void the_slowest_unit_decides(void **state)
{
  (void)state;
  struct bench_ports ports = zen5;
  struct frank_plan plan;
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps = 0;
  assert_int_equal(frank_plan_make(88, 1, &plan), FRANK_OK);
  ports.per_s[BENCH_PORT_SHIFT_512] = 3.56e9;
  assert_true(bench_limit_plain_hps(&ports, "avx512", &plan, &hps, text, sizeof text));
  assert_near(3.56e9 / hps, (6 * 64 + 6 * 48 + 6 * 64) / 16.0, 0.001);
}

static void sha_instructions_are_counted(void **state)
{
  (void)state;
  struct bench_ports ports = {.clock_hz = 1e9};
  const struct frank_plan two = {.blocks = 2, .counter_word = 5};
  const struct frank_plan three = {.blocks = 3, .counter_word = 5};
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps[2] = {0};
  ports.per_s[BENCH_PORT_SHA_ROUNDS] = 1;
  ports.per_s[BENCH_PORT_SHA_MSG1] = MUCH;
  ports.per_s[BENCH_PORT_SHA_MSG2] = MUCH;
  ports.per_s[BENCH_PORT_SHA_GROUP] = 0.5; /* a group takes no longer than its two sha256rnds2 */
  assert_true(bench_limit_hps(&ports, "sha_ni", &two, &hps[0], text, sizeof text));
  assert_true(bench_limit_hps(&ports, "sha_ni", &three, &hps[1], text, sizeof text));
  assert_near(1 / hps[0], 29 + 32, 1e-6); /* after round 6 to 63, and 64 */
  assert_near(1 / hps[1], 29 + 64, 1e-6);
  ports.per_s[BENCH_PORT_SHA_ROUNDS] = MUCH;
  ports.per_s[BENCH_PORT_SHA_GROUP] = 1;
  assert_true(bench_limit_hps(&ports, "sha_ni", &two, &hps[0], text, sizeof text));
  /* Of the twelve groups of four words those from W[16], W[24], W[28] and W[32] have no sigma0 of a
   * word that W[6] reaches. */
  assert_near(1 / hps[0], 8, 1e-6);
  /* What units of their own do beside the rounds costs time only where it alone is too much; of the
   * groups all but the one from W[16] have a sigma1 of such a word. */
  ports.per_s[BENCH_PORT_SHA_ROUNDS] = 1;
  ports.per_s[BENCH_PORT_SHA_GROUP] = 0.5;
  ports.per_s[BENCH_PORT_SHA_MSG2] = 1;
  assert_true(bench_limit_hps(&ports, "sha_ni", &two, &hps[0], text, sizeof text));
  assert_near(1 / hps[0], 29 + 32, 1e-6);
  ports.per_s[BENCH_PORT_SHA_MSG2] = 0.1;
  assert_true(bench_limit_hps(&ports, "sha_ni", &two, &hps[0], text, sizeof text));
  assert_near(1 / hps[0], 10 * 11, 1e-6);
}

static void the_best_of_a_core_is_kept(void **state)
{
  (void)state;
  struct bench_ports best = {0};
  struct bench_ports slow = zen5;
  bench_limit_keep_best(&best, &zen5);
  assert_near(best.per_s[BENCH_PORT_ADD_512], 4 * 3.56e9, 1);
  slow.clock_hz = 2e9;
  slow.per_s[BENCH_PORT_ADD_512] = 3 * 2e9;   /* disturbed */
  slow.per_s[BENCH_PORT_LOGIC_512] = 5 * 2e9; /* and before, this one was */
  bench_limit_keep_best(&best, &slow);
  assert_near(best.clock_hz, 2e9, 1);
  assert_near(best.per_s[BENCH_PORT_ADD_512], 4 * 2e9, 1);
  assert_near(best.per_s[BENCH_PORT_LOGIC_512], 5 * 2e9, 1);
}

/* The clock of the search is not that of the timing: as much is done in a cycle. */
static void a_limit_goes_with_the_clock(void **state)
{
  (void)state;
  struct bench_ports ports = zen5;
  struct frank_plan plan;
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps[2] = {0};
  assert_int_equal(frank_plan_make(88, 1, &plan), FRANK_OK);
  assert_true(bench_limit_hps(&ports, "avx512", &plan, &hps[0], text, sizeof text));
  bench_limit_set_clock(&ports, 0); /* not known */
  assert_true(bench_limit_hps(&ports, "avx512", &plan, &hps[1], text, sizeof text));
  assert_near(hps[1] / hps[0], 1, 1e-9);
  bench_limit_set_clock(&ports, 1.78e9);
  assert_true(bench_limit_hps(&ports, "avx512", &plan, &hps[1], text, sizeof text));
  assert_near(hps[1] / hps[0], 0.5, 1e-9);
  assert_non_null(strstr(text, "4.00 operations of 512 bits per cycle of 1.78 GHz"));
}

static void what_is_not_known_is_said(void **state)
{
  (void)state;
  struct frank_plan plan;
  char text[BENCH_LIMIT_TEXT_BYTES];
  double hps = 1;
  assert_int_equal(frank_plan_make(88, 1, &plan), FRANK_OK);
  assert_false(bench_limit_hps(&zen5, "arm_sha2", &plan, &hps, text, sizeof text));
  assert_non_null(strstr(text, "arm_sha2"));
  assert_true(hps == 0);
  assert_false(bench_limit_hps(&zen5, "avx2", &plan, &hps, text, sizeof text));
  assert_non_null(strstr(text, "avx2")); /* a core that was not timed for it */
  assert_false(bench_limit_plain_hps(&zen5, "portable", &plan, &hps, text, sizeof text));
  assert_non_null(strstr(text, "portable"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_are_those_of_the_graph),
      cmocka_unit_test(plain_limits_are_those_of_64_rounds_and_48_words),
      cmocka_unit_test(the_slowest_unit_decides),
      cmocka_unit_test(sha_instructions_are_counted),
      cmocka_unit_test(a_limit_goes_with_the_clock),
      cmocka_unit_test(the_best_of_a_core_is_kept),
      cmocka_unit_test(what_is_not_known_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
