/* The store of deliveries, whatever keeps it. See replay.h. */
#include "mail/replay.h"

#include <assert.h>
#include <stdlib.h>

struct frank_replay {
  const struct frank_replay_store *store;
  void *handle;
};

enum frank_err frank_replay_new(const struct frank_replay_store *store, void *handle,
                                struct frank_replay **out)
{
  *out = malloc(sizeof **out);
  if (!*out) {
    store->close(handle);
    return FRANK_ERR_NOMEM;
  }
  **out = (struct frank_replay){store, handle};
  return FRANK_OK;
}

void frank_replay_close(struct frank_replay **replay)
{
  if (*replay) {
    (*replay)->store->close((*replay)->handle);
    free(*replay);
    *replay = NULL;
  }
}

enum frank_err frank_replay_check(struct frank_replay *replay, char *why)
{
  return replay->store->check(replay->handle, why);
}

enum frank_err frank_replay_note(struct frank_replay *replay,
                                 const uint8_t id[FRANK_REPLAY_ID_BYTES],
                                 const struct frank_address_text *recipients, size_t count,
                                 int64_t now_s, int64_t until_s, struct frank_replay_counts *counts,
                                 char *why)
{
  assert(until_s > now_s);
  return replay->store->note(replay->handle, id, recipients, count, now_s, until_s, counts, why);
}

enum frank_err frank_replay_expire(struct frank_replay *replay, int64_t now_s, uint64_t *forgotten,
                                   char *why)
{
  return replay->store->expire(replay->handle, now_s, forgotten, why);
}
