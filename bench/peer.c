#include "bench/peer.h"

#include "bench/peer_hashcat.h"
#include "bench/peer_openssl.h"

static const struct bench_peer peers[] = {
    {"hashcat", "hashcat -m 1410", bench_peer_hashcat},
    {"openssl", "OpenSSL SHA256()", bench_peer_openssl},
    {"openssl-raw", "OpenSSL SHA256_Init...Final", bench_peer_openssl_raw},
};

const struct bench_peer *bench_peer_at(size_t i)
{
  return i < sizeof peers / sizeof peers[0] ? &peers[i] : NULL;
}
