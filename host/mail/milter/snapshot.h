/*
 * snapshot: the settings as the filter's threads have them. All connections that begin under the
 * same settings share one copy of the view's (some 200 KiB); it stays as it is until the last of
 * them has left it.
 *
 * Any thread takes and leaves; nobody waits for another. FRANK_MILTER_SNAPSHOTS_MAX copies at most:
 * where old connections hold all of them, those that begin get the last ones read, and the log says
 * so, until one is free.
 */
#ifndef FRANK_MAIL_MILTER_SNAPSHOT_H
#define FRANK_MAIL_MILTER_SNAPSHOT_H

#include "base/err.h"
#include "mail/milter/settings.h"
#include "mail/milter/view.h"

#define FRANK_MILTER_SNAPSHOTS_MAX 16

struct frank_milter_snapshots;

/* The view is borrowed. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_milter_snapshots_new(const struct frank_milter_view *view,
                                                           struct frank_milter_snapshots **out);
/* When all have been left. Sets *snapshots to NULL. */
void frank_milter_snapshots_destroy(struct frank_milter_snapshots **snapshots);

/* The settings that are in force now; the caller leaves them. */
const struct frank_milter_settings *
frank_milter_snapshot_take(struct frank_milter_snapshots *snapshots);
/* Sets *settings to NULL. */
void frank_milter_snapshot_leave(struct frank_milter_snapshots *snapshots,
                                 const struct frank_milter_settings **settings);

#endif
