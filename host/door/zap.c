#include "door/zap.h"

#include "base/clock.h"
#include "base/log.h"
#include "door/keys.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ADDRESS           "inproc://zeromq.zap.01"
#define VERSION           "1.0"
#define FRAME_BYTES       256 /* the longest, a routing id, has 255 */
#define QUESTIONS_AT_ONCE 64

/* The frames of a question (RFC 27). */
enum { Q_VERSION, Q_REQUEST, Q_DOMAIN, Q_ADDRESS, Q_IDENTITY, Q_MECHANISM, Q_KEY, Q_COUNT };

struct frank_zap {
  void *socket;
  const struct frank_allow *allow;
  struct frank_log_limit refusals;
};

struct question {
  uint8_t bytes[Q_COUNT][FRAME_BYTES];
  size_t len[Q_COUNT];
  size_t count;
};

enum frank_err frank_zap_new(void *context, const struct frank_allow *allow, struct frank_zap **out)
{
  struct frank_zap *zap = calloc(1, sizeof *zap);
  if (!zap) {
    return FRANK_ERR_NOMEM;
  }
  int linger_ms = 0;
  zap->allow = allow;
  zap->refusals = (struct frank_log_limit){.burst = 10, .interval_us = 10 * FRANK_US_PER_S};
  zap->socket = zmq_socket(context, ZMQ_REP);
  if (!zap->socket || zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
      zmq_bind(zap->socket, ADDRESS) != 0) {
    frank_zap_destroy(&zap);
    return FRANK_ERR_IO;
  }
  *out = zap;
  return FRANK_OK;
}

void frank_zap_destroy(struct frank_zap **zap)
{
  if (*zap && (*zap)->socket) {
    (void)zmq_close((*zap)->socket);
  }
  free(*zap);
  *zap = NULL;
}

void *frank_zap_socket(const struct frank_zap *zap)
{
  return zap->socket;
}

/* Reads one question; false when there is none. Frames beyond the known ones are read and left. */
static bool read_question(void *socket, struct question *question)
{
  question->count = 0;
  for (;;) {
    uint8_t excess[1];
    bool known = question->count < Q_COUNT;
    int len = zmq_recv(socket, known ? question->bytes[question->count] : excess,
                       known ? FRAME_BYTES : sizeof excess, ZMQ_DONTWAIT);
    if (len < 0) {
      return false;
    }
    if (known) {
      /* A frame that was cut is longer than any that is right, and fails the comparisons. */
      question->len[question->count] = (size_t)len;
      question->count++;
    } else {
      question->count = Q_COUNT + 1;
    }
    int more = 0;
    size_t size = sizeof more;
    if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size) != 0 || !more) {
      return true;
    }
  }
}

static bool is(const struct question *question, int frame, const char *text)
{
  return question->len[frame] == strlen(text) &&
         memcmp(question->bytes[frame], text, question->len[frame]) == 0;
}

static const struct frank_allow_client *judge(const struct frank_zap *zap,
                                              const struct question *question,
                                              char user_id[FRANK_ALLOW_USER_ID_BYTES])
{
  if (question->count != Q_COUNT || !is(question, Q_VERSION, VERSION) ||
      !is(question, Q_DOMAIN, FRANK_ZAP_DOMAIN) || !is(question, Q_MECHANISM, "CURVE") ||
      question->len[Q_KEY] != FRANK_KEY_BYTES) {
    return NULL;
  }
  return frank_allow_by_key(zap->allow, question->bytes[Q_KEY], user_id);
}

static void log_refusal(struct frank_zap *zap, const struct question *question, uint64_t now_us)
{
  char key[FRANK_KEY_TEXT_BYTES] = "none";
  if (!frank_log_allow(&zap->refusals, now_us)) {
    return;
  }
  if (question->count == Q_COUNT && question->len[Q_KEY] == FRANK_KEY_BYTES) {
    (void)zmq_z85_encode(key, question->bytes[Q_KEY], FRANK_KEY_BYTES);
  }
  bool has_address = question->count > Q_ADDRESS && question->len[Q_ADDRESS] < FRAME_BYTES;
  frank_log(FRANK_LOG_WARN, "event=client_refused address=%.*s key=\"%s\"",
            has_address ? (int)question->len[Q_ADDRESS] : 0,
            has_address ? (const char *)question->bytes[Q_ADDRESS] : "", key);
}

void frank_zap_read(struct frank_zap *zap, uint64_t now_us)
{
  for (int i = 0; i < QUESTIONS_AT_ONCE; i++) {
    struct question question;
    char user_id[FRANK_ALLOW_USER_ID_BYTES] = "";
    if (!read_question(zap->socket, &question)) {
      return;
    }
    const struct frank_allow_client *client = judge(zap, &question, user_id);
    if (!client) {
      log_refusal(zap, &question, now_us);
    }
    bool has_id = question.count > Q_REQUEST && question.len[Q_REQUEST] < FRAME_BYTES;
    const struct {
      const void *bytes;
      size_t len;
    } reply[] = {{VERSION, strlen(VERSION)},
                 {question.bytes[Q_REQUEST], has_id ? question.len[Q_REQUEST] : 0},
                 {client ? "200" : "400", 3},
                 {client ? "OK" : "no", 2},
                 {user_id, strlen(user_id)},
                 {"", 0}};
    size_t count = sizeof reply / sizeof reply[0];
    for (size_t k = 0; k < count; k++) {
      (void)zmq_send(zap->socket, reply[k].bytes, reply[k].len,
                     ZMQ_DONTWAIT | (k + 1 < count ? ZMQ_SNDMORE : 0));
    }
  }
}
