#include "base/clock.h"
#include "door/client.h"
#include "programs/mint_task.h"
#include "programs/remote.h"
#include "programs/signals.h"
#include "programs/term.h"
#include "proof/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR_TIMEOUT_MS 3000
#define POLL_MS           100 /* how soon a signal is noticed */

static json_t *recipients_array(const struct frank_mint_task *task)
{
  json_t *array = json_array();
  for (size_t i = 0; i < task->recipient_count; i++) {
    json_array_append_new(array, json_string(task->recipients[i]));
  }
  return array;
}

void frank_mint_remote_factor(struct frank_mint_task *task, struct frank_client *client)
{
  struct frank_remote_error error;
  json_t *reply = NULL;
  json_t *body = json_pack("{s:o}", "recipients", recipients_array(task));
  if (frank_remote_ask(task->line, client, "factor", body, FACTOR_TIMEOUT_MS, &reply, &error) !=
      FRANK_OK) {
    frank_mint_task_fail(task, error.status, error.code, "%s", error.message);
    return;
  }
  double factor = frank_remote_number(reply, "factor", 0);
  if (factor >= 1 && factor <= (double)FRANK_FACTOR_MAX) {
    task->factor = (uint64_t)factor;
    snprintf(task->source, sizeof task->source, "%s", frank_remote_text(reply, "source", ""));
    frank_cmd_printable(task->source); /* it may be cut in the middle of a character */
  } else {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "bad-reply", "frankd named no factor");
  }
  json_decref(reply);
}

static void take_reply(struct frank_mint_task *task, const struct frank_client_reply *reply)
{
  if (!reply->ok) {
    frank_mint_task_fail(task, frank_remote_exit(reply->code), reply->code, "%s", reply->message);
    task->outcome.retry_after_ms = reply->retry_after_ms;
    task->outcome.eta_ms = reply->eta_ms;
    return;
  }
  task->factor = reply->factor;
  snprintf(task->source, sizeof task->source, "%s", reply->source);
  task->outcome.has_key = true;
  task->outcome.met = reply->met;
  task->outcome.key = reply->key;
  task->outcome.bits = reply->bits;
  task->outcome.attempts = reply->attempts;
  snprintf(task->outcome.device, sizeof task->outcome.device, "%s", reply->device);
}

static void show_waiting(const struct frank_mint_task *task)
{
  char elapsed[FRANK_TERM_NUMBER_BYTES];
  char limit[FRANK_TERM_NUMBER_BYTES];
  double elapsed_s = (double)(frank_clock_now_us() - task->started_us) / 1e6;
  frank_term_progress("waiting for frankd: %s, deadline %s", frank_term_seconds(elapsed_s, elapsed),
                      frank_term_seconds(task->deadline_ms / 1000.0, limit));
}

/* Waits for the reply to `id`. After a signal the request is taken back, so that frankd does not
 * go on for nobody. */
static void wait_for_reply(struct frank_mint_task *task, struct frank_client *client, uint64_t id)
{
  struct frank_client_reply reply;
  bool progress = frank_term_has_progress();
  uint64_t show_us = frank_clock_now_us() + FRANK_TERM_PROGRESS_US;
  enum frank_err err = FRANK_ERR_AGAIN;
  while (err == FRANK_ERR_AGAIN && frank_signals_caught() == 0) {
    err = frank_client_next(client, POLL_MS, &reply);
    if (err == FRANK_ERR_AGAIN && progress && frank_clock_now_us() >= show_us) {
      show_waiting(task);
      show_us += FRANK_TERM_PROGRESS_US;
    }
  }
  if (progress) {
    frank_term_clear();
  }
  if (err == FRANK_OK) {
    take_reply(task, &reply);
  } else if (frank_signals_caught() != 0) {
    task->outcome.signal_number = frank_signals_caught();
    /* Waiting a moment gives the request time to leave; perhaps it was done already. */
    if (frank_client_cancel(client, id) == FRANK_OK &&
        frank_client_next(client, POLL_MS, &reply) == FRANK_OK && reply.ok) {
      take_reply(task, &reply);
    } else {
      frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
    }
  } else {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "%s", frank_err_text(err));
  }
}

void frank_mint_remote(struct frank_mint_task *task, struct frank_client *client)
{
  struct frank_client_mint mint = {
      .b = task->signature.b,
      .alg = frank_alg_name(task->signature.alg),
      .factor = task->factor,
      .deadline_ms = task->deadline_ms,
      .priority = -1,
      .recipients = task->recipients,
      .recipient_count = task->recipient_count,
  };
  uint64_t id = 0;
  struct sigaction old[FRANK_SIGNALS_COUNT];
  frank_signals_catch(old);
  enum frank_err err = frank_client_mint(client, &mint, &id);
  if (err == FRANK_OK) {
    wait_for_reply(task, client, id);
  } else {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "cannot ask frankd: %s",
                         frank_err_text(err));
  }
  frank_signals_restore(old);
}
