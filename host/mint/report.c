/* What the service tells about itself: the snapshot, the factor in force, one search's progress. */
#include "mint/internal.h"

#include <math.h>
#include <string.h>

static void fill_clients(const struct frank_mint *mint, struct frank_status *status)
{
  const struct frank_list *lists[] = {&mint->clients_busy, &mint->clients_idle};
  for (size_t i = 0; i < 2; i++) {
    /* The most recent first. */
    for (const struct frank_list *at = lists[i]->prev;
         at != lists[i] && status->client_count < FRANK_STATUS_CLIENTS_MAX; at = at->prev) {
      const struct frank_mint_client *client = FRANK_CONTAINER(at, struct frank_mint_client, link);
      struct frank_status_client *out = &status->clients[status->client_count++];
      frank_mint_copy_text(out->name, sizeof out->name, client->name);
      out->attempts = client->attempts;
      out->waiting = client->waiters;
    }
  }
}

void frank_mint_status(const struct frank_mint *mint, struct frank_status *status)
{
  status->draining = mint->draining ? 1 : 0;
  status->waiting = mint->waiting - mint->running;
  status->running = mint->running;
  status->queue_bound = mint->config.queue_bound;
  status->cached = mint->kept_count;
  status->factor = mint->factor;
  status->factor_expires_s = mint->factor_expires_s;
  memcpy(status->factor_source, mint->factor_source, sizeof status->factor_source);
  memcpy(status->totals, mint->totals, sizeof status->totals);
  status->attempts_total = mint->attempts_total;
  status->useful_attempts_total = mint->useful_total;
  status->wrong_hits_total = mint->wrong_hits_total;
  memcpy(status->mint_seconds, mint->mint_seconds, sizeof status->mint_seconds);
  status->mint_seconds_sum = mint->mint_seconds_sum;
  status->client_count = 0;
  fill_clients(mint, status);
}

void frank_mint_factor(const struct frank_mint *mint, uint64_t *factor, char *source,
                       int64_t *expires_s, uint64_t *queued_attempts)
{
  *factor = mint->factor;
  *expires_s = mint->factor_expires_s;
  *queued_attempts = mint->expected > 0 ? (uint64_t)fmin(mint->expected, 9e18) : 0;
  frank_mint_copy_text(source, FRANK_SOURCE_BYTES, mint->factor_source);
}

enum frank_err frank_mint_progress(const struct frank_mint *mint, uint64_t origin, uint64_t tag,
                                   uint64_t *attempts, struct frank_hash *best)
{
  const struct frank_mint_waiter *w = frank_mint_waiter_find(mint, origin, tag);
  if (!w) {
    return FRANK_ERR_NOT_FOUND;
  }
  *attempts = w->job->attempts;
  *best = w->job->best;
  return FRANK_OK;
}
