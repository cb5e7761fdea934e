/*
 * dkim_verify: are these DKIM signatures of the message good? By libopendkim, for chosen signatures
 * only: those that a stamp is bound to. All others are passed over unseen, so a message with 500
 * signatures costs no more than FRANK_MSMR_SIGNATURES_MAX checks and look-ups of keys.
 *
 *     frank_dkim_library_new    once per process; may be used by all threads
 *     frank_dkim_verify_new     once per message, in the thread that has it: takes the header
 *       _body..., _finish -> results
 *
 * Keys come from DNS (the system's resolver, or servers named by address), or from a file of keys
 * for tests. All look-ups of a message have one limit of time together; what is not known by then
 * is FRANK_DKIM_TEMPERROR. Blocking: the thread waits in _finish.
 *
 * libopendkim decides whether a signature is good. What it would read otherwise than our own
 * parsers do, on which the mail rules rest, is FRANK_DKIM_FAIL: an h= that it cuts off, a NUL, an
 * l= that is no number. So is what costs too much: dkim_header.h has the bounds.
 */
#ifndef FRANK_MAIL_DKIM_VERIFY_H
#define FRANK_MAIL_DKIM_VERIFY_H

#include "base/err.h"
#include "mail/judge.h"
#include "mail/message.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_DKIM_WHY_BYTES      256
#define FRANK_DKIM_SERVERS_MAX    4 /* as others of our programs have it */
#define FRANK_DKIM_LIMIT_MS       2000
#define FRANK_DKIM_LIMIT_MAX_MS   60000
#define FRANK_DKIM_RSA_BITS_MIN   1024       /* RFC 8301, section 3.2 */
#define FRANK_DKIM_RSA_BITS_MAX   16384      /* as a minimum */
#define FRANK_DKIM_LINE_MAX_BYTES (1U << 20) /* of a body: libopendkim keeps lines in memory */

struct frank_dkim_library;
struct frank_dkim_verify;

struct frank_dkim_options {
  const char *key_file;           /* NULL: keys are looked up in DNS. Else a file with lines of
                                     "SELECTOR._domainkey.DOMAIN TXT...", as OpenDKIM's TestPublicKeys has
                                     them; read once */
  const char *const *dns_servers; /* ADDRESS or ADDRESS@PORT, numeric; none: those of the system */
  size_t dns_server_count;
  uint32_t look_up_limit_ms; /* 0: FRANK_DKIM_LIMIT_MS; for all look-ups of one message together */
  uint32_t rsa_bits_min;     /* 0: FRANK_DKIM_RSA_BITS_MIN, the least; shorter keys fail */
};

/* FRANK_ERR_MALFORMED, FRANK_ERR_NOT_FOUND, FRANK_ERR_DENIED, FRANK_ERR_IO, FRANK_ERR_TOO_LONG (the
 * key file), FRANK_ERR_MALFORMED, FRANK_ERR_RANGE (other options), FRANK_ERR_UNSUPPORTED (a
 * libopendkim without Ed25519 or SHA-256), FRANK_ERR_NOMEM; `why` (FRANK_DKIM_WHY_BYTES) names the
 * input. */
FRANK_MUST_CHECK enum frank_err frank_dkim_library_new(const struct frank_dkim_options *options,
                                                       struct frank_dkim_library **out, char *why);
/* After the last frank_dkim_verify. */
void frank_dkim_library_destroy(struct frank_dkim_library **library);

/* Begins with a message whose header `judge` (frank_judge_begin) has read: the signatures that are
 * bound are verified. Takes the header from judge->message, with LF or CRLF; `judge` is borrowed
 * until the handle is destroyed. A header that libopendkim does not take is no error: its results
 * say so. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_dkim_verify_new(const struct frank_dkim_library *library,
                                                      const struct frank_judge *judge,
                                                      struct frank_dkim_verify **out);
/* The next part of the body, with CRLF as on the wire, or with LF, which is taken for CRLF (on the
 * wire none can occur alone, RFC 5321 section 2.3.8); parts may be cut anywhere. Never fails: see
 * _finish. */
void frank_dkim_verify_body(struct frank_dkim_verify *verify, const char *text, size_t len_bytes);
/* The end of the message, once: results[i] is that of judge->proofs.signatures[i], NOT_CHECKED for
 * those that are not bound. What went wrong is TEMPERROR or FAIL, and whys[i] says why (static
 * texts for people; "" with PASS and NOT_CHECKED). */
void frank_dkim_verify_finish(struct frank_dkim_verify *verify,
                              enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                              const char *whys[FRANK_MSMR_SIGNATURES_MAX]);
void frank_dkim_verify_destroy(struct frank_dkim_verify **verify);

/* All of it for a message that lies whole in memory. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err
frank_dkim_verify_message(const struct frank_dkim_library *library, const struct frank_judge *judge,
                          enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                          const char *whys[FRANK_MSMR_SIGNATURES_MAX]);

/* "pass", "fail", "temperror" (RFC 8601, section 2.7.1), "not-checked". */
const char *frank_dkim_result_name(enum frank_dkim_result result);

#endif
