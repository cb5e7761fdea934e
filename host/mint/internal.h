/*
 * internal: the structures that mint.c (requests and answers), job.c (searches and the answer
 * cache) and schedule.c (devices and slices) share. Nobody else includes this.
 *
 *   client --*  waiter  *-- job --* slot (a slice at a device)
 *
 * A waiter is one accepted request; a job is one search; a job without waiters is a kept answer.
 */
#ifndef FRANK_MINT_INTERNAL_H
#define FRANK_MINT_INTERNAL_H

#include "base/heap.h"
#include "base/list.h"
#include "base/table.h"
#include "mint/mint.h"
#include "proof/plan.h"

#define FRANK_MINT_SLOTS        128  /* slices that one device may have outstanding */
#define FRANK_MINT_IDLE_CLIENTS 1024 /* clients without requests whose share is remembered */

struct frank_mint_client {
  struct frank_table_node by_name;
  struct frank_heap_node by_served; /* in mint->clients_ready while ready is not empty */
  struct frank_list link;           /* mint->clients_busy or clients_idle */
  struct frank_heap ready;          /* its jobs that wait for a device */
  uint64_t served;   /* fair share: attempts charged, lifted to the present when it comes back */
  uint64_t attempts; /* made for it in all */
  double expected;   /* attempts that its waiters are expected to need */
  uint32_t waiters;
  uint32_t slots; /* slices outstanding that are charged to it */
  char name[FRANK_CLIENT_NAME_BYTES];
};

struct frank_mint_waiter {
  struct frank_table_node by_tag;
  struct frank_heap_node by_deadline;
  struct frank_list in_job;
  struct frank_list in_orphans; /* mint->orphan_list, where it is one */
  struct frank_mint_job *job;
  struct frank_mint_client *client;
  uint64_t origin;
  uint64_t tag;
  uint64_t factor;
  uint64_t arrived_us;
  uint64_t deadline_us;
  bool fail_at_deadline;
  bool orphan; /* its asker died: nobody is answered */
  uint8_t priority;
  char source[FRANK_SOURCE_BYTES];
};

/* A range of counters under one nonce and plan. */
struct frank_mint_range {
  struct frank_plan plan;
  struct frank_nonce nonce;
  uint64_t first;
  uint64_t count; /* 0: none */
};

struct frank_mint_job {
  struct frank_table_node by_key;
  struct frank_hash key;        /* salted hash of algorithm and b */
  struct frank_heap_node ready; /* in owner->ready */
  struct frank_list spread;     /* in mint->spread: at a device, and worth a second one */
  struct frank_list kept;       /* in mint->kept: a job without waiters, oldest first */
  struct frank_list unsettled;  /* in mint->unsettled: its waiters changed, its place did not yet */
  struct frank_list waiters;
  struct frank_mint_client *owner; /* whose queue it stands in, while ready */
  char *b;                         /* b_len bytes; NULL while only kept */
  uint16_t b_len;
  uint8_t priority; /* among the owner's; valid while ready */
  enum frank_alg alg;
  uint64_t deadline_us;
  uint64_t seq;                  /* order of arrival */
  uint64_t factor;               /* the largest that its waiters want */
  struct frank_mint_range space; /* what has not been searched under the present nonce */
  struct frank_mint_range redo;  /* a range whose report overflowed */
  uint64_t redo_half;            /* of its length at first: it is searched in two slices */
  struct frank_hash best;
  char best_n[FRANK_PLAN_DIGITS_MAX + 1];
  char best_device[FRANK_DEVICE_NAME_BYTES];
  uint64_t attempts;
  uint64_t reported; /* of these, told in answers */
  uint64_t kept_at_us;
  uint32_t waiter_count;
  uint32_t outstanding; /* slices at devices that have not been taken back */
  uint32_t slots;       /* slots that point here, late ones included */
};

struct frank_mint_slot {
  uint64_t id;
  struct frank_mint_job *job;       /* NULL: the job ended meanwhile */
  struct frank_mint_client *client; /* charged */
  struct frank_mint_range range;
  double expected_us; /* counting on an early stop */
  double full_us;     /* without */
  uint64_t charged;
  uint32_t bound;
  uint32_t stop_at;
  bool late; /* taken back */
};

struct frank_mint_device {
  bool present;
  bool stalled;
  struct frank_device_info info;
  /* Measured attempts per second by blocks of the plan; 0 where not measured yet. */
  double rate_hps[FRANK_PLAN_BLOCKS_MAX + 1];
  uint8_t last_blocks;   /* of the plan searched last: whose rate is told to people */
  double outstanding_us; /* expected time of the slices that are not late */
  uint64_t attempts;
  uint64_t wrong_hits;
  /* Hits that chance promises for the counters it claims to have searched, and those it reported:
   * one that reports far too few does not search. */
  double hits_expected;
  double hits_seen;
  uint32_t first; /* ring of slots, oldest first */
  uint32_t count;
  struct frank_mint_slot slots[FRANK_MINT_SLOTS];
};

struct frank_mint {
  struct frank_mint_config config;
  uint8_t salt[32];
  struct frank_table jobs;
  struct frank_table waiters;
  struct frank_table clients;
  struct frank_heap deadlines;     /* waiters */
  struct frank_heap clients_ready; /* clients with ready jobs, least served first */
  struct frank_list clients_busy;
  struct frank_list clients_idle; /* oldest first */
  struct frank_list spread;
  struct frank_list kept;
  struct frank_list unsettled;
  struct frank_list orphan_list; /* oldest first */
  uint64_t virtual_served;       /* the share of the client served last: newcomers start here */
  uint64_t seq;
  uint64_t slice_id;
  uint64_t factor;
  int64_t factor_expires_s;
  char factor_source[FRANK_SOURCE_BYTES];
  bool draining;
  uint32_t hope_blocks; /* the most blocks that a device which is not ready yet may take */
  uint32_t waiting;     /* waiters, orphans included */
  uint32_t orphans;     /* of these */
  uint32_t running;     /* of these, whose job is at a device */
  uint32_t kept_count;
  uint32_t idle_clients;
  double expected; /* attempts that all waiters are expected to need */
  uint64_t totals[FRANK_RESULT_COUNT];
  uint64_t attempts_total;
  uint64_t useful_total;
  uint64_t wrong_hits_total;
  uint64_t mint_seconds[FRANK_STATUS_BUCKETS + 1];
  double mint_seconds_sum;
  struct frank_mint_device *devices[FRANK_STATUS_DEVICES_MAX];
  uint32_t device_slots; /* entries of devices in use or freed */
};

/* ---- job.c ---- */

/* A salted hash of bytes that strangers choose. */
void frank_mint_salted(const struct frank_mint *mint, const void *bytes, size_t len_bytes,
                       struct frank_hash *out);
/* The key of (alg, b), and the job that has it: running or kept; NULL. */
struct frank_mint_job *frank_mint_job_find(const struct frank_mint *mint, enum frank_alg alg,
                                           const char *b, size_t b_len, struct frank_hash *key);
/* Makes `found` (or a new job for `key` where that is NULL) fit for a search for `factor`. The
 * caller adds a waiter or settles it. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err
frank_mint_job_begin(struct frank_mint *mint, struct frank_mint_job *found,
                     const struct frank_hash *key, enum frank_alg alg, const char *b,
                     const struct frank_plan *plan, uint64_t factor, struct frank_mint_job **out);
/* A waiter left: the job goes out of the queues until frank_mint_job_settle_all. So a thousand
 * waiters of one job that end together cost one settling. */
void frank_mint_job_unsettle(struct frank_mint *mint, struct frank_mint_job *job);
/* Settles every job that was unsettled. */
void frank_mint_job_settle_all(struct frank_mint *mint, uint64_t now_us);
/* A waiter came: as settle, but without looking at the others. */
void frank_mint_job_joined(struct frank_mint *mint, struct frank_mint_job *job,
                           const struct frank_mint_waiter *w);
/* Recomputes what depends on the waiters, and puts the job where it belongs: ready, spread, at its
 * devices only, or kept (freed where nothing is kept). `job` may be gone after this. */
void frank_mint_job_settle(struct frank_mint *mint, struct frank_mint_job *job, uint64_t now_us);
/* True where all devices together would search the job for longer than a second one costs. */
bool frank_mint_job_is_worth_two(const struct frank_mint *mint, const struct frank_mint_job *job);
/* Takes the job out of the queues of work (ready, spread). */
void frank_mint_job_unqueue(struct frank_mint *mint, struct frank_mint_job *job);
/* Counts one slice more (+1) or less (-1) at a device. */
void frank_mint_job_outstanding(struct frank_mint *mint, struct frank_mint_job *job, int by);
/* Forgets kept answers that are too old, and all of them where `all`. */
void frank_mint_job_expire(struct frank_mint *mint, uint64_t now_us, bool all);
/* Takes nonce and hash as the job's best where they are. True when they are. */
bool frank_mint_job_offer(struct frank_mint_job *job, const char *n, size_t n_len,
                          const char *device, const struct frank_hash *h);

/* Copies a text, cut where it does not fit, and fills the rest with NUL: it travels in messages. */
void frank_mint_copy_text(char *to, size_t to_size, const char *text);

/* ---- client.c ---- */

/* The client of that name, NULL; *hash gets what frank_mint_client_make wants. */
struct frank_mint_client *frank_mint_client_find(const struct frank_mint *mint, const char *name,
                                                 uint64_t *hash);
/* A new client, in no list before its first use; NULL without memory. */
struct frank_mint_client *frank_mint_client_make(struct frank_mint *mint, const char *name,
                                                 uint64_t hash);
/* One that nothing holds on to. */
void frank_mint_client_destroy(struct frank_mint *mint, struct frank_mint_client *client);
/* Counts requests and slices that hold on to a client (either may be negative). */
void frank_mint_client_use(struct frank_mint *mint, struct frank_mint_client *client, int waiters,
                           int slots);

/* ---- mint.c ---- */

/* The waiting request that (origin, tag) names; NULL. */
struct frank_mint_waiter *frank_mint_waiter_find(const struct frank_mint *mint, uint64_t origin,
                                                 uint64_t tag);
/* Answers every waiter whose factor the job's best meets. (answers) */
void frank_mint_answer_met(struct frank_mint *mint, struct frank_mint_job *job, uint64_t now_us);

/* ---- schedule.c ---- */

/* Slots of a job that ended stop pointing to it. */
void frank_mint_slots_forget(struct frank_mint *mint, const struct frank_mint_job *job);
/* A client's share of the work changed; it keeps its place in the queue of clients. */
void frank_mint_client_charge(struct frank_mint *mint, struct frank_mint_client *client,
                              uint64_t attempts);
/* The most blocks that a ready device takes; 0 without devices. */
uint32_t frank_mint_blocks_max(const struct frank_mint *mint);

#endif
