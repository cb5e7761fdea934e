#include "door/client_internal.h"

#include "base/json_text.h"
#include "proof/dkim.h"
#include "proof/target.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#define RETRY_DEFAULT_MS    2000
#define TRIES_DEFAULT       5
#define TRIES_MAX           100
#define DEADLINE_DEFAULT_MS 30000
#define DEADLINE_MAX_MS     3600000
#define RECIPIENTS_MAX      1000
#define BODY_MAX_BYTES      16384

/* ---- the handle ---- */

static enum frank_err read_keys(struct frank_client *client, const char *dir, char *why)
{
  enum frank_err err =
      frank_keys_read_in(dir, FRANK_KEY_CLIENT_SECRET, true, client->client_secret, why);
  if (err == FRANK_OK) {
    err = frank_keys_read_in(dir, FRANK_KEY_SERVER_PUBLIC, false, client->server_public, why);
  }
  if (err == FRANK_OK && zmq_curve_public(client->client_public, client->client_secret) != 0) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "%.150s/%s is no secret key", dir,
                   FRANK_KEY_CLIENT_SECRET);
    err = FRANK_ERR_MALFORMED;
  }
  client->curve = err == FRANK_OK;
  return err;
}

static enum frank_err check_config(const struct frank_client_config *config, char *why)
{
  if (config->endpoint_count < 1 || config->endpoint_count > FRANK_CLIENT_ENDPOINTS_MAX) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "%zu endpoints, not 1 to %d",
                   config->endpoint_count, FRANK_CLIENT_ENDPOINTS_MAX);
    return FRANK_ERR_RANGE;
  }
  if (config->tries_max > TRIES_MAX) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "%u tries, not 1 to %d",
                   (unsigned)config->tries_max, TRIES_MAX);
    return FRANK_ERR_RANGE;
  }
  return FRANK_OK;
}

/* libzmq checks an endpoint's grammar when it connects: done once here, so that a wrong one is told
 * at once. */
static enum frank_err check_endpoint(struct frank_client *client, const char *endpoint, char *why)
{
  int linger_ms = 0;
  void *probe = zmq_socket(client->context, ZMQ_DEALER);
  if (!probe) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "no socket: %s", zmq_strerror(errno));
    return FRANK_ERR_IO;
  }
  bool plausible = strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "tcp://", 6) == 0;
  (void)zmq_setsockopt(probe, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
  if (!plausible || zmq_connect(probe, endpoint) != 0) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "%.160s is no endpoint: %s", endpoint,
                   plausible ? zmq_strerror(errno) : "neither ipc:// nor tcp://");
    plausible = false;
  }
  (void)zmq_close(probe);
  return plausible ? FRANK_OK : FRANK_ERR_MALFORMED;
}

static enum frank_err set_up(struct frank_client *client, const struct frank_client_config *config,
                             char *why)
{
  client->context = zmq_ctx_new();
  client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (!client->context || client->epoll_fd < 0) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "no socket: %s", zmq_strerror(errno));
    return FRANK_ERR_IO;
  }
  for (size_t i = 0; i < config->endpoint_count; i++) {
    enum frank_err err = check_endpoint(client, config->endpoints[i], why);
    if (err != FRANK_OK) {
      return err;
    }
    client->endpoints[i] = strdup(config->endpoints[i]);
    if (!client->endpoints[i]) {
      (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "no memory");
      return FRANK_ERR_NOMEM;
    }
    client->endpoint_count++;
  }
  return config->key_dir ? read_keys(client, config->key_dir, why) : FRANK_OK;
}

enum frank_err frank_client_new(const struct frank_client_config *config, struct frank_client **out,
                                char *why)
{
  enum frank_err err = check_config(config, why);
  if (err != FRANK_OK) {
    return err;
  }
  struct frank_client *client = calloc(1, sizeof *client);
  if (!client) {
    (void)snprintf(why, FRANK_CLIENT_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  client->epoll_fd = -1;
  client->due_us = FRANK_NEVER_US;
  client->retry_us = (config->retry_ms > 0 ? config->retry_ms : RETRY_DEFAULT_MS) * FRANK_US_PER_MS;
  client->tries_max = config->tries_max > 0 ? config->tries_max : TRIES_DEFAULT;
  client->pause_us = FRANK_LINK_PAUSE_FIRST_US;
  (void)snprintf(client->trouble, sizeof client->trouble, "no reply");
  err = set_up(client, config, why);
  if (err != FRANK_OK) {
    frank_client_destroy(&client);
    return err;
  }
  *out = client;
  return FRANK_OK;
}

static void slot_clear(struct frank_slot *slot)
{
  free(slot->body);
  free((char *)slot->signature.b);
  free(slot->reply);
  free(slot->text);
  *slot = (struct frank_slot){.kind = FRANK_SLOT_FREE};
}

void frank_client_destroy(struct frank_client **client)
{
  struct frank_client *c = *client;
  if (!c) {
    return;
  }
  frank_link_close(c);
  if (c->context) {
    (void)zmq_ctx_term(c->context);
  }
  if (c->epoll_fd >= 0) {
    close(c->epoll_fd);
  }
  for (uint32_t i = 0; i < c->slot_count; i++) {
    slot_clear(c->slots[i]);
    free(c->slots[i]);
  }
  for (size_t i = 0; i < c->endpoint_count; i++) {
    free(c->endpoints[i]);
  }
  explicit_bzero(c->client_secret, sizeof c->client_secret);
  free(c);
  *client = NULL;
}

/* ---- slots ---- */

static enum frank_err slot_take(struct frank_client *client, enum frank_slot_kind kind,
                                struct frank_slot **out)
{
  uint32_t place = 0;
  if (client->free_count > 0) {
    place = client->free_list[--client->free_count];
  } else if (client->slot_count < FRANK_CLIENT_IN_FLIGHT_MAX) {
    struct frank_slot *made = calloc(1, sizeof *made);
    if (!made) {
      return FRANK_ERR_NOMEM;
    }
    place = client->slot_count++;
    client->slots[place] = made;
  } else {
    return FRANK_ERR_FULL;
  }
  struct frank_slot *slot = client->slots[place];
  *slot = (struct frank_slot){
      .kind = kind,
      .id = ++client->serial * FRANK_CLIENT_IN_FLIGHT_MAX + place,
  };
  if (client->in_flight++ == 0) {
    client->counted_at_us = frank_clock_now_us(); /* time without requests is no failed try */
  }
  *out = slot;
  return FRANK_OK;
}

struct frank_slot *frank_slot_by_id(const struct frank_client *client, uint64_t id)
{
  uint64_t place = id % FRANK_CLIENT_IN_FLIGHT_MAX;
  if (place >= client->slot_count) {
    return NULL;
  }
  struct frank_slot *slot = client->slots[place];
  return slot->kind != FRANK_SLOT_FREE && slot->id == id ? slot : NULL;
}

static void slot_release(struct frank_client *client, struct frank_slot *slot)
{
  uint32_t place = (uint32_t)(slot->id % FRANK_CLIENT_IN_FLIGHT_MAX);
  slot_clear(slot);
  client->free_list[client->free_count++] = place;
  client->in_flight--;
}

void frank_slot_done(struct frank_client *client, struct frank_slot *slot)
{
  slot->done = true;
  slot->next_done = NULL;
  if (slot->kind == FRANK_SLOT_MINT) {
    *(client->done_first ? &client->done_last->next_done : &client->done_first) = slot;
    client->done_last = slot;
  }
}

int frank_client_fd(const struct frank_client *client)
{
  return client->epoll_fd;
}

/* libzmq's descriptor tells of changes, not of messages: what was left for the next time, and what
 * came while something was sent, must be read without waiting for it. */
static bool has_message(const struct frank_client *client)
{
  int events = 0;
  size_t size = sizeof events;
  return client->socket && zmq_getsockopt(client->socket, ZMQ_EVENTS, &events, &size) == 0 &&
         (events & ZMQ_POLLIN) != 0;
}

int frank_client_timeout_ms(const struct frank_client *client)
{
  if (client->done_first) {
    return 0;
  }
  if (client->in_flight == 0) {
    return -1;
  }
  if (has_message(client)) {
    return 0;
  }
  uint64_t now_us = frank_clock_now_us();
  uint64_t due_us = client->due_us;
  if (client->state == FRANK_LINK_NONE && client->open_at_us < due_us) {
    due_us = client->open_at_us;
  }
  if (due_us <= now_us) {
    return 0;
  }
  uint64_t left_ms = (due_us - now_us + FRANK_US_PER_MS - 1) / FRANK_US_PER_MS;
  return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

/* Waits for the sockets or for the next timer, `limit_ms` at most (-1: no limit). */
static void wait_some(struct frank_client *client, int limit_ms)
{
  int wait_ms = frank_client_timeout_ms(client);
  if (limit_ms >= 0 && (wait_ms < 0 || limit_ms < wait_ms)) {
    wait_ms = limit_ms;
  }
  zmq_pollitem_t items[2] = {{.socket = client->socket, .events = ZMQ_POLLIN},
                             {.socket = client->monitor, .events = ZMQ_POLLIN}};
  (void)zmq_poll(items, client->socket ? 2 : 0, wait_ms);
}

/* ---- mint ---- */

/* Normalises the signature, where it is one, so that the reply can be checked against it. */
static bool learn_signature(struct frank_slot *slot, const struct frank_client_mint *mint)
{
  char b[FRANK_B_MAX_BYTES + 1];
  struct frank_dkim dkim;
  const char *why = "";
  size_t b_len = 0;
  const char *text = NULL;
  if (mint->b) {
    if (frank_b_normalize(mint->b, strlen(mint->b), b, &b_len, &why) == FRANK_OK) {
      text = b;
    }
    slot->signature.alg = FRANK_ALG_RSA_SHA256;
  } else if (frank_dkim_parse(mint->dkim, strlen(mint->dkim), &dkim, &why) == FRANK_OK) {
    text = dkim.b;
    b_len = dkim.b_len;
    slot->signature.alg = dkim.alg;
  }
  if (mint->alg &&
      frank_alg_parse(mint->alg, strlen(mint->alg), &slot->signature.alg) != FRANK_OK) {
    text = NULL;
  }
  if (!text) {
    return true; /* the daemon says in words what is wrong with it */
  }
  char *copy = malloc(b_len + 1);
  if (!copy) {
    return false;
  }
  memcpy(copy, text, b_len + 1);
  copy[b_len] = '\0';
  slot->signature.b = copy;
  slot->signature.b_len = b_len;
  return true;
}

static void put_text(struct frank_json_text *json, const char *name, const char *text)
{
  if (text) {
    frank_json_text_string(json, name, text, strlen(text));
  }
}

static bool put_recipients(struct frank_json_text *json, const struct frank_client_mint *mint)
{
  json_t *list = json_array();
  bool done = list != NULL;
  for (size_t i = 0; done && i < mint->recipient_count; i++) {
    done = json_array_append_new(list, json_string(mint->recipients[i])) == 0;
  }
  char *text = done ? json_dumps(list, JSON_COMPACT) : NULL;
  json_decref(list);
  if (text) {
    frank_json_text_raw(json, "recipients", text);
  }
  free(text);
  return text != NULL;
}

static enum frank_err write_body(struct frank_slot *slot, const struct frank_client_mint *mint)
{
  char body[BODY_MAX_BYTES - FRANK_LINK_DEADLINE_BYTES];
  struct frank_json_text json;
  frank_json_text_begin(&json, body, sizeof body);
  put_text(&json, "b", mint->b && slot->signature.b ? slot->signature.b : mint->b);
  put_text(&json, "dkim", mint->dkim);
  put_text(&json, "a", mint->alg);
  if (mint->recipient_count > 0 && !put_recipients(&json, mint)) {
    return FRANK_ERR_MALFORMED;
  }
  if (mint->factor > 0) {
    frank_json_text_integer(&json, "factor", mint->factor);
  }
  if (mint->fail_at_deadline) {
    put_text(&json, "on_deadline", "fail");
  }
  if (mint->priority >= 0) {
    frank_json_text_integer(&json, "priority", (uint64_t)mint->priority);
  }
  if (json.full) {
    return FRANK_ERR_TOO_LONG;
  }
  slot->body = malloc(json.len_bytes + FRANK_LINK_DEADLINE_BYTES);
  if (!slot->body) {
    return FRANK_ERR_NOMEM;
  }
  memcpy(slot->body, body, json.len_bytes);
  slot->body_len = json.len_bytes;
  return FRANK_OK;
}

enum frank_err frank_client_mint(struct frank_client *client, const struct frank_client_mint *mint,
                                 uint64_t *id)
{
  if (!mint->b == !mint->dkim || mint->recipient_count > RECIPIENTS_MAX ||
      mint->factor > FRANK_FACTOR_MAX || mint->deadline_ms > DEADLINE_MAX_MS ||
      mint->priority > 9) {
    return FRANK_ERR_RANGE;
  }
  struct frank_slot *slot = NULL;
  enum frank_err err = slot_take(client, FRANK_SLOT_MINT, &slot);
  if (err != FRANK_OK) {
    return err;
  }
  slot->verb = "mint";
  slot->factor = mint->factor;
  err = learn_signature(slot, mint) ? write_body(slot, mint) : FRANK_ERR_NOMEM;
  if (err != FRANK_OK) {
    slot_release(client, slot);
    return err;
  }
  uint64_t now_us = frank_clock_now_us();
  uint32_t deadline_ms = mint->deadline_ms > 0 ? mint->deadline_ms : DEADLINE_DEFAULT_MS;
  slot->deadline_us = now_us + deadline_ms * FRANK_US_PER_MS;
  *id = slot->id;
  frank_link_send(client, slot, now_us);
  frank_link_open(client, now_us);
  return FRANK_OK;
}

enum frank_err frank_client_cancel(struct frank_client *client, uint64_t id)
{
  struct frank_slot *slot = frank_slot_by_id(client, id);
  if (!slot || slot->kind != FRANK_SLOT_MINT || slot->done) {
    return FRANK_ERR_NOT_FOUND;
  }
  slot->cancelled = true;
  if (client->state == FRANK_LINK_NONE) {
    frank_link_fail(client, slot, "cancelled", "taken back");
    return FRANK_OK;
  }
  char wire_id[FRANK_LINK_WIRE_ID_BYTES];
  char own_id[FRANK_LINK_WIRE_ID_BYTES];
  char body[FRANK_LINK_WIRE_ID_BYTES + 16];
  frank_link_wire_id(slot, wire_id);
  (void)snprintf(own_id, sizeof own_id, "c%" PRIx64, ++client->serial);
  int len = snprintf(body, sizeof body, "{\"id\":\"%s\"}", wire_id);
  return frank_link_send_frames(client->socket, "cancel", own_id, body, (size_t)len)
             ? FRANK_OK
             : FRANK_ERR_FULL;
}

/* Hands out the first reply that is there. */
static bool fetch(struct frank_client *client, struct frank_client_reply *reply)
{
  struct frank_slot *slot = client->done_first;
  if (!slot) {
    return false;
  }
  client->done_first = slot->next_done;
  if (slot->reply) {
    *reply = *slot->reply;
  } else {
    *reply =
        (struct frank_client_reply){.id = slot->id, .code = "internal", .message = "no memory"};
  }
  slot_release(client, slot);
  return true;
}

enum frank_err frank_client_next(struct frank_client *client, int timeout_ms,
                                 struct frank_client_reply *reply)
{
  uint64_t until_us =
      timeout_ms >= 0 ? frank_clock_now_us() + (uint64_t)timeout_ms * FRANK_US_PER_MS : 0;
  for (;;) {
    if (fetch(client, reply)) {
      return FRANK_OK;
    }
    frank_link_work(client, frank_clock_now_us());
    if (fetch(client, reply)) {
      return FRANK_OK;
    }
    if (client->in_flight == 0) {
      return FRANK_ERR_NOT_FOUND;
    }
    int left_ms = -1;
    if (timeout_ms >= 0) {
      uint64_t now_us = frank_clock_now_us();
      if (now_us >= until_us) {
        return FRANK_ERR_AGAIN;
      }
      left_ms = (int)((until_us - now_us + FRANK_US_PER_MS - 1) / FRANK_US_PER_MS);
    }
    wait_some(client, left_ms);
  }
}

/* ---- ask ---- */

enum frank_err frank_client_ask(struct frank_client *client, const char *verb, const char *body,
                                int timeout_ms, char **json)
{
  struct frank_slot *slot = NULL;
  *json = NULL;
  enum frank_err err = slot_take(client, FRANK_SLOT_ASK, &slot);
  if (err != FRANK_OK) {
    return err;
  }
  uint64_t now_us = frank_clock_now_us();
  uint64_t until_us =
      timeout_ms >= 0 ? now_us + (uint64_t)timeout_ms * FRANK_US_PER_MS : FRANK_NEVER_US;
  slot->verb = verb;
  slot->body = strdup(body ? body : "{}");
  if (!slot->body) {
    slot_release(client, slot);
    return FRANK_ERR_NOMEM;
  }
  slot->body_len = strlen(slot->body);
  frank_link_send(client, slot, now_us);
  for (;;) {
    frank_link_work(client, frank_clock_now_us());
    now_us = frank_clock_now_us();
    if (slot->done || now_us >= until_us) {
      break;
    }
    uint64_t left_ms = (until_us - now_us + FRANK_US_PER_MS - 1) / FRANK_US_PER_MS;
    wait_some(client, timeout_ms < 0 ? -1 : left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
  }
  err = FRANK_ERR_TIMEOUT;
  if (slot->done) {
    err = !slot->text ? FRANK_ERR_NOMEM : slot->ok ? FRANK_OK : FRANK_ERR_MALFORMED;
    *json = slot->text;
    slot->text = NULL;
  }
  slot_release(client, slot);
  return err;
}
