/*
 * follow: one source of factors: when it is asked for what, and what its answers come to.
 *
 * A URL source has a document to fetch, and keys where it is signed. A domain source has a record
 * in DNS first, which says where the document is, or is the factor itself. The network is the
 * caller's: it asks frank_follow_next what is due, begins it, and hands in how it came out. Pure:
 * time and chance are passed in; what may be believed is factor/trust.h's.
 *
 * Owner: the resolver's loop, one for each --source.
 */
#ifndef FRANK_FACTOR_RESOLVER_FOLLOW_H
#define FRANK_FACTOR_RESOLVER_FOLLOW_H

#include "factor/messages.h"
#include "factor/resolver/answer.h"
#include "factor/resolver/headers.h"
#include "factor/resolver/lastgood.h"
#include "factor/trust.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_FOLLOW_TEXT_BYTES 320 /* of a --source, with the NUL */
#define FRANK_FOLLOW_URL_BYTES  192 /* a base and a path below it, with the NUL */

#define FRANK_FOLLOW_FRESH_MIN_S     1
#define FRANK_FOLLOW_FRESH_MAX_S     3600
#define FRANK_FOLLOW_FRESH_DEFAULT_S 300 /* where a server does not say */
#define FRANK_FOLLOW_PAUSE_MIN_S     5   /* after a failure; it doubles */
#define FRANK_FOLLOW_PAUSE_MAX_S     600
#define FRANK_FOLLOW_KEYS_S          3600 /* a rotation is known before it is needed */
#define FRANK_FOLLOW_REFRESH_MIN_S   5 /* from one try to the next, however often REFRESH comes */
#define FRANK_FOLLOW_KEEP_S          3600 /* a document made of a record is not written more often */
#define FRANK_FOLLOW_RECORD_LIFE_S   86400 /* of a document made of a record */

/* When it is: monotonic, by the calendar, and a random number, which spreads the askers. */
struct frank_follow_moment {
  uint64_t now_us;
  int64_t now_s;
  uint32_t random;
};

enum frank_follow_step {
  FRANK_FOLLOW_WAIT,     /* nothing is due, or a step is under way */
  FRANK_FOLLOW_RECORD,   /* ask DNS for `domain` */
  FRANK_FOLLOW_DOCUMENT, /* GET frank_follow_url, with `etag` */
  FRANK_FOLLOW_KEYS,     /* GET frank_follow_url */
};

/* A record in DNS or a document, and how the last tries for it went. */
struct frank_follow_thread {
  uint64_t due_us; /* FRANK_NEVER_US: not by itself */
  uint32_t failures_in_a_row;
  char why[FRANK_FACTOR_WHY_BYTES]; /* "" the last try was good */
};

struct frank_follow {
  /* as configured */
  char text[FRANK_FOLLOW_TEXT_BYTES];
  bool allow_http;
  bool is_domain;
  char domain[FRANK_TXT_DOMAIN_BYTES];
  bool has_pinned_key;
  struct frank_jws_key pinned_key;
  /* what is believed */
  struct frank_factor_trust trust;
  char url[FRANK_TXT_URL_BYTES]; /* base; "" a domain has not named one */
  bool has_named_key;            /* by the domain's record */
  struct frank_jws_key named_key;
  bool is_kept;     /* from an earlier run, not confirmed since */
  bool is_dns_only; /* the document is made of the record */
  enum frank_dnssec dnssec;
  int64_t confirmed_s;
  char etag[FRANK_HEADERS_ETAG_BYTES]; /* of the document in trust.last */
  /* what is due */
  enum frank_follow_step under_way;
  struct frank_follow_thread record;
  struct frank_follow_thread document;
  uint64_t keys_due_us;
  bool waits_for_keys; /* the document's signature is by an unknown key */
  bool tried_keys;     /* for the document at hand: once is enough */
  uint64_t asked_us;   /* the last try's begin; 0: none */
  uint64_t fetches;
  uint64_t failures;
  bool must_keep;        /* what is on disk is out of date */
  int64_t kept_issued_s; /* of the document that is on disk */
};

/* Reads a --source: "https://BASE[ KEY]" or "dns:DOMAIN[ KEY]". Everything is due at once.
 * FRANK_ERR_MALFORMED, FRANK_ERR_DENIED (http to elsewhere), FRANK_ERR_TOO_LONG; `why`
 * (FRANK_FACTOR_WHY_BYTES) names the text. */
FRANK_MUST_CHECK enum frank_err frank_follow_init(struct frank_follow *follow, const char *text,
                                                  bool allow_http, char *why);

/* Takes over what was kept of an earlier run. */
void frank_follow_restore(struct frank_follow *follow, const struct frank_lastgood *kept);
/* What is worth keeping, while must_keep is set; and that it was kept. */
void frank_follow_kept(const struct frank_follow *follow, struct frank_lastgood *out);
void frank_follow_was_kept(struct frank_follow *follow);

/* What is due at now_us, and when next to ask (FRANK_NEVER_US: an answer comes first). */
enum frank_follow_step frank_follow_next(const struct frank_follow *follow, uint64_t now_us);
uint64_t frank_follow_due_us(const struct frank_follow *follow);

/* Where DOCUMENT and KEYS are. */
void frank_follow_url(const struct frank_follow *follow, enum frank_follow_step step,
                      char out[FRANK_FOLLOW_URL_BYTES]);

/* The step is under way: exactly one of the three below ends it. */
void frank_follow_begin(struct frank_follow *follow, enum frank_follow_step step, uint64_t now_us);

void frank_follow_on_record(struct frank_follow *follow, const struct frank_follow_moment *at,
                            const struct frank_answer *answer);

/* How a GET came out: `err` and `why`, or the status and the body (a view). */
struct frank_follow_reply {
  enum frank_err err;
  uint32_t status;
  const char *body;
  size_t body_len;
  const char *etag; /* "" none */
  int64_t fresh_s;  /* -1: not told */
  const char *why;
};
void frank_follow_on_document(struct frank_follow *follow, const struct frank_follow_moment *at,
                              const struct frank_follow_reply *reply);
void frank_follow_on_keys(struct frank_follow *follow, const struct frank_follow_moment *at,
                          const struct frank_follow_reply *reply);

/* REFRESH: all is due, though FRANK_FOLLOW_REFRESH_MIN_S after the last try at the earliest. */
void frank_follow_refresh(struct frank_follow *follow, uint64_t now_us);

/* How it stands, for the starter. */
void frank_follow_tell(const struct frank_follow *follow, uint32_t index,
                       const struct frank_follow_moment *at, struct frank_resolver_source *out);

#endif
