/*
 * topology: the few steps over hwloc's objects that are the same for every kind of device.
 */
#include "engine/topology.h"

unsigned frank_topology_number(const struct hwloc_obj *object)
{
  return object->os_index == HWLOC_UNKNOWN_INDEX ? object->logical_index : object->os_index;
}

int32_t frank_topology_node(hwloc_const_nodeset_t nodes)
{
  return nodes == NULL || hwloc_bitmap_weight(nodes) != 1 ? -1 : hwloc_bitmap_first(nodes);
}

int frank_topology_bind_memory(hwloc_topology_t topology, hwloc_const_nodeset_t nodes)
{
  /* Migrate: the heap that the search's buffers will come from has pages that were touched before,
   * wherever the process was started. */
  return hwloc_set_membind(topology, nodes, HWLOC_MEMBIND_BIND,
                           HWLOC_MEMBIND_THREAD | HWLOC_MEMBIND_BYNODESET | HWLOC_MEMBIND_MIGRATE);
}
