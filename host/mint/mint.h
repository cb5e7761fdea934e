/*
 * mint: the mint service. Requests come in, slices go out to devices, answers come back.
 *
 * Pure logic: no clock, no socket, no process. Time is an argument (`now_us`, monotonic), random
 * bytes come from a function in the configuration, so a test drives it on a simulated clock with
 * a seed. One owner, one thread.
 *
 *     frank_mint_request --> job (one per b and algorithm) --> frank_mint_next_slice --> device
 *                             ^                                                           |
 *        answer callback <----+---- every hit hashed again <---- frank_mint_result <------+
 *
 * Promises: exactly one answer per accepted or refused request, at its deadline at the latest
 * (frank_mint_tick called by frank_mint_next_due_us); never a header whose hash is wrong; every
 * table bounded. The answer callback runs inside the calls marked (answers); it must not call the
 * service again.
 */
#ifndef FRANK_MINT_MINT_H
#define FRANK_MINT_MINT_H

#include "base/err.h"
#include "mint/answer.h"
#include "mint/status.h"
#include "worker/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_QUEUE_DEFAULT       10000
#define FRANK_QUEUE_MAX           100000
#define FRANK_FLOOR_DEFAULT       (UINT64_C(1) << 20)
#define FRANK_MAX_FACTOR_DEFAULT  (UINT64_C(1) << 40)
#define FRANK_CACHE_DEFAULT       10000
#define FRANK_CACHE_AGE_DEFAULT_S 600

struct frank_mint;

/* `origin` names the asker's process (a door); answers go to it with the request's own tag. */
typedef void frank_mint_answer_fn(void *arg, uint64_t origin, const struct frank_answer *answer);
/* Fills `bytes` with random bytes. */
typedef void frank_mint_random_fn(void *arg, uint8_t *bytes, size_t len_bytes);

struct frank_mint_config {
  uint32_t queue_bound; /* requests accepted and not answered, 1..FRANK_QUEUE_MAX */
  uint32_t cache_bound; /* answers kept, 0..FRANK_QUEUE_MAX */
  uint64_t cache_age_us;
  uint64_t max_factor; /* a request that names a larger one is too hard */
  uint64_t slice_us;   /* how long a slice should keep a device busy: 50 ms */
  frank_mint_answer_fn *answer;
  frank_mint_random_fn *random;
  void *arg; /* of both callbacks */
};
/* The defaults of this header; the callbacks are the caller's to set. */
void frank_mint_config_init(struct frank_mint_config *config);

/* FRANK_ERR_NOMEM, FRANK_ERR_RANGE (a number outside its range). */
FRANK_MUST_CHECK enum frank_err frank_mint_new(const struct frank_mint_config *config,
                                               uint64_t now_us, struct frank_mint **out);
/* Requests that are still waiting are dropped without an answer: drain first. */
void frank_mint_destroy(struct frank_mint **mint);

/* The factor for requests that name none, 1..FRANK_FACTOR_MAX, and where it comes from. It holds
 * for requests that arrive from now on. */
void frank_mint_set_factor(struct frank_mint *mint, uint64_t factor, const char *source,
                           int64_t expires_s);
void frank_mint_set_max_factor(struct frank_mint *mint, uint64_t max_factor);

/* ---- askers ---- */

/* Takes a request with its b (request->b_len bytes, canonical). Its one answer comes by callback,
 * now or later. (answers) */
void frank_mint_request(struct frank_mint *mint, uint64_t origin,
                        const struct frank_request *request, const char *b, uint64_t now_us);

/* Takes one waiting request back; it is answered `cancelled`. FRANK_ERR_NOT_FOUND when nothing by
 * that name waits (already answered). (answers) */
FRANK_MUST_CHECK enum frank_err frank_mint_cancel(struct frank_mint *mint, uint64_t origin,
                                                  uint64_t tag, uint64_t now_us);

/* An asker died: its requests get no answer, but their searches go on to their deadlines, so that
 * a client that asks again finds the work done; for 30 seconds at most, and only while the queue
 * has room for those who do wait. */
void frank_mint_origin_gone(struct frank_mint *mint, uint64_t origin, uint64_t now_us);

/* From now on every new request is refused `shutting-down`. */
void frank_mint_drain(struct frank_mint *mint);
bool frank_mint_is_draining(const struct frank_mint *mint);
/* Answers everything that waits: its best nonce, met or not (or `shutting-down` where the request
 * wanted no such). (answers) */
void frank_mint_finish(struct frank_mint *mint, uint64_t now_us);
/* Requests accepted and not answered whose asker is still there. */
uint32_t frank_mint_waiting(const struct frank_mint *mint);

/* ---- devices ---- */

/* Adds a ready device, *device gets its handle. FRANK_ERR_FULL at FRANK_STATUS_DEVICES_MAX. */
FRANK_MUST_CHECK enum frank_err frank_mint_device_add(struct frank_mint *mint,
                                                      const struct frank_device_info *info,
                                                      uint32_t *device);
/* The device died or was taken away: its slices go back. The handle is dead after this. */
void frank_mint_device_remove(struct frank_mint *mint, uint32_t device, uint64_t now_us);
/* Its slices are late: they go back to the queue, but a result that still comes is believed
 * after the usual check, and the device gets new work only after it has spoken. */
void frank_mint_device_stalled(struct frank_mint *mint, uint32_t device, uint64_t now_us);

/* The next slice for `device`, filled into *slice. FRANK_ERR_NOT_FOUND: no work for it now, or it
 * has enough outstanding. */
FRANK_MUST_CHECK enum frank_err frank_mint_next_slice(struct frank_mint *mint, uint32_t device,
                                                      uint64_t now_us,
                                                      struct frank_worker_slice *slice);

/* A result of `device`. FRANK_ERR_DEVICE: it lied (a hit above the bound or told twice, more
 * attempts than counters, an unknown slice, or over time far fewer hits than so many attempts must
 * give); what it said is not used. (answers) */
FRANK_MUST_CHECK enum frank_err frank_mint_result(struct frank_mint *mint, uint32_t device,
                                                  const struct frank_worker_result *result,
                                                  uint64_t now_us);

/* Slices that `device` has; 0 when idle. */
uint32_t frank_mint_device_outstanding(const struct frank_mint *mint, uint32_t device);
/* How long the device may need for its oldest outstanding slice (for all of them where it overlaps
 * them) at its measured rate, in microseconds; 0 when idle. */
uint64_t frank_mint_device_expected_us(const struct frank_mint *mint, uint32_t device);
/* Its measured rate, attempts per second. */
double frank_mint_device_rate_hps(const struct frank_mint *mint, uint32_t device);
/* Attempts and wrong hits of the device since it was added. */
void frank_mint_device_counts(const struct frank_mint *mint, uint32_t device, uint64_t *attempts,
                              uint64_t *wrong_hits);
/* The device's own engine has found it out, so many times since it was added: counted as wrong
 * hits. */
void frank_mint_device_lied(struct frank_mint *mint, uint32_t device, uint64_t lies);

/* Says the most blocks that a device which is not ready yet may take; 0: none may become ready.
 * What neither those nor the ready ones take is refused `unsupported`; without any, requests are
 * refused `no-device` at once instead of waiting for their deadline. FRANK_PLAN_BLOCKS_MAX at the
 * start. */
void frank_mint_set_device_hope(struct frank_mint *mint, uint32_t blocks_max);

/* ---- time ---- */

/* Answers what is due. Call at frank_mint_next_due_us at the latest. (answers) */
void frank_mint_tick(struct frank_mint *mint, uint64_t now_us);
uint64_t frank_mint_next_due_us(const struct frank_mint *mint);

/* ---- reading ---- */

/* Fills the service's part of a snapshot: all but version, uptime, ready, devices, children. */
void frank_mint_status(const struct frank_mint *mint, struct frank_status *status);
/* The factor in force: its source (FRANK_SOURCE_BYTES), when it expires (0: never), and the
 * attempts that all who wait are expected to need. */
void frank_mint_factor(const struct frank_mint *mint, uint64_t *factor, char *source,
                       int64_t *expires_s, uint64_t *queued_attempts);
/* Attempts per second of all devices. */
double frank_mint_rate_hps(const struct frank_mint *mint);
/* The attempts and the lowest hash of the search of (origin, tag): for a progress line.
 * FRANK_ERR_NOT_FOUND when it does not wait. */
FRANK_MUST_CHECK enum frank_err frank_mint_progress(const struct frank_mint *mint, uint64_t origin,
                                                    uint64_t tag, uint64_t *attempts,
                                                    struct frank_hash *best);

#endif
