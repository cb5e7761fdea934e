/*
 * topology: what the places of CPU cores (cpu/place.h) and of PCI devices (pci_place.h) have in
 * common. For these two only: nobody else in the host sees hwloc.
 *
 * Stateless; what is passed belongs to the caller.
 */
#ifndef FRANK_ENGINE_TOPOLOGY_H
#define FRANK_ENGINE_TOPOLOGY_H

#include <hwloc.h>
#include <stdint.h>

/* The number that the system itself gives the object, which is what other tools show. */
unsigned frank_topology_number(const struct hwloc_obj *object);

/* The number of the one node in `nodes` (NULL: none are known); -1 where it is not one. */
int32_t frank_topology_node(hwloc_const_nodeset_t nodes);

/* Binds the memory that the calling thread has, and what it and the threads that it will start
 * touch later, to `nodes` of this machine. 0, or -1 with the cause in errno. */
int frank_topology_bind_memory(hwloc_topology_t topology, hwloc_const_nodeset_t nodes);

#endif
