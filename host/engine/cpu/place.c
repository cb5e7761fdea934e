/*
 * place: hwloc behind four functions.
 */
#include "engine/cpu/place.h"

#include "engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct frank_places {
  hwloc_topology_t topology;
  hwloc_obj_type_t type; /* HWLOC_OBJ_CORE; HWLOC_OBJ_PU where the system tells of no cores */
  size_t count;
};

enum frank_err frank_places_new(struct frank_places **out, char *why)
{
  enum frank_err err = FRANK_ERR_NOMEM;
  struct frank_places *places = calloc(1, sizeof *places);
  if (places == NULL) {
    return FRANK_ERR_NOMEM;
  }
  if (hwloc_topology_init(&places->topology) != 0) {
    free(places);
    return FRANK_ERR_NOMEM;
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
    goto cleanup;
  }
  places->type = HWLOC_OBJ_CORE;
  int count = hwloc_get_nbobjs_by_type(places->topology, HWLOC_OBJ_CORE);
  if (count <= 0) {
    places->type = HWLOC_OBJ_PU;
    count = hwloc_get_nbobjs_by_type(places->topology, HWLOC_OBJ_PU);
  }
  if (count <= 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "hwloc finds no CPU that this process may use");
    err = FRANK_ERR_DEVICE;
    goto cleanup;
  }
  places->count = (size_t)count;
  *out = places;
  return FRANK_OK;

cleanup:
  frank_places_destroy(&places);
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

size_t frank_places_count(const struct frank_places *places)
{
  return places->count;
}

static hwloc_obj_t core_at(const struct frank_places *places, size_t i)
{
  assert(i < places->count);
  hwloc_obj_t core = hwloc_get_obj_by_type(places->topology, places->type, (unsigned)i);
  assert(core != NULL);
  return core;
}

/* The number that the system itself gives it, which is what other tools show. */
static unsigned number_of(hwloc_obj_t object)
{
  return object->os_index == HWLOC_UNKNOWN_INDEX ? object->logical_index : object->os_index;
}

static int32_t node_of(hwloc_obj_t core)
{
  if (core->nodeset == NULL || hwloc_bitmap_weight(core->nodeset) != 1) {
    return -1;
  }
  return hwloc_bitmap_first(core->nodeset);
}

void frank_places_describe(const struct frank_places *places, size_t i, char *model,
                           size_t model_size, char *place, size_t place_size, int32_t *numa_node)
{
  hwloc_obj_t core = core_at(places, i);
  hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(places->topology, HWLOC_OBJ_PACKAGE, core);
  const char *name = package == NULL ? NULL : hwloc_obj_get_info_by_name(package, "CPUModel");
  if (name == NULL) {
    name = hwloc_obj_get_info_by_name(hwloc_get_root_obj(places->topology), "CPUModel");
  }
  if (name == NULL) {
    name = "CPU of unknown model";
  }
  while (*name == ' ') {
    name++;
  }
  (void)snprintf(model, model_size, "%s", name);

  const char *kind = places->type == HWLOC_OBJ_CORE ? "core" : "thread";
  if (package == NULL) {
    (void)snprintf(place, place_size, "%s %u", kind, number_of(core));
  } else {
    (void)snprintf(place, place_size, "package %u %s %u", number_of(package), kind,
                   number_of(core));
  }
  *numa_node = node_of(core);
}

enum frank_err frank_places_bind(const struct frank_places *places, size_t i, char *why)
{
  hwloc_obj_t core = core_at(places, i);
  /* The whole core, not one of its threads: the kernel then picks the idle one. */
  if (hwloc_set_cpubind(places->topology, core->cpuset, HWLOC_CPUBIND_THREAD) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "not bound to core %u: %s", number_of(core),
                   strerror(errno));
    return FRANK_ERR_DENIED;
  }
  if (core->nodeset != NULL &&
      hwloc_set_membind(places->topology, core->nodeset, HWLOC_MEMBIND_BIND,
                        HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET) != 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "memory not bound to the node of core %u: %s",
                   number_of(core), strerror(errno));
    return FRANK_ERR_DENIED;
  }
  return FRANK_OK;
}
