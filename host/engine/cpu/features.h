/*
 * features: the instruction sets that a search loop can need, and which of them this machine has.
 *
 * One bit for each set that a variant (variant.h) is written for, not for each flag of the CPU:
 * where a variant needs three flags together they are one bit here. A set that the operating system
 * does not save on a context switch counts as absent.
 */
#ifndef FRANK_ENGINE_CPU_FEATURES_H
#define FRANK_ENGINE_CPU_FEATURES_H

#include <stdint.h>

#define FRANK_CPU_AVX2     (UINT32_C(1) << 0)
#define FRANK_CPU_SHA_NI   (UINT32_C(1) << 1) /* with SSSE3 and SSE4.1 */
#define FRANK_CPU_AVX512   (UINT32_C(1) << 2) /* F, BW and VL, with AVX2 */
#define FRANK_CPU_ARM_SHA2 (UINT32_C(1) << 3) /* AArch64 SHA-2 extension, with its vectors */
#define FRANK_CPU_FEATURES 4                  /* bits that have a meaning */

/* The sets that this machine and its system offer. */
uint32_t frank_cpu_features(void);

#endif
