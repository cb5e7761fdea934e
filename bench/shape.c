#include "bench/shape.h"

#include "base/clock.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SIGNATURE_MAX_BYTES 512

/* Sizes in whole words of eight bytes, as bench_shape_b fills them. */
static const struct bench_shape shapes[] = {
    {"ed25519", "Ed25519", "ed25519-sha256", 64},
    {"rsa1024", "RSA-1024", "rsa-sha256", 128},
    {"rsa2048", "RSA-2048", "rsa-sha256", 256},
    {"rsa4096", "RSA-4096", "rsa-sha256", SIGNATURE_MAX_BYTES},
};
#define SHAPE_COUNT (sizeof shapes / sizeof shapes[0])

_Static_assert((SIGNATURE_MAX_BYTES + 2) / 3 * 4 < BENCH_B_BYTES, "room for the longest text");

const struct bench_shape *bench_shape_at(size_t i)
{
  return i < SHAPE_COUNT ? &shapes[i] : NULL;
}

const struct bench_shape *bench_shape_find(const char *name)
{
  for (size_t i = 0; i < SHAPE_COUNT; i++) {
    if (strcmp(shapes[i].name, name) == 0) {
      return &shapes[i];
    }
  }
  return NULL;
}

size_t bench_shape_b_len(const struct bench_shape *shape)
{
  return ((size_t)shape->signature_bytes + 2) / 3 * 4;
}

void bench_random_init(struct bench_random *random)
{
  if (getrandom(&random->state, sizeof random->state, 0) != (ssize_t)sizeof random->state) {
    random->state = frank_clock_now_us() * 65537 + (uint64_t)getpid(); /* interrupted */
  }
}

/* SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t bench_random_next(struct bench_random *random)
{
  random->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = random->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

size_t bench_shape_b(const struct bench_shape *shape, struct bench_random *random,
                     char b[BENCH_B_BYTES])
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  /* The bytes past the end are 0, as the unused bits of canonical base64 must be. */
  uint8_t bytes[SIGNATURE_MAX_BYTES + 8] = {0};
  for (size_t i = 0; i < shape->signature_bytes; i += 8) {
    uint64_t word = bench_random_next(random);
    memcpy(bytes + i, &word, sizeof word);
  }
  size_t len = 0;
  for (size_t i = 0; i < shape->signature_bytes; i += 3) {
    uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
    size_t left = shape->signature_bytes - i;
    b[len++] = letters[group >> 18];
    b[len++] = letters[group >> 12 & 63];
    b[len++] = '=';
    b[len++] = '=';
    if (left >= 2) {
      b[len - 2] = letters[group >> 6 & 63];
    }
    if (left >= 3) {
      b[len - 1] = letters[group & 63];
    }
  }
  b[len] = '\0';
  return len;
}
