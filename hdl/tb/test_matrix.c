/*
 * Every U, every number of blocks, every place of the counter: what the core finds is what OpenSSL
 * says, in both directions: all hits, nothing else, in order, to the last counter.
 */
#include "hdl/tb/bench.h"

/* One job: some batches of the ring and a part of one, about four hits. */
static void run_one(struct frank_bus *bus, unsigned blocks, unsigned word, uint32_t id)
{
  static struct bench_job job;
  unsigned batch = bench_in_flight(bus);
  bench_job_random(&job, blocks, word);
  job.buffer = id % 2;
  job.first = bench_random32();
  uint32_t count = batch + 1 + (uint32_t)bench_below(2 * (size_t)batch);
  job.last = job.first + count - 1;
  if (job.last < job.first) {
    job.first = UINT32_MAX - count + 1;
    job.last = UINT32_MAX;
  }
  bench_job_aim(&job, 1 + bench_below(count < 8 ? count : 8));
  bench_run(bus, &job, id);
}

static void blocks_and_words_at_every_u(void **state)
{
  (void)state;
  unsigned unrolls[BENCH_UNROLLS_MAX];
  size_t unrolls_count = bench_unrolls(unrolls);
  for (size_t i = 0; i < unrolls_count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    uint32_t id = 0;
    for (unsigned round = 0; round < bench_scale(20); round++) {
      for (unsigned blocks = 1; blocks <= BENCH_BLOCKS_MAX; blocks++) {
        /* All places with one block; two of the fifteen, in turn, with more. */
        for (unsigned word = 0; word <= 14; word++) {
          if (blocks == 1 || word % 7 == (blocks + round) % 7) {
            run_one(bus, blocks, word, id++);
          }
        }
      }
    }
    print_message("U=%u: %u jobs in %llu cycles\n", unrolls[i], id,
                  (unsigned long long)frank_sim_cycles(bus));
    bench_close(bus);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_and_words_at_every_u),
  };
  return BENCH_MAIN("hdl_matrix", argc, argv, tests);
}
