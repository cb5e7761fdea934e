#include "programs/search.h"

#include "base/clock.h"
#include "base/dirs.h"
#include "base/log.h"
#include "base/loop.h"
#include "mint/fleet.h"
#include "mint/mint.h"
#include "programs/signals.h"
#include "programs/term.h"
#include "proof/target.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TELL_AFTER_US FRANK_US_PER_S /* what takes longer than this is told */

struct frank_search {
  struct frank_loop *loop;
  struct frank_mint *mint;
  struct frank_fleet *fleet;
  size_t named; /* devices that were asked for by name */
  bool tune;
  enum frank_err cache_err; /* why there is no cache_dir */
  char cache_dir[FRANK_DIR_BYTES];
  sigset_t old_mask;
  bool mask_kept;
  int signal_number;
  uint64_t next_tag;
  bool answered;
  struct frank_answer answer;
};

static void take_answer(void *arg, uint64_t origin, const struct frank_answer *answer)
{
  (void)origin;
  struct frank_search *search = arg;
  if (answer->tag == search->next_tag) {
    search->answer = *answer;
    search->answered = true;
  }
}

static void fill_random(void *arg, uint8_t *bytes, size_t len_bytes)
{
  (void)arg;
  size_t done = 0;
  while (done < len_bytes) {
    ssize_t got = getrandom(bytes + done, len_bytes - done, 0);
    if (got > 0) {
      done += (size_t)got;
    } else if (errno != EINTR) {
      /* The kernel promises this never fails once booted; a search without it would repeat others.
       */
      perror("frank: getrandom");
      abort();
    }
  }
}

static void take_signal(void *arg, int signal_number)
{
  struct frank_search *search = arg;
  if (search->signal_number == 0) {
    search->signal_number = signal_number;
  }
}

static enum frank_err start_mint(struct frank_search *search)
{
  struct frank_mint_config config;
  frank_mint_config_init(&config);
  config.queue_bound = 16;
  config.cache_bound = 0;
  /* Nobody else waits for these devices: how hard a search may be is its owner's affair. */
  config.max_factor = FRANK_FACTOR_MAX;
  config.answer = take_answer;
  config.random = fill_random;
  config.arg = search;
  return frank_mint_new(&config, frank_clock_now_us(), &search->mint);
}

enum frank_err frank_search_new(const struct frank_search_config *config, struct frank_search **out,
                                char *why)
{
  int signals[FRANK_SIGNALS_COUNT + 1];
  frank_signals_list(signals); /* one that is ignored would reach us, once it is blocked */
  *out = NULL;
  why[0] = '\0';
  struct frank_search *search = calloc(1, sizeof *search);
  if (search == NULL) {
    snprintf(why, FRANK_SEARCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  /* A device that is late or fails is no news in one search: the service goes on without it, and
   * where none is left our own message says so. `frank devices` looks at each. */
  frank_log_init("frank", FRANK_LOG_ERROR);
  search->named = config->device_count;
  search->tune = config->tune;
  search->cache_err = frank_cache_dir(search->cache_dir, sizeof search->cache_dir);
  search->mask_kept = sigprocmask(SIG_SETMASK, NULL, &search->old_mask) == 0;
  struct frank_fleet_config fleet;
  frank_fleet_config_init(&fleet);
  fleet.devices = config->devices;
  fleet.device_count = config->device_count;
  fleet.variant = config->isa;
  fleet.fpga_unroll = config->fpga_unroll;
  fleet.cache_dir = search->cache_err == FRANK_OK ? search->cache_dir : NULL;
  fleet.tune = config->tune;
  enum frank_err err = frank_loop_new(&search->loop);
  if (err == FRANK_OK) {
    err = frank_loop_signals(search->loop, signals, take_signal, search);
  }
  if (err == FRANK_OK) {
    err = start_mint(search);
  }
  if (err == FRANK_OK) {
    err = frank_fleet_new(&fleet, search->loop, search->mint, frank_clock_now_us(), &search->fleet,
                          why);
  }
  if (err != FRANK_OK) {
    if (why[0] == '\0') {
      snprintf(why, FRANK_SEARCH_WHY_BYTES, "cannot start the search: %s", frank_err_text(err));
    }
    frank_search_destroy(&search);
    return err;
  }
  *out = search;
  return FRANK_OK;
}

void frank_search_destroy(struct frank_search **search)
{
  struct frank_search *gone = *search;
  if (gone == NULL) {
    return;
  }
  frank_fleet_destroy(&gone->fleet);
  frank_mint_destroy(&gone->mint);
  frank_loop_destroy(&gone->loop);
  if (gone->mask_kept) {
    sigprocmask(SIG_SETMASK, &gone->old_mask, NULL);
  }
  free(gone);
  *search = NULL;
}

static uint64_t earlier(uint64_t a_us, uint64_t b_us)
{
  return a_us < b_us ? a_us : b_us;
}

/* One turn of the loop, `wake_at_us` at the latest. */
static enum frank_err turn(struct frank_search *search, uint64_t wake_at_us)
{
  uint64_t due_us =
      earlier(frank_mint_next_due_us(search->mint), frank_fleet_next_due_us(search->fleet));
  enum frank_err err = frank_loop_run_once(search->loop, earlier(due_us, wake_at_us));
  if (err != FRANK_OK) {
    return err;
  }
  uint64_t now_us = frank_clock_now_us();
  frank_mint_tick(search->mint, now_us);
  frank_fleet_tick(search->fleet, now_us);
  frank_fleet_pump(search->fleet, now_us);
  return FRANK_OK;
}

/* What is there instead, for the message that nothing usable is. */
static void describe_failure(const struct frank_search *search, char *why)
{
  struct frank_status *status = calloc(1, sizeof *status);
  if (status == NULL) {
    snprintf(why, FRANK_SEARCH_WHY_BYTES, "no usable device, and no memory to say more");
    return;
  }
  frank_fleet_status(search->fleet, status);
  size_t used = (size_t)snprintf(why, FRANK_SEARCH_WHY_BYTES, "no usable device");
  for (uint32_t i = 0; i < status->device_count && used < FRANK_SEARCH_WHY_BYTES; i++) {
    const struct frank_status_device *device = &status->devices[i];
    used += (size_t)snprintf(
        why + used, FRANK_SEARCH_WHY_BYTES - used, "%s %s: %s", i == 0 ? ":" : ";", device->name,
        device->why[0] != '\0' ? device->why : frank_child_state_name(device->state));
  }
  free(status);
}

/* Named devices are checked for existence, which shows once all have been looked for. That one of
 * them hangs while it is opened is no reason to wait for it. */
static bool is_ready(const struct frank_search *search, bool all)
{
  char name[FRANK_DEVICE_NAME_BYTES];
  char have[8];
  bool probed = frank_fleet_probed(search->fleet);
  bool missing = search->named > 0 && probed &&
                 frank_fleet_missing(search->fleet, name, have, sizeof have) == FRANK_OK;
  bool enough =
      !all && frank_fleet_ready_count(search->fleet) > 0 && (search->named == 0 || probed);
  return missing || enough || frank_fleet_settled(search->fleet);
}

/* Turns until devices are ready; tells people on a terminal what takes so long. */
static enum frank_err wait_until_ready(struct frank_search *search, bool all, uint64_t until_us,
                                       char *why)
{
  uint64_t tell_us =
      frank_term_has_progress() ? frank_clock_now_us() + TELL_AFTER_US : FRANK_NEVER_US;
  while (!is_ready(search, all)) {
    uint64_t now_us = frank_clock_now_us();
    if (now_us >= until_us) {
      snprintf(why, FRANK_SEARCH_WHY_BYTES, "no device became ready in time");
      return FRANK_ERR_TIMEOUT;
    }
    if (now_us >= tell_us) {
      frank_term_progress(
          "opening devices; one that is new here builds and tunes its kernel first");
      tell_us = now_us + FRANK_TERM_PROGRESS_US;
    }
    enum frank_err err = turn(search, earlier(until_us, tell_us));
    if (err != FRANK_OK) {
      snprintf(why, FRANK_SEARCH_WHY_BYTES, "event loop: %s", strerror(errno));
      return err;
    }
    if (search->signal_number != 0) {
      snprintf(why, FRANK_SEARCH_WHY_BYTES, "interrupted while devices were opened");
      return FRANK_ERR_CLOSED;
    }
  }
  return FRANK_OK;
}

enum frank_err frank_search_wait(struct frank_search *search, bool all, uint64_t until_us,
                                 char *why)
{
  why[0] = '\0';
  enum frank_err err = wait_until_ready(search, all, until_us, why);
  if (frank_term_has_progress()) {
    frank_term_clear();
  }
  if (err != FRANK_OK) {
    return err;
  }
  if (search->named > 0) {
    char name[FRANK_DEVICE_NAME_BYTES];
    char have[768];
    if (frank_fleet_missing(search->fleet, name, have, sizeof have) == FRANK_OK) {
      snprintf(why, FRANK_SEARCH_WHY_BYTES, "no device %s here; there is: %s", name, have);
      return FRANK_ERR_NOT_FOUND;
    }
  }
  if (frank_fleet_ready_count(search->fleet) == 0) {
    describe_failure(search, why);
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

static void report(struct frank_search *search, uint64_t started_us, frank_search_progress_fn *fn,
                   void *arg)
{
  struct frank_hash best;
  struct frank_search_progress progress = {0};
  if (frank_mint_progress(search->mint, 0, search->next_tag, &progress.attempts, &best) !=
      FRANK_OK) {
    return;
  }
  uint64_t elapsed_us = frank_clock_now_us() - started_us;
  progress.rate_hps = elapsed_us > 0 ? (double)progress.attempts * 1e6 / (double)elapsed_us : 0;
  progress.bits = frank_target_bits(&best);
  fn(arg, &progress);
}

enum frank_err frank_search_mint(struct frank_search *search, const struct frank_request *request,
                                 const char *b, frank_search_progress_fn *progress, void *arg,
                                 struct frank_answer *answer)
{
  assert(request->factor >= 1); /* who searches by itself has a factor */
  struct frank_request own = *request;
  own.tag = ++search->next_tag;
  snprintf(own.client, sizeof own.client, "frank");
  search->answered = false;
  uint64_t started_us = frank_clock_now_us();
  uint64_t report_us = started_us + FRANK_TERM_PROGRESS_US;
  frank_mint_request(search->mint, 0, &own, b, started_us);
  frank_fleet_pump(search->fleet, started_us);
  while (!search->answered) {
    enum frank_err err = turn(search, progress != NULL ? report_us : FRANK_NEVER_US);
    if (err != FRANK_OK) {
      return err;
    }
    if (search->signal_number != 0 && !search->answered) {
      frank_mint_finish(search->mint, frank_clock_now_us());
    }
    if (progress != NULL && !search->answered && frank_clock_now_us() >= report_us) {
      report(search, started_us, progress, arg);
      report_us += FRANK_TERM_PROGRESS_US;
    }
  }
  *answer = search->answer;
  return FRANK_OK;
}

int frank_search_signal(const struct frank_search *search)
{
  return search->signal_number;
}

void frank_search_status(const struct frank_search *search, struct frank_status *status)
{
  memset(status, 0, sizeof *status);
  frank_fleet_status(search->fleet, status);
}

void frank_search_notes(const struct frank_search *search, char *out, size_t out_size)
{
  frank_fleet_notes(search->fleet, out, out_size);
  size_t used = strlen(out);
  if (search->cache_err == FRANK_ERR_TOO_LONG) {
    snprintf(out + used, out_size - used,
             "nothing is kept between runs: the cache folder's name is longer than %d bytes\n",
             FRANK_DIR_BYTES - 1);
  } else if (search->cache_err != FRANK_OK && search->tune) {
    snprintf(out + used, out_size - used,
             "what was tuned is not kept: no CACHE_DIRECTORY, XDG_CACHE_HOME or HOME\n");
  }
}
