/*
 * pci_place: where a device sits that is on PCI, and binding the process near it, from hwloc.
 *
 * The machine is read once and asked for any number of devices. Unlike CPU places, all of it is
 * seen, also what a cpuset, a cgroup or an affinity mask (taskset) keeps from us: a device is where
 * it is. Only binding heeds those limits.
 *
 * Owner: one thread. Lifetime: from new to destroy.
 */
#ifndef FRANK_ENGINE_PCI_PLACE_H
#define FRANK_ENGINE_PCI_PLACE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Longest text of a place, with the NUL. */
#define FRANK_PCI_PLACE_BYTES 64

/* As drivers tell it: any value is accepted, also one that no PCI device can have. */
struct frank_pci_address {
  uint32_t domain;
  uint8_t bus;
  uint8_t device;
  uint8_t function;
};

struct frank_pci_places;

/* Looks at the machine, which takes some milliseconds. FRANK_ERR_NOMEM; FRANK_ERR_DEVICE when hwloc
 * cannot tell, with the cause in `why` (FRANK_ENGINE_WHY_BYTES). */
FRANK_MUST_CHECK enum frank_err frank_pci_places_new(struct frank_pci_places **out, char *why);

/* The same for a machine that is only described, by a file in hwloc's XML (as lstopo writes it).
 * Nothing can be bound there. For tests. FRANK_ERR_MALFORMED: `why` names the file. */
FRANK_MUST_CHECK enum frank_err
frank_pci_places_new_described(const char *xml_path, struct frank_pci_places **out, char *why);

/* Frees, sets *places to NULL. */
void frank_pci_places_destroy(struct frank_pci_places **places);

/* The device at `address`: "package 0 pci 0000:3b:00.0", or "pci 0000:3b:00.0" where it is equally
 * near to several packages; the NUMA node's number in the system, -1 where it is not known or not
 * one. FRANK_ERR_NOT_FOUND: the machine shows us no such device (some virtual machines do not);
 * `text` and *numa_node are then "" and -1. */
FRANK_MUST_CHECK enum frank_err frank_pci_places_describe(const struct frank_pci_places *places,
                                                          const struct frank_pci_address *address,
                                                          char text[FRANK_PCI_PLACE_BYTES],
                                                          int32_t *numa_node);

/* Binds all threads of the process, so that a driver's are among them, to those CPUs near the
 * device that the calling thread may use, and memory to the node: what the calling thread has, and
 * what it and the threads that it starts later touch. So it is called before the driver is given
 * work, and before buffers are allocated. A device that all of our CPUs are near to leaves the
 * CPUs as they are; one that all memory is near to, the memory.
 *
 * What the system refuses (containers often refuse the second) costs speed, not correctness:
 * FRANK_ERR_DENIED, with what was refused in `why`, is no reason to give up; nor is
 * FRANK_ERR_NOT_FOUND, as above. */
FRANK_MUST_CHECK enum frank_err frank_pci_places_bind(const struct frank_pci_places *places,
                                                      const struct frank_pci_address *address,
                                                      char *why);

#endif
