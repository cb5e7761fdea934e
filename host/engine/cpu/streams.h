/*
 * streams: the search loop of variants that hold one counter in each of a few streams, because the
 * CPU has instructions for SHA-256 itself.
 *
 * A template: a variant's file defines the following, then includes this once.
 *
 *     SCAN, STREAMS                 name of the scan function; counters that are interleaved
 *     struct prepared               what is the same for the counters of a run; has `first`, `init`
 *     prepare(slice, counter, p)    fills it for the run of `counter`
 *     struct pair                   the streams, `s`, between the parts of a compression
 *     first_rounds(p, low, pair, at)  block 0 up to round 31, for a constant `at`
 *     last_rounds(pair, init)       the rest of it
 *     later_block(pair, kw)         one of the later blocks, whose K+W is ready
 *     first_word(stream)            the first word of the hash
 */
#define STEP STREAMS

typedef void first_rounds_fn(const struct prepared *p, uint32_t low, struct pair *pair);

#define FIRST_ROUNDS(at)                                                                           \
  static void first_rounds_##at(const struct prepared *p, uint32_t low, struct pair *pair)         \
  {                                                                                                \
    first_rounds(p, low, pair, at);                                                                \
  }
FRANK_CPU_EVERY_PLACE(FIRST_ROUNDS)
#undef FIRST_ROUNDS

#define FIRST_ROUNDS(at) first_rounds_##at,
static first_rounds_fn *const first_rounds_at[] = {NULL, FRANK_CPU_EVERY_PLACE(FIRST_ROUNDS)};

/* ---- what search.h asks for ---- */

struct search {
  struct prepared p;
  struct pair pair;
};

INLINE void search_begin_run(struct search *search, const struct frank_slice *slice,
                             uint32_t counter)
{
  prepare(slice, counter, &search->p);
}

INLINE void search_step(struct search *search, const struct frank_slice *slice, uint32_t low)
{
  first_rounds_at[search->p.first.at](&search->p, low, &search->pair);
  last_rounds(&search->pair, &search->p.init);
  for (unsigned block = 1; block < slice->blocks; block++) {
    later_block(&search->pair, slice->kw + (size_t)(block - 1) * 64);
  }
}

INLINE void search_words(const struct search *search, uint32_t words[STREAMS])
{
  for (unsigned i = 0; i < STREAMS; i++) {
    words[i] = first_word(&search->pair.s[i]);
  }
}

INLINE uint32_t search_candidates(const struct search *search, uint32_t bound)
{
  uint32_t candidates = 0;
#pragma GCC unroll 4
  for (unsigned i = 0; i < STREAMS; i++) {
    candidates |= (uint32_t)(first_word(&search->pair.s[i]) <= bound) << i;
  }
  return candidates;
}

#include "engine/cpu/search.h"
