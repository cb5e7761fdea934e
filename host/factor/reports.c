#include "factor/reports.h"

#include "base/json_text.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX    4 /* the object, the list, an observation, and one to spare */
#define KEY_BYTES    72
#define DAY_S        86400
#define RETRY_BUSY_S 5
#define TEXT_BYTES   320

/* What is remembered of a reporter or an address. */
struct meter {
  char key[KEY_BYTES]; /* "": free */
  uint64_t at_us;      /* when `used` was right */
  uint32_t used;
};
struct meters {
  struct meter entries[FRANK_REPORT_TABLE];
  uint32_t most;     /* of `used` */
  uint64_t every_us; /* one is given back */
};

struct frank_reports {
  struct frank_observations *observations;
  struct meters reporters;
  struct meters addresses; /* wrong tokens */
};

enum frank_err frank_reports_new(struct frank_observations *observations,
                                 struct frank_reports **out)
{
  struct frank_reports *reports = calloc(1, sizeof *reports);
  *out = reports;
  if (!reports) {
    return FRANK_ERR_NOMEM;
  }
  reports->observations = observations;
  reports->reporters.most = FRANK_REPORT_BURST;
  reports->reporters.every_us = FRANK_REPORT_EVERY_US;
  reports->addresses.most = FRANK_REPORT_WRONG_MAX;
  reports->addresses.every_us = FRANK_REPORT_WRONG_US / FRANK_REPORT_WRONG_MAX;
  return FRANK_OK;
}

void frank_reports_destroy(struct frank_reports **reports)
{
  free(*reports);
  *reports = NULL;
}

/* ---- limits ---- */

static void give_back(const struct meters *meters, struct meter *meter, uint64_t now_us)
{
  uint64_t passed = now_us > meter->at_us ? (now_us - meter->at_us) / meters->every_us : 0;
  meter->used -= passed < meter->used ? (uint32_t)passed : meter->used;
  meter->at_us = meter->used > 0 ? meter->at_us + passed * meters->every_us : now_us;
}

/* Of this key, or the entry that can best be spared for it: a free one, else the least used, else
 * the longest unchanged. */
static struct meter *meter_of(struct meters *meters, const char *key, uint64_t now_us, bool make)
{
  struct meter *spare = &meters->entries[0];
  for (size_t i = 0; i < FRANK_REPORT_TABLE; i++) {
    struct meter *meter = &meters->entries[i];
    give_back(meters, meter, now_us);
    if (meter->key[0] != '\0' && strcmp(meter->key, key) == 0) {
      return meter;
    }
    if (meter->used < spare->used || (meter->used == spare->used && meter->at_us < spare->at_us)) {
      spare = meter;
    }
  }
  if (!make) {
    return NULL;
  }
  *spare = (struct meter){.at_us = now_us};
  (void)snprintf(spare->key, sizeof spare->key, "%s", key);
  return spare;
}

/* Seconds until there is room again; 0: there is. */
static uint32_t wait_of(struct meters *meters, const char *key, uint64_t now_us)
{
  const struct meter *meter = meter_of(meters, key, now_us, false);
  if (!meter || meter->used < meters->most) {
    return 0;
  }
  uint64_t until_us = meter->at_us + meters->every_us;
  return (uint32_t)((until_us > now_us ? until_us - now_us : 0) / 1000000 + 1);
}

static void use_one(struct meters *meters, const char *key, uint64_t now_us)
{
  meter_of(meters, key, now_us, true)->used++;
}

/* Who has one IPv6 address commonly has the 2^64 beside it. */
static void address_key(const char *peer, char key[KEY_BYTES])
{
  struct in6_addr address;
  char text[INET6_ADDRSTRLEN];
  if (peer && inet_pton(AF_INET6, peer, &address) == 1 && !IN6_IS_ADDR_V4MAPPED(&address)) {
    memset(&address.s6_addr[8], 0, 8);
    (void)snprintf(key, KEY_BYTES, "%s/64",
                   inet_ntop(AF_INET6, &address, text, sizeof text) ? text : "");
  } else {
    (void)snprintf(key, KEY_BYTES, "%s", peer && peer[0] != '\0' ? peer : "unknown");
  }
}

/* ---- the body ---- */

/* One POST on its way. */
struct post {
  struct frank_reports *reports;
  int64_t now_s;
  struct frank_observation *list;
  size_t count;
  uint64_t messages;
  char id[FRANK_OBSERVATIONS_REPORT_BYTES + 1];
  char text[TEXT_BYTES]; /* what is wrong */
};

/* Members that are not known are left alone, as in the document. */
static bool read_observation(struct post *post, const json_t *item, size_t index)
{
  struct frank_observation *one = &post->list[index];
  const json_t *bits = json_object_get(item, "bits");
  const json_t *spam = json_object_get(item, "spam");
  const json_t *count = json_object_get(item, "count");
  const json_t *at = json_object_get(item, "at");
  const char *what = NULL;
  if (!json_is_object(item)) {
    what = "is not an object";
  } else if (!json_is_number(bits) || !(json_number_value(bits) >= 0) ||
             !(json_number_value(bits) <= 256)) {
    what = "bits must be a number, 0 to 256";
  } else if (!json_is_boolean(spam)) {
    what = "spam must be true or false";
  } else if (count && (!json_is_integer(count) || json_integer_value(count) < 1 ||
                       json_integer_value(count) > FRANK_OBSERVATIONS_COUNT_MAX)) {
    what = "count must be a whole number, 1 to 1000000";
  } else if (!json_is_integer(at)) {
    what = "at must be a whole number of seconds since 1970";
  } else if (json_integer_value(at) > post->now_s + FRANK_OBSERVATIONS_FUTURE_S) {
    what = "at is in the future";
  } else if (json_integer_value(at) < post->now_s - FRANK_REPORT_AGE_MAX_S) {
    what = "at is more than 30 days ago";
  }
  if (what) {
    (void)snprintf(post->text, sizeof post->text, "observations[%zu]: %s", index, what);
    return false;
  }
  *one = (struct frank_observation){.bits = json_number_value(bits),
                                    .is_spam = json_is_true(spam),
                                    .count = count ? (uint32_t)json_integer_value(count) : 1,
                                    .at_s = json_integer_value(at)};
  post->messages += one->count;
  return true;
}

static bool read_head(struct post *post, const json_t *root, const json_t **list)
{
  const json_t *version = json_object_get(root, "v");
  const json_t *id = json_object_get(root, "id");
  const char *what = NULL;
  *list = json_object_get(root, "observations");
  size_t id_len = json_is_string(id) ? json_string_length(id) : 0;
  if (!json_is_object(root)) {
    what = "the body is not an object";
  } else if (!json_is_integer(version) || json_integer_value(version) != 1) {
    what = "v must be 1";
  } else if (id_len < 1 || id_len > FRANK_OBSERVATIONS_REPORT_BYTES) {
    what = "id must be a text of 1 to 64 characters";
  } else if (!json_is_array(*list) || json_array_size(*list) < 1 ||
             json_array_size(*list) > FRANK_REPORT_OBSERVATIONS_MAX) {
    what = "observations must be a list of 1 to 1000";
  }
  if (what) {
    (void)snprintf(post->text, sizeof post->text, "%s", what);
    return false;
  }
  memcpy(post->id, json_string_value(id), id_len + 1);
  for (size_t i = 0; i < id_len; i++) {
    if (post->id[i] < 0x20 || post->id[i] > 0x7e) {
      (void)snprintf(post->text, sizeof post->text, "id has a character that is not printable");
      return false;
    }
  }
  return true;
}

/* FRANK_ERR_MALFORMED with post->text, or FRANK_ERR_NOMEM. */
static enum frank_err read_body(struct post *post, const char *body, size_t len_bytes)
{
  struct frank_json_walk walk = {0};
  json_error_t where;
  const json_t *list = NULL;
  frank_json_walk(body, len_bytes, &walk);
  if (walk.depth_max > DEPTH_MAX) {
    (void)snprintf(post->text, sizeof post->text, "the JSON is nested too deep");
    return FRANK_ERR_MALFORMED;
  }
  json_t *root = json_loadb(body, len_bytes, JSON_REJECT_DUPLICATES, &where);
  if (!root) {
    bool no_memory = json_error_code(&where) == json_error_out_of_memory;
    (void)snprintf(post->text, sizeof post->text, "not JSON, at byte %d: %.160s", where.position,
                   where.text);
    return no_memory ? FRANK_ERR_NOMEM : FRANK_ERR_MALFORMED;
  }
  enum frank_err err = read_head(post, root, &list) ? FRANK_OK : FRANK_ERR_MALFORMED;
  if (err == FRANK_OK) {
    post->count = json_array_size(list);
    post->list = calloc(post->count, sizeof *post->list);
    err = post->list ? FRANK_OK : FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < post->count && err == FRANK_OK; i++) {
    err = read_observation(post, json_array_get(list, i), i) ? FRANK_OK : FRANK_ERR_MALFORMED;
  }
  json_decref(root);
  return err;
}

/* ---- the answer ---- */

static unsigned refuse(char *reply, unsigned status, const char *text)
{
  struct frank_json_text json;
  frank_json_text_begin(&json, reply, FRANK_REPORT_REPLY_BYTES);
  frank_json_text_string(&json, "error", text, strlen(text));
  if (frank_json_text_end(&json) == 0) { /* a text that grows beyond it when escaped */
    (void)snprintf(reply, FRANK_REPORT_REPLY_BYTES, "{\"error\":\"refused\"}");
  }
  return status;
}

static unsigned answer(const struct post *post, enum frank_err err, const char *why, char *reply,
                       uint32_t *retry_after_s)
{
  struct frank_json_text json;
  switch (err) {
  case FRANK_OK:
  case FRANK_ERR_TAKEN:
    frank_json_text_begin(&json, reply, FRANK_REPORT_REPLY_BYTES);
    frank_json_text_bool(&json, "ok", true);
    frank_json_text_integer(&json, "messages", err == FRANK_OK ? post->messages : 0);
    if (err == FRANK_ERR_TAKEN) {
      frank_json_text_bool(&json, "already", true);
    }
    (void)frank_json_text_end(&json);
    return 200;
  case FRANK_ERR_DENIED:
    *retry_after_s = (uint32_t)(DAY_S - post->now_s % DAY_S);
    return refuse(reply, 429, "too many messages for one day");
  case FRANK_ERR_RANGE:
    return refuse(reply, 400, why);
  case FRANK_ERR_NOT_FOUND: /* revoked and gone between the two looks */
    return refuse(reply, 403, "the token is not known");
  default: /* `why` names our files: not for strangers */
    *retry_after_s = RETRY_BUSY_S;
    return refuse(reply, 503, "the store cannot take it now");
  }
}

static const char *bearer_token(const char *authorization)
{
  static const char scheme[] = "Bearer "; /* RFC 6750, section 2.1; any case: RFC 9110, 11.1 */
  if (!authorization || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0) {
    return NULL;
  }
  const char *token = authorization + sizeof scheme - 1;
  token += strspn(token, " ");
  return *token != '\0' ? token : NULL;
}

/* 0, or the status to answer with. */
static unsigned let_in(struct frank_reports *reports, const char *authorization, const char *peer,
                       uint64_t now_us, char name[FRANK_REPORTER_NAME_BYTES], char *reply,
                       uint32_t *retry_after_s)
{
  char key[KEY_BYTES];
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  const char *token = bearer_token(authorization);
  if (!token) {
    return refuse(reply, 401, "a report needs 'Authorization: Bearer TOKEN'");
  }
  address_key(peer, key);
  *retry_after_s = wait_of(&reports->addresses, key, now_us);
  if (*retry_after_s > 0) {
    return refuse(reply, 429, "too many wrong tokens from this address");
  }
  enum frank_err err = frank_reporters_find(reports->observations, token, name, why);
  if (err == FRANK_ERR_DENIED && name[0] == '\0') {
    use_one(&reports->addresses, key, now_us);
    return refuse(reply, 403, "the token is not known");
  }
  if (err != FRANK_OK) {
    *retry_after_s = RETRY_BUSY_S;
    return refuse(reply, 503, "the store cannot be read now");
  }
  *retry_after_s = wait_of(&reports->reporters, name, now_us);
  if (*retry_after_s > 0) {
    return refuse(reply, 429, "too many reports from this reporter");
  }
  use_one(&reports->reporters, name, now_us);
  return 0;
}

unsigned frank_reports_post(struct frank_reports *reports, const char *authorization,
                            const char *peer, const void *body, size_t len_bytes, uint64_t now_us,
                            int64_t now_s, char *reply, uint32_t *retry_after_s)
{
  struct post post = {.reports = reports, .now_s = now_s};
  char name[FRANK_REPORTER_NAME_BYTES];
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  *retry_after_s = 0;
  unsigned status = let_in(reports, authorization, peer, now_us, name, reply, retry_after_s);
  if (status != 0) {
    return status;
  }
  if (len_bytes > FRANK_REPORT_MAX_BYTES) {
    return refuse(reply, 413, "the body is over 65536 bytes");
  }
  enum frank_err err = read_body(&post, body, len_bytes);
  if (err == FRANK_ERR_MALFORMED) {
    status = refuse(reply, 400, post.text);
  } else {
    err = err ? err
              : frank_observations_add(reports->observations, name, post.id, post.list, post.count,
                                       now_s, why);
    status = answer(&post, err, why, reply, retry_after_s);
  }
  free(post.list);
  return status;
}
