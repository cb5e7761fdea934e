/* What is told about the fleet: whether it has settled, what is missing, the devices' snapshot. */
#include "mint/fleet_internal.h"

#include <stdio.h>
#include <string.h>

bool frank_fleet_probed(const struct frank_fleet *fleet)
{
  for (size_t i = 0; i < fleet->probe_count; i++) {
    if (!fleet->probes[i].done) {
      return false;
    }
  }
  return true;
}

bool frank_fleet_settled(const struct frank_fleet *fleet)
{
  if (!frank_fleet_probed(fleet)) {
    return false;
  }
  for (size_t i = 0; i < fleet->device_count; i++) {
    const struct frank_supervisor *s = &fleet->devices[i].supervisor;
    if (s->state == FRANK_CHILD_STARTING && s->failures == 0) {
      return false;
    }
  }
  return true;
}

size_t frank_fleet_ready_count(const struct frank_fleet *fleet)
{
  size_t count = 0;
  for (size_t i = 0; i < fleet->device_count; i++) {
    count += fleet->devices[i].in_mint ? 1 : 0;
  }
  return count;
}

const char *frank_fleet_first_missing(const struct frank_fleet *fleet)
{
  for (size_t i = 0; i < fleet->config.device_count; i++) {
    bool found = false;
    for (size_t k = 0; k < fleet->found_count && !found; k++) {
      found = frank_fleet_name_matches(fleet->config.devices[i], &fleet->found[k]);
    }
    if (!found) {
      return fleet->config.devices[i];
    }
  }
  return NULL;
}

/* Appends the names of what this engine has found to the `used` characters in `have`; the new
 * number. Engine by engine, so that the order does not depend on which of them answered first. */
static size_t list_found(const struct frank_fleet *fleet, const char *engine, char *have,
                         size_t have_size, size_t used)
{
  for (size_t i = 0; i < fleet->found_count; i++) {
    if (strcmp(fleet->found[i].engine, engine) != 0) {
      continue;
    }
    int n =
        snprintf(have + used, have_size - used, "%s%s", used > 0 ? ", " : "", fleet->found[i].name);
    if (n < 0 || (size_t)n >= have_size - used) {
      break;
    }
    used += (size_t)n;
  }
  return used;
}

enum frank_err frank_fleet_missing(const struct frank_fleet *fleet,
                                   char name[FRANK_DEVICE_NAME_BYTES], char *have, size_t have_size)
{
  const char *missing = frank_fleet_first_missing(fleet);
  if (!missing) {
    return FRANK_ERR_NOT_FOUND;
  }
  snprintf(name, FRANK_DEVICE_NAME_BYTES, "%s", missing);
  size_t used = 0;
  have[0] = '\0';
  for (size_t i = 0; i < fleet->probe_count; i++) {
    used = list_found(fleet, fleet->probes[i].engine, have, have_size, used);
  }
  if (used == 0) {
    used = (size_t)snprintf(have, have_size, "none");
  }
  size_t engine_len = strcspn(missing, ":");
  for (size_t i = 0; i < fleet->probe_count; i++) {
    const struct frank_fleet_probe *probe = &fleet->probes[i];
    if (probe->why[0] != '\0' && strlen(probe->engine) == engine_len &&
        memcmp(probe->engine, missing, engine_len) == 0) {
      snprintf(have + used, have_size - used, "; %s", probe->why);
    }
  }
  return FRANK_OK;
}

bool frank_fleet_has_engine(const struct frank_fleet *fleet, const char *engine)
{
  for (size_t i = 0; i < fleet->found_count; i++) {
    if (strcmp(fleet->found[i].engine, engine) == 0) {
      return true;
    }
  }
  return false;
}

void frank_fleet_notes(const struct frank_fleet *fleet, char *out, size_t out_size)
{
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < fleet->probe_count && used < out_size; i++) {
    if (fleet->probes[i].why[0] != '\0') {
      int n = snprintf(out + used, out_size - used, "%s: %s\n", fleet->probes[i].engine,
                       fleet->probes[i].why);
      used += n > 0 ? (size_t)n : 0;
    }
  }
  size_t wanted = 0;
  for (size_t i = 0; i < fleet->found_count && used < out_size; i++) {
    bool is_wanted = frank_fleet_is_wanted(fleet, &fleet->found[i]);
    wanted += is_wanted ? 1 : 0;
    /* Those that must be named themselves were counted in their engine's line. */
    if (!is_wanted && fleet->found[i].on_demand != FRANK_DEMAND_NAME) {
      int n =
          snprintf(out + used, out_size - used, "%s: there, but not named\n", fleet->found[i].name);
      used += n > 0 ? (size_t)n : 0;
    }
  }
  if (wanted > fleet->device_count && used < out_size) {
    (void)snprintf(out + used, out_size - used, "%zu more are left out: %d devices at most\n",
                   wanted - fleet->device_count, FRANK_STATUS_DEVICES_MAX);
  }
}

void frank_fleet_status(const struct frank_fleet *fleet, struct frank_status *status)
{
  status->device_count = (uint32_t)fleet->device_count;
  for (size_t i = 0; i < fleet->device_count; i++) {
    const struct frank_fleet_device *d = &fleet->devices[i];
    struct frank_status_device *out = &status->devices[i];
    memset(out, 0, sizeof *out);
    memcpy(out->name, d->info.name, sizeof out->name);
    memcpy(out->engine, d->info.engine, sizeof out->engine);
    memcpy(out->variant, d->info.variant, sizeof out->variant);
    memcpy(out->model, d->info.model, sizeof out->model);
    memcpy(out->place, d->info.place, sizeof out->place);
    snprintf(out->why, sizeof out->why, "%s", d->why);
    out->numa_node = d->info.numa_node;
    out->simulated = d->info.simulated != 0 ? 1 : 0;
    out->state = (uint32_t)d->supervisor.state;
    out->restarts = d->supervisor.restarts;
    out->stalls = d->stalls;
    out->pid = d->pid > 0 ? (uint32_t)d->pid : 0;
    out->zero_rate = d->stalled ? 1 : 0;
    out->attempts = d->attempts_before;
    out->wrong_hits = d->wrong_before;
    if (d->in_mint) {
      uint64_t attempts;
      uint64_t wrong;
      frank_mint_device_counts(fleet->mint, d->handle, &attempts, &wrong);
      out->attempts += attempts;
      out->wrong_hits += wrong;
      /* A device that makes no progress must not shine with its last rate. */
      out->rate_hps = d->stalled ? 0 : frank_mint_device_rate_hps(fleet->mint, d->handle);
    }
  }
}
