#include "faults.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 64

enum value { VALUE_NONE, VALUE_NUMBER, VALUE_TEXT };

static const struct {
  const char *name;
  enum value value;
} names[FAULT_COUNT] = {
    [FAULT_NO_PLATFORM] = {"none-platform", VALUE_NONE},
    [FAULT_NO_DEVICE] = {"no-device", VALUE_NONE},
    [FAULT_MANY_DEVICES] = {"many-devices", VALUE_NUMBER},
    [FAULT_CPU] = {"cpu", VALUE_NONE},
    [FAULT_PROBE_HANG] = {"probe-hang", VALUE_NONE},
    [FAULT_PROBE_CRASH] = {"probe-crash", VALUE_NONE},
    [FAULT_OLD] = {"old", VALUE_NONE},
    [FAULT_NO_COMPILER] = {"no-compiler", VALUE_NONE},
    [FAULT_UNAVAILABLE] = {"unavailable", VALUE_NONE},
    [FAULT_LONG_NAME] = {"long-name", VALUE_NONE},
    [FAULT_PCI] = {"pci", VALUE_TEXT},
    [FAULT_DRIVER] = {"driver", VALUE_TEXT},
    [FAULT_BUILD] = {"build", VALUE_NONE},
    [FAULT_BUILD_HANG] = {"build-hang", VALUE_NONE},
    [FAULT_BUILD_CRASH] = {"build-crash", VALUE_NONE},
    [FAULT_STALE_BINARY] = {"stale-binary", VALUE_NONE},
    [FAULT_HANG] = {"hang", VALUE_NONE},
    [FAULT_CRASH] = {"crash", VALUE_NONE},
    [FAULT_ABORT] = {"abort", VALUE_NONE},
    [FAULT_WRONG] = {"wrong", VALUE_NONE},
    [FAULT_MISS] = {"miss", VALUE_NONE},
    [FAULT_NOMEM] = {"nomem", VALUE_NONE},
    [FAULT_NOMEM_LAUNCH] = {"nomem-launch", VALUE_NONE},
    [FAULT_FAIL_EVENT] = {"fail-event", VALUE_NONE},
    [FAULT_NO_CALLBACK] = {"no-callback", VALUE_NONE},
    [FAULT_CALLBACK_FAILS] = {"callback-fails", VALUE_NONE},
    [FAULT_LATE] = {"late", VALUE_NONE},
    [FAULT_SLOW] = {"slow", VALUE_NUMBER},
};

static struct {
  unsigned long from; /* the first launch that has it; 0: none */
  unsigned long number;
  char text[TEXT_BYTES];
} asked[FAULT_COUNT];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_ulong launches;

static _Noreturn void refuse(const char *what)
{
  (void)fprintf(stderr, "fake OpenCL driver: FRANK_FAKE_CL: cannot read '%s'\n", what);
  abort();
}

static unsigned long number_of(const char *text, const char *whole)
{
  char *end;
  unsigned long number = strtoul(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0') {
    refuse(whole);
  }
  return number;
}

static void read_one(const char *whole)
{
  char copy[TEXT_BYTES];
  if (strlen(whole) >= sizeof copy) {
    refuse(whole);
  }
  memcpy(copy, whole, strlen(whole) + 1);
  char *from = strchr(copy, '@');
  if (from != NULL) {
    *from++ = '\0';
  }
  char *value = strchr(copy, '=');
  if (value != NULL) {
    *value++ = '\0';
  }
  for (size_t i = 0; i < FAULT_COUNT; i++) {
    if (strcmp(names[i].name, copy) != 0) {
      continue;
    }
    if ((names[i].value != VALUE_NONE) != (value != NULL)) {
      refuse(whole);
    }
    asked[i].from = from == NULL ? 1 : number_of(from, whole);
    if (value != NULL) {
      memcpy(asked[i].text, value, strlen(value) + 1);
      asked[i].number = names[i].value == VALUE_NUMBER ? number_of(value, whole) : 0;
    }
    return;
  }
  refuse(whole);
}

static void read_all(void)
{
  const char *given = getenv("FRANK_FAKE_CL");
  char copy[1024];
  char *rest = NULL;
  if (given == NULL) {
    return;
  }
  if (strlen(given) >= sizeof copy) {
    refuse(given);
  }
  memcpy(copy, given, strlen(given) + 1);
  for (char *one = strtok_r(copy, ",", &rest); one != NULL; one = strtok_r(NULL, ",", &rest)) {
    read_one(one);
  }
}

unsigned long fake_launch_new(void)
{
  return atomic_fetch_add(&launches, 1) + 1;
}

unsigned long fake_launch_last(void)
{
  unsigned long last = atomic_load(&launches);
  return last == 0 ? 1 : last;
}

bool fake_fault_in(enum fake_fault fault, unsigned long launch)
{
  (void)pthread_once(&once, read_all);
  return asked[fault].from != 0 && launch >= asked[fault].from;
}

bool fake_fault_now(enum fake_fault fault)
{
  return fake_fault_in(fault, atomic_load(&launches) + 1);
}

const char *fake_fault_text(enum fake_fault fault)
{
  (void)pthread_once(&once, read_all);
  return asked[fault].text;
}

unsigned long fake_fault_number(enum fake_fault fault)
{
  (void)pthread_once(&once, read_all);
  return asked[fault].number;
}

_Noreturn void fake_hang(void)
{
  for (;;) {
    (void)pause(); /* a signal that is handled does not end it */
  }
}

void fake_crash(void)
{
  (void)raise(SIGSEGV);
}
