#include "mail/milter/factor.h"

#include "base/clock.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/minder.h"
#include "door/client.h"
#include "factor/board.h"
#include "factor/factor_file.h"
#include "factor/source_list.h"
#include "proof/target.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16 /* of a daemon's answer */

/* What follows from the settings. It is made whole before it takes the place of another. */
struct plan {
  struct frank_milter_settings settings;
  struct frank_source_list sources;
  struct frank_board board;
  struct frank_factor_file files[FRANK_BOARD_SOURCES_MAX];
  struct frank_client *client; /* NULL: no frankd is asked */
  uint64_t ask_us;             /* when next */
  bool answered;               /* it has said a factor */
};

struct frank_milter_factor {
  struct frank_loop *loop;
  struct frank_milter_view *view;
  const char *state;
  struct plan *plan;
  struct frank_minder *resolver; /* NULL: no source has needed it */
  struct frank_judge_factor now;
  bool told; /* the view has it */
};

struct frank_source_settings
frank_milter_source_settings(const struct frank_milter_settings *settings)
{
  return (struct frank_source_settings){.factor = settings->factor,
                                        .floor = settings->floor,
                                        .max_factor = settings->max_factor,
                                        .url = settings->factor_url,
                                        .key = settings->factor_key,
                                        .file = "",
                                        .more = &settings->factor_sources,
                                        .allow_http = settings->factor_http};
}

/* ---- what is in force ---- */

static void put(struct frank_milter_factor *f, const struct frank_judge_factor *now)
{
  bool same_value = f->now.factor == now->factor && strcmp(f->now.source, now->source) == 0;
  frank_milter_view_put_factor(f->view, now);
  if (!f->told || !same_value || f->now.testing != now->testing) {
    frank_log(FRANK_LOG_INFO, "event=factor factor=%" PRIu64 " source=\"%s\"%s", now->factor,
              now->source, now->testing ? " mode=testing" : "");
  }
  f->now = *now;
  f->told = true;
}

/* The board's choice, with the previous factor of its document. */
static void choose(struct frank_milter_factor *f)
{
  const struct plan *plan = f->plan;
  struct frank_board_choice choice;
  struct frank_judge_factor now;
  int64_t now_s = frank_clock_unix_s();
  memset(&now, 0, sizeof now);
  frank_board_choose(&plan->board, now_s, &choice);
  const struct frank_board_source *source = &plan->board.list[choice.index];
  const struct frank_factor_document *document = &source->state.document;
  now.factor = choice.factor;
  (void)snprintf(now.source, sizeof now.source, "%s", choice.source);
  if (frank_source_is_followed(&plan->sources.list[choice.index]) && source->heard) {
    now.testing = document->testing != 0;
    if (document->has_previous != 0 && document->previous_until_s > now_s) {
      struct frank_resolver_source named = source->state;
      named.document.epoch = document->previous_epoch;
      now.previous = document->previous_factor;
      now.previous_until_s = document->previous_until_s;
      frank_resolver_source_name(&named, now.previous_source);
    }
  }
  put(f, &now);
}

/* ---- a frankd ---- */

/* It goes into header fields and logs: what is not a word of printable ASCII is left out. */
static void take_member_word(const json_t *object, const char *name, char *out, size_t size)
{
  const char *text = json_string_value(json_object_get(object, name));
  if (text == NULL || strlen(text) >= size) {
    return;
  }
  for (const char *at = text; *at != '\0'; at++) {
    if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\') {
      return;
    }
  }
  (void)snprintf(out, size, "%s", text);
}

static json_int_t member_integer(const json_t *object, const char *name)
{
  return json_integer_value(json_object_get(object, name)); /* 0 for null, and what is no integer */
}

static bool is_factor(json_int_t value)
{
  return value > 0 && (uint64_t)value <= FRANK_FACTOR_MAX;
}

/* Reads frankd's answer about factors. False: it is none. */
static bool read_answer(const char *text, struct frank_judge_factor *now)
{
  struct frank_json_walk walk;
  frank_json_walk(text, strlen(text), &walk);
  json_t *answer = walk.depth_max <= DEPTH_MAX ? json_loads(text, 0, NULL) : NULL;
  json_int_t factor = member_integer(answer, "factor");
  bool good = is_factor(factor);
  size_t i = 0;
  json_t *source = NULL;
  memset(now, 0, sizeof *now);
  now->factor = good ? (uint64_t)factor : 0;
  take_member_word(answer, "source", now->source, sizeof now->source);
  json_array_foreach(json_object_get(answer, "sources"), i, source)
  {
    json_int_t previous = member_integer(source, "previous_factor");
    if (!json_is_true(json_object_get(source, "in_force"))) {
      continue;
    }
    now->testing = json_is_true(json_object_get(source, "testing"));
    if (is_factor(previous)) {
      now->previous = (uint64_t)previous;
      now->previous_until_s = member_integer(source, "previous_until");
      (void)snprintf(now->previous_source, sizeof now->previous_source, "%s", now->source);
    }
  }
  json_decref(answer);
  return good;
}

/* What it said last counts while it says nothing: a daemon that is started anew is no reason to
 * judge otherwise. */
static void ask_daemon(struct frank_milter_factor *f, uint64_t now_us)
{
  struct plan *plan = f->plan;
  struct frank_judge_factor now;
  char *answer = NULL;
  if (now_us < plan->ask_us) {
    return;
  }
  bool good = frank_client_ask(plan->client, "factor", NULL, FRANK_MILTER_ASK_LIMIT_MS, &answer) ==
                  FRANK_OK &&
              read_answer(answer, &now);
  free(answer);
  if (good) {
    plan->answered = true;
    put(f, &now);
  } else if (!plan->answered) { /* kept: the factor of settings before these */
    frank_log(FRANK_LOG_WARN, "event=%s why=\"%s does not answer\"",
              f->now.factor == 0 ? "no-factor" : "factor-kept", plan->settings.connect.items[0]);
  }
  /* without any factor stamped mail is temperror: one that starts later is found at once */
  plan->ask_us =
      frank_clock_now_us() + (f->now.factor == 0 ? 1 : FRANK_MILTER_ASK_EVERY_S) * FRANK_US_PER_S;
}

static enum frank_err make_client(const struct frank_milter_settings *settings,
                                  struct frank_client **out, char *why)
{
  const char *endpoints[FRANK_CLIENT_ENDPOINTS_MAX];
  char text[FRANK_CLIENT_WHY_BYTES];
  struct frank_client_config config = {
      .endpoints = endpoints,
      .endpoint_count = settings->connect.count,
      .key_dir = settings->client_keys[0] != '\0' ? settings->client_keys : NULL};
  for (uint32_t i = 0; i < settings->connect.count && i < FRANK_CLIENT_ENDPOINTS_MAX; i++) {
    endpoints[i] = settings->connect.items[i];
  }
  enum frank_err err = frank_client_new(&config, out, text);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s", text);
  }
  return err;
}

/* ---- the resolver ---- */

static void on_ready(void *arg, const struct frank_record_ready *ready, bool back)
{
  (void)arg;
  (void)ready;
  if (back) {
    frank_log(FRANK_LOG_INFO, "event=resolver-back");
  }
}

/* It is started again and again; until then the next source in order serves. */
static void on_failed(void *arg, const struct frank_record_failed *failed)
{
  (void)arg;
  (void)failed;
}

static enum frank_err on_record(void *arg, uint16_t type, const void *payload, size_t len_bytes)
{
  struct frank_milter_factor *f = arg;
  struct frank_resolver_source source;
  if (type != FRANK_RESOLVER_SOURCE || len_bytes != sizeof source) {
    return FRANK_ERR_MALFORMED;
  }
  memcpy(&source, payload, sizeof source);
  enum frank_err err = frank_board_hear(&f->plan->board, &source, frank_clock_unix_s());
  if (err == FRANK_OK) {
    choose(f);
  }
  return err;
}

static bool needs_resolver(const struct plan *plan)
{
  for (size_t i = 0; i < plan->sources.count && plan->client == NULL; i++) {
    if (frank_source_is_followed(&plan->sources.list[i])) {
      return true;
    }
  }
  return false;
}

static enum frank_err set_args(const struct frank_milter_factor *f, const struct plan *plan,
                               struct frank_minder *resolver)
{
  static const char *const levels[] = {"error", "warn", "info", "debug"};
  const struct frank_milter_settings *settings = &plan->settings;
  const char *args[FRANK_MINDER_ARGS_MAX + 1];
  size_t count = 0;
  for (size_t i = 0; i < plan->sources.count; i++) {
    if (frank_source_is_followed(&plan->sources.list[i])) {
      args[count++] = "--source";
      args[count++] = plan->sources.list[i].text;
    }
  }
  for (uint32_t i = 0; i < settings->dns_servers.count && i < FRANK_RESOLVER_SERVERS_MAX; i++) {
    args[count++] = "--dns-server";
    args[count++] = settings->dns_servers.items[i];
  }
  const struct {
    const char *flag;
    const char *value;
  } texts[] = {{"--state", f->state != NULL ? f->state : ""},
               {"--dns-anchor", settings->dns_anchor},
               {"--ca-file", settings->factor_ca},
               {"--log-level", levels[settings->log_level < 4 ? settings->log_level : 2]}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (texts[i].value[0] != '\0') {
      args[count++] = texts[i].flag;
      args[count++] = texts[i].value;
    }
  }
  if (settings->factor_http) {
    args[count++] = "--allow-http";
  }
  args[count] = NULL;
  return frank_minder_set_args(resolver, args);
}

/* *resolver is the one that there is, or a new one that does not run yet; NULL: the plan needs
 * none. On an error the one that there is goes on as it was. */
static enum frank_err prepare_resolver(struct frank_milter_factor *f, const struct plan *plan,
                                       struct frank_minder **resolver, char *why)
{
  const struct frank_minder_calls calls = {
      .ready = on_ready, .record = on_record, .failed = on_failed, .arg = f};
  char text[FRANK_MINDER_WHY_BYTES] = "no memory";
  enum frank_err err = FRANK_OK;
  *resolver = NULL;
  if (!needs_resolver(plan)) {
    return FRANK_OK;
  }
  *resolver = f->resolver;
  if (f->resolver == NULL) {
    err = frank_minder_new(f->loop, "frank-resolver", &calls, resolver, text);
  }
  if (err == FRANK_OK) {
    err = set_args(f, plan, *resolver);
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s", text);
    if (*resolver != f->resolver) {
      frank_minder_destroy(resolver);
    }
  }
  return err;
}

/* ---- files ---- */

static void read_files(struct plan *plan)
{
  for (size_t i = 0; i < plan->board.count; i++) {
    struct frank_board_source *source = &plan->board.list[i];
    const char *path = plan->sources.list[i].path;
    char why[FRANK_FACTOR_WHY_BYTES];
    uint64_t factor = 0;
    if (source->kind != FRANK_BOARD_FILE || !frank_factor_file_changed(&plan->files[i], path)) {
      continue;
    }
    if (frank_factor_file_read(&plan->files[i], path, &factor, why, sizeof why) == FRANK_OK &&
        factor <= plan->board.max_factor) {
      source->factor = factor;
    } else {
      frank_log(FRANK_LOG_WARN, "event=factor-kept file=\"%s\" why=\"%s\"", path,
                factor > plan->board.max_factor ? "it is above max_factor" : why);
    }
  }
}

/* ---- life ---- */

static void destroy_plan(struct plan **plan)
{
  if (*plan != NULL) {
    frank_client_destroy(&(*plan)->client);
    free(*plan);
    *plan = NULL;
  }
}

/* `old` is the one that it follows, NULL: none. */
static enum frank_err make_plan(const struct frank_milter_settings *settings,
                                const struct plan *old, struct plan **out, char *why)
{
  struct plan *plan = calloc(1, sizeof *plan);
  enum frank_err err = FRANK_OK;
  *out = plan;
  if (plan == NULL) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  plan->settings = *settings;
  if (settings->mode == FRANK_MILTER_VERIFY && settings->factor == 0 &&
      settings->connect.count > 0) {
    err = make_client(settings, &plan->client, why);
  }
  const struct frank_source_settings named = frank_milter_source_settings(&plan->settings);
  frank_source_list_make(&named, &plan->sources);
  frank_source_list_board(&plan->sources, settings->max_factor, old != NULL ? &old->board : NULL,
                          &plan->board);
  return err;
}

/* All that can fail comes before the first change. */
static enum frank_err set_up(struct frank_milter_factor *f,
                             const struct frank_milter_settings *settings, char *why)
{
  struct plan *plan = NULL;
  struct frank_minder *resolver = NULL;
  enum frank_err err = make_plan(settings, f->plan, &plan, why);
  if (err == FRANK_OK) {
    err = prepare_resolver(f, plan, &resolver, why);
  }
  if (err != FRANK_OK) {
    destroy_plan(&plan);
    return err;
  }
  destroy_plan(&f->plan);
  f->plan = plan;
  if (resolver != NULL) {
    f->resolver = resolver;
    frank_minder_restart(f->resolver);
  } else if (f->resolver != NULL) {
    frank_minder_rest(f->resolver);
  }
  return FRANK_OK;
}

enum frank_err frank_milter_factor_new(struct frank_loop *loop,
                                       const struct frank_milter_settings *settings,
                                       const char *state, struct frank_milter_view *view,
                                       struct frank_milter_factor **out, char *why)
{
  struct frank_milter_factor *f = calloc(1, sizeof *f);
  *out = NULL;
  if (f == NULL) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  f->loop = loop;
  f->view = view;
  f->state = state;
  enum frank_err err = set_up(f, settings, why);
  if (err != FRANK_OK) {
    frank_milter_factor_destroy(&f);
    return err;
  }
  frank_milter_factor_tick(f, frank_clock_now_us());
  *out = f;
  return FRANK_OK;
}

void frank_milter_factor_destroy(struct frank_milter_factor **factor)
{
  if (*factor != NULL) {
    frank_minder_destroy(&(*factor)->resolver);
    destroy_plan(&(*factor)->plan);
    free(*factor);
    *factor = NULL;
  }
}

enum frank_err frank_milter_factor_reload(struct frank_milter_factor *factor,
                                          const struct frank_milter_settings *settings, char *why)
{
  enum frank_err err = set_up(factor, settings, why);
  if (err == FRANK_OK) {
    frank_milter_factor_tick(factor, frank_clock_now_us());
  }
  return err;
}

void frank_milter_factor_tick(struct frank_milter_factor *factor, uint64_t now_us)
{
  if (factor->resolver != NULL) {
    frank_minder_tick(factor->resolver, now_us);
  }
  if (factor->plan->client != NULL) {
    ask_daemon(factor, now_us);
    return;
  }
  read_files(factor->plan);
  choose(factor);
}

uint64_t frank_milter_factor_now(const struct frank_milter_factor *factor)
{
  return factor->now.factor;
}
