#include "door/door_internal.h"

#include "door/status_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read in one turn of the loop at most, so that no source starves another. */
#define RECORDS_AT_ONCE 1024

static struct frank_asked *next_waiter(struct frank_waiters *waiters)
{
  struct frank_asked *asked = waiters->first;
  if (asked) {
    waiters->first = asked->wait_next;
    waiters->count--;
  }
  return asked;
}

void frank_records_ask(struct frank_door *door)
{
  struct frank_waiters *waiters = &door->statuses;
  if (waiters->count > 0 && !waiters->asked) {
    waiters->asked =
        frank_chan_put(door->chan, FRANK_DOOR_ASK_STATUS, NULL, 0, NULL, 0) == FRANK_OK;
  }
}

static void on_answer(struct frank_door *door, const void *payload)
{
  const struct frank_answer *stamp = payload;
  struct frank_asked *asked = frank_ledger_by_tag(door->ledger, stamp->tag);
  if (!asked || asked->verb != FRANK_WIRE_MINT) {
    frank_log(FRANK_LOG_WARN, "event=answer_for_nobody tag=%" PRIu64, stamp->tag);
    return;
  }
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  bool ok = false;
  size_t len = frank_wire_answer_format(stamp, body, &ok);
  frank_reception_answer(door, asked, ok, body, len);
}

static void on_cancelled(struct frank_door *door, const void *payload)
{
  const struct frank_door_cancelled *cancelled = payload;
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  size_t len = frank_wire_cancelled_format(cancelled->found != 0, body);
  const struct frank_asked *first = door->cancels.first;
  if (door->cancels_of_nobody > 0 && (!first || first->cancels != cancelled->tag)) {
    door->cancels_of_nobody--; /* a peer lost its place; whoever asks himself comes before that */
    return;
  }
  struct frank_asked *asked = next_waiter(&door->cancels);
  if (!asked || asked->cancels != cancelled->tag) {
    frank_log(FRANK_LOG_ERROR, "event=cancelled_out_of_order tag=%" PRIu64, cancelled->tag);
  }
  if (asked) {
    frank_reception_answer(door, asked, true, body, len);
  }
}

static void on_status_record(struct frank_door *door, const void *payload)
{
  char *text = NULL;
  zmq_msg_t body;
  door->statuses.asked = false;
  size_t len = 0;
  enum frank_err err = frank_status_is_sound(payload) ? frank_status_json(payload, &text, &len)
                                                      : FRANK_ERR_MALFORMED;
  char fault_text[FRANK_WIRE_REPLY_MAX_BYTES];
  if (err != FRANK_OK) {
    struct frank_wire_fault fault;
    frank_wire_fault_set(&fault, "internal", "the status cannot be written: %s",
                         frank_err_text(err));
    len = frank_wire_fault_format(&fault, FRANK_DOOR_RETRY_AFTER_MS, fault_text);
  }
  if (zmq_msg_init_size(&body, len) == 0) {
    /* One copy of a long text for everybody who waits. */
    memcpy(zmq_msg_data(&body), err == FRANK_OK ? text : fault_text, len);
    for (struct frank_asked *asked; (asked = next_waiter(&door->statuses)) != NULL;) {
      struct frank_peer *peer = asked->peer;
      struct frank_reply_head head = frank_reception_head(asked, err == FRANK_OK);
      frank_ledger_remove(door->ledger, asked);
      if (peer) {
        frank_reception_send(door, peer, &head, &body);
      }
    }
    (void)zmq_msg_close(&body);
  }
  free(text);
}

static void on_factor_record(struct frank_door *door, const struct frank_record *record)
{
  uint64_t tag = 0; /* the record's first member */
  char *text = NULL;
  size_t len = 0;
  if (record->len_bytes >= sizeof tag) {
    memcpy(&tag, record->payload, sizeof tag);
  }
  struct frank_asked *asked = frank_ledger_by_tag(door->ledger, tag);
  door->questions -= door->questions > 0 ? 1 : 0;
  if (!asked || asked->verb != FRANK_WIRE_FACTOR) {
    frank_log(FRANK_LOG_WARN, "event=factor_for_nobody tag=%" PRIu64, tag);
    return;
  }
  enum frank_err err = frank_wire_factor_format(record->payload, record->len_bytes, asked->domains,
                                                asked->domain_count, &text, &len);
  if (err == FRANK_OK) {
    frank_reception_answer(door, asked, true, text, len);
    free(text);
    return;
  }
  char body[FRANK_WIRE_REPLY_MAX_BYTES];
  struct frank_wire_fault fault;
  frank_wire_fault_set(&fault, "internal", "the factor of %zu domains cannot be written: %s",
                       asked->domain_count, frank_err_text(err));
  len = frank_wire_fault_format(&fault, FRANK_DOOR_RETRY_AFTER_MS, body);
  frank_reception_answer(door, asked, false, body, len);
}

static void on_ping_record(struct frank_door *door, const void *payload)
{
  memcpy(&door->pong, payload, sizeof door->pong);
  door->pong_due = true;
}

static void on_drain(struct frank_door *door, const void *payload)
{
  (void)payload;
  door->draining = true;
}

typedef void record_fn(struct frank_door *door, const void *payload);
static const struct {
  record_fn *fn;
  size_t len_bytes;
} records[] = {
    [FRANK_DOOR_ANSWER] = {on_answer, sizeof(struct frank_answer)},
    [FRANK_DOOR_CANCELLED] = {on_cancelled, sizeof(struct frank_door_cancelled)},
    [FRANK_DOOR_STATUS] = {on_status_record, sizeof(struct frank_status)},
    [FRANK_RECORD_PING] = {on_ping_record, sizeof(struct frank_record_tag)},
    [FRANK_DOOR_DRAIN] = {on_drain, 0},
};

bool frank_records_read(struct frank_door *door)
{
  for (int i = 0; i < RECORDS_AT_ONCE; i++) {
    struct frank_record record;
    enum frank_err err = frank_chan_read(door->chan, &record);
    if (err == FRANK_ERR_AGAIN) {
      return true;
    }
    if (err != FRANK_OK) {
      door->closed = true;
      return true;
    }
    if (record.type == FRANK_DOOR_FACTOR) { /* of any length */
      on_factor_record(door, &record);
      continue;
    }
    if (record.type >= sizeof records / sizeof records[0] || !records[record.type].fn ||
        records[record.type].len_bytes != record.len_bytes) {
      frank_log(FRANK_LOG_ERROR, "event=unexpected_record type=%u len_bytes=%u",
                (unsigned)record.type, (unsigned)record.len_bytes);
      door->closed = true; /* not the frankd of this build */
      return true;
    }
    records[record.type].fn(door, record.payload);
  }
  return false;
}
