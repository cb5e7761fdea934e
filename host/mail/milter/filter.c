#include "mail/milter/filter.h"

#include "base/clock.h"
#include "base/log.h"
#include "mail/milter/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES          ((size_t)512 << 10) /* of a session's thread; what is large is on the heap */
#define STOP_LIMIT_US        (10 * FRANK_US_PER_S) /* for mails under way, at the end */
#define BACKLOG              512
#define TURN_MS              100
#define KNOCK_MS             50
#define LAST_REPLY_NS        100000000L
#define DESCRIPTORS_AT_START 256
#define NEEDED_ACTIONS       (SMFIF_ADDHDRS | SMFIF_CHGHDRS)

/* libmilter's callbacks have no argument of ours before the first session. */
static struct frank_filter *the_filter;
static const struct frank_session_kind *the_kind;

/* ---- libmilter's callbacks ---- */

static struct frank_session *session_of(SMFICTX *ctx)
{
  struct frank_session *session = smfi_getpriv(ctx);
  if (session == NULL && frank_session_new(the_filter, &session) == FRANK_OK) {
    (void)smfi_setpriv(ctx, session);
  }
  return session;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
                             unsigned long reserved_2, unsigned long reserved_3,
                             unsigned long *wanted_actions, unsigned long *wanted_steps,
                             unsigned long *wanted_2, unsigned long *wanted_3)
{
  struct frank_session *session = session_of(ctx);
  (void)reserved_2;
  (void)reserved_3;
  if (session == NULL || (actions & NEEDED_ACTIONS) != NEEDED_ACTIONS) {
    frank_log(FRANK_LOG_ERROR, "event=refused why=\"the mail server does not let fields be added "
                               "and removed\"");
    return SMFIS_REJECT;
  }
  *wanted_actions = NEEDED_ACTIONS;
  *wanted_steps = steps & (the_kind->steps | SMFIP_NR_HDR);
  *wanted_2 = 0;
  *wanted_3 = 0;
  session->no_header_reply = (*wanted_steps & SMFIP_NR_HDR) != 0;
  session->leading_space = (*wanted_steps & SMFIP_HDR_LEADSPC) != 0;
  session->can_skip = (*wanted_steps & SMFIP_SKIP) != 0;
  return SMFIS_CONTINUE;
}

static sfsistat on_sender(SMFICTX *ctx, char **argv)
{
  struct frank_session *session = session_of(ctx);
  if (session == NULL) {
    return SMFIS_TEMPFAIL; /* no memory: no mail can be taken */
  }
  frank_session_begin(session, argv[0] != NULL ? argv[0] : "");
  return SMFIS_CONTINUE;
}

static sfsistat on_recipient(SMFICTX *ctx, char **argv)
{
  frank_session_recipient(session_of(ctx), argv[0] != NULL ? argv[0] : "");
  return SMFIS_CONTINUE;
}

static sfsistat on_field(SMFICTX *ctx, char *name, char *value)
{
  struct frank_session *session = session_of(ctx);
  sfsistat result = the_kind->field(ctx, session, name, value);
  return session->no_header_reply ? SMFIS_NOREPLY : result;
}

static sfsistat on_end_of_header(SMFICTX *ctx)
{
  return the_kind->end_of_header(ctx, session_of(ctx));
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *text, size_t len_bytes)
{
  return the_kind->body(ctx, session_of(ctx), (const char *)text, len_bytes);
}

static sfsistat on_end(SMFICTX *ctx)
{
  struct frank_session *session = session_of(ctx);
  atomic_fetch_add(&the_filter->at_end, 1);
  frank_milter_count(the_filter->counters, FRANK_COUNT_BEGUN, 1);
  sfsistat result = the_kind->end(ctx, session);
  frank_session_end(session);
  atomic_fetch_sub(&the_filter->at_end, 1);
  return result;
}

static sfsistat on_abort(SMFICTX *ctx)
{
  struct frank_session *session = smfi_getpriv(ctx);
  if (session != NULL) {
    frank_session_end(session);
  }
  return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx)
{
  struct frank_session *session = smfi_getpriv(ctx);
  (void)smfi_setpriv(ctx, NULL);
  frank_session_destroy(&session);
  return SMFIS_CONTINUE;
}

/* ---- the socket ---- */

/* Where the mail server connects, as bound. */
struct door {
  struct sockaddr_storage address;
  socklen_t len_bytes;
};

/* Connects to our own socket: whoever listens there wakes up. It never waits for long: a full queue
 * of connections is a listener, too. False: nobody listens. */
static bool knock(const struct door *door)
{
  int error = 0;
  socklen_t size = sizeof error;
  int fd = socket(door->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return true; /* out of descriptors: it cannot be told */
  }
  if (connect(fd, (const struct sockaddr *)&door->address, door->len_bytes) != 0) {
    error = errno;
  }
  if (error == EINPROGRESS) {
    struct pollfd connected = {.fd = fd, .events = POLLOUT};
    error = 0;
    if (poll(&connected, 1, KNOCK_MS) > 0) {
      (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  (void)close(fd);
  return error == 0 || error == EAGAIN;
}

/* True where somebody listens at the path of a unix: socket. */
static bool is_taken(const char *name)
{
  struct door door = {.len_bytes = sizeof(struct sockaddr_un)};
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%.107s", strchr(name, ':') + 1);
  memcpy(&door.address, &address, sizeof address);
  return knock(&door);
}

/* libmilter keeps its socket to itself: it is the one that listens. */
static enum frank_err find_door(struct door *door)
{
  const int on = 1;
  for (int fd = 0; fd < DESCRIPTORS_AT_START; fd++) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) {
      continue;
    }
    door->len_bytes = sizeof door->address;
    if (getsockname(fd, (struct sockaddr *)&door->address, &door->len_bytes) != 0) {
      return FRANK_ERR_IO;
    }
    /* The field, then the verdict: the second would wait 40 ms for the first one's delayed
     * acknowledgement. Connections inherit this from their listener (tcp(7) of Linux). */
    if (door->address.ss_family != AF_UNIX) {
      (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    return FRANK_OK;
  }
  return FRANK_ERR_NOT_FOUND;
}

static enum frank_err open_socket(const struct frank_milter_settings *settings, struct door *door,
                                  char *why)
{
  char name[FRANK_MILTER_SOCKET_BYTES];
  struct smfiDesc filter = {
      .xxfi_name = (char[]){"frank"},
      .xxfi_version = SMFI_VERSION,
      .xxfi_flags = NEEDED_ACTIONS,
      .xxfi_envfrom = on_sender,
      .xxfi_envrcpt = on_recipient,
      .xxfi_header = on_field,
      .xxfi_eoh = on_end_of_header,
      .xxfi_body = on_body,
      .xxfi_eom = on_end,
      .xxfi_abort = on_abort,
      .xxfi_close = on_close,
      .xxfi_negotiate = on_negotiate,
  };
  (void)snprintf(name, sizeof name, "%s", settings->socket);
  /* a second one would take an existing path away from the first */
  if (strncmp(name, "inet", 4) != 0 && is_taken(name)) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "cannot listen on %s: somebody does", name);
    return FRANK_ERR_TAKEN;
  }
  if (smfi_register(filter) != MI_SUCCESS || smfi_setconn(name) != MI_SUCCESS ||
      smfi_setbacklog(BACKLOG) != MI_SUCCESS) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "cannot listen on %s: libmilter refuses it", name);
    return FRANK_ERR_MALFORMED;
  }
  (void)umask((mode_t)(~settings->socket_mode & 0777));
  errno = 0;
  if (smfi_opensocket(true) != MI_SUCCESS) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "cannot listen on %s: %s", name,
                   errno != 0 ? strerror(errno) : "libmilter has logged why");
    return errno == EADDRINUSE ? FRANK_ERR_TAKEN : FRANK_ERR_IO;
  }
  (void)umask(0077);
  enum frank_err err = find_door(door);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "cannot listen on %s: libmilter's socket is lost",
                   name);
  }
  return err;
}

/* ---- libmilter, and the keeper ---- */

struct listener {
  struct frank_chan *chan;
  struct door door;
  _Atomic bool stopped; /* by us */
  _Atomic bool ended;   /* libmilter, by itself or as asked */
};

static void *run_libmilter(void *arg)
{
  struct listener *listener = arg;
  (void)smfi_main();
  atomic_store(&listener->ended, true);
  return NULL;
}

/* libmilter's listener holds the lock that smfi_stop wants while it waits, 5 s at a time: it is
 * woken until that has come through. */
static void *wake_listener(void *arg)
{
  const struct listener *listener = arg;
  const struct timespec pause = {.tv_nsec = 5000000};
  while (!atomic_load(&listener->stopped) && knock(&listener->door)) {
    (void)nanosleep(&pause, NULL);
  }
  return NULL;
}

/* No new connections. libmilter's own end is not waited for: it takes seconds, and at times more.
 */
static void stop_libmilter(struct listener *listener)
{
  pthread_t waker;
  atomic_store(&the_filter->stop_us, frank_clock_now_us() + STOP_LIMIT_US);
  bool wakes = pthread_create(&waker, NULL, wake_listener, listener) == 0;
  (void)smfi_stop();
  atomic_store(&listener->stopped, true);
  if (wakes) {
    (void)pthread_join(waker, NULL);
  }
}

/* libmilter 8.17's pool counts a worker as idle until it wakes. So of two connections that ask at
 * the same moment one can be left lying until some worker comes free, which may be after a mint of
 * half a minute (60 connections at a time, tried: up to 6 s behind others' mints of 3 s). A new
 * connection has a worker started, which looks for what was left when that connection is done. */
static void rouse(const struct listener *listener)
{
  if (atomic_load(&the_filter->at_end) > 0) {
    (void)knock(&listener->door);
  }
}

/* Serves the channel until the keeper closes it. FRANK_ERR_IO: libmilter has ended before that. */
static enum frank_err listen_to_keeper(struct listener *listener)
{
  struct frank_record record;
  while (!atomic_load(&listener->ended)) {
    enum frank_err err = frank_chan_wait(listener->chan, TURN_MS);
    rouse(listener);
    frank_log_set_level(frank_milter_view_log_level(the_filter->view));
    while (err == FRANK_OK && (err = frank_chan_read(listener->chan, &record)) == FRANK_OK) {
      if (record.type == FRANK_RECORD_PING) {
        err = frank_chan_put(listener->chan, FRANK_RECORD_PONG, record.payload, record.len_bytes,
                             NULL, 0);
      }
    }
    if (err == FRANK_ERR_AGAIN || err == FRANK_ERR_TIMEOUT || err == FRANK_OK) {
      err = frank_chan_flush(listener->chan);
    }
    if (err != FRANK_OK && err != FRANK_ERR_AGAIN) {
      return FRANK_OK;
    }
  }
  return FRANK_ERR_IO;
}

/* Mails that are being stamped or judged may come to their end. Others cannot: libmilter reads no
 * more commands. */
static void wait_for_mails(void)
{
  const struct timespec pause = {.tv_nsec = 10000000};
  const struct timespec last = {.tv_nsec = LAST_REPLY_NS};
  uint64_t until_us = frank_clock_now_us() + STOP_LIMIT_US + FRANK_MILTER_TURN_US;
  if (atomic_load(&the_filter->at_end) == 0) {
    return;
  }
  while (atomic_load(&the_filter->at_end) > 0 && frank_clock_now_us() < until_us) {
    (void)nanosleep(&pause, NULL);
  }
  (void)nanosleep(&last, NULL); /* libmilter sends the reply after our callback */
}

static enum frank_err tell(struct frank_chan *chan, enum frank_err err, const char *endpoint,
                           const char *why)
{
  enum frank_err sent;
  if (err == FRANK_OK) {
    struct frank_record_ready ready = {.endpoint = ""};
    (void)snprintf(ready.endpoint, sizeof ready.endpoint, "%.95s", endpoint);
    sent = frank_chan_put(chan, FRANK_RECORD_READY, &ready, sizeof ready, NULL, 0);
  } else {
    struct frank_record_failed failed = {.err = (int32_t)err, .fatal = 1};
    (void)snprintf(failed.why, sizeof failed.why, "%s", why);
    sent = frank_chan_put(chan, FRANK_RECORD_FAILED, &failed, sizeof failed, NULL, 0);
  }
  sent = sent == FRANK_OK ? frank_chan_flush(chan) : sent;
  return err != FRANK_OK ? err : sent;
}

/* ---- life ---- */

static enum frank_err open_dkim(struct frank_filter *filter,
                                const struct frank_milter_settings *settings, char *why)
{
  const char *servers[FRANK_CONFIG_LIST_MAX];
  char text[FRANK_DKIM_WHY_BYTES];
  struct frank_dkim_options options = {
      .key_file = settings->dkim_keys[0] != '\0' ? settings->dkim_keys : NULL,
      .dns_servers = servers,
      .dns_server_count = settings->dns_servers.count,
      .look_up_limit_ms = (uint32_t)(settings->look_up_limit_us / FRANK_US_PER_MS)};
  if (settings->dkim != FRANK_MILTER_DKIM_LIBRARY) {
    return FRANK_OK;
  }
  for (uint32_t i = 0; i < settings->dns_servers.count; i++) {
    servers[i] = settings->dns_servers.items[i];
  }
  enum frank_err err = frank_dkim_library_new(&options, &filter->dkim, text);
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "%s", text);
  }
  return err;
}

static enum frank_err open_all(const struct frank_filter_config *config,
                               struct frank_filter *filter,
                               const struct frank_milter_settings **out, struct door *door,
                               char *why)
{
  struct frank_milter_view *view = NULL;
  pthread_attr_t attributes;
  struct rlimit descriptors;
  enum frank_err err = frank_milter_view_map(config->view_fd, &view);
  if (err == FRANK_OK) {
    err = frank_milter_counters_map(config->counters_fd, &filter->counters);
  }
  if (err == FRANK_OK) {
    err = frank_milter_snapshots_new(view, &filter->snapshots);
  }
  if (err != FRANK_OK) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "no memory shared with frank-milter: %s",
                   frank_err_text(err));
    return err;
  }
  const struct frank_milter_settings *settings = frank_milter_snapshot_take(filter->snapshots);
  *out = settings;
  filter->view = view;
  filter->observe_fd = config->observe_fd;
  filter->mode = (enum frank_milter_mode)settings->mode;
  if (config->state != NULL) {
    (void)snprintf(filter->replay_path, sizeof filter->replay_path, "%.255s/replay.db",
                   config->state);
  }
  /* Each session has a socket to the daemon, or a handle of the store: as many as we may. */
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  if (pthread_attr_init(&attributes) == 0) {
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_setattr_default_np(&attributes);
    (void)pthread_attr_destroy(&attributes);
  }
  frank_log_init(FRANK_FILTER_PROGRAM, (enum frank_log_level)settings->log_level);
  if (filter->mode == FRANK_MILTER_VERIFY) {
    err = open_dkim(filter, settings, why);
  }
  return err == FRANK_OK ? open_socket(settings, door, why) : err;
}

enum frank_err frank_filter_run(const struct frank_filter_config *config, struct frank_chan *chan,
                                char *why)
{
  static struct frank_filter filter;
  const struct frank_milter_settings *settings = NULL;
  static struct listener listener; /* libmilter's threads may outlast this function */
  pthread_t thread;
  listener.chan = chan;
  the_filter = &filter;
  enum frank_err err = open_all(config, &filter, &settings, &listener.door, why);
  the_kind = filter.mode == FRANK_MILTER_MINT ? &frank_session_mint : &frank_session_verify;
  err = tell(chan, err, settings != NULL ? settings->socket : "", why);
  if (settings != NULL) {
    frank_milter_snapshot_leave(filter.snapshots, &settings);
  }
  /* libmilter waits for SIGHUP, SIGTERM and SIGINT in threads that block them, and ends at them.
   * Who sends one to all of our processes means the keeper: while this thread ignores them and
   * does not block them, they are dropped. */
  (void)signal(SIGHUP, SIG_IGN);
  if (err == FRANK_OK && pthread_create(&thread, NULL, run_libmilter, &listener) != 0) {
    (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "no thread");
    err = FRANK_ERR_NOMEM;
  }
  if (err == FRANK_OK) {
    err = listen_to_keeper(&listener);
    if (err != FRANK_OK) {
      (void)snprintf(why, FRANK_FILTER_WHY_BYTES, "libmilter ended by itself");
    }
    stop_libmilter(&listener);
    wait_for_mails();
  }
  /* Threads of sessions may still run: what they use stays, and the process ends after this. */
  return err;
}
