/*
 * features: asks the CPU, or the kernel, once for each bit.
 */
#include "engine/cpu/features.h"

#include <stdbool.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__x86_64__)
/* gcc 12 and clang 14 do not know "sha" in __builtin_cpu_supports: leaf 7, EBX bit 29 (Intel SDM
 * volume 2A, CPUID). It works on SSE registers, which every x86-64 system saves. */
static bool has_sha_ni(void)
{
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx >> 29 & 1U) != 0 &&
         __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}
#endif

uint32_t frank_cpu_features(void)
{
  uint32_t features = 0;
#if defined(__x86_64__)
  /* These ask the operating system's XCR0 as well. */
  features |= __builtin_cpu_supports("avx2") ? FRANK_CPU_AVX2 : 0;
  /* Compilers use AVX2 where AVX-512 is allowed, and a hypervisor can mask it alone. */
  features |= __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2")
                  ? FRANK_CPU_AVX512
                  : 0;
  features |= has_sha_ni() ? FRANK_CPU_SHA_NI : 0;
#elif defined(__aarch64__) && defined(__linux__)
  features |= (getauxval(AT_HWCAP) & HWCAP_SHA2) != 0 ? FRANK_CPU_ARM_SHA2 : 0;
#endif
  return features;
}
