/*
 * wire: the protocol frank/1 as bytes: the frames and JSON bodies of requests, checked to the
 * letter, and the JSON bodies of replies. Documented for users in README.md of this folder.
 *
 * Everything that goes in was sent by a stranger. A request is either turned into a struct that
 * needs no further check, or into a fault: the error code and a sentence that names the member and
 * the value. Fault texts are printable ASCII and bounded, whatever the request held.
 *
 * Pure but for one thing: no socket, no clock; jansson does the parsing, after a look at length and
 * nesting, and its allocator is replaced for the whole process, so one thread only.
 */
#ifndef FRANK_DOOR_WIRE_H
#define FRANK_DOOR_WIRE_H

#include "base/err.h"
#include "mint/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_WIRE_VERSION         "frank/1"
#define FRANK_WIRE_BODY_MAX_BYTES  16384
#define FRANK_WIRE_ID_MAX_BYTES    64
#define FRANK_WIRE_DEPTH_MAX       16 /* nesting of objects and arrays in a body */
#define FRANK_WIRE_FRAMES_MAX      5  /* delimiter, version, verb, id, body */
#define FRANK_WIRE_RECIPIENTS_MAX  1000
#define FRANK_WIRE_RECIPIENT_BYTES 320  /* RFC 5321 section 4.5.3.1: 64 + 1 + 255 octets */
#define FRANK_WIRE_REPLY_MAX_BYTES 2048 /* every body but those of status and factor */
#define FRANK_WIRE_MESSAGE_BYTES   256

enum frank_wire_verb {
  FRANK_WIRE_MINT,
  FRANK_WIRE_CANCEL,
  FRANK_WIRE_STATUS,
  FRANK_WIRE_FACTOR,
  FRANK_WIRE_PING,
  FRANK_WIRE_VERB_COUNT
};
const char *frank_wire_verb_name(enum frank_wire_verb verb); /* "mint" */

/* Why a request is refused. `code` is static text: "bad-request", "unsupported", "busy"... */
struct frank_wire_fault {
  const char *code;
  char message[FRANK_WIRE_MESSAGE_BYTES];
};

/* Fills a fault, printf-style. Bytes that are not printable ASCII become '?'. */
void frank_wire_fault_set(struct frank_wire_fault *fault, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One frame, a view. */
struct frank_wire_frame {
  const void *bytes;
  size_t len_bytes;
};

/* What a message says before its body is read. Views into the frames. */
struct frank_wire_envelope {
  bool delimited; /* an empty frame came first (a REQ socket): the reply begins with one */
  char id[FRANK_WIRE_ID_MAX_BYTES + 1]; /* NUL-terminated, id_len printable bytes */
  size_t id_len;
  enum frank_wire_verb verb;
  struct frank_wire_frame body;
};

/* Reads the frames after the routing id. `count` may be any number, FRANK_WIRE_FRAMES_MAX + 1
 * standing for every larger one. FRANK_ERR_MALFORMED: no envelope, nobody to answer to.
 * FRANK_ERR_UNSUPPORTED: an unknown verb; id and delimited are set, and the fault.
 * FRANK_ERR_TOO_LONG: the body is longer than FRANK_WIRE_BODY_MAX_BYTES; likewise. */
FRANK_MUST_CHECK enum frank_err frank_wire_envelope_parse(const struct frank_wire_frame *frames,
                                                          size_t count,
                                                          struct frank_wire_envelope *envelope,
                                                          struct frank_wire_fault *fault);

/* mint's body. Fills all of *request but tag, client and source, `b` (request->b_len bytes and a
 * NUL), and *domains (request->domains_len bytes, the caller frees it, NULL where there are none):
 * the distinct domains of the recipients in the order of their first occurrence, lower-cased, each
 * with its NUL, one after another. A request that names its factor has none: nothing is looked up.
 * FRANK_ERR_MALFORMED (with the fault), FRANK_ERR_NOMEM (fault "internal"). */
FRANK_MUST_CHECK enum frank_err frank_wire_mint_parse(const void *body, size_t len_bytes,
                                                      struct frank_request *request,
                                                      char b[FRANK_B_MAX_BYTES + 1], char **domains,
                                                      struct frank_wire_fault *fault);

/* cancel's body: the id of the request to take back. Errors as above. */
FRANK_MUST_CHECK enum frank_err frank_wire_cancel_parse(const void *body, size_t len_bytes,
                                                        char id[FRANK_WIRE_ID_MAX_BYTES + 1],
                                                        struct frank_wire_fault *fault);

/* factor's question. `domains` as mint's; the caller frees it. */
struct frank_wire_question {
  char *domains;
  size_t domains_len;
  size_t domain_count;
  bool purge; /* what is kept of the domains, without any of all, is to be forgotten first */
};

/* factor's body; empty means no recipients. Errors as above; question->domains is NULL then. */
FRANK_MUST_CHECK enum frank_err frank_wire_factor_parse(const void *body, size_t len_bytes,
                                                        struct frank_wire_question *question,
                                                        struct frank_wire_fault *fault);

/* The body of status and ping, which have no members: empty, or any object. Errors as above. */
FRANK_MUST_CHECK enum frank_err frank_wire_plain_parse(const void *body, size_t len_bytes,
                                                       struct frank_wire_fault *fault);

/* The reply's body for an answer of the mint service; *ok tells whether it goes with `ok` or
 * `error`. An answer that could not be written as a header becomes `internal`. Returns the length;
 * `out` gets a NUL too. */
size_t frank_wire_answer_format(const struct frank_answer *answer,
                                char out[FRANK_WIRE_REPLY_MAX_BYTES], bool *ok);

/* An error's body. retry_after_ms 0: left out. */
size_t frank_wire_fault_format(const struct frank_wire_fault *fault, uint64_t retry_after_ms,
                               char out[FRANK_WIRE_REPLY_MAX_BYTES]);

/* cancel's reply. */
size_t frank_wire_cancelled_format(bool found, char out[FRANK_WIRE_REPLY_MAX_BYTES]);

/* factor's reply, from frankd's record of `len_bytes` (any bytes) to a question about `domains`.
 * *out is allocated, the caller frees it. eta_ms is null while no device works.
 * FRANK_ERR_MALFORMED: it is no such record; FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_wire_factor_format(const void *record, size_t record_len,
                                                         const char *domains, size_t domain_count,
                                                         char **out, size_t *len_bytes);

#endif
