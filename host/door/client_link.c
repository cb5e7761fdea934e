#include "door/client_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zmq.h>

#define DEADLINE_MAX_MS   3600000
#define REPLY_MAX_BYTES   (INT64_C(1) << 20)
#define HEARTBEAT_MS      5000
#define HEARTBEAT_WAIT_MS 15000
#define QUEUE_MESSAGES    (2 * FRANK_CLIENT_IN_FLIGHT_MAX)
#define MESSAGES_AT_ONCE  256

/* ---- sending ---- */

bool frank_link_send_frames(void *socket, const char *verb, const char *wire_id, const char *body,
                            size_t body_len)
{
  const struct {
    const char *bytes;
    size_t len;
  } frames[] = {{FRANK_LINK_PROTOCOL, strlen(FRANK_LINK_PROTOCOL)},
                {verb, strlen(verb)},
                {wire_id, strlen(wire_id)},
                {body, body_len}};
  size_t count = sizeof frames / sizeof frames[0];
  for (size_t i = 0; i < count; i++) {
    int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
    if (zmq_send(socket, frames[i].bytes, frames[i].len, flags) < 0) {
      return false; /* only the first can fail, for want of room */
    }
  }
  return true;
}

/* A new id for each try, as the protocol wants while the old one may still be in flight. */
void frank_link_wire_id(const struct frank_slot *slot, char text[FRANK_LINK_WIRE_ID_BYTES])
{
  (void)snprintf(text, FRANK_LINK_WIRE_ID_BYTES, "%" PRIx64 ".%" PRIx32, slot->id, slot->tries);
}

void frank_link_set_due(struct frank_client *client, struct frank_slot *slot, uint64_t due_us)
{
  slot->due_us = due_us;
  client->due_us = due_us < client->due_us ? due_us : client->due_us;
}

void frank_link_send(struct frank_client *client, struct frank_slot *slot, uint64_t now_us)
{
  /* What is left of the deadline goes along; when it is over, a short one: frankd keeps its
   * answers, and gives the best it has. */
  uint64_t left_us = slot->deadline_us > now_us ? slot->deadline_us - now_us : 0;
  if (left_us == 0 || (slot->tries > 0 && left_us < client->retry_us)) {
    left_us = client->retry_us;
  }
  frank_link_set_due(client, slot, now_us + left_us + client->retry_us);
  if (client->state == FRANK_LINK_NONE) {
    return; /* opening the connection sends it */
  }
  char wire_id[FRANK_LINK_WIRE_ID_BYTES];
  size_t body_len = slot->body_len;
  frank_link_wire_id(slot, wire_id);
  if (slot->kind == FRANK_SLOT_MINT) {
    uint64_t left_ms = (left_us + FRANK_US_PER_MS - 1) / FRANK_US_PER_MS;
    int tail =
        snprintf(slot->body + body_len, FRANK_LINK_DEADLINE_BYTES, ",\"deadline_ms\":%" PRIu64 "}",
                 left_ms < DEADLINE_MAX_MS ? left_ms : (uint64_t)DEADLINE_MAX_MS);
    body_len += (size_t)tail;
  }
  /* Where there is no room it is lost like any other message, and asked again when it is due. */
  (void)frank_link_send_frames(client->socket, slot->verb, wire_id, slot->body, body_len);
}

void frank_link_fail(struct frank_client *client, struct frank_slot *slot, const char *code,
                     const char *message)
{
  slot->reply = calloc(1, sizeof *slot->reply);
  if (slot->reply) {
    slot->reply->id = slot->id;
    (void)snprintf(slot->reply->code, sizeof slot->reply->code, "%s", code);
    (void)snprintf(slot->reply->message, sizeof slot->reply->message, "%s", message);
  }
  frank_slot_done(client, slot);
}

bool frank_link_failed_try(struct frank_client *client, struct frank_slot *slot)
{
  slot->tries++;
  if (slot->kind != FRANK_SLOT_MINT) {
    return true; /* its time-out ends it */
  }
  if (slot->cancelled) {
    frank_link_fail(client, slot, "cancelled", "taken back");
    return false;
  }
  if (slot->tries >= client->tries_max) {
    char message[sizeof slot->reply->message];
    (void)snprintf(message, sizeof message, "no daemon answered, asked %u times; last %.160s",
                   (unsigned)slot->tries, client->trouble);
    frank_link_fail(client, slot, "timeout", message);
    return false;
  }
  return true;
}

/* ---- the connection ---- */

static void unwatch(struct frank_client *client, void *socket)
{
  int fd = -1;
  size_t size = sizeof fd;
  if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0) {
    (void)epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
  }
}

void frank_link_close(struct frank_client *client)
{
  if (client->monitor) {
    unwatch(client, client->monitor);
    (void)zmq_socket_monitor(client->socket, NULL, 0);
    (void)zmq_close(client->monitor);
    client->monitor = NULL;
  }
  if (client->socket) {
    unwatch(client, client->socket);
    (void)zmq_close(client->socket);
    client->socket = NULL;
  }
  client->state = FRANK_LINK_NONE;
}

static bool watch(struct frank_client *client, void *socket)
{
  int fd = -1;
  size_t size = sizeof fd;
  struct epoll_event event = {.events = EPOLLIN};
  return zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0 &&
         epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool set_options(const struct frank_client *client, void *socket)
{
  const char *endpoint = client->endpoints[client->current];
  int64_t reply_max = REPLY_MAX_BYTES;
  const struct {
    int option;
    int value;
  } options[] = {{ZMQ_LINGER, 0},
                 {ZMQ_SNDHWM, QUEUE_MESSAGES},
                 {ZMQ_RCVHWM, QUEUE_MESSAGES},
                 {ZMQ_CONNECT_TIMEOUT, (int)(client->retry_us / FRANK_US_PER_MS)},
                 {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
                 {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_WAIT_MS},
                 {ZMQ_IPV6, strchr(endpoint, '[') != NULL}};
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (zmq_setsockopt(socket, options[i].option, &options[i].value, sizeof(int)) != 0) {
      return false;
    }
  }
  if (client->curve) {
    const struct {
      int option;
      const char *key;
    } keys[] = {{ZMQ_CURVE_SERVERKEY, client->server_public},
                {ZMQ_CURVE_PUBLICKEY, client->client_public},
                {ZMQ_CURVE_SECRETKEY, client->client_secret}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
      if (zmq_setsockopt(socket, keys[i].option, keys[i].key, FRANK_KEY_TEXT_BYTES) != 0) {
        return false;
      }
    }
  }
  return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &reply_max, sizeof reply_max) == 0;
}

static bool make_link(struct frank_client *client)
{
  const int events = ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED;
  char address[64];
  int linger_ms = 0;
  (void)snprintf(address, sizeof address, "inproc://link-%" PRIu64, ++client->link_serial);
  client->socket = zmq_socket(client->context, ZMQ_DEALER);
  if (!client->socket || !set_options(client, client->socket) ||
      zmq_socket_monitor(client->socket, address, events) != 0) {
    return false;
  }
  client->monitor = zmq_socket(client->context, ZMQ_PAIR);
  return client->monitor &&
         zmq_setsockopt(client->monitor, ZMQ_LINGER, &linger_ms, sizeof linger_ms) == 0 &&
         zmq_connect(client->monitor, address) == 0 && watch(client, client->monitor) &&
         watch(client, client->socket) &&
         zmq_connect(client->socket, client->endpoints[client->current]) == 0;
}

static void count_tries(struct frank_client *client)
{
  for (uint32_t i = 0; i < client->slot_count; i++) {
    struct frank_slot *slot = client->slots[i];
    if (slot->kind != FRANK_SLOT_FREE && !slot->done) {
      (void)frank_link_failed_try(client, slot);
    }
  }
}

/* Goes on to the next endpoint, at once as long as there is one that has not failed in this round,
 * else after a pause. */
void frank_link_break(struct frank_client *client, const char *trouble, uint64_t now_us)
{
  bool was_up = client->state == FRANK_LINK_UP;
  (void)snprintf(client->trouble, sizeof client->trouble, "%.110s: %s",
                 client->endpoints[client->current], trouble);
  frank_link_close(client);
  client->current = (client->current + 1) % client->endpoint_count;
  client->failures = was_up ? 1 : client->failures + 1;
  client->open_at_us = now_us;
  if (was_up) {
    client->counted_at_us = now_us;
    count_tries(client);
  }
  if (client->failures >= client->endpoint_count) {
    client->failures = 0;
    client->open_at_us = now_us + client->pause_us;
    client->pause_us =
        client->pause_us * 2 < client->retry_us ? client->pause_us * 2 : client->retry_us;
    /* A round without success is a try, but a daemon gets the time to start again. */
    if (now_us - client->counted_at_us >= client->retry_us) {
      client->counted_at_us = now_us;
      count_tries(client);
    }
  }
}

void frank_link_open(struct frank_client *client, uint64_t now_us)
{
  if (client->state != FRANK_LINK_NONE || now_us < client->open_at_us || client->in_flight == 0) {
    return;
  }
  if (!make_link(client)) {
    frank_link_break(client, zmq_strerror(errno), now_us);
    return;
  }
  client->state = FRANK_LINK_CONNECTING;
  for (uint32_t i = 0; i < client->slot_count; i++) {
    struct frank_slot *slot = client->slots[i];
    if (slot->kind != FRANK_SLOT_FREE && !slot->done) {
      frank_link_send(client, slot, now_us);
    }
  }
}

static void read_events(struct frank_client *client, uint64_t now_us)
{
  while (client->monitor) {
    uint8_t head[6];
    uint16_t event = 0;
    char address[8];
    if (zmq_recv(client->monitor, head, sizeof head, ZMQ_DONTWAIT) != (int)sizeof head) {
      return;
    }
    (void)zmq_recv(client->monitor, address, sizeof address, ZMQ_DONTWAIT);
    memcpy(&event, head, sizeof event);
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      client->state = FRANK_LINK_UP;
      client->failures = 0;
      client->pause_us = FRANK_LINK_PAUSE_FIRST_US;
      client->heard_us = now_us;
      break;
    case ZMQ_EVENT_CONNECT_RETRIED:
      frank_link_break(client, "cannot connect", now_us);
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      frank_link_break(client, "it refuses our key", now_us);
      break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      frank_link_break(client, "no handshake: are the keys right?", now_us);
      break;
    default:
      frank_link_break(client, "the connection broke", now_us);
      break;
    }
  }
}

/* ---- time ---- */

static void run_timers(struct frank_client *client, uint64_t now_us)
{
  if (now_us < client->due_us) {
    return;
  }
  bool silent = client->state == FRANK_LINK_UP && now_us - client->heard_us > client->retry_us;
  bool is_over = false;
  uint64_t due_us = FRANK_NEVER_US;
  for (uint32_t i = 0; i < client->slot_count; i++) {
    struct frank_slot *slot = client->slots[i];
    if (slot->kind == FRANK_SLOT_FREE || slot->done) {
      continue;
    }
    if (slot->due_us <= now_us) {
      (void)snprintf(client->trouble, sizeof client->trouble, "%.110s: no reply",
                     client->endpoints[client->current]);
      is_over = true;
      if (!frank_link_failed_try(client, slot)) {
        continue;
      }
      frank_link_send(client, slot, now_us);
    }
    due_us = slot->due_us < due_us ? slot->due_us : due_us;
  }
  client->due_us = due_us;
  /* A daemon that says nothing at all is left for the next one, and so is one that does not even
   * shake hands. */
  if (is_over && (silent || client->state == FRANK_LINK_CONNECTING) && client->in_flight > 0) {
    frank_link_break(client, "no reply", now_us);
  }
}

void frank_link_work(struct frank_client *client, uint64_t now_us)
{
  for (int i = 0; i < MESSAGES_AT_ONCE && client->socket; i++) {
    if (!frank_reply_read(client, now_us)) {
      break;
    }
  }
  read_events(client, now_us);
  run_timers(client, now_us);
  frank_link_open(client, now_us);
}
