#include "mail/milter/view.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORDS_OF(type) ((sizeof(type) + 7) / 8)

/* H. Boehm, "Can seqlocks get along with programming language memory models?" (2012), section 4:
 * the data are atomic words, read and written relaxed, between fences. */
struct frank_milter_view {
  _Atomic uint64_t settings_sequence; /* odd: it is being written */
  _Atomic uint64_t factor_sequence;
  _Atomic uint64_t settings[WORDS_OF(struct frank_milter_settings)];
  _Atomic uint64_t factor[WORDS_OF(struct frank_judge_factor)];
};

static void put(_Atomic uint64_t *sequence, _Atomic uint64_t *words, const void *from, size_t size)
{
  uint64_t at = atomic_load_explicit(sequence, memory_order_relaxed);
  atomic_store_explicit(sequence, at + 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  for (size_t i = 0; i * 8 < size; i++) {
    uint64_t word = 0;
    size_t left = size - i * 8;
    memcpy(&word, (const char *)from + i * 8, left < 8 ? left : 8);
    atomic_store_explicit(&words[i], word, memory_order_relaxed);
  }
  atomic_store_explicit(sequence, at + 2, memory_order_release);
}

/* The writer writes seldom and for microseconds; it may have been killed in the middle, and then
 * the readers die with it: no bound is needed. Returns the sequence number of what was read. */
static uint64_t get(const _Atomic uint64_t *sequence, const _Atomic uint64_t *words, void *to,
                    size_t size)
{
  uint64_t before = 0;
  uint64_t after = 0;
  do {
    before = atomic_load_explicit(sequence, memory_order_acquire);
    for (size_t i = 0; i * 8 < size; i++) {
      uint64_t word = atomic_load_explicit(&words[i], memory_order_relaxed);
      size_t left = size - i * 8;
      memcpy((char *)to + i * 8, &word, left < 8 ? left : 8);
    }
    atomic_thread_fence(memory_order_acquire);
    after = atomic_load_explicit(sequence, memory_order_relaxed);
  } while (before != after || before % 2 != 0);
  return before;
}

enum frank_err frank_milter_view_new(struct frank_milter_view **out, int *fd)
{
  *out = NULL;
  *fd = memfd_create("frank-milter", 0);
  if (*fd < 0) {
    return FRANK_ERR_IO;
  }
  void *at = ftruncate(*fd, (off_t)sizeof **out) == 0
                 ? mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0)
                 : MAP_FAILED;
  if (at == MAP_FAILED) {
    (void)close(*fd);
    *fd = -1;
    return FRANK_ERR_IO;
  }
  *out = at;
  return FRANK_OK;
}

enum frank_err frank_milter_view_map(int fd, struct frank_milter_view **out)
{
  struct stat stat;
  *out = NULL;
  if (fstat(fd, &stat) != 0) {
    return FRANK_ERR_IO;
  }
  if (stat.st_size != (off_t)sizeof **out) {
    return FRANK_ERR_MALFORMED;
  }
  void *at = mmap(NULL, sizeof **out, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    return FRANK_ERR_IO;
  }
  *out = at;
  return FRANK_OK;
}

void frank_milter_view_destroy(struct frank_milter_view **view)
{
  if (*view != NULL) {
    (void)munmap(*view, sizeof **view);
    *view = NULL;
  }
}

void frank_milter_view_put_settings(struct frank_milter_view *view,
                                    const struct frank_milter_settings *settings)
{
  put(&view->settings_sequence, view->settings, settings, sizeof *settings);
}

void frank_milter_view_put_factor(struct frank_milter_view *view,
                                  const struct frank_judge_factor *factor)
{
  put(&view->factor_sequence, view->factor, factor, sizeof *factor);
}

uint64_t frank_milter_view_settings(const struct frank_milter_view *view,
                                    struct frank_milter_settings *out)
{
  return get(&view->settings_sequence, view->settings, out, sizeof *out);
}

/* It lies in one word, and a word is never torn. */
enum frank_log_level frank_milter_view_log_level(const struct frank_milter_view *view)
{
  const size_t at = offsetof(struct frank_milter_settings, log_level);
  uint32_t level = 0;
  uint64_t word = atomic_load_explicit(&view->settings[at / 8], memory_order_relaxed);
  memcpy(&level, (const char *)&word + at % 8, sizeof level);
  return (enum frank_log_level)level;
}

void frank_milter_view_factor(const struct frank_milter_view *view, struct frank_judge_factor *out)
{
  (void)get(&view->factor_sequence, view->factor, out, sizeof *out);
}

uint64_t frank_milter_view_version(const struct frank_milter_view *view)
{
  return atomic_load_explicit(&view->settings_sequence, memory_order_acquire);
}
