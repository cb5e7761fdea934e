#include "factor/authority/control.h"
#include "base/log.h"
#include "factor/observations.h"
#include "factor/reports.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define EPOCHS_LOOKED_AT 400 /* more than a year of daily steps: estimate.h wants a few hundred */

struct frank_control {
  struct frank_control_config config;
  struct frank_observations *observations;
  struct frank_reports *reports;
};

enum frank_err frank_control_new(const char *dir, bool writable,
                                 const struct frank_control_config *config,
                                 struct frank_control **out, char *why)
{
  char path[FRANK_AUTHORITY_DIR_BYTES + sizeof FRANK_OBSERVATIONS_FILE + 1];
  struct frank_control *control = calloc(1, sizeof *control);
  if (control == NULL) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  _Static_assert(FRANK_AUTHORITY_WHY_BYTES >= FRANK_OBSERVATIONS_WHY_BYTES, "one buffer for both");
  control->config = *config;
  (void)snprintf(path, sizeof path, "%s/%s", dir, FRANK_OBSERVATIONS_FILE);
  enum frank_err err = frank_observations_open(path, writable, &control->observations, why);
  if (err == FRANK_OK && writable) {
    err = frank_reports_new(control->observations, &control->reports);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "%s: %s", path, frank_err_text(err));
    }
  }
  if (err != FRANK_OK) {
    frank_control_destroy(&control);
    return err;
  }
  *out = control;
  return FRANK_OK;
}

void frank_control_destroy(struct frank_control **control)
{
  if (*control == NULL) {
    return;
  }
  frank_reports_destroy(&(*control)->reports);
  frank_observations_close(&(*control)->observations);
  free(*control);
  *control = NULL;
}

void frank_control_report(struct frank_control *control,
                          const struct frank_authority_report *report, const void *body,
                          uint64_t now_us, int64_t now_s, struct frank_authority_reply *reply)
{
  reply->retry_after_s = 0;
  reply->status = frank_reports_post(
      control->reports, report->has_authorization != 0 ? report->authorization : NULL, report->peer,
      body, report->len_bytes, now_us, now_s, reply->text, &reply->retry_after_s);
}

/* ---- the estimate ---- */

static void configure(const struct frank_control *control, int64_t now_s,
                      struct frank_estimate_config *out)
{
  frank_estimate_config_init(out);
  out->reference_hps = control->config.reference_hps > 0 ? control->config.reference_hps
                                                         : frank_estimate_reference_hps(now_s);
  out->min_seconds = control->config.min_seconds;
  out->max_seconds = control->config.max_seconds;
}

enum frank_err frank_control_look(struct frank_control *control,
                                  const struct frank_authority_state *state, double wanted,
                                  int64_t now_s, struct frank_estimate *out, char *why)
{
  struct frank_estimate_config config;
  struct frank_estimate_epoch epochs[EPOCHS_LOOKED_AT];
  struct frank_estimate_past past = {0};
  struct frank_observations_sum *sums = NULL;
  size_t count = 0;
  size_t first =
      state->history_count > EPOCHS_LOOKED_AT ? state->history_count - EPOCHS_LOOKED_AT : 0;
  for (size_t i = first; i < state->history_count; i++) {
    epochs[i - first] = (struct frank_estimate_epoch){.factor = state->history[i].factor,
                                                      .issued_s = state->history[i].issued_s};
  }
  configure(control, now_s, &config);
  frank_estimate_look_back(&config, epochs, state->history_count - first, now_s, &past);
  past.wanted = wanted;
  enum frank_err err =
      frank_observations_sums(control->observations, past.factor, past.risen_s,
                              (int64_t)config.half_life_s, now_s, &sums, &count, why);
  if (err == FRANK_OK) {
    err = frank_estimate_step(&config, &past, sums, count, out);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "the estimate: %s", frank_err_text(err));
    }
  }
  free(sums);
  return err;
}

static enum frank_err keep(struct frank_authority_store *store, uint64_t epoch,
                           const struct frank_estimate *estimate, uint64_t total, int64_t now_s,
                           int64_t next_s, char *why)
{
  const struct frank_authority_number numbers[] = {
      {FRANK_AUTHORITY_NUMBER_WANTED, estimate->wanted},
      {FRANK_AUTHORITY_NUMBER_STEPPED, (double)now_s},
      {FRANK_AUTHORITY_NUMBER_FLOOR, (double)estimate->floor},
      {FRANK_AUTHORITY_NUMBER_CEILING, (double)estimate->ceiling},
      {FRANK_AUTHORITY_NUMBER_NEXT_CHANGE, (double)next_s},
      {FRANK_AUTHORITY_NUMBER_REPORTS, (double)total},
  };
  return frank_authority_store_step(store, epoch, numbers, sizeof numbers / sizeof numbers[0],
                                    estimate->publish ? estimate->factor : 0, estimate->reason,
                                    now_s, why);
}

static enum frank_err take_step(struct frank_control *control, struct frank_authority_store *store,
                                struct frank_authority_state *state, int64_t now_s, int64_t next_s,
                                char *why)
{
  struct frank_estimate estimate;
  double wanted = 0;
  uint64_t total = 0;
  enum frank_err err = frank_authority_store_load(store, state, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_number(store, FRANK_AUTHORITY_NUMBER_WANTED, &wanted, why);
  }
  if (err == FRANK_OK) {
    err = frank_control_look(control, state, wanted, now_s, &estimate, why);
  }
  if (err == FRANK_OK) {
    err = frank_observations_total(control->observations, &total, why);
  }
  if (err == FRANK_OK) {
    err = keep(store, state->document.epoch, &estimate, total, now_s, next_s, why);
  }
  if (err == FRANK_OK) {
    frank_log(FRANK_LOG_INFO, "event=estimate limit=%s factor=%" PRIu64 " published=%s why=\"%s\"",
              frank_estimate_limit_name(estimate.limit), estimate.factor,
              estimate.publish ? "yes" : "no", estimate.reason);
  }
  return err;
}

enum frank_err frank_control_step(struct frank_control *control,
                                  struct frank_authority_store *store, int64_t now_s,
                                  int64_t *next_s, char *why)
{
  struct frank_estimate_config config;
  double stepped = 0;
  configure(control, now_s, &config);
  int64_t epoch_s = (int64_t)config.epoch_s;
  enum frank_err err =
      frank_authority_store_number(store, FRANK_AUTHORITY_NUMBER_STEPPED, &stepped, why);
  if (err != FRANK_OK) {
    return err;
  }
  /* A step taken by a clock that was ahead does not put off all others. */
  bool is_due = now_s - (int64_t)stepped >= epoch_s || (int64_t)stepped > now_s + epoch_s;
  *next_s = (int64_t)stepped + epoch_s;
  if (!is_due) {
    return FRANK_OK;
  }
  struct frank_authority_state *state = malloc(sizeof *state);
  if (state == NULL) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  *next_s = now_s + epoch_s;
  err = take_step(control, store, state, now_s, *next_s, why);
  free(state);
  return err;
}
