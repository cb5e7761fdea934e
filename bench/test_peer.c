#include "bench/bench.h"
bool bench_is_stopping(void)
{
  return false;
}
int main(void)
{
  return 0;
}