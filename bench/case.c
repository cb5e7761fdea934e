#include "bench/case.h"

/* The daemon next to the engines, and these next to the peers: what is compared is near in time. */
static const struct bench_case *const cases[] = {&bench_case_daemon, &bench_case_engines,
                                                 &bench_case_peers, &bench_case_stamps};

const struct bench_case *bench_case_at(size_t i)
{
  return i < sizeof cases / sizeof cases[0] ? cases[i] : NULL;
}
