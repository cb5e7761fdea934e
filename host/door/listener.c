#include "door/listener.h"

#include "base/clock.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define IPC "ipc://"
#define TCP "tcp://"

/* Events read in one go: a spinning listener makes more than anybody can read. */
#define EVENTS_AT_ONCE 256

/* Descriptors are counted again after this at the earliest. */
#define COUNT_EVERY_US (2 * FRANK_US_PER_MS)

struct frank_listener {
  void *context;
  void *router;
  void *monitor;
  enum frank_endpoint_kind kind;
  uint32_t mode;
  uint32_t descriptors_most; /* pause above this; 0: do not count */
  uint64_t counted_us;
  int lock_fd; /* ipc; -1: none */
  bool ours;   /* what is at the ipc path */
  bool bound;
  bool closed;     /* libzmq has let go of the endpoint after unbind */
  uint64_t due_us; /* when to bind again; FRANK_NEVER_US: nothing to do */
  struct frank_log_limit pauses;
  struct frank_log_limit failures;
  char endpoint[FRANK_LISTENER_ENDPOINT_BYTES];
};

static const char *path_of(const struct frank_listener *listener)
{
  return listener->endpoint + strlen(IPC);
}

/* ---- the address ---- */

static bool is_loopback(const char *host, size_t len_bytes)
{
  return (len_bytes >= 8 && memcmp(host, "127.", 4) == 0 &&
          strspn(host, "0123456789.") >= len_bytes) ||
         (len_bytes == 5 && memcmp(host, "[::1]", 5) == 0);
}

static enum frank_err check_tcp(const char *endpoint, bool *loopback, char *why)
{
  const char *host = endpoint + strlen(TCP);
  const char *colon = strrchr(host, ':');
  const char *port = colon ? colon + 1 : "";
  char *end = NULL;
  unsigned long number = strtoul(port, &end, 10);
  bool port_is_number = port[0] >= '0' && port[0] <= '9' && *end == '\0' && number <= 65535;
  if (!colon || colon == host || (strcmp(port, "*") != 0 && !port_is_number)) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.120s is not tcp://ADDRESS:PORT", endpoint);
    return FRANK_ERR_MALFORMED;
  }
  *loopback = is_loopback(host, (size_t)(colon - host));
  return FRANK_OK;
}

static enum frank_err check_ipc(const char *endpoint, bool *loopback, char *why)
{
  const char *path = endpoint + strlen(IPC);
  if (path[0] != '/') {
    /* "@name" is an abstract socket, which no file mode guards; "*" a random path. */
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.120s is not ipc:// and an absolute path",
                   endpoint);
    return FRANK_ERR_MALFORMED;
  }
  struct sockaddr_un address;
  if (strlen(path) >= sizeof address.sun_path) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES,
                   "%.120s: the path is longer than %zu bytes, a socket's limit", endpoint,
                   sizeof address.sun_path - 1);
    return FRANK_ERR_TOO_LONG;
  }
  *loopback = true;
  return FRANK_OK;
}

enum frank_err frank_endpoint_check(const char *endpoint, enum frank_endpoint_kind *kind,
                                    bool *loopback, char *why)
{
  if (strlen(endpoint) >= FRANK_LISTENER_ENDPOINT_BYTES) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.60s...: the endpoint is too long", endpoint);
    return FRANK_ERR_TOO_LONG;
  }
  if (strncmp(endpoint, IPC, strlen(IPC)) == 0) {
    *kind = FRANK_ENDPOINT_IPC;
    return check_ipc(endpoint, loopback, why);
  }
  if (strncmp(endpoint, TCP, strlen(TCP)) == 0) {
    *kind = FRANK_ENDPOINT_TCP;
    return check_tcp(endpoint, loopback, why);
  }
  (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.120s is neither ipc:// nor tcp://", endpoint);
  return FRANK_ERR_MALFORMED;
}

/* ---- the ipc path ---- */

static enum frank_err take_lock(struct frank_listener *listener, char *why)
{
  char path[FRANK_LISTENER_ENDPOINT_BYTES + 8];
  (void)snprintf(path, sizeof path, "%s.lock", path_of(listener));
  listener->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (listener->lock_fd < 0) {
    int number = errno;
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.128s: cannot open: %s", path,
                   strerror(number));
    return number == ENOENT || number == ENOTDIR ? FRANK_ERR_NOT_FOUND
           : number == EACCES || number == EROFS ? FRANK_ERR_DENIED
                                                 : FRANK_ERR_IO;
  }
  if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) != 0) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.107s is taken: another daemon listens there",
                   path_of(listener));
    return FRANK_ERR_TAKEN;
  }
  return FRANK_OK;
}

/* With the lock held: the path must be free, or a socket that nobody listens at any more. */
static enum frank_err check_path(const struct frank_listener *listener, char *why)
{
  struct stat info;
  const char *path = path_of(listener);
  if (lstat(path, &info) != 0) {
    return FRANK_OK; /* what else may be wrong, bind will say */
  }
  if (!S_ISSOCK(info.st_mode)) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.107s is taken: it is there and no socket",
                   path);
    return FRANK_ERR_TAKEN;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "no socket to try %.107s with: %s", path,
                   strerror(errno));
    return FRANK_ERR_IO;
  }
  bool lives =
      connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno != ECONNREFUSED;
  close(fd);
  if (lives) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.107s is taken: another program listens there",
                   path);
    return FRANK_ERR_TAKEN;
  }
  return FRANK_OK;
}

/* ---- binding ---- */

static enum frank_err bind_now(struct frank_listener *listener, char *why)
{
  /* zmq_bind makes the file in this thread, so the umask is what decides its mode. */
  mode_t before = umask((mode_t)(~listener->mode & 0777));
  int rc = zmq_bind(listener->router, listener->endpoint);
  int number = errno;
  umask(before);
  if (rc == 0) {
    listener->ours = true;
    listener->bound = true;
    listener->closed = false;
    return FRANK_OK;
  }
  (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "%.120s: cannot listen: %s", listener->endpoint,
                 zmq_strerror(number));
  switch (number) {
  case EADDRINUSE:
    return FRANK_ERR_TAKEN;
  case EADDRNOTAVAIL:
  case ENODEV:
  case ENOENT:
  case ENOTDIR:
    return FRANK_ERR_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS:
    return FRANK_ERR_DENIED;
  default:
    return FRANK_ERR_IO;
  }
}

static enum frank_err start_monitor(struct frank_listener *listener, char *why)
{
  static const char address[] = "inproc://listener-events";
  int linger_ms = 0;
  listener->monitor = zmq_socket(listener->context, ZMQ_PAIR);
  if (!listener->monitor ||
      zmq_setsockopt(listener->monitor, ZMQ_LINGER, &linger_ms, sizeof linger_ms) != 0 ||
      zmq_socket_monitor(listener->router, address,
                         ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_CLOSED) != 0 ||
      zmq_connect(listener->monitor, address) != 0) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "cannot watch the socket: %s",
                   zmq_strerror(errno));
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

/* A port that the system chose is kept when the endpoint is bound again. */
static enum frank_err note_endpoint(struct frank_listener *listener, char *why)
{
  size_t size = sizeof listener->endpoint;
  if (listener->kind == FRANK_ENDPOINT_TCP &&
      zmq_getsockopt(listener->router, ZMQ_LAST_ENDPOINT, listener->endpoint, &size) != 0) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "cannot tell the port: %s", zmq_strerror(errno));
    return FRANK_ERR_IO;
  }
  return FRANK_OK;
}

enum frank_err frank_listener_new(void *context, void *router,
                                  const struct frank_listener_config *config,
                                  struct frank_listener **out, char *why)
{
  const char *endpoint = config->endpoint;
  enum frank_endpoint_kind kind = FRANK_ENDPOINT_IPC;
  bool loopback = false;
  enum frank_err err = frank_endpoint_check(endpoint, &kind, &loopback, why);
  if (err != FRANK_OK) {
    return err;
  }
  struct frank_listener *listener = calloc(1, sizeof *listener);
  if (!listener) {
    (void)snprintf(why, FRANK_LISTENER_WHY_BYTES, "no memory to listen at %.120s", endpoint);
    return FRANK_ERR_NOMEM;
  }
  *listener = (struct frank_listener){.context = context,
                                      .router = router,
                                      .kind = kind,
                                      .mode = config->mode,
                                      .descriptors_most = config->descriptors,
                                      .lock_fd = -1,
                                      .closed = true,
                                      .due_us = FRANK_NEVER_US,
                                      .pauses = {.burst = 5, .interval_us = 60 * FRANK_US_PER_S},
                                      .failures = {.burst = 5, .interval_us = 60 * FRANK_US_PER_S}};
  memcpy(listener->endpoint, endpoint, strlen(endpoint) + 1);
  if (kind == FRANK_ENDPOINT_IPC) {
    err = take_lock(listener, why);
    if (err == FRANK_OK) {
      err = check_path(listener, why);
    }
  }
  if (err == FRANK_OK) {
    err = start_monitor(listener, why);
  }
  if (err == FRANK_OK) {
    err = bind_now(listener, why);
  }
  if (err == FRANK_OK) {
    err = note_endpoint(listener, why);
  }
  if (err != FRANK_OK) {
    frank_listener_destroy(&listener);
    return err;
  }
  *out = listener;
  return FRANK_OK;
}

void frank_listener_close(struct frank_listener *listener)
{
  /* No zmq_unbind: closing the router unbinds, and lets it send what is on its way. */
  if (listener->monitor) {
    (void)zmq_socket_monitor(listener->router, NULL, 0);
    (void)zmq_close(listener->monitor);
    listener->monitor = NULL;
  }
}

void frank_listener_destroy(struct frank_listener **listener)
{
  struct frank_listener *l = *listener;
  if (!l) {
    return;
  }
  frank_listener_close(l);
  if (l->lock_fd >= 0) {
    if (l->ours) {
      (void)unlink(path_of(l)); /* which libzmq 4.3 leaves behind */
    }
    close(l->lock_fd);
  }
  free(l);
  *listener = NULL;
}

const char *frank_listener_endpoint(const struct frank_listener *listener)
{
  return listener->endpoint;
}

void *frank_listener_monitor(const struct frank_listener *listener)
{
  return listener->monitor;
}

/* One event: the number, then the address, which is of no use here. Returns 0 when there is none.
 */
static uint16_t next_event(void *monitor)
{
  uint16_t event = 0;
  uint8_t head[6];
  char address[FRANK_LISTENER_ENDPOINT_BYTES];
  int len = zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT);
  if (len < (int)sizeof head) {
    return 0;
  }
  memcpy(&event, head, sizeof event);
  (void)zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
  return event;
}

/* Open descriptors of this process; 0: cannot tell. */
static uint32_t count_descriptors(void)
{
  DIR *dir = opendir("/proc/self/fd");
  uint32_t count = 0;
  while (dir && readdir(dir)) {
    count++;
  }
  if (dir) {
    (void)closedir(dir);
  }
  return count;
}

static bool is_crowded(struct frank_listener *listener, uint64_t now_us)
{
  if (listener->descriptors_most == 0 || now_us - listener->counted_us < COUNT_EVERY_US) {
    return false;
  }
  listener->counted_us = now_us;
  return count_descriptors() > listener->descriptors_most;
}

static void pause_listening(struct frank_listener *listener, uint64_t now_us)
{
  (void)zmq_unbind(listener->router, listener->endpoint);
  listener->bound = false;
  listener->due_us = now_us + FRANK_LISTENER_PAUSE_US;
  if (frank_log_allow(&listener->pauses, now_us)) {
    frank_log(FRANK_LOG_WARN,
              "event=listener_paused endpoint=%s pause_ms=%llu why=\"too many connections\"",
              listener->endpoint, (unsigned long long)(FRANK_LISTENER_PAUSE_US / 1000));
  }
}

void frank_listener_read(struct frank_listener *listener, uint64_t now_us)
{
  for (int i = 0; i < EVENTS_AT_ONCE; i++) {
    uint16_t event = next_event(listener->monitor);
    if (event == 0) {
      return;
    }
    if (event == ZMQ_EVENT_CLOSED && !listener->bound) {
      listener->closed = true;
    } else if (listener->bound &&
               (event == ZMQ_EVENT_ACCEPT_FAILED || is_crowded(listener, now_us))) {
      pause_listening(listener, now_us);
    }
  }
}

void frank_listener_tick(struct frank_listener *listener, uint64_t now_us)
{
  if (listener->bound || now_us < listener->due_us) {
    return;
  }
  /* libzmq unlinks an ipc file when it lets go, which must not hit the new one. */
  if (listener->kind == FRANK_ENDPOINT_IPC && !listener->closed) {
    listener->due_us = now_us + FRANK_LISTENER_PAUSE_US / 10;
    return;
  }
  char why[FRANK_LISTENER_WHY_BYTES];
  enum frank_err err = FRANK_OK;
  if (listener->kind == FRANK_ENDPOINT_IPC) {
    /* The path was free during the pause; libzmq would unlink whatever came to be there. */
    listener->ours = false;
    err = check_path(listener, why);
  }
  if (err == FRANK_OK) {
    err = bind_now(listener, why);
  }
  if (err != FRANK_OK) {
    listener->due_us = now_us + FRANK_LISTENER_PAUSE_US;
    if (frank_log_allow(&listener->failures, now_us)) {
      frank_log(FRANK_LOG_WARN, "event=listener_still_paused why=\"%s\"", why);
    }
    return;
  }
  listener->due_us = FRANK_NEVER_US;
  if (frank_log_allow(&listener->pauses, now_us)) {
    frank_log(FRANK_LOG_INFO, "event=listener_back endpoint=%s", listener->endpoint);
  }
}

uint64_t frank_listener_next_due_us(const struct frank_listener *listener)
{
  return listener->bound ? FRANK_NEVER_US : listener->due_us;
}
