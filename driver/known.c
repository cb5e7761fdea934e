/*
 * known: finds a core that misses hits. It is asked for a few hundred counters of the message that
 * is searched anyway, so nothing is loaded for it, and what is in the buffer is tried too.
 */
#include "sha256.h"
#include "state.h"

#include <stdlib.h>
#include <string.h>

#define COUNT     256U /* several times the nonces in flight */
#define HITS      3U   /* that are to be found: not more than a result holds */
#define JOBS      1024U
#define PERIOD_NS UINT64_C(10000000000)

bool frank_fpga_known_is_due(const struct frank_fpga *core, uint64_t now_ns)
{
  const struct frank_fpga_options *options = &core->options;
  const uint64_t jobs = core->health.jobs;
  if (options->no_known_answers) {
    return false;
  }
  if (options->known_answer_each_time || core->health.known_answers == 0) {
    return true;
  }
  /* At 1, 2, 4, 8 ... jobs, then each so many: a core that starts badly is found soon. */
  const uint64_t most = options->known_answer_jobs != 0 ? options->known_answer_jobs : JOBS;
  const uint64_t period_ns = options->known_answer_ns != 0 ? options->known_answer_ns : PERIOD_NS;
  return (jobs > core->known_jobs && jobs >= 2 * core->known_jobs) ||
         jobs - core->known_jobs >= most || now_ns - core->known_ns >= period_ns;
}

static int compare(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a;
  uint32_t y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static bool reported(const struct frank_fpga_result *result, uint32_t counter)
{
  for (uint32_t i = 0; i < result->hit_count; i++) {
    if (result->hits[i] == counter) {
      return true;
    }
  }
  return false;
}

enum frank_fpga_err frank_fpga_known_answer(struct frank_fpga *core,
                                            const struct frank_fpga_job *job)
{
  uint32_t words[COUNT];
  uint32_t sorted[COUNT];
  struct frank_fpga_result result;
  struct frank_fpga_job known = *job;
  known.may_stop = false;
  known.count = COUNT;
  known.first = (uint32_t)(frank_fpga_random(core) % (UINT64_C(0x100000001) - COUNT));
  for (uint32_t i = 0; i < COUNT; i++) {
    words[i] = frank_fpga_sha256_word(&known, known.first + i);
  }
  memcpy(sorted, words, sizeof words);
  qsort(sorted, COUNT, sizeof sorted[0], compare);
  known.bound = sorted[HITS - 1];
  enum frank_fpga_err err = frank_fpga_run_jobs(core, &known, 1, &result);
  if (err != FRANK_FPGA_OK) {
    return err;
  }
  core->health.jobs--;
  core->health.known_answers++;
  core->known_jobs = core->health.jobs;
  /* What was reported was checked to be right; what was not is looked for here. */
  for (uint32_t i = 0; i < COUNT; i++) {
    if (words[i] <= known.bound && !reported(&result, known.first + i)) {
      core->health.known_answer_misses++;
      return frank_fpga_fail(core, FRANK_FPGA_ERR_DEVICE,
                             "the core missed a hit that is known: counter 0x%08x",
                             (unsigned)(known.first + i));
    }
  }
  return frank_fpga_now(core, &core->known_ns);
}
