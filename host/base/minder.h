/*
 * minder: keeps one long-lived child of ours running: starts it, pings it, hears its records, ends
 * it when it says nothing, and starts another, later each time.
 *
 * Owner: the parent's loop; one thread. The callbacks run inside frank_loop_run_once and
 * frank_minder_tick, and may not destroy the minder.
 */
#ifndef FRANK_BASE_MINDER_H
#define FRANK_BASE_MINDER_H

#include "base/err.h"
#include "base/loop.h"
#include "base/records.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_MINDER_WHY_BYTES 256
#define FRANK_MINDER_ARGS_MAX  64

struct frank_minder;

struct frank_minder_calls {
  /* It serves: `back` where it did before. */
  void (*ready)(void *arg, const struct frank_record_ready *ready, bool back);
  /* A record of its own (FRANK_RECORD_OWN and above). Anything but FRANK_OK: nothing that such a
   * child can say; it is ended. May be NULL. */
  enum frank_err (*record)(void *arg, uint16_t type, const void *payload, size_t len_bytes);
  /* It has failed before it ever served, and says why: starting it again may not help (fatal). */
  void (*failed)(void *arg, const struct frank_record_failed *failed);
  /* It is gone, for whatever reason. May be NULL. */
  void (*lost)(void *arg);
  void *arg;
};

/* `name` is the program's ("frank-resolver"), found as frank_child_find does; it must stay.
 * FRANK_ERR_NOT_FOUND (no such program; `why`, FRANK_MINDER_WHY_BYTES, names it), FRANK_ERR_NOMEM.
 * Nothing is started before the first tick. */
FRANK_MUST_CHECK enum frank_err frank_minder_new(struct frank_loop *loop, const char *name,
                                                 const struct frank_minder_calls *calls,
                                                 struct frank_minder **out, char *why);
/* Ends the child without asking (frank_minder_part first where it should end by itself). Who goes
 * on after this, and wants no zombie, uses frank_minder_rest. */
void frank_minder_destroy(struct frank_minder **minder);

/* The arguments behind the program's name, NULL-terminated, copied; FRANK_MINDER_ARGS_MAX at most
 * (asserted). A running child goes on with the old ones. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_minder_set_args(struct frank_minder *minder,
                                                      const char *const *args);
/* Ends the child, and starts it anew at the next tick. */
void frank_minder_restart(struct frank_minder *minder);
/* Ends the child, and starts none before frank_minder_restart. */
void frank_minder_rest(struct frank_minder *minder);

/* Starts and pings what is due. Call at least once a second. */
void frank_minder_tick(struct frank_minder *minder, uint64_t now_us);
uint64_t frank_minder_next_due_us(const struct frank_minder *minder);

/* Says something to the child, if there is one: it is lost where it does not listen. */
void frank_minder_say(struct frank_minder *minder, uint16_t type, const void *payload,
                      size_t len_bytes);
bool frank_minder_is_ready(const struct frank_minder *minder);

/* Closes the channel, by which a child sees that it is to end, and starts no other. */
void frank_minder_part(struct frank_minder *minder);
/* True once a child that was parted from has ended, or none ran. */
bool frank_minder_has_ended(struct frank_minder *minder);

#endif
