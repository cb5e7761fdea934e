/*
 * peer_openssl: one-shot hashing by OpenSSL's libcrypto, the only file that calls it. See peer.h.
 */
#ifndef FRANK_BENCH_PEER_OPENSSL_H
#define FRANK_BENCH_PEER_OPENSSL_H

#include "bench/peer.h"

/* By SHA256(), which fetches its algorithm at each call. */
FRANK_MUST_CHECK enum frank_err bench_peer_openssl(const struct bench_peer_task *task,
                                                   struct bench_peer_result *out, char *why);
/* By SHA256_Init, _Update, _Final: deprecated since OpenSSL 3.0, and without that fetch. */
FRANK_MUST_CHECK enum frank_err bench_peer_openssl_raw(const struct bench_peer_task *task,
                                                       struct bench_peer_result *out, char *why);

#endif
