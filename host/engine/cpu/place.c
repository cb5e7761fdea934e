/*
 * place: hwloc behind a few functions.
 */
#include "engine/cpu/place.h"

#include "engine/engine.h"
#include "engine/topology.h"

#include <assert.h>
#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frank_places {
  hwloc_topology_t topology;
  hwloc_obj_type_t type; /* HWLOC_OBJ_CORE; HWLOC_OBJ_PU where the system tells of no cores */
  size_t cores;
  size_t siblings;
};

/* ---- looking ---- */

static hwloc_obj_t core_at(const struct frank_places *places, size_t i)
{
  assert(i < places->cores);
  hwloc_obj_t core = hwloc_get_obj_by_type(places->topology, places->type, (unsigned)i);
  assert(core != NULL);
  return core;
}

/* The first and second hardware thread of a core that may be used, in the system's numbers; -1:
 * there is none. */
static int first_thread(hwloc_obj_t core)
{
  return hwloc_bitmap_first(core->cpuset);
}

static int second_thread(hwloc_obj_t core)
{
  return hwloc_bitmap_next(core->cpuset, first_thread(core));
}

static enum frank_err count_places(struct frank_places *places, char *why)
{
  places->type = HWLOC_OBJ_CORE;
  int count = hwloc_get_nbobjs_by_type(places->topology, HWLOC_OBJ_CORE);
  if (count <= 0) {
    places->type = HWLOC_OBJ_PU;
    count = hwloc_get_nbobjs_by_type(places->topology, HWLOC_OBJ_PU);
  }
  if (count <= 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "hwloc finds no CPU that this process may use");
    return FRANK_ERR_DEVICE;
  }
  places->cores = (size_t)count;
  for (size_t i = 0; i < places->cores; i++) {
    places->siblings += second_thread(core_at(places, i)) >= 0 ? 1 : 0;
  }
  return FRANK_OK;
}

static enum frank_err new_places(struct frank_places **out)
{
  struct frank_places *places = calloc(1, sizeof *places);
  if (places == NULL) {
    return FRANK_ERR_NOMEM;
  }
  if (hwloc_topology_init(&places->topology) != 0) {
    free(places);
    return FRANK_ERR_NOMEM;
  }
  *out = places;
  return FRANK_OK;
}

enum frank_err frank_places_new(struct frank_places **out, char *why)
{
  struct frank_places *places = NULL;
  enum frank_err err = new_places(&places);
  if (err != FRANK_OK) {
    return err;
  }
  /* Administrative limits (cpusets, cgroups) hold by default; the flag adds our own affinity mask,
   * which is how `taskset` and CPUAffinity= tell us. */
  if (hwloc_topology_set_flags(places->topology, HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM |
                                                     HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING) !=
          0 ||
      hwloc_topology_load(places->topology) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "hwloc cannot read the machine's topology: %s",
                   strerror(errno));
    err = FRANK_ERR_DEVICE;
  }
  if (err == FRANK_OK) {
    err = count_places(places, why);
  }
  if (err != FRANK_OK) {
    frank_places_destroy(&places);
  }
  *out = places;
  return err;
}

enum frank_err frank_places_new_described(const char *synthetic, const char *allowed,
                                          struct frank_places **out, char *why)
{
  struct frank_places *places = NULL;
  hwloc_bitmap_t cpus = NULL;
  enum frank_err err = new_places(&places);
  if (err != FRANK_OK) {
    return err;
  }
  if (hwloc_topology_set_synthetic(places->topology, synthetic) != 0 ||
      hwloc_topology_load(places->topology) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "\"%.99s\" describes no machine", synthetic);
    err = FRANK_ERR_MALFORMED;
    goto cleanup;
  }
  if (allowed != NULL) {
    cpus = hwloc_bitmap_alloc();
    if (cpus == NULL || hwloc_bitmap_list_sscanf(cpus, allowed) != 0 ||
        hwloc_topology_restrict(places->topology, cpus, HWLOC_RESTRICT_FLAG_REMOVE_CPULESS) != 0) {
      (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "\"%.99s\" has no CPUs %.99s", synthetic,
                     allowed);
      err = FRANK_ERR_MALFORMED;
      goto cleanup;
    }
  }
  err = count_places(places, why);

cleanup:
  hwloc_bitmap_free(cpus);
  if (err != FRANK_OK) {
    frank_places_destroy(&places);
  }
  *out = places;
  return err;
}

void frank_places_destroy(struct frank_places **places)
{
  if (*places == NULL) {
    return;
  }
  hwloc_topology_destroy((*places)->topology);
  free(*places);
  *places = NULL;
}

size_t frank_places_cores(const struct frank_places *places)
{
  return places->cores;
}

size_t frank_places_count(const struct frank_places *places)
{
  return places->cores + places->siblings;
}

/* The core of place `i`, and in *thread the system's number of the one thread that the place is;
 * -1 where it is the whole core. */
static hwloc_obj_t core_of(const struct frank_places *places, size_t i, int *thread)
{
  assert(i < frank_places_count(places));
  *thread = -1;
  if (i < places->cores) {
    return core_at(places, i);
  }
  size_t before = i - places->cores; /* siblings that come first */
  for (size_t k = 0;; k++) {
    hwloc_obj_t core = core_at(places, k);
    *thread = second_thread(core);
    if (*thread >= 0 && before-- == 0) {
      return core;
    }
  }
}

/* ---- telling ---- */

static const char *model_of(const struct frank_places *places, hwloc_obj_t package)
{
  const char *name = package == NULL ? NULL : hwloc_obj_get_info_by_name(package, "CPUModel");
  if (name == NULL) {
    name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(places->topology), "CPUModel");
  }
  if (name == NULL) {
    return "CPU of unknown model";
  }
  return name + strspn(name, " ");
}

void frank_places_describe(const struct frank_places *places, size_t i, char *model,
                           size_t model_size, char *place, size_t place_size, int32_t *numa_node)
{
  int thread = -1;
  hwloc_obj_t core = core_of(places, i, &thread);
  hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(places->topology, HWLOC_OBJ_PACKAGE, core);
  const char *kind = places->type == HWLOC_OBJ_CORE ? "core" : "thread";
  char of_package[24] = "";
  char of_core[24] = "";
  (void)snprintf(model, model_size, "%s", model_of(places, package));
  if (package != NULL) {
    (void)snprintf(of_package, sizeof of_package, "package %u ", frank_topology_number(package));
  }
  if (thread >= 0) {
    (void)snprintf(of_core, sizeof of_core, " thread %d", thread);
  }
  (void)snprintf(place, place_size, "%s%s %u%s", of_package, kind, frank_topology_number(core),
                 of_core);
  *numa_node = frank_topology_node(core->nodeset);
}

/* ---- binding ---- */

/* What place `i` runs on. A core's place is the whole core, not one of its threads: the kernel then
 * picks the idle one. That holds where the core's second thread is a device as well: its worker
 * cannot leave that thread, and the core's own, which can, is moved to the first one within a
 * scheduler's tick. So a place is bound the same way whatever else is in use, which whoever opens
 * it does not know. */
static enum frank_err bind_cpu(const struct frank_places *places, hwloc_obj_t core, int thread)
{
  if (thread < 0) {
    return hwloc_set_cpubind(places->topology, core->cpuset, HWLOC_CPUBIND_THREAD) == 0
               ? FRANK_OK
               : FRANK_ERR_DENIED;
  }
  hwloc_bitmap_t one = hwloc_bitmap_alloc();
  if (one == NULL) {
    errno = ENOMEM;
    return FRANK_ERR_DENIED;
  }
  enum frank_err err = FRANK_OK;
  if (hwloc_bitmap_only(one, (unsigned)thread) != 0 ||
      hwloc_set_cpubind(places->topology, one, HWLOC_CPUBIND_THREAD) != 0) {
    err = FRANK_ERR_DENIED;
  }
  hwloc_bitmap_free(one);
  return err;
}

enum frank_err frank_places_bind(const struct frank_places *places, size_t i, char *why)
{
  int thread = -1;
  hwloc_obj_t core = core_of(places, i, &thread);
  if (hwloc_topology_is_thissystem(places->topology) != 1) {
    /* hwloc would pretend to have bound us. */
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "not bound to core %u: it is not this machine's",
                   frank_topology_number(core));
    return FRANK_ERR_DENIED;
  }
  if (bind_cpu(places, core, thread) != FRANK_OK) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "not bound to core %u: %s",
                   frank_topology_number(core), strerror(errno));
    return FRANK_ERR_DENIED;
  }
  if (core->nodeset != NULL && frank_topology_bind_memory(places->topology, core->nodeset) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "memory not bound to the node of core %u: %s",
                   frank_topology_number(core), strerror(errno));
    return FRANK_ERR_DENIED;
  }
  return FRANK_OK;
}

bool frank_places_thread_pair(const struct frank_places *places, unsigned cpus[2])
{
  if (places->siblings == 0 || hwloc_topology_is_thissystem(places->topology) != 1) {
    return false;
  }
  /* The last one: interrupts and housekeeping tend to be on the first. */
  int second = -1;
  hwloc_obj_t core = core_of(places, frank_places_count(places) - 1, &second);
  cpus[0] = (unsigned)first_thread(core);
  cpus[1] = (unsigned)second;
  return true;
}
