/*
 * test_engines: devices that exist for tests, used only where they are named.
 *
 * `null:0` answers at once, having examined nothing: what remains is everybody else's overhead.
 *
 * `faulty:FAULT` searches like the portable CPU variant until its fault strikes, which it never
 * does while the device is being opened (but for the faults of opening). `faulty:FAULT@N`: from the
 * N-th slice on; N is 3 where it is not given.
 *
 *     wrong     reports a counter that is above the bound
 *     caught    lies, and its engine finds out: the scan fails
 *     hang      a scan never returns
 *     die       the process aborts in a scan
 *     attempts  claims more attempts than there are counters
 *     slow      a tenth of the speed, from the start; otherwise sound
 *     simulated sound; says that it is a simulation, and counts 64 cycles for a compression
 *     keeps     sound; keeps a random number in the cache folder. Its variant is "made-NUMBER",
 *               "kept-NUMBER" of an earlier run, or "unkept-NUMBER" where it could not be kept
 *     flaky     aborts in one slice out of N, by chance (50 where N is not given)
 *     selftest  misses a known answer: opening fails
 *     open      opening never returns
 */
#ifndef FRANK_ENGINE_TEST_TEST_ENGINES_H
#define FRANK_ENGINE_TEST_TEST_ENGINES_H

#include "engine/engine.h"

extern const struct frank_engine frank_engine_null;
extern const struct frank_engine frank_engine_faulty;

#endif
