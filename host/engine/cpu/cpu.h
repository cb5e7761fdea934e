/*
 * cpu: the engine of the machine's own cores, one device for each physical core and one for each
 * second hardware thread (place.h), which is used only where that was measured better.
 *
 * The code path is chosen when the device is opened: the first of the table of variants
 * (cpu/variants.c) that runs here, or the one that the options name.
 */
#ifndef FRANK_ENGINE_CPU_CPU_H
#define FRANK_ENGINE_CPU_CPU_H

#include "engine/engine.h"

extern const struct frank_engine frank_engine_cpu;

#endif
