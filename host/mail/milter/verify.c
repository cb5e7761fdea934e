/*
 * verify: inbound mail: what its stamps are worth, told in an Authentication-Results of our own.
 */
#include "base/clock.h"
#include "base/log.h"
#include "mail/authres.h"
#include "mail/milter/filter.h"
#include "mail/milter/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define REPLAY_BUSY_MS 1000

static struct frank_view view_of(const char *text)
{
  return (struct frank_view){.text = text, .len_bytes = strlen(text)};
}

/* ---- the header ---- */

/* spam_field is "NAME: VALUE": a field of that name that begins with that value, in any case. */
static bool tells_spam(const char *pattern, const char *name, const char *value)
{
  const char *colon = strchr(pattern, ':');
  size_t name_len = colon != NULL ? (size_t)(colon - pattern) : strlen(pattern);
  if (name_len == 0 || strlen(name) != name_len || strncasecmp(pattern, name, name_len) != 0) {
    return false;
  }
  const char *wanted = colon != NULL ? colon + 1 + strspn(colon + 1, " \t") : "";
  value += strspn(value, " \t\r\n");
  return strncasecmp(value, wanted, strlen(wanted)) == 0;
}

static sfsistat take_field(SMFICTX *ctx, struct frank_session *session, const char *name,
                           const char *value)
{
  (void)ctx;
  if (strcasecmp(name, FRANK_AUTHRES_FIELD) == 0) {
    session->seen++;
    if (frank_authres_is_forged(view_of(value), session->settings->authserv_id)) {
      frank_session_doom(session);
    }
  }
  session->is_spam = session->is_spam || tells_spam(session->settings->spam_field, name, value);
  frank_session_field(session, name, value);
  return SMFIS_CONTINUE;
}

static bool has_rule(const struct frank_milter_settings *settings, enum frank_rule rule)
{
  for (uint32_t i = 0; i < settings->rules.count; i++) {
    if (strcmp(settings->rules.items[i], frank_rule_name(rule)) == 0) {
      return true;
    }
  }
  return false;
}

static sfsistat end_of_header(SMFICTX *ctx, struct frank_session *session)
{
  const char *why = "";
  (void)ctx;
  session->header_ended = true;
  session->message_open =
      !session->crowded && !session->header_failed &&
      frank_message_open(session->header, session->header_len, &session->message, &why) == FRANK_OK;
  if (!session->message_open) {
    return SMFIS_CONTINUE;
  }
  frank_judge_begin(&session->message, &session->judge);
  bool wanted =
      frank_judge_wants_dkim(&session->judge) && (has_rule(session->settings, FRANK_RULE_DKIM) ||
                                                  has_rule(session->settings, FRANK_RULE_REPLAY));
  if (wanted && session->settings->dkim == FRANK_MILTER_DKIM_LIBRARY &&
      frank_dkim_verify_new(session->filter->dkim, &session->judge, &session->dkim) != FRANK_OK) {
    session->dkim_failed = true;
  }
  return SMFIS_CONTINUE;
}

static sfsistat take_body(SMFICTX *ctx, struct frank_session *session, const char *text,
                          size_t len_bytes)
{
  (void)ctx;
  if (session->dkim == NULL) {
    return session->can_skip ? SMFIS_SKIP : SMFIS_CONTINUE;
  }
  frank_dkim_verify_body(session->dkim, text, len_bytes);
  return SMFIS_CONTINUE;
}

/* ---- judging ---- */

/* What is known of the signatures that are bound. */
static void learn_dkim(struct frank_session *session,
                       enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX])
{
  static const enum frank_dkim_result said[FRANK_DKIM_SAID_COUNT] = {
      [FRANK_DKIM_SAID_NOTHING] = FRANK_DKIM_NOT_CHECKED,
      [FRANK_DKIM_SAID_PASS] = FRANK_DKIM_PASS,
      [FRANK_DKIM_SAID_TEMPERROR] = FRANK_DKIM_TEMPERROR,
      [FRANK_DKIM_SAID_OTHER] = FRANK_DKIM_FAIL,
  };
  const struct frank_proofs *proofs = &session->judge.proofs;
  for (size_t i = 0; i < FRANK_MSMR_SIGNATURES_MAX; i++) {
    session->dkim_whys[i] = "";
    results[i] = session->dkim_failed ? FRANK_DKIM_TEMPERROR : FRANK_DKIM_NOT_CHECKED;
  }
  if (session->dkim != NULL) {
    frank_dkim_verify_finish(session->dkim, results, session->dkim_whys);
  }
  if (session->settings->dkim != FRANK_MILTER_DKIM_HEADER) {
    return;
  }
  for (size_t i = 0; i < proofs->signature_count; i++) {
    results[i] = said[frank_authres_dkim(&session->message, session->settings->authserv_id,
                                         proofs->signatures[i].b, proofs->signatures[i].b_len)];
  }
}

static int compare_recipients(const void *a, const void *b)
{
  const struct frank_address_text *left = a;
  const struct frank_address_text *right = b;
  return strcmp(left->text, right->text);
}

/* A recipient counts once for a mail, however often and in whatever spelling the client names it.
 */
static void make_distinct(struct frank_session *session)
{
  struct frank_address_text *list = session->recipients;
  size_t count = 0;
  if (session->recipient_count > 1) {
    qsort(list, session->recipient_count, sizeof list[0], compare_recipients);
  }
  for (size_t i = 0; i < session->recipient_count; i++) {
    if (count == 0 || compare_recipients(&list[i], &list[count - 1]) != 0) {
      list[count++] = list[i];
    }
  }
  session->recipient_count = count;
}

/* Has the store count this delivery; without one, a mail that would pass is temperror. */
static void ask_replays(struct frank_session *session, int64_t now_s)
{
  struct frank_filter *filter = session->filter;
  struct frank_replay_counts counts;
  uint8_t id[FRANK_REPLAY_ID_BYTES];
  char why[FRANK_REPLAY_WHY_BYTES] = "there is no state folder";
  enum frank_err err = filter->replay_path[0] != '\0' ? FRANK_OK : FRANK_ERR_NOT_FOUND;
  if (err == FRANK_OK && session->replay == NULL) {
    err = frank_replay_open_sqlite(filter->replay_path, session->settings->replay_max_bytes,
                                   REPLAY_BUSY_MS, &session->replay, why);
  }
  if (err == FRANK_OK) {
    frank_judge_signature_id(&session->judge, id);
    err = frank_replay_note(session->replay, id, session->recipients, session->recipient_count,
                            now_s, session->judge.remember_until_s, &counts, why);
  }
  if (err != FRANK_OK) {
    frank_milter_count(filter->counters, FRANK_COUNT_REPLAY_FAILED, 1);
    frank_log(FRANK_LOG_ERROR, "event=replay-store-failed why=\"%s\"", why);
    frank_replay_close(&session->replay); /* opened anew next time */
  }
  frank_judge_replay(&session->judge, err == FRANK_OK ? &counts : NULL, now_s);
}

static void judge(struct frank_session *session, int64_t now_s)
{
  const struct frank_milter_settings *settings = session->settings;
  const char *lists[FRANK_CONFIG_LIST_MAX];
  struct frank_judge_policy policy = {.lists = lists, .list_count = settings->lists.count};
  struct frank_judge_factor factor;
  enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX];
  struct frank_judge_envelope envelope = {.strange_count =
                                              session->recipient_total - session->recipient_count};
  make_distinct(session);
  envelope.recipients = session->recipients;
  envelope.recipient_count = session->recipient_count;
  for (unsigned i = 0; i < FRANK_RULE_COUNT; i++) {
    policy.rules[i] = has_rule(settings, (enum frank_rule)i);
  }
  for (uint32_t i = 0; i < settings->lists.count; i++) {
    lists[i] = settings->lists.items[i];
  }
  frank_milter_view_factor(session->filter->view, &factor);
  learn_dkim(session, results);
  frank_judge_rules(&session->judge, &policy, &factor, results, &envelope, now_s);
  if (session->judge.wants_replay) {
    session->recipient_count =
        frank_judge_without_lists(&policy, session->recipients, session->recipient_count);
    ask_replays(session, now_s);
  }
}

/* ---- the end of a mail ---- */

/* The rule that a mail with result policy breaks; FRANK_RULE_COUNT: the factor is not met. */
static enum frank_rule broken_rule(const struct frank_judge *judge)
{
  return judge->proofs.key_count > 0 ? judge->candidates[judge->best].rule : FRANK_RULE_COUNT;
}

/* What libopendkim finds wrong with the signature that the result is about: our own texts. */
static const char *dkim_why(const struct frank_session *session)
{
  const struct frank_judge *judge = &session->judge;
  int index =
      judge->proofs.key_count > 0 ? judge->candidates[judge->best].judgement.signature_index : -1;
  return session->message_open && index >= 0 ? session->dkim_whys[index] : "";
}

static void tell(SMFICTX *ctx, struct frank_session *session, size_t removed)
{
  struct frank_milter_counters *counters = session->filter->counters;
  const struct frank_judge *judge = &session->judge;
  char queue[FRANK_SESSION_QUEUE_BYTES];
  char prefix[9];
  char source[FRANK_SESSION_WORD_BYTES];
  frank_session_word(judge->source, strlen(judge->source), source);
  frank_session_queue_id(ctx, queue);
  frank_judge_b_prefix(judge, prefix);
  frank_milter_count(counters, FRANK_COUNT_FORGED, removed);
  frank_milter_count(counters, FRANK_COUNT_JUDGED + (unsigned)judge->verdict, 1);
  if (judge->verdict == FRANK_VERDICT_POLICY) {
    frank_milter_count(counters, FRANK_COUNT_BROKEN + (unsigned)broken_rule(judge), 1);
  }
  frank_log(FRANK_LOG_INFO,
            "event=judged queue=%s b=%s result=%s bits=%.2f factor=%" PRIu64
            " source=%s forged=%zu why=\"%s%s%s\"",
            queue, prefix[0] != '\0' ? prefix : "-", frank_verdict_name(judge->verdict),
            frank_judge_bits(judge), judge->factor, source, removed, judge->why,
            judge->why[0] != '\0' && dkim_why(session)[0] != '\0' ? ": " : "",
            judge->why[0] != '\0' ? dkim_why(session) : "");
}

/* What this mail showed and what it is, for the estimation. Work that does not count (a replay, a
 * signature that does not verify) was not done for this mail. */
static void observe(struct frank_session *session, int64_t now_s)
{
  const struct frank_judge *judge = &session->judge;
  struct frank_filter_observation observation = {.at_s = now_s, .is_spam = session->is_spam};
  if (!session->settings->observe || session->filter->observe_fd < 0) {
    return;
  }
  if (judge->verdict == FRANK_VERDICT_PASS ||
      (judge->verdict == FRANK_VERDICT_POLICY && broken_rule(judge) == FRANK_RULE_COUNT)) {
    observation.bits = frank_judge_bits(judge);
  }
  /* a pipe takes so few bytes whole or not at all (POSIX, PIPE_BUF) */
  bool told = write(session->filter->observe_fd, &observation, sizeof observation) ==
              (ssize_t)sizeof observation;
  frank_milter_count(session->filter->counters,
                     told ? FRANK_COUNT_OBSERVED : FRANK_COUNT_OBSERVED_LOST, 1);
}

/* A header that cannot be read whole. Nothing is known of a stamp in it. */
static void judge_unreadable(struct frank_session *session)
{
  struct frank_message empty;
  struct frank_judge_factor factor;
  const struct frank_judge_policy policy = {.list_count = 0};
  enum frank_dkim_result none[FRANK_MSMR_SIGNATURES_MAX] = {FRANK_DKIM_NOT_CHECKED};
  const char *why = "";
  if (frank_message_open("", 0, &empty, &why) != FRANK_OK) {
    return; /* an empty text is a message */
  }
  session->message = empty;
  frank_milter_view_factor(session->filter->view, &factor);
  frank_judge_begin(&session->message, &session->judge);
  frank_judge_rules(&session->judge, &policy, &factor, none, NULL, 0);
  session->judge.verdict = session->crowded ? FRANK_VERDICT_TEMPERROR : FRANK_VERDICT_PERMERROR;
  (void)snprintf(session->judge.why, sizeof session->judge.why, "%s",
                 session->crowded ? "too many connections at a time"
                                  : "the header is too large, or cannot be read");
}

static sfsistat end(SMFICTX *ctx, struct frank_session *session)
{
  char name[] = FRANK_AUTHRES_FIELD;
  char field[FRANK_JUDGE_FIELD_BYTES + 1] = " ";
  int64_t now_s = frank_clock_unix_s();
  if (!session->header_ended) { /* a mail server need not tell the end of a header that is empty */
    (void)end_of_header(ctx, session);
  }
  if (session->message_open) {
    judge(session, now_s);
  } else {
    judge_unreadable(session);
  }
  size_t removed = frank_session_remove(session, ctx, FRANK_AUTHRES_FIELD);
  bool wanted = session->judge.verdict != FRANK_VERDICT_NONE || session->settings->report_none;
  if (wanted) {
    size_t at = session->leading_space ? 1 : 0;
    frank_judge_field(&session->judge, session->settings->authserv_id, "\n", field + at);
    if (smfi_insheader(ctx, 0, name, field) != MI_SUCCESS) {
      char queue[FRANK_SESSION_QUEUE_BYTES];
      frank_session_queue_id(ctx, queue);
      frank_log(FRANK_LOG_WARN,
                "event=field-refused queue=%s why=\"the mail server does not take it\"", queue);
    }
  }
  tell(ctx, session, removed);
  observe(session, now_s);
  return SMFIS_CONTINUE;
}

const struct frank_session_kind frank_session_verify = {
    .field = take_field,
    .end_of_header = end_of_header,
    .body = take_body,
    .end = end,
    .steps = SMFIP_NOHELO | SMFIP_NOUNKNOWN | SMFIP_NODATA | SMFIP_SKIP | SMFIP_HDR_LEADSPC,
};
