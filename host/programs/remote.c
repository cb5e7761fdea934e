#include "programs/remote.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A person waits: a frankd that is not there is told after a few seconds, which is still longer
 * than one needs to start again. */
#define RETRY_MS  1000
#define TRIES_MAX 4

/* Not only what libzmq can connect to, but what frankd listens on (inproc:// and such never). */
static bool is_endpoint(const char *text)
{
  static const char *const schemes[] = {"ipc://", "tcp://"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    size_t len = strlen(schemes[i]);
    if (strncmp(text, schemes[i], len) == 0 && text[len] != '\0') {
      return true;
    }
  }
  return false;
}

static void __attribute__((format(printf, 4, 5)))
set_error(struct frank_remote_error *error, int status, const char *code, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vsnprintf(error->message, sizeof error->message, format, args);
  va_end(args);
  snprintf(error->code, sizeof error->code, "%s", code);
  frank_cmd_printable(error->message);
  frank_cmd_printable(error->code);
  error->status = status;
}

static enum frank_err check_endpoints(const char *const *endpoints, size_t count,
                                      struct frank_remote_error *error)
{
  for (size_t i = 0; i < count; i++) {
    if (!is_endpoint(endpoints[i])) {
      set_error(error, FRANK_EXIT_USAGE, "usage",
                "--connect %.80s: an endpoint is ipc://PATH or tcp://HOST:PORT", endpoints[i]);
      return FRANK_ERR_MALFORMED;
    }
  }
  if (count > FRANK_CLIENT_ENDPOINTS_MAX) {
    set_error(error, FRANK_EXIT_USAGE, "usage", "--connect: %zu endpoints, %d at most", count,
              FRANK_CLIENT_ENDPOINTS_MAX);
    return FRANK_ERR_RANGE;
  }
  return FRANK_OK;
}

enum frank_err frank_remote_open(const struct frank_cmd_line *line, struct frank_client **client,
                                 struct frank_remote_error *error)
{
  static const char *const default_endpoints[] = {FRANK_DEFAULT_ENDPOINT};
  const char **named = NULL;
  size_t count = 0;
  *client = NULL;
  *error = (struct frank_remote_error){0};
  enum frank_err err = frank_cmd_values(line, FRANK_OPT_CONNECT, &named, &count);
  if (err != FRANK_OK) {
    set_error(error, FRANK_EXIT_CANNOT, "internal", "no memory");
    return err;
  }
  err = check_endpoints(named, count, error);
  if (err != FRANK_OK) {
    goto cleanup;
  }
  struct frank_client_config config = {
      .endpoints = count > 0 ? named : default_endpoints,
      .endpoint_count = count > 0 ? count : 1,
      .key_dir = frank_cmd_value(line, FRANK_OPT_KEYS),
      .retry_ms = RETRY_MS,
      .tries_max = TRIES_MAX,
  };
  char why[FRANK_CLIENT_WHY_BYTES] = "";
  err = frank_client_new(&config, client, why);
  if (err != FRANK_OK) {
    bool usage = err == FRANK_ERR_MALFORMED || err == FRANK_ERR_RANGE || err == FRANK_ERR_NOT_FOUND;
    set_error(error, usage ? FRANK_EXIT_USAGE : FRANK_EXIT_CANNOT, usage ? "usage" : "internal",
              "%s", why[0] != '\0' ? why : frank_err_text(err));
  }

cleanup:
  free(named);
  return err;
}

bool frank_remote_is_absent(const struct frank_cmd_line *line, const char **why)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = FRANK_DEFAULT_PATH};
  *why = "";
  if (frank_cmd_has(line, FRANK_OPT_CONNECT)) {
    return false;
  }
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool absent = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                errno != EAGAIN; /* its queue is full: somebody is there */
  if (absent) {
    *why = strerror(errno);
  }
  if (fd >= 0) {
    close(fd);
  }
  return absent;
}

/* Why a socket of this host cannot be asked (its group is not ours, say); "" where it can be. */
static const char *why_closed(const char *endpoint)
{
  const char *scheme = "ipc://";
  bool is_closed = strncmp(endpoint, scheme, strlen(scheme)) == 0 &&
                   access(endpoint + strlen(scheme), W_OK) != 0;
  return is_closed ? strerror(errno) : "";
}

/* A failed question: frankd's own words where it answered, ours where it did not. */
static void explain(const struct frank_cmd_line *line, enum frank_err err, const json_t *answer,
                    struct frank_remote_error *error)
{
  if (err == FRANK_ERR_TIMEOUT) {
    const char *first = frank_cmd_value(line, FRANK_OPT_CONNECT);
    const char *asked = first != NULL ? first : FRANK_DEFAULT_ENDPOINT;
    const char *why = why_closed(asked);
    set_error(error, FRANK_EXIT_CANNOT, "timeout", "no frankd answered at %.160s%s%s", asked,
              why[0] != '\0' ? ": " : "", why);
  } else if (json_is_object(answer)) {
    const char *code = frank_remote_text(answer, "error", "bad-reply");
    set_error(error, frank_remote_exit(code), code, "%s",
              frank_remote_text(answer, "message", "frankd answered with an error"));
  } else {
    set_error(error, FRANK_EXIT_CANNOT, "internal", "%s", frank_err_text(err));
  }
}

/* Every text in a value that was parsed (which bounds its depth), names of members left out. */
static void make_printable(json_t *value)
{
  const char *name = NULL;
  json_t *part = NULL;
  size_t i = 0;
  if (json_is_string(value)) {
    char *text = strdup(json_string_value(value));
    if (text != NULL) {
      frank_cmd_printable(text);
    }
    if (text == NULL || json_string_set(value, text) != 0) {
      (void)json_string_set(value, "");
    }
    free(text);
  }
  json_object_foreach(value, name, part)
  {
    make_printable(part);
  }
  json_array_foreach(value, i, part)
  {
    make_printable(part);
  }
}

enum frank_err frank_remote_ask(const struct frank_cmd_line *line, struct frank_client *client,
                                const char *verb, json_t *body, int timeout_ms, json_t **reply,
                                struct frank_remote_error *error)
{
  *reply = NULL;
  *error = (struct frank_remote_error){0};
  char *text = NULL;
  char *body_text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
  if (body != NULL && body_text == NULL) {
    json_decref(body);
    set_error(error, FRANK_EXIT_CANNOT, "internal", "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = frank_client_ask(client, verb, body_text, timeout_ms, &text);
  json_t *answer = text != NULL ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (err != FRANK_OK) {
    explain(line, err, answer, error);
    json_decref(answer);
  } else if (!json_is_object(answer)) {
    set_error(error, FRANK_EXIT_CANNOT, "bad-reply", "the reply is no JSON object");
    json_decref(answer);
    err = FRANK_ERR_MALFORMED;
  } else {
    /* Once and for all, so that nothing in it reaches a terminal as a command. A record of JSON
     * passes it on as it is, escaped (frank_cmd_emit). */
    if (!line->json) {
      make_printable(answer);
    }
    *reply = answer;
  }
  free(text);
  free(body_text);
  json_decref(body);
  return err;
}

int frank_remote_exit(const char *code)
{
  static const struct {
    const char *code;
    int status;
  } exits[] = {{"bad-request", FRANK_EXIT_USAGE}, {"deadline", FRANK_EXIT_NOT}};
  for (size_t i = 0; i < sizeof exits / sizeof exits[0]; i++) {
    if (strcmp(code, exits[i].code) == 0) {
      return exits[i].status;
    }
  }
  return FRANK_EXIT_CANNOT;
}

const char *frank_remote_text(const json_t *object, const char *member, const char *otherwise)
{
  const char *text = json_string_value(json_object_get(object, member));
  return text != NULL ? text : otherwise;
}

double frank_remote_number(const json_t *object, const char *member, double otherwise)
{
  const json_t *value = json_object_get(object, member);
  return json_is_number(value) ? json_number_value(value) : otherwise;
}
