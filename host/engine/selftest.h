/*
 * selftest: known answers that a device must give before it is believed.
 *
 * The answers come from Python's hashlib (selftest_make.py writes selftest_cases.inc), so they
 * share nothing with any engine. They cover one to 33 blocks as far as the device takes them, every
 * place of the counter, the first and the last counter, carries between the counter's digits,
 * another state than SHA-256's before block 0, the bound itself and one below it, the overflow
 * mark and early stopping. A few thousand attempts in all: instant on a CPU core, seconds on a
 * simulated chip.
 */
#ifndef FRANK_ENGINE_SELFTEST_H
#define FRANK_ENGINE_SELFTEST_H

#include "engine/engine.h"

#include <stdbool.h>

/* Runs every case that the open device can take. FRANK_OK; FRANK_ERR_DEVICE with the failing case
 * in `why` (FRANK_ENGINE_WHY_BYTES); FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_selftest_run(const struct frank_engine *engine,
                                                   struct frank_engine_ctx *ctx, char *why);

/* A rate measurement of about 20 ms on a two-block plan (half a second where a scan alone takes
 * long to start), attempts per second. FRANK_ERR_DEVICE when a scan fails. */
FRANK_MUST_CHECK enum frank_err frank_selftest_rate(const struct frank_engine *engine,
                                                    struct frank_engine_ctx *ctx, double *rate_hps,
                                                    char *why);

/* True while frank_engine_open tests and measures a device in this thread: until it is over, the
 * faulty engine behaves, so that its faults show where supervision must find them. */
bool frank_engine_is_opening(void);

#endif
