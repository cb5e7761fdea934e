/*
 * view: what the keeper tells the filter's threads, in memory that both have mapped: the settings,
 * and the factor in force. One writer (the keeper), any number of readers, no lock: a reader takes
 * a copy, and takes it again where the writer was at it (a sequence lock).
 *
 * The memory is a memfd that the filter inherits. It holds plain data of the same build.
 */
#ifndef FRANK_MAIL_MILTER_VIEW_H
#define FRANK_MAIL_MILTER_VIEW_H

#include "base/err.h"
#include "base/log.h"
#include "mail/judge.h"
#include "mail/milter/settings.h"

struct frank_milter_view;

/* In the keeper: makes it; *fd is the caller's, not close-on-exec. FRANK_ERR_IO (errno). */
FRANK_MUST_CHECK enum frank_err frank_milter_view_new(struct frank_milter_view **out, int *fd);
/* In the filter: maps it for reading. FRANK_ERR_IO (errno), FRANK_ERR_MALFORMED (another size). */
FRANK_MUST_CHECK enum frank_err frank_milter_view_map(int fd, struct frank_milter_view **out);
/* Unmaps; sets *view to NULL. */
void frank_milter_view_destroy(struct frank_milter_view **view);

void frank_milter_view_put_settings(struct frank_milter_view *view,
                                    const struct frank_milter_settings *settings);
void frank_milter_view_put_factor(struct frank_milter_view *view,
                                  const struct frank_judge_factor *factor);
/* Copies, for any thread. The settings are some 200 KiB: threads share theirs (milter/snapshot.h).
 * Returns their version. */
uint64_t frank_milter_view_settings(const struct frank_milter_view *view,
                                    struct frank_milter_settings *out);
/* Of the settings this one alone. */
enum frank_log_level frank_milter_view_log_level(const struct frank_milter_view *view);
/* Another number where the settings are others, or are being written. */
uint64_t frank_milter_view_version(const struct frank_milter_view *view);
void frank_milter_view_factor(const struct frank_milter_view *view, struct frank_judge_factor *out);

#endif
