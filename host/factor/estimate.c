#include "factor/estimate.h"

#include "proof/target.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_S             86400.0
#define LEVEL             0.95
#define BELIEVED_AS_IS    2 /* so many reporters are neither capped nor trimmed */
#define FRACTION_TERMS    3000
#define BISECTIONS        200
#define REFERENCE_AT_S    1795305600.0 /* 2026-11-22 */
#define REFERENCE_HPS     5e6
#define REFERENCE_TWICE_S (5 * 365.25 * DAY_S)

void frank_estimate_config_init(struct frank_estimate_config *config)
{
  *config = (struct frank_estimate_config){
      .reference_hps = REFERENCE_HPS,
      .min_seconds = 0.2,
      .max_seconds = 120,
      .raise_above = 0.01,
      .sink_below = 0.0025,
      .raise_most = 2,
      .sink_by = 0.97,
      .publish_from = 0.15,
      .hold_s = 180 * DAY_S,
      .hold_above = 1.25,
      .reporter_most = 4.0 / 3,
      .reporter_known = 300,
      .reporter_least = 100,
      .trim_share = 1.0 / 3,
      .least_messages = 100,
      .half_life_s = 14 * DAY_S,
      .epoch_s = DAY_S,
  };
}

double frank_estimate_reference_hps(int64_t now_s)
{
  double passed_s = (double)now_s - REFERENCE_AT_S;
  return REFERENCE_HPS * (passed_s > 0 ? exp2(passed_s / REFERENCE_TWICE_S) : 1);
}

const char *frank_estimate_limit_name(enum frank_estimate_limit limit)
{
  static const char *const names[FRANK_ESTIMATE_LIMIT_COUNT] = {
      [FRANK_ESTIMATE_TOO_FEW] = "too-few",
      [FRANK_ESTIMATE_STAYS] = "stays",
      [FRANK_ESTIMATE_RISES] = "rises",
      [FRANK_ESTIMATE_SINKS] = "sinks",
      [FRANK_ESTIMATE_HELD] = "held",
      [FRANK_ESTIMATE_AT_FLOOR] = "at-floor",
      [FRANK_ESTIMATE_AT_CEILING] = "at-ceiling",
      [FRANK_ESTIMATE_UNPUBLISHED] = "unpublished",
  };
  return (unsigned)limit < FRANK_ESTIMATE_LIMIT_COUNT ? names[limit] : "";
}

/* ---- bounds of a share ---- */

/* The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), by Lentz's
 * method as W. J. Thompson and A. R. Barnett gave it in 1986. It converges fast for
 * x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
  const double tiny = 1e-300;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (fabs(d) < tiny ? tiny : d);
  double value = d;
  for (int m = 1; m <= FRACTION_TERMS; m++) {
    const double terms[2] = {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                             -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))};
    double step = 1;
    for (int i = 0; i < 2; i++) {
      d = 1 + terms[i] * d;
      c = 1 + terms[i] / c;
      d = 1 / (fabs(d) < tiny ? tiny : d);
      c = fabs(c) < tiny ? tiny : c;
      step = c * d;
      value *= step;
    }
    if (fabs(step - 1) < 1e-15) {
      break;
    }
  }
  return value;
}

/* The regularised incomplete beta function I_x(a, b), a and b above 0: the chance that a share
 * distributed as Beta(a, b) is below x. */
static double beta_below(double a, double b, double x)
{
  if (x <= 0 || x >= 1) {
    return x <= 0 ? 0 : 1;
  }
  double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a
                                   : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/* The x for which beta_below is p. It rises with x, so halving cannot go wrong, and it ends when
 * no number lies between the two. */
static double beta_quantile(double a, double b, double p)
{
  double low = 0;
  double high = 1;
  for (int i = 0; i < BISECTIONS; i++) {
    double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high || high - low < 1e-12 * high) {
      break;
    }
    *(beta_below(a, b, middle) < p ? &low : &high) = middle;
  }
  return low + (high - low) / 2;
}

void frank_estimate_bounds(double hits, double tries, double level, double *low, double *high)
{
  double tail = (1 - level) / 2;
  assert(hits >= 0 && hits <= tries && level > 0 && level < 1);
  double misses = tries - hits;
  *low = hits > 0 ? beta_quantile(hits, misses + 1, tail) : 0;
  *high = misses > 0 ? beta_quantile(hits + 1, misses, 1 - tail) : 1;
}

/* ---- who counts for how much ---- */

struct voice {
  double share;  /* of spam */
  double weight; /* messages, after the cap */
};

static int by_share(const void *a, const void *b)
{
  double x = ((const struct voice *)a)->share;
  double y = ((const struct voice *)b)->share;
  return (x > y) - (x < y);
}

static int by_weight(const void *a, const void *b)
{
  double x = ((const struct voice *)a)->weight;
  double y = ((const struct voice *)b)->weight;
  return (x > y) - (x < y);
}

/* The largest cap c with c <= most x (sum of min(weight, c)) / known: then nobody has more than
 * `most` equal shares of all that are known. 0 where too few of them are heard, whatever c.
 * `voices` come sorted by weight, lightest first. */
static double cap_of(const struct voice *voices, size_t count, size_t known, double most)
{
  double below = 0; /* of those that are lighter than the cap */
  double cap = 0;
  for (size_t i = 0; i < count; i++) {
    /* With a cap between the weights of i-1 and i: c <= (below + (count - i) c) most / known. */
    double slope = 1 - most * (double)(count - i) / (double)known;
    double limit = slope <= 1e-9 ? INFINITY : below * most / (double)known / slope;
    cap = limit < voices[i].weight ? limit : voices[i].weight;
    if (limit < voices[i].weight) {
      break;
    }
    below += voices[i].weight;
  }
  return cap;
}

/* Leaves out `trim` of the weight on each side, by share, and adds up the rest. */
static void add_middle(struct voice *voices, size_t count, double trim, struct frank_estimate *out)
{
  double total = 0;
  double at = 0;
  for (size_t i = 0; i < count; i++) {
    total += voices[i].weight;
  }
  qsort(voices, count, sizeof voices[0], by_share);
  for (size_t i = 0; i < count; i++) {
    double from = fmax(at, total * trim);
    double to = fmin(at + voices[i].weight, total * (1 - trim));
    if (to > from) {
      out->spam += (to - from) * voices[i].share;
      out->ham += (to - from) * (1 - voices[i].share);
    }
    at += voices[i].weight;
  }
}

/* A new one is reckoned with at once: else the first ones to report would be alone, and false ones
 * can be the first. */
static bool is_known(const struct frank_estimate_config *config,
                     const struct frank_observations_sum *sum)
{
  return sum->is_new || sum->stamped >= config->reporter_known;
}

static enum frank_err listen(const struct frank_estimate_config *config,
                             const struct frank_observations_sum *sums, size_t count,
                             struct frank_estimate *out)
{
  struct voice *voices = malloc((count + 1) * sizeof *voices);
  size_t heard = 0;
  double cap = INFINITY;
  double trim = 0;
  if (!voices) {
    return FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    out->reporters += is_known(config, &sums[i]);
  }
  bool as_is = out->reporters <= BELIEVED_AS_IS;
  for (size_t i = 0; i < count; i++) {
    double messages = sums[i].ham + sums[i].spam;
    if (messages > 0 && sums[i].is_fresh &&
        (as_is || (is_known(config, &sums[i]) && messages >= config->reporter_least))) {
      voices[heard++] = (struct voice){.share = sums[i].spam / messages, .weight = messages};
    }
  }
  out->heard = (uint32_t)heard;
  if (as_is && out->reporters < out->heard) {
    out->reporters = out->heard;
  }
  if (!as_is) {
    trim = config->trim_share;
    qsort(voices, heard, sizeof voices[0], by_weight);
    cap = cap_of(voices, heard, out->reporters, config->reporter_most);
  }
  for (size_t i = 0; i < heard; i++) {
    out->capped += voices[i].weight > cap;
    voices[i].weight = fmin(voices[i].weight, cap);
  }
  add_middle(voices, heard, trim, out);
  free(voices);
  return FRANK_OK;
}

/* ---- what was published ---- */

void frank_estimate_look_back(const struct frank_estimate_config *config,
                              const struct frank_estimate_epoch *epochs, size_t count,
                              int64_t now_s, struct frank_estimate_past *past)
{
  assert(count >= 1);
  *past = (struct frank_estimate_past){.factor = epochs[count - 1].factor};
  size_t top = count - 1;
  while (top > 0 && epochs[top].factor <= epochs[top - 1].factor) {
    top--;
  }
  if (top == 0) {
    return;
  }
  past->risen_s = epochs[top].issued_s;
  if ((double)(now_s - past->risen_s) >= config->hold_s) {
    return;
  }
  size_t foot = top;
  while (foot > 0 && epochs[foot].factor >= epochs[foot - 1].factor) {
    foot--;
  }
  past->risen_from = epochs[foot].factor;
}

/* ---- one step ---- */

static uint64_t to_factor(double value)
{
  return value < 1                           ? 1
         : value >= (double)FRANK_FACTOR_MAX ? FRANK_FACTOR_MAX
                                             : (uint64_t)(value + 0.5);
}

/* Sinking stops above what it had to rise from not long ago. */
static void sink(const struct frank_estimate_config *config, const struct frank_estimate_past *past,
                 struct frank_estimate *out)
{
  double lowest = config->hold_above * (double)past->risen_from;
  if (out->wanted <= lowest) {
    out->limit = FRANK_ESTIMATE_HELD;
    return;
  }
  out->limit = FRANK_ESTIMATE_SINKS;
  out->wanted = fmax(out->wanted * config->sink_by, lowest);
}

/* Moves out->wanted as the shares ask for. */
static void control(const struct frank_estimate_config *config,
                    const struct frank_estimate_past *past, struct frank_estimate *out)
{
  double messages = out->ham + out->spam;
  frank_estimate_bounds(out->spam, messages, LEVEL, &out->share_low, &out->share_high);
  if (messages < config->least_messages) {
    out->limit = FRANK_ESTIMATE_TOO_FEW;
  } else if (out->share_low > config->raise_above) {
    out->limit = FRANK_ESTIMATE_RISES;
    out->wanted *= fmin(out->share_low / config->raise_above, config->raise_most);
  } else if (out->share_high < config->sink_below) {
    sink(config, past, out);
  } else {
    out->limit = FRANK_ESTIMATE_STAYS;
  }
}

/* Holds it between floor and ceiling, and decides whether it is published. */
static void hold(const struct frank_estimate_config *config, uint64_t factor,
                 struct frank_estimate *out)
{
  const double floor = (double)out->floor;
  const double ceiling = (double)out->ceiling;
  if (out->wanted < floor || (out->wanted <= floor && out->limit == FRANK_ESTIMATE_SINKS)) {
    out->wanted = floor;
    out->limit = FRANK_ESTIMATE_AT_FLOOR;
  } else if (out->wanted > ceiling ||
             (out->wanted >= ceiling && out->limit == FRANK_ESTIMATE_RISES)) {
    out->wanted = ceiling;
    out->limit = FRANK_ESTIMATE_AT_CEILING;
  }
  uint64_t wanted = to_factor(out->wanted);
  double change = fabs((double)wanted - (double)factor);
  out->publish = wanted != factor && change >= config->publish_from * (double)factor;
  out->factor = out->publish ? wanted : factor;
  if (!out->publish && (out->limit == FRANK_ESTIMATE_RISES || out->limit == FRANK_ESTIMATE_SINKS)) {
    out->limit = FRANK_ESTIMATE_UNPUBLISHED;
  }
}

static void explain(const struct frank_estimate_config *config, struct frank_estimate *out)
{
  static const char *const texts[FRANK_ESTIMATE_LIMIT_COUNT] = {
      [FRANK_ESTIMATE_TOO_FEW] = "stays: too few messages",
      [FRANK_ESTIMATE_STAYS] = "stays: the share lies between the bounds",
      [FRANK_ESTIMATE_RISES] = "rises: too much spam",
      [FRANK_ESTIMATE_SINKS] = "sinks: hardly any spam",
      [FRANK_ESTIMATE_HELD] = "would sink: held, for lower it had to rise not long ago",
      [FRANK_ESTIMATE_AT_FLOOR] = "held at the floor",
      [FRANK_ESTIMATE_AT_CEILING] = "held at the ceiling",
      [FRANK_ESTIMATE_UNPUBLISHED] = "moves, but by too little to be published yet",
  };
  (void)snprintf(out->reason, sizeof out->reason,
                 "%s; spam is %.3f%% to %.3f%% of %.0f messages that meet it, from %u of %u "
                 "reporters (%u capped); it rises above %g%%, sinks below %g%%",
                 texts[out->limit], out->share_low * 100, out->share_high * 100,
                 out->ham + out->spam, out->heard, out->reporters, out->capped,
                 config->raise_above * 100, config->sink_below * 100);
}

enum frank_err frank_estimate_step(const struct frank_estimate_config *config,
                                   const struct frank_estimate_past *past,
                                   const struct frank_observations_sum *sums, size_t count,
                                   struct frank_estimate *out)
{
  *out = (struct frank_estimate){.wanted = past->wanted > 0 ? past->wanted : (double)past->factor};
  out->floor = to_factor(config->reference_hps * config->min_seconds);
  out->ceiling = to_factor(config->reference_hps * config->max_seconds);
  if (out->ceiling < out->floor) {
    out->ceiling = out->floor;
  }
  enum frank_err err = listen(config, sums, count, out);
  if (err == FRANK_OK) {
    control(config, past, out);
    hold(config, past->factor, out);
    explain(config, out);
  }
  return err;
}
