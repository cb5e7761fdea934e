#include "bench/machine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

#define CPU_FOLDER "/sys/devices/system/cpu/"
#define LINE_BYTES 4096
#define CACHES_MAX 8
#define BUSY_LOAD  0.25

/* The first line of a file of the kernel's, without its end; false where there is none. */
static bool read_line(const char *path, char *text, size_t size)
{
  FILE *file = fopen(path, "re");
  text[0] = '\0';
  if (!file) {
    return false;
  }
  bool found = fgets(text, (int)size, file) != NULL;
  (void)fclose(file);
  text[strcspn(text, "\n")] = '\0';
  return found && text[0] != '\0';
}

/* The value of the first "NAME : value" or "NAME: value" of a file. */
static bool read_field(const char *path, const char *name, char *value, size_t size)
{
  char line[LINE_BYTES];
  FILE *file = fopen(path, "re");
  bool found = false;
  value[0] = '\0';
  while (file && !found && fgets(line, sizeof line, file)) {
    size_t len = strlen(name);
    const char *colon = strchr(line, ':');
    if (colon && strncmp(line, name, len) == 0 && strspn(line + len, " \t:") > 0) {
      const char *start = colon + 1 + strspn(colon + 1, " \t");
      (void)snprintf(value, size, "%.*s", (int)strcspn(start, "\n"), start);
      found = true;
    }
  }
  if (file) {
    (void)fclose(file);
  }
  return found;
}

/* A core's first thread is the one that leads the list of its siblings ("0,64" or "0-1"). */
static uint32_t count_cores(long threads)
{
  uint32_t cores = 0;
  for (long i = 0; i < threads; i++) {
    char path[128];
    char list[128];
    (void)snprintf(path, sizeof path, CPU_FOLDER "cpu%ld/topology/thread_siblings_list", i);
    cores += read_line(path, list, sizeof list) && strtol(list, NULL, 10) == i;
  }
  return cores;
}

static uint32_t count_nodes(void)
{
  uint32_t nodes = 0;
  DIR *dir = opendir("/sys/devices/system/node");
  const struct dirent *entry = NULL;
  while (dir && (entry = readdir(dir)) != NULL) {
    nodes += strncmp(entry->d_name, "node", 4) == 0 && entry->d_name[4] >= '0' &&
             entry->d_name[4] <= '9';
  }
  if (dir) {
    closedir(dir);
  }
  return nodes;
}

static void describe_caches(char *text, size_t size)
{
  size_t used = 0;
  text[0] = '\0';
  for (unsigned i = 0; i < CACHES_MAX; i++) {
    static const char *const fields[] = {"level", "type", "size"};
    char values[3][32];
    for (size_t k = 0; k < 3; k++) {
      char path[128];
      (void)snprintf(path, sizeof path, CPU_FOLDER "cpu0/cache/index%u/%s", i, fields[k]);
      if (!read_line(path, values[k], sizeof values[k])) {
        return;
      }
    }
    const char *type = values[1][0] == 'D' ? "d" : values[1][0] == 'I' ? "i" : "";
    unsigned long kib = strtoul(values[2], NULL, 10); /* "32K" */
    bool whole = kib >= 1024 && kib % 1024 == 0;
    int more = snprintf(text + used, size - used, "%sL%.2s%s %lu %s", used > 0 ? ", " : "",
                        values[0], type, whole ? kib / 1024 : kib, whole ? "MiB" : "KiB");
    if (more < 0 || (size_t)more >= size - used) {
      text[used] = '\0';
      return;
    }
    used += (size_t)more;
  }
}

/* intel_pstate says when turbo is off, others when boost is on. */
static void describe_clock(struct bench_machine *machine)
{
  static const struct {
    const char *path;
    char on;
  } switches[] = {{CPU_FOLDER "intel_pstate/no_turbo", '0'}, {CPU_FOLDER "cpufreq/boost", '1'}};
  char value[16];
  (void)read_line(CPU_FOLDER "cpu0/cpufreq/scaling_governor", machine->governor,
                  sizeof machine->governor);
  for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
    if (read_line(switches[i].path, value, sizeof value)) {
      (void)snprintf(machine->turbo, sizeof machine->turbo, "%s",
                     value[0] == switches[i].on ? "on" : "off");
      return;
    }
  }
}

/* The hypervisor bit of CPUID shows in the flags; other machines tell by a folder, or not at all.
 */
static void describe_host(struct bench_machine *machine)
{
  char flags[LINE_BYTES];
  char line[64];
  if (read_field("/proc/cpuinfo", "flags", flags, sizeof flags)) {
    (void)snprintf(machine->host, sizeof machine->host, "%s",
                   strstr(flags, " hypervisor") ? "virtual" : "physical");
  } else if (read_line("/sys/hypervisor/type", line, sizeof line)) {
    (void)snprintf(machine->host, sizeof machine->host, "virtual");
  }
}

void bench_machine_describe(struct bench_machine *machine)
{
  struct utsname name;
  struct tm utc;
  char value[96];
  time_t now = time(NULL);
  long threads = sysconf(_SC_NPROCESSORS_ONLN);
  *machine = (struct bench_machine){.threads = threads > 0 ? (uint32_t)threads : 0};
  (void)snprintf(machine->version, sizeof machine->version, "%s", FRANK_VERSION);
  (void)snprintf(machine->compiler, sizeof machine->compiler, "%.60s", COMPILER);
  machine->cores = count_cores(sysconf(_SC_NPROCESSORS_CONF));
  machine->numa_nodes = count_nodes();
  if (read_field("/proc/meminfo", "MemTotal", value, sizeof value)) {
    machine->memory_mib = strtoull(value, NULL, 10) / 1024;
  }
  (void)read_field("/proc/cpuinfo", "model name", machine->cpu, sizeof machine->cpu);
  describe_caches(machine->caches, sizeof machine->caches);
  describe_clock(machine);
  describe_host(machine);
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

bool bench_machine_was_busy(const struct bench_machine *machine)
{
  return machine->load >= BUSY_LOAD;
}

enum frank_err bench_memory_kib(pid_t pid, uint64_t *kib)
{
  char path[48];
  char value[64];
  (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
  if (!read_field(path, "VmRSS", value, sizeof value)) {
    return FRANK_ERR_NOT_FOUND;
  }
  *kib = strtoull(value, NULL, 10); /* "   12345 kB" */
  return FRANK_OK;
}
