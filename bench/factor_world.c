#include "bench/factor_world.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S       86400.0
#define FACTORS_MAX 64     /* that mail in memory was minted for: older ones are merged */
#define WRONG_HAM   0.0005 /* of ham that honest reporters call spam */
#define MISSED_SPAM 0.02   /* of spam that they call ham */
#define LATE        0.03   /* of mail that is minted for the factor of the day before */
#define STARTS_AFTER                                                                               \
  3 /* days of profit in sight: then a spammer mails; he stops at once,                            \
       for he knows the price of each stamp that he makes */
#define TURN_DAYS     30
#define FALSE_REPORTS 20000.0 /* a false reporter's messages per day, if it may */

/* ---- chance ---- */

struct chance {
  uint64_t state;
};

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t chance_u64(struct chance *chance)
{
  uint64_t z = chance->state += 0x9e3779b97f4a7c15U;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

static double chance_unit(struct chance *chance) /* above 0, below 1 */
{
  return ((double)(chance_u64(chance) >> 11) + 0.5) / 9007199254740992.0;
}

static double chance_normal(struct chance *chance)
{
  double radius = sqrt(-2 * log(chance_unit(chance)));
  return radius * cos(2 * 3.14159265358979323846 * chance_unit(chance));
}

/* Poisson: by products of uniform numbers (Knuth), or above 50 by its normal limit. */
static double chance_poisson(struct chance *chance, double mean)
{
  if (mean > 50) {
    return fmax(0, floor(mean + sqrt(mean) * chance_normal(chance) + 0.5));
  }
  double count = 0;
  double least = exp(-mean);
  double product = chance_unit(chance);
  while (product > least) {
    product *= chance_unit(chance);
    count++;
  }
  return count;
}

/* ---- the world ---- */

/* What one reporter has told, by the factor that the mail was minted for. A stamp minted for G
 * meets a higher F by luck in G/F of the cases: its hash is uniform below 2^256/G. */
struct told {
  double ham[FACTORS_MAX]; /* since the last rise; decayed, as the others are */
  double spam[FACTORS_MAX];
  double stamped; /* all, of any time */
  unsigned last_day;
};

struct reporter {
  double size;       /* stamped ham per day */
  double spam_share; /* of the mail of the day that meets the factor, as it was */
  bool is_false;
  struct told told;
};

struct spammer {
  double revenue;
  double volume; /* mails per day to all reporters together, if it mails */
  double reach;  /* share of the reporters that are on its lists */
  uint64_t salt;
  bool in_farm;
  unsigned profit_days; /* in a row, to this one */
};

/* Who sends ham: each has so much time for a mail, and gives up with its best hash. */
static const struct sender {
  double share; /* of ham */
  double hps;   /* for one mail at a time */
  double patience_s;
} senders[] = {
    {0.05, 1e6, 60},  /* a telephone, a small board */
    {0.30, 3e6, 120}, /* a share of a virtual server */
    {0.35, 5e6, 300}, /* a core of a small server */
    {0.30, 4e9, 60},  /* a provider with GPUs or FPGAs */
};
#define SENDER_COUNT (sizeof senders / sizeof senders[0])

struct world {
  const struct bench_factor_scenario *scenario;
  struct frank_estimate_config config;
  struct chance chance;
  struct reporter *reporters;
  struct spammer *spammers;
  struct frank_observations_sum *sums;
  double minted_for[FACTORS_MAX];
  size_t factor_count;
  uint64_t factor, factor_before;
  double wanted;
  double ham_total; /* per day, all reporters */
  struct frank_estimate_epoch *epochs;
  size_t epoch_count;
};

static bool is_within(struct bench_factor_span span, unsigned day)
{
  return day >= span.first_day && day < span.end_day;
}

static int by_size(const void *a, const void *b)
{
  double x = ((const struct reporter *)a)->size;
  double y = ((const struct reporter *)b)->size;
  return (x < y) - (x > y);
}

static void people(struct world *world)
{
  const struct bench_factor_scenario *s = world->scenario;
  for (unsigned i = 0; i < s->reporters; i++) {
    struct reporter *reporter = &world->reporters[i];
    reporter->size = s->reporter_median * exp(s->reporter_spread * chance_normal(&world->chance));
    world->ham_total += reporter->size;
  }
  qsort(world->reporters, s->reporters, sizeof *world->reporters, by_size);
  unsigned left = (unsigned)(s->false_share * s->reporters + 1e-9);
  unsigned others = s->reporters;
  for (unsigned i = 0; i < s->reporters; i++, others--) {
    /* Each as likely as the other, and as many as they must be. */
    double chosen = chance_unit(&world->chance) * others;
    world->reporters[i].is_false = s->false_are_large ? i < left : chosen < left;
    left -= !s->false_are_large && world->reporters[i].is_false;
  }
  double volumes = 0;
  for (unsigned i = 0; i < s->spammers; i++) {
    struct spammer *spammer = &world->spammers[i];
    spammer->revenue = s->revenue_median * exp(s->revenue_spread * chance_normal(&world->chance));
    spammer->volume = exp(chance_normal(&world->chance));
    spammer->reach = 0.2 + 0.8 * chance_unit(&world->chance);
    spammer->salt = chance_u64(&world->chance);
    spammer->in_farm = chance_unit(&world->chance) < s->farm_share;
    volumes += spammer->volume;
  }
  for (unsigned i = 0; i < s->spammers; i++) {
    world->spammers[i].volume *= s->spam_to_ham * world->ham_total / volumes;
  }
}

/* ---- a day's mail ---- */

static double gpu_dollars(const struct world *world, unsigned day)
{
  return BENCH_FACTOR_GPU_DOLLARS_HOUR / 3600 / BENCH_FACTOR_GPU_HPS *
         exp2(-(double)day / world->scenario->gpu_price_halves_days);
}

static bool is_on_list(const struct spammer *spammer, unsigned reporter)
{
  struct chance chance = {.state = spammer->salt + reporter};
  return chance_unit(&chance) < spammer->reach;
}

/* Spam that each reporter gets, into `spam`; returns how many spammers mail. */
static unsigned spam_of_day(struct world *world, unsigned day, double *spam)
{
  const struct bench_factor_scenario *s = world->scenario;
  unsigned active = 0;
  memset(spam, 0, s->reporters * sizeof *spam);
  for (unsigned i = 0; i < s->spammers; i++) {
    struct spammer *spammer = &world->spammers[i];
    double cheaper = spammer->in_farm && is_within(s->farm, day) ? s->farm_cheaper : 1;
    double cost = gpu_dollars(world, day) / cheaper * (double)world->factor;
    spammer->profit_days = spammer->revenue > cost ? spammer->profit_days + 1 : 0;
    bool is_active = spammer->profit_days > STARTS_AFTER;
    active += is_active;
    for (unsigned k = 0; k < s->reporters && is_active; k++) {
      spam[k] += is_on_list(spammer, k) ? spammer->volume * world->reporters[k].size /
                                              world->ham_total / spammer->reach
                                        : 0;
    }
  }
  if (is_within(s->botnet, day)) {
    double mails = s->botnet_hps * DAY_S / (double)world->factor * s->botnet_seen_share;
    for (unsigned k = 0; k < s->reporters; k++) {
      spam[k] += mails * world->reporters[k].size / world->ham_total;
    }
  }
  return active;
}

/* The share of ham whose stamp meets the factor that it is minted for. */
static double ham_in_time(uint64_t factor)
{
  double share = 0;
  for (size_t i = 0; i < SENDER_COUNT; i++) {
    share += senders[i].share * -expm1(-senders[i].hps * senders[i].patience_s / (double)factor);
  }
  return share;
}

static enum bench_factor_lie lie_of(const struct world *world, const struct reporter *reporter,
                                    unsigned day)
{
  const struct bench_factor_scenario *s = world->scenario;
  if (!reporter->is_false || !is_within(s->lying, day)) {
    return BENCH_FACTOR_HONEST;
  }
  if (s->lie != BENCH_FACTOR_TURNS) {
    return s->lie;
  }
  return day / TURN_DAYS % 2 == 0 ? BENCH_FACTOR_ALL_SPAM : BENCH_FACTOR_ALL_HAM;
}

/* Where mail minted for this factor is counted. The oldest places are merged when all are used:
 * what was minted for them has decayed. */
static size_t place_of(struct world *world, uint64_t factor)
{
  for (size_t i = 0; i < world->factor_count; i++) {
    if (world->minted_for[i] == (double)factor) {
      return i;
    }
  }
  if (world->factor_count == FACTORS_MAX) {
    for (unsigned k = 0; k < world->scenario->reporters; k++) {
      struct told *told = &world->reporters[k].told;
      double *const lists[] = {told->ham, told->spam};
      for (int l = 0; l < 2; l++) {
        lists[l][1] += lists[l][0];
        memmove(lists[l], lists[l] + 1, (FACTORS_MAX - 1) * sizeof(double));
        lists[l][FACTORS_MAX - 1] = 0;
      }
    }
    memmove(world->minted_for, world->minted_for + 1, (FACTORS_MAX - 1) * sizeof(double));
    world->factor_count--;
  }
  world->minted_for[world->factor_count] = (double)factor;
  return world->factor_count++;
}

/* What one reporter got and tells; adds to the true counts of mail that meets the factor. */
static void tell(struct world *world, struct reporter *reporter, double spam_mean, unsigned day,
                 double true_counts[2])
{
  double decay = exp2(-DAY_S / world->config.half_life_s);
  double in_time = ham_in_time(world->factor);
  double ham_all = chance_poisson(&world->chance, reporter->size);
  double ham = chance_poisson(&world->chance, reporter->size * in_time);
  double spam = chance_poisson(&world->chance, spam_mean);
  double said_spam = spam - chance_poisson(&world->chance, spam * MISSED_SPAM) +
                     chance_poisson(&world->chance, ham * WRONG_HAM);
  said_spam = fmin(fmax(said_spam, 0), ham + spam);
  double said_ham = ham + spam - said_spam;
  struct told *told = &reporter->told;
  reporter->spam_share = spam > 0 ? spam / (ham + spam) : 0;
  true_counts[0] += ham;
  true_counts[1] += spam;
  enum bench_factor_lie lie = lie_of(world, reporter, day);
  if (lie != BENCH_FACTOR_HONEST) {
    said_spam = lie == BENCH_FACTOR_ALL_SPAM ? FALSE_REPORTS : 0;
    said_ham = lie == BENCH_FACTOR_ALL_HAM ? FALSE_REPORTS : 0;
    ham_all = FALSE_REPORTS;
  }
  for (size_t i = 0; i < world->factor_count; i++) {
    told->ham[i] *= decay;
    told->spam[i] *= decay;
  }
  told->stamped *= decay;
  if (is_within(world->scenario->silence, day)) {
    return;
  }
  size_t now = place_of(world, world->factor);
  size_t late = place_of(world, world->factor_before);
  told->ham[now] += said_ham * (1 - LATE);
  told->spam[now] += said_spam * (1 - LATE);
  told->ham[late] += said_ham * LATE;
  told->spam[late] += said_spam * LATE;
  told->stamped += ham_all + spam;
  told->last_day = ham_all + spam > 0 ? day : told->last_day;
}

static void add_up(struct world *world, unsigned day)
{
  for (unsigned k = 0; k < world->scenario->reporters; k++) {
    struct frank_observations_sum *sum = &world->sums[k];
    const struct told *told = &world->reporters[k].told;
    *sum = (struct frank_observations_sum){.stamped = told->stamped};
    sum->is_new = day * DAY_S < (double)FRANK_REPORTER_NEW_S;
    sum->is_fresh =
        told->stamped > 0 && (day - told->last_day) * DAY_S < (double)FRANK_REPORTER_FRESH_S;
    for (size_t i = 0; i < world->factor_count; i++) {
      double meets = fmin(1, world->minted_for[i] / (double)world->factor);
      sum->ham += meets * told->ham[i];
      sum->spam += meets * told->spam[i];
    }
  }
}

/* ---- the authority ---- */

static int64_t now_of(unsigned day)
{
  return (int64_t)((day + 1) * DAY_S);
}

static void publish(struct world *world, unsigned day, uint64_t factor)
{
  world->epochs[world->epoch_count++] =
      (struct frank_estimate_epoch){.factor = factor, .issued_s = now_of(day)};
  if (factor > world->factor) { /* what came before counts no more: frank_observations_sums */
    for (unsigned k = 0; k < world->scenario->reporters; k++) {
      struct told *told = &world->reporters[k].told;
      memset(told->ham, 0, sizeof told->ham);
      memset(told->spam, 0, sizeof told->spam);
    }
  }
  world->factor = factor;
}

static enum frank_err step(struct world *world, unsigned day, struct bench_factor_day *out)
{
  struct frank_estimate estimate;
  struct frank_estimate_past past;
  frank_estimate_look_back(&world->config, world->epochs, world->epoch_count, now_of(day), &past);
  past.wanted = world->wanted;
  world->config.reference_hps = frank_estimate_reference_hps(0) * exp2(day / (5 * 365.25));
  add_up(world, day);
  enum frank_err err = frank_estimate_step(&world->config, &past, world->sums,
                                           world->scenario->reporters, &estimate);
  if (err != FRANK_OK) {
    return err;
  }
  out->wanted = estimate.wanted;
  out->share_low = estimate.share_low;
  out->share_high = estimate.share_high;
  out->counted = estimate.ham + estimate.spam;
  out->reporters = estimate.reporters;
  out->heard = estimate.heard;
  out->capped = estimate.capped;
  out->limit = estimate.limit;
  out->published = estimate.publish;
  world->wanted = estimate.wanted;
  if (estimate.publish) {
    publish(world, day, estimate.factor);
  }
  return FRANK_OK;
}

static int by_value(const void *a, const void *b)
{
  double x = *(const double *)a;
  double y = *(const double *)b;
  return (x > y) - (x < y);
}

/* What two thirds of the reporters get, or more. `scratch` has room for all. */
static double wide_share(const struct world *world, double *scratch)
{
  for (unsigned k = 0; k < world->scenario->reporters; k++) {
    scratch[k] = world->reporters[k].spam_share;
  }
  qsort(scratch, world->scenario->reporters, sizeof *scratch, by_value);
  return scratch[world->scenario->reporters / 3];
}

static enum frank_err run_day(struct world *world, unsigned day, double *spam,
                              struct bench_factor_day *out)
{
  double counts[2] = {0, 0};
  uint64_t factor = world->factor;
  *out = (struct bench_factor_day){
      .factor = factor,
      .wanted = world->wanted,
      .gpu_million_dollars = 1e6 * gpu_dollars(world, day) * (double)factor,
      .core_seconds = (double)factor / BENCH_FACTOR_CORE_HPS,
  };
  out->active = spam_of_day(world, day, spam);
  for (unsigned k = 0; k < world->scenario->reporters; k++) {
    tell(world, &world->reporters[k], spam[k], day, counts);
  }
  out->true_share = counts[1] > 0 ? counts[1] / (counts[0] + counts[1]) : 0;
  out->wide_share = wide_share(world, spam);
  world->factor_before = factor;
  return is_within(world->scenario->outage, day) ? FRANK_OK : step(world, day, out);
}

enum frank_err bench_factor_run(const struct bench_factor_scenario *scenario,
                                const struct frank_estimate_config *config, uint64_t seed,
                                struct bench_factor_day *days)
{
  struct world world = {.scenario = scenario,
                        .chance = {.state = seed},
                        .factor = scenario->first_factor,
                        .factor_before = scenario->first_factor};
  enum frank_err err = FRANK_OK;
  if (scenario->days > BENCH_FACTOR_DAYS_MAX || scenario->reporters < 1 ||
      scenario->reporters > BENCH_FACTOR_REPORTERS_MAX ||
      scenario->spammers > BENCH_FACTOR_SPAMMERS_MAX) {
    return FRANK_ERR_RANGE;
  }
  frank_estimate_config_init(&world.config);
  world.config = config ? *config : world.config;
  double *spam = calloc(scenario->reporters, sizeof *spam);
  world.reporters = calloc(scenario->reporters, sizeof *world.reporters);
  world.spammers = calloc(scenario->spammers + 1, sizeof *world.spammers);
  world.sums = calloc(scenario->reporters, sizeof *world.sums);
  world.epochs = calloc(scenario->days + 2, sizeof *world.epochs);
  if (!spam || !world.reporters || !world.spammers || !world.sums || !world.epochs) {
    err = FRANK_ERR_NOMEM;
    goto cleanup;
  }
  people(&world);
  world.epochs[world.epoch_count++] =
      (struct frank_estimate_epoch){.factor = world.factor, .issued_s = 0};
  for (unsigned day = 0; day < scenario->days && err == FRANK_OK; day++) {
    err = run_day(&world, day, spam, &days[day]);
  }

cleanup:
  free(spam);
  free(world.reporters);
  free(world.spammers);
  free(world.sums);
  free(world.epochs);
  return err;
}
