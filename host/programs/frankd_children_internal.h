/*
 * frankd_children_internal: what the parts of frankd_children share.
 *
 *     frankd_children.c  the life of the children: started, pinged, restarted, ended
 *     frankd_records.c   what they say, and what is said to them
 */
#ifndef FRANK_PROGRAMS_FRANKD_CHILDREN_INTERNAL_H
#define FRANK_PROGRAMS_FRANKD_CHILDREN_INTERNAL_H

#include "base/chan.h"
#include "base/child.h"
#include "mint/supervisor.h"
#include "programs/frankd_children.h"

#include <limits.h>

#define FRANKD_ORIGIN_BITS 8 /* of an origin: the index of the child; above them its life */

/* What a child is, a bit each: the records that it may send depend on it. */
enum frankd_child_kind { FRANKD_DOOR = 1, FRANKD_WEB = 2, FRANKD_RESOLVER = 4, FRANKD_ANY = 7 };

struct frankd_child {
  struct frankd_children *all;
  enum frankd_child_kind kind;
  const char *program;
  const char *endpoint; /* FRANKD_DOOR */
  char path[PATH_MAX];
  char name[96];
  struct frank_supervisor supervisor;
  struct frank_chan *chan;
  struct frank_loop_watch *watch;
  uint32_t watched; /* events */
  pid_t pid;
  uint64_t origin;
  uint64_t life;
  uint64_t pinged_us; /* last ping */
  uint64_t heard_us;  /* last record, a pong at least */
  uint64_t drain_tag; /* of the ping behind DRAIN whose pong is awaited; 0: none */
  uint64_t dropped_before;
  uint64_t dropped;
  bool wanted; /* to be started; a resolver is when it is needed first */
  bool is_ready;
  bool overflow; /* it does not take its answers: ended after this turn */
};

struct frankd_children {
  const struct frankd_config *config;
  struct frank_loop *loop;
  struct frank_mint *mint;
  struct frankd_factors *factors;
  frankd_status_fn *status;
  void *status_arg;
  struct frankd_child list[FRANKD_LISTEN_MAX + 2];
  struct frankd_child *resolver; /* one of them; NULL: none to be had */
  size_t count;
  struct frank_supervisor_policy policy;
  struct frank_child_graves graves;
  bool all_were_ready;
  bool closing;
  char fatal[320];
  struct frank_status snapshot; /* too large for the stack of a small process */
};

/* Ends it; it is started again after a pause. */
void frankd_child_failed(struct frankd_child *c, const char *why, uint64_t now_us);
void frankd_child_start(struct frankd_child *c, uint64_t now_us);

/* ---- frankd_records.c ---- */

/* Puts a record on its channel; where that is full it is ended after this turn. */
void frankd_child_put(struct frankd_child *c, uint16_t type, const void *payload, size_t len_bytes);
/* Puts a snapshot of the status. */
void frankd_child_put_status(struct frankd_child *c);
/* What it said. One that speaks out of turn is ended. */
void frankd_child_record(struct frankd_child *c, const struct frank_record *record,
                         uint64_t now_us);

#endif
