/* What a message's stamps are worth: hash, factor, mail rules. See judge.h. */
#include "mail/judge.h"

#include "proof/base64.h"
#include "proof/target.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DAY_S  86400
#define HOUR_S 3600
/* libopendkim 2.11 reads no more of h= and says pass, also where To: stands behind it. */
#define H_MAX_BYTES 4095
#define ID_BYTES    16 /* of an address's hash: nobody finds two addresses alike in 128 bits */

static const char *const rule_names[FRANK_RULE_COUNT] = {
    [FRANK_RULE_DKIM] = "dkim",           [FRANK_RULE_COVER] = "cover",
    [FRANK_RULE_RECIPIENT] = "recipient", [FRANK_RULE_AGE] = "age",
    [FRANK_RULE_REPLAY] = "replay",
};

const char *frank_rule_name(enum frank_rule rule)
{
  return (size_t)rule < FRANK_RULE_COUNT ? rule_names[rule] : "";
}

/* ---- hash and factor ---- */

/* One key against all signatures. */
static void judge_key(const struct frank_proofs *proofs, size_t key, uint64_t factor,
                      struct frank_judgement *out)
{
  struct frank_signature signatures[FRANK_MSMR_SIGNATURES_MAX];

  for (size_t i = 0; i < proofs->signature_count; i++) {
    const struct frank_dkim *one = &proofs->signatures[i];

    signatures[i] = (struct frank_signature){one->alg, one->b, one->b_len};
  }
  frank_msmr_judge(&proofs->keys[key].text, &proofs->keys[key].len_bytes, 1, signatures,
                   proofs->signature_count, factor, out);
  out->key_index = (int)key;
}

void frank_judge_begin(const struct frank_message *message, struct frank_judge *judge)
{
  memset(judge, 0, sizeof *judge);
  judge->message = message;
  judge->verdict = FRANK_VERDICT_NONE;
  frank_message_collect(message, &judge->proofs);
  for (size_t i = 0; i < judge->proofs.key_count; i++) {
    struct frank_judge_candidate *candidate = &judge->candidates[i];

    judge_key(&judge->proofs, i, 0, &candidate->judgement);
    candidate->verdict = candidate->judgement.verdict;
    candidate->rule = FRANK_RULE_COUNT;
    if (candidate->judgement.signature_index >= 0) {
      judge->bound[candidate->judgement.signature_index] = true;
    }
  }
}

bool frank_judge_wants_dkim(const struct frank_judge *judge)
{
  for (size_t i = 0; i < FRANK_MSMR_SIGNATURES_MAX; i++) {
    if (judge->bound[i]) {
      return true;
    }
  }
  return false;
}

/* By the factor, or else by the one before it. */
static void judge_factor(const struct frank_judge *judge, const struct frank_judge_factor *factor,
                         int64_t now_s, struct frank_judge_candidate *candidate)
{
  size_t key = (size_t)candidate->judgement.key_index;

  candidate->by_previous = false;
  judge_key(&judge->proofs, key, factor->factor, &candidate->judgement);
  if (candidate->judgement.verdict == FRANK_VERDICT_POLICY && factor->previous > 0 &&
      now_s < factor->previous_until_s) {
    struct frank_judgement by_previous;

    judge_key(&judge->proofs, key, factor->previous, &by_previous);
    if (by_previous.verdict == FRANK_VERDICT_PASS) {
      candidate->judgement = by_previous;
      candidate->by_previous = true;
    }
  }
}

/* ---- the signed To: and Cc: ---- */

struct address {
  uint8_t id[ID_BYTES];
  bool is_list; /* the rules do not hold for it */
};

struct addresses {
  struct address list[FRANK_JUDGE_ADDRESSES_MAX]; /* sorted, distinct */
  size_t count;
  size_t list_count; /* of those: lists */
};

static void address_id(const struct frank_address_text *text, uint8_t id[ID_BYTES])
{
  struct frank_hash hash;

  frank_sha256(text->text, strlen(text->text), NULL, 0, &hash);
  memcpy(id, hash.bytes, ID_BYTES);
}

static int compare_addresses(const void *a, const void *b)
{
  const struct address *left = a, *right = b;

  return memcmp(left->id, right->id, ID_BYTES);
}

bool frank_judge_is_list(const struct frank_judge_policy *policy,
                         const struct frank_address_text *address)
{
  for (size_t i = 0; i < policy->list_count; i++) {
    if (frank_address_matches(address, policy->lists[i])) {
      return true;
    }
  }
  return false;
}

size_t frank_judge_without_lists(const struct frank_judge_policy *policy,
                                 struct frank_address_text *recipients, size_t count)
{
  size_t left = 0;

  for (size_t i = 0; i < count; i++) {
    if (!frank_judge_is_list(policy, &recipients[i])) {
      recipients[left++] = recipients[i];
    }
  }
  return left;
}

/* How often h= names the field. */
static size_t count_in_h(struct frank_view h, const char *name)
{
  size_t count = 0, name_len = strlen(name);
  const char *p = h.text, *end = h.text ? h.text + h.len_bytes : NULL;

  while (p < end) {
    const char *colon = memchr(p, ':', (size_t)(end - p));
    const char *last = colon ? colon : end;

    while (p < last && frank_is_white(*p)) {
      p++;
    }
    while (last > p && frank_is_white(last[-1])) {
      last--;
    }
    if ((size_t)(last - p) == name_len && strncasecmp(p, name, name_len) == 0) {
      count++;
    }
    p = colon ? colon + 1 : end;
  }
  return count;
}

static size_t count_fields(const struct frank_message *message, const char *name)
{
  struct frank_field field;
  size_t cursor = 0, count = 0;

  while (frank_message_next_named(message, name, &cursor, &field)) {
    count++;
  }
  return count;
}

/* Takes the addresses of the fields of that name that are signed: where h= names it n times these
 * are the n lowest (RFC 6376 section 5.4.2). */
static void collect_signed(const struct frank_message *message, const struct frank_dkim *signature,
                           const struct frank_judge_policy *policy, const char *name,
                           struct addresses *addresses)
{
  size_t covered = count_in_h(signature->h, name), above = count_fields(message, name);
  size_t cursor = 0;
  struct frank_field field;

  above = above > covered ? above - covered : 0;
  while (frank_message_next_named(message, name, &cursor, &field)) {
    struct frank_address_text text;
    size_t at = 0;

    if (above > 0) {
      above--;
      continue;
    }
    while (addresses->count < FRANK_JUDGE_ADDRESSES_MAX &&
           frank_address_next(field.value, &at, &text, NULL)) {
      struct address *address = &addresses->list[addresses->count++];

      address_id(&text, address->id);
      address->is_list = frank_judge_is_list(policy, &text);
    }
  }
}

static void collect_addresses(const struct frank_message *message,
                              const struct frank_dkim *signature,
                              const struct frank_judge_policy *policy, struct addresses *addresses)
{
  size_t distinct = 0;

  addresses->count = 0;
  addresses->list_count = 0;
  collect_signed(message, signature, policy, "To", addresses);
  collect_signed(message, signature, policy, "Cc", addresses);
  qsort(addresses->list, addresses->count, sizeof addresses->list[0], compare_addresses);
  for (size_t i = 0; i < addresses->count; i++) {
    if (i == 0 || compare_addresses(&addresses->list[i], &addresses->list[i - 1]) != 0) {
      addresses->list_count += addresses->list[i].is_list ? 1 : 0;
      addresses->list[distinct++] = addresses->list[i];
    }
  }
  addresses->count = distinct;
}

/* ---- the mail rules ---- */

enum outcome { HOLDS, BROKEN, UNKNOWN };

struct asking {
  const struct frank_message *message;
  const struct frank_dkim *signature;
  enum frank_dkim_result dkim;
  const struct frank_judge_policy *policy;
  const struct frank_judge_envelope *envelope;
  const struct addresses *addresses;
  int64_t now_s;
};

static enum outcome check_dkim(const struct asking *asking, char *why)
{
  static const char *const whys[FRANK_DKIM_RESULT_COUNT] = {
      [FRANK_DKIM_NOT_CHECKED] = "dkim: the signature was not verified",
      [FRANK_DKIM_PASS] = "",
      [FRANK_DKIM_FAIL] = "dkim: the signature does not verify",
      [FRANK_DKIM_TEMPERROR] = "dkim: the key of the signature cannot be had now",
  };

  assert((size_t)asking->dkim < FRANK_DKIM_RESULT_COUNT);
  (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "%s", whys[asking->dkim]);
  return asking->dkim == FRANK_DKIM_PASS        ? HOLDS
         : asking->dkim == FRANK_DKIM_TEMPERROR ? UNKNOWN
                                                : BROKEN;
}

static enum outcome check_cover(const struct asking *asking, char *why)
{
  size_t fields = count_fields(asking->message, "To");

  if (asking->signature->has_l) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: l= leaves a part of the body unsigned");
  } else if (asking->signature->h.len_bytes > H_MAX_BYTES) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: h= is longer than verifiers read");
  } else if (count_in_h(asking->signature->h, "To") == 0) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: h= does not cover To:");
  } else if (fields == 0) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: no To: field");
  } else if (fields == 2) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: two To: fields");
  } else if (fields > 2) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "cover: %zu To: fields", fields);
  } else {
    return HOLDS;
  }
  return BROKEN;
}

static enum outcome check_recipient(const struct asking *asking, char *why)
{
  const struct frank_judge_envelope *envelope = asking->envelope;
  size_t missing;

  if (!envelope) {
    return HOLDS;
  }
  missing = envelope->strange_count;
  for (size_t i = 0; i < envelope->recipient_count; i++) {
    struct address one;

    address_id(&envelope->recipients[i], one.id);
    if (!bsearch(&one, asking->addresses->list, asking->addresses->count, sizeof one,
                 compare_addresses) &&
        !frank_judge_is_list(asking->policy, &envelope->recipients[i])) {
      missing++;
    }
  }
  if (missing == 0) {
    return HOLDS;
  }
  (void)snprintf(
      why, FRANK_JUDGE_WHY_BYTES,
      "recipient: %zu of %zu envelope recipients %s not in the signed To: or Cc:", missing,
      envelope->recipient_count + envelope->strange_count, missing == 1 ? "is" : "are");
  return BROKEN;
}

/* Of two times that may be anything. */
static uint64_t later_by(uint64_t later, uint64_t earlier)
{
  return later > earlier ? later - earlier : 0;
}

static enum outcome check_age(const struct asking *asking, char *why)
{
  uint64_t now_s = asking->now_s > 0 ? (uint64_t)asking->now_s : 0;
  uint64_t t_s = asking->signature->t_s;

  if (asking->signature->has_t && later_by(now_s, t_s) > FRANK_JUDGE_AGE_MAX_S) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "age: t= is %" PRIu64 " days old",
                   (now_s - t_s) / DAY_S);
  } else if (asking->signature->has_t && later_by(t_s, now_s) > FRANK_JUDGE_AHEAD_MAX_S) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "age: t= is %" PRIu64 " hour%s ahead",
                   (t_s - now_s) / HOUR_S, (t_s - now_s) / HOUR_S == 1 ? "" : "s");
  } else if (asking->signature->has_x && asking->signature->x_s < now_s) {
    (void)snprintf(why, FRANK_JUDGE_WHY_BYTES, "age: x= is past");
  } else {
    return HOLDS;
  }
  return BROKEN;
}

static enum outcome (*const checks[FRANK_RULE_COUNT])(const struct asking *, char *) = {
    [FRANK_RULE_DKIM] = check_dkim,
    [FRANK_RULE_COVER] = check_cover,
    [FRANK_RULE_RECIPIENT] = check_recipient,
    [FRANK_RULE_AGE] = check_age,
    /* replay: frank_judge_replay */
};

/* ---- verdicts ---- */

/* A key that is bound. What makes it policy whatever else comes out goes before what is not known
 * now: the same question another time would have the same answer. */
static void judge_bound(const struct asking *asking, struct frank_judge_candidate *candidate)
{
  char broken[FRANK_JUDGE_WHY_BYTES] = "", unknown[FRANK_JUDGE_WHY_BYTES] = "";
  const struct frank_judgement *judgement = &candidate->judgement;

  for (int rule = 0; rule < FRANK_RULE_COUNT && candidate->rule == FRANK_RULE_COUNT; rule++) {
    char why[FRANK_JUDGE_WHY_BYTES] = "";
    enum outcome outcome =
        asking->policy->rules[rule] && checks[rule] ? checks[rule](asking, why) : HOLDS;

    if (outcome == BROKEN) {
      candidate->rule = (enum frank_rule)rule;
      memcpy(broken, why, sizeof broken);
    } else if (outcome == UNKNOWN) {
      memcpy(unknown, why, sizeof unknown);
    }
  }
  if (judgement->verdict == FRANK_VERDICT_POLICY) {
    candidate->verdict = FRANK_VERDICT_POLICY;
    (void)snprintf(candidate->why, sizeof candidate->why,
                   "factor: %.4f bits, the hash does not meet the factor", judgement->bits);
  } else if (candidate->rule != FRANK_RULE_COUNT) {
    candidate->verdict = FRANK_VERDICT_POLICY;
    memcpy(candidate->why, broken, sizeof candidate->why);
  } else if (judgement->verdict == FRANK_VERDICT_TEMPERROR) {
    candidate->verdict = FRANK_VERDICT_TEMPERROR;
    (void)snprintf(candidate->why, sizeof candidate->why, "the factor cannot be had now");
  } else {
    candidate->verdict = unknown[0] != '\0' ? FRANK_VERDICT_TEMPERROR : FRANK_VERDICT_PASS;
    memcpy(candidate->why, unknown, sizeof candidate->why);
  }
}

static bool is_better(const struct frank_judge_candidate *one,
                      const struct frank_judge_candidate *than)
{
  return one->verdict < than->verdict ||
         (one->verdict == than->verdict && one->judgement.bits > than->judgement.bits);
}

/* The best of the candidates is what the message is worth. */
static void take_best(struct frank_judge *judge, const struct frank_judge_factor *factor)
{
  const struct frank_judge_candidate *best = judge->candidates;

  for (size_t i = 1; i < judge->proofs.key_count; i++) {
    if (is_better(&judge->candidates[i], best)) {
      best = &judge->candidates[i];
    }
  }
  judge->best = (size_t)(best - judge->candidates);
  judge->verdict = best->verdict;
  judge->addressed = best->addressed;
  memcpy(judge->why, best->why, sizeof judge->why);
  if (best->by_previous) {
    judge->factor = factor->previous;
    memcpy(judge->source, factor->previous_source, sizeof judge->source);
  }
}

/* What the replay store must be asked about the best candidate. */
static void ask_store(struct frank_judge *judge, const struct frank_judge_policy *policy,
                      const enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX], int64_t now_s)
{
  const struct frank_judge_candidate *best = &judge->candidates[judge->best];
  int index = best->judgement.signature_index;
  bool is_short = best->verdict == FRANK_VERDICT_POLICY && best->rule == FRANK_RULE_COUNT;
  const struct frank_dkim *signature;

  /* one that misses the factor can never pass: who fills the store has paid for each entry */
  if (index < 0 || dkim[index] != FRANK_DKIM_PASS || !policy->rules[FRANK_RULE_REPLAY] ||
      is_short) {
    return;
  }
  signature = &judge->proofs.signatures[index];
  judge->wants_replay = true;
  judge->age_by_sight = policy->rules[FRANK_RULE_AGE] && !signature->has_t;
  judge->remember_until_s = now_s + FRANK_JUDGE_AGE_MAX_S;
  /* one that is past says nothing: else what rule age lets by when off would never be remembered */
  if (signature->has_x && signature->x_s < (uint64_t)judge->remember_until_s &&
      (int64_t)signature->x_s > now_s) {
    judge->remember_until_s = (int64_t)signature->x_s;
  }
}

void frank_judge_rules(struct frank_judge *judge, const struct frank_judge_policy *policy,
                       const struct frank_judge_factor *factor,
                       const enum frank_dkim_result dkim[FRANK_MSMR_SIGNATURES_MAX],
                       const struct frank_judge_envelope *envelope, int64_t now_s)
{
  struct addresses addresses;

  assert(now_s >= 0 && now_s < INT64_MAX - FRANK_JUDGE_AGE_MAX_S);
  judge->factor = factor->factor;
  memcpy(judge->source, factor->source, sizeof judge->source);
  judge->testing = factor->testing;
  judge->wants_replay = false;
  if (judge->proofs.key_count == 0) {
    judge->verdict = FRANK_VERDICT_NONE;
    (void)snprintf(judge->why, sizeof judge->why, "no MSMR-Key");
    return;
  }
  for (size_t i = 0; i < judge->proofs.key_count; i++) {
    struct frank_judge_candidate *candidate = &judge->candidates[i];
    int index = candidate->judgement.signature_index;

    judge_factor(judge, factor, now_s, candidate);
    candidate->rule = FRANK_RULE_COUNT;
    candidate->verdict = candidate->judgement.verdict;
    (void)snprintf(candidate->why, sizeof candidate->why, "%s", candidate->judgement.why);
    if (index >= 0) {
      const struct asking asking = {judge->message, &judge->proofs.signatures[index],
                                    dkim[index],    policy,
                                    envelope,       &addresses,
                                    now_s};

      collect_addresses(judge->message, asking.signature, policy, &addresses);
      candidate->addressed = addresses.count - addresses.list_count;
      judge_bound(&asking, candidate);
    }
  }
  take_best(judge, factor);
  if (envelope) {
    ask_store(judge, policy, dkim, now_s);
  }
}

void frank_judge_replay(struct frank_judge *judge, const struct frank_replay_counts *counts,
                        int64_t now_s)
{
  struct frank_judge_candidate *best = &judge->candidates[judge->best];

  if (!judge->wants_replay || judge->verdict > FRANK_VERDICT_TEMPERROR ||
      judge->verdict == FRANK_VERDICT_POLICY) {
    return;
  }
  best->rule = FRANK_RULE_REPLAY;
  best->verdict = FRANK_VERDICT_POLICY;
  if (!counts) {
    best->rule = FRANK_RULE_COUNT;
    best->verdict = FRANK_VERDICT_TEMPERROR;
    (void)snprintf(best->why, sizeof best->why, "replay: the store cannot be had now");
  } else if (judge->age_by_sight && now_s - counts->first_s > FRANK_JUDGE_AGE_MAX_S) {
    best->rule = FRANK_RULE_AGE;
    (void)snprintf(best->why, sizeof best->why, "age: no t=, first seen %" PRId64 " days ago",
                   (now_s - counts->first_s) / DAY_S);
  } else if (counts->recipients > judge->addressed) {
    (void)snprintf(best->why, sizeof best->why,
                   "replay: delivered to %" PRIu64 " recipients, addressed to %zu",
                   counts->recipients, judge->addressed);
  } else if (counts->most > FRANK_JUDGE_REPEATS_MAX) {
    (void)snprintf(best->why, sizeof best->why,
                   "replay: delivered %" PRIu64 " times to one recipient", counts->most);
  } else {
    best->rule = FRANK_RULE_COUNT;
    best->verdict = judge->verdict;
  }
  judge->verdict = best->verdict;
  memcpy(judge->why, best->why, sizeof judge->why);
}

/* ---- what is told of it ---- */

static const struct frank_dkim *best_signature(const struct frank_judge *judge)
{
  int index =
      judge->proofs.key_count > 0 ? judge->candidates[judge->best].judgement.signature_index : -1;

  return index >= 0 ? &judge->proofs.signatures[index] : NULL;
}

void frank_judge_signature_id(const struct frank_judge *judge, uint8_t id[32])
{
  const struct frank_dkim *signature = best_signature(judge);
  uint8_t decoded[FRANK_BASE64_DECODED_MAX(FRANK_B_MAX_BYTES)];
  struct frank_hash hash;
  const char *name, *why;
  size_t decoded_len;
  enum frank_err err;

  assert(judge->wants_replay && signature);
  err = frank_base64_decode(signature->b, signature->b_len, decoded, &decoded_len, &why);
  assert(err == FRANK_OK); /* a signature is usable only so */
  name = frank_alg_name(signature->alg);
  frank_sha256(name, strlen(name) + 1, decoded, decoded_len, &hash);
  memcpy(id, hash.bytes, sizeof hash.bytes);
}

void frank_judge_b_prefix(const struct frank_judge *judge, char out[9])
{
  const struct frank_dkim *signature = best_signature(judge);

  (void)snprintf(out, 9, "%.8s", signature ? signature->b : "");
}

double frank_judge_bits(const struct frank_judge *judge)
{
  return best_signature(judge) ? judge->candidates[judge->best].judgement.bits : 0.0;
}
