/*
 * dkim_verify: are these DKIM signatures of the message good? By libopendkim, for chosen signatures
 * only: those that a stamp is bound to. All others are passed over unseen, so a message with 500
 * signatures costs no more than FRANK_MSMR_SIGNATURES_MAX checks and look-ups of keys.
 *
 *     frank_dkim_library_new    once per process; may be used by all threads
 *     frank_dkim_verify_new     once per message, in the thread that has it
 *       _header for each field from the top, _end_of_header, _body..., _finish -> results
 *
 * Keys come from DNS (the system's resolver, or servers named by address), or from a file of keys
 * for tests. Each look-up has a limit of time, all of a message together too; what is not known by
 * then is FRANK_DKIM_TEMPERROR. Blocking: the thread waits in _finish (and _end_of_header).
 */
#ifndef FRANK_MAIL_DKIM_VERIFY_H
#define FRANK_MAIL_DKIM_VERIFY_H

#include "base/err.h"
#include "mail/judge.h"
#include "mail/message.h"

#include <stddef.h>
#include <stdint.h>

#define FRANK_DKIM_WHY_BYTES   256
#define FRANK_DKIM_SERVERS_MAX 3 /* MAXNS of the C library's resolver */

struct frank_dkim_library;
struct frank_dkim_verify;

struct frank_dkim_options {
  const char *key_file;           /* NULL: keys are looked up in DNS. Else a file with lines of
                                     "SELECTOR._domainkey.DOMAIN TXT...", as OpenDKIM's TestPublicKeys has
                                     them; read once */
  const char *const *dns_servers; /* ADDRESS or ADDRESS@PORT, numeric; none: those of the system */
  size_t dns_server_count;
  uint32_t look_up_limit_ms; /* 0: 2000; for all look-ups of one message together */
  uint32_t rsa_bits_min;     /* 0: 1024 (RFC 8301); shorter keys fail */
};

/* FRANK_ERR_MALFORMED, FRANK_ERR_NOT_FOUND, FRANK_ERR_DENIED, FRANK_ERR_IO (the key file),
 * FRANK_ERR_RANGE (options), FRANK_ERR_NOMEM; `why` (FRANK_DKIM_WHY_BYTES) names the input. */
FRANK_MUST_CHECK enum frank_err frank_dkim_library_new(const struct frank_dkim_options *options,
                                                       struct frank_dkim_library **out, char *why);
void frank_dkim_library_destroy(struct frank_dkim_library **library);

/* Begins with a message whose header `judge` (frank_judge_begin) has read: the signatures that are
 * bound are verified. `job` names the message in nothing but libopendkim's own texts. The header
 * fields are fed from judge->message by itself. FRANK_ERR_NOMEM, FRANK_ERR_MALFORMED (libopendkim
 * does not take the header; then every result is FRANK_DKIM_FAIL with why). */
FRANK_MUST_CHECK enum frank_err frank_dkim_verify_new(struct frank_dkim_library *library,
                                                      const struct frank_judge *judge,
                                                      struct frank_dkim_verify **out, char *why);
/* The next part of the body, line ends as on the wire (CRLF); parts may be cut anywhere. */
FRANK_MUST_CHECK enum frank_err frank_dkim_verify_body(struct frank_dkim_verify *verify,
                                                       const char *text, size_t len_bytes);
/* The end of the message: results[i] is that of judge->proofs.signatures[i], NOT_CHECKED for those
 * that are not bound. Never fails: what went wrong is TEMPERROR or FAIL, and whys[i] says why
 * (static texts; "" with PASS). */
void frank_dkim_verify_finish(struct frank_dkim_verify *verify,
                              enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                              const char *whys[FRANK_MSMR_SIGNATURES_MAX]);
void frank_dkim_verify_destroy(struct frank_dkim_verify **verify);

/* All of it for a message that lies whole in memory, with LF or CRLF. */
FRANK_MUST_CHECK enum frank_err
frank_dkim_verify_message(struct frank_dkim_library *library, const struct frank_judge *judge,
                          enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                          const char *whys[FRANK_MSMR_SIGNATURES_MAX], char *why);

#endif
