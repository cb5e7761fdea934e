/*
 * frankd_factors: the factor in frankd: which source is in force, and what recipients ask for.
 *
 *     door --request--> frankd_factors --(recipients' factors known, or their time over)--> mint
 *                         |      ^
 *                 look-up |      | SOURCE, DOMAIN
 *                         v      |
 *                       frank-resolver
 *
 * A request without recipients, or that names its factor, passes through at once. Nothing here
 * waits for the resolver: where it is dead, slow or lying, the next source in order and the default
 * serve. Owner: frankd's main loop.
 */
#ifndef FRANK_PROGRAMS_FRANKD_FACTORS_H
#define FRANK_PROGRAMS_FRANKD_FACTORS_H

#include "base/err.h"
#include "door/messages.h"
#include "factor/messages.h"
#include "mint/mint.h"
#include "programs/frankd_config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frankd_factors;

/* What it asks of others. */
struct frankd_factors_calls {
  /* Starts a look-up at the resolver; false: it cannot be asked now. */
  bool (*look_up)(void *arg, const char *domain, bool fresh);
  /* Has the resolver ask every source now. */
  void (*refresh)(void *arg);
  /* Answers a question about factors: `rows` has factor->domain_count entries. */
  void (*answer)(void *arg, uint64_t origin, const struct frank_door_factor *factor,
                 const struct frank_door_domain *rows);
  void *arg;
};

/* `config` is borrowed and must stay. A file that cannot be read refuses the start: FRANK_ERR_IO,
 * FRANK_ERR_MALFORMED, FRANK_ERR_RANGE with `why` (FRANK_CONFIG_WHY_BYTES). FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frankd_factors_new(const struct frankd_config *config,
                                                   const struct frankd_factors_calls *calls,
                                                   struct frank_mint *mint, uint64_t now_us,
                                                   struct frankd_factors **out, char *why);
void frankd_factors_destroy(struct frankd_factors **factors);

/* After a change of the configuration: sources, max_factor, limits. What is known of a source that
 * stays is kept. */
void frankd_factors_reload(struct frankd_factors *factors, uint64_t now_us);

/* A request of a door, b and domains behind it, all lengths checked by the caller. */
void frankd_factors_request(struct frankd_factors *factors, uint64_t origin,
                            const struct frank_request *request, const char *b, const char *domains,
                            uint64_t now_us);
/* As frank_mint_cancel, and frank_mint_origin_gone. */
FRANK_MUST_CHECK enum frank_err frankd_factors_cancel(struct frankd_factors *factors,
                                                      uint64_t origin, uint64_t tag,
                                                      uint64_t now_us);
void frankd_factors_origin_gone(struct frankd_factors *factors, uint64_t origin, uint64_t now_us);
/* A question of a door; its answer comes by calls->answer, now or within look_up_limit. */
void frankd_factors_ask(struct frankd_factors *factors, uint64_t origin,
                        const struct frank_door_question *question, const char *domains,
                        uint64_t now_us);

/* What the resolver says. FRANK_ERR_MALFORMED: nothing that a resolver can say. */
FRANK_MUST_CHECK enum frank_err frankd_factors_source(struct frankd_factors *factors,
                                                      const struct frank_resolver_source *source,
                                                      uint64_t now_us);
FRANK_MUST_CHECK enum frank_err frankd_factors_domain(struct frankd_factors *factors,
                                                      const struct frank_resolver_domain *domain,
                                                      uint64_t now_us);
/* It died: nobody waits for it. What its sources said counts until it expires. */
void frankd_factors_resolver_gone(struct frankd_factors *factors, uint64_t now_us);

void frankd_factors_tick(struct frankd_factors *factors, uint64_t now_us);
uint64_t frankd_factors_next_due_us(const struct frankd_factors *factors);
/* Nobody waits for a look-up any more: before the service drains. */
void frankd_factors_finish(struct frankd_factors *factors, uint64_t now_us);
/* Fills status->sources and lookups. */
void frankd_factors_status(const struct frankd_factors *factors, struct frank_status *status);

#endif
