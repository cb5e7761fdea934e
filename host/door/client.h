/*
 * client: the library for programs that want stamps from a frankd.
 *
 * One handle talks to one of several daemons, and to the next when that one does not answer. It is
 * not thread-safe and shares nothing: each thread makes its own. It can be polled: watch
 * frank_client_fd for reading, call frank_client_next with timeout 0 when it is readable and after
 * frank_client_mint. A reply that was lost is asked for again (frankd keeps its answers, so asking
 * again costs no second search).
 *
 * Written against libzmq; protocol frank/1 (host/door/README.md).
 */
#ifndef FRANK_DOOR_CLIENT_H
#define FRANK_DOOR_CLIENT_H

#include "base/err.h"
#include "proof/msmr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_CLIENT_ENDPOINTS_MAX 8
#define FRANK_CLIENT_IN_FLIGHT_MAX 4096
#define FRANK_CLIENT_WHY_BYTES     256

struct frank_client;

struct frank_client_config {
  const char *const *endpoints; /* tried in this order, 1..FRANK_CLIENT_ENDPOINTS_MAX */
  size_t endpoint_count;
  const char *key_dir; /* CURVE: folder with client.secret and server.public; NULL: none */
  uint32_t retry_ms;   /* ask again, at the next endpoint, after this long without a reply past the
                          deadline of the request, or at once when the connection broke; 0: 2000 */
  uint32_t tries_max;  /* how often one request is asked in all, 1..100; 0: 5 */
};

/* Connects lazily: that no daemon is there shows by the reply "timeout", when tries_max * retry_ms
 * have gone by without a connection. FRANK_ERR_RANGE, FRANK_ERR_MALFORMED (an endpoint, a key
 * file), FRANK_ERR_NOT_FOUND and FRANK_ERR_DENIED (key files), FRANK_ERR_NOMEM, FRANK_ERR_IO; `why`
 * (FRANK_CLIENT_WHY_BYTES) names the input. */
FRANK_MUST_CHECK enum frank_err frank_client_new(const struct frank_client_config *config,
                                                 struct frank_client **out, char *why);
/* Requests in flight are given up. Sets *client to NULL. */
void frank_client_destroy(struct frank_client **client);

struct frank_client_mint {
  const char *b;                 /* base64 text, white space allowed; or NULL where dkim is given */
  const char *dkim;              /* a whole DKIM-Signature value; or NULL */
  const char *alg;               /* "rsa-sha256"...; NULL: the default, or dkim's */
  const char *const *recipients; /* addresses or domains, 1000 at most */
  size_t recipient_count;
  uint64_t factor;      /* 0: the daemon's */
  uint32_t deadline_ms; /* 0: the daemon's default, 30 s */
  bool fail_at_deadline;
  int priority; /* 0..9; -1: the default */
};

/* Sends a mint request; *id gets a number for matching the reply. FRANK_ERR_FULL at
 * FRANK_CLIENT_IN_FLIGHT_MAX; FRANK_ERR_RANGE (a number, or not exactly one of b and dkim);
 * FRANK_ERR_TOO_LONG (a request over 16 KiB); FRANK_ERR_MALFORMED (a recipient that is no UTF-8);
 * FRANK_ERR_NOMEM. A b or dkim that is no signature is sent, and the daemon says in words what is
 * wrong with it. */
FRANK_MUST_CHECK enum frank_err
frank_client_mint(struct frank_client *client, const struct frank_client_mint *mint, uint64_t *id);
/* Takes a request back; its reply is then error code "cancelled" (or "shutting-down"), unless it
 * was done already. */
FRANK_MUST_CHECK enum frank_err frank_client_cancel(struct frank_client *client, uint64_t id);

#define FRANK_CLIENT_DEVICE_BYTES 96

struct frank_client_reply {
  uint64_t id;
  bool ok;
  /* ok, and the stamp has been checked here: header, h and n belong to b */
  char header[FRANK_MSMR_HEADER_MAX_BYTES]; /* folded with CRLF HTAB, no last CRLF */
  struct frank_msmr key;
  uint64_t factor;
  bool met;
  double bits;
  uint64_t attempts;
  uint64_t elapsed_ms;
  char source[96];
  char device[FRANK_CLIENT_DEVICE_BYTES];
  /* not ok */
  /* "busy"...; "timeout": no daemon answered; "bad-reply": the reply is wrong; "forbidden": the key
   * was taken away or changed, and the next request is asked on a new connection */
  char code[32];
  char message[256];
  uint64_t retry_after_ms;
  uint64_t eta_ms;
};

/* The next reply, waiting at most timeout_ms (0: no waiting; -1: as long as anything is in
 * flight). FRANK_ERR_AGAIN: none in that time; FRANK_ERR_NOT_FOUND: nothing is in flight.
 * Every request gets exactly one reply, "timeout" included. */
FRANK_MUST_CHECK enum frank_err frank_client_next(struct frank_client *client, int timeout_ms,
                                                  struct frank_client_reply *reply);

/* One question with a JSON answer, blocking: verb is "status", "factor" or "ping", body a JSON
 * object or NULL. *json gets the reply's body (malloc; the caller frees it). FRANK_ERR_TIMEOUT;
 * FRANK_ERR_MALFORMED when the daemon answers with an error, *json then has that. */
FRANK_MUST_CHECK enum frank_err frank_client_ask(struct frank_client *client, const char *verb,
                                                 const char *body, int timeout_ms, char **json);

/* Readable when frank_client_next may have something; edge-triggered as ZMQ_FD is, so ask for
 * frank_client_timeout_ms, which knows what is there already, right before each wait. */
int frank_client_fd(const struct frank_client *client);
/* Milliseconds until frank_client_next must be called even if nothing is readable; -1: no limit. */
int frank_client_timeout_ms(const struct frank_client *client);

#endif
