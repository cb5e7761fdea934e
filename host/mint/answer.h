/*
 * answer: what a mint request gets back, and the request itself, as plain structs in a fixed
 * layout. The mint service, the doors and `frank mint` share them.
 */
#ifndef FRANK_MINT_ANSWER_H
#define FRANK_MINT_ANSWER_H

#include "engine/engine.h"
#include "proof/msmr.h"

#include <stdint.h>

#define FRANK_CLIENT_NAME_BYTES 64
#define FRANK_SOURCE_BYTES      96

#define FRANK_DEADLINE_MAX_MS     3600000
#define FRANK_DEADLINE_DEFAULT_MS 30000
#define FRANK_PRIORITY_MAX        9
#define FRANK_PRIORITY_DEFAULT    5

/* A request, already checked for syntax: b is canonical, numbers are in range. */
struct frank_request {
  uint64_t tag;             /* the asker's name for it; unique among its requests in flight */
  uint64_t factor;          /* 0: none named, the factor in force is used */
  uint32_t deadline_ms;     /* 1..FRANK_DEADLINE_MAX_MS */
  uint32_t alg;             /* enum frank_alg */
  uint8_t fail_at_deadline; /* 0: the best nonce found; 1: an error */
  uint8_t priority;         /* 0..9, 9 first */
  uint16_t b_len;
  uint32_t domains_len; /* bytes of the recipients' domains, each with its NUL; 0 for none */
  uint64_t waited_us;   /* since it arrived, before it came to the mint service */
  char client[FRANK_CLIENT_NAME_BYTES]; /* who shares fairly with whom; NUL-terminated */
  char source[FRANK_SOURCE_BYTES];      /* where `factor` comes from; "": from the request */
  /* b_len bytes of b, then domains_len of domains follow where it travels in a message */
};

/* The error codes of the wire protocol that the mint service can give, plus "none". */
enum frank_refusal {
  FRANK_REFUSAL_NONE, /* an answer with a header */
  FRANK_REFUSAL_UNSUPPORTED,
  FRANK_REFUSAL_TOO_HARD,
  FRANK_REFUSAL_BUSY,
  FRANK_REFUSAL_DEADLINE,
  FRANK_REFUSAL_CANCELLED,
  FRANK_REFUSAL_NO_DEVICE,
  FRANK_REFUSAL_SHUTTING_DOWN,
  FRANK_REFUSAL_INTERNAL,
  FRANK_REFUSAL_COUNT
};
const char *frank_refusal_code(enum frank_refusal refusal); /* "too-hard"; "" for none */

struct frank_answer {
  uint64_t tag;
  uint64_t factor;
  uint64_t attempts;       /* of all devices for this search */
  uint64_t elapsed_ms;     /* from this request's arrival */
  uint64_t retry_after_ms; /* busy: when to ask again; else 0 */
  uint64_t eta_ms;         /* too-hard: expected time at the present rate; else 0 */
  uint32_t refusal;        /* enum frank_refusal */
  uint32_t alg;            /* enum frank_alg */
  uint32_t met;
  uint32_t reserved;
  struct frank_hash h;
  char n[FRANK_MSMR_NONCE_MAX + 1];
  char source[FRANK_SOURCE_BYTES];      /* "request", "dns:DOMAIN", "issuer#epoch", "floor" */
  char device[FRANK_DEVICE_NAME_BYTES]; /* where the nonce was found; "host" for the one hashed at
                                           admission */
  char message[160];                    /* for a refusal: a sentence that names the input */
};

#endif
