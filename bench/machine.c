#include "bench/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define FIELD "VmRSS:"

void bench_machine_describe(struct bench_machine *machine)
{
  struct utsname name;
  struct tm utc;
  time_t now = time(NULL);
  *machine = (struct bench_machine){.cpus = sysconf(_SC_NPROCESSORS_ONLN)};
  if (uname(&name) == 0) {
    (void)snprintf(machine->kernel, sizeof machine->kernel, "%.60s %.60s %.30s", name.sysname,
                   name.release, name.machine);
  }
  if (gmtime_r(&now, &utc)) {
    (void)strftime(machine->date, sizeof machine->date, "%Y-%m-%dT%H:%M:%SZ", &utc);
  }
  if (getloadavg(&machine->load, 1) != 1) {
    machine->load = 0;
  }
}

enum frank_err bench_memory_kib(pid_t pid, uint64_t *kib)
{
  char path[48];
  char line[256];
  (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
  FILE *file = fopen(path, "re");
  if (!file) {
    return FRANK_ERR_NOT_FOUND;
  }
  enum frank_err err = FRANK_ERR_NOT_FOUND;
  while (err != FRANK_OK && fgets(line, sizeof line, file)) {
    if (strncmp(line, FIELD, strlen(FIELD)) == 0) {
      *kib = strtoull(line + strlen(FIELD), NULL, 10); /* "   12345 kB" */
      err = FRANK_OK;
    }
  }
  (void)fclose(file);
  return err;
}
