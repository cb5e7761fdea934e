/*
 * document: the factor document: who says which scaling factor is in force, from when and how long.
 *
 *     {"v":1, "issuer":"authority.example", "kind":"authority", "epoch":412, "issued":1795312800,
 *      "expires":1795399200, "factor":16777216,
 *      "previous":{"epoch":411, "factor":12582912, "until":1795320000}}
 *
 * Optional: "mode":"testing" (judge and report by it, but let no mail suffer), "previous". Members
 * that are not known are left alone. Pure; parsing allocates (jansson) and frees again.
 */
#ifndef FRANK_FACTOR_DOCUMENT_H
#define FRANK_FACTOR_DOCUMENT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_FACTOR_ISSUER_BYTES       79   /* with the NUL: "issuer#epoch" fits a source's name */
#define FRANK_FACTOR_SOURCE_BYTES       96   /* "issuer#epoch" with the NUL */
#define FRANK_FACTOR_DOCUMENT_MAX_BYTES 1024 /* of one that we write, with the NUL */
#define FRANK_FACTOR_BODY_MAX_BYTES     16384 /* of one that we read, plain or signed */
#define FRANK_FACTOR_FUTURE_MAX_S       300   /* a clock may be wrong by this */
#define FRANK_FACTOR_WHY_BYTES          192

enum frank_factor_kind {
  FRANK_FACTOR_AUTHORITY,
  FRANK_FACTOR_PROVIDER,
  FRANK_FACTOR_LOCAL,
  FRANK_FACTOR_KIND_COUNT
};
/* "authority", "provider", "local"; "" for another value. */
const char *frank_factor_kind_name(enum frank_factor_kind kind);

/* In a fixed layout: it travels between processes as it is. */
struct frank_factor_document {
  char issuer[FRANK_FACTOR_ISSUER_BYTES + 1]; /* printable ASCII without space, '"', '\', '#' */
  uint32_t kind;                              /* enum frank_factor_kind */
  uint32_t testing;                           /* 1: "mode":"testing" */
  uint64_t epoch;                             /* 1..2^53-1; rises by one at every change */
  int64_t issued_s;                           /* seconds since 1970 */
  int64_t expires_s;                          /* after issued_s */
  uint64_t factor;                            /* 1..FRANK_FACTOR_MAX (proof/target.h) */
  uint32_t has_previous;
  uint32_t reserved;
  uint64_t previous_epoch; /* below epoch */
  uint64_t previous_factor;
  int64_t previous_until_s; /* a stamp that meets previous_factor counts before this */
};

/* Reads len_bytes of JSON (any bytes), FRANK_FACTOR_BODY_MAX_BYTES at most. Every member is checked
 * for its type and range; nothing is asked of the time. `why` (FRANK_FACTOR_WHY_BYTES) names the
 * member. FRANK_ERR_MALFORMED, FRANK_ERR_RANGE (a number), FRANK_ERR_UNSUPPORTED (another v or
 * kind), FRANK_ERR_TOO_LONG, FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_factor_document_parse(const char *text, size_t len_bytes,
                                                            struct frank_factor_document *out,
                                                            char *why);

/* Writes it as JSON on one line without a newline, members in the order above. Returns the length
 * without the NUL. `document` is one that parse would take (asserted). */
size_t frank_factor_document_format(const struct frank_factor_document *document,
                                    char out[FRANK_FACTOR_DOCUMENT_MAX_BYTES]);

/* What a client asks of a document besides its form, at now_s (seconds since 1970). `last` is the
 * last good one of the same source, or NULL; once that has expired nothing is asked of it.
 * FRANK_ERR_TIMEOUT: expired. FRANK_ERR_RANGE: issued more than FRANK_FACTOR_FUTURE_MAX_S ahead.
 * FRANK_ERR_DENIED: another issuer than last's, a lower epoch, or the same with another factor.
 * `why` says which, with the figures. */
FRANK_MUST_CHECK enum frank_err
frank_factor_document_check(const struct frank_factor_document *document,
                            const struct frank_factor_document *last, int64_t now_s, char *why);

/* The factor that a stamp must meet at now_s: the lower of factor and, before its time is over,
 * previous_factor; *is_previous tells which. */
uint64_t frank_factor_document_asks(const struct frank_factor_document *document, int64_t now_s,
                                    bool *is_previous);

/* "issuer#epoch". */
void frank_factor_document_source(const struct frank_factor_document *document,
                                  char out[FRANK_FACTOR_SOURCE_BYTES]);

#endif
