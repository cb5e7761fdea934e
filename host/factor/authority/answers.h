/*
 * answers: the answers to GET and HEAD, made once for each change of the state and served from
 * memory: documents at once, pages when one is first asked for.
 *
 * Owner: the service, one thread. What find gives is valid until the next take or find.
 */
#ifndef FRANK_FACTOR_AUTHORITY_ANSWERS_H
#define FRANK_FACTOR_AUTHORITY_ANSWERS_H

#include "base/err.h"
#include "factor/authority/store.h"

#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_ANSWERS_ETAG_BYTES  35 /* 32 hex digits in quotes, and the NUL */
#define FRANK_ANSWERS_PAGE_AGE_S  60 /* a page is kept by others no longer than this */
#define FRANK_ANSWERS_REPORT_PATH "/.well-known/msmr/report"

struct frank_answers;

struct frank_answer {
  struct MHD_Response *whole;       /* 200 */
  struct MHD_Response *not_changed; /* 304 */
  char etag[FRANK_ANSWERS_ETAG_BYTES];
  size_t len_bytes;
};

/* `max_age_s`: for Cache-Control. `base_url` (borrowed): where the service is reached, for the
 * pages; NULL: not told. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_answers_new(uint32_t max_age_s, const char *base_url,
                                                  struct frank_answers **out);
void frank_answers_destroy(struct frank_answers **answers);

/* Takes a new state: from now on all answers are of it; on an error those before stay. `state` is
 * copied. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_answers_take(struct frank_answers *answers,
                                                   const struct frank_authority_state *state);

/* The answer for a path, and for the value of ?range= (NULL: none named). FRANK_ERR_NOT_FOUND: no
 * such path; FRANK_ERR_RANGE: no such range; FRANK_ERR_NOMEM. *route numbers the path, for
 * counters: below frank_answers_route_count(). */
FRANK_MUST_CHECK enum frank_err frank_answers_find(struct frank_answers *answers, const char *path,
                                                   const char *range, int64_t now_s,
                                                   const struct frank_answer **out, size_t *route);
size_t frank_answers_route_count(void);
const char *frank_answers_route_path(size_t route);

/* True where one of If-None-Match's tags (a list, weak ones too, or "*": RFC 9110, section 13.1.2)
 * is `etag`. */
bool frank_answers_match(const char *if_none_match, const char *etag);

/* Adds what every answer of ours carries against misuse in browsers. False: no memory. */
bool frank_answers_secure(struct MHD_Response *response);

#endif
