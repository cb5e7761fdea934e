/*
 * keeper: the part of an authority that owns the state: the body of frank-authority as a server.
 *
 * It publishes at the start where it was asked to, signs anew before the document expires, moves
 * keys on, takes reports, and keeps the child that answers HTTP (service.h) running: the listening
 * socket is the keeper's, so no connection is refused while a child is started again. A read-only
 * keeper has no store of its own and only keeps the child.
 */
#ifndef FRANK_FACTOR_AUTHORITY_KEEPER_H
#define FRANK_FACTOR_AUTHORITY_KEEPER_H

#include "base/err.h"
#include "factor/authority/control.h"
#include "factor/authority/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_KEEPER_CHILD     "frank-authority-http"
#define FRANK_KEEPER_WHY_BYTES FRANK_AUTHORITY_WHY_BYTES
#define FRANK_KEEPER_ARGS_MAX  48 /* of the child's command line */

struct frank_keeper_config {
  const char *listen; /* "ADDRESS:PORT", numeric; port 0: any free one */
  const char *dir;
  bool read_only;
  struct frank_authority_settings settings;
  uint64_t factor;      /* 0: the one in force; in a new store, settings.issuer's first */
  uint32_t max_age_s;   /* Cache-Control */
  const char *base_url; /* NULL: not told */
  bool estimates;       /* the estimation may change the factor */
  struct frank_control_config control;
  const char *access_log;     /* NULL: none */
  const char *log_level;      /* for the child */
  const char *const *trusted; /* proxies */
  size_t trusted_count;
};

/* Serves until SIGTERM or SIGINT: FRANK_OK. *wrong_setting: the error is in what was asked for, not
 * in what was met. `why` (FRANK_KEEPER_WHY_BYTES) names the input. Errors as those of the store;
 * FRANK_ERR_MALFORMED and FRANK_ERR_RANGE (the address), FRANK_ERR_TAKEN (port in use),
 * FRANK_ERR_NOT_FOUND (the child's program). */
FRANK_MUST_CHECK enum frank_err frank_keeper_run(const struct frank_keeper_config *config,
                                                 bool *wrong_setting, char *why);

#endif
