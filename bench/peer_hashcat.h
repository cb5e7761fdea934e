/*
 * peer_hashcat: runs hashcat on this machine's cores. See peer.h.
 *
 * hashcat compiles its kernels at its first run, which takes half a minute, and keeps them in its
 * home. It gets one of its own: a folder below $TMPDIR that lives as long as this process, and is
 * removed by exit(). Nobody's ~/.hashcat is read or written.
 */
#ifndef FRANK_BENCH_PEER_HASHCAT_H
#define FRANK_BENCH_PEER_HASHCAT_H

#include "bench/peer.h"

/* As bench_peer_run. FRANK_ERR_NOT_FOUND: no hashcat in PATH, or no OpenCL for CPUs
 * (packages pocl-opencl-icd and ocl-icd-libopencl1). FRANK_ERR_UNSUPPORTED: b is longer than the
 * salts that it takes. */
FRANK_MUST_CHECK enum frank_err bench_peer_hashcat(const struct bench_peer_task *task,
                                                   struct bench_peer_result *out, char *why);

#endif
