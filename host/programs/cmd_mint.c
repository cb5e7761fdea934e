/*
 * frank mint: from a signature or a signed message to a header, here or by a frankd.
 */
#include "base/clock.h"
#include "door/client.h"
#include "mint/mint.h"
#include "programs/cmd.h"
#include "programs/mint_task.h"
#include "programs/remote.h"
#include "programs/signals.h"
#include "programs/term.h"
#include "proof/target.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECIPIENTS_MAX      1000
#define RECIPIENT_MAX_BYTES 320 /* 64 @ 255, RFC 5321 section 4.5.3.1 */
#define DOMAIN_MAX_BYTES    255
#define LABEL_MAX_BYTES     63

void frank_mint_task_fail(struct frank_mint_task *task, int status, const char *code,
                          const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(task->outcome.message, sizeof task->outcome.message, format, args);
  va_end(args);
  frank_cmd_printable(task->outcome.message);
  snprintf(task->outcome.code, sizeof task->outcome.code, "%s", code);
  task->outcome.status = status;
}

/* ---- options ---- */

static int usage_error(struct frank_mint_task *task, const char *text)
{
  return frank_cmd_fail(task->line, FRANK_EXIT_USAGE, "usage", "%s", text);
}

/* Options that exclude each other, pair by pair or in groups. */
static bool has_clash(struct frank_cmd_line *line)
{
  static const enum frank_opt groups[][4] = {
      {FRANK_OPT_B, FRANK_OPT_EML},
      {FRANK_OPT_B, FRANK_OPT_FILTER},
      {FRANK_OPT_B, FRANK_OPT_DOMAIN},
      {FRANK_OPT_JSON, FRANK_OPT_FILTER},
      {FRANK_OPT_DRY_RUN, FRANK_OPT_FILTER},
      {FRANK_OPT_CONNECT, FRANK_OPT_DEVICE},
      {FRANK_OPT_CONNECT, FRANK_OPT_ISA},
      {FRANK_OPT_CONNECT, FRANK_OPT_FPGA_UNROLL},
      {FRANK_OPT_CONNECT, FRANK_OPT_FACTOR_URL},
      {FRANK_OPT_CONNECT, FRANK_OPT_DNS_SERVER},
      {FRANK_OPT_CONNECT, FRANK_OPT_DNS_ANCHOR},
      {FRANK_OPT_CONNECT, FRANK_OPT_CA_FILE},
  };
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    if (frank_cmd_clash(line, groups[i], 2)) {
      return true;
    }
  }
  return false;
}

/* Where b comes from: exactly one of --b, --eml and "-"; a filter reads standard input by itself.
 */
static int read_source(struct frank_mint_task *task)
{
  const struct frank_cmd_line *line = task->line;
  const char *operand = line->operand_count > 0 ? line->operands[0] : NULL;
  task->file = frank_cmd_value(line, FRANK_OPT_EML);
  if (operand != NULL && strcmp(operand, "-") != 0) {
    return frank_cmd_fail(task->line, FRANK_EXIT_USAGE, "usage",
                          "unexpected argument %s; a message is given as --eml %s", operand,
                          operand);
  }
  if (operand != NULL && (task->file != NULL || frank_cmd_has(line, FRANK_OPT_B))) {
    return usage_error(task, "- (standard input) excludes --b and --eml");
  }
  if (operand != NULL || (task->file == NULL && task->filter)) {
    task->file = "-";
  }
  if (task->file == NULL && !frank_cmd_has(line, FRANK_OPT_B)) {
    return usage_error(task, "what is to be stamped? --b B64, --eml FILE or - (standard input)");
  }
  return FRANK_EXIT_OK;
}

/* A domain, or an address literal in brackets (RFC 5321 section 4.1.3), as frankd takes them. */
static bool is_domain(const char *text)
{
  size_t len = strlen(text);
  if (text[0] == '[') {
    return len > 2 && text[len - 1] == ']' &&
           strspn(text + 1, "0123456789abcdefABCDEF.:IPvipV") == len - 2;
  }
  bool plausible = len > 0 && len <= DOMAIN_MAX_BYTES;
  size_t label = 0;
  for (size_t i = 0; i < len && plausible; i++) {
    unsigned char c = (unsigned char)text[i];
    label = c == '.' ? 0 : label + 1;
    plausible = c == '.' ? i > 0 && text[i - 1] != '.'
                         : label <= LABEL_MAX_BYTES &&
                               (isalnum(c) != 0 || c == '-' || c == '_' || c >= 0x80);
  }
  return plausible && label > 0;
}

/* A domain or an address. What stands before the last @ may be quoted and is nobody's business
 * here; the text goes to frankd in JSON, so it must be UTF-8. */
static bool is_recipient(const char *text)
{
  const char *at = strrchr(text, '@');
  json_t *json = json_string(text);
  bool is_text = json != NULL && strlen(text) <= RECIPIENT_MAX_BYTES && at != text;
  json_decref(json);
  for (const char *c = text; *c != '\0' && is_text; c++) {
    is_text = iscntrl((unsigned char)*c) == 0;
  }
  return is_text && is_domain(at != NULL ? at + 1 : text);
}

/* Gathers what --to names. It is often filled from a message's envelope: a filter goes on without
 * what it cannot use, for the sender of the message would suffer for it. */
static int read_recipients(struct frank_mint_task *task)
{
  const char *unusable = NULL;
  size_t count = 0;
  if (frank_cmd_values(task->line, FRANK_OPT_TO, &task->recipients, &count) != FRANK_OK) {
    return frank_cmd_fail(task->line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  for (size_t i = 0; i < count; i++) {
    const char *text = task->recipients[i];
    if (is_recipient(text) && task->recipient_count < RECIPIENTS_MAX) {
      task->recipients[task->recipient_count++] = text;
    } else if (unusable == NULL) {
      unusable = text;
    }
  }
  if (unusable != NULL && !task->filter) {
    return frank_cmd_fail(task->line, FRANK_EXIT_USAGE, "usage",
                          "--to %.40s: one domain or address, %d in all at most", unusable,
                          RECIPIENTS_MAX);
  }
  if (unusable != NULL) {
    frank_cmd_note(task->line, "--to %.40s: one domain or address, %d in all at most; %zu left out",
                   unusable, RECIPIENTS_MAX, count - task->recipient_count);
  }
  return FRANK_EXIT_OK;
}

static int read_options(struct frank_mint_task *task)
{
  struct frank_cmd_line *line = task->line;
  task->filter = frank_cmd_has(line, FRANK_OPT_FILTER);
  task->tempfail = frank_cmd_has(line, FRANK_OPT_TEMPFAIL);
  task->is_remote = frank_cmd_has(line, FRANK_OPT_CONNECT);
  if (has_clash(line)) {
    return FRANK_EXIT_USAGE;
  }
  if (task->tempfail && !task->filter) {
    return usage_error(task, "--tempfail goes with --filter");
  }
  if (frank_cmd_has(line, FRANK_OPT_KEYS) && !task->is_remote) {
    return usage_error(task, "--keys goes with --connect");
  }
  int status = read_source(task);
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  if (frank_cmd_factor_option(line, &task->factor) != FRANK_OK ||
      frank_cmd_unroll_option(line, &task->fpga_unroll) != FRANK_OK) {
    return FRANK_EXIT_USAGE;
  }
  if (frank_published_options(line, "--factor-url", frank_cmd_value(line, FRANK_OPT_FACTOR_URL),
                              &task->published) != FRANK_OK) {
    return FRANK_EXIT_USAGE;
  }
  const char *text = frank_cmd_value(line, FRANK_OPT_A);
  task->has_alg = text != NULL;
  if (text != NULL && frank_alg_parse(text, strlen(text), &task->alg) != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "unsupported",
                          "--a %s: stamps are for rsa-sha256 and ed25519-sha256", text);
  }
  text = frank_cmd_value(line, FRANK_OPT_DEADLINE);
  task->deadline_ms = FRANK_DEADLINE_DEFAULT_MS;
  if (text != NULL &&
      frank_cmd_duration_parse(text, FRANK_DEADLINE_MAX_MS, &task->deadline_ms) != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "--deadline %s: a time from 1ms to 1h, such as 500ms, 30s, 2m", text);
  }
  return frank_cmd_check_devices(line) ? read_recipients(task) : FRANK_EXIT_USAGE;
}

/* ---- output ---- */

static bool write_bytes(const char *bytes, size_t len)
{
  return len == 0 || fwrite(bytes, 1, len, stdout) == len;
}

/* Passes the message on as it came: what was read, then what is still in the descriptor. False when
 * reading or writing failed half-way. */
static bool pass_on(struct frank_mint_task *task)
{
  bool written = write_bytes(task->text, task->len_bytes);
  char buffer[16384];
  while (written && !task->is_whole) {
    ssize_t got = read(task->fd, buffer, sizeof buffer);
    if (got == 0) {
      break;
    }
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      frank_cmd_note(task->line, "reading the message: %s", strerror(errno));
      return false;
    }
    written = write_bytes(buffer, (size_t)got);
  }
  return written;
}

/* The message with the header in front: after an mbox "From " line, with its own line end. */
static void write_stamped(const struct frank_mint_task *task)
{
  const struct frank_message *message = &task->message;
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  frank_msmr_format(&task->outcome.key, message->line_end, header);
  (void)(write_bytes(message->text, message->header_at) && write_bytes(header, strlen(header)) &&
         write_bytes(message->line_end, strlen(message->line_end)) &&
         write_bytes(message->text + message->header_at, message->len_bytes - message->header_at));
  /* A failed write shows in ferror(stdout), which frank_cmd_finish looks at. */
}

static void describe_shortfall(const struct frank_mint_task *task, char *text, size_t size)
{
  char attempts[FRANK_TERM_NUMBER_BYTES];
  snprintf(text, size, "%s: the best of %s attempts shows %.2f bits, factor %llu wants %.2f",
           task->outcome.signal_number != 0 ? "interrupted" : "not met",
           frank_term_count((double)task->outcome.attempts, attempts), task->outcome.bits,
           (unsigned long long)task->factor, log2((double)task->factor));
}

static int finish_filter(struct frank_mint_task *task)
{
  const struct frank_mint_outcome *outcome = &task->outcome;
  char why[FRANK_MINT_MESSAGE_BYTES];
  if (outcome->has_key && outcome->met && !outcome->already) {
    write_stamped(task);
    return frank_cmd_finish(task->line, FRANK_EXIT_OK, FRANK_EXIT_TEMPFAIL);
  }
  if (outcome->already) {
    frank_cmd_note(task->line, "already stamped for factor %llu: the message is left as it is",
                   (unsigned long long)task->factor);
  } else {
    if (outcome->has_key) {
      describe_shortfall(task, why, sizeof why);
    } else {
      snprintf(why, sizeof why, "%s", outcome->message);
    }
    /* A message that is not here whole, or a program that was told to end, can only say "later":
     * pipe(8) of Postfix bounces on other statuses. */
    if (task->tempfail || task->is_lost || outcome->signal_number != 0) {
      frank_cmd_note(task->line, "no stamp, nothing written: %s", why);
      return FRANK_EXIT_TEMPFAIL;
    }
    frank_cmd_note(task->line, "no stamp, the message is passed on unchanged: %s", why);
  }
  bool passed = pass_on(task);
  return frank_cmd_finish(task->line, passed ? FRANK_EXIT_OK : FRANK_EXIT_TEMPFAIL,
                          FRANK_EXIT_TEMPFAIL);
}

static json_t *result_record(const struct frank_mint_task *task)
{
  const struct frank_mint_outcome *outcome = &task->outcome;
  char header[FRANK_MSMR_HEADER_MAX_BYTES];
  char h[65];
  frank_msmr_format(&outcome->key, "\r\n", header);
  frank_hash_format(&outcome->key.h, h);
  json_t *record =
      json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:f, s:I, s:I, s:s}", "header", header, "n",
                outcome->key.n, "h", h, "a", frank_alg_name(outcome->key.alg), "factor",
                (json_int_t)task->factor, "source", task->source, "met", outcome->met, "bits",
                floor(outcome->bits * 1e4 + 0.5) / 1e4, "attempts", (json_int_t)outcome->attempts,
                "elapsed_ms", (json_int_t)outcome->elapsed_ms, "device", outcome->device);
  if (record != NULL && outcome->already) {
    json_object_set_new(record, "already", json_true());
  }
  if (record != NULL && outcome->signal_number != 0) {
    json_object_set_new(record, "interrupted", json_true());
  }
  return record;
}

static int finish_failure(struct frank_mint_task *task)
{
  const struct frank_mint_outcome *outcome = &task->outcome;
  char eta[FRANK_TERM_NUMBER_BYTES];
  if (outcome->eta_ms > 0) {
    frank_cmd_note(task->line, "%s; it would take about %s", outcome->message,
                   frank_term_seconds((double)outcome->eta_ms / 1e3, eta));
  } else {
    frank_cmd_note(task->line, "%s", outcome->message);
  }
  if (task->line->json) {
    json_t *record = json_pack("{s:s, s:s}", "error", outcome->code, "message", outcome->message);
    if (record != NULL && outcome->retry_after_ms > 0) {
      json_object_set_new(record, "retry_after_ms",
                          json_integer((json_int_t)outcome->retry_after_ms));
    }
    if (record != NULL && outcome->eta_ms > 0) {
      json_object_set_new(record, "eta_ms", json_integer((json_int_t)outcome->eta_ms));
    }
    frank_cmd_emit(task->line, record, true);
  }
  return frank_cmd_finish(task->line, outcome->status, FRANK_EXIT_CANNOT);
}

static int finish_result(struct frank_mint_task *task)
{
  const struct frank_mint_outcome *outcome = &task->outcome;
  if (!outcome->has_key) {
    return finish_failure(task);
  }
  if (outcome->already) {
    frank_cmd_note(task->line, "the message is already stamped for factor %llu",
                   (unsigned long long)task->factor);
  } else if (!outcome->met) {
    char why[FRANK_MINT_MESSAGE_BYTES];
    describe_shortfall(task, why, sizeof why);
    frank_cmd_note(task->line, "%s", why);
  }
  if (task->line->json) {
    frank_cmd_emit(task->line, result_record(task), true);
  } else {
    char header[FRANK_MSMR_HEADER_MAX_BYTES];
    frank_msmr_format(&outcome->key, "\n", header);
    puts(header);
  }
  return frank_cmd_finish(task->line, outcome->met ? FRANK_EXIT_OK : FRANK_EXIT_NOT,
                          FRANK_EXIT_CANNOT);
}

/* ---- the sequence ---- */

static void connect_if_wanted(struct frank_mint_task *task, struct frank_client **client)
{
  struct frank_remote_error error;
  if (task->is_remote && frank_remote_open(task->line, client, &error) != FRANK_OK) {
    frank_mint_task_fail(task, error.status, error.code, "%s", error.message);
  }
}

static void run(struct frank_mint_task *task, struct frank_client *client)
{
  if (task->factor == 0 && !task->is_remote) {
    frank_mint_local_factor(task);
  }
  if (frank_mint_task_failed(task)) {
    return;
  }
  /* frankd knows its factor itself; we need it only where we decide or plan by it. */
  bool dry_run = frank_cmd_has(task->line, FRANK_OPT_DRY_RUN);
  struct frank_judgement judgement;
  bool has_stamp = task->file != NULL &&
                   frank_message_has_stamp(&task->message, &task->signature, 1, &judgement);
  uint64_t given_factor = task->factor;
  if (task->factor == 0 && (dry_run || has_stamp)) {
    frank_mint_remote_factor(task, client);
  }
  if (!frank_mint_task_failed(task)) {
    frank_mint_find_stamp(task);
  }
  if (frank_mint_task_failed(task) || (task->outcome.already && !dry_run)) {
    return;
  }
  if (dry_run) {
    frank_mint_plan(task, client);
  } else if (task->is_remote) {
    task->factor = given_factor;
    frank_mint_remote(task, client);
  } else {
    frank_mint_local(task);
  }
  task->outcome.elapsed_ms = (frank_clock_now_us() - task->started_us) / FRANK_US_PER_MS;
}

static int finish(struct frank_mint_task *task)
{
  if (frank_cmd_has(task->line, FRANK_OPT_DRY_RUN) && !frank_mint_task_failed(task)) {
    return frank_cmd_finish(task->line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
  }
  if (task->filter) {
    return finish_filter(task);
  }
  int status = finish_result(task);
  if (task->outcome.signal_number != 0) {
    frank_signals_end(task->outcome.signal_number);
  }
  return status;
}

int frank_cmd_mint(struct frank_cmd_line *line)
{
  struct frank_mint_task *task = calloc(1, sizeof *task);
  struct frank_client *client = NULL;
  if (task == NULL) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  task->line = line;
  task->fd = -1;
  task->started_us = frank_clock_now_us();
  int status = read_options(task);
  if (status == FRANK_EXIT_OK) {
    if (task->factor != 0) {
      snprintf(task->source, sizeof task->source, "request");
    }
    /* The message first: a filter passes it on whatever fails after that. */
    frank_mint_input(task);
    if (!frank_mint_task_failed(task)) {
      connect_if_wanted(task, &client);
    }
    if (!frank_mint_task_failed(task)) {
      run(task, client);
    }
    status = finish(task);
  }
  frank_client_destroy(&client);
  if (task->fd > STDERR_FILENO) {
    close(task->fd);
  }
  free(task->recipients);
  free(task->text);
  free(task);
  return status;
}
