/*
 * messages: what frank-authority (the keeper of the state) and its child that answers HTTP say to
 * each other, besides base/records.h.
 *
 *     child -> keeper: REPORT, at most FRANK_AUTHORITY_REPORTS_WAITING of them without an answer
 *     keeper -> child: REPLY to each REPORT, in their order; REOPEN
 *
 * The keeper believes nothing of the child without a check: it reads what strangers send.
 */
#ifndef FRANK_FACTOR_AUTHORITY_MESSAGES_H
#define FRANK_FACTOR_AUTHORITY_MESSAGES_H

#include "base/records.h"
#include "factor/reports.h"

#include <stdint.h>

#define FRANK_AUTHORITY_REPORTS_WAITING     16
#define FRANK_AUTHORITY_PEER_BYTES          46  /* INET6_ADDRSTRLEN */
#define FRANK_AUTHORITY_AUTHORIZATION_BYTES 128 /* "Bearer " and a token are 71 */

enum frank_authority_record {
  FRANK_AUTHORITY_REPORT = FRANK_RECORD_OWN, /* struct frank_authority_report, and the body */
  FRANK_AUTHORITY_REPLY,                     /* struct frank_authority_reply */
  FRANK_AUTHORITY_REOPEN,                    /* empty: open the access log again */
};

struct frank_authority_report {
  uint64_t id;
  uint32_t len_bytes; /* of the body; FRANK_REPORT_MAX_BYTES at most */
  uint32_t has_authorization;
  char peer[FRANK_AUTHORITY_PEER_BYTES];
  char authorization[FRANK_AUTHORITY_AUTHORIZATION_BYTES];
};

struct frank_authority_reply {
  uint64_t id;
  uint32_t status; /* HTTP */
  uint32_t retry_after_s;
  char text[FRANK_REPORT_REPLY_BYTES]; /* JSON, NUL-terminated */
};

#endif
