/*
 * counters: how many mails were stamped, how many not and why, how many were judged how.
 *
 * They live in a file of the state folder that keeper and filter have mapped, so neither a crash
 * nor a restart loses a count: a mail that left without a stamp stands in exactly one counter. The
 * filter's threads add, the keeper reads them for the metrics. A mail that was being stamped or
 * judged when the filter died is counted as lost: the mail server did with it as its default_action
 * says.
 */
#ifndef FRANK_MAIL_MILTER_COUNTERS_H
#define FRANK_MAIL_MILTER_COUNTERS_H

#include "base/err.h"
#include "mail/judge.h"
#include "mail/milter/settings.h"
#include "mail/rules.h"

#include <stdint.h>
#include <stdio.h>

enum frank_milter_counter {
  FRANK_COUNT_STAMPED,   /* a stamp was put in, and it met its factor */
  FRANK_COUNT_SHORT,     /* a stamp was put in that did not: time was over */
  FRANK_COUNT_KEPT,      /* a stamp that meets the factor was there before */
  FRANK_COUNT_MINT_US,   /* time spent waiting for stamps, of stamped mails */
  FRANK_COUNT_UNSTAMPED, /* by enum frank_unstamped */
  FRANK_COUNT_TEMPFAILED = FRANK_COUNT_UNSTAMPED + FRANK_UNSTAMPED_COUNT, /* likewise */
  FRANK_COUNT_JUDGED = FRANK_COUNT_TEMPFAILED + FRANK_UNSTAMPED_COUNT, /* by enum frank_verdict */
  FRANK_COUNT_BROKEN = FRANK_COUNT_JUDGED + FRANK_VERDICT_COUNT,  /* policy, by enum frank_rule;
                                                                     FRANK_RULE_COUNT: the factor */
  FRANK_COUNT_FORGED = FRANK_COUNT_BROKEN + FRANK_RULE_COUNT + 1, /* fields removed */
  FRANK_COUNT_REPLAY_FAILED,                                      /* the store could not be had */
  FRANK_COUNT_OBSERVED,                                           /* told to the estimation */
  FRANK_COUNT_OBSERVED_LOST, /* not told: it is too slow, or its store cannot be had */
  FRANK_COUNT_SESSIONS,      /* connections of the mail server */
  FRANK_COUNT_BEGUN,         /* mails whose end the mail server told */
  FRANK_COUNT_LOST,          /* of these: the filter died before it was done with them */
  FRANK_COUNT_COUNT
};

struct frank_milter_counters;

/* In the keeper: opens the counters of this mode in folder `dir`; makes them, or begins anew where
 * the file is of another build. dir NULL: they last as long as this process. *fd is the caller's,
 * not close-on-exec. FRANK_ERR_IO (errno; `path` names the file). */
FRANK_MUST_CHECK enum frank_err frank_milter_counters_open(const char *dir,
                                                           enum frank_milter_mode mode,
                                                           struct frank_milter_counters **out,
                                                           int *fd, char path[300]);
/* In the filter. FRANK_ERR_IO, FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_milter_counters_map(int fd,
                                                          struct frank_milter_counters **out);
void frank_milter_counters_close(struct frank_milter_counters **counters);

/* For any thread. `which` plus an index below the group's size. */
void frank_milter_count(struct frank_milter_counters *counters, unsigned which, uint64_t add);
uint64_t frank_milter_counted(const struct frank_milter_counters *counters, unsigned which);

/* Where no filter runs: mails that were begun and stand in no other counter count as lost. */
void frank_milter_counters_settle(struct frank_milter_counters *counters,
                                  enum frank_milter_mode mode);

/* What does not count up, for the metrics. */
struct frank_milter_gauges {
  bool up; /* the filter serves */
  uint64_t filter_restarts;
  uint64_t factor; /* by which it judges; 0: not in this mode */
};
/* Writes them in Prometheus' text format (exposition format 0.0.4). */
void frank_milter_counters_write(const struct frank_milter_counters *counters,
                                 enum frank_milter_mode mode,
                                 const struct frank_milter_gauges *gauges, FILE *out);

#endif
