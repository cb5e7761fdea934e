/*
 * frank verify: does a stamp hold? Hash and factor; with --dkim the signature and mail rules, too.
 * With --factor-url by what is published there: a stamp that meets the factor before it counts
 * until its time.
 */
#include "base/clock.h"
#include "mail/message.h"
#include "mint/mint.h"
#include "programs/cmd.h"
#include "programs/published.h"
#include "programs/signals.h"
#include "programs/term.h"
#include "programs/verify_dkim.h"
#include "proof/msmr.h"
#include "proof/target.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define SCOPE_TEXT "hash and factor only; DKIM and the mail rules were not checked"
#define SCOPE_TEXT_DKIM                                                                            \
  "hash, factor, DKIM and the mail rules that need no envelope (cover, age); recipients and "      \
  "replays were not checked"

struct verify {
  struct frank_cmd_line *line;
  uint64_t factor; /* 0: it cannot be had now */
  char source[FRANK_FACTOR_SOURCE_BYTES];
  struct frank_published published;
  bool has_document; /* `document` is what the factor comes from */
  bool is_previous;  /* the factor is that before the document's own, whose time is not over */
  uint32_t dns_only; /* it stands for a record in DNS */
  struct frank_factor_document document;
  struct frank_message message;
  struct frank_proofs proofs;
  bool has_dkim; /* --dkim: `dkim` says what it comes to */
  struct frank_verify_dkim dkim;
};

/* What it comes to. */
struct outcome {
  enum frank_verdict verdict;
  const char *why;
  enum frank_rule rule; /* of --dkim: the first that does not hold; FRANK_RULE_COUNT */
  struct frank_judgement judgement;
};

/* The value of --header, which may be given with or without the field's name. */
static struct frank_view header_value(const char *header)
{
  size_t name_len = strlen(FRANK_MSMR_FIELD);
  if (strncasecmp(header, FRANK_MSMR_FIELD, name_len) == 0) {
    const char *after = header + name_len + strspn(header + name_len, " \t");
    if (*after == ':') {
      header = after + 1;
    }
  }
  return (struct frank_view){.text = header, .len_bytes = strlen(header)};
}

/* --b and --header stand for a message with one signature and one key. The algorithm is the key's
 * own: nothing else says it. */
static int take_options(struct verify *verify)
{
  struct frank_cmd_line *line = verify->line;
  const char *b = frank_cmd_value(line, FRANK_OPT_B);
  const char *header = frank_cmd_value(line, FRANK_OPT_HEADER);
  if (b == NULL || header == NULL) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--b and --header go together");
  }
  struct frank_dkim *signature = &verify->proofs.signatures[0];
  const char *why = "";
  if (frank_b_normalize(b, strlen(b), signature->b, &signature->b_len, &why) != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "--b '%.40s%s': %s", b,
                          strlen(b) > 40 ? "..." : "", why);
  }
  struct frank_msmr key;
  verify->proofs.keys[0] = header_value(header);
  signature->alg = frank_msmr_parse(verify->proofs.keys[0].text, verify->proofs.keys[0].len_bytes,
                                    &key, &why) == FRANK_OK
                       ? key.alg
                       : FRANK_ALG_RSA_SHA256; /* the judge says what is wrong with the key */
  verify->proofs.signature_count = 1;
  verify->proofs.key_count = 1;
  verify->proofs.signature_fields = 1;
  verify->proofs.key_fields = 1;
  return FRANK_EXIT_OK;
}

/* Reads the message and collects its proofs. *text is the caller's to free, and outlives the views
 * in the proofs. */
static int take_message(struct verify *verify, char **text)
{
  struct frank_cmd_line *line = verify->line;
  const char *file = line->operand_count > 0 ? line->operands[0] : "-";
  bool is_stdin = strcmp(file, "-") == 0;
  const char *name = is_stdin ? "standard input" : file;
  int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "cannot open %s: %s", name,
                          strerror(errno));
  }
  size_t len_bytes = 0;
  int status = FRANK_EXIT_OK;
  enum frank_err err = frank_message_read(fd, FRANK_MESSAGE_MAX_BYTES, text, &len_bytes);
  int read_errno = errno;
  if (!is_stdin) {
    close(fd);
  }
  const char *why = "";
  if (err == FRANK_ERR_TOO_LONG) {
    status = frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "%s: the message is over %u MiB",
                            name, FRANK_MESSAGE_MAX_BYTES >> 20);
  } else if (err == FRANK_ERR_IO) {
    status = frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "cannot read %s: %s", name,
                            strerror(read_errno));
  } else if (err != FRANK_OK) {
    status =
        frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "%s: %s", name, frank_err_text(err));
  } else if (len_bytes == 0) {
    status =
        frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "%s: no message, it is empty", name);
  } else if (frank_message_open(*text, len_bytes, &verify->message, &why) != FRANK_OK) {
    status = frank_cmd_fail(line, FRANK_EXIT_USAGE, "bad-request", "%s: %s", name, why);
  } else {
    frank_message_collect(&verify->message, &verify->proofs);
  }
  return status;
}

static int exit_of(enum frank_verdict verdict)
{
  static const int exits[FRANK_VERDICT_COUNT] = {
      [FRANK_VERDICT_PASS] = FRANK_EXIT_OK,          [FRANK_VERDICT_POLICY] = FRANK_EXIT_NOT,
      [FRANK_VERDICT_TEMPERROR] = FRANK_EXIT_CANNOT, [FRANK_VERDICT_FAIL] = FRANK_EXIT_NOT,
      [FRANK_VERDICT_NEUTRAL] = FRANK_EXIT_NOT,      [FRANK_VERDICT_PERMERROR] = FRANK_EXIT_USAGE,
      [FRANK_VERDICT_NONE] = FRANK_EXIT_NOT,
  };
  return exits[verdict];
}

/* The first 8 characters of the b that the stamp is bound to (RFC 6008 section 3). */
static void b_prefix(const struct verify *verify, const struct frank_judgement *judgement,
                     char out[9])
{
  out[0] = '\0';
  if (judgement->signature_index >= 0) {
    snprintf(out, 9, "%.8s", verify->proofs.signatures[judgement->signature_index].b);
  }
}

static void print_text(const struct verify *verify, const struct outcome *outcome)
{
  const struct frank_judgement *judgement = &outcome->judgement;
  bool passed = outcome->verdict == FRANK_VERDICT_PASS;
  char prefix[9];
  char when[FRANK_TERM_WHEN_BYTES];
  b_prefix(verify, judgement, prefix);
  frank_term_print(passed                                     ? FRANK_COLOUR_GREEN
                   : outcome->verdict == FRANK_VERDICT_POLICY ? FRANK_COLOUR_YELLOW
                                                              : FRANK_COLOUR_RED,
                   0, frank_verdict_name(outcome->verdict));
  if (judgement->signature_index < 0) {
    printf(" (%s)", outcome->why);
  } else if (verify->factor == 0) {
    printf(" (%.2f bits; %s) header.b=%s", judgement->bits, outcome->why, prefix);
  } else {
    printf(" (%.2f bits, factor %llu%s%s) header.b=%s policy.factor=%llu policy.source=%s",
           judgement->bits, (unsigned long long)verify->factor, passed ? "" : "; ",
           passed ? "" : outcome->why, prefix, (unsigned long long)verify->factor, verify->source);
  }
  puts(verify->has_document && verify->document.testing != 0 ? " policy.mode=testing" : "");
  if (verify->has_dkim) {
    frank_verify_dkim_print(&verify->dkim);
  }
  if (verify->is_previous) {
    frank_cmd_note(verify->line,
                   "the factor is %llu now; the one before it still counts, which ends %s",
                   (unsigned long long)verify->document.factor,
                   frank_term_when(verify->document.previous_until_s, frank_clock_unix_s(), when));
  }
}

static void add_document(const struct verify *verify, json_t *record)
{
  const struct frank_factor_document *document = &verify->document;
  if (document->testing != 0) {
    json_object_set_new(record, "mode", json_string("testing"));
  }
  json_object_set_new(record, "expires", json_integer((json_int_t)document->expires_s));
  if (verify->is_previous) {
    json_object_set_new(record, "previous", json_true());
    json_object_set_new(record, "until", json_integer((json_int_t)document->previous_until_s));
  }
}

static void add_dkim(const struct verify *verify, const struct outcome *outcome, json_t *record)
{
  json_object_set_new(record, "rule",
                      outcome->rule == FRANK_RULE_COUNT
                          ? json_null()
                          : json_string(frank_rule_name(outcome->rule)));
  json_object_set_new(record, "dkim", frank_verify_dkim_json(&verify->dkim));
}

static void print_json(const struct verify *verify, const struct outcome *outcome)
{
  const struct frank_judgement *judgement = &outcome->judgement;
  char prefix[9];
  bool known = verify->factor != 0;
  b_prefix(verify, judgement, prefix);
  json_t *record = json_pack(
      "{s:s, s:s, s:o, s:o, s:s, s:i, s:i}", "result", frank_verdict_name(outcome->verdict),
      "reason", outcome->why, "factor",
      known ? json_integer((json_int_t)verify->factor) : json_null(), "source",
      known ? json_string(verify->source) : json_null(), "checked",
      verify->has_dkim ? "hash, factor, DKIM, mail rules without an envelope" : "hash and factor",
      "signatures", (int)verify->proofs.signature_fields, "keys", (int)verify->proofs.key_fields);
  if (record != NULL && verify->has_dkim) {
    add_dkim(verify, outcome, record);
  }
  if (record != NULL && verify->has_document) {
    add_document(verify, record);
  }
  if (record != NULL && judgement->signature_index >= 0) {
    char h[65];
    frank_hash_format(&judgement->key.h, h);
    json_object_set_new(record, "bits", json_real(floor(judgement->bits * 1e4 + 0.5) / 1e4));
    json_object_set_new(record, "header_b", json_string(prefix));
    json_object_set_new(record, "a", json_string(frank_alg_name(judgement->key.alg)));
    json_object_set_new(record, "n", json_string(judgement->key.n));
    json_object_set_new(record, "h", json_string(h));
  }
  frank_cmd_emit(verify->line, record, true);
}

/* ---- the factor ---- */

/* Asks --factor-url. Without a good document the factor stays 0, and the reason is told. */
static enum frank_err learn_factor(struct verify *verify)
{
  struct frank_resolver_source source = {0};
  char why[FRANK_PUBLISHED_WHY_BYTES];
  enum frank_err err =
      frank_published_ask(&verify->published, FRANK_PUBLISHED_LIMIT_MS, 0, NULL, 0, &source, NULL);
  if (err == FRANK_ERR_AGAIN) {
    return err;
  }
  verify->has_document = frank_published_is_good(&source, frank_clock_unix_s(), why);
  verify->document = source.document;
  verify->dns_only = source.dns_only;
  if (why[0] != '\0') {
    frank_cmd_note(verify->line, "%s%s: %s", verify->has_document ? "" : "no factor from ",
                   verify->published.name, why);
  }
  return FRANK_OK;
}

/* By the document's own factor where the stamp meets that, else by the one before it, while that
 * counts. */
static void judge_by_document(struct verify *verify, struct frank_judgement *judgement)
{
  struct frank_resolver_source named = {.dns_only = verify->dns_only, .document = verify->document};
  verify->factor =
      frank_factor_document_asks(&verify->document, frank_clock_unix_s(), &verify->is_previous);
  frank_proofs_judge(&verify->proofs, verify->document.factor, judgement);
  if (judgement->verdict == FRANK_VERDICT_PASS) {
    verify->factor = verify->document.factor;
    verify->is_previous = false;
  } else if (verify->is_previous) {
    frank_proofs_judge(&verify->proofs, verify->factor, judgement);
    named.document.epoch = named.document.previous_epoch;
  }
  frank_resolver_source_name(&named, verify->source);
}

/* The factor as the mail rules take it. */
static void name_factor(const struct verify *verify, struct frank_judge_factor *factor)
{
  const struct frank_factor_document *document = &verify->document;
  struct frank_resolver_source named = {.dns_only = verify->dns_only, .document = *document};
  *factor = (struct frank_judge_factor){.factor = verify->factor};
  memcpy(factor->source, verify->source, sizeof factor->source);
  if (!verify->has_document) {
    return;
  }
  factor->factor = document->factor;
  factor->testing = document->testing != 0;
  frank_resolver_source_name(&named, factor->source);
  if (document->has_previous != 0) {
    factor->previous = document->previous_factor;
    factor->previous_until_s = document->previous_until_s;
    named.document.epoch = document->previous_epoch;
    frank_resolver_source_name(&named, factor->previous_source);
  }
}

/* --dkim. */
static int judge_by_rules(struct verify *verify, struct outcome *outcome)
{
  const struct frank_judge *judge = &verify->dkim.judge;
  struct frank_judge_factor factor;
  name_factor(verify, &factor);
  const struct frank_verify_dkim_asked asked = {
      .message = &verify->message,
      .factor = &factor,
      .key_file = frank_cmd_value(verify->line, FRANK_OPT_DKIM_KEYS),
      .dns_servers = verify->published.servers,
      .dns_server_count = verify->published.server_count,
      .now_s = frank_clock_unix_s(),
  };
  int status = frank_verify_dkim(verify->line, &asked, &verify->dkim);
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  outcome->verdict = judge->verdict;
  outcome->why = judge->why;
  if (judge->proofs.key_count > 0) {
    outcome->judgement = judge->candidates[judge->best].judgement;
    outcome->rule = judge->candidates[judge->best].rule;
    verify->is_previous = judge->candidates[judge->best].by_previous;
  }
  verify->factor = judge->factor;
  memcpy(verify->source, judge->source, sizeof verify->source);
  return FRANK_EXIT_OK;
}

static void judge_by_hash(struct verify *verify, struct outcome *outcome)
{
  if (verify->has_document) {
    judge_by_document(verify, &outcome->judgement);
  } else {
    frank_proofs_judge(&verify->proofs, verify->factor, &outcome->judgement);
  }
  outcome->verdict = outcome->judgement.verdict;
  outcome->why = outcome->judgement.why;
}

static int judge_and_print(struct verify *verify)
{
  struct outcome outcome = {.rule = FRANK_RULE_COUNT,
                            .judgement = {.key_index = -1, .signature_index = -1}};
  int status = FRANK_EXIT_OK;
  if (verify->has_dkim) {
    status = judge_by_rules(verify, &outcome);
  } else {
    judge_by_hash(verify, &outcome);
  }
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  if (verify->line->json) {
    print_json(verify, &outcome);
  } else {
    print_text(verify, &outcome);
    frank_cmd_note(verify->line, "%s", verify->has_dkim ? SCOPE_TEXT_DKIM : SCOPE_TEXT);
  }
  return frank_cmd_finish(verify->line, exit_of(outcome.verdict), FRANK_EXIT_CANNOT);
}

/* What the options say of the factor. */
static enum frank_err read_factor(struct verify *verify)
{
  struct frank_cmd_line *line = verify->line;
  const char *url = frank_cmd_value(line, FRANK_OPT_FACTOR_URL);
  enum frank_err err = frank_cmd_factor_option(line, &verify->factor);
  if (err == FRANK_OK) {
    err = frank_published_options(line, "--factor-url", url, &verify->published);
  }
  snprintf(verify->source, sizeof verify->source, "request");
  if (verify->factor == 0 && url == NULL) {
    verify->factor = FRANK_FLOOR_DEFAULT;
    snprintf(verify->source, sizeof verify->source, "floor");
  }
  return err;
}

/* Options that do not go together are told. */
static int check_options(struct frank_cmd_line *line)
{
  bool has_pair = frank_cmd_has(line, FRANK_OPT_B) || frank_cmd_has(line, FRANK_OPT_HEADER);
  if (has_pair && line->operand_count > 0) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "a message (%s) and --b with --header exclude each other",
                          line->operands[0]);
  }
  if (has_pair && frank_cmd_has(line, FRANK_OPT_DKIM)) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "--dkim needs a message; --b with --header is none");
  }
  if (frank_cmd_has(line, FRANK_OPT_DKIM_KEYS) && !frank_cmd_has(line, FRANK_OPT_DKIM)) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--dkim-keys goes with --dkim");
  }
  return FRANK_EXIT_OK;
}

int frank_cmd_verify(struct frank_cmd_line *line)
{
  char *text = NULL;
  int signal_number = 0;
  bool has_pair = frank_cmd_has(line, FRANK_OPT_B) || frank_cmd_has(line, FRANK_OPT_HEADER);
  int status = check_options(line);
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  struct verify *verify = calloc(1, sizeof *verify);
  if (verify == NULL) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  verify->line = line;
  verify->has_dkim = frank_cmd_has(line, FRANK_OPT_DKIM);
  status = FRANK_EXIT_USAGE;
  if (read_factor(verify) != FRANK_OK) {
    goto cleanup;
  }
  status = has_pair ? take_options(verify) : take_message(verify, &text);
  if (status == FRANK_EXIT_OK && verify->published.has_source &&
      learn_factor(verify) == FRANK_ERR_AGAIN) {
    signal_number = frank_signals_caught();
    status = frank_cmd_fail(line, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
  }
  if (status == FRANK_EXIT_OK) {
    status = judge_and_print(verify);
  }

cleanup:
  free(text);
  free(verify);
  if (signal_number != 0) {
    frank_signals_end(signal_number);
  }
  return status;
}
