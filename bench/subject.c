#include "bench/subject.h"

#include "bench/bench.h"
#include "bench/crew.h"
#include "engine/cpu/variant.h"
#include "engine/unroll.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISA_ALL "all"
#define CPU     "cpu"

/* What an engine says of its devices. */
struct listing {
  uint32_t count;
  char remark[FRANK_ENGINE_WHY_BYTES];
  struct frank_device_info devices[FRANK_ENGINE_DEVICES_MAX];
};

/* Work in progress. */
struct resolving {
  const struct bench_options *options;
  struct bench_subjects *out;
  const struct frank_engine *listed; /* the engine at hand; NULL: none yet */
  struct listing list;               /* of it */
  const char *isas[BENCH_NAMES_MAX]; /* those that the engine at hand has; none: it chooses */
  size_t isa_count;
  bool isa_taken[BENCH_NAMES_MAX]; /* of the options' names: an engine has it */
  char refusals[BENCH_WHY_BYTES];  /* what engines said of names that they do not have */
  char *why;
};

/* "cpu" or "cpu:0". */
static bool is_cpu(const char *name)
{
  return strncmp(name, CPU, 3) == 0 && (name[3] == '\0' || name[3] == ':');
}

/* Appends to a text of BENCH_WHY_BYTES, as far as it has room. */
static void append(char *text, const char *separator, const char *word)
{
  size_t used = strlen(text);
  (void)snprintf(text + used, BENCH_WHY_BYTES - used, "%s%s", separator, word);
}

/* ---- asking engines, each time in a process of its own ---- */

static enum frank_err probe(void *arg, size_t member, uint32_t seconds, void *result, char *why)
{
  const struct frank_engine *const *engine = arg;
  struct listing *list = result;
  size_t count = 0;
  (void)member;
  (void)seconds;
  enum frank_err err =
      (*engine)->probe(list->devices, FRANK_ENGINE_DEVICES_MAX, &count, list->remark);
  list->count = (uint32_t)count;
  (void)snprintf(why, BENCH_WHY_BYTES, "%s", list->remark);
  return err;
}

static bool is_part_of_engine(const struct frank_device_info *device)
{
  return device->on_demand != FRANK_DEMAND_NAME;
}

/* Asks once: second threads of cores are used by measurement, which may not come out the same. */
static enum frank_err list_devices(struct resolving *r, const struct frank_engine *engine)
{
  struct frank_device_info self = {0};
  if (r->listed == engine) {
    return FRANK_OK;
  }
  r->listed = NULL;
  (void)snprintf(self.name, sizeof self.name, "%s", engine->name);
  const struct bench_crew_work work = {.name = "looking for devices",
                                       .devices = &self,
                                       .members = 1,
                                       .binds_itself = true,
                                       .run = probe,
                                       .arg = &engine,
                                       .result_bytes = sizeof r->list};
  enum frank_err err = bench_crew_run(&work, NULL, &r->list, r->why);
  if (err != FRANK_OK) {
    return err;
  }
  r->listed = engine;
  bool is_first = is_cpu(engine->name) && r->out->cpu_count == 0;
  for (size_t i = 0; is_first && i < r->list.count; i++) {
    if (r->list.devices[i].on_demand == FRANK_DEMAND_USUAL) {
      r->out->cpus[r->out->cpu_count++] = r->list.devices[i];
    }
  }
  return FRANK_OK;
}

struct opening {
  const char *device;
  struct frank_engine_options options;
};

static enum frank_err open_and_close(void *arg, size_t member, uint32_t seconds, void *result,
                                     char *why)
{
  const struct opening *opening = arg;
  const struct frank_engine *engine = NULL;
  struct frank_engine_ctx *ctx = NULL;
  (void)member;
  (void)seconds;
  enum frank_err err =
      frank_engine_open(opening->device, &opening->options, &engine, &ctx, result, why);
  if (err == FRANK_OK) {
    engine->close(&ctx);
  }
  return err;
}

/* Opens a device by this code path (NULL: by the one that its engine chooses). *info is of the open
 * device. */
static enum frank_err open_once(struct resolving *r, const struct frank_device_info *device,
                                const char *variant, struct frank_device_info *info)
{
  const struct frank_device_info copy = *device; /* *info may be the same */
  struct opening opening = {
      .device = copy.name,
      .options = {.variant = variant,
                  .bind = true,
                  .cache_dir = r->out->cache_dir[0] != '\0' ? r->out->cache_dir : NULL}};
  const struct bench_crew_work work = {.name = "opening",
                                       .devices = &copy,
                                       .members = 1,
                                       .binds_itself = true,
                                       .run = open_and_close,
                                       .arg = &opening,
                                       .result_bytes = sizeof *info};
  return bench_crew_run(&work, NULL, info, r->why);
}

/* ---- code paths ---- */

static enum frank_err add_isa(struct resolving *r, const char *name)
{
  for (size_t i = 0; i < r->isa_count; i++) {
    if (strcmp(r->isas[i], name) == 0) {
      return FRANK_OK;
    }
  }
  if (r->isa_count == BENCH_NAMES_MAX) {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "--isa: more than %d", BENCH_NAMES_MAX);
    return FRANK_ERR_FULL;
  }
  r->isas[r->isa_count++] = name;
  return FRANK_OK;
}

/* Names that belong to the CPU engine, whether or not this machine can run them. */
static bool is_of_cpu(const char *isa)
{
  bool known = strcmp(isa, ISA_ALL) == 0;
  for (size_t i = 0; !known && frank_cpu_variant_at(i); i++) {
    known = strcmp(frank_cpu_variant_at(i)->name, isa) == 0;
  }
  return known;
}

static void note_refusal(struct resolving *r, const char *cause, const char *more)
{
  if (!strstr(r->refusals, cause)) { /* with --each every device is asked */
    append(r->refusals, r->refusals[0] != '\0' ? "; " : "", cause);
    append(r->refusals, "", more);
  }
}

static enum frank_err add_cpu_isa(struct resolving *r, const char *name)
{
  uint32_t features = frank_cpu_features();
  const struct frank_cpu_variant *variant = NULL;
  char cause[FRANK_ENGINE_WHY_BYTES] = "";
  enum frank_err err = FRANK_OK;
  if (strcmp(name, ISA_ALL) == 0) {
    for (size_t k = 0; err == FRANK_OK && (variant = frank_cpu_variant_at(k)) != NULL; k++) {
      err = frank_cpu_variant_runs(variant, features) ? add_isa(r, variant->name) : FRANK_OK;
    }
    return err;
  }
  err = frank_cpu_variant_choose(name, features, &variant, cause);
  if (err != FRANK_OK) {
    note_refusal(r, cause, ", all");
    return err;
  }
  return add_isa(r, variant->name);
}

/* Other engines are asked by opening a device so: theirs is no list of names. */
static enum frank_err add_other_isa(struct resolving *r, const char *name,
                                    const struct frank_device_info *device)
{
  struct frank_device_info info;
  enum frank_err err = is_of_cpu(name) ? FRANK_ERR_UNSUPPORTED : open_once(r, device, name, &info);
  if (err == FRANK_ERR_UNSUPPORTED && !is_of_cpu(name)) {
    note_refusal(r, r->why, "");
  }
  return err == FRANK_OK ? add_isa(r, name) : err;
}

/* Of the names of --isa those that the engine of this device has. */
static enum frank_err find_isas(struct resolving *r, const struct frank_device_info *device)
{
  enum frank_err err = FRANK_OK;
  r->isa_count = 0;
  if (frank_engine_is_test(frank_engine_for(device->name))) {
    return FRANK_OK;
  }
  for (size_t i = 0; i < r->options->isa_count; i++) {
    const char *name = r->options->isas[i];
    err = is_cpu(device->name) ? add_cpu_isa(r, name) : add_other_isa(r, name, device);
    if (err != FRANK_OK && err != FRANK_ERR_UNSUPPORTED) {
      return err;
    }
    r->isa_taken[i] = r->isa_taken[i] || err == FRANK_OK;
  }
  return FRANK_OK;
}

/* Names of --isa that --fpga-unroll gives as well. */
static bool is_of_fpga(const char *isa)
{
  unsigned unroll = 0;
  return isa[0] == 'u' && frank_unroll_parse(isa + 1, &unroll);
}

static bool has_fpga(const struct bench_options *options)
{
  bool has = false;
  for (size_t i = 0; i < options->device_count; i++) {
    const char *name = options->devices[i];
    has = has || (strcspn(name, ":") == 4 && strncmp(name, "fpga", 4) == 0);
  }
  return has;
}

/* A name that nothing here has was meant for something. */
static enum frank_err check_isas(struct resolving *r, bool has_cpu)
{
  for (size_t i = 0; i < r->options->isa_count; i++) {
    const char *name = r->options->isas[i];
    if (r->isa_taken[i]) {
      continue;
    }
    if (is_of_cpu(name) && !has_cpu) {
      (void)snprintf(r->why, BENCH_WHY_BYTES, "--isa %.40s: no CPU device is measured", name);
    } else if (is_of_fpga(name) && !has_fpga(r->options)) {
      (void)snprintf(r->why, BENCH_WHY_BYTES,
                     "--fpga-unroll %.40s (--isa %.40s): no FPGA device is measured", name + 1,
                     name);
    } else {
      (void)snprintf(r->why, BENCH_WHY_BYTES, "--isa %.40s: %.440s", name,
                     r->refusals[0] != '\0' ? r->refusals : "no device here has code paths");
    }
    return FRANK_ERR_UNSUPPORTED;
  }
  return FRANK_OK;
}

/* ---- devices ---- */

static enum frank_err no_device(struct resolving *r, const char *name)
{
  char text[BENCH_WHY_BYTES];
  (void)snprintf(text, sizeof text, "--device: there is no \"%.40s\"; there are", name);
  size_t named = 0;
  for (size_t i = 0; frank_engine_at(i); i++) {
    const struct frank_engine *engine = frank_engine_at(i);
    if (frank_engine_is_test(engine) || list_devices(r, engine) != FRANK_OK || r->list.count == 0) {
      continue;
    }
    append(text, named++ == 0 ? " " : ", ", engine->name);
    for (size_t k = 0; k < r->list.count; k++) {
      append(text, ", ", r->list.devices[k].name);
    }
  }
  if (named == 0) {
    append(text, " ", "none");
  }
  (void)snprintf(r->why, BENCH_WHY_BYTES, "%s", text);
  return FRANK_ERR_NOT_FOUND;
}

/* An engine that was named has no device, and may say why. */
static enum frank_err no_devices(struct resolving *r, const char *name)
{
  char remark[FRANK_ENGINE_WHY_BYTES];
  (void)snprintf(remark, sizeof remark, "%s", r->list.remark);
  enum frank_err err = no_device(r, name);
  if (remark[0] != '\0') {
    append(r->why, "; ", remark);
  }
  return err;
}

/* Which of `r->isas` the engine would choose for this device; the first where it chooses another.
 */
static enum frank_err find_leader(struct resolving *r, const struct frank_device_info *device,
                                  char *variant, size_t size)
{
  struct frank_device_info info;
  if (r->isa_count == 1) {
    (void)snprintf(variant, size, "%s", r->isas[0]);
    return FRANK_OK;
  }
  enum frank_err err = open_once(r, device, NULL, &info);
  if (err != FRANK_OK) {
    return err;
  }
  bool is_asked_for = r->isa_count == 0;
  for (size_t i = 0; i < r->isa_count; i++) {
    is_asked_for = is_asked_for || strcmp(r->isas[i], info.variant) == 0;
  }
  (void)snprintf(variant, size, "%s", is_asked_for ? info.variant : r->isas[0]);
  return FRANK_OK;
}

/* Devices that tune at first use do it now, one after the other, and keep it: with --each, or
 * named twice, not again. Forcing what was tuned would leave out what no code path names: how large
 * their work-groups are. */
static enum frank_err tune(struct resolving *r, struct frank_device_info *devices, size_t count)
{
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < count; i++) {
    const struct frank_device_info *known = NULL;
    for (size_t k = 0; k < r->out->device_count && !known; k++) {
      bool is_same = strcmp(r->out->devices[k].name, devices[i].name) == 0;
      known = is_same ? &r->out->devices[k] : NULL;
    }
    if (known) {
      devices[i] = *known;
    } else {
      err = open_once(r, &devices[i], NULL, &devices[i]);
    }
  }
  return err;
}

/* Which code path a frankd with these devices takes; empty: their own, which may differ. */
static enum frank_err prepare(struct resolving *r, struct frank_device_info *devices, size_t count,
                              char *leader, size_t size)
{
  leader[0] = '\0';
  enum frank_err err = find_isas(r, &devices[0]);
  if (err != FRANK_OK || frank_engine_is_test(frank_engine_for(devices[0].name))) {
    return err;
  }
  if (r->isa_count > 0 || is_cpu(devices[0].name)) {
    return find_leader(r, &devices[0], leader, size);
  }
  return tune(r, devices, count);
}

static bool are_on_cores(const struct frank_device_info *devices, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    bool shares = devices[i].on_demand == FRANK_DEMAND_ENGINE && !devices[i].simulated;
    if (!is_cpu(devices[i].name) && !shares) {
      return false;
    }
  }
  return true;
}

/* Devices of one subject, one entry for each code path. */
static enum frank_err add_subject(struct resolving *r, const char *name,
                                  struct frank_device_info *devices, size_t count)
{
  struct bench_subjects *out = r->out;
  char leader[sizeof out->subjects[0].variant];
  for (size_t i = 0; i < out->count; i++) {
    if (strcmp(out->subjects[i].name, name) == 0) {
      return FRANK_OK; /* named twice */
    }
  }
  enum frank_err err = prepare(r, devices, count, leader, sizeof leader);
  if (err != FRANK_OK) {
    return err;
  }
  size_t entries = r->isa_count > 0 ? r->isa_count : 1;
  if (out->count + entries > BENCH_SUBJECTS_MAX ||
      out->device_count + count > FRANK_ENGINE_DEVICES_MAX) {
    (void)snprintf(r->why, BENCH_WHY_BYTES,
                   "%.95s finds no room: more than %d devices and code paths, or %d devices; fewer "
                   "--device or --isa, or no --each",
                   name, BENCH_SUBJECTS_MAX, FRANK_ENGINE_DEVICES_MAX);
    return FRANK_ERR_FULL;
  }
  memcpy(out->devices + out->device_count, devices, count * sizeof *devices);
  for (size_t i = 0; i < entries; i++) {
    struct bench_subject *subject = &out->subjects[out->count++];
    const char *variant = r->isa_count > 0 ? r->isas[i] : leader;
    *subject = (struct bench_subject){.first = out->device_count,
                                      .count = count,
                                      .leads = strcmp(variant, leader) == 0,
                                      .on_cores = are_on_cores(devices, count)};
    (void)snprintf(subject->name, sizeof subject->name, "%s", name);
    (void)snprintf(subject->variant, sizeof subject->variant, "%s", variant);
  }
  out->device_count += count;
  return FRANK_OK;
}

/* All devices of an engine at once, and with --each one by one. */
static enum frank_err add_engine(struct resolving *r, const char *name)
{
  struct frank_device_info *used = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *used);
  size_t count = 0;
  if (!used) {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  for (size_t i = 0; i < r->list.count; i++) {
    if (is_part_of_engine(&r->list.devices[i])) {
      used[count++] = r->list.devices[i];
    }
  }
  enum frank_err err = count > 0 ? add_subject(r, name, used, count) : no_devices(r, name);
  for (size_t i = 0; err == FRANK_OK && r->options->each && count > 1 && i < count; i++) {
    err = add_subject(r, used[i].name, &used[i], 1);
  }
  free(used);
  return err;
}

static enum frank_err add_named(struct resolving *r, const char *name)
{
  const struct frank_engine *engine = frank_engine_for(name);
  if (!engine || strlen(name) >= sizeof r->list.devices[0].name) {
    return no_device(r, name);
  }
  enum frank_err err = list_devices(r, engine);
  if (err != FRANK_OK) {
    return err;
  }
  if (strcmp(name, engine->name) == 0) {
    return add_engine(r, name);
  }
  for (size_t i = 0; i < r->list.count; i++) {
    if (strcmp(r->list.devices[i].name, name) == 0) {
      return add_subject(r, name, &r->list.devices[i], 1);
    }
  }
  struct frank_device_info named;
  if (engine->by_name != NULL) {
    char cause[FRANK_ENGINE_WHY_BYTES] = "";
    if (engine->by_name(name, &named, cause) == FRANK_OK) {
      return add_subject(r, name, &named, 1);
    }
    (void)snprintf(r->list.remark, sizeof r->list.remark, "%s", cause);
    return no_devices(r, name);
  }
  if (frank_engine_is_test(engine)) { /* faulty:wrong@5 is in no list; opening it will tell */
    struct frank_device_info info = {0};
    (void)snprintf(info.name, sizeof info.name, "%s", name);
    return add_subject(r, name, &info, 1);
  }
  return no_devices(r, name);
}

static enum frank_err resolve(struct resolving *r)
{
  const struct bench_options *options = r->options;
  bool has_cpu = options->device_count == 0;
  enum frank_err err = has_cpu ? add_named(r, CPU) : FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < options->device_count; i++) {
    err = add_named(r, options->devices[i]);
    has_cpu = has_cpu || is_cpu(options->devices[i]);
  }
  if (err == FRANK_OK) {
    err = check_isas(r, has_cpu);
  }
  if (err == FRANK_OK && options->peers && r->out->cpu_count == 0) {
    err = list_devices(r, frank_engine_for(CPU));
  }
  return err;
}

enum frank_err bench_subjects_resolve(const struct bench_options *options,
                                      struct bench_subjects *subjects, char *why)
{
  struct resolving *r = calloc(1, sizeof *r);
  *subjects = (struct bench_subjects){0};
  if (!r) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  r->options = options;
  r->out = subjects;
  r->why = why;
  enum frank_err err = frank_cache_dir(subjects->cache_dir, sizeof subjects->cache_dir);
  (void)err; /* without one everything works, but tunes at every opening: run.c says so */
  err = resolve(r);
  free(r);
  return err;
}
