/*
 * Searches a message for counters with a small hash, on the core behind HOST:PORT:
 *
 *     search 127.0.0.1:4660
 */
#include "driver/bus_tcp.h"
#include "driver/core.h"
#include "driver/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The hash of a message of two blocks that begins with the counter's 8 digits, from SHA-256's
 * initial value. `kw` is where K + W of the second block goes. */
static struct frank_fpga_job make_job(const char text[128], uint32_t kw[64])
{
  struct frank_fpga_job job = {
      .init = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
               0x5be0cd19},
      .kw = kw,
      .blocks = 2,
      .counter_word = 0,
      .bound = 0x000fffff, /* one in 4096 */
      .first = 0,
      .count = 8192,
  };
  uint32_t words[32];
  for (size_t i = 0; i < 32; i++) {
    const unsigned char *at = (const unsigned char *)text + 4 * i;
    words[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
  memcpy(job.block, words, sizeof job.block);
  frank_fpga_sha256_expand(words + 16, kw);
  return job;
}

int main(int argc, char **argv)
{
  char why[FRANK_FPGA_WHY_BYTES];
  struct frank_bus *bus;
  struct frank_fpga *core;
  struct frank_fpga_result result;
  uint32_t kw[64];
  char text[128] = "00000000"; /* the counter's place, and 120 bytes of a message */
  struct frank_fpga_job job = make_job(text, kw);

  if (argc != 2) {
    (void)fprintf(stderr, "usage: search HOST:PORT\n");
    return 2;
  }
  /* The bus belongs to the core from frank_fpga_open on. */
  if (frank_bus_tcp_open(argv[1], NULL, &bus, why) != FRANK_FPGA_OK ||
      frank_fpga_open(bus, NULL, &core, why) != FRANK_FPGA_OK) {
    (void)fprintf(stderr, "search: %s\n", why);
    return 1;
  }
  (void)printf("a core of %u rounds per cycle, %u blocks at most\n",
               frank_fpga_params(core)->unroll, frank_fpga_params(core)->blocks_max);
  enum frank_fpga_err err = frank_fpga_search(core, &job, 1, &result);
  if (err != FRANK_FPGA_OK) {
    (void)fprintf(stderr, "search: %s\n", frank_fpga_failure(core));
  } else {
    (void)printf("%" PRIu64 " counters in %" PRIu64 " cycles\n", result.attempts, result.cycles);
    for (uint32_t i = 0; i < result.hit_count; i++) {
      (void)printf("hit %08" PRIx32 "\n", result.hits[i]);
    }
  }
  frank_fpga_close(&core);
  return err == FRANK_FPGA_OK ? 0 : 1;
}
