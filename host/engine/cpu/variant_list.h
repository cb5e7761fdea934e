/*
 * variant_list: the names of the code paths that this build's CPU engine has, fastest first, each
 * with the instruction sets that it needs (features.h).
 *
 * The table (variants.c), the prototypes (variant.h) and the help texts are made of this list, so
 * they cannot differ. ROW(name, needs): `name` is what --isa takes, and frank_cpu_scan_NAME the
 * function.
 *
 * The order is what was measured; where a machine differs by more than 5%, its own measurement
 * decides. Two blocks, million attempts a second on one core: Golden
 * Cove at 3 GHz: avx512 37, sha_ni 16, avx2 13, portable 7.
 */
#ifndef FRANK_ENGINE_CPU_VARIANT_LIST_H
#define FRANK_ENGINE_CPU_VARIANT_LIST_H

#if defined(__x86_64__)
#define FRANK_CPU_VARIANT_LIST(ROW)                                                                \
  ROW(avx512, FRANK_CPU_AVX512)                                                                    \
  ROW(sha_ni, FRANK_CPU_SHA_NI)                                                                    \
  ROW(avx2, FRANK_CPU_AVX2)                                                                        \
  ROW(portable, 0)
#elif defined(__aarch64__)
#define FRANK_CPU_VARIANT_LIST(ROW)                                                                \
  ROW(arm_sha2, FRANK_CPU_ARM_SHA2)                                                                \
  ROW(portable, 0)
#else
#define FRANK_CPU_VARIANT_LIST(ROW) ROW(portable, 0)
#endif

/* " avx512 sha_ni portable": a string literal for help texts. */
#define FRANK_CPU_VARIANT_NAME(name, needs) " " #name
#define FRANK_CPU_VARIANT_NAMES             FRANK_CPU_VARIANT_LIST(FRANK_CPU_VARIANT_NAME)

#endif
