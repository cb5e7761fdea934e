/*
 * probe: asks an engine for its devices, in a process of its own: some drivers do not survive a
 * fork after they were asked, and one that hangs must not hang us.
 */
#ifndef FRANK_BENCH_PROBE_H
#define FRANK_BENCH_PROBE_H

#include "base/err.h"
#include "engine/engine.h"

#include <stddef.h>

/* Fills list[0..FRANK_ENGINE_DEVICES_MAX), *count of them; `why` (BENCH_WHY_BYTES) has the engine's
 * remark, if any, also with FRANK_OK. FRANK_ERR_IO, FRANK_ERR_TIMEOUT, FRANK_ERR_CLOSED (asked to
 * stop), FRANK_ERR_DEVICE (the driver died), and the engine's own. */
FRANK_MUST_CHECK enum frank_err bench_probe(const struct frank_engine *engine,
                                            struct frank_device_info *list, size_t *count,
                                            char *why);

#endif
