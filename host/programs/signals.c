#include "programs/signals.h"

#include <stddef.h>

static const int ending[FRANK_SIGNALS_COUNT] = {SIGINT, SIGTERM, SIGHUP};

/* A signal handler has no other way to say it. */
static volatile sig_atomic_t caught;

static void take_note(int signal_number)
{
  caught = signal_number;
}

void frank_signals_list(int list[FRANK_SIGNALS_COUNT + 1])
{
  size_t count = 0;
  for (size_t i = 0; i < FRANK_SIGNALS_COUNT; i++) {
    struct sigaction action;
    if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
      list[count++] = ending[i];
    }
  }
  list[count] = 0;
}

void frank_signals_catch(struct sigaction old[FRANK_SIGNALS_COUNT])
{
  struct sigaction action = {.sa_handler = take_note};
  for (size_t i = 0; i < FRANK_SIGNALS_COUNT; i++) {
    if (sigaction(ending[i], NULL, &old[i]) == 0 && old[i].sa_handler != SIG_IGN) {
      sigaction(ending[i], &action, NULL);
    }
  }
}

int frank_signals_caught(void)
{
  return caught;
}

void frank_signals_restore(const struct sigaction old[FRANK_SIGNALS_COUNT])
{
  for (size_t i = 0; i < FRANK_SIGNALS_COUNT; i++) {
    sigaction(ending[i], &old[i], NULL);
  }
}

void frank_signals_end(int signal_number)
{
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}
