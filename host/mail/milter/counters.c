#include "mail/milter/counters.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAYOUT UINT64_C(0x4652414e4b430001) /* "FRANKC", version 1 */

struct frank_milter_counters {
  uint64_t layout;
  uint64_t count;
  _Atomic uint64_t values[FRANK_COUNT_COUNT];
};

static const char *mode_name(enum frank_milter_mode mode)
{
  return mode == FRANK_MILTER_MINT ? "mint" : "verify";
}

static enum frank_err map(int fd, struct frank_milter_counters **out)
{
  void *at = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    return FRANK_ERR_IO;
  }
  *out = at;
  return FRANK_OK;
}

/* The room is taken before the first write: one to a page that a full disk has no room for would be
 * a SIGBUS. */
static enum frank_err size_and_map(int fd, struct frank_milter_counters **out)
{
  struct stat stat;
  if (fstat(fd, &stat) != 0 || (stat.st_size != (off_t)sizeof **out && ftruncate(fd, 0) != 0)) {
    return FRANK_ERR_IO;
  }
  int error = posix_fallocate(fd, 0, (off_t)sizeof **out);
  if (error != 0) {
    errno = error;
    return FRANK_ERR_IO;
  }
  enum frank_err err = map(fd, out);
  if (err == FRANK_OK && ((*out)->layout != LAYOUT || (*out)->count != FRANK_COUNT_COUNT)) {
    memset(*out, 0, sizeof **out);
    (*out)->layout = LAYOUT;
    (*out)->count = FRANK_COUNT_COUNT;
  }
  return err;
}

enum frank_err frank_milter_counters_open(const char *dir, enum frank_milter_mode mode,
                                          struct frank_milter_counters **out, int *fd,
                                          char path[300])
{
  *out = NULL;
  if (dir != NULL) {
    (void)snprintf(path, 300, "%.255s/%s.counters", dir, mode_name(mode));
    /* not close-on-exec: the filter has it under the same number */
    *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  } else {
    (void)snprintf(path, 300, "memory");
    *fd = memfd_create("frank-milter-counters", 0);
  }
  if (*fd < 0) {
    return FRANK_ERR_IO;
  }
  enum frank_err err = size_and_map(*fd, out);
  if (err != FRANK_OK) {
    (void)close(*fd);
    *fd = -1;
  }
  return err;
}

enum frank_err frank_milter_counters_map(int fd, struct frank_milter_counters **out)
{
  struct stat stat;
  *out = NULL;
  if (fstat(fd, &stat) != 0) {
    return FRANK_ERR_IO;
  }
  return stat.st_size == (off_t)sizeof **out ? map(fd, out) : FRANK_ERR_MALFORMED;
}

void frank_milter_counters_close(struct frank_milter_counters **counters)
{
  if (*counters != NULL) {
    (void)munmap(*counters, sizeof **counters);
    *counters = NULL;
  }
}

void frank_milter_count(struct frank_milter_counters *counters, unsigned which, uint64_t add)
{
  assert(which < FRANK_COUNT_COUNT);
  atomic_fetch_add_explicit(&counters->values[which], add, memory_order_relaxed);
}

uint64_t frank_milter_counted(const struct frank_milter_counters *counters, unsigned which)
{
  assert(which < FRANK_COUNT_COUNT);
  return atomic_load_explicit(&counters->values[which], memory_order_relaxed);
}

static uint64_t sum(const struct frank_milter_counters *counters, unsigned first, unsigned count)
{
  uint64_t total = 0;
  for (unsigned i = 0; i < count; i++) {
    total += frank_milter_counted(counters, first + i);
  }
  return total;
}

void frank_milter_counters_settle(struct frank_milter_counters *counters,
                                  enum frank_milter_mode mode)
{
  uint64_t begun = frank_milter_counted(counters, FRANK_COUNT_BEGUN);
  uint64_t done = frank_milter_counted(counters, FRANK_COUNT_LOST);
  if (mode == FRANK_MILTER_MINT) {
    done += sum(counters, FRANK_COUNT_STAMPED, FRANK_COUNT_KEPT - FRANK_COUNT_STAMPED + 1);
    done += sum(counters, FRANK_COUNT_UNSTAMPED, 2 * FRANK_UNSTAMPED_COUNT);
  } else {
    done += sum(counters, FRANK_COUNT_JUDGED, FRANK_VERDICT_COUNT);
  }
  if (begun > done) {
    frank_milter_count(counters, FRANK_COUNT_LOST, begun - done);
  }
}

/* ---- metrics ---- */

static void head(FILE *out, const char *name, const char *type, const char *help)
{
  (void)fprintf(out, "# HELP frank_milter_%s %s\n# TYPE frank_milter_%s %s\n", name, help, name,
                type);
}

static void line(FILE *out, const char *name, const char *label, const char *value, uint64_t count)
{
  (void)fprintf(out, "frank_milter_%s{%s=\"%s\"} %" PRIu64 "\n", name, label, value, count);
}

static void write_mint(const struct frank_milter_counters *counters, FILE *out)
{
  head(out, "stamped_total", "counter", "Mails that were given a stamp, by whether it met.");
  line(out, "stamped_total", "met", "yes", frank_milter_counted(counters, FRANK_COUNT_STAMPED));
  line(out, "stamped_total", "met", "no", frank_milter_counted(counters, FRANK_COUNT_SHORT));
  head(out, "kept_total", "counter", "Mails that had a good stamp before.");
  (void)fprintf(out, "frank_milter_kept_total %" PRIu64 "\n",
                frank_milter_counted(counters, FRANK_COUNT_KEPT));
  head(out, "stamp_seconds_total", "counter", "Time spent waiting for stamps of stamped mails.");
  (void)fprintf(out, "frank_milter_stamp_seconds_total %.6f\n",
                (double)frank_milter_counted(counters, FRANK_COUNT_MINT_US) / 1e6);
  head(out, "unstamped_total", "counter", "Mails that went on without a stamp, by why.");
  for (unsigned i = 0; i < FRANK_UNSTAMPED_COUNT; i++) {
    line(out, "unstamped_total", "why", frank_unstamped_name((enum frank_unstamped)i),
         frank_milter_counted(counters, FRANK_COUNT_UNSTAMPED + i));
  }
  head(out, "tempfailed_total", "counter", "Mails that were put off for want of a stamp, by why.");
  for (unsigned i = FRANK_UNSTAMPED_HEADER; i < FRANK_UNSTAMPED_COUNT; i++) {
    line(out, "tempfailed_total", "why", frank_unstamped_name((enum frank_unstamped)i),
         frank_milter_counted(counters, FRANK_COUNT_TEMPFAILED + i));
  }
}

static void write_verify(const struct frank_milter_counters *counters, FILE *out)
{
  head(out, "judged_total", "counter", "Mails judged, by result.");
  for (unsigned i = 0; i < FRANK_VERDICT_COUNT; i++) {
    line(out, "judged_total", "result", frank_verdict_name((enum frank_verdict)i),
         frank_milter_counted(counters, FRANK_COUNT_JUDGED + i));
  }
  head(out, "policy_total", "counter", "Mails with result policy, by the rule that did not hold.");
  for (unsigned i = 0; i <= FRANK_RULE_COUNT; i++) {
    line(out, "policy_total", "rule",
         i < FRANK_RULE_COUNT ? frank_rule_name((enum frank_rule)i) : "factor",
         frank_milter_counted(counters, FRANK_COUNT_BROKEN + i));
  }
  static const struct {
    unsigned which;
    const char *name;
    const char *help;
  } plain[] = {
      {FRANK_COUNT_FORGED, "forged_removed_total", "Fields in our own name that were removed."},
      {FRANK_COUNT_REPLAY_FAILED, "replay_store_failures_total",
       "Mails for which the replay store could not be had."},
      {FRANK_COUNT_OBSERVED, "observed_total", "Mails told to the estimation."},
      {FRANK_COUNT_OBSERVED_LOST, "observed_lost_total", "Mails that could not be told to it."},
  };
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
    head(out, plain[i].name, "counter", plain[i].help);
    (void)fprintf(out, "frank_milter_%s %" PRIu64 "\n", plain[i].name,
                  frank_milter_counted(counters, plain[i].which));
  }
}

void frank_milter_counters_write(const struct frank_milter_counters *counters,
                                 enum frank_milter_mode mode,
                                 const struct frank_milter_gauges *gauges, FILE *out)
{
  /* both modes can run on one host, and be read by one collector */
  const char *name = mode_name(mode);
  head(out, "up", "gauge", "1 while the filter serves.");
  line(out, "up", "mode", name, gauges->up ? 1 : 0);
  head(out, "restarts_total", "counter", "How often the filter was started again.");
  line(out, "restarts_total", "mode", name, gauges->filter_restarts);
  head(out, "sessions_total", "counter", "Connections of the mail server.");
  line(out, "sessions_total", "mode", name, frank_milter_counted(counters, FRANK_COUNT_SESSIONS));
  head(out, "mails_total", "counter", "Mails that came to their end, the lost ones included.");
  line(out, "mails_total", "mode", name, frank_milter_counted(counters, FRANK_COUNT_BEGUN));
  head(out, "lost_total", "counter", "Mails whose filter died: default_action had them.");
  line(out, "lost_total", "mode", name, frank_milter_counted(counters, FRANK_COUNT_LOST));
  if (mode == FRANK_MILTER_MINT) {
    write_mint(counters, out);
    return;
  }
  write_verify(counters, out);
  head(out, "factor", "gauge", "The factor by which mail is judged.");
  (void)fprintf(out, "frank_milter_factor %" PRIu64 "\n", gauges->factor);
}
