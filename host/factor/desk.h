/*
 * desk: questions about recipients' factors: what their domains publish is looked up, kept, and
 * each question is done within its time, whatever becomes of the look-ups.
 *
 *     ask --> every domain known?  yes: done at once
 *                                  no:  look-ups (callback); done when the last answer is heard, or
 *                                       when its time is over: what is not known then does not
 * count
 *
 * An answer that comes late is kept all the same. The kept answers are bounded: the one that was
 * used longest ago goes first. So are the questions that wait, by their number and their bytes: one
 * too many is done at once with what is known. So are the look-ups under way, by what a resolver
 * takes (FRANK_RESOLVER_LOOKUPS_MAX): the others wait for their turn, while somebody waits for
 * them.
 *
 * Pure: no clock, no socket. Owner: frankd's main loop; one thread. The done callback runs inside
 * the calls marked (done); it may not call the desk, but for frank_desk_largest and
 * frank_desk_look.
 */
#ifndef FRANK_FACTOR_DESK_H
#define FRANK_FACTOR_DESK_H

#include "base/err.h"
#include "factor/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_DESK_DOMAINS_MAX   10000                /* answers kept */
#define FRANK_DESK_WAITING_MAX   10000                /* questions */
#define FRANK_DESK_WAITING_BYTES (UINT64_C(16) << 20) /* of their domains and payloads */
#define FRANK_DESK_LIMIT_MS      500

struct frank_desk;

/* A question. The asker's payload goes with it, uninterpreted. */
struct frank_desk_question {
  uint64_t origin;
  uint64_t tag;
  const char *domains; /* each with its NUL, one after another, as the asker wrote them */
  size_t domains_len;
  const void *payload;
  size_t payload_len;
  uint64_t arrived_us;
  uint64_t due_us; /* done by then */
};

/* Starts a look-up of `domain` (by frank_txt_domain); its answer comes by frank_desk_hear. `fresh`:
 * what others have kept of it is to be forgotten, too. False: it cannot be started now. */
typedef bool frank_desk_look_up_fn(void *arg, const char *domain, bool fresh);
/* The question is done. Its views are valid during the call. */
typedef void frank_desk_done_fn(void *arg, const struct frank_desk_question *question,
                                uint64_t now_us);

struct frank_desk_config {
  frank_desk_look_up_fn *look_up; /* NULL: nothing is looked up, every question is done at once */
  frank_desk_done_fn *done;
  void *arg;
  uint64_t salt; /* keeps strangers from choosing names that collide */
};

struct frank_desk_counts {
  uint64_t look_ups; /* started */
  uint64_t found;    /* by answer */
  uint64_t absent;
  uint64_t failed;
  uint64_t too_high;  /* factors above max-factor, ignored: for each question and domain */
  uint64_t timed_out; /* questions whose time was over */
  uint64_t crowded;   /* questions, look-ups that found no room */
};

/* FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_desk_new(const struct frank_desk_config *config,
                                               struct frank_desk **out);
/* Questions that wait are dropped. */
void frank_desk_destroy(struct frank_desk **desk);

/* Takes a question; what it points to is copied where it has to wait. (done) */
void frank_desk_ask(struct frank_desk *desk, const struct frank_desk_question *question,
                    uint64_t now_us);
/* A question that waits is done at once; nothing happens where none by that name does. (done) */
void frank_desk_hurry(struct frank_desk *desk, uint64_t origin, uint64_t tag, uint64_t now_us);
/* Drops all questions of an origin. */
void frank_desk_origin_gone(struct frank_desk *desk, uint64_t origin);

/* An answer. FRANK_ERR_MALFORMED: it cannot be one; nothing changes. (done) */
FRANK_MUST_CHECK enum frank_err frank_desk_hear(struct frank_desk *desk,
                                                const struct frank_resolver_domain *answer,
                                                uint64_t now_us);
/* Whoever looks up is gone: nothing is under way any more, and who waits is done. (done) */
void frank_desk_deaf(struct frank_desk *desk, uint64_t now_us);
/* Forgets what is kept of the domain; NULL: of all. Their next look-ups are fresh ones. Those under
 * way stay. */
void frank_desk_forget(struct frank_desk *desk, const char *domain);

/* Does what is due. (done) */
void frank_desk_tick(struct frank_desk *desk, uint64_t now_us);
uint64_t frank_desk_next_due_us(const struct frank_desk *desk);
/* Every question is done now. (done) */
void frank_desk_finish(struct frank_desk *desk, uint64_t now_us);

enum frank_desk_state {
  FRANK_DESK_UNKNOWN, /* nobody was asked, or has not answered */
  FRANK_DESK_FOUND,
  FRANK_DESK_ABSENT,
  FRANK_DESK_FAILED
};

/* What is known of one domain, as its asker wrote it. */
struct frank_desk_domain {
  enum frank_desk_state state;
  enum frank_dnssec dnssec;
  uint64_t factor;
  uint32_t ttl_s;  /* for how long it is still believed */
  const char *why; /* view, until the desk changes; "" */
};
void frank_desk_look(const struct frank_desk *desk, const char *domain, uint64_t now_us,
                     struct frank_desk_domain *out);

/* The largest factor that the domains ask for, `otherwise` for those of which none is known, none
 * above max_factor counted; *domain is the one that asks for it, a view into `domains`, NULL where
 * it is `otherwise`. *too_high is the first that asks for more than max_factor, NULL where none
 * does. */
uint64_t frank_desk_largest(struct frank_desk *desk, const char *domains, size_t domains_len,
                            uint64_t otherwise, uint64_t max_factor, uint64_t now_us,
                            const char **domain, const char **too_high);

void frank_desk_counts(const struct frank_desk *desk, struct frank_desk_counts *counts);
/* Questions that wait, and answers that are kept. */
void frank_desk_sizes(const struct frank_desk *desk, size_t *waiting, size_t *kept);

#endif
