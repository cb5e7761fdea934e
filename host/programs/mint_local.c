#include "base/clock.h"
#include "programs/mint_task.h"
#include "programs/search.h"
#include "programs/term.h"
#include "proof/target.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void show_progress(void *arg, const struct frank_search_progress *progress)
{
  const struct frank_mint_task *task = arg;
  char attempts[FRANK_TERM_NUMBER_BYTES];
  char rate[FRANK_TERM_NUMBER_BYTES];
  /* Attempts are independent: the chance to have met by now, whatever was tried before. */
  double chance = -expm1(-(double)progress->attempts / (double)task->factor);
  frank_term_progress("%s attempts  %s/s  chance so far %.1f%%  best %.2f of %.2f bits",
                      frank_term_count((double)progress->attempts, attempts),
                      frank_term_count(progress->rate_hps, rate), chance * 100, progress->bits,
                      log2((double)task->factor));
}

static void take_answer(struct frank_mint_task *task, const struct frank_answer *answer)
{
  if (answer->refusal != FRANK_REFUSAL_NONE) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, frank_refusal_code(answer->refusal), "%s",
                         answer->message);
    task->outcome.eta_ms = answer->eta_ms;
    return;
  }
  task->outcome.has_key = true;
  task->outcome.met = answer->met != 0;
  task->outcome.key.alg = answer->alg;
  task->outcome.key.h = answer->h;
  memcpy(task->outcome.key.n, answer->n, sizeof task->outcome.key.n);
  memcpy(task->outcome.device, answer->device, sizeof task->outcome.device);
  task->outcome.bits = frank_target_bits(&answer->h);
  task->outcome.attempts = answer->attempts;
}

static enum frank_err search_once(struct frank_mint_task *task, struct frank_search *search,
                                  struct frank_answer *answer)
{
  uint64_t elapsed_ms = (frank_clock_now_us() - task->started_us) / FRANK_US_PER_MS;
  struct frank_request request = {
      .factor = task->factor,
      .deadline_ms = elapsed_ms < task->deadline_ms ? task->deadline_ms - (uint32_t)elapsed_ms : 1,
      .alg = (uint32_t)task->signature.alg,
      .priority = FRANK_PRIORITY_DEFAULT,
      .b_len = (uint16_t)task->signature.b_len,
  };
  bool progress = frank_term_has_progress();
  enum frank_err err = frank_search_mint(search, &request, task->signature.b,
                                         progress ? show_progress : NULL, task, answer);
  if (progress) {
    frank_term_clear();
  }
  if (err != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "the search failed: %s",
                         frank_err_text(err));
  }
  return err;
}

static bool wait_for_devices(struct frank_mint_task *task, struct frank_search *search, bool all)
{
  char why[FRANK_SEARCH_WHY_BYTES];
  uint64_t until_us = task->started_us + task->deadline_ms * FRANK_US_PER_MS;
  enum frank_err err = frank_search_wait(search, all, until_us, why);
  if (err == FRANK_ERR_TIMEOUT) {
    return true; /* the service has tried one nonce when it takes a request: that is the best */
  }
  if (err != FRANK_OK) {
    task->outcome.signal_number = frank_search_signal(search);
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "no-device", "%s", why);
  }
  return err == FRANK_OK;
}

void frank_mint_local(struct frank_mint_task *task)
{
  const char **devices = NULL;
  struct frank_search_config config = {.isa = frank_cmd_value(task->line, FRANK_OPT_ISA),
                                       .fpga_unroll = task->fpga_unroll};
  struct frank_search *search = NULL;
  char why[FRANK_SEARCH_WHY_BYTES];
  if (frank_cmd_values(task->line, FRANK_OPT_DEVICE, &devices, &config.device_count) != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "no memory");
    return;
  }
  config.devices = devices;
  if (frank_search_new(&config, &search, why) != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "no-device", "%s", why);
    goto cleanup;
  }
  struct frank_answer answer;
  if (!wait_for_devices(task, search, false) || search_once(task, search, &answer) != FRANK_OK) {
    goto cleanup;
  }
  if (answer.refusal == FRANK_REFUSAL_UNSUPPORTED || answer.refusal == FRANK_REFUSAL_NO_DEVICE) {
    /* Perhaps one of those that were still being opened can. */
    if (!wait_for_devices(task, search, true) || search_once(task, search, &answer) != FRANK_OK) {
      goto cleanup;
    }
  }
  take_answer(task, &answer);
  task->outcome.signal_number = frank_search_signal(search);

cleanup:
  frank_search_destroy(&search);
  free(devices);
}
