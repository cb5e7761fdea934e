#include "programs/factor_estimate.h"

#include "base/clock.h"
#include "factor/authority/store.h"
#include "factor/estimate.h"
#include "factor/observations.h"
#include "mint/mint.h"
#include "programs/factor_state.h"
#include "proof/target.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LADDER_MAX 12 /* factors besides the one in force: twice as much each */
#define DAY_S      86400.0

struct view {
  struct frank_cmd_line *line;
  struct frank_observations *store;
  char path[FRANK_STATE_PATH_BYTES];
  struct frank_estimate_config config;
  struct frank_observations_stock stock;
  struct frank_estimate_past past;
  const char *source; /* of the factor in force */
  int64_t now_s;
};

/* ---- what is in force ---- */

/* What an authority in the same folder has published. FRANK_ERR_NOT_FOUND: none is there. */
static enum frank_err ask_authority(const struct view *view, struct frank_estimate_past *past,
                                    char *why)
{
  char dir[FRANK_STATE_PATH_BYTES];
  struct frank_authority_store *store = NULL;
  struct frank_authority_state *state = malloc(sizeof *state);
  struct frank_estimate_epoch *epochs = calloc(FRANK_AUTHORITY_HISTORY_MAX, sizeof *epochs);
  double wanted = 0;
  (void)snprintf(dir, sizeof dir, "%s", view->path);
  *strrchr(dir, '/') = '\0';
  enum frank_err err = state != NULL && epochs != NULL ? FRANK_OK : FRANK_ERR_NOMEM;
  err = err ? err : frank_authority_store_open(dir, false, &store, why);
  err = err ? err : frank_authority_store_load(store, state, why);
  err =
      err ? err : frank_authority_store_number(store, FRANK_AUTHORITY_NUMBER_WANTED, &wanted, why);
  if (err == FRANK_OK && state->history_count > 0) {
    for (size_t i = 0; i < state->history_count; i++) {
      epochs[i] = (struct frank_estimate_epoch){.factor = state->history[i].factor,
                                                .issued_s = state->history[i].issued_s};
    }
    frank_estimate_look_back(&view->config, epochs, state->history_count, view->now_s, past);
    past->wanted = wanted;
  }
  frank_authority_store_close(&store);
  free(state);
  free(epochs);
  return err;
}

/* --factor, else what an authority here has published, else the default floor. */
static int find_past(struct view *view, uint64_t given)
{
  char why[FRANK_AUTHORITY_WHY_BYTES] = "";
  view->past = (struct frank_estimate_past){.factor = given > 0 ? given : FRANK_FLOOR_DEFAULT};
  view->source = given > 0 ? "request" : "floor";
  enum frank_err err = given > 0 ? FRANK_ERR_NOT_FOUND : ask_authority(view, &view->past, why);
  if (err == FRANK_OK) {
    view->source = "authority";
  } else if (err != FRANK_ERR_NOT_FOUND) {
    return frank_cmd_fail(view->line, FRANK_EXIT_CANNOT, "store", "%s",
                          why[0] != '\0' ? why : frank_err_text(err));
  }
  return FRANK_EXIT_OK;
}

/* One step as an authority would take it. */
static enum frank_err step(const struct view *view, const struct frank_estimate_past *past,
                           struct frank_estimate *out, char *why)
{
  struct frank_observations_sum *sums = NULL;
  size_t count = 0;
  enum frank_err err =
      frank_observations_sums(view->store, past->factor, past->risen_s,
                              (int64_t)view->config.half_life_s, view->now_s, &sums, &count, why);
  if (err == FRANK_OK) {
    err = frank_estimate_step(&view->config, past, sums, count, out);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "%s", frank_err_text(err));
    }
  }
  free(sums);
  return err;
}

/* ---- words ---- */

static json_t *step_json(const struct frank_estimate *e)
{
  return json_pack("{s:I, s:f, s:s, s:b, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:s}",
                   "factor", (json_int_t)e->factor, "wanted", e->wanted, "limit",
                   frank_estimate_limit_name(e->limit), "publish", (int)e->publish, "ham", e->ham,
                   "spam", e->spam, "share_low", e->share_low, "share_high", e->share_high, "floor",
                   (json_int_t)e->floor, "ceiling", (json_int_t)e->ceiling, "reporters",
                   (json_int_t)e->reporters, "heard", (json_int_t)e->heard, "capped",
                   (json_int_t)e->capped, "reason", e->reason);
}

static void print_date(const char *before, int64_t at_s)
{
  struct tm parts;
  char text[32] = "?";
  time_t at = (time_t)at_s;
  if (gmtime_r(&at, &parts) != NULL) {
    (void)strftime(text, sizeof text, "%Y-%m-%d", &parts);
  }
  printf("%s%s", before, text);
}

static void print_data(const struct view *view)
{
  const struct frank_observations_stock *s = &view->stock;
  printf("data      %s\n", view->path);
  printf("          %" PRIu64 " ham and %" PRIu64 " spam with a stamp, %" PRIu64 " ham and %" PRIu64
         " spam without, of %" PRIu64 " reporter%s",
         s->stamped_ham, s->stamped_spam, s->unstamped_ham, s->unstamped_spam, s->reporters,
         s->reporters == 1 ? "" : "s");
  if (s->last_s > 0) {
    print_date("\n          from ", s->first_s);
    print_date(" to ", s->last_s);
  }
  printf("; %" PRIu64 " messages since it was made\n", s->total);
}

static void print_rule(const struct view *view, const struct frank_estimate *e)
{
  const struct frank_estimate_config *c = &view->config;
  printf(
      "rule      rises, by x%g at most, when the lower 95%% bound of the spam share is above %g%%\n"
      "          sinks, by x%g a day, when the upper one is below %g%%\n"
      "          both of mail that meets the factor; what is %.0f days old counts half\n"
      "          published from %g%% of change on; %g messages are too few\n",
      c->raise_most, c->raise_above * 100, c->sink_by, c->sink_below * 100, c->half_life_s / DAY_S,
      c->publish_from * 100, c->least_messages);
  if (e->reporters > 2) {
    printf(
        "          a reporter counts for at most %.2f equal shares; the %.0f%% of the weight with "
        "the most\n          spam and the %.0f%% with the least are left out; %u of %u heard, %u "
        "capped\n",
        c->reporter_most, c->trim_share * 100, c->trim_share * 100, (unsigned)e->heard,
        (unsigned)e->reporters, (unsigned)e->capped);
  }
  printf("bounds    floor %" PRIu64
         " (%g s of a core of %.3g attempts per second), ceiling %" PRIu64 " (%g s)\n",
         e->floor, c->min_seconds, c->reference_hps, e->ceiling, c->max_seconds);
}

static void print_step(uint64_t at, const struct frank_estimate *e)
{
  printf("%12" PRIu64 " %6.2f %10.0f %10.0f %8.3f%% %8.3f%%  %s\n", at, log2((double)at), e->ham,
         e->spam, e->share_low * 100, e->share_high * 100, frank_estimate_limit_name(e->limit));
}

static void print_head(const struct view *view, const struct frank_estimate *first)
{
  print_data(view);
  print_rule(view, first);
  printf("in force  %" PRIu64 " (%s)", view->past.factor, view->source);
  if (view->past.risen_s > 0) {
    print_date("; mail counts since it last rose, ", view->past.risen_s);
  }
  printf("\n          %s\n          %s %" PRIu64 " (wanted: %.0f)\n\n", first->reason,
         first->publish ? "so the next one is" : "so it stays", first->factor, first->wanted);
  printf("%12s %6s %10s %10s %9s %9s\n", "FACTOR", "BITS", "HAM", "SPAM", "FROM", "TO");
}

/* The factor in force, then twice as much each, as long as any mail meets it. */
static enum frank_err climb(struct view *view, const struct frank_estimate *first, json_t *ladder,
                            char *why)
{
  struct frank_estimate e = *first;
  struct frank_estimate_past past = view->past;
  enum frank_err err = FRANK_OK;
  for (int i = 0; err == FRANK_OK && i < LADDER_MAX; i++) {
    if (view->line->json) {
      json_array_append_new(ladder, json_pack("{s:I, s:f, s:f, s:f, s:f, s:s}", "factor",
                                              (json_int_t)past.factor, "ham", e.ham, "spam", e.spam,
                                              "share_low", e.share_low, "share_high", e.share_high,
                                              "limit", frank_estimate_limit_name(e.limit)));
    } else {
      print_step(past.factor, &e);
    }
    if (e.ham + e.spam <= 0 || past.factor > FRANK_FACTOR_MAX / 2) {
      break;
    }
    past = (struct frank_estimate_past){.factor = 2 * past.factor, .risen_s = past.risen_s};
    err = step(view, &past, &e, why);
  }
  return err;
}

static void emit(struct view *view, const struct frank_estimate *first, json_t *ladder)
{
  const struct frank_observations_stock *s = &view->stock;
  frank_cmd_printable(view->path);
  frank_cmd_emit(
      view->line,
      json_pack("{s:s, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:{s:I, s:s, s:f, s:I, s:I}, s:o, s:o}",
                "store", view->path, "data", "total", (json_int_t)s->total, "stamped_ham",
                (json_int_t)s->stamped_ham, "stamped_spam", (json_int_t)s->stamped_spam,
                "unstamped_ham", (json_int_t)s->unstamped_ham, "unstamped_spam",
                (json_int_t)s->unstamped_spam, "reporters", (json_int_t)s->reporters, "in_force",
                "factor", (json_int_t)view->past.factor, "source", view->source, "wanted",
                view->past.wanted, "risen", (json_int_t)view->past.risen_s, "risen_from",
                (json_int_t)view->past.risen_from, "estimate", step_json(first), "factors", ladder),
      true);
}

static int show(struct view *view)
{
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  struct frank_estimate first;
  json_t *ladder = view->line->json ? json_array() : NULL;
  enum frank_err err = step(view, &view->past, &first, why);
  if (err == FRANK_OK && !view->line->json) {
    print_head(view, &first);
  }
  err = err ? err : climb(view, &first, ladder, why);
  if (err != FRANK_OK) {
    json_decref(ladder);
    return frank_cmd_fail(view->line, FRANK_EXIT_CANNOT, "store", "%s", why);
  }
  if (view->line->json) {
    emit(view, &first, ladder);
  }
  return frank_cmd_finish(view->line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}

int frank_cmd_factor_estimate(struct frank_cmd_line *line)
{
  struct view view = {.line = line, .now_s = frank_clock_unix_s()};
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  uint64_t factor = 0;
  if (line->operand_count > 0) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "--estimate looks at what was learned here: no %.200s",
                          line->operands[0]);
  }
  if (frank_cmd_factor_option(line, &factor) != FRANK_OK) {
    return FRANK_EXIT_USAGE;
  }
  frank_estimate_config_init(&view.config);
  view.config.reference_hps = frank_estimate_reference_hps(view.now_s);
  int status = frank_state_path(line, false, FRANK_OBSERVATIONS_FILE, view.path);
  if (status != FRANK_EXIT_OK) {
    return status;
  }
  enum frank_err err = frank_observations_open(view.path, false, &view.store, why);
  err = err ? err : frank_observations_stock(view.store, &view.stock, why);
  if (err == FRANK_OK) {
    status = find_past(&view, factor);
    status = status == FRANK_EXIT_OK ? show(&view) : status;
  } else {
    bool usage = err == FRANK_ERR_MALFORMED || err == FRANK_ERR_UNSUPPORTED ||
                 err == FRANK_ERR_DENIED || err == FRANK_ERR_NOT_FOUND;
    status = frank_cmd_fail(line, usage ? FRANK_EXIT_USAGE : FRANK_EXIT_CANNOT, "store", "%s%s",
                            why, err == FRANK_ERR_NOT_FOUND ? " (frank learn makes it)" : "");
  }
  frank_observations_close(&view.store);
  return status;
}
