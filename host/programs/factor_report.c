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

static json_t *time_or_null(int64_t at_s)
{
  return at_s > 0 ? json_integer((json_int_t)at_s) : json_null();
}

static json_t *factor_or_null(uint64_t factor)
{
  return factor > 0 ? json_integer((json_int_t)factor) : json_null();
}

/* Puts all of the members or, where one could not be made, answers false. */
struct member {
  const char *name;
  json_t *value;
};
static bool put_all(json_t *object, const struct member *members, size_t count)
{
  bool ok = object != NULL;
  for (size_t i = 0; i < count; i++) {
    ok = json_object_set_new(object, members[i].name, members[i].value) == 0 && ok;
  }
  return ok;
}

/* What the document says; null, and so on, where there is none. */
static bool put_document(json_t *object, const struct frank_resolver_source *source)
{
  static const struct frank_factor_document none;
  const struct frank_factor_document *document =
      source->has_document != 0 ? &source->document : &none;
  char name[FRANK_FACTOR_SOURCE_BYTES] = "";
  bool has = source->has_document != 0;
  bool has_previous = document->has_previous != 0;
  if (has) {
    frank_resolver_source_name(source, name);
  }
  const struct member members[] = {
      {"factor", factor_or_null(document->factor)},
      {"source", has ? json_string(name) : json_null()},
      {"issuer", has ? json_string(document->issuer) : json_null()},
      {"epoch", has ? json_integer((json_int_t)document->epoch) : json_null()},
      {"published_as", has ? json_string(frank_factor_kind_name(document->kind)) : json_null()},
      {"issued", time_or_null(document->issued_s)},
      {"expires", time_or_null(document->expires_s)},
      {"previous_factor", factor_or_null(has_previous ? document->previous_factor : 0)},
      {"previous_until", time_or_null(has_previous ? document->previous_until_s : 0)},
      {"testing", json_boolean(document->testing != 0)},
  };
  return put_all(object, members, sizeof members / sizeof members[0]);
}

json_t *frank_factor_report_source(const struct frank_published *published,
                                   const struct frank_resolver_source *source, bool good,
                                   const char *why)
{
  bool is_dns = strncmp(published->name, "dns:", 4) == 0;
  json_t *object = json_object();
  const struct member members[] = {
      {"name", json_string(published->name)},
      {"kind", json_string(is_dns ? "dns" : "url")},
      {"state", json_string(good ? "in-force" : "unusable")},
      {"in_force", json_boolean(good)},
      {"confirmed", time_or_null(source->confirmed_s)},
      {"fetches", json_integer((json_int_t)source->fetches)},
      {"failures", json_integer((json_int_t)source->failures)},
      {"kept", json_boolean(source->kept != 0)},
      {"dnssec", json_string(dnssec_names[source->dnssec])},
      {"why", json_string(why)},
      {"url", json_string(source->url)},
      {"named_key", json_string(published->key_id)},
      {"key", json_string(source->key_id)},
      {"dns_only", json_boolean(source->dns_only != 0)},
  };
  bool ok = put_all(object, members, sizeof members / sizeof members[0]);
  if (!ok || !put_document(object, source)) {
    json_decref(object);
    return NULL;
  }
  return object;
}

json_t *frank_factor_report_domain(const struct frank_resolver_domain *domain, uint64_t factor,
                                   const char *source, const char *why)
{
  static const char *const states[FRANK_RESOLVER_ANSWER_COUNT] = {
      [FRANK_RESOLVER_FOUND] = "found",
      [FRANK_RESOLVER_ABSENT] = "absent",
      [FRANK_RESOLVER_FAILED] = "failed"};
  bool found = domain->answer == FRANK_RESOLVER_FOUND;
  json_t *object = json_object();
  const struct member members[] = {
      {"domain", json_string(domain->domain)},
      {"factor", json_integer((json_int_t)factor)},
      {"source", json_string(source)},
      {"state",
       json_string(found && domain->factor != factor ? "too-high" : states[domain->answer])},
      {"published", factor_or_null(found ? domain->factor : 0)},
      {"dnssec", json_string(dnssec_names[domain->dnssec])},
      {"ttl_s", json_integer((json_int_t)domain->ttl_s)},
      {"took_ms", json_integer((json_int_t)domain->took_ms)},
      {"why", json_string(why)},
  };
  if (!put_all(object, members, sizeof members / sizeof members[0])) {
    json_decref(object);
    return NULL;
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

static void print_previous(const json_t *source, const char *label, int64_t now_s)
{
  char when[FRANK_TERM_WHEN_BYTES];
  double factor = frank_remote_number(source, "previous_factor", 0);
  int64_t until_s = 0;
  if (factor >= 1 && moment(source, "previous_until", &until_s)) {
    printf("%s%.0f %s %s\n", label, factor,
           until_s > now_s ? "still counts, it ends" : "counts no more, it ended",
           frank_term_when(until_s, now_s, when));
  }
}

/* A source without its key, which follows a space where it is named. */
static const char *shown_name(const json_t *source, char out[SHOWN_BYTES])
{
  shown(source, "name", out);
  out[strcspn(out, " ")] = '\0';
  return out;
}

/* The source that the report's factor comes from, NULL where that is no source's. */
static const json_t *source_in_force(const json_t *report)
{
  const char *name = frank_remote_text(report, "source", "");
  size_t i = 0;
  json_t *source = NULL;
  json_array_foreach(json_object_get(report, "sources"), i, source)
  {
    if (json_is_true(json_object_get(source, "in_force")) &&
        strcmp(frank_remote_text(source, "source", ""), name) == 0) {
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
    printf(", of %s", shown_name(source, text));
  }
  putchar('\n');
  print_moment(source, "issued", "issued   ", now_s);
  print_moment(source, "confirmed", "checked  ", now_s);
  print_moment(report, "expires", "expires  ", now_s);
  print_previous(source, "previous ", now_s);
  if (json_is_true(json_object_get(source, "testing"))) {
    puts("mode     testing: to be judged by, but no mail shall suffer for it yet");
  }
  print_cost(report, rate);
}

/* A domain in one line; why, where its own factor does not hold. */
static void print_domain(const json_t *domain)
{
  char text[SHOWN_BYTES];
  printf("domain   %s: ", shown(domain, "domain", text));
  printf("%.0f (%s)", frank_remote_number(domain, "factor", 0), shown(domain, "source", text));
  if (shown(domain, "why", text)[0] != '\0') {
    printf("; %s", text);
  } else if (strcmp(shown(domain, "state", text), "too-high") == 0) {
    printf("; its own %.0f is ignored: more than max-factor",
           frank_remote_number(domain, "published", 0));
  } else if (strcmp(text, "unknown") == 0) {
    printf("; its own is not known yet");
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
  if (shown(domain, "state", text)[0] != '\0') {
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
  const char *key = strchr(shown(source, "name", text), ' ');
  if (key != NULL) {
    printf("  key named  %s\n", key + 1);
  } else if (shown(source, "named_key", text)[0] != '\0') {
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
    puts("  gives      nothing");
    return;
  }
  printf("  gives      factor %.0f", frank_remote_number(source, "factor", 0));
  if (shown(source, "source", text)[0] != '\0') {
    printf(", %s", text);
  }
  if (shown(source, "published_as", text)[0] != '\0') {
    printf(" (%s)", text);
  }
  puts(json_is_true(json_object_get(source, "testing")) ? ", for testing" : "");
  print_moment(source, "issued", "  issued     ", now_s);
  print_moment(source, "expires", "  expires    ", now_s);
  print_previous(source, "  previous   ", now_s);
}

/* Why it is the one in force, or is not. */
static void explain_place(const json_t *source, bool another_is_before)
{
  if (json_is_true(json_object_get(source, "in_force"))) {
    puts("  in force   yes: the first in this order that has something good to give");
  } else {
    bool waits =
        another_is_before && strcmp(frank_remote_text(source, "state", ""), "standby") == 0;
    puts(waits ? "  in force   no: one before it serves" : "  in force   no");
  }
}

static void explain_source(const json_t *source, size_t number, bool another_is_before,
                           int64_t now_s)
{
  char text[SHOWN_BYTES];
  double fetches = frank_remote_number(source, "fetches", -1);
  printf("source %zu, %s\n", number, shown_name(source, text));
  if (json_is_true(json_object_get(source, "kept"))) {
    puts("  kept       from an earlier time: the source has not confirmed it since");
  }
  if (shown(source, "url", text)[0] != '\0') {
    bool is_signed = frank_remote_text(source, "key", "")[0] != '\0' ||
                     frank_remote_text(source, "named_key", "")[0] != '\0';
    printf("  fetched    %s/.well-known/msmr/factor%s\n", text, is_signed ? ".jws" : "");
  }
  if (strcmp(frank_remote_text(source, "kind", ""), "dns") == 0 &&
      shown(source, "dnssec", text)[0] != '\0') {
    printf("  DNSSEC     %s%s\n", text,
           json_is_true(json_object_get(source, "dns_only")) ? "; the record itself is the document"
                                                             : "");
  }
  explain_document(source, now_s);
  print_moment(source, "confirmed", "  confirmed  ", now_s);
  if (fetches >= 1) {
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
    puts("No source has anything good to give.");
  }
}
