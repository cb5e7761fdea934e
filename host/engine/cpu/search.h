/*
 * search: the loop over the counters of a slice, run by run and step by step, of every variant.
 *
 * A template: a variant's file (or lanes.h for it) defines the following, then includes this once:
 *
 *     SCAN                                      name of the scan function
 *     STEP                                      counters that are examined together, 1 to 32
 *     struct search                             all that the variant keeps while it searches
 *     search_begin_run(search, slice, counter)  counter's run (first_block.h) is next
 *     search_step(search, slice, low)           computes the first hash words of STEP counters;
 *                                               the lower 16 bits of the first are `low`
 *     search_candidates(search, bound)          a bit for each word <= bound; bit 0 is the first's
 *     search_words(search, words)               stores the words
 *
 * Steps begin at multiples of STEP, so that none crosses a run, nor 256 counters: at the ends of a
 * slice counters are computed that nobody asked for, and not looked at.
 */
#include "engine/cpu/first_block.h"
#include "engine/cpu/variant.h"

_Static_assert(STEP <= 32 && 256 % STEP == 0, "STEP");

/* Keeps the candidates of one step. True when the search may stop with them. */
static bool keep_candidates(const struct frank_slice *slice, struct frank_scan *result,
                            const struct search *search, uint32_t step, uint32_t candidates)
{
  uint32_t words[STEP];
  bool stop = false;
  search_words(search, words);
  for (; candidates != 0; candidates &= candidates - 1) {
    unsigned lane = (unsigned)__builtin_ctz(candidates);
    frank_cpu_keep(slice, result, step + lane, words[lane]);
    stop = stop || (slice->may_stop && words[lane] <= slice->stop_at);
  }
  return stop;
}

/* The bits of `candidates`, which begin at counter `step`, that belong to from..last. */
static inline uint32_t asked_for(uint32_t candidates, uint32_t step, uint32_t from, uint32_t last)
{
  if (step < from) {
    candidates &= UINT32_MAX << (from - step);
  }
  if (last - step < 31) {
    candidates &= (UINT32_C(2) << (last - step)) - 1;
  }
  return candidates;
}

/* The counters `from` to `last` of one run. True when the search may stop; *end is the last counter
 * that was examined. */
static bool search_run(struct search *search, const struct frank_slice *slice,
                       struct frank_scan *result, uint32_t from, uint32_t last, uint32_t *end)
{
  search_begin_run(search, slice, from);
  for (uint32_t step = from & ~(uint32_t)(STEP - 1);; step += (uint32_t)STEP) {
    search_step(search, slice, step % FRANK_CPU_RUN);
    *end = last - step < STEP ? last : step + (uint32_t)STEP - 1;
    uint32_t candidates = search_candidates(search, slice->bound);
    if (candidates != 0) {
      candidates = asked_for(candidates, step, from, last);
      if (keep_candidates(slice, result, search, step, candidates)) {
        return true;
      }
    }
    if (*end == last) {
      return false;
    }
  }
}

void SCAN(const struct frank_slice *slice, struct frank_scan *result)
{
  struct search search;
  uint32_t last = (uint32_t)(slice->first + (slice->count - 1));
  uint32_t from = slice->first;
  uint32_t end = 0;
  for (;;) {
    uint32_t run_last = from | (FRANK_CPU_RUN - 1);
    bool stop = search_run(&search, slice, result, from, run_last < last ? run_last : last, &end);
    if (stop || end == last) {
      break;
    }
    from = end + 1;
  }
  result->attempts = (uint64_t)(end - slice->first) + 1;
}
