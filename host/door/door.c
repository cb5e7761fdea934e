#include "door/door_internal.h"

#include "base/clock.h"
#include "door/keys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <zmq.h>

/* libzmq reads ahead of us, this many messages for each peer: each may have 64 KiB a frame. */
#define RCVHWM            128
#define FRAME_MAX_BYTES   INT64_C(65536) /* a body of 20,000 bytes still gets its bad-request */
#define BACKLOG           256
#define HANDSHAKE_MS      3000 /* a connection that says nothing holds a descriptor so long */
#define HEARTBEAT_MS      10000
#define HEARTBEAT_WAIT_MS 60000

#define COUNTS_EVERY_US   FRANK_US_PER_S
#define LEAVE_HEAR_US     (800 * FRANK_US_PER_MS) /* where somebody asks on and on */
#define LEAVE_LIMIT_US    (7 * FRANK_US_PER_S)    /* frankd waits for this and libzmq's linger */
#define LEAVE_HELD_MS     2
#define LEAVE_QUIET_MS    20
#define LEAVE_STUCK_POLLS 1000 /* of LEAVE_HELD_MS: no peer takes a reply any more */
#define FOLDER_EVERY_US   (2 * FRANK_US_PER_S)

void frank_door_config_init(struct frank_door_config *config)
{
  *config = (struct frank_door_config){.mode = FRANK_DOOR_MODE_DEFAULT,
                                       .in_flight = FRANK_DOOR_IN_FLIGHT_DEFAULT,
                                       .requests = FRANK_DOOR_REQUESTS_DEFAULT};
}

/* ---- the loop ---- */

static void reload_keys(struct frank_door *door)
{
  char why[FRANK_DOOR_WHY_BYTES];
  enum frank_err err = frank_allow_reload(door->allow, why);
  if (err == FRANK_OK) {
    /* Still stale: a file is of no use and tried again with every tick, which allow.c has said. */
    if (frank_allow_is_stale(door->allow) && !frank_log_allow(&door->log_folder, door->now_us)) {
      return;
    }
    frank_log(FRANK_LOG_INFO, "event=keys_read folder=\"%s\" clients=%zu",
              door->config->clients_dir, frank_allow_count(door->allow));
  } else if (frank_log_allow(&door->log_folder, door->now_us)) {
    frank_log(FRANK_LOG_ERROR, "event=keys_kept why=\"%s\"", why);
  }
}

static void read_signals(struct frank_door *door)
{
  struct signalfd_siginfo info;
  while (read(door->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
    if (door->allow) {
      reload_keys(door);
    }
  }
}

static void tell_counts(struct frank_door *door)
{
  bool changed = memcmp(&door->counts, &door->counts_told, sizeof door->counts) != 0;
  if (changed && frank_chan_put(door->chan, FRANK_DOOR_COUNTS, &door->counts, sizeof door->counts,
                                NULL, 0) == FRANK_OK) {
    door->counts_told = door->counts;
  }
  door->counts_due_us = door->now_us + COUNTS_EVERY_US;
}

static void run_timers(struct frank_door *door)
{
  frank_replies_tick(door->replies, door->now_us);
  frank_listener_tick(door->listener, door->now_us);
  if (door->now_us >= door->counts_due_us) {
    tell_counts(door);
  }
  if (door->allow && door->now_us >= door->folder_due_us) {
    door->folder_due_us = door->now_us + FOLDER_EVERY_US;
    if (frank_allow_is_stale(door->allow)) {
      reload_keys(door);
    }
  }
  if (door->pong_due) {
    door->pong_due = frank_chan_put(door->chan, FRANK_RECORD_PONG, &door->pong, sizeof door->pong,
                                    NULL, 0) != FRANK_OK;
  }
  frank_records_ask(door);
}

static long poll_timeout_ms(const struct frank_door *door)
{
  uint64_t due_us = door->counts_due_us;
  const uint64_t others[] = {frank_replies_next_due_us(door->replies),
                             frank_listener_next_due_us(door->listener),
                             door->allow ? door->folder_due_us : FRANK_NEVER_US};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    due_us = others[i] < due_us ? others[i] : due_us;
  }
  uint64_t now_us = frank_clock_now_us();
  return due_us <= now_us ? 0 : (long)((due_us - now_us + 999) / 1000);
}

static void flush(struct frank_door *door)
{
  enum frank_err err = frank_chan_flush(door->chan);
  door->closed = door->closed || (err != FRANK_OK && err != FRANK_ERR_AGAIN);
}

static enum frank_err serve(struct frank_door *door, char *why)
{
  enum { CHAN, ROUTER, MONITOR, SIGNALS, ZAP, COUNT };
  bool more = false; /* records are waiting in the channel's buffer */
  while (!door->closed) {
    bool has_room = frank_chan_has_room(door->chan);
    zmq_pollitem_t items[COUNT] = {
        [CHAN] = {.fd = frank_chan_fd(door->chan),
                  .events =
                      (short)(ZMQ_POLLIN | (frank_chan_has_unsent(door->chan) ? ZMQ_POLLOUT : 0))},
        /* No room for what it brings: it waits, first here, then at the client. */
        [ROUTER] = {.socket = door->router, .events = has_room ? ZMQ_POLLIN : 0},
        [MONITOR] = {.socket = frank_listener_monitor(door->listener), .events = ZMQ_POLLIN},
        [SIGNALS] = {.fd = door->signal_fd, .events = ZMQ_POLLIN},
    };
    if (door->zap) {
      items[ZAP] = (zmq_pollitem_t){.socket = frank_zap_socket(door->zap), .events = ZMQ_POLLIN};
    }
    if (zmq_poll(items, door->zap ? COUNT : ZAP, more ? 0 : poll_timeout_ms(door)) < 0 &&
        errno != EINTR) {
      (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "cannot poll: %s", zmq_strerror(errno));
      return FRANK_ERR_IO;
    }
    door->now_us = frank_clock_now_us();
    more = !frank_records_read(door);
    if (items[SIGNALS].revents != 0) {
      read_signals(door); /* before ZAP: who was just allowed is let in */
    }
    if (door->zap && items[ZAP].revents != 0) {
      frank_zap_read(door->zap, door->now_us);
    }
    if (items[MONITOR].revents != 0) {
      frank_listener_read(door->listener, door->now_us);
    }
    if (items[ROUTER].revents != 0) {
      frank_reception_read(door);
    }
    run_timers(door);
    flush(door);
  }
  return FRANK_OK;
}

/* frankd is gone. Who waits for an answer of it, and who asks while this door is still there, is
 * told so, and replies for which a peer had no room are tried until it has. (Lifting libzmq's limit
 * instead loses them: a ROUTER takes a pipe that was full under the old limit for one whose peer
 * has gone.)
 */
static void leave(struct frank_door *door)
{
  uint64_t start_us = frank_clock_now_us();
  bool quiet = false;
  int stuck = 0; /* polls; a machine that stands still does not count */
  door->now_us = start_us;
  door->draining = true;
  door->closed = true; /* after an error of the loop as well */
  frank_reception_end(door);
  while (!quiet && stuck < LEAVE_STUCK_POLLS && door->now_us - start_us < LEAVE_LIMIT_US) {
    size_t held = frank_replies_held(door->replies);
    zmq_pollitem_t item = {.socket = door->router, .events = ZMQ_POLLIN};
    bool found = zmq_poll(&item, 1, held > 0 ? LEAVE_HELD_MS : LEAVE_QUIET_MS) > 0;
    door->now_us = frank_clock_now_us();
    if (found) {
      frank_reception_read(door);
    }
    size_t before = frank_replies_held(door->replies);
    frank_replies_tick(door->replies, door->now_us);
    stuck = frank_replies_held(door->replies) < before ? 0 : stuck + (found ? 0 : 1);
    quiet = held == 0 && (!found || door->now_us - start_us >= LEAVE_HEAR_US);
  }
  size_t lost = frank_replies_held(door->replies);
  if (lost > 0) {
    frank_log(FRANK_LOG_WARN, "event=replies_left bytes=%zu why=\"no peer took them in time\"",
              lost);
  }
}

/* ---- setting up ---- */

static enum frank_err fail_zmq(char *why, const char *what)
{
  (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "%s: %s", what, zmq_strerror(errno));
  return errno == ENOMEM ? FRANK_ERR_NOMEM : FRANK_ERR_IO;
}

static enum frank_err set_options(void *router, bool ipv6, char *why)
{
  const struct {
    int option;
    int value;
  } options[] = {{ZMQ_ROUTER_MANDATORY, 1},
                 {ZMQ_SNDHWM, FRANK_REPLIES_SNDHWM},
                 {ZMQ_RCVHWM, RCVHWM},
                 {ZMQ_BACKLOG, BACKLOG},
                 {ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS},
                 {ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS},
                 {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_WAIT_MS},
                 {ZMQ_TCP_KEEPALIVE, 1},
                 {ZMQ_LINGER, FRANK_DOOR_LINGER_MS},
                 {ZMQ_IPV6, ipv6}};
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (zmq_setsockopt(router, options[i].option, &options[i].value, sizeof(int)) != 0) {
      return fail_zmq(why, "cannot set a socket option");
    }
  }
  int64_t frame_max = FRAME_MAX_BYTES;
  if (zmq_setsockopt(router, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) != 0) {
    return fail_zmq(why, "cannot set a socket option");
  }
  return FRANK_OK;
}

/* CURVE, the allow-list, and the handler that asks it: all of it, or the door stays shut. */
static enum frank_err set_curve(struct frank_door *door, char *why)
{
  char secret[FRANK_KEY_TEXT_BYTES];
  int one = 1;
  enum frank_err err = frank_keys_read(door->config->secret_file, true, secret, why);
  if (err != FRANK_OK) {
    return err;
  }
  err = frank_allow_new(door->config->clients_dir, &door->allow, why);
  if (err == FRANK_OK) {
    err = frank_zap_new(door->context, door->allow, &door->zap);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "cannot start the authentication handler: %s",
                     zmq_strerror(errno));
    }
  }
  if (err == FRANK_OK &&
      (zmq_setsockopt(door->router, ZMQ_ZAP_DOMAIN, FRANK_ZAP_DOMAIN, strlen(FRANK_ZAP_DOMAIN)) !=
           0 ||
       zmq_setsockopt(door->router, ZMQ_CURVE_SERVER, &one, sizeof one) != 0 ||
       zmq_setsockopt(door->router, ZMQ_CURVE_SECRETKEY, secret, FRANK_KEY_TEXT_BYTES) != 0)) {
    err = fail_zmq(why, "cannot set up CURVE");
  }
  explicit_bzero(secret, sizeof secret);
  return err;
}

static enum frank_err check_security(const struct frank_door_config *config, bool is_tcp,
                                     bool loopback, char *why)
{
  bool curve = config->secret_file || config->clients_dir;
  if (curve && (!config->secret_file || !config->clients_dir)) {
    (void)snprintf(why, FRANK_DOOR_WHY_BYTES,
                   "%.120s: CURVE needs both a secret key and a folder of clients' keys",
                   config->endpoint);
    return FRANK_ERR_DENIED;
  }
  if (is_tcp && !curve && !(config->insecure && loopback)) {
    (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "%.120s: %s", config->endpoint,
                   config->insecure ? "insecure is for loopback addresses only"
                                    : "tcp needs CURVE keys, or insecure on a loopback address");
    return FRANK_ERR_DENIED;
  }
  return FRANK_OK;
}

static enum frank_err open_router(struct frank_door *door, char *why)
{
  bool ipv6 = strchr(door->config->endpoint, '[') != NULL;
  door->context = zmq_ctx_new();
  door->router = door->context ? zmq_socket(door->context, ZMQ_ROUTER) : NULL;
  if (!door->router) {
    return fail_zmq(why, "cannot make a socket");
  }
  enum frank_err err = set_options(door->router, ipv6, why);
  if (err == FRANK_OK && door->config->secret_file) {
    err = set_curve(door, why);
  }
  if (err == FRANK_OK) {
    const struct frank_listener_config listener = {.endpoint = door->config->endpoint,
                                                   .mode = door->config->mode,
                                                   .descriptors = door->config->descriptors};
    err = frank_listener_new(door->context, door->router, &listener, &door->listener, why);
  }
  return err;
}

static void drop_replies(void *arg, struct frank_peer *peer)
{
  struct frank_door *door = arg;
  frank_replies_drop(door->replies, peer);
}

static enum frank_err open_tables(struct frank_door *door, char *why)
{
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
    (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "no random numbers: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  enum frank_err err = frank_ledger_new(door->config->requests, FRANK_LEDGER_PEERS, seed,
                                        drop_replies, door, &door->ledger);
  if (err == FRANK_OK) {
    err = frank_replies_new(door->router, &door->replies);
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "no memory for %u requests in flight",
                   (unsigned)door->config->requests);
  }
  return err;
}

/* SIGHUP through a descriptor; a service manager's SIGTERM is for frankd, which drains. */
static enum frank_err open_signals(struct frank_door *door, char *why)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
      (door->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) < 0) {
    (void)snprintf(why, FRANK_DOOR_WHY_BYTES, "cannot watch for signals: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGINT, SIG_IGN);
  return FRANK_OK;
}

static enum frank_err open_door(struct frank_door *door, char *why)
{
  enum frank_endpoint_kind kind = FRANK_ENDPOINT_IPC;
  bool loopback = false;
  enum frank_err err = frank_endpoint_check(door->config->endpoint, &kind, &loopback, why);
  if (err != FRANK_OK) {
    return err;
  }
  door->kind = kind == FRANK_ENDPOINT_TCP ? "tcp" : "ipc";
  err = check_security(door->config, kind == FRANK_ENDPOINT_TCP, loopback, why);
  if (err == FRANK_OK) {
    err = open_signals(door, why);
  }
  if (err == FRANK_OK) {
    err = open_router(door, why);
  }
  if (err == FRANK_OK) {
    err = open_tables(door, why);
  }
  return err;
}

static void close_door(struct frank_door *door)
{
  frank_replies_destroy(&door->replies);
  frank_ledger_destroy(&door->ledger);
  frank_zap_destroy(&door->zap);
  if (door->listener) {
    frank_listener_close(door->listener);
  }
  if (door->router) {
    (void)zmq_close(door->router);
  }
  if (door->context) {
    (void)zmq_ctx_term(door->context); /* waits for replies on their way, FRANK_DOOR_LINGER_MS */
  }
  frank_listener_destroy(&door->listener);
  frank_allow_destroy(&door->allow);
  if (door->signal_fd >= 0) {
    close(door->signal_fd);
  }
}

static void tell_failed(struct frank_chan *chan, enum frank_err err, const char *why)
{
  struct frank_record_failed failed = {.err = (int32_t)err};
  /* Started again, the same path, port, key or rule is in the way again. */
  failed.fatal = err == FRANK_ERR_TAKEN || err == FRANK_ERR_MALFORMED || err == FRANK_ERR_DENIED ||
                 err == FRANK_ERR_NOT_FOUND || err == FRANK_ERR_TOO_LONG;
  memcpy(failed.why, why, sizeof failed.why);
  if (frank_chan_put(chan, FRANK_RECORD_FAILED, &failed, sizeof failed, NULL, 0) != FRANK_OK ||
      frank_chan_flush(chan) != FRANK_OK) {
    frank_log(FRANK_LOG_ERROR, "event=door_failed why=\"%s\"", why); /* frankd would have */
  }
}

static enum frank_err tell_ready(struct frank_door *door)
{
  struct frank_record_ready ready = {0};
  (void)snprintf(ready.endpoint, sizeof ready.endpoint, "%s",
                 frank_listener_endpoint(door->listener));
  enum frank_err err =
      frank_chan_put(door->chan, FRANK_RECORD_READY, &ready, sizeof ready, NULL, 0);
  flush(door);
  return err;
}

enum frank_err frank_door_run(const struct frank_door_config *config, struct frank_chan *chan,
                              char *why)
{
  const struct frank_log_limit limit = {.burst = 10, .interval_us = FRANK_US_PER_S};
  struct frank_door door = {.config = config,
                            .chan = chan,
                            .signal_fd = -1,
                            .log_dropped = limit,
                            .log_refused = limit,
                            .log_lost = limit,
                            .log_folder = limit};
  memset(why, 0, FRANK_DOOR_WHY_BYTES);
  enum frank_err err = open_door(&door, why);
  if (err != FRANK_OK) {
    tell_failed(chan, err, why);
    goto cleanup;
  }
  err = tell_ready(&door);
  if (err == FRANK_OK) {
    err = serve(&door, why);
    leave(&door);
  }

cleanup:
  close_door(&door);
  return err;
}
