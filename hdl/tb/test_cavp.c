/*
 * NIST's CAVP vectors for SHA-256 (ShortMsg and LongMsg, 129 messages of 0 to 6400 bytes, as
 * Debian's libcrypto++-utils has them), through the core's registers.
 *
 * The core's first block always holds a counter, and a CAVP message does not begin with one. So a
 * block is put between: the 64 words that the core adds in a later block are free, and 8 of them
 * are enough to lead the state to any 8 words. A job is then
 *
 *     block 0          anything, with the counter
 *     block 1          words that make the state after it that of SHA-256 before the message's
 * blocks blocks 2 to 10   up to nine blocks of the message: what is tested block 11         64 zero
 * bytes
 *
 * The first word after block 11 depends on all eight before it, so that a target at this word must
 * give a hit and the one below must not. A longer message goes on in the next job from where it
 * was; at its end the eight words before block 11 are the digest of the vector.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hdl/tb/bench.h"

#include "driver/registers.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#define VECTORS           "/usr/share/crypto++/TestVectors/sha2_256_fips_180.txt"
#define VECTORS_COUNT     129
#define MESSAGE_BYTES_MAX 6400
#define PADDED_BYTES_MAX  ((MESSAGE_BYTES_MAX + 9 + 63) / 64 * 64)
#define BLOCKS_AT_ONCE    9

struct vector {
  uint8_t padded[PADDED_BYTES_MAX];
  size_t blocks;
  uint32_t digest[8];
};

static uint32_t rotate(uint32_t x, unsigned by)
{
  return x >> by | x << (32 - by);
}

/* T2 of the round behind a, b, c (FIPS 180-4, 6.2.2). */
static uint32_t second(uint32_t a, uint32_t b, uint32_t c)
{
  return (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
}

/* T1 without the word that is added. */
static uint32_t first(const uint32_t s[8])
{
  uint32_t e = s[4];
  return s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6]));
}

/* Words that lead from state `from` before the block to `to` behind it: 56 random ones, then 8 that
 * set `a` of each of the last 8 rounds, from which the whole state follows. */
static void steer(const uint32_t from[8], const uint32_t to[8], uint32_t kw[64])
{
  uint32_t a[8]; /* of the rounds 57 to 64 */
  uint32_t e[8];
  uint32_t s[8];
  for (size_t i = 0; i < 4; i++) {
    a[7 - i] = to[i] - from[i];
    e[7 - i] = to[4 + i] - from[4 + i];
  }
  for (size_t i = 4; i-- > 0;) {
    a[i] = e[i + 4] - a[i + 4] + second(a[i + 3], a[i + 2], a[i + 1]);
  }
  memcpy(s, from, sizeof s);
  for (size_t t = 0; t < 64; t++) {
    uint32_t t2 = second(s[0], s[1], s[2]);
    kw[t] = t < 56 ? bench_random32() : a[t - 56] - t2 - first(s);
    uint32_t t1 = first(s) + kw[t];
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[0] = t1 + t2;
    s[4] += t1;
  }
}

static void transform(uint32_t state[8], const uint8_t *blocks, size_t count)
{
  SHA256_CTX sha;
  SHA256_Init(&sha);
  for (size_t i = 0; i < 8; i++) {
    sha.h[i] = state[i];
  }
  for (size_t i = 0; i < count; i++) {
    SHA256_Transform(&sha, blocks + i * 64);
  }
  for (size_t i = 0; i < 8; i++) {
    state[i] = (uint32_t)sha.h[i];
  }
}

/* The only counter of the job is a hit exactly when its first word is at or below the target. */
static void assert_word(struct frank_bus *bus, struct bench_job *job, uint32_t word)
{
  static struct bench_found found;
  static uint32_t id;
  for (unsigned below = 0; below < 2 && word >= below; below++) {
    job->target = word - below;
    bench_start(bus, job, id);
    bench_collect(bus, id, &found);
    assert_int_equal(found.count, 1 - below);
    assert_int_equal(found.last, job->last);
    id = (id + 1) & FRANK_FPGA_REG_START_ID_ID_MASK;
  }
}

/* Blocks of the message from state `before`, which must give `after`. */
static void run_blocks(struct frank_bus *bus, const uint32_t before[8], const uint8_t *blocks,
                       size_t count, const uint32_t after[8])
{
  static struct bench_job job;
  uint32_t chain[8];
  uint32_t checked[8];
  bench_job_random(&job, 1, (unsigned)bench_below(15));
  job.first = job.last = bench_random32();
  bench_hash(&job, job.first, chain);
  steer(chain, before, job.kw[1]);
  memcpy(job.bytes + 128, blocks, count * 64);
  memset(job.bytes + 128 + count * 64, 0, 64);
  job.blocks = (unsigned)count + 3;
  for (unsigned block = 2; block < job.blocks; block++) {
    bench_job_schedule(&job, block);
  }
  memcpy(checked, after, sizeof checked);
  transform(checked, job.bytes + 128 + count * 64, 1);
  bench_load(bus, &job);
  assert_word(bus, &job, checked[0]);
  job.blocks--; /* the digest's own first word */
  assert_word(bus, &job, after[0]);
}

static size_t parse_hex(const char *text, uint8_t *out, size_t cap)
{
  size_t count = 0;
  for (; isxdigit((unsigned char)text[0]); text += 2) {
    char digits[3] = {text[0], text[1], '\0'};
    char *end = NULL;
    assert_true(count < cap);
    out[count++] = (uint8_t)strtoul(digits, &end, 16);
    assert_ptr_equal(end, digits + 2);
  }
  return count;
}

static void pad(struct vector *v, size_t len_bytes)
{
  uint64_t bits = (uint64_t)len_bytes * 8;
  v->blocks = (len_bytes + 9 + 63) / 64;
  memset(v->padded + len_bytes, 0, v->blocks * 64 - len_bytes);
  v->padded[len_bytes] = 0x80;
  for (size_t i = 0; i < 8; i++) {
    v->padded[v->blocks * 64 - 1 - i] = (uint8_t)(bits >> (8 * i));
  }
}

static void load_vectors(FILE *file, struct vector *vectors, size_t *count)
{
  static char line[2 * MESSAGE_BYTES_MAX + 64];
  struct vector *at = vectors;
  *count = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    uint8_t digest[32] = {0};
    if (strncmp(line, "Message: ", 9) == 0) {
      assert_true(*count < VECTORS_COUNT);
      at = &vectors[*count];
      const char *text = line[9] == '"' ? line + 10 : line + 9;
      pad(at, parse_hex(text, at->padded, MESSAGE_BYTES_MAX));
    } else if (strncmp(line, "Digest: ", 8) == 0) {
      assert_int_equal(parse_hex(line + 8, digest, sizeof digest), sizeof digest);
      for (size_t i = 0; i < 8; i++) {
        at->digest[i] = (uint32_t)digest[4 * i] << 24 | (uint32_t)digest[4 * i + 1] << 16 |
                        (uint32_t)digest[4 * i + 2] << 8 | digest[4 * i + 3];
      }
      ++*count;
    }
  }
}

static void run_vector(struct frank_bus *bus, const struct vector *v)
{
  uint32_t before[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (size_t done = 0; done < v->blocks; done += BLOCKS_AT_ONCE) {
    size_t count = v->blocks - done < BLOCKS_AT_ONCE ? v->blocks - done : BLOCKS_AT_ONCE;
    uint32_t after[8];
    memcpy(after, before, sizeof after);
    transform(after, v->padded + done * 64, count);
    run_blocks(bus, before, v->padded + done * 64, count,
               done + count == v->blocks ? v->digest : after);
    memcpy(before, after, sizeof before);
  }
}

static void nist_vectors_at_every_u(void **state)
{
  (void)state;
  static struct vector vectors[VECTORS_COUNT];
  size_t count = 0;
  unsigned unrolls[BENCH_UNROLLS_MAX];
  FILE *file = fopen(VECTORS, "re");
  if (file == NULL) {
    print_message("skipped: no %s (Debian package libcrypto++-utils)\n", VECTORS);
    skip();
  }
  load_vectors(file, vectors, &count);
  (void)fclose(file);
  assert_int_equal(count, VECTORS_COUNT);
  size_t unrolls_count = bench_unrolls(unrolls);
  for (size_t i = 0; i < unrolls_count; i++) {
    struct frank_bus *bus = bench_open(unrolls[i]);
    for (size_t j = 0; j < count; j++) {
      run_vector(bus, &vectors[j]);
    }
    print_message("U=%u: %zu vectors in %" PRIu64 " cycles\n", unrolls[i], count,
                  frank_sim_cycles(bus));
    bench_close(bus);
  }
}

int main(int argc, char **argv)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nist_vectors_at_every_u),
  };
  return BENCH_MAIN("hdl_cavp", argc, argv, tests);
}
