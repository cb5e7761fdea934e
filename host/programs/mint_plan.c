#include "base/clock.h"
#include "mint/status.h"
#include "programs/mint_task.h"
#include "programs/remote.h"
#include "programs/search.h"
#include "programs/term.h"
#include "proof/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_TIMEOUT_MS 3000
#define MEASURED_BLOCKS   2.0 /* the plan that a device's rate is told for */

/* A device's name and rate, as they come from a fleet or from frankd. */
struct device {
  char name[FRANK_DEVICE_NAME_BYTES];
  double rate_hps;
  bool simulated;
};

struct estimate {
  struct frank_plan plan;
  double rate_hps; /* of all devices, on this plan */
  double seconds;  /* expected; 0: no device */
  double chance;   /* to meet within the deadline */
};

static void make_estimate(const struct frank_mint_task *task, const struct device *devices,
                          size_t count, struct estimate *out)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += devices[i].rate_hps;
  }
  out->rate_hps = sum * MEASURED_BLOCKS / out->plan.blocks;
  out->seconds = out->rate_hps > 0 ? (double)task->factor / out->rate_hps : 0;
  out->chance = out->seconds > 0 ? -expm1(-(double)task->deadline_ms / 1000.0 / out->seconds) : 0;
}

static void print_text(const struct frank_mint_task *task, const struct estimate *estimate,
                       const struct device *devices, size_t count)
{
  char number[FRANK_TERM_NUMBER_BYTES];
  char rate[FRANK_TERM_NUMBER_BYTES];
  printf("signature  %s, b of %zu characters\n", frank_alg_name(task->signature.alg),
         task->signature.b_len);
  printf("plan       a nonce of %u digits, %u SHA-256 block%s per attempt\n", estimate->plan.digits,
         estimate->plan.blocks, estimate->plan.blocks == 1 ? "" : "s");
  printf("factor     %llu (%.2f bits, source %s)\n", (unsigned long long)task->factor,
         log2((double)task->factor), task->source);
  for (size_t i = 0; i < count; i++) {
    printf("device     %-12s about %s attempts/s%s\n", devices[i].name,
           frank_term_count(devices[i].rate_hps * MEASURED_BLOCKS / estimate->plan.blocks, rate),
           devices[i].simulated ? ", simulated" : "");
  }
  printf("expected   %llu attempts", (unsigned long long)task->factor);
  if (estimate->seconds > 0) {
    printf(", about %s at %s attempts/s\n", frank_term_seconds(estimate->seconds, number),
           frank_term_count(estimate->rate_hps, rate));
    printf("chance     %.1f%% to meet the factor by the deadline of %s\n", estimate->chance * 100,
           frank_term_seconds(task->deadline_ms / 1000.0, number));
  } else {
    printf(", but no device to make them\n");
  }
}

static void print_json(const struct frank_mint_task *task, const struct estimate *estimate,
                       const struct device *devices, size_t count)
{
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list,
                          json_pack("{s:s, s:f, s:b}", "name", devices[i].name, "rate_hps",
                                    devices[i].rate_hps, "simulated", (int)devices[i].simulated));
  }
  frank_cmd_emit(task->line,
                 json_pack("{s:b, s:s, s:I, s:i, s:i, s:I, s:s, s:I, s:f, s:f, s:f, s:I, s:b, s:o}",
                           "dry_run", 1, "a", frank_alg_name(task->signature.alg), "b_length",
                           (json_int_t)task->signature.b_len, "digits", (int)estimate->plan.digits,
                           "blocks", (int)estimate->plan.blocks, "factor", (json_int_t)task->factor,
                           "source", task->source, "expected_attempts", (json_int_t)task->factor,
                           "expected_s", estimate->seconds, "rate_hps", estimate->rate_hps,
                           "chance", estimate->chance, "deadline_ms", (json_int_t)task->deadline_ms,
                           "already", task->outcome.already, "devices", list),
                 true);
}

/* The devices of this machine, opened and measured as for a search. */
static size_t local_devices(struct frank_mint_task *task, struct device *devices)
{
  const char **names = NULL;
  struct frank_search_config config = {.isa = frank_cmd_value(task->line, FRANK_OPT_ISA),
                                       .fpga_unroll = task->fpga_unroll};
  struct frank_search *search = NULL;
  struct frank_status *status = calloc(1, sizeof *status);
  char why[FRANK_SEARCH_WHY_BYTES];
  size_t count = 0;
  if (status == NULL ||
      frank_cmd_values(task->line, FRANK_OPT_DEVICE, &names, &config.device_count) != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "no memory");
    goto cleanup;
  }
  config.devices = names;
  if (frank_search_new(&config, &search, why) != FRANK_OK ||
      frank_search_wait(search, true, FRANK_NEVER_US, why) != FRANK_OK) {
    task->outcome.signal_number = search != NULL ? frank_search_signal(search) : 0;
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "no-device", "%s", why);
    goto cleanup;
  }
  frank_search_status(search, status);
  for (uint32_t i = 0; i < status->device_count; i++) {
    if (status->devices[i].state == FRANK_CHILD_READY) {
      snprintf(devices[count].name, sizeof devices[count].name, "%s", status->devices[i].name);
      devices[count].simulated = status->devices[i].simulated != 0;
      devices[count++].rate_hps = status->devices[i].rate_hps;
    }
  }

cleanup:
  frank_search_destroy(&search);
  free(names);
  free(status);
  return count;
}

static size_t remote_devices(struct frank_mint_task *task, struct frank_client *client,
                             struct device *devices)
{
  struct frank_remote_error error;
  json_t *reply = NULL;
  if (frank_remote_ask(task->line, client, "status", NULL, STATUS_TIMEOUT_MS, &reply, &error) !=
      FRANK_OK) {
    frank_mint_task_fail(task, error.status, error.code, "%s", error.message);
    return 0;
  }
  size_t count = 0;
  size_t i = 0;
  json_t *device = NULL;
  json_array_foreach(json_object_get(reply, "devices"), i, device)
  {
    if (count < FRANK_STATUS_DEVICES_MAX &&
        strcmp(frank_remote_text(device, "state", ""), "ready") == 0) {
      snprintf(devices[count].name, sizeof devices[count].name, "%s",
               frank_remote_text(device, "name", "?"));
      frank_cmd_printable(devices[count].name);
      devices[count].simulated = json_is_true(json_object_get(device, "simulated"));
      devices[count++].rate_hps = frank_remote_number(device, "rate_hps", 0);
    }
  }
  json_decref(reply);
  return count;
}

void frank_mint_plan(struct frank_mint_task *task, struct frank_client *client)
{
  struct device devices[FRANK_STATUS_DEVICES_MAX] = {0};
  struct estimate estimate = {0};
  if (frank_plan_make(task->signature.b_len, task->factor, &estimate.plan) != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "no plan for this b and factor");
    return;
  }
  size_t count =
      client != NULL ? remote_devices(task, client, devices) : local_devices(task, devices);
  if (frank_mint_task_failed(task)) {
    return;
  }
  make_estimate(task, devices, count, &estimate);
  if (task->line->json) {
    print_json(task, &estimate, devices, count);
  } else {
    print_text(task, &estimate, devices, count);
  }
}
