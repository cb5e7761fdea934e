/*
 * search: looks for counters whose first hash word is at or below a bound. README.md has the way of
 * the data; layout.h the tables.
 *
 * Built with -D FRANK_VECTOR=n  counters in a vector: 1, 2, 4, 8, 16
 *            -D FRANK_GROUPS=n  vectors that a work item computes side by side, to hide latency
 *            -D FRANK_ITEM=n    counters of a work item: a power of 2, 256 to 65536
 *
 * A work item's counters share their upper 16 bits. Of block 0 only one word changes among them,
 * the second of the counter's two: the rounds before it, the schedule words that it does not reach
 * and the constant parts of those that it reaches are worked out once, in single words (prepare).
 * Which these are depends on that word's place, which is the same for all items of a slice: so the
 * tests for it in the loop go the same way each time and cost next to nothing.
 */
#include "layout.h"

#include "vendor.h"

#include "sha256.h"

#define STEP (FRANK_VECTOR * FRANK_GROUPS) /* counters that are examined together */

/* Two hexadecimal digits for each of 256 values, as the lower half of a word. */
#define HEX1(n)    ((n) < 10 ? '0' + (n) : 'a' + (n)-10)
#define HEX2(n)    (uint)(HEX1((n) / 16) << 8 | HEX1((n) % 16))
#define HEX2X4(n)  HEX2(n), HEX2((n) + 1), HEX2((n) + 2), HEX2((n) + 3)
#define HEX_ROW(n) HEX2X4(n), HEX2X4((n) + 4), HEX2X4((n) + 8), HEX2X4((n) + 12)
__constant uint hex2[256] = {
    HEX_ROW(0),   HEX_ROW(16),  HEX_ROW(32),  HEX_ROW(48),  HEX_ROW(64),  HEX_ROW(80),
    HEX_ROW(96),  HEX_ROW(112), HEX_ROW(128), HEX_ROW(144), HEX_ROW(160), HEX_ROW(176),
    HEX_ROW(192), HEX_ROW(208), HEX_ROW(224), HEX_ROW(240),
};

/* What the counters of a work item have in common. */
struct common {
  uint at;       /* the word of block 0 that changes, 1 to 15 */
  uint varies;   /* bit t: W[t], t < 32, depends on it */
  uint start[8]; /* a..h after round `at` with W[at] = 0: a and e still lack W[at] */
  uint w[32];    /* W[t] where it does not change, else the sum of its terms that do not */
  uint kw[32];   /* K[t], and W[t] where it does not change */
};

/* The state of all groups of vectors. */
struct lanes {
  vec s[FRANK_GROUPS][8];
  vec w[FRANK_GROUPS][16]; /* W[t] at t % 16 */
};

INLINE void prepare(__constant struct frank_kernel_slice *slice, uint counter, struct common *c)
{
  c->at = slice->counter_word + 1;
  c->varies = 1U << c->at;
  uint high = hex2[counter >> 24] << 16 | hex2[counter >> 16 & 0xff];
#pragma unroll
  for (uint t = 0; t < 16; t++) {
    c->w[t] = t == c->at ? 0 : t + 1 == c->at ? high : slice->block[t];
  }
#pragma unroll
  for (uint t = 16; t < 32; t++) {
    uint from = c->varies >> (t - 16); /* bit i: W[t-16+i] changes */
    c->varies |= (from & (1U << 0 | 1U << 1 | 1U << 9 | 1U << 14)) != 0 ? 1U << t : 0;
    c->w[t] = ((from >> 0 & 1) != 0 ? 0 : c->w[t - 16]) +
              ((from >> 1 & 1) != 0 ? 0 : small_sigma0(c->w[t - 15])) +
              ((from >> 9 & 1) != 0 ? 0 : c->w[t - 7]) +
              ((from >> 14 & 1) != 0 ? 0 : small_sigma1(c->w[t - 2]));
  }
#pragma unroll
  for (uint t = 0; t < 32; t++) {
    c->kw[t] = frank_k[t] + ((c->varies >> t & 1) != 0 ? 0 : c->w[t]);
  }
#pragma unroll
  for (uint i = 0; i < 8; i++) {
    c->start[i] = slice->init[i];
  }
#pragma unroll
  for (uint t = 0; t < 16; t++) {
    if (t <= c->at) {
      scalar_round(c->start, c->kw[t]);
    }
  }
}

/* Round `at`: all before is in start; what is missing is the word that changes. */
INLINE void join_word(const struct common *c, struct lanes *l, uint t, const vec word[FRANK_GROUPS])
{
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
#pragma unroll
    for (uint i = 0; i < 8; i++) {
      PART(l->s[g], i, t + 1) = v_all(c->start[i]);
    }
    PART(l->s[g], 0, t + 1) += word[g];
    PART(l->s[g], 4, t + 1) += word[g];
    l->w[g][t] = word[g];
  }
}

/* A word that does not change, and its round where that is not done. */
INLINE void constant_word(const struct common *c, struct lanes *l, uint t)
{
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
    l->w[g][t % 16] = v_all(c->w[t]);
    if (t > c->at) {
      round_of(l->s[g], t, v_all(c->kw[t]));
    }
  }
}

/* W[t], 16 <= t < 32, which changes: the terms that do, and the sum of those that do not. */
INLINE void changing_word(const struct common *c, struct lanes *l, uint t)
{
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
    vec *w = l->w[g];
    vec sum = v_all(c->w[t]);
    if ((c->varies >> (t - 16) & 1) != 0) {
      sum += w[t - 16];
    }
    if ((c->varies >> (t - 15) & 1) != 0) {
      sum += SMALL_SIGMA0(w[(t - 15) % 16]);
    }
    if ((c->varies >> (t - 7) & 1) != 0) {
      sum += w[(t - 7) % 16];
    }
    if ((c->varies >> (t - 2) & 1) != 0) {
      sum += SMALL_SIGMA1(w[(t - 2) % 16]);
    }
    w[t - 16] = sum;
    round_of(l->s[g], t, sum + v_all(c->kw[t]));
  }
}

/* Rounds 0 to 31 of block 0 for the STEP counters from `counter` on. */
INLINE void first_rounds(const struct common *c, struct lanes *l, uint counter)
{
  vec word[FRANK_GROUPS];
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
    word[g] =
        v_load(&hex2[(counter & 0xff) + g * FRANK_VECTOR]) + v_all(hex2[counter >> 8 & 0xff] << 16);
  }
#pragma unroll
  for (uint t = 0; t < 32; t++) {
    if (t < 16 && t == c->at) {
      join_word(c, l, t, word);
    } else if (t >= 16 && (c->varies >> t & 1) != 0) {
      changing_word(c, l, t);
    } else {
      constant_word(c, l, t);
    }
  }
}

/* Rounds 32 to 63 of block 0, and its end. A loop: fully unrolled code overruns the instruction
 * caches of CPUs and multiprocessors alike. */
INLINE void last_rounds(struct lanes *l, __constant uint *init)
{
#pragma unroll 1
  for (uint base = 32; base < 64; base += 16) {
#pragma unroll
    for (uint t = 0; t < 16; t++) {
#pragma unroll
      for (uint g = 0; g < FRANK_GROUPS; g++) {
        next_word(l->w[g], t);
        round_of(l->s[g], t, l->w[g][t] + v_all(frank_k[base + t]));
      }
    }
  }
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
#pragma unroll
    for (uint i = 0; i < 8; i++) {
      l->s[g][i] += v_all(init[i]);
    }
  }
}

/* One of the later blocks, whose K+W is ready. */
INLINE void later_block(struct lanes *l, __constant uint *kw)
{
  vec before[FRANK_GROUPS][8];
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
#pragma unroll
    for (uint i = 0; i < 8; i++) {
      before[g][i] = l->s[g][i];
    }
  }
#pragma unroll 1
  for (uint base = 0; base < 64; base += 8) {
#pragma unroll
    for (uint t = 0; t < 8; t++) {
#pragma unroll
      for (uint g = 0; g < FRANK_GROUPS; g++) {
        round_of(l->s[g], t, v_all(kw[base + t]));
      }
    }
  }
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
#pragma unroll
    for (uint i = 0; i < 8; i++) {
      l->s[g][i] += before[g][i];
    }
  }
}

/* Takes down the candidates among the STEP counters from `step` on, as far as they are asked for:
 * seldom, so it need not be fast. Nothing is written beyond hits[], however many there are. */
INLINE void keep(__constant struct frank_kernel_slice *slice, const struct lanes *l, uint step,
                 uint first, uint last, __global volatile struct frank_kernel_result *result)
{
  uint words[STEP];
#pragma unroll
  for (uint g = 0; g < FRANK_GROUPS; g++) {
    v_store(&words[g * FRANK_VECTOR], l->s[g][0]);
  }
  for (uint i = 0; i < STEP; i++) {
    uint counter = step + i;
    if (words[i] > slice->bound || counter < first || counter > last) {
      continue;
    }
    if (result->hit_count <= FRANK_KERNEL_HITS) { /* one more than they are says enough */
      uint at = atomic_inc(&result->hit_count);
      if (at < FRANK_KERNEL_HITS) {
        result->hits[at] = counter;
      }
    }
    if (slice->may_stop != 0 && words[i] <= slice->stop_at) {
      atomic_min(&result->stop, counter);
    }
  }
}

/* The counters `first` to `last`, which share their upper 16 bits. Ends early where a counter
 * before them ends the search of the slice. */
INLINE void search_item(__constant struct frank_kernel_slice *slice, __constant uint *kw,
                        uint first, uint last, __global volatile struct frank_kernel_result *result)
{
  struct common c;
  prepare(slice, first, &c);
  for (uint step = first & ~(uint)(STEP - 1);; step += STEP) {
    if ((step & 0xff) == 0 && result->stop < step) {
      return;
    }
    struct lanes l;
    first_rounds(&c, &l, step);
    last_rounds(&l, slice->init);
    for (uint block = 1; block < slice->blocks; block++) {
      later_block(&l, kw + (block - 1) * 64);
    }
    int any_found = 0;
#pragma unroll
    for (uint g = 0; g < FRANK_GROUPS; g++) {
      any_found |= v_any_up_to(l.s[g][0], slice->bound);
    }
    if (any_found) {
      keep(slice, &l, step, first, last, result);
    }
    if (last - step < STEP) { /* so nothing wraps at the last counter of all */
      return;
    }
  }
}

/* Launched with a work-group for each FRANK_ITEM * local size counters of each part, and
 * *next_group at 0.
 *
 * What lies behind a counter that ends a search was searched in vain, so groups should begin in
 * their order. Those of a GPU do. A driver that runs them on CPU cores may hand each core a run of
 * a hundred: there, a group takes the next place in order, whichever it is. */
__kernel void frank_search(__constant struct frank_kernel_slice *slices,
                           __constant struct frank_kernel_part *parts, uint part_count,
                           __constant uint *kw,
                           __global volatile struct frank_kernel_result *results,
                           __global volatile uint *next_group)
{
  uint group = get_local_size(0) == 1 ? atomic_inc(next_group) : (uint)get_group_id(0);
  uint p = 0;
  while (p + 1 < part_count && parts[p + 1].first_group <= group) {
    p++;
  }
  uint item = (group - parts[p].first_group) * (uint)get_local_size(0) + (uint)get_local_id(0);
  if (item >= parts[p].items) {
    return;
  }
  uint from = parts[p].base + item * FRANK_ITEM;
  uint to = from + (FRANK_ITEM - 1);
  uint first = from < parts[p].first ? parts[p].first : from;
  uint last = to > parts[p].last ? parts[p].last : to;
  __global volatile struct frank_kernel_result *result = &results[parts[p].slice];
  if (result->stop >= first && first <= last) {
    __constant struct frank_kernel_slice *slice = &slices[parts[p].slice];
    search_item(slice, kw + slice->kw_at, first, last, result);
  }
}
