#include "bench/subject.h"

#include "bench/bench.h"
#include "bench/probe.h"
#include "engine/cpu/variant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISA_ALL "all"

/* Work in progress. */
struct resolving {
  const struct bench_options *options;
  struct bench_subjects *out;
  struct frank_device_info *list; /* of the engine at hand */
  size_t list_count;
  const char *isas[BENCH_NAMES_MAX]; /* checked; none: the engine chooses */
  size_t isa_count;
  char *why;
};

/* Appends to a text of BENCH_WHY_BYTES, as far as it has room. */
static void append(char *text, const char *separator, const char *word)
{
  size_t used = strlen(text);
  (void)snprintf(text + used, BENCH_WHY_BYTES - used, "%s%s", separator, word);
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

static enum frank_err check_isas(struct resolving *r)
{
  uint32_t features = frank_cpu_features();
  enum frank_err err = FRANK_OK;
  for (size_t i = 0; err == FRANK_OK && i < r->options->isa_count; i++) {
    const char *name = r->options->isas[i];
    const struct frank_cpu_variant *variant = NULL;
    char cause[FRANK_ENGINE_WHY_BYTES] = "";
    if (strcmp(name, ISA_ALL) == 0) {
      for (size_t k = 0; err == FRANK_OK && (variant = frank_cpu_variant_at(k)) != NULL; k++) {
        err = frank_cpu_variant_runs(variant, features) ? add_isa(r, variant->name) : FRANK_OK;
      }
      continue;
    }
    err = frank_cpu_variant_choose(name, features, &variant, cause);
    if (err != FRANK_OK) {
      (void)snprintf(r->why, BENCH_WHY_BYTES, "--isa %.40s: %s, all", name, cause);
      return err;
    }
    err = add_isa(r, variant->name);
  }
  return err;
}

/* ---- devices ---- */

static enum frank_err no_device(const struct resolving *r, const char *name, const char *remark)
{
  (void)snprintf(r->why, BENCH_WHY_BYTES, "--device: there is no \"%.40s\"; there are", name);
  size_t named = 0;
  for (size_t i = 0; frank_engine_at(i); i++) {
    const struct frank_engine *engine = frank_engine_at(i);
    if (frank_engine_is_test(engine)) {
      continue;
    }
    char cause[BENCH_WHY_BYTES] = "";
    struct frank_device_info *list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *list);
    size_t count = 0;
    if (list && bench_probe(engine, list, &count, cause) == FRANK_OK && count > 0) {
      append(r->why, named++ == 0 ? " " : ", ", engine->name);
      for (size_t k = 0; k < count; k++) {
        append(r->why, ", ", list[k].name);
      }
    }
    free(list);
  }
  if (named == 0) {
    append(r->why, " ", "none");
  }
  if (remark[0] != '\0') {
    append(r->why, "; ", remark);
  }
  return FRANK_ERR_NOT_FOUND;
}

/* Devices of one subject, one entry for each code path. */
static enum frank_err add_subject(struct resolving *r, const char *name,
                                  const struct frank_device_info *devices, size_t count)
{
  struct bench_subjects *out = r->out;
  bool has_isas = r->isa_count > 0 && strncmp(name, "cpu", 3) == 0;
  size_t entries = has_isas ? r->isa_count : 1;
  for (size_t i = 0; i < out->count; i++) {
    if (strcmp(out->subjects[i].name, name) == 0) {
      return FRANK_OK; /* named twice */
    }
  }
  if (out->count + entries > BENCH_SUBJECTS_MAX ||
      out->device_count + count > FRANK_ENGINE_DEVICES_MAX) {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "--device %.40s: too many devices at once", name);
    return FRANK_ERR_FULL;
  }
  memcpy(out->devices + out->device_count, devices, count * sizeof *devices);
  for (size_t i = 0; i < entries; i++) {
    struct bench_subject *subject = &out->subjects[out->count++];
    *subject = (struct bench_subject){.first = out->device_count, .count = count, .repeats = i > 0};
    (void)snprintf(subject->name, sizeof subject->name, "%s", name);
    (void)snprintf(subject->variant, sizeof subject->variant, "%s", has_isas ? r->isas[i] : "");
  }
  out->device_count += count;
  return FRANK_OK;
}

static enum frank_err add_named(struct resolving *r, const char *name)
{
  const struct frank_engine *engine = frank_engine_for(name);
  char remark[BENCH_WHY_BYTES] = "";
  if (!engine || strlen(name) >= sizeof r->list[0].name) {
    return no_device(r, name, "");
  }
  enum frank_err err = bench_probe(engine, r->list, &r->list_count, remark);
  if (err != FRANK_OK) {
    (void)snprintf(r->why, BENCH_WHY_BYTES, "%s", remark);
    return err;
  }
  if (strcmp(name, engine->name) == 0) {
    if (r->list_count == 0) {
      return no_device(r, name, remark);
    }
    err = add_subject(r, name, r->list, r->list_count);
    for (size_t i = 0;
         err == FRANK_OK && r->options->each && r->list_count > 1 && i < r->list_count; i++) {
      err = add_subject(r, r->list[i].name, &r->list[i], 1);
    }
    return err;
  }
  for (size_t i = 0; i < r->list_count; i++) {
    if (strcmp(r->list[i].name, name) == 0) {
      return add_subject(r, name, &r->list[i], 1);
    }
  }
  if (frank_engine_is_test(engine)) { /* faulty:wrong@5 is in no list; opening it will tell */
    struct frank_device_info info = {0};
    (void)snprintf(info.name, sizeof info.name, "%s", name);
    return add_subject(r, name, &info, 1);
  }
  return no_device(r, name, remark);
}

enum frank_err bench_subjects_resolve(const struct bench_options *options,
                                      struct bench_subjects *subjects, char *why)
{
  struct resolving r = {.options = options, .out = subjects, .why = why};
  *subjects = (struct bench_subjects){0};
  r.list = calloc(FRANK_ENGINE_DEVICES_MAX, sizeof *r.list);
  if (!r.list) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = check_isas(&r);
  if (err == FRANK_OK && options->device_count == 0) {
    err = add_named(&r, "cpu");
  }
  for (size_t i = 0; err == FRANK_OK && i < options->device_count; i++) {
    err = add_named(&r, options->devices[i]);
  }
  bool has_cpu = false;
  for (size_t i = 0; i < subjects->count; i++) {
    has_cpu = has_cpu || strncmp(subjects->subjects[i].name, "cpu", 3) == 0;
  }
  if (err == FRANK_OK && options->isa_count > 0 && !has_cpu) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--isa %.40s: no CPU device is measured",
                   options->isas[0]);
    err = FRANK_ERR_UNSUPPORTED;
  }
  free(r.list);
  return err;
}
