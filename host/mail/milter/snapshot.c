#include "mail/milter/snapshot.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct snapshot {
  struct frank_milter_settings settings;
  _Atomic uint64_t users;
};

struct frank_milter_snapshots {
  const struct frank_milter_view *view;
  _Atomic uint64_t version; /* of the current one, as the view counts */
  _Atomic unsigned current;
  _Atomic bool busy;               /* somebody reads the view: what follows is its own */
  struct frank_log_limit log_full; /* at every connection else */
  struct snapshot list[FRANK_MILTER_SNAPSHOTS_MAX];
};

/* Reads the view into one that is not current and that nobody has. Who takes it in between finds
 * that it is not current, and does not look into it. */
static void follow(struct frank_milter_snapshots *snapshots)
{
  unsigned current = atomic_load(&snapshots->current);
  for (unsigned i = 0; i < FRANK_MILTER_SNAPSHOTS_MAX; i++) {
    struct snapshot *snapshot = &snapshots->list[i];
    if (i != current && atomic_load(&snapshot->users) == 0) {
      uint64_t version = frank_milter_view_settings(snapshots->view, &snapshot->settings);
      atomic_store(&snapshots->current, i);
      atomic_store(&snapshots->version, version);
      return;
    }
  }
  if (frank_log_allow(&snapshots->log_full, frank_clock_now_us())) {
    frank_log(FRANK_LOG_WARN, "event=settings-wait why=\"%d older ones are in use by connections\"",
              FRANK_MILTER_SNAPSHOTS_MAX);
  }
}

enum frank_err frank_milter_snapshots_new(const struct frank_milter_view *view,
                                          struct frank_milter_snapshots **out)
{
  struct frank_milter_snapshots *snapshots = calloc(1, sizeof *snapshots);
  *out = snapshots;
  if (snapshots == NULL) {
    return FRANK_ERR_NOMEM;
  }
  snapshots->view = view;
  snapshots->log_full = (struct frank_log_limit){.burst = 1, .interval_us = 60 * FRANK_US_PER_S};
  follow(snapshots);
  return FRANK_OK;
}

void frank_milter_snapshots_destroy(struct frank_milter_snapshots **snapshots)
{
  free(*snapshots);
  *snapshots = NULL;
}

const struct frank_milter_settings *
frank_milter_snapshot_take(struct frank_milter_snapshots *snapshots)
{
  if (frank_milter_view_version(snapshots->view) != atomic_load(&snapshots->version) &&
      !atomic_exchange(&snapshots->busy, true)) {
    if (frank_milter_view_version(snapshots->view) != atomic_load(&snapshots->version)) {
      follow(snapshots);
    }
    atomic_store(&snapshots->busy, false);
  }
  for (;;) {
    unsigned i = atomic_load(&snapshots->current);
    struct snapshot *snapshot = &snapshots->list[i];
    atomic_fetch_add(&snapshot->users, 1);
    /* Counted while it was current: from now on nobody writes to it. Else it may be under way. */
    if (atomic_load(&snapshots->current) == i) {
      return &snapshot->settings;
    }
    atomic_fetch_sub(&snapshot->users, 1);
  }
}

void frank_milter_snapshot_leave(struct frank_milter_snapshots *snapshots,
                                 const struct frank_milter_settings **settings)
{
  for (unsigned i = 0; i < FRANK_MILTER_SNAPSHOTS_MAX; i++) {
    if (*settings == &snapshots->list[i].settings) {
      atomic_fetch_sub(&snapshots->list[i].users, 1);
      break;
    }
  }
  *settings = NULL;
}
