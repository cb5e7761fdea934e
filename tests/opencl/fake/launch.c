#include "fake.h"
#include "faults.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void wait_ms(unsigned long ms)
{
  struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&left, &left) != 0) {
  }
}

/* Adds to each slice's result a counter of its part that is not among the hits. */
static void spoil(const struct native_launch *launch)
{
  for (uint32_t p = 0; p < launch->part_count; p++) {
    struct frank_kernel_result *result = &launch->results[launch->parts[p].slice];
    uint32_t wrong = launch->parts[p].first;
    uint32_t at = result->hit_count < FRANK_KERNEL_HITS ? result->hit_count : 0;
    for (uint32_t i = 0; i < result->hit_count && i < FRANK_KERNEL_HITS; i++) {
      wrong += result->hits[i] == wrong;
    }
    result->hits[at] = wrong;
    result->hit_count = at + 1;
  }
}

static void search(const struct native_kernel *native, const struct native_launch *launch,
                   size_t groups)
{
  for (size_t group = 0; group < groups; group++) {
    for (size_t item = 0; item < launch->local_size; item++) {
      native->run(launch, group, item);
    }
  }
}

cl_int fake_launch(const struct fake_command *command)
{
  const struct fake_args *args = &command->args;
  const unsigned long number = command->number;
  const struct native_launch launch = {
      .slices = (const void *)args->buffer[ARG_SLICES]->data,
      .parts = (const void *)args->buffer[ARG_PARTS]->data,
      .part_count = args->number[ARG_PART_COUNT],
      .kw = (const void *)args->buffer[ARG_KW]->data,
      .results = (void *)args->buffer[ARG_RESULTS]->data,
      .next_group = (void *)args->buffer[ARG_NEXT_GROUP]->data,
      .item = command->kernel->program->item,
      .local_size = (uint32_t)command->local_size,
  };
  if (fake_fault_in(FAULT_SLOW, number)) {
    wait_ms(fake_fault_number(FAULT_SLOW));
  }
  if (fake_fault_in(FAULT_HANG, number)) {
    fake_hang();
  }
  if (fake_fault_in(FAULT_CRASH, number)) {
    fake_crash();
  }
  if (fake_fault_in(FAULT_ABORT, number)) {
    abort();
  }
  if (fake_fault_in(FAULT_FAIL_EVENT, number)) {
    return CL_OUT_OF_RESOURCES;
  }
  if (fake_fault_in(FAULT_MISS, number)) {
    return CL_COMPLETE; /* as if nothing had been found */
  }
  search(command->kernel->program->native, &launch, command->groups);
  if (fake_fault_in(FAULT_WRONG, number)) {
    spoil(&launch);
  }
  return CL_COMPLETE;
}
