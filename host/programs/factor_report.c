#include "programs/factor_report.h"

#include "programs/remote.h"
#include "programs/term.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CALENDAR_MAX_S 253402300799.0 /* the end of the year 9999 */
#define SHOWN_BYTES    256

static const char *const dnssec_names[FRANK_DNSSEC_COUNT] = {
    [FRANK_DNSSEC_NONE] = "none", [FRANK_DNSSEC_SECURE] = "secure", [FRANK_DNSSEC_BOGUS] = "bogus"};

/* ---- made from what a resolver told ---- */

static json_t *seconds_or_null(int64_t at_s)
{
  return at_s > 0 ? json_integer((json_int_t)at_s) : json_null();
}

static int add_document(json_t *object, const struct frank_factor_document *document)
{
  int failed =
      json_object_set_new(object, "kind", json_string(frank_factor_kind_name(document->kind))) |
      json_object_set_new(object, "issuer", json_string(document->issuer)) |
      json_object_set_new(object, "epoch", json_integer((json_int_t)document->epoch)) |
      json_object_set_new(object, "factor", json_integer((json_int_t)document->factor)) |
      json_object_set_new(object, "issued", json_integer(document->issued_s)) |
      json_object_set_new(object, "expires", json_integer(document->expires_s));
  if (document->testing != 0) {
    failed |= json_object_set_new(object, "mode", json_string("testing"));
  }
  if (document->has_previous != 0) {
    failed |= json_object_set_new(object, "previous",
                                  json_pack("{s:I, s:I, s:I}", "epoch",
                                            (json_int_t)document->previous_epoch, "factor",
                                            (json_int_t)document->previous_factor, "until",
                                            (json_int_t)document->previous_until_s));
  }
  return failed;
}

json_t *frank_factor_report_source(const struct frank_published *published,
                                   const struct frank_resolver_source *source, bool good,
                                   const char *why)
{
  const char *state = good && source->kept != 0   ? "kept"
                      : good                      ? "good"
                      : source->has_document != 0 ? "expired"
                                                  : "failed";
  json_t *object = json_pack(
      "{s:s, s:s, s:b, s:o, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:b}", "name", published->name,
      "state", state, "in_force", (int)good, "confirmed", seconds_or_null(source->confirmed_s),
      "fetches", (json_int_t)source->fetches, "failures", (json_int_t)source->failures, "why", why,
      "url", source->url, "named_key", published->key_id, "key", source->key_id, "dnssec",
      dnssec_names[source->dnssec], "dns_only", source->dns_only != 0);
  if (object != NULL && source->has_document != 0 && add_document(object, &source->document) != 0) {
    json_decref(object);
    object = NULL;
  }
  return object;
}

json_t *frank_factor_report_domain(const struct frank_resolver_domain *domain, uint64_t factor,
                                   const char *source, const char *why)
{
  static const char *const answers[FRANK_RESOLVER_ANSWER_COUNT] = {
      [FRANK_RESOLVER_FOUND] = "found",
      [FRANK_RESOLVER_ABSENT] = "absent",
      [FRANK_RESOLVER_FAILED] = "failed"};
  json_t *object =
      json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:s}", "domain", domain->domain, "factor",
                (json_int_t)factor, "source", source, "answer", answers[domain->answer], "dnssec",
                dnssec_names[domain->dnssec], "ttl_s", (json_int_t)domain->ttl_s, "took_ms",
                (json_int_t)domain->took_ms, "why", why);
  if (object != NULL && domain->answer == FRANK_RESOLVER_FOUND &&
      json_object_set_new(object, "published", json_integer((json_int_t)domain->factor)) != 0) {
    json_decref(object);
    object = NULL;
  }
  return object;
}

/* ---- printed ---- */

/* A text, cut to what a line has room for (and in no middle of a character). */
static const char *shown(const json_t *object, const char *member, char out[SHOWN_BYTES])
{
  snprintf(out, SHOWN_BYTES, "%s", frank_remote_text(object, member, ""));
  frank_cmd_printable(out);
  return out;
}

/* A moment of the calendar; false where there is none. */
static bool moment(const json_t *object, const char *member, int64_t *at_s)
{
  double number = frank_remote_number(object, member, -1);
  bool is_one = number > 0 && number <= CALENDAR_MAX_S;
  *at_s = is_one ? (int64_t)number : 0;
  return is_one;
}

static void print_moment(const json_t *object, const char *member, const char *label, int64_t now_s)
{
  char when[FRANK_TERM_WHEN_BYTES];
  int64_t at_s = 0;
  if (moment(object, member, &at_s)) {
    printf("%s%s\n", label, frank_term_when(at_s, now_s, when));
  }
}

static void print_previous(const json_t *object, const char *label, int64_t now_s)
{
  const json_t *previous = json_object_get(object, "previous");
  char when[FRANK_TERM_WHEN_BYTES];
  int64_t until_s = 0;
  if (moment(previous, "until", &until_s)) {
    printf("%s%.0f %s %s\n", label, frank_remote_number(previous, "factor", 0),
           until_s > now_s ? "still counts, it ends" : "counts no more, it ended",
           frank_term_when(until_s, now_s, when));
  }
}

static const json_t *source_in_force(const json_t *report)
{
  size_t i = 0;
  json_t *source = NULL;
  json_array_foreach(json_object_get(report, "sources"), i, source)
  {
    if (json_is_true(json_object_get(source, "in_force"))) {
      return source;
    }
  }
  return NULL;
}

/* The cost at a rate: of the report's own eta, which is null without a device. */
static void print_cost(const json_t *report, const char *rate)
{
  char number[FRANK_TERM_NUMBER_BYTES];
  double eta_ms = frank_remote_number(report, "eta_ms", -1);
  if (eta_ms >= 0) {
    printf("cost     about %s %s\n", frank_term_seconds(eta_ms / 1e3, number), rate);
  } else {
    printf("cost     not known%s\n", rate);
  }
}

static void print_head(const json_t *report, const char *rate, int64_t now_s)
{
  char text[SHOWN_BYTES];
  char attempts[FRANK_TERM_NUMBER_BYTES];
  double factor = frank_remote_number(report, "factor", 0);
  const json_t *source = source_in_force(report);
  printf("factor   %.0f", factor);
  if (factor >= 1) {
    printf(" (%s attempts on average, %.2f bits)", frank_term_count(factor, attempts),
           log2(factor));
  }
  printf("\nsource   %s", shown(report, "source", text));
  if (source != NULL &&
      strcmp(frank_remote_text(report, "source", ""), frank_remote_text(source, "name", "")) != 0) {
    printf(", of %s", shown(source, "name", text));
  }
  if (source != NULL && shown(source, "kind", text)[0] != '\0') {
    printf(" (%s)", text);
  }
  putchar('\n');
  print_moment(source, "issued", "issued   ", now_s);
  print_moment(source, "confirmed", "checked  ", now_s);
  print_moment(report, "expires", "expires  ", now_s);
  print_previous(source, "previous ", now_s);
  if (strcmp(shown(source, "mode", text), "testing") == 0) {
    puts("mode     testing: to be judged by, but no mail shall suffer for it yet");
  }
  print_cost(report, rate);
}

/* A domain in one line; `why` where its own factor does not hold. */
static void print_domain(const json_t *domain)
{
  char text[SHOWN_BYTES];
  printf("domain   %s: ", shown(domain, "domain", text));
  printf("%.0f (%s)", frank_remote_number(domain, "factor", 0), shown(domain, "source", text));
  if (shown(domain, "why", text)[0] != '\0') {
    printf("; %s", text);
  }
  putchar('\n');
}

static void explain_domain(const json_t *domain)
{
  char text[SHOWN_BYTES];
  double published = frank_remote_number(domain, "published", 0);
  double ttl_s = frank_remote_number(domain, "ttl_s", 0);
  double took_ms = frank_remote_number(domain, "took_ms", -1);
  printf("  asked      TXT of _msmr.%s\n", shown(domain, "domain", text));
  if (shown(domain, "answer", text)[0] != '\0') {
    printf("  answer     %s", text);
    if (published >= 1) {
      printf(": it asks for %.0f", published);
    }
    if (took_ms >= 0) {
      printf(", after %.0f ms", took_ms);
    }
    putchar('\n');
  }
  if (shown(domain, "dnssec", text)[0] != '\0') {
    printf("  DNSSEC     %s\n",
           strcmp(text, "none") == 0 ? "none: not signed, or nobody here checked" : text);
  }
  if (ttl_s > 0) {
    printf("  kept for   %.0f s\n", ttl_s);
  }
}

/* By what the document is believed, and what else was asked of it. */
static void explain_checks(const json_t *source, bool has_document)
{
  char text[SHOWN_BYTES];
  if (shown(source, "named_key", text)[0] != '\0') {
    printf("  key named  %s\n", text);
  }
  if (!has_document || !json_is_string(json_object_get(source, "key"))) {
    return;
  }
  if (shown(source, "key", text)[0] != '\0') {
    printf("  signed by  %s\n", text);
    puts("  checks     signature (EdDSA), form, issuer, epoch not below the last, not of the "
         "future");
  } else {
    puts("  signed by  nobody: it is believed for where it came from");
    puts("  checks     form, issuer, epoch not below the last, not of the future");
  }
}

static void explain_document(const json_t *source, int64_t now_s)
{
  char text[SHOWN_BYTES];
  bool has_document = frank_remote_number(source, "factor", 0) >= 1;
  explain_checks(source, has_document);
  if (!has_document) {
    puts("  document   none");
    return;
  }
  printf("  document   factor %.0f, epoch %.0f", frank_remote_number(source, "factor", 0),
         frank_remote_number(source, "epoch", 0));
  if (shown(source, "issuer", text)[0] != '\0') {
    printf(", issuer %s", text);
  }
  if (shown(source, "kind", text)[0] != '\0') {
    printf(" (%s)", text);
  }
  putchar('\n');
  print_moment(source, "issued", "  issued     ", now_s);
  print_moment(source, "expires", "  expires    ", now_s);
  print_previous(source, "  previous   ", now_s);
}

/* Why it is the one in force, or is not. */
static void explain_place(const json_t *source, bool another_is_before)
{
  bool good = frank_remote_number(source, "factor", 0) >= 1;
  const char *state = frank_remote_text(source, "state", "");
  if (json_is_true(json_object_get(source, "in_force"))) {
    puts("  in force   yes: the first in this order with a good document");
  } else if (good && another_is_before &&
             (strcmp(state, "good") == 0 || strcmp(state, "kept") == 0)) {
    puts("  in force   no: one before it serves");
  } else {
    puts("  in force   no");
  }
}

static void explain_source(const json_t *source, size_t number, bool another_is_before,
                           int64_t now_s)
{
  char text[SHOWN_BYTES];
  double fetches = frank_remote_number(source, "fetches", -1);
  printf("source %zu, %s\n", number, shown(source, "name", text));
  if (shown(source, "state", text)[0] != '\0') {
    printf("  state      %s\n", text);
  }
  if (shown(source, "url", text)[0] != '\0') {
    bool is_signed = frank_remote_text(source, "key", "")[0] != '\0' ||
                     frank_remote_text(source, "named_key", "")[0] != '\0';
    printf("  fetched    %s/.well-known/msmr/factor%s\n", text, is_signed ? ".jws" : "");
  }
  const char *dnssec = shown(source, "dnssec", text);
  if (strncmp(frank_remote_text(source, "name", ""), "dns:", 4) == 0 && dnssec[0] != '\0') {
    printf("  DNSSEC     %s%s\n", text,
           json_is_true(json_object_get(source, "dns_only")) ? "; the record itself is the document"
                                                             : "");
  }
  explain_document(source, now_s);
  print_moment(source, "confirmed", "  confirmed  ", now_s);
  if (fetches >= 0) {
    printf("  asked      %.0f time%s, %.0f failed\n", fetches, fetches == 1 ? "" : "s",
           frank_remote_number(source, "failures", 0));
  }
  print_moment(source, "next", "  next       ", now_s);
  if (shown(source, "why", text)[0] != '\0') {
    printf("  why        %s\n", text);
  }
  explain_place(source, another_is_before);
}

void frank_factor_report_print(const json_t *report, const char *rate, bool explain, int64_t now_s)
{
  size_t i = 0;
  json_t *row = NULL;
  bool served = false;
  if (frank_remote_number(report, "factor", 0) >= 1) {
    print_head(report, rate, now_s);
  }
  json_array_foreach(json_object_get(report, "domains"), i, row)
  {
    print_domain(row);
    if (explain) {
      explain_domain(row);
    }
  }
  json_array_foreach(json_object_get(report, "sources"), i, row)
  {
    if (explain) {
      explain_source(row, i + 1, served, now_s);
    }
    served = served || json_is_true(json_object_get(row, "in_force"));
  }
  if (explain && !served && json_array_size(json_object_get(report, "sources")) > 0) {
    puts("No source has a good document.");
  }
}
