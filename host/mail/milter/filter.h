/*
 * filter: the body of frank-milter-filter, frank-milter's child: libmilter's threads, of which one
 * at a time has a connection of the mail server, and what they do with a mail.
 *
 *     mint.c     a signature of an earlier milter -> frankd (client library) -> MSMR-Key at the top
 *     verify.c   MSMR-Key -> DKIM (libopendkim) -> rules, replay store -> Authentication-Results
 *
 * Each connection has a session of its own, with its own socket to frankd and its own handle of the
 * replay store; sessions share nothing but atomic counters and the view. Settings are those of the
 * moment when the connection began, the factor that of the moment when a mail is judged.
 */
#ifndef FRANK_MAIL_MILTER_FILTER_H
#define FRANK_MAIL_MILTER_FILTER_H

#include "base/chan.h"
#include "base/err.h"
#include "base/records.h"

#include <stdint.h>

#define FRANK_FILTER_PROGRAM   "frank-milter-filter"
#define FRANK_FILTER_WHY_BYTES 256

/* What a thread writes, whole, into the pipe for observations: the keeper gathers them. */
struct frank_filter_observation {
  double bits; /* 0: without a stamp that counts */
  int64_t at_s;
  uint64_t is_spam;
};

struct frank_filter_config {
  int view_fd;
  int counters_fd;
  int observe_fd;    /* -1: nothing is told */
  const char *state; /* folder of the replay store; NULL: there is none */
};

/* Serves until the channel closes, then finishes the mails that are under way, within limits.
 * Errors have been told to the keeper (FAILED); `why` (FRANK_FILTER_WHY_BYTES) has the text. */
FRANK_MUST_CHECK enum frank_err frank_filter_run(const struct frank_filter_config *config,
                                                 struct frank_chan *chan, char *why);

#endif
