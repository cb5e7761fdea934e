#include "bench/peer.h"

static const struct bench_peer peers[] = {
    {"hashcat", bench_peer_hashcat},
    {"openssl", bench_peer_openssl},
    {"openssl-raw", bench_peer_openssl_raw},
};

const struct bench_peer *bench_peer_at(size_t i)
{
  return i < sizeof peers / sizeof peers[0] ? &peers[i] : NULL;
}
