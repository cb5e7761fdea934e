/*
 * frank factor: which scaling factor would be used, where it comes from, and why. A running frankd
 * says what it uses; a URL, and a domain where no frankd is there, are asked for from here.
 */
#include "base/clock.h"
#include "mint/mint.h"
#include "programs/cmd.h"
#include "programs/factor_estimate.h"
#include "programs/factor_report.h"
#include "programs/published.h"
#include "programs/remote.h"
#include "programs/search.h"
#include "programs/signals.h"
#include "programs/term.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT_MS    3000
#define LOOKUP_LIMIT_MS   5000 /* somebody wants to know: longer than a mint would wait */
#define MEASURE_LIMIT_US  (2 * FRANK_US_PER_S)
#define RATE_FRANKD       "at frankd's present rate"
#define RATE_FRANKD_NONE  ": no device works"
#define RATE_UNKNOWN_TEXT ": 'frank devices' measures what is here"

struct factor {
  struct frank_cmd_line *line;
  const char *operand; /* NULL: none */
  bool is_url;
  bool explain;
  bool purge;
  char domain[FRANK_TXT_DOMAIN_BYTES]; /* of an operand that is none; "" it is no name of DNS */
  struct frank_published published;
};

/* ---- asked from here ---- */

/* Attempts a second of the CPU cores, for a plan of two blocks, if that is known soon; else 0. */
static double measure_rate_hps(void)
{
  static const char *const devices[] = {"cpu"};
  const struct frank_search_config config = {.devices = devices, .device_count = 1};
  struct frank_search *search = NULL;
  struct frank_status *status = calloc(1, sizeof *status);
  char why[FRANK_SEARCH_WHY_BYTES];
  double rate_hps = 0;
  if (status != NULL && frank_search_new(&config, &search, why) == FRANK_OK &&
      frank_search_wait(search, true, frank_clock_now_us() + MEASURE_LIMIT_US, why) == FRANK_OK) {
    frank_search_status(search, status);
    for (uint32_t i = 0; i < status->device_count; i++) {
      rate_hps += status->devices[i].state == FRANK_CHILD_READY ? status->devices[i].rate_hps : 0;
    }
  }
  frank_search_destroy(&search);
  free(status);
  return rate_hps;
}

/* Ends the report with what the factor costs here, and prints it. NULL: no memory. */
static int print_own(struct factor *f, json_t *report, uint64_t factor)
{
  char text[FRANK_TERM_NUMBER_BYTES + 64] = RATE_UNKNOWN_TEXT;
  char rate[FRANK_TERM_NUMBER_BYTES];
  double rate_hps = measure_rate_hps();
  if (rate_hps > 0) {
    snprintf(text, sizeof text, "on the CPU here, at %s attempts/s",
             frank_term_count(rate_hps, rate));
  }
  if (report != NULL) {
    json_object_set_new(report, "eta_ms",
                        rate_hps > 0 ? json_integer((json_int_t)((double)factor * 1e3 / rate_hps))
                                     : json_null());
  }
  if (f->line->json) {
    frank_cmd_emit(f->line, report, true);
  } else if (report != NULL) {
    frank_factor_report_print(report, text, f->explain, frank_clock_unix_s());
    json_decref(report);
  } else {
    return frank_cmd_fail(f->line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  return frank_cmd_finish(f->line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}

static int interrupted(struct factor *f)
{
  int status = frank_cmd_fail(f->line, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
  frank_signals_end(frank_signals_caught());
  return status;
}

/* Nothing good: what is known of the source is told all the same. */
static int fail_url(struct factor *f, json_t *one, const char *why)
{
  json_t *report = one != NULL ? json_pack("{s:[O]}", "sources", one) : NULL;
  frank_cmd_note(f->line, "no factor from %s: %s", f->published.name, why);
  if (f->line->json) {
    if (report != NULL) {
      json_object_set_new(report, "error", json_string("no-factor"));
      json_object_set_new(report, "message", json_string(why));
    }
    frank_cmd_emit(f->line, report, true);
  } else if (f->explain && report != NULL) {
    frank_factor_report_print(report, "", true, frank_clock_unix_s());
    json_decref(report);
  } else {
    json_decref(report);
  }
  return frank_cmd_finish(f->line, FRANK_EXIT_CANNOT, FRANK_EXIT_CANNOT);
}

/* Forgets what is kept of the URL; told. */
static int purge_url(struct factor *f)
{
  bool forgotten = false;
  if (frank_published_forget(&f->published, &forgotten) != FRANK_OK) {
    return frank_cmd_fail(f->line, FRANK_EXIT_CANNOT, "internal",
                          "the last good document of %s in %s cannot be forgotten: %s",
                          f->published.name, f->published.state_dir, strerror(errno));
  }
  frank_cmd_note(f->line, "%s %s",
                 forgotten ? "forgotten: the last good document of" : "nothing was kept of",
                 f->published.name);
  return FRANK_EXIT_OK;
}

static int ask_url(struct factor *f)
{
  struct frank_resolver_source source = {0};
  const struct frank_factor_document *document = &source.document;
  char why[FRANK_PUBLISHED_WHY_BYTES];
  char name[FRANK_FACTOR_SOURCE_BYTES];
  int status = f->purge ? purge_url(f) : FRANK_EXIT_OK;
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  if (frank_published_ask(&f->published, FRANK_PUBLISHED_LIMIT_MS, 0, NULL, 0, &source, NULL) ==
      FRANK_ERR_AGAIN) {
    return interrupted(f);
  }
  bool good = frank_published_is_good(&source, frank_clock_unix_s(), why);
  json_t *one = frank_factor_report_source(&f->published, &source, good, why);
  if (!good) {
    status = fail_url(f, one, why);
    json_decref(one);
    return status;
  }
  if (why[0] != '\0') {
    frank_cmd_note(f->line, "%s: %s", f->published.name, why);
  }
  if (f->explain && f->published.state_why[0] != '\0') {
    frank_cmd_note(f->line, "nothing is kept for when %s is down: %s", f->published.name,
                   f->published.state_why);
  }
  frank_resolver_source_name(&source, name);
  json_t *report = one != NULL
                       ? json_pack("{s:I, s:s, s:I, s:[o], s:s}", "factor",
                                   (json_int_t)document->factor, "source", name, "expires",
                                   (json_int_t)document->expires_s, "sources", one, "asked", "here")
                       : NULL;
  return print_own(f, report, document->factor);
}

/* What a mint without a frankd would come to for this domain. */
static int ask_domain(struct factor *f)
{
  const char *const names[] = {f->domain};
  struct frank_resolver_domain domain = {0};
  char source[sizeof "dns:" + FRANK_TXT_DOMAIN_BYTES] = "floor";
  char why[FRANK_FACTOR_WHY_BYTES] = "";
  uint64_t factor = FRANK_FLOOR_DEFAULT;
  if (frank_published_ask(&f->published, LOOKUP_LIMIT_MS, LOOKUP_LIMIT_MS, names, 1, NULL,
                          &domain) == FRANK_ERR_AGAIN) {
    return interrupted(f);
  }
  if (domain.answer == FRANK_RESOLVER_FOUND && domain.factor <= FRANK_MAX_FACTOR_DEFAULT) {
    factor = domain.factor;
    snprintf(source, sizeof source, "dns:%s", f->domain);
  } else if (domain.answer == FRANK_RESOLVER_FOUND) {
    snprintf(why, sizeof why, "its own %llu is ignored, %llu at most",
             (unsigned long long)domain.factor, (unsigned long long)FRANK_MAX_FACTOR_DEFAULT);
  } else {
    snprintf(why, sizeof why, "%s", domain.why[0] != '\0' ? domain.why : "it publishes no factor");
  }
  if (domain.answer == FRANK_RESOLVER_FAILED) {
    frank_cmd_note(f->line, "the factor of %s cannot be learned (%s)", f->domain, why);
  }
  json_t *one = frank_factor_report_domain(&domain, factor, source, why);
  json_t *report = one != NULL ? json_pack("{s:I, s:s, s:n, s:[o], s:[], s:s}", "factor",
                                           (json_int_t)factor, "source", source, "expires",
                                           "domains", one, "sources", "asked", "here")
                               : NULL;
  return print_own(f, report, factor);
}

/* ---- asked of a frankd ---- */

static int ask_frankd(struct factor *f)
{
  struct frank_client *client = NULL;
  struct frank_remote_error error;
  json_t *reply = NULL;
  json_t *body = f->operand != NULL ? json_pack("{s:[s]}", "recipients", f->operand)
                                    : json_pack("{s:[]}", "recipients");
  if (f->purge && body != NULL) {
    json_object_set_new(body, "purge", json_true());
  }
  if (frank_remote_open(f->line, &client, &error) != FRANK_OK) {
    json_decref(body);
    return frank_cmd_fail(f->line, error.status, error.code, "%s", error.message);
  }
  int status = FRANK_EXIT_OK;
  if (frank_remote_ask(f->line, client, "factor", body, ASK_TIMEOUT_MS, &reply, &error) !=
      FRANK_OK) {
    status = frank_cmd_fail(f->line, error.status, error.code, "%s", error.message);
  } else if (f->line->json) {
    frank_cmd_emit(f->line, json_incref(reply), true);
  } else {
    bool has_rate = json_is_number(json_object_get(reply, "eta_ms"));
    frank_factor_report_print(reply, has_rate ? RATE_FRANKD : RATE_FRANKD_NONE, f->explain,
                              frank_clock_unix_s());
  }
  json_decref(reply);
  frank_client_destroy(&client);
  return frank_cmd_finish(f->line, status, FRANK_EXIT_CANNOT);
}

/* ---- the command ---- */

static int usage_error(struct factor *f, const char *text)
{
  return frank_cmd_fail(f->line, FRANK_EXIT_USAGE, "usage", "%s", text);
}

static bool has_resolver_option(const struct frank_cmd_line *line)
{
  return frank_cmd_has(line, FRANK_OPT_DNS_SERVER) || frank_cmd_has(line, FRANK_OPT_DNS_ANCHOR) ||
         frank_cmd_has(line, FRANK_OPT_CA_FILE);
}

/* A domain or an address, whose domain counts. One that DNS has no name for (an address in
 * brackets) frankd may still be asked about. */
static int read_domain(struct factor *f)
{
  const char *at = strrchr(f->operand, '@');
  const char *text = at != NULL ? at + 1 : f->operand;
  json_t *json = json_string(f->operand); /* checks that it is UTF-8 */
  bool is_text = json != NULL;
  json_decref(json);
  if (!is_text) {
    return frank_cmd_fail(f->line, FRANK_EXIT_USAGE, "usage", "%s: no domain, it is not UTF-8",
                          f->operand);
  }
  if (frank_txt_domain(text, strlen(text), f->domain) != FRANK_OK) {
    f->domain[0] = '\0';
  }
  return FRANK_EXIT_OK;
}

static int read_options(struct factor *f)
{
  struct frank_cmd_line *line = f->line;
  static const enum frank_opt exclusive[][2] = {{FRANK_OPT_CONNECT, FRANK_OPT_DNS_SERVER},
                                                {FRANK_OPT_CONNECT, FRANK_OPT_DNS_ANCHOR},
                                                {FRANK_OPT_CONNECT, FRANK_OPT_CA_FILE}};
  for (size_t i = 0; i < sizeof exclusive / sizeof exclusive[0]; i++) {
    if (frank_cmd_clash(line, exclusive[i], 2)) {
      return FRANK_EXIT_USAGE;
    }
  }
  f->operand = line->operand_count > 0 ? line->operands[0] : NULL;
  f->explain = frank_cmd_has(line, FRANK_OPT_EXPLAIN);
  f->purge = frank_cmd_has(line, FRANK_OPT_PURGE);
  f->is_url = f->operand != NULL &&
              (strstr(f->operand, "://") != NULL || strncmp(f->operand, "dns:", 4) == 0);
  if (f->is_url && frank_cmd_has(line, FRANK_OPT_CONNECT)) {
    return usage_error(f,
                       "a frankd has sources of its own: --connect goes with a DOMAIN, or alone");
  }
  if (f->operand == NULL && has_resolver_option(line)) {
    return usage_error(f, "--dns-server, --dns-anchor and --ca-file go with a DOMAIN or a URL");
  }
  if (frank_published_options(line, "", f->is_url ? f->operand : NULL, &f->published) != FRANK_OK) {
    return FRANK_EXIT_USAGE;
  }
  return f->operand != NULL && !f->is_url ? read_domain(f) : FRANK_EXIT_OK;
}

static int ask(struct factor *f)
{
  const char *why = "";
  if (f->is_url) {
    return ask_url(f);
  }
  bool here =
      f->operand != NULL && (has_resolver_option(f->line) || frank_remote_is_absent(f->line, &why));
  if (!here) {
    return ask_frankd(f);
  }
  if (f->domain[0] == '\0') {
    return frank_cmd_fail(f->line, FRANK_EXIT_USAGE, "usage", "%.200s: no domain that DNS can know",
                          f->operand);
  }
  if (why[0] != '\0') {
    frank_cmd_note(f->line, "no frankd at %s (%s): asked from here", FRANK_DEFAULT_ENDPOINT, why);
  }
  if (f->purge) {
    frank_cmd_note(f->line, "--purge: without a frankd nothing is kept of a domain");
  }
  return ask_domain(f);
}

/* --estimate is a question of its own, to this host's observations: what belongs to the others does
 * not go with it, nor the other way round. True where it does; told. */
static bool is_mixed_up(struct frank_cmd_line *line, bool is_estimate)
{
  static const enum frank_opt with[] = {FRANK_OPT_STATE, FRANK_OPT_FACTOR};
  static const enum frank_opt without[] = {
      FRANK_OPT_CONNECT,    FRANK_OPT_KEYS,       FRANK_OPT_EXPLAIN,    FRANK_OPT_PURGE,
      FRANK_OPT_FACTOR_KEY, FRANK_OPT_DNS_SERVER, FRANK_OPT_DNS_ANCHOR, FRANK_OPT_CA_FILE};
  char name[32];
  for (size_t i = 0; i < sizeof with / sizeof with[0] && !is_estimate; i++) {
    if (frank_cmd_has(line, with[i])) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "%s goes with --estimate",
                     frank_cmd_option_text(with[i], name));
      return true;
    }
  }
  for (size_t i = 0; i < sizeof without / sizeof without[0] && is_estimate; i++) {
    const enum frank_opt pair[] = {FRANK_OPT_ESTIMATE, without[i]};
    if (frank_cmd_clash(line, pair, 2)) {
      return true;
    }
  }
  if (is_estimate && line->operand_count > 0) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "unexpected argument %s: --estimate is about this host", line->operands[0]);
    return true;
  }
  return false;
}

int frank_cmd_factor(struct frank_cmd_line *line)
{
  bool is_estimate = frank_cmd_has(line, FRANK_OPT_ESTIMATE);
  if (is_mixed_up(line, is_estimate)) {
    return FRANK_EXIT_USAGE;
  }
  if (is_estimate) {
    return frank_cmd_factor_estimate(line);
  }
  struct factor *f = calloc(1, sizeof *f);
  if (f == NULL) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  f->line = line;
  int status = read_options(f);
  if (status == FRANK_EXIT_OK) {
    status = ask(f);
  }
  free(f);
  return status;
}
