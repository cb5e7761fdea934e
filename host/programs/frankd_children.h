/*
 * frankd_children: the doors, the web child and the resolver of frankd: started, listened to,
 * pinged, restarted.
 *
 * Owner: frankd's main loop. A door's requests go to the mint service; answers come back through
 * frankd_children_answer, the service's callback.
 */
#ifndef FRANK_PROGRAMS_FRANKD_CHILDREN_H
#define FRANK_PROGRAMS_FRANKD_CHILDREN_H

#include "base/err.h"
#include "base/loop.h"
#include "mint/mint.h"
#include "programs/frankd_config.h"
#include "programs/frankd_factors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frankd_children;

/* Fills a snapshot; given by frankd, which knows the devices too. */
typedef void frankd_status_fn(void *arg, struct frank_status *status);

/* Makes the list of children from the configuration (borrowed; it must stay) and starts them.
 * FRANK_ERR_NOT_FOUND: a helper program is missing; `why` (FRANK_CONFIG_WHY_BYTES) names it. */
FRANK_MUST_CHECK enum frank_err frankd_children_new(const struct frankd_config *config,
                                                    struct frank_loop *loop,
                                                    frankd_status_fn *status, void *arg,
                                                    uint64_t now_us, struct frankd_children **out,
                                                    char *why);
/* Who requests and questions go to; before the first turn of the loop. */
void frankd_children_serve(struct frankd_children *children, struct frank_mint *mint,
                           struct frankd_factors *factors);
/* Kills what still runs, frees, sets *children to NULL. */
void frankd_children_destroy(struct frankd_children **children);

/* frank_mint_answer_fn: puts the answer on its door's channel. */
void frankd_children_answer(void *arg, uint64_t origin, const struct frank_answer *answer);

/* The calls of frankd_factors: a look-up and a refresh for the resolver, which is started by the
 * first look-up where no source needs it before; an answer for a door. */
bool frankd_children_look_up(void *arg, const char *domain, bool fresh);
void frankd_children_refresh(void *arg);
void frankd_children_factor(void *arg, uint64_t origin, const struct frank_door_factor *factor,
                            const struct frank_door_domain *rows);
/* Its settings have changed: it is started again with the new ones, where it runs or is needed. */
void frankd_children_restart_resolver(struct frankd_children *all, uint64_t now_us);

/* Sends what has gathered. Call after every turn of the loop. */
void frankd_children_pump(struct frankd_children *children, uint64_t now_us);
/* Pings, pauses, restarts, the web child's snapshot. At frankd_children_next_due_us. */
void frankd_children_tick(struct frankd_children *children, uint64_t now_us);
uint64_t frankd_children_next_due_us(const struct frankd_children *children);

/* True when every door is ready. */
bool frankd_children_ready(const struct frankd_children *children);
/* True when every child, the web child too, has been ready once. */
bool frankd_children_started(const struct frankd_children *children);
/* frankd itself did not run for `pause_us`: no child has hung for that. */
void frankd_children_forgive(struct frankd_children *children, uint64_t pause_us, uint64_t now_us);
/* The failure of a child that cannot be mended by starting it again, met before all were ready
 * once; NULL where there is none. */
const char *frankd_children_fatal(const struct frankd_children *children);
/* SIGHUP: the doors read their allow-lists again. */
void frankd_children_reload(struct frankd_children *children);
/* Tells the doors to refuse new requests. */
void frankd_children_drain(struct frankd_children *children, uint64_t now_us);
/* True when every door has heard that, so that no request is on its way here any more. */
bool frankd_children_drained(const struct frankd_children *children);
/* True while answers wait to be sent to a door. */
bool frankd_children_has_unsent(const struct frankd_children *children);
/* Closes the channels: a door sends what is on its way and leaves. */
void frankd_children_close(struct frankd_children *children);
/* True when all have left. */
bool frankd_children_gone(struct frankd_children *children);
/* Fills status->children and child_count. */
void frankd_children_status(const struct frankd_children *children, struct frank_status *status);

#endif
