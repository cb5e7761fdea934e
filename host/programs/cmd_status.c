/*
 * frank status: what a running frankd says of itself.
 */
#include "base/clock.h"
#include "programs/cmd.h"
#include "programs/remote.h"
#include "programs/signals.h"
#include "programs/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS  3000
#define LOOK_TIMEOUT_MS 1000 /* a signal waits so long at most */
#define WATCH_PAUSE_US  1000000U
#define WAIT_PAUSE_US   100000U
#define WAIT_MAX_MS     86400000U

/* ---- status ---- */

/* Ready: at least one device and every door work. */
static bool is_ready(const json_t *status)
{
  return json_is_true(json_object_get(status, "ready"));
}

/* A text of frankd's, cut to what a line has room for (and in no middle of a character). */
static const char *shown(const json_t *object, const char *member, char out[96])
{
  snprintf(out, 96, "%s", frank_remote_text(object, member, "-"));
  frank_cmd_printable(out);
  return out;
}

/* A longer one; "" where there is none. */
static const char *shown_long(const json_t *object, const char *member, char out[200])
{
  snprintf(out, 200, "%s", frank_remote_text(object, member, ""));
  frank_cmd_printable(out);
  return out;
}

/* The sources where there is a choice: which is in force, and why others are not. */
static void print_sources(const json_t *sources)
{
  size_t i = 0;
  const json_t *source = NULL;
  const char *first_why = frank_remote_text(json_array_get(sources, 0), "why", "");
  if (json_array_size(sources) < 3 && first_why[0] == '\0') {
    return; /* one that is well, and the floor: the line above says it */
  }
  json_array_foreach(sources, i, source)
  {
    char name[200];
    char state[96];
    char why[200];
    printf("source  %s: %s", shown_long(source, "name", name), shown(source, "state", state));
    shown_long(source, "why", why);
    printf("%s%s\n", why[0] != '\0' ? ": " : "", why);
  }
}

static void print_head(const json_t *status)
{
  char text[96];
  char number[FRANK_TERM_NUMBER_BYTES];
  const json_t *queue = json_object_get(status, "queue");
  const json_t *factor = json_object_get(status, "factor");
  printf("frankd %s, up %s, ", shown(status, "version", text),
         frank_term_seconds(frank_remote_number(status, "uptime_ms", 0) / 1e3, number));
  frank_term_print(is_ready(status) ? FRANK_COLOUR_GREEN : FRANK_COLOUR_RED, 0,
                   json_is_true(json_object_get(status, "draining")) ? "draining"
                   : is_ready(status)                                ? "ready"
                                                                     : "not ready");
  printf("\nqueue   %.0f waiting, %.0f running, bound %.0f\n",
         frank_remote_number(queue, "waiting", 0), frank_remote_number(queue, "running", 0),
         frank_remote_number(queue, "bound", 0));
  printf("factor  %.0f (%s)\n", frank_remote_number(factor, "value", 0),
         shown(factor, "source", text));
  print_sources(json_object_get(factor, "sources"));
}

static void print_totals(const json_t *status)
{
  json_t *totals = json_object_get(status, "totals");
  const char *name = NULL;
  json_t *value = NULL;
  bool any = false;
  printf("totals ");
  json_object_foreach(totals, name, value)
  {
    char text[96];
    snprintf(text, sizeof text, "%s", name);
    frank_cmd_printable(text);
    if (json_is_number(value) && json_number_value(value) > 0) {
      printf("%s %.0f %s", any ? "," : "", json_number_value(value), text);
      any = true;
    }
  }
  puts(any ? "" : " none yet");
}

static void print_devices(const json_t *status)
{
  size_t i = 0;
  json_t *device = NULL;
  char text[96];
  char rate[FRANK_TERM_NUMBER_BYTES];
  char attempts[FRANK_TERM_NUMBER_BYTES];
  json_t *list = json_object_get(status, "devices");
  if (json_array_size(list) > 0) {
    printf("%-12s %-8s %-11s %10s %10s %6s %9s\n", "DEVICE", "ENGINE", "STATE", "RATE", "ATTEMPTS",
           "WRONG", "RESTARTS");
  }
  json_array_foreach(list, i, device)
  {
    printf("%-12s ", shown(device, "name", text));
    printf("%-8s ", shown(device, "engine", text));
    bool ready = strcmp(shown(device, "state", text), "ready") == 0;
    frank_term_print(ready ? FRANK_COLOUR_GREEN : FRANK_COLOUR_RED, 11, text);
    printf(" %8s/s %10s %6.0f %9.0f%s\n",
           frank_term_count(frank_remote_number(device, "rate_hps", 0), rate),
           frank_term_count(frank_remote_number(device, "attempts", 0), attempts),
           frank_remote_number(device, "wrong_hits", 0), frank_remote_number(device, "restarts", 0),
           json_is_true(json_object_get(device, "simulated")) ? "  simulated" : "");
    const char *why = frank_remote_text(device, "why", "");
    if (why[0] != '\0') {
      printf("    why    %s\n", shown(device, "why", text));
    }
  }
}

static void print_status(struct frank_cmd_line *line, json_t *status, bool final)
{
  if (line->json) {
    frank_cmd_emit(line, json_incref(status), final);
    return;
  }
  print_head(status);
  print_totals(status);
  print_devices(status);
}

/* Asks every tenth of a second until frankd is ready. A daemon that is not there yet, or refuses,
 * may only be starting. */
static int wait_until_ready(struct frank_cmd_line *line, struct frank_client *client,
                            uint32_t wait_ms)
{
  uint64_t until_us = frank_clock_now_us() + wait_ms * FRANK_US_PER_MS;
  struct frank_remote_error error = {0};
  bool answered = false;
  for (;;) {
    uint64_t now_us = frank_clock_now_us();
    if (now_us >= until_us) {
      break;
    }
    uint64_t left_ms = (until_us - now_us) / FRANK_US_PER_MS + 1;
    json_t *status = NULL;
    if (frank_remote_ask(line, client, "status", NULL, left_ms < 1000 ? (int)left_ms : 1000,
                         &status, &error) == FRANK_OK) {
      bool ready = is_ready(status);
      answered = true;
      if (ready) {
        print_status(line, status, true);
      }
      json_decref(status);
      if (ready) {
        return frank_cmd_finish(line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
      }
    }
    usleep(WAIT_PAUSE_US);
  }
  return frank_cmd_fail(line, FRANK_EXIT_NOT, "timeout", "not ready within %g s: %s",
                        wait_ms / 1000.0, answered ? "frankd is not ready" : "no frankd answered");
}

/* One question of --watch, and what came of it. */
static void look(struct frank_cmd_line *line, struct frank_client *client)
{
  struct frank_remote_error error;
  json_t *status = NULL;
  if (frank_remote_ask(line, client, "status", NULL, LOOK_TIMEOUT_MS, &status, &error) ==
      FRANK_OK) {
    print_status(line, status, false);
    json_decref(status);
    return;
  }
  frank_cmd_note(line, "%s", error.message);
  if (line->json) {
    frank_cmd_emit(line, json_pack("{s:s, s:s}", "error", error.code, "message", error.message),
                   false);
  }
}

/* Ends by a signal only. With --json that makes a final record, so it is taken note of; without, it
 * ends the program as ever. */
static int watch(struct frank_cmd_line *line, struct frank_client *client)
{
  bool rewrites = !line->json && isatty(STDOUT_FILENO) == 1 && frank_term_has_progress();
  struct sigaction old[FRANK_SIGNALS_COUNT];
  if (line->json) {
    frank_signals_catch(old);
  }
  while (frank_signals_caught() == 0 && ferror(stdout) == 0) {
    if (rewrites) {
      fputs("\033[H\033[J", stdout); /* home, and clear to the end */
    }
    look(line, client);
    if (!line->json) {
      putchar('\n');
    }
    frank_cmd_flush(line);
    if (frank_signals_caught() == 0 && ferror(stdout) == 0) {
      usleep(WATCH_PAUSE_US);
    }
  }
  int number = frank_signals_caught();
  if (number != 0) {
    (void)frank_cmd_fail(line, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
    frank_signals_end(number);
  }
  return frank_cmd_finish(line, FRANK_EXIT_CANNOT, FRANK_EXIT_CANNOT);
}

static int ask_once(struct frank_cmd_line *line, struct frank_client *client)
{
  struct frank_remote_error error;
  json_t *status = NULL;
  if (frank_remote_ask(line, client, "status", NULL, ASK_TIMEOUT_MS, &status, &error) != FRANK_OK) {
    return frank_cmd_fail(line, error.status, error.code, "%s", error.message);
  }
  print_status(line, status, true);
  json_decref(status);
  return frank_cmd_finish(line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}

int frank_cmd_status(struct frank_cmd_line *line)
{
  static const enum frank_opt exclusive[] = {FRANK_OPT_WATCH, FRANK_OPT_WAIT};
  const char *wait = frank_cmd_value(line, FRANK_OPT_WAIT);
  uint32_t wait_ms = 0;
  if (frank_cmd_clash(line, exclusive, 2)) {
    return FRANK_EXIT_USAGE;
  }
  if (wait != NULL && frank_cmd_duration_parse(wait, WAIT_MAX_MS, &wait_ms) != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--wait %s: seconds, up to a day", wait);
  }
  struct frank_client *client = NULL;
  struct frank_remote_error error;
  if (frank_remote_open(line, &client, &error) != FRANK_OK) {
    return frank_cmd_fail(line, error.status, error.code, "%s", error.message);
  }
  int status = wait != NULL                           ? wait_until_ready(line, client, wait_ms)
               : frank_cmd_has(line, FRANK_OPT_WATCH) ? watch(line, client)
                                                      : ask_once(line, client);
  frank_client_destroy(&client);
  return status;
}
