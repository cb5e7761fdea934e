/*
 * cpu_avx512: the search with 512-bit vectors: two groups of 16 counters, interleaved.
 *
 * `vpternlogd` computes xor3, choose and majority in one operation each, so a round with a ready
 * K+W is 16 operations, 6 of them rotates. A Zen 5 core does four of 512 bits a cycle, two of them
 * rotates or shifts; Zen 4, and Intel's cores with two 512-bit ports, half of that. Their latency
 * is 2 cycles on Zen 5, 1 on the others: two groups in flight hide it, three do not fit the 32
 * registers.
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN   frank_cpu_scan_avx512
#define VEC    __m512i
#define LANES  ((size_t)16)
#define GROUPS ((size_t)2)

#define XOR3     0x96 /* truth tables of vpternlogd */
#define CHOOSE   0xca
#define MAJORITY 0xe8

#define v_all(word)           _mm512_set1_epi32((int)(word))
#define v_load(words)         _mm512_loadu_si512(words)
#define v_store(words, x)     _mm512_storeu_si512(words, x)
#define v_add(x, y)           _mm512_add_epi32(x, y)
#define v_xor(x, y)           _mm512_xor_si512(x, y)
#define v_shr(x, bits)        _mm512_srli_epi32(x, bits)
#define v_rotr(x, bits)       _mm512_ror_epi32(x, bits)
#define v_xor3(x, y, z)       _mm512_ternarylogic_epi32(x, y, z, XOR3)
#define v_choose(e, f, g)     _mm512_ternarylogic_epi32(e, f, g, CHOOSE)
#define v_not_above(x, bound) (uint32_t) _mm512_cmple_epu32_mask(x, v_all(bound))
/* One operation: the cache is not needed, and goes away. */
#define v_majority(a, b, c, cache) ((void)(cache), _mm512_ternarylogic_epi32(a, b, c, MAJORITY))

/* Rounds in an order of their own, with no more temporaries than fit the registers beside the
 * variables of both groups: left to themselves, compilers spill some to the stack, more or fewer
 * from one build to the next, and speed is lost. KW is the operand that holds
 * K+W. */
#define ROUND(kw)                                                                                  \
  "vprord $6, %[e], %[x]\n\t"                                                                      \
  "vprord $11, %[e], %[y]\n\t"                                                                     \
  "vprord $25, %[e], %[z]\n\t"                                                                     \
  "vpaddd " kw ", %[h], %[h]\n\t"                                                                  \
  "vmovdqa32 %[e], %[v]\n\t"                                                                       \
  "vpternlogd $0xca, %[g], %[f], %[v]\n\t"                                                         \
  "vpaddd %[v], %[h], %[h]\n\t"                                                                    \
  "vpternlogd $0x96, %[y], %[z], %[x]\n\t"                                                         \
  "vpaddd %[x], %[h], %[h]\n\t"                                                                    \
  "vpaddd %[h], %[d], %[d]\n\t"                                                                    \
  "vprord $2, %[a], %[x]\n\t"                                                                      \
  "vprord $13, %[a], %[y]\n\t"                                                                     \
  "vprord $22, %[a], %[z]\n\t"                                                                     \
  "vmovdqa32 %[a], %[v]\n\t"                                                                       \
  "vpternlogd $0xe8, %[c], %[b], %[v]\n\t"                                                         \
  "vpaddd %[v], %[h], %[h]\n\t"                                                                    \
  "vpternlogd $0x96, %[y], %[z], %[x]\n\t"                                                         \
  "vpaddd %[x], %[h], %[h]"

/* The next word of the schedule, stored and added to h. */
#define WORD                                                                                       \
  "vmovdqa32 %[w1], %[v]\n\t"                                                                      \
  "vprord $7, %[v], %[x]\n\t"                                                                      \
  "vprord $18, %[v], %[y]\n\t"                                                                     \
  "vpsrld $3, %[v], %[z]\n\t"                                                                      \
  "vmovdqa32 %[w0], %[w]\n\t"                                                                      \
  "vmovdqa32 %[w14], %[v]\n\t"                                                                     \
  "vpaddd %[w9], %[w], %[w]\n\t"                                                                   \
  "vpternlogd $0x96, %[y], %[z], %[x]\n\t"                                                         \
  "vpaddd %[x], %[w], %[w]\n\t"                                                                    \
  "vprord $17, %[v], %[x]\n\t"                                                                     \
  "vprord $19, %[v], %[y]\n\t"                                                                     \
  "vpsrld $10, %[v], %[z]\n\t"                                                                     \
  "vpternlogd $0x96, %[y], %[z], %[x]\n\t"                                                         \
  "vpaddd %[x], %[w], %[w]\n\t"                                                                    \
  "vmovdqa32 %[w], %[w0]\n\t"                                                                      \
  "vpaddd %[w], %[h], %[h]\n\t"

#define v_round_ready(s, t, word)                                                                  \
  do {                                                                                             \
    __m512i x_, y_, z_, v_;                                                                        \
    __asm__(                                                                                       \
        ROUND("%[kw]%{1to16%}")                                                                    \
        : [d] "+&v"(PART(s, 3, t)), [h] "+&v"(PART(s, 7, t)), [x] "=&v"(x_), [y] "=&v"(y_),        \
          [z] "=&v"(z_), [v] "=&v"(v_)                                                             \
        : [a] "v"(PART(s, 0, t)), [b] "v"(PART(s, 1, t)), [c] "v"(PART(s, 2, t)),                  \
          [e] "v"(PART(s, 4, t)), [f] "v"(PART(s, 5, t)), [g] "v"(PART(s, 6, t)), [kw] "m"(word)); \
  } while (0)

#define v_round_next(s, t, w, k)                                                                   \
  do {                                                                                             \
    __m512i x_, y_, z_, v_, w_;                                                                    \
    __asm__(WORD ROUND("%[kw]%{1to16%}")                                                           \
            : [d] "+&v"(PART(s, 3, t)), [h] "+&v"(PART(s, 7, t)), [x] "=&v"(x_), [y] "=&v"(y_),    \
              [z] "=&v"(z_), [v] "=&v"(v_), [w] "=&v"(w_), [w0] "+m"((w)[t])                       \
            : [a] "v"(PART(s, 0, t)), [b] "v"(PART(s, 1, t)), [c] "v"(PART(s, 2, t)),              \
              [e] "v"(PART(s, 4, t)), [f] "v"(PART(s, 5, t)), [g] "v"(PART(s, 6, t)),              \
              [w1] "m"((w)[((t) + 1) % 16]), [w9] "m"((w)[((t) + 9) % 16]),                        \
              [w14] "m"((w)[((t) + 14) % 16]), [kw] "m"(k));                                       \
  } while (0)

#include "engine/cpu/lanes.h"
