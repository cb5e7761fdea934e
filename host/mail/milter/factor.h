/*
 * factor: by which factor arriving mail is judged: follows the sources of the settings and puts
 * what is in force into the view. A fixed factor, published documents and domains (by a
 * frank-resolver of its own), files, a frankd that is asked for its own, and the floor.
 *
 * Owner: the keeper's loop. A document's previous factor goes along, so that mail in flight across
 * a change is not punished. Asking a frankd blocks, for FRANK_MILTER_ASK_LIMIT_MS at most.
 */
#ifndef FRANK_MAIL_MILTER_FACTOR_H
#define FRANK_MAIL_MILTER_FACTOR_H

#include "base/err.h"
#include "base/loop.h"
#include "mail/milter/settings.h"
#include "mail/milter/view.h"

#include <stdint.h>

#define FRANK_MILTER_ASK_LIMIT_MS 500
#define FRANK_MILTER_ASK_EVERY_S  5

struct frank_milter_factor;

/* `state` is the folder for last good documents, NULL: nothing is kept. The settings are copied.
 * FRANK_ERR_NOT_FOUND (there is no frank-resolver, and a source needs it), FRANK_ERR_NOMEM,
 * FRANK_ERR_MALFORMED (endpoint or keys of the frankd), with `why` (FRANK_CONFIG_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err
frank_milter_factor_new(struct frank_loop *loop, const struct frank_milter_settings *settings,
                        const char *state, struct frank_milter_view *view,
                        struct frank_milter_factor **out, char *why);
void frank_milter_factor_destroy(struct frank_milter_factor **factor);

/* Other settings; what is known of sources that stay is kept. Errors as above: then nothing has
 * changed. */
FRANK_MUST_CHECK enum frank_err
frank_milter_factor_reload(struct frank_milter_factor *factor,
                           const struct frank_milter_settings *settings, char *why);

/* Once a second. */
void frank_milter_factor_tick(struct frank_milter_factor *factor, uint64_t now_us);
/* The factor in force; 0: none can be had now (a frankd is to say it, and has not yet). */
uint64_t frank_milter_factor_now(const struct frank_milter_factor *factor);

/* What the settings say of the sources; views into them. */
struct frank_source_settings;
struct frank_source_settings
frank_milter_source_settings(const struct frank_milter_settings *settings);

#endif
