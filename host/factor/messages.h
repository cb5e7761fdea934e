/*
 * messages: what a frank-resolver and who started it (frankd, or frank without a frankd) say to
 * each other, besides base/records.h.
 *
 *     resolver -> starter: SOURCE for every source after READY, and again after each answer of
 *                          it, be it for its document or its keys;
 *                          DOMAIN for each LOOKUP, in the order in which they come to an end
 *     starter -> resolver: LOOKUP, REFRESH
 *
 * The starter believes nothing of it without a check: it parses what strangers send.
 */
#ifndef FRANK_FACTOR_MESSAGES_H
#define FRANK_FACTOR_MESSAGES_H

#include "base/records.h"
#include "factor/document.h"
#include "factor/jws.h"
#include "factor/txt.h"

#include <stdint.h>

#define FRANK_RESOLVER_SOURCES_MAX    8
#define FRANK_RESOLVER_SERVERS_MAX    4
#define FRANK_RESOLVER_LOOKUPS_MAX    256 /* in flight; more are answered FAILED at once */
#define FRANK_RESOLVER_LOOKUP_LIMIT_S 10  /* a look-up that takes longer is given up */

enum frank_resolver_record {
  FRANK_RESOLVER_SOURCE = FRANK_RECORD_OWN, /* struct frank_resolver_source */
  FRANK_RESOLVER_LOOKUP,                    /* struct frank_resolver_lookup */
  FRANK_RESOLVER_DOMAIN,                    /* struct frank_resolver_domain */
  FRANK_RESOLVER_REFRESH,                   /* empty: every source is asked now, though not more
                                               often than every 5 s */
};

/* RFC 4035, section 4.3. */
enum frank_dnssec {
  FRANK_DNSSEC_NONE,   /* not signed, or nobody checked */
  FRANK_DNSSEC_SECURE, /* signed, and right */
  FRANK_DNSSEC_BOGUS,  /* signed, and wrong: its contents count for nothing */
  FRANK_DNSSEC_COUNT
};

/* How one source stands. */
struct frank_resolver_source {
  uint32_t index;        /* of the --source, from 0 */
  uint32_t has_document; /* the last good one: fetched, or kept from an earlier run */
  uint32_t kept;         /* 1: from an earlier run, and not confirmed by the source since */
  uint32_t dnssec;       /* enum frank_dnssec, of a domain's record */
  uint32_t dns_only; /* 1: a domain's record names f but no u: the document is made of the record,
                        issued when it was read, for a day */
  uint32_t reserved;
  struct frank_factor_document document;
  int64_t confirmed_s; /* when the source last gave a good answer (304 too), unix; 0: not yet */
  int64_t next_s;      /* when it is asked next */
  uint64_t fetches;    /* tries since the start */
  uint64_t failures;   /* of those */
  char key_id[FRANK_JWS_KEY_ID_BYTES + 4]; /* of the key that signed it; "" unsigned */
  char url[FRANK_TXT_URL_BYTES];           /* where it is fetched; of a domain: from its record */
  char why[FRANK_FACTOR_WHY_BYTES];        /* of the last try's failure; "" it was good */
};

struct frank_resolver_lookup {
  char domain[FRANK_TXT_DOMAIN_BYTES + 2]; /* by frank_txt_domain */
  uint32_t fresh; /* 1: what is cached does not count; while others are asked for it may */
  uint32_t reserved;
};

enum frank_resolver_answer {
  FRANK_RESOLVER_FOUND,  /* it names a factor */
  FRANK_RESOLVER_ABSENT, /* it certainly names none: no record, or a record without f */
  FRANK_RESOLVER_FAILED, /* it could not be learned: time-out, SERVFAIL, bogus, malformed */
  FRANK_RESOLVER_ANSWER_COUNT
};

struct frank_resolver_domain {
  char domain[FRANK_TXT_DOMAIN_BYTES + 2];
  uint32_t answer; /* enum frank_resolver_answer */
  uint32_t dnssec; /* enum frank_dnssec */
  uint64_t factor; /* FOUND */
  uint32_t ttl_s;  /* how long this may be believed: 30..3600 */
  uint32_t took_ms;
  char why[FRANK_FACTOR_WHY_BYTES]; /* ABSENT, FAILED; also of a record that was passed over */
};

/* What a factor of the source's document is said to come from: "issuer#epoch", or "dns:DOMAIN" of a
 * record that is the document. There is one. */
void frank_resolver_source_name(const struct frank_resolver_source *source,
                                char out[FRANK_FACTOR_SOURCE_BYTES]);

/* True where it is what a resolver can say: every text and number has the form that it has above.
 * Whether there is such a source, or anybody has asked for the domain, is the starter's to know. */
bool frank_resolver_source_is_sound(const struct frank_resolver_source *source);
bool frank_resolver_domain_is_sound(const struct frank_resolver_domain *domain);
/* True for a DNS server as --dns-server takes it: ADDRESS or ADDRESS@PORT, in digits. */
bool frank_resolver_server_is_sound(const char *text);

#endif
