/*
 * judge: what a message's stamps are worth on arrival: hash, factor, and the mail rules.
 *
 *     frank_judge_begin   message -> which signatures give a hash, so which must be verified
 *     (the caller has DKIM verify those: mail/dkim_verify.h, or asks mail/authres.h)
 *     frank_judge_rules   + DKIM results, envelope, now, factor -> verdict before replays
 *     (the caller notes the deliveries: mail/replay.h, where judge->wants_replay says so)
 *     frank_judge_replay  + counts -> verdict
 *
 * The best result of all keys counts, in the order of enum frank_verdict; of equal ones the key
 * that shows more bits, then the upper one. Rules can be switched off one by one. What MSMR v1
 * leaves open is answered like this:
 *
 * - A key whose hash is right but meets no factor is policy, whatever the rules say. A rule that is
 *   broken is policy, too, where the factor or a DKIM key cannot be had now: another time the
 * answer would be the same. Only what could still pass is temperror.
 * - Signed are of the To: and Cc: fields as many as h= names, counted from the bottom (RFC 6376
 *   section 5.4.2). An address counts once, however often it stands there.
 * - Deliveries are counted for the best key's signature alone. Where it was delivered too often
 *   another key of the message does not stand in for it.
 *
 * Pure: time is an argument; allocates nothing. Large (some 25 KiB, and frank_judge_rules needs 20
 * of stack): not for a stack that is small.
 */
#ifndef FRANK_MAIL_JUDGE_H
#define FRANK_MAIL_JUDGE_H

#include "base/err.h"
#include "factor/document.h"
#include "mail/address.h"
#include "mail/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_JUDGE_AGE_MAX_S     (INT64_C(28) * 86400) /* of t=, and of what is remembered */
#define FRANK_JUDGE_AHEAD_MAX_S   3600
#define FRANK_JUDGE_REPEATS_MAX   3 /* deliveries to one recipient that are no replay */
#define FRANK_JUDGE_WHY_BYTES     160
#define FRANK_JUDGE_ADDRESSES_MAX 1000 /* of signed To: and Cc: that are looked at */

/* The mail rules; a message breaks none, or the first in this order is told. */
enum frank_rule {
  FRANK_RULE_DKIM,      /* that very signature verified */
  FRANK_RULE_COVER,     /* its h= covers To:, there is exactly one To:, it has no l= */
  FRANK_RULE_RECIPIENT, /* each envelope recipient stands in the signed To: or Cc: */
  FRANK_RULE_AGE,       /* t= within 28 days and an hour, x= not past */
  FRANK_RULE_REPLAY,    /* not more recipients than addressed, no recipient too often */
  FRANK_RULE_COUNT
};
const char *frank_rule_name(enum frank_rule rule); /* "dkim", "cover"... */

enum frank_dkim_result {
  FRANK_DKIM_NOT_CHECKED, /* nobody has looked: breaks FRANK_RULE_DKIM */
  FRANK_DKIM_PASS,
  FRANK_DKIM_FAIL,      /* it does not verify, or its key says so; breaks the rule */
  FRANK_DKIM_TEMPERROR, /* the key cannot be had now: verdict temperror */
  FRANK_DKIM_RESULT_COUNT
};

/* By what factor. With a document: a stamp that meets its factor, or its previous one in time. */
struct frank_judge_factor {
  uint64_t factor;   /* 0: it cannot be had now */
  uint64_t previous; /* 0: none; counts before previous_until_s */
  int64_t previous_until_s;
  bool testing;                                    /* "mode":"testing": told beside the result */
  char source[FRANK_FACTOR_SOURCE_BYTES];          /* of factor */
  char previous_source[FRANK_FACTOR_SOURCE_BYTES]; /* of previous */
};

struct frank_judge_policy {
  bool rules[FRANK_RULE_COUNT]; /* which are asked for */
  const char *const *lists;     /* patterns (frank_address_matches) of mailing lists and other
                                   recipients for whom rules recipient and replay do not hold */
  size_t list_count;
};

struct frank_judge_envelope {
  const struct frank_address_text *recipients; /* those of this delivery that are well-formed */
  size_t recipient_count;
  size_t strange_count; /* recipients that are no addresses: they stand in no To: */
};

/* One key of the message and what it is bound to. */
struct frank_judge_candidate {
  struct frank_judgement judgement; /* hash and factor; indexes into judge->proofs */
  bool by_previous;                 /* it meets the previous factor, and not the factor */
  enum frank_verdict verdict;       /* with the mail rules */
  enum frank_rule rule;             /* the first that does not hold; FRANK_RULE_COUNT: all do */
  size_t addressed;                 /* see struct frank_judge */
  char why[FRANK_JUDGE_WHY_BYTES];
};

struct frank_judge {
  const struct frank_message *message;
  struct frank_proofs proofs;
  bool bound[FRANK_MSMR_SIGNATURES_MAX]; /* signature i gives a key's hash: it must be verified */
  struct frank_judge_candidate candidates[FRANK_MSMR_SIGNATURES_MAX]; /* one for each key */
  /* after frank_judge_rules: */
  size_t best; /* of candidates; meaningless where proofs.key_count is 0 */
  enum frank_verdict verdict;
  char why[FRANK_JUDGE_WHY_BYTES]; /* for people, printable ASCII; "" with pass */
  uint64_t factor;                 /* that it was judged by: the document's or the previous one */
  char source[FRANK_FACTOR_SOURCE_BYTES];
  bool testing;
  size_t addressed; /* distinct addresses in the signed To: and Cc: of the best candidate, lists
                       left out */
  /* The delivery is to be noted in the replay store (frank_replay_note, without the recipients that
   * are lists) and frank_judge_replay called: DKIM passed for that very signature, the rule is
   * asked for, and there is an envelope. True for policy results as well. */
  bool wants_replay;
  int64_t remember_until_s; /* 28 days from now or x= (if that is to come), the earlier one */
  bool age_by_sight;        /* rule age is asked for, and there is no t= */
};

/* Collects keys and signatures and hashes. `message` is borrowed and must stay. */
void frank_judge_begin(const struct frank_message *message, struct frank_judge *judge);

/* True where one of the policy's patterns names the recipient: rules recipient and replay do not
 * hold for it, and a delivery to it is not noted in the replay store. It is the envelope's
 * recipient that is excepted: that a signed To: holds a list's address says nothing of who it is
 * sent to. */
bool frank_judge_is_list(const struct frank_judge_policy *policy,
                         const struct frank_address_text *address);
/* Takes those out of `recipients`, in place, and returns how many are left: for the store. */
size_t frank_judge_without_lists(const struct frank_judge_policy *policy,
                                 struct frank_address_text *recipients, size_t count);

/* True where something must be verified: any of judge->bound. */
bool frank_judge_wants_dkim(const struct frank_judge *judge);

/* `dkim` has one result for each signature (FRANK_MSMR_SIGNATURES_MAX; those not bound are not
 * looked at). `envelope` NULL: there is none (a file), rules recipient and replay are not asked.
 * now_s: unix, 0 or more. May be called again, with other answers. */
void frank_judge_rules(struct frank_judge *judge, const struct frank_judge_policy *policy,
                       const struct frank_judge_factor *factor,
                       const enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX],
                       const struct frank_judge_envelope *envelope, int64_t now_s);

/* What the store says after this delivery was noted. */
struct frank_replay_counts {
  uint64_t recipients; /* distinct ones of this signature, lists left out, since its first sight */
  uint64_t most;       /* deliveries to the one who got it most often */
  int64_t first_s;     /* first sight, unix */
};
/* Takes the counts into account: pass (and temperror) becomes policy where they are too high, the
 * reason names the count; a signature without t= is judged by its first sight. counts NULL: the
 * store cannot be had now, pass becomes temperror. Changes nothing where wants_replay is false. */
void frank_judge_replay(struct frank_judge *judge, const struct frank_replay_counts *counts,
                        int64_t now_s);

/* What identifies the best candidate's signature in a replay store: SHA-256 of the algorithm's
 * name, a NUL, and the DECODED signature (base64 is malleable). Asserts wants_replay. */
void frank_judge_signature_id(const struct frank_judge *judge, uint8_t id[32]);
/* The first 8 characters of the best candidate's b (RFC 6008), "" where none is bound. */
void frank_judge_b_prefix(const struct frank_judge *judge, char out[9]);
/* The bits that the best candidate shows; 0 where none is bound. */
double frank_judge_bits(const struct frank_judge *judge);

/* The value of the field to be added, folded with `line_end` and HTAB, no last line end:
 *
 *     mx.example; x-msmr=policy (23.11 bits, factor 16777216)
 *         reason="recipient: 2 of 3 envelope recipients are not in the signed To: or Cc:"
 *         header.b=PCy4cbsW policy.factor=16777216 policy.source=authority.example#412
 *
 * No reason with pass and none; the bits and the properties only where a key is bound. `id` by
 * frank_authres_is_id (asserted). policy.mode=testing where the factor's document says so. Lines
 * stay within 78 columns, the field's name and ": " before it counted, where words allow. */
#define FRANK_JUDGE_FIELD_BYTES 1024
void frank_judge_field(const struct frank_judge *judge, const char *id, const char *line_end,
                       char out[FRANK_JUDGE_FIELD_BYTES]);

#endif
