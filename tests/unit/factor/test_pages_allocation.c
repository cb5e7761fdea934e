/* Fails every allocation of every page once, in turn: FRANK_ERR_NOMEM, nothing handed over, nothing
 * left behind. Linked with --wrap=malloc, --wrap=realloc and --wrap=free, so only Frank's own calls
 * are counted. */
#include "factor/authority/pages.h"
#include "sample_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static uint64_t calls;
static uint64_t fail_at; /* 0: never */
static int64_t living;

void *__wrap_malloc(size_t size)
{
  if (++calls == fail_at) {
    return NULL;
  }
  living++;
  return __real_malloc(size);
}

void *__wrap_realloc(void *block, size_t size)
{
  if (++calls == fail_at) {
    return NULL;
  }
  living += block == NULL ? 1 : 0;
  return __real_realloc(block, size);
}

void __wrap_free(void *block)
{
  living -= block != NULL ? 1 : 0;
  __real_free(block);
}

static struct sample_view sample;

/* How many allocations the page takes; 0 where it did not keep its promise. */
static uint64_t try_page(size_t page, size_t range)
{
  uint64_t sites = 0;
  for (uint64_t at = 0; at <= sites; at++) {
    char nothing[] = "untouched";
    char *text = nothing;
    size_t len = 42;
    calls = 0;
    fail_at = at;
    enum frank_err err = frank_authority_page_make(&sample.view, page, range, &text, &len);
    sites = at == 0 ? calls : sites;
    if (err == FRANK_OK && at == 0) {
      free(text);
    } else if (err != FRANK_ERR_NOMEM || text != nothing || len != 42) {
      fprintf(stderr, "page %zu, allocation %" PRIu64 " of %" PRIu64 " failing: error %d\n", page,
              at, sites, (int)err);
      return 0;
    }
    if (living != 0) {
      fprintf(stderr, "page %zu, allocation %" PRIu64 " of %" PRIu64 " failing: %" PRId64 " left\n",
              page, at, sites, living);
      return 0;
    }
  }
  return sites;
}

int main(void)
{
  static const char *const names[] = {"one", "thousand", "hostile"};
  uint64_t sites = 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!sample_view_make(&sample, names[i])) {
      return 1;
    }
    for (size_t page = 0; page < frank_authority_page_count; page++) {
      uint64_t of_page = try_page(page, frank_authority_range_count - 1);
      if (of_page == 0) {
        return 1;
      }
      sites += of_page;
    }
  }
  printf("%" PRIu64 " allocations failed in turn\n", sites);
  return sites > 20 ? 0 : 1;
}
