/*
 * sha256: SHA-256 (FIPS 180-4) as far as the driver needs it, to check what a core says: from any
 * state, later blocks as K + W. Pure; no allocation.
 */
#ifndef FRANK_DRIVER_SHA256_H
#define FRANK_DRIVER_SHA256_H

#include <stdint.h>

struct frank_fpga_job;

/* K[t] + W[t] for t = 0..63 of a block's sixteen words (section 6.2.2, step 1). */
void frank_fpga_sha256_expand(const uint32_t words[16], uint32_t kw[64]);

/* One compression with ready K + W: state += rounds(state). Section 6.2.2, steps 2 to 4. */
void frank_fpga_sha256_rounds(uint32_t state[8], const uint32_t kw[64]);

/* First word of the hash of a job's message with this counter. */
uint32_t frank_fpga_sha256_word(const struct frank_fpga_job *job, uint32_t counter);

#endif
