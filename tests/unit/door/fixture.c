#include "fixture.h"

#include "../tree.h"

#include "base/child.h"
#include "base/clock.h"
#include "proof/target.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

int fixture_make(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);
  if (!fixture) {
    return -1;
  }
  fixture->pid = -1;
  (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/frank-door-XXXXXX");
  if (!mkdtemp(fixture->folder)) {
    return -1;
  }
  (void)snprintf(fixture->endpoint, sizeof fixture->endpoint, "ipc://%s/d.sock", fixture->folder);
  fixture->context = zmq_ctx_new();
  *state = fixture;
  return fixture->context ? 0 : -1;
}

int fixture_remove(void **state)
{
  struct fixture *fixture = *state;
  if (fixture->pid > 0) {
    (void)fixture_end(&fixture->chan, &fixture->pid, 1);
  }
  (void)zmq_ctx_term(fixture->context);
  int rc = tree_remove(fixture->folder);
  free(fixture);
  return rc;
}

void fixture_start(const char *endpoint, const char *const *more, struct frank_chan **chan,
                   pid_t *pid, uint16_t *type, void *payload)
{
  char *argv[32] = {"frank-door", "--endpoint", (char *)endpoint};
  size_t count = 3;
  struct frank_record record;
  while (more && *more) {
    argv[count++] = (char *)*more++;
  }
  assert_int_equal(frank_child_spawn(FRANK_DOOR_PROGRAM, argv, pid, chan), FRANK_OK);
  assert_int_equal(frank_chan_wait(*chan, FIXTURE_PATIENCE_MS), FRANK_OK);
  assert_int_equal(frank_chan_read(*chan, &record), FRANK_OK);
  assert_true(record.len_bytes <= 512);
  memcpy(payload, record.payload, record.len_bytes);
  *type = record.type;
}

void fixture_open(struct fixture *fixture, const char *const *more)
{
  union {
    struct frank_record_ready ready;
    struct frank_record_failed failed;
    char bytes[512];
  } first;
  uint16_t type = 0;
  fixture_start(fixture->endpoint, more, &fixture->chan, &fixture->pid, &type, &first);
  if (type != FRANK_RECORD_READY) {
    fail_msg("no READY, but %u: %s", type, first.failed.why);
  }
  (void)snprintf(fixture->endpoint, sizeof fixture->endpoint, "%s", first.ready.endpoint);
}

void fixture_expect_failed(const char *endpoint, const char *const *more, enum frank_err err,
                           const char *named)
{
  union {
    struct frank_record_failed failed;
    char bytes[512];
  } first;
  struct frank_chan *chan = NULL;
  pid_t pid = -1;
  uint16_t type = 0;
  fixture_start(endpoint, more, &chan, &pid, &type, &first);
  assert_int_equal(type, FRANK_RECORD_FAILED);
  if ((enum frank_err)first.failed.err != err || !first.failed.fatal ||
      !strstr(first.failed.why, named)) {
    fail_msg("%s: %s (fatal %d): %s", endpoint, frank_err_text((enum frank_err)first.failed.err),
             first.failed.fatal, first.failed.why);
  }
  assert_int_equal(fixture_end(&chan, &pid, 0), 1);
}

int fixture_end(struct frank_chan **chan, pid_t *pid, int kill_it)
{
  int status = 0;
  if (kill_it) {
    (void)kill(*pid, SIGKILL); /* before the channel closes, which would end it in order */
  }
  frank_chan_destroy(chan);
  uint64_t until_us = frank_clock_now_us() + FIXTURE_PATIENCE_MS * FRANK_US_PER_MS;
  while (waitpid(*pid, &status, WNOHANG) == 0) {
    if (frank_clock_now_us() > until_us) {
      (void)kill(*pid, SIGKILL);
      (void)waitpid(*pid, &status, 0);
      fail_msg("the door did not end");
    }
    (void)poll(NULL, 0, 2);
  }
  *pid = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The next record but COUNTS; false when none comes in time. */
static int next_record(struct fixture *fixture, int timeout_ms, struct frank_record *record)
{
  uint64_t until_us = frank_clock_now_us() + (uint64_t)timeout_ms * FRANK_US_PER_MS;
  for (;;) {
    enum frank_err err = frank_chan_read(fixture->chan, record);
    if (err == FRANK_OK && record->type != FRANK_DOOR_COUNTS) {
      return 1;
    }
    uint64_t now_us = frank_clock_now_us();
    if (err == FRANK_ERR_AGAIN && now_us < until_us) {
      err = frank_chan_wait(fixture->chan, (int)((until_us - now_us) / FRANK_US_PER_MS) + 1);
    }
    if (err != FRANK_OK) {
      return 0;
    }
  }
}

int fixture_has_record(struct fixture *fixture, int timeout_ms, uint16_t *type)
{
  struct frank_record record;
  if (!next_record(fixture, timeout_ms, &record)) {
    return 0;
  }
  *type = record.type;
  return 1;
}

void fixture_expect(struct fixture *fixture, uint16_t type, void *payload, size_t len_bytes,
                    char *tail)
{
  struct frank_record record;
  if (!next_record(fixture, FIXTURE_PATIENCE_MS, &record)) {
    fail_msg("no record of type %u came", type);
  }
  assert_int_equal(record.type, type);
  assert_true(record.len_bytes >= len_bytes);
  if (len_bytes > 0) {
    memcpy(payload, record.payload, len_bytes);
  }
  if (tail) {
    memcpy(tail, record.payload + len_bytes, record.len_bytes - len_bytes);
    tail[record.len_bytes - len_bytes] = '\0';
  } else {
    assert_int_equal(record.len_bytes, len_bytes);
  }
}

void fixture_put(struct fixture *fixture, uint16_t type, const void *payload, size_t len_bytes)
{
  assert_int_equal(frank_chan_put(fixture->chan, type, payload, len_bytes, NULL, 0), FRANK_OK);
  while (frank_chan_flush(fixture->chan) == FRANK_ERR_AGAIN) {
    usleep(200);
  }
}

struct frank_answer fixture_stamp(uint64_t tag, const char *b, const char *n, uint64_t factor)
{
  struct frank_answer answer = {.tag = tag, .factor = factor, .attempts = 7, .elapsed_ms = 3};
  frank_msmr_hash(n, strlen(n), b, strlen(b), &answer.h);
  answer.met = frank_target_meets(&answer.h, factor);
  (void)snprintf(answer.n, sizeof answer.n, "%s", n);
  (void)snprintf(answer.source, sizeof answer.source, "request");
  (void)snprintf(answer.device, sizeof answer.device, "cpu:0");
  return answer;
}

void *fixture_client(struct fixture *fixture, int kind)
{
  int linger_ms = 0;
  void *socket = zmq_socket(fixture->context, kind);
  assert_non_null(socket);
  assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms), 0);
  assert_int_equal(zmq_connect(socket, fixture->endpoint), 0);
  return socket;
}

void fixture_send(void *socket, const char *verb, const char *id, const char *body)
{
  assert_true(zmq_send(socket, "frank/1", 7, ZMQ_SNDMORE) >= 0);
  assert_true(zmq_send(socket, verb, strlen(verb), ZMQ_SNDMORE) >= 0);
  assert_true(zmq_send(socket, id, strlen(id), ZMQ_SNDMORE) >= 0);
  assert_true(zmq_send(socket, body, strlen(body), 0) >= 0);
}

static void receive(void *socket, char *out, int size, int more)
{
  int left = 0;
  size_t len = sizeof left;
  int got = zmq_recv(socket, out, (size_t)size - 1, 0);
  assert_in_range(got, 0, size - 1);
  out[got] = '\0';
  assert_int_equal(zmq_getsockopt(socket, ZMQ_RCVMORE, &left, &len), 0);
  assert_int_equal(left, more);
}

void fixture_reply(void *socket, char verb[16], char id[80], char body[4096])
{
  char version[16];
  zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
  assert_int_equal(zmq_poll(&item, 1, FIXTURE_PATIENCE_MS), 1);
  receive(socket, version, sizeof version, 1);
  assert_string_equal(version, "frank/1");
  receive(socket, verb, 16, 1);
  receive(socket, id, 80, 1);
  receive(socket, body, 4096, 0);
}

void fixture_expect_reply(void *socket, const char *id, const char *code, char body[4096])
{
  char verb[16];
  char got[80];
  char want[64];
  fixture_reply(socket, verb, got, body);
  assert_string_equal(got, id);
  if (strcmp(code, "ok") == 0) {
    if (strcmp(verb, "ok") != 0) {
      fail_msg("not ok: %s", body);
    }
  } else {
    assert_string_equal(verb, "error");
    (void)snprintf(want, sizeof want, "{\"error\":\"%s\"", code);
    if (strncmp(body, want, strlen(want)) != 0) {
      fail_msg("not %s: %s", code, body);
    }
  }
}
