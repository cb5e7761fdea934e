/*
 * vendor: all that differs between compilers: OpenCL C of any vendor, and plain C (gcc and clang),
 * in which tests run the same search under sanitizers.
 *
 * Built with -D FRANK_VECTOR=n: counters in one vector, 1, 2, 4, 8 or 16.
 */
#ifndef FRANK_KERNELS_VENDOR_H
#define FRANK_KERNELS_VENDOR_H

#define FRANK_JOIN_(a, b) a##b
#define FRANK_JOIN(a, b)  FRANK_JOIN_(a, b)
#define INLINE            static inline __attribute__((always_inline))

#ifdef __OPENCL_VERSION__

#if FRANK_VECTOR == 1
typedef uint vec;
#define v_load(p)         (*(p))
#define v_store(p, v)     (*(p) = (v))
#define v_any_up_to(v, x) ((v) <= (x))
#else
typedef FRANK_JOIN(uint, FRANK_VECTOR) vec;
#define v_load(p)         FRANK_JOIN(vload, FRANK_VECTOR)(0, (p))
#define v_store(p, v)     FRANK_JOIN(vstore, FRANK_VECTOR)((v), 0, (p))
#define v_any_up_to(v, x) any((v) <= v_all(x))
#endif
#define v_all(x)     ((vec)(x))
#define v_rotl(v, n) rotate((v), v_all(n))

#else /* plain C: whoever includes it defines get_group_id and its like, and the atomics */

#include <string.h>

#define __kernel static
#define __global
#define __constant    const
typedef uint32_t uint;
typedef uint vec __attribute__((vector_size(4 * FRANK_VECTOR)));
#define v_store(p, v) memcpy((p), &(v), sizeof(vec))
#define v_all(x)      ((vec){0} + (uint)(x))
#define v_rotl(v, n)  ((v) << (n) | (v) >> (32 - (n)))

/* From words that are aligned as such, not as vectors. */
INLINE vec v_load(const uint *p)
{
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

INLINE int v_any_up_to(vec v, uint x)
{
  int any = 0;
  for (int i = 0; i < FRANK_VECTOR; i++) {
    any |= v[i] <= x;
  }
  return any;
}

#endif

#define v_rotr(v, n) v_rotl((v), 32 - (n))

/* Of three words: (e & f) ^ (~e & g), and the bit that most of them have. Written in the forms that
 * compilers know from other people's SHA-256 and turn into one or two instructions (LOP3, BFI). On
 * AVX-512 that takes two where one would do; so it is named there, where the compiler knows it. */
#if defined(__AVX512F__) && defined(__has_builtin) && FRANK_VECTOR == 16
#if __has_builtin(__builtin_ia32_pternlogd512_mask) && defined(__OPENCL_VERSION__)
#define FRANK_TERNARY 1
#endif
#endif
#ifdef FRANK_TERNARY
typedef int frank_v16si __attribute__((vector_size(64)));
#define v_ternary(x, y, z, table)                                                                  \
  as_uint16(__builtin_ia32_pternlogd512_mask(as_v16si(x), as_v16si(y), as_v16si(z), table, 0xffff))
#define as_v16si(v)         __builtin_astype((v), frank_v16si)
#define v_choose(e, f, g)   v_ternary(e, f, g, 0xca)
#define v_majority(a, b, c) v_ternary(a, b, c, 0xe8)
#else
#define v_choose(e, f, g)   ((g) ^ ((e) & ((f) ^ (g))))
#define v_majority(a, b, c) (((a) & (b)) | ((c) & ((a) | (b))))
#endif

#endif
