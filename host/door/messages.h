/*
 * messages: what frankd and its doors (and the web child) say to each other over their channels.
 *
 *     door -> frankd: READY once it listens; MINT, CANCEL, ASK_STATUS, ASK_FACTOR; PONG; COUNTS
 *     frankd -> door: ANSWER for each MINT, CANCELLED for each CANCEL, STATUS, FACTOR; PING; DRAIN
 *     web -> frankd:  READY, PONG
 *     frankd -> web:  STATUS every second, PING
 *     any child -> frankd: FAILED, with a text, before it exits
 *
 * Fixed layouts: both ends are the same build. frankd believes nothing of a door without a check.
 */
#ifndef FRANK_DOOR_MESSAGES_H
#define FRANK_DOOR_MESSAGES_H

#include "base/records.h"
#include "mint/answer.h"
#include "mint/status.h"

#include <stdint.h>

enum frank_door_record {
  FRANK_DOOR_MINT = FRANK_RECORD_OWN, /* struct frank_request, then b, then the domains */
  FRANK_DOOR_ANSWER,                  /* struct frank_answer */
  FRANK_DOOR_CANCEL,                  /* struct frank_record_tag: tag of the request to take back */
  FRANK_DOOR_CANCELLED,               /* struct frank_door_cancelled */
  FRANK_DOOR_ASK_STATUS,              /* empty; one at a time */
  FRANK_DOOR_STATUS,                  /* struct frank_status */
  FRANK_DOOR_ASK_FACTOR,              /* struct frank_door_question, then the domains */
  FRANK_DOOR_FACTOR, /* struct frank_door_factor, then a struct frank_door_domain for each domain */
  FRANK_DOOR_DRAIN,  /* empty: no new requests reach frankd any more; answers still go out */
  FRANK_DOOR_COUNTS, /* struct frank_door_counts: totals since start, at most once a second */
};

struct frank_door_cancelled {
  uint64_t tag;
  uint32_t found; /* 0: nothing by that tag waited */
  uint32_t reserved;
};

struct frank_door_question {
  uint64_t tag;
  uint32_t domains_len; /* each with its NUL, one after another */
  uint32_t domain_count;
  uint32_t purge; /* 1: what is kept of the domains, without any of all, is forgotten first */
  uint32_t reserved;
};

enum frank_door_domain_state {
  FRANK_DOOR_DOMAIN_UNKNOWN, /* not known in time: the default counts */
  FRANK_DOOR_DOMAIN_FOUND,
  FRANK_DOOR_DOMAIN_ABSENT,
  FRANK_DOOR_DOMAIN_FAILED,
  FRANK_DOOR_DOMAIN_TOO_HIGH, /* above max-factor: ignored */
  FRANK_DOOR_DOMAIN_STATES
};

/* In the order of the question. */
struct frank_door_domain {
  uint64_t factor; /* as published; 0: none */
  uint32_t state;  /* enum frank_door_domain_state */
  uint32_t dnssec; /* 0 not signed, 1 right, 2 wrong */
  uint32_t ttl_s;
  char why[44];
};

/* factor, source and expires_s are for all the domains together. */
struct frank_door_factor {
  uint64_t tag;
  uint64_t otherwise; /* the factor where nothing else is published */
  char otherwise_source[FRANK_SOURCE_BYTES];
  uint64_t factor;
  int64_t expires_s;        /* 0: does not expire */
  double rate_hps;          /* all devices */
  uint64_t queued_attempts; /* expected attempts that wait already */
  char source[FRANK_SOURCE_BYTES];
  uint32_t domain_count;
  uint32_t source_count;
  struct frank_status_source sources[FRANK_STATUS_SOURCES_MAX];
};

struct frank_door_counts {
  uint64_t dropped; /* messages without an envelope to answer to */
  uint64_t refused; /* answered by the door itself: bad-request, per-client limits */
};

#endif
