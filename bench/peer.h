/*
 * peer: other programs that do the same work, run beside ours on the same cores: what a reader has
 * who does not use Frank.
 *
 * "openssl" hashes nonce || b of the shape's plan once for each attempt by SHA256(), the call that
 * programs use; the eight digits of the counter are written anew each time, and the first word of
 * the hash is looked at. "openssl-raw" does the same by SHA256_Init, _Update and _Final, which do
 * not look the algorithm up at every call. One process for each core, bound to it.
 *
 * "hashcat" searches candidates of 16 characters with b as the salt (-m 1410, sha256($pass.$salt))
 * on the CPU by OpenCL. Its candidates are as long as they are: Ed25519 is 2 blocks, as ours;
 * RSA-1024 is 16 + 172 + 9 = 197 bytes, 4 blocks, where our nonce of 11 digits makes do with 3. It
 * takes no salt above 256 characters, so no RSA-2048.
 *
 * All run at the nice value of our workers. hashcat's compiled kernels are kept in a folder below
 * $TMPDIR (/tmp) as long as this process lives, so that only its first run compiles; exit() removes
 * it.
 */
#ifndef FRANK_BENCH_PEER_H
#define FRANK_BENCH_PEER_H

#include "base/err.h"
#include "bench/shape.h"
#include "engine/engine.h"

#include <stddef.h>
#include <stdint.h>

struct bench_peer_task {
  const struct bench_shape *shape;
  uint32_t seconds;                        /* 1 or more; start and compilation do not count */
  const struct frank_device_info *devices; /* the cores to run on, as the CPU engine names them */
  size_t device_count;                     /* 1..FRANK_ENGINE_DEVICES_MAX */
};

struct bench_peer_result {
  double rate_hps; /* attempts per second of all cores together */
  char what[96];   /* version and mode, for people: "OpenSSL 3.0.17, SHA256()" */
};

struct bench_peer {
  const char *name; /* "hashcat", "openssl", "openssl-raw" */
  /* Runs it on all these cores at once. FRANK_ERR_NOT_FOUND: not installed. FRANK_ERR_UNSUPPORTED:
   * it cannot take this shape. FRANK_ERR_DEVICE: it failed, or said what cannot be understood.
   * FRANK_ERR_TIMEOUT; FRANK_ERR_CLOSED (asked to stop); FRANK_ERR_IO; FRANK_ERR_NOMEM. `why`
   * (BENCH_WHY_BYTES) names the cause. No process is left. */
  enum frank_err (*run)(const struct bench_peer_task *task, struct bench_peer_result *out,
                        char *why);
};

/* The i-th peer, NULL past the end. */
const struct bench_peer *bench_peer_at(size_t i);

/* ---- for the files of this module: one for each program ---- */

/* hashcat compiles its kernels at its first run, which takes half a minute, and keeps them in its
 * home: a folder of ours, so that nobody's ~/.hashcat is read or written. */
FRANK_MUST_CHECK enum frank_err bench_peer_hashcat(const struct bench_peer_task *task,
                                                   struct bench_peer_result *out, char *why);
/* By SHA256(), which fetches its algorithm at each call. */
FRANK_MUST_CHECK enum frank_err bench_peer_openssl(const struct bench_peer_task *task,
                                                   struct bench_peer_result *out, char *why);
/* By SHA256_Init, _Update, _Final: deprecated since OpenSSL 3.0, and without that fetch. */
FRANK_MUST_CHECK enum frank_err bench_peer_openssl_raw(const struct bench_peer_task *task,
                                                       struct bench_peer_result *out, char *why);

#endif
