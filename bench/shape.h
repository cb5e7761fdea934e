/*
 * shape: the kinds of signature that a stamp is made for, by which a search costs more or less, and
 * random texts of them. Pure.
 */
#ifndef FRANK_BENCH_SHAPE_H
#define FRANK_BENCH_SHAPE_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_B_BYTES 700 /* the longest b= text of a shape, with its NUL */

struct bench_shape {
  const char *name; /* "rsa2048": what --shape takes */
  const char *text; /* "RSA-2048" */
  const char *alg;  /* a= of the stamp */
  uint16_t signature_bytes;
};

/* The i-th shape, NULL past the end; the first is the default. */
const struct bench_shape *bench_shape_at(size_t i);
/* NULL where there is no shape of that name. */
const struct bench_shape *bench_shape_find(const char *name);
/* Characters of b for the shape. */
size_t bench_shape_b_len(const struct bench_shape *shape);

/* A stream of numbers that are different each time, and of no other quality. */
struct bench_random {
  uint64_t state;
};
void bench_random_init(struct bench_random *random);
uint64_t bench_random_next(struct bench_random *random);

/* A random canonical base64 text as long as the shape's signature, with a NUL. Returns its length.
 */
size_t bench_shape_b(const struct bench_shape *shape, struct bench_random *random,
                     char b[BENCH_B_BYTES]);

#endif
