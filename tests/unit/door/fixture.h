/*
 * fixture: a real frank-door with the test in frankd's place: it reads the door's records and
 * writes the answers, while ZeroMQ sockets of the test are the clients.
 */
#ifndef FRANK_TESTS_UNIT_DOOR_FIXTURE_H
#define FRANK_TESTS_UNIT_DOOR_FIXTURE_H

#include "base/chan.h"
#include "base/err.h"
#include "door/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* How long what must come is awaited: a machine of tests stands still for seconds at times. */
#define FIXTURE_PATIENCE_MS 60000

/* A signature to ask a stamp for, and the body of such a request. */
#define FIXTURE_B    "AAAABBBBCCCC"
#define FIXTURE_BODY "{\"b\":\"" FIXTURE_B "\",\"factor\":16,\"deadline_ms\":500,\"priority\":7}"

struct fixture {
  char folder[64];    /* its own, removed at the end */
  char endpoint[128]; /* ipc:// in it */
  void *context;
  struct frank_chan *chan;
  pid_t pid;
};

int fixture_make(void **state);
int fixture_remove(void **state);

/* Starts a door at `endpoint` with further arguments (NULL-terminated list or NULL). What it says
 * first goes to *type (READY or FAILED) and `payload` (512 bytes). */
void fixture_start(const char *endpoint, const char *const *more, struct frank_chan **chan,
                   pid_t *pid, uint16_t *type, void *payload);
/* The fixture's own door, which must become ready. */
void fixture_open(struct fixture *fixture, const char *const *more);
/* A door that cannot work at `endpoint`: it fails with `err`, for good, and its words have `named`.
 */
void fixture_expect_failed(const char *endpoint, const char *const *more, enum frank_err err,
                           const char *named);
/* Kills it, or waits until it ends by itself; the exit status, or -1 for a signal. */
int fixture_end(struct frank_chan **chan, pid_t *pid, int kill_it);

/* The next record that is not COUNTS; its type must be `type`. The payload (of a
 * `len_bytes` or more) is copied to `payload`, the rest to `tail` where it is not NULL. */
void fixture_expect(struct fixture *fixture, uint16_t type, void *payload, size_t len_bytes,
                    char *tail);
/* True when a record of this type comes within `timeout_ms`; COUNTS are passed over. */
int fixture_has_record(struct fixture *fixture, int timeout_ms, uint16_t *type);
void fixture_put(struct fixture *fixture, uint16_t type, const void *payload, size_t len_bytes);

/* A stamp for the request with tag `tag` and signature `b`, right or not by `n`. */
struct frank_answer fixture_stamp(uint64_t tag, const char *b, const char *n, uint64_t factor);

/* A connected socket of `kind` (ZMQ_DEALER...); close it with zmq_close. */
void *fixture_client(struct fixture *fixture, int kind);
void fixture_send(void *socket, const char *verb, const char *id, const char *body);
/* The next reply: verb frame ("ok", "error"), id and body, each NUL-terminated. */
void fixture_reply(void *socket, char verb[16], char id[80], char body[4096]);
/* The same, which must be an error with this code, or "ok". */
void fixture_expect_reply(void *socket, const char *id, const char *code, char body[4096]);

#endif
