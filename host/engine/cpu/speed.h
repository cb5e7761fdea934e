/*
 * speed: how fast the variants of the CPU engine are on the core at hand.
 *
 * Which of two is faster differs by the kind of core, and no table can know every kind: on one with
 * few vector units the SHA instructions win, on another eight lanes do.
 *
 * Private to host/engine/cpu. Reads the clock; what is made of the figures is pure
 * (frank_cpu_variant_fastest in variant.h).
 */
#ifndef FRANK_ENGINE_CPU_SPEED_H
#define FRANK_ENGINE_CPU_SPEED_H

#include "engine/cpu/variant.h"

#include <stdint.h>

/* Measures every variant that runs with `features`, on the core that the caller runs on, in about
 * 20 ms of CPU time; less where others keep the core busy, so that it does not take long there,
 * either. rates_cps[i] gets the compressions per second of CPU time of the i-th: half of them of
 * the plan for Ed25519 (two blocks), half of that for RSA-2048 (six). 0 where it does not run; all
 * 0 where one alone runs, and there is nothing to choose. `features` are among those of this
 * machine. */
void frank_cpu_speed_measure(uint32_t features, double rates_cps[FRANK_CPU_VARIANTS_MAX]);

#endif
