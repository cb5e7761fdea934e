/*
 * cpu: the engine of the machine's own cores, one device for each physical core and one for each
 * second hardware thread (place.h), which is used only where that was measured better.
 *
 * The code path is chosen when the device is opened, after the thread was bound: of the variants
 * (cpu/variants.c) that run here the one that is measured to be the fastest on this core, or the
 * one that the options name.
 */
#ifndef FRANK_ENGINE_CPU_CPU_H
#define FRANK_ENGINE_CPU_CPU_H

#include "engine/engine.h"

extern const struct frank_engine frank_engine_cpu;

#endif
