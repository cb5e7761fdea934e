/*
 * rules: which outbound mail gets a stamp, and which does not, and why not.
 *
 *     frank_rules_choose   header fields, envelope -> the signature to mint for, or the reason
 *
 * The reasons are one list for all of minting, so that each unstamped mail has exactly one, in the
 * log and in a counter of its own: first those by the operator's rules, then those of things that
 * went wrong. Pure; allocates nothing.
 */
#ifndef FRANK_MAIL_RULES_H
#define FRANK_MAIL_RULES_H

#include "base/config.h"
#include "base/err.h"
#include "mail/address.h"
#include "mail/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_RULES_FIELD "X-MSMR" /* "X-MSMR: skip": the sender wants none */

/* Why a mail has no stamp. The names are in the log and in the metrics. */
enum frank_unstamped {
  FRANK_UNSTAMPED_SKIP_HEADER,  /* X-MSMR: skip */
  FRANK_UNSTAMPED_BOUNCE,       /* the null sender */
  FRANK_UNSTAMPED_RECIPIENTS,   /* more than max_recipients */
  FRANK_UNSTAMPED_LIST,         /* skip_lists, and it is a mailing list's or bulk mail */
  FRANK_UNSTAMPED_LOCAL,        /* all recipients stand in local_domains */
  FRANK_UNSTAMPED_SKIP_DOMAIN,  /* all of the others in skip_domains */
  FRANK_UNSTAMPED_NO_SIGNATURE, /* none that a stamp can be bound to, or of signing_domains */
  /* from here on: it should have one */
  FRANK_UNSTAMPED_HEADER, /* too large to be read */
  FRANK_UNSTAMPED_CROWDED,
  FRANK_UNSTAMPED_BUSY,
  FRANK_UNSTAMPED_TIMEOUT,
  FRANK_UNSTAMPED_DEADLINE,
  FRANK_UNSTAMPED_NO_DEVICE,
  FRANK_UNSTAMPED_NO_FACTOR,
  FRANK_UNSTAMPED_TOO_HARD,
  FRANK_UNSTAMPED_UNSUPPORTED,
  FRANK_UNSTAMPED_BAD_REQUEST,
  FRANK_UNSTAMPED_BAD_REPLY,
  FRANK_UNSTAMPED_FORBIDDEN,
  FRANK_UNSTAMPED_SHUTTING_DOWN,
  FRANK_UNSTAMPED_MTA, /* the mail server did not take the field, or went away */
  FRANK_UNSTAMPED_INTERNAL,
  FRANK_UNSTAMPED_COUNT,
  FRANK_STAMP = FRANK_UNSTAMPED_COUNT /* it gets one */
};
/* "no-signature"... */
const char *frank_unstamped_name(enum frank_unstamped why);
/* False where the operator's rules say so; true where something went wrong. */
bool frank_unstamped_is_failure(enum frank_unstamped why);
/* The reason of a daemon's error code ("busy"; spec of frank/1), FRANK_UNSTAMPED_INTERNAL for one
 * that is not known. */
enum frank_unstamped frank_unstamped_of_code(const char *code);

struct frank_rules {
  uint64_t max_recipients;
  bool skip_lists;
  const struct frank_config_list *local_domains;   /* patterns (frank_address_matches) */
  const struct frank_config_list *skip_domains;    /* likewise */
  const struct frank_config_list *signing_domains; /* d=; empty: any */
};

struct frank_rules_envelope {
  bool is_bounce; /* the null sender */
  const struct frank_address_text *recipients;
  size_t recipient_count; /* those that are kept in `recipients` */
  size_t recipient_total; /* all: also those that did not fit or are no addresses */
};

/* FRANK_STAMP with the signature to mint for, or the reason; *detail then tells more, a static
 * text, "" where the reason says all. */
enum frank_unstamped frank_rules_choose(const struct frank_rules *rules,
                                        const struct frank_rules_envelope *envelope,
                                        const struct frank_message *message,
                                        struct frank_dkim *signature, const char **detail);

/* True where a recipient's domain has a say in the factor: neither local nor skipped. */
bool frank_rules_counts(const struct frank_rules *rules, const struct frank_address_text *address);

#endif
