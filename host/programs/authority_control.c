/*
 * authority_control: the verbs of frank-authority that have to do with the estimation: who may
 * report, and what the observations ask for.
 */
#include "base/clock.h"
#include "factor/authority/control.h"
#include "factor/observations.h"
#include "programs/authority_output.h"
#include "programs/authority_verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define US_PER_S 1e6

struct frank_control_config authority_control(const struct authority_config *config)
{
  return (struct frank_control_config){.reference_hps = (double)config->reference_hps,
                                       .min_seconds = (double)config->min_work_us / US_PER_S,
                                       .max_seconds = (double)config->max_work_us / US_PER_S};
}

/* ---- reporters ---- */

static int add(const struct authority_config *config, struct frank_observations *observations,
               const char *name, char *why)
{
  char token[FRANK_REPORTER_TOKEN_BYTES];
  enum frank_err err = frank_reporters_add(observations, name, frank_clock_unix_s(), token, why);
  if (err != FRANK_OK) {
    return authority_fail(config, err, why);
  }
  if (config->json) {
    return authority_finish(
        authority_emit(json_pack("{s:s,s:s}", "reporter", name, "token", token), true));
  }
  (void)fputs("The token is shown this once; only its hash is kept.\n", stderr);
  (void)printf("%s\n", token);
  return authority_finish(true);
}

static int revoke(const struct authority_config *config, struct frank_observations *observations,
                  const char *name, char *why)
{
  enum frank_err err = frank_reporters_revoke(observations, name, config->forget, why);
  if (err != FRANK_OK) {
    return authority_fail(config, err, why);
  }
  if (config->json) {
    return authority_finish(authority_emit(
        json_pack("{s:s,s:b,s:b}", "reporter", name, "revoked", 1, "forgotten", config->forget),
        true));
  }
  (void)printf("%s may report no more%s\n", name,
               config->forget ? ", and what it has reported is forgotten" : "");
  return authority_finish(true);
}

static int list(const struct authority_config *config, struct frank_observations *observations,
                const char *name, char *why)
{
  struct frank_reporter *reporters = NULL;
  char made[AUTHORITY_TIME_BYTES];
  size_t count = 0;
  bool done = true;
  (void)name;
  enum frank_err err = frank_reporters_list(observations, &reporters, &count, why);
  if (err != FRANK_OK) {
    return authority_fail(config, err, why);
  }
  for (size_t i = 0; i < count; i++) {
    const struct frank_reporter *reporter = &reporters[i];
    if (config->json) {
      done = authority_emit(json_pack("{s:s,s:I,s:b,s:I}", "reporter", reporter->name, "made",
                                      (json_int_t)reporter->made_s, "revoked", reporter->revoked,
                                      "messages", (json_int_t)reporter->messages),
                            false) &&
             done;
    } else {
      (void)printf("%-32s  %-7s  %12" PRIu64 " messages  made %s\n", reporter->name,
                   reporter->revoked ? "revoked" : "active", reporter->messages,
                   authority_time(reporter->made_s, made));
    }
  }
  free(reporters);
  if (config->json) {
    done = authority_emit(json_pack("{s:I}", "reporters", (json_int_t)count), true) && done;
  }
  return authority_finish(done);
}

int authority_reporter(const struct authority_config *config)
{
  static const struct {
    const char *name;
    int operands;
    int (*run)(const struct authority_config *, struct frank_observations *, const char *, char *);
  } actions[] = {{"add", 2, add}, {"revoke", 2, revoke}, {"list", 1, list}};
  struct frank_observations *observations = NULL;
  char path[FRANK_AUTHORITY_DIR_BYTES + 32];
  char why[FRANK_OBSERVATIONS_WHY_BYTES];
  const char *name = config->operand_count > 0 ? config->operands[0] : "";
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    if (strcmp(name, actions[i].name) != 0 || config->operand_count != actions[i].operands) {
      continue;
    }
    (void)snprintf(path, sizeof path, "%s/%s", config->state, FRANK_OBSERVATIONS_FILE);
    enum frank_err err = frank_observations_open(path, true, &observations, why);
    if (err != FRANK_OK) {
      return authority_fail(config, err, why);
    }
    int status = actions[i].run(config, observations, config->operands[1], why);
    frank_observations_close(&observations);
    return status;
  }
  (void)fputs("frank-authority: reporter wants add NAME, revoke NAME or list\n", stderr);
  return AUTHORITY_EXIT_USAGE;
}

/* ---- the estimate ---- */

static enum frank_err look(const struct authority_config *config,
                           struct frank_authority_state *state, int64_t now_s,
                           struct frank_estimate *estimate, char *why)
{
  struct frank_authority_store *store = NULL;
  struct frank_control *control = NULL;
  const struct frank_control_config limits = authority_control(config);
  double wanted = 0;
  enum frank_err err = frank_authority_store_open(config->state, false, &store, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_load(store, state, why);
  }
  if (err == FRANK_OK) {
    err = frank_authority_store_number(store, FRANK_AUTHORITY_NUMBER_WANTED, &wanted, why);
  }
  if (err == FRANK_OK) {
    err = frank_control_new(config->state, false, &limits, &control, why);
  }
  if (err == FRANK_OK) {
    err = frank_control_look(control, state, wanted, now_s, estimate, why);
  }
  frank_control_destroy(&control);
  frank_authority_store_close(&store);
  return err;
}

static int print_estimate(const struct authority_config *config,
                          const struct frank_authority_state *state,
                          const struct frank_estimate *estimate)
{
  const char *limit = frank_estimate_limit_name(estimate->limit);
  if (config->json) {
    return authority_finish(authority_emit(
        json_pack("{s:I,s:I,s:b,s:f,s:s,s:s,s:f,s:f,s:f,s:f,s:I,s:I,s:i,s:i,s:i}", "in_force",
                  (json_int_t)state->document.factor, "factor", (json_int_t)estimate->factor,
                  "publish", estimate->publish, "wanted", estimate->wanted, "limit", limit,
                  "reason", estimate->reason, "ham", estimate->ham, "spam", estimate->spam,
                  "share_low", estimate->share_low, "share_high", estimate->share_high, "floor",
                  (json_int_t)estimate->floor, "ceiling", (json_int_t)estimate->ceiling,
                  "reporters", (int)estimate->reporters, "heard", (int)estimate->heard, "capped",
                  (int)estimate->capped),
        true));
  }
  (void)printf("in force    %" PRIu64 " (epoch %" PRIu64 ")\n", state->document.factor,
               state->document.epoch);
  (void)printf("estimate    %" PRIu64 "%s\n", estimate->factor,
               estimate->publish ? ", to be published at the next step" : "");
  (void)printf("why         %s: %s\n", limit, estimate->reason);
  (void)printf("counted     %.0f ham and %.0f spam with a stamp that meets it\n", estimate->ham,
               estimate->spam);
  (void)printf("spam share  %.3f%% to %.3f%%\n", estimate->share_low * 100,
               estimate->share_high * 100);
  (void)printf("limits      %" PRIu64 " to %" PRIu64 "\n", estimate->floor, estimate->ceiling);
  (void)printf("reporters   %" PRIu32 " known, %" PRIu32 " heard, %" PRIu32 " cut to their share\n",
               estimate->reporters, estimate->heard, estimate->capped);
  return authority_finish(true);
}

int authority_estimate(const struct authority_config *config)
{
  struct frank_estimate estimate;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  struct frank_authority_state *state = malloc(sizeof *state);
  if (state == NULL) {
    return authority_fail(config, FRANK_ERR_NOMEM, "no memory");
  }
  enum frank_err err = look(config, state, frank_clock_unix_s(), &estimate, why);
  int status =
      err == FRANK_OK ? print_estimate(config, state, &estimate) : authority_fail(config, err, why);
  free(state);
  return status;
}
