#include "door/client_internal.h"

#include "base/json_text.h"
#include "proof/target.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define DEPTH_MAX    16
#define REPLY_FRAMES 4 /* version, ok or error, id, body */

/* ---- replies ---- */

/* Copies a text of the daemon's (jansson has checked that it is UTF-8) so that it stays UTF-8 and
 * can be shown: cut between characters, and with `?` in the place of control characters, U+0080 to
 * U+009F included, which some terminals obey. */
static void copy_text(char *out, size_t size, const json_t *root, const char *name)
{
  const char *text = json_string_value(json_object_get(root, name));
  size_t len = text ? strlen(text) : 0;
  if (len >= size) {
    len = size - 1;
    while (len > 0 && ((unsigned char)text[len] & 0xc0U) == 0x80) {
      len--;
    }
  }
  size_t used = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char byte = (unsigned char)text[i];
    bool wide_control = byte == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0;
    out[used++] = byte < 0x20 || byte == 0x7f || wide_control ? '?' : text[i];
    i += wide_control;
  }
  out[used] = '\0';
}

static uint64_t natural(const json_t *root, const char *name)
{
  json_int_t value = json_integer_value(json_object_get(root, name));
  return value > 0 ? (uint64_t)value : 0;
}

/* Why the stamp of a reply cannot be believed; NULL: it is right. */
static const char *check_stamp(const struct frank_slot *slot, const json_t *root,
                               struct frank_client_reply *reply)
{
  const char *header = json_string_value(json_object_get(root, "header"));
  const char *n = json_string_value(json_object_get(root, "n"));
  const char *h = json_string_value(json_object_get(root, "h"));
  const json_t *met = json_object_get(root, "met");
  const char *why = "";
  struct frank_hash hash;
  if (!slot->signature.b) {
    return "an answer to a signature that is none";
  }
  if (!header || !n || !h || !json_is_boolean(met)) {
    return "header, n, h or met is missing";
  }
  size_t name_len = strlen(FRANK_MSMR_FIELD ":");
  if (strlen(header) >= sizeof reply->header ||
      strncmp(header, FRANK_MSMR_FIELD ":", name_len) != 0 ||
      frank_msmr_parse(header + name_len, strlen(header + name_len), &reply->key, &why) !=
          FRANK_OK) {
    return "the header is not an MSMR-Key";
  }
  memcpy(reply->header, header, strlen(header) + 1);
  frank_msmr_hash(reply->key.n, strlen(reply->key.n), slot->signature.b, slot->signature.b_len,
                  &hash);
  if (frank_hash_compare(&hash, &reply->key.h) != 0) {
    return "the hash is not that of the signature";
  }
  if (strcmp(n, reply->key.n) != 0 || frank_hash_parse(h, strlen(h), &hash) != FRANK_OK ||
      frank_hash_compare(&hash, &reply->key.h) != 0) {
    return "n and h are not those of the header";
  }
  if (reply->key.alg != slot->signature.alg) {
    return "the header is for another algorithm";
  }
  reply->factor = natural(root, "factor");
  if (reply->factor < 1 || reply->factor > FRANK_FACTOR_MAX ||
      (slot->factor != 0 && reply->factor != slot->factor)) {
    return "the factor is not the one asked for";
  }
  reply->met = json_is_true(met);
  if (reply->met != frank_target_meets(&reply->key.h, reply->factor)) {
    return "met is not what the hash says";
  }
  return NULL;
}

static void fill_ok(const struct frank_slot *slot, const json_t *root,
                    struct frank_client_reply *reply)
{
  const char *wrong = check_stamp(slot, root, reply);
  if (wrong) {
    *reply = (struct frank_client_reply){.id = reply->id, .code = "bad-reply"};
    (void)snprintf(reply->message, sizeof reply->message, "%s", wrong);
    return;
  }
  reply->ok = true;
  reply->bits = frank_target_bits(&reply->key.h);
  reply->attempts = natural(root, "attempts");
  reply->elapsed_ms = natural(root, "elapsed_ms");
  copy_text(reply->source, sizeof reply->source, root, "source");
  copy_text(reply->device, sizeof reply->device, root, "device");
}

static void fill_error(const json_t *root, struct frank_client_reply *reply)
{
  copy_text(reply->code, sizeof reply->code, root, "error");
  copy_text(reply->message, sizeof reply->message, root, "message");
  reply->retry_after_ms = natural(root, "retry_after_ms");
  reply->eta_ms = natural(root, "eta_ms");
  if (reply->code[0] == '\0') {
    (void)snprintf(reply->code, sizeof reply->code, "bad-reply");
    (void)snprintf(reply->message, sizeof reply->message, "an error without a code");
  }
}

static json_t *parse_reply(const char *body, size_t len_bytes)
{
  struct frank_json_walk walk;
  frank_json_walk(body, len_bytes, &walk);
  json_t *root = walk.depth_max <= DEPTH_MAX
                     ? json_loadb(body, len_bytes, JSON_REJECT_DUPLICATES, NULL)
                     : NULL;
  if (root && !json_is_object(root)) {
    json_decref(root);
    root = NULL;
  }
  return root;
}

/* True when the daemon says that it is about to leave, and the request will be asked again. */
static bool is_leaving(struct frank_client *client, struct frank_slot *slot,
                       const struct frank_client_reply *reply, uint64_t now_us)
{
  if (strcmp(reply->code, "shutting-down") != 0 || slot->cancelled ||
      slot->tries + 1 >= client->tries_max) {
    return false;
  }
  if (client->endpoint_count > 1) {
    frank_link_break(client, "it is shutting down", now_us);
  } else {
    frank_link_set_due(client, slot, now_us + client->retry_us / 2);
  }
  return true;
}

/* The door let this connection in by a key that has been changed since, and will never listen to it
 * again: only another handshake tells whether the key that we have is right. */
static void leave_if_forbidden(struct frank_client *client, const char *code, uint64_t now_us)
{
  if (code && strcmp(code, "forbidden") == 0) {
    frank_link_break(client, "it has forbidden the connection", now_us);
  }
}

static void finish_mint(struct frank_client *client, struct frank_slot *slot, bool ok,
                        const char *body, size_t len_bytes, uint64_t now_us)
{
  struct frank_client_reply *reply = calloc(1, sizeof *reply);
  if (!reply) {
    frank_slot_done(client, slot);
    return;
  }
  reply->id = slot->id;
  json_t *root = parse_reply(body, len_bytes);
  if (!root) {
    (void)snprintf(reply->code, sizeof reply->code, "bad-reply");
    (void)snprintf(reply->message, sizeof reply->message, "the reply is no JSON object");
  } else if (ok) {
    fill_ok(slot, root, reply);
  } else {
    fill_error(root, reply);
  }
  json_decref(root);
  if (!reply->ok && is_leaving(client, slot, reply, now_us)) {
    free(reply);
    return;
  }
  slot->reply = reply;
  frank_slot_done(client, slot);
  leave_if_forbidden(client, reply->code, now_us);
}

static void finish_ask(struct frank_client *client, struct frank_slot *slot, bool ok,
                       const char *body, size_t len_bytes, uint64_t now_us)
{
  slot->text = malloc(len_bytes + 1);
  if (slot->text) {
    memcpy(slot->text, body, len_bytes);
    slot->text[len_bytes] = '\0';
  }
  slot->ok = ok;
  frank_slot_done(client, slot);
  if (!ok) {
    json_t *root = parse_reply(body, len_bytes);
    leave_if_forbidden(client, json_string_value(json_object_get(root, "error")), now_us);
    json_decref(root);
  }
}

static void take_reply(struct frank_client *client, zmq_msg_t frames[REPLY_FRAMES], uint64_t now_us)
{
  char id_text[FRANK_LINK_WIRE_ID_BYTES];
  size_t id_len = zmq_msg_size(&frames[2]);
  bool ok = zmq_msg_size(&frames[1]) == 2 && memcmp(zmq_msg_data(&frames[1]), "ok", 2) == 0;
  if (zmq_msg_size(&frames[0]) != strlen(FRANK_LINK_PROTOCOL) ||
      memcmp(zmq_msg_data(&frames[0]), FRANK_LINK_PROTOCOL, strlen(FRANK_LINK_PROTOCOL)) != 0 ||
      id_len >= sizeof id_text) {
    return;
  }
  client->heard_us = now_us;
  memcpy(id_text, zmq_msg_data(&frames[2]), id_len);
  id_text[id_len] = '\0';
  char *end = NULL;
  uint64_t id = strtoull(id_text, &end, 16);
  if (end == id_text || *end != '.') {
    return; /* the reply to a cancel */
  }
  uint32_t try_number = (uint32_t)strtoul(end + 1, NULL, 16);
  struct frank_slot *slot = frank_slot_by_id(client, id);
  /* A stamp is right whichever try it answers; an error counts only for the last one. */
  if (!slot || slot->done || (!ok && try_number != slot->tries)) {
    return;
  }
  const char *body = zmq_msg_data(&frames[3]);
  if (slot->kind == FRANK_SLOT_MINT) {
    finish_mint(client, slot, ok, body, zmq_msg_size(&frames[3]), now_us);
  } else {
    finish_ask(client, slot, ok, body, zmq_msg_size(&frames[3]), now_us);
  }
}

bool frank_reply_read(struct frank_client *client, uint64_t now_us)
{
  zmq_msg_t frames[REPLY_FRAMES];
  size_t count = 0;
  bool more = true;
  while (more) {
    zmq_msg_t excess;
    zmq_msg_t *frame = count < REPLY_FRAMES ? &frames[count] : &excess;
    (void)zmq_msg_init(frame);
    if (zmq_msg_recv(frame, client->socket, ZMQ_DONTWAIT) < 0) {
      (void)zmq_msg_close(frame);
      break;
    }
    more = zmq_msg_more(frame) != 0;
    if (count >= REPLY_FRAMES) {
      (void)zmq_msg_close(&excess);
    }
    count++;
  }
  if (count == REPLY_FRAMES) {
    take_reply(client, frames, now_us);
  }
  for (size_t i = 0; i < count && i < REPLY_FRAMES; i++) {
    (void)zmq_msg_close(&frames[i]);
  }
  return count > 0;
}
