#include "mail/rules.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct {
  const char *name;
  const char *code; /* of frank/1; NULL: none stands for it */
} reasons[FRANK_UNSTAMPED_COUNT] = {
    [FRANK_UNSTAMPED_SKIP_HEADER] = {"skip-header", NULL},
    [FRANK_UNSTAMPED_BOUNCE] = {"bounce", NULL},
    [FRANK_UNSTAMPED_RECIPIENTS] = {"too-many-recipients", NULL},
    [FRANK_UNSTAMPED_LIST] = {"list", NULL},
    [FRANK_UNSTAMPED_LOCAL] = {"local", NULL},
    [FRANK_UNSTAMPED_SKIP_DOMAIN] = {"skip-domain", NULL},
    [FRANK_UNSTAMPED_NO_SIGNATURE] = {"no-signature", NULL},
    [FRANK_UNSTAMPED_HEADER] = {"header-too-large", NULL},
    [FRANK_UNSTAMPED_CROWDED] = {"crowded", NULL},
    [FRANK_UNSTAMPED_BUSY] = {"busy", "busy"},
    [FRANK_UNSTAMPED_TIMEOUT] = {"timeout", "timeout"},
    [FRANK_UNSTAMPED_DEADLINE] = {"deadline", "deadline"},
    [FRANK_UNSTAMPED_NO_DEVICE] = {"no-device", "no-device"},
    [FRANK_UNSTAMPED_NO_FACTOR] = {"no-factor", "no-factor"},
    [FRANK_UNSTAMPED_TOO_HARD] = {"too-hard", "too-hard"},
    [FRANK_UNSTAMPED_UNSUPPORTED] = {"unsupported", "unsupported"},
    [FRANK_UNSTAMPED_BAD_REQUEST] = {"bad-request", "bad-request"},
    [FRANK_UNSTAMPED_BAD_REPLY] = {"bad-reply", "bad-reply"},
    [FRANK_UNSTAMPED_FORBIDDEN] = {"forbidden", "forbidden"},
    [FRANK_UNSTAMPED_SHUTTING_DOWN] = {"shutting-down", "shutting-down"},
    [FRANK_UNSTAMPED_MTA] = {"mta", NULL},
    [FRANK_UNSTAMPED_INTERNAL] = {"internal", "internal"},
};

const char *frank_unstamped_name(enum frank_unstamped why)
{
  assert(why < FRANK_UNSTAMPED_COUNT);
  return reasons[why].name;
}

bool frank_unstamped_is_failure(enum frank_unstamped why)
{
  return why >= FRANK_UNSTAMPED_HEADER && why < FRANK_UNSTAMPED_COUNT;
}

enum frank_unstamped frank_unstamped_of_code(const char *code)
{
  for (unsigned i = 0; i < FRANK_UNSTAMPED_COUNT; i++) {
    if (reasons[i].code != NULL && strcmp(reasons[i].code, code) == 0) {
      return (enum frank_unstamped)i;
    }
  }
  return FRANK_UNSTAMPED_INTERNAL;
}

/* The value without the white space round it is this word, in any case. */
static bool is_word(struct frank_view value, const char *word)
{
  while (value.len_bytes > 0 && frank_is_white(value.text[0])) {
    value.text++;
    value.len_bytes--;
  }
  while (value.len_bytes > 0 && frank_is_white(value.text[value.len_bytes - 1])) {
    value.len_bytes--;
  }
  return value.len_bytes == strlen(word) && strncasecmp(value.text, word, value.len_bytes) == 0;
}

static bool has_field(const struct frank_message *message, const char *name, const char *word)
{
  struct frank_field field;
  size_t cursor = 0;
  while (frank_message_next_named(message, name, &cursor, &field)) {
    if (word == NULL || is_word(field.value, word)) {
      return true;
    }
  }
  return false;
}

/* RFC 2919; Precedence is no standard (RFC 2076), but what lists and mass mailers set. */
static bool is_list(const struct frank_message *message)
{
  return has_field(message, "List-Id", NULL) || has_field(message, "Precedence", "list") ||
         has_field(message, "Precedence", "bulk") || has_field(message, "Precedence", "junk");
}

static bool matches(const struct frank_config_list *patterns,
                    const struct frank_address_text *address)
{
  for (uint32_t i = 0; i < patterns->count; i++) {
    if (frank_address_matches(address, patterns->items[i])) {
      return true;
    }
  }
  return false;
}

bool frank_rules_counts(const struct frank_rules *rules, const struct frank_address_text *address)
{
  return !matches(rules->local_domains, address) && !matches(rules->skip_domains, address);
}

/* FRANK_STAMP where a recipient wants one. One that was not kept is a stranger: it may. */
static enum frank_unstamped judge_recipients(const struct frank_rules *rules,
                                             const struct frank_rules_envelope *envelope)
{
  bool all_local = envelope->recipient_count > 0;
  if (envelope->recipient_total > envelope->recipient_count || envelope->recipient_count == 0) {
    return FRANK_STAMP;
  }
  for (size_t i = 0; i < envelope->recipient_count; i++) {
    bool is_local = matches(rules->local_domains, &envelope->recipients[i]);
    if (!is_local && !matches(rules->skip_domains, &envelope->recipients[i])) {
      return FRANK_STAMP;
    }
    all_local = all_local && is_local;
  }
  return all_local ? FRANK_UNSTAMPED_LOCAL : FRANK_UNSTAMPED_SKIP_DOMAIN;
}

static bool choose_signature(const struct frank_rules *rules, const struct frank_message *message,
                             struct frank_dkim *signature, const char **detail)
{
  const struct frank_config_list *domains = rules->signing_domains;
  if (domains->count == 0) {
    return frank_message_choose(message, NULL, NULL, signature, detail) == FRANK_OK;
  }
  for (uint32_t i = 0; i < domains->count; i++) {
    if (frank_message_choose(message, domains->items[i], NULL, signature, detail) == FRANK_OK) {
      return true;
    }
  }
  return false;
}

enum frank_unstamped frank_rules_choose(const struct frank_rules *rules,
                                        const struct frank_rules_envelope *envelope,
                                        const struct frank_message *message,
                                        struct frank_dkim *signature, const char **detail)
{
  *detail = "";
  if (has_field(message, FRANK_RULES_FIELD, "skip")) {
    return FRANK_UNSTAMPED_SKIP_HEADER;
  }
  if (envelope->is_bounce) {
    return FRANK_UNSTAMPED_BOUNCE;
  }
  if (envelope->recipient_total > rules->max_recipients) {
    return FRANK_UNSTAMPED_RECIPIENTS;
  }
  if (rules->skip_lists && is_list(message)) {
    return FRANK_UNSTAMPED_LIST;
  }
  enum frank_unstamped why = judge_recipients(rules, envelope);
  if (why == FRANK_STAMP && !choose_signature(rules, message, signature, detail)) {
    why = FRANK_UNSTAMPED_NO_SIGNATURE;
  }
  return why;
}
