#include "launch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define UNTOUCHED 0xeeeeeeeeU

void launch_begin(struct launch_scan *scan, uint32_t item, uint32_t local_size)
{
  memset(scan, 0, sizeof *scan);
  memset(scan->results, 0xee, sizeof scan->results);
  scan->item = item;
  scan->local_size = local_size;
  scan->kw_words = 1;
}

uint32_t launch_add_slice(struct launch_scan *scan, const struct oracle_slice *of)
{
  const struct frank_slice *from = &of->slice;
  assert_true(scan->slice_count < LAUNCH_SLICES_MAX);
  uint32_t at = (uint32_t)scan->slice_count++;
  struct frank_kernel_slice *to = &scan->slices[at];
  size_t words = (size_t)(from->blocks - 1) * 64;
  scan->of[at] = of;
  memcpy(to->init, from->init, sizeof to->init);
  memcpy(to->block, from->block, sizeof to->block);
  to->blocks = from->blocks;
  to->counter_word = from->counter_word;
  to->kw_at = (uint32_t)scan->kw_words;
  to->bound = from->bound;
  to->may_stop = from->may_stop;
  to->stop_at = from->stop_at;
  memcpy(scan->kw + scan->kw_words, of->kw, words * sizeof of->kw[0]);
  scan->kw_words += words;
  scan->results[at].stop = UINT32_MAX;
  scan->results[at].hit_count = 0;
  return at;
}

void launch_add_part(struct launch_scan *scan, uint32_t slice, uint32_t first, uint32_t last)
{
  assert_true(scan->part_count + scan->done_count < LAUNCH_PARTS_MAX);
  assert_true(first <= last && slice < scan->slice_count);
  uint32_t base = first & ~(scan->item - 1);
  uint32_t items = (last - base) / scan->item + 1;
  scan->parts[scan->part_count++] = (struct frank_kernel_part){
      .slice = slice,
      .first_group = scan->group_count,
      .items = items,
      .base = base,
      .first = first,
      .last = last,
  };
  scan->group_count += (items + scan->local_size - 1) / scan->local_size;
}

void launch_next(struct launch_scan *scan)
{
  memcpy(scan->done + scan->done_count, scan->parts, scan->part_count * sizeof scan->parts[0]);
  scan->done_count += scan->part_count;
  scan->part_count = 0;
  scan->group_count = 0;
}

static bool is_kept(const struct frank_kernel_result *result, uint32_t counter)
{
  for (uint32_t i = 0; i < result->hit_count && i < FRANK_KERNEL_HITS; i++) {
    if (result->hits[i] == counter) {
      return true;
    }
  }
  return false;
}

/* What OpenSSL says of the counters of one slice. */
struct tally {
  uint64_t hits;             /* at or below the bound */
  uint64_t hits_before_stop; /* of these, those at or before the counter that stops */
  uint64_t kept;             /* of the hits, those in hits[] */
  uint32_t stop;
};

static void tally_part(const struct launch_scan *scan, const struct frank_kernel_part *part,
                       struct tally *tally)
{
  const struct oracle_slice *of = scan->of[part->slice];
  const struct frank_kernel_result *result = &scan->results[part->slice];
  for (uint64_t i = part->first; i <= part->last; i++) {
    uint32_t counter = (uint32_t)i;
    uint32_t word = oracle_word(of, counter);
    bool kept = is_kept(result, counter);
    if (word > of->slice.bound) {
      assert_false(kept);
      continue;
    }
    tally->hits++;
    tally->kept += kept;
    if (counter <= result->stop) {
      tally->hits_before_stop++;
      assert_true(kept || result->hit_count > FRANK_KERNEL_HITS);
    }
    if (of->slice.may_stop && word <= of->slice.stop_at && counter < tally->stop) {
      tally->stop = counter;
    }
  }
}

static void assert_result(const struct launch_scan *scan, uint32_t slice)
{
  const struct frank_kernel_result *result = &scan->results[slice];
  struct tally tally = {.stop = UINT32_MAX};
  for (size_t i = 0; i < scan->done_count; i++) {
    if (scan->done[i].slice == slice) {
      tally_part(scan, &scan->done[i], &tally);
    }
  }
  uint64_t in_hits = result->hit_count < FRANK_KERNEL_HITS ? result->hit_count : FRANK_KERNEL_HITS;
  assert_int_equal(result->stop, tally.stop);
  /* No counter twice, none from outside the parts: they are as many as are hits. */
  assert_int_equal(tally.kept, in_hits);
  assert_true(result->hit_count <= tally.hits);
  assert_true(result->hit_count >= tally.hits_before_stop || result->hit_count > FRANK_KERNEL_HITS);
  for (size_t i = in_hits; i < FRANK_KERNEL_HITS; i++) {
    assert_int_equal(result->hits[i], UNTOUCHED);
  }
}

void launch_assert_results(const struct launch_scan *scan)
{
  struct frank_kernel_result untouched;
  for (uint32_t i = 0; i < scan->slice_count; i++) {
    assert_result(scan, i);
  }
  memset(&untouched, 0xee, sizeof untouched);
  assert_memory_equal(&scan->results[scan->slice_count], &untouched, sizeof untouched);
}
