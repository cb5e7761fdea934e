#include "factor/authority/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void frank_authority_metrics_count(struct frank_authority_metrics *metrics, size_t route,
                                   unsigned code)
{
  for (size_t i = 0; i < FRANK_METRICS_CODES_MAX && route < metrics->route_count; i++) {
    if (metrics->codes[i] == 0) {
      metrics->codes[i] = code;
    }
    if (metrics->codes[i] == code) {
      metrics->answers[route][i]++;
      return;
    }
  }
}

static void write_answers(const struct frank_authority_metrics *metrics, FILE *out)
{
  (void)fputs("# HELP frank_authority_answers_total Answers by path and status code.\n"
              "# TYPE frank_authority_answers_total counter\n",
              out);
  for (size_t i = 0; i < metrics->route_count; i++) {
    for (size_t j = 0; j < FRANK_METRICS_CODES_MAX && metrics->codes[j] != 0; j++) {
      if (metrics->answers[i][j] > 0) {
        (void)fprintf(out, "frank_authority_answers_total{path=\"%s\",code=\"%u\"} %" PRIu64 "\n",
                      metrics->routes[i], metrics->codes[j], metrics->answers[i][j]);
      }
    }
  }
}

static void write_values(const struct frank_authority_metrics *metrics, FILE *out)
{
  const struct frank_factor_document *document = &metrics->document;
  const struct {
    const char *name;
    const char *type;
    uint64_t value;
    const char *help;
  } values[] = {
      {"factor", "gauge", document->factor, "The scaling factor in force."},
      {"epoch", "gauge", document->epoch, "The epoch in force."},
      {"testing", "gauge", document->testing, "1 while no mail is to suffer by the factor."},
      {"issued_timestamp_seconds", "gauge", (uint64_t)document->issued_s,
       "When the document was signed."},
      {"expires_timestamp_seconds", "gauge", (uint64_t)document->expires_s,
       "When the document expires unless it is signed anew."},
      {"loaded_timestamp_seconds", "gauge", (uint64_t)metrics->loaded_s,
       "When the state was read last."},
      {"start_timestamp_seconds", "gauge", (uint64_t)metrics->started_s,
       "When this process began to serve."},
      {"load_errors_total", "counter", metrics->load_errors,
       "Times that the state could not be read; the last one is served meanwhile."},
      {"takes_reports", "gauge", metrics->takes_reports ? 1 : 0, "1 where reports are taken."},
      {"connections", "gauge", metrics->connections, "Connections now."},
      {"connections_total", "counter", metrics->connections_taken, "Connections taken."},
      {"connections_refused_total", "counter", metrics->connections_refused,
       "Connections over the limit of their address."},
      {"connections_cut_total", "counter", metrics->connections_cut,
       "Connections ended for a request that took too long, or to make room."},
      {"access_log_dropped_total", "counter", metrics->dropped_lines,
       "Lines of the access log that the disk did not take."},
  };
  (void)fputs("# HELP frank_authority_build_info The running version.\n"
              "# TYPE frank_authority_build_info gauge\n"
              "frank_authority_build_info{version=\"" FRANK_VERSION "\"} 1\n",
              out);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    (void)fprintf(out,
                  "# HELP frank_authority_%s %s\n# TYPE frank_authority_%s %s\n"
                  "frank_authority_%s %" PRIu64 "\n",
                  values[i].name, values[i].help, values[i].name, values[i].type, values[i].name,
                  values[i].value);
  }
}

enum frank_err frank_authority_metrics_text(const struct frank_authority_metrics *metrics,
                                            char **text, size_t *len_bytes)
{
  *text = NULL;
  FILE *out = open_memstream(text, len_bytes);
  if (out == NULL) {
    return FRANK_ERR_NOMEM;
  }
  write_values(metrics, out);
  write_answers(metrics, out);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(*text);
    *text = NULL;
    return FRANK_ERR_NOMEM;
  }
  return FRANK_OK;
}
