/*
 * pci_place: hwloc's PCI devices behind a few functions.
 */
#include "engine/pci_place.h"

#include "engine/engine.h"
#include "engine/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(((struct frank_device_info *)0)->place) == FRANK_PCI_PLACE_BYTES,
               "the text is what frank_device_info tells");

struct frank_pci_places {
  hwloc_topology_t topology;
};

/* ---- looking ---- */

static enum frank_err new_places(struct frank_pci_places **out)
{
  struct frank_pci_places *places = calloc(1, sizeof *places);
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

/* PCI devices are left out by default; all are kept, for FPGA cards come with any class, not only
 * with those that hwloc finds important. Bridges are of no use here. Nor are OS devices, and with
 * them hwloc's plugins would go and load every driver of OpenCL. Disallowed CPUs and nodes are
 * kept, or what is near to them alone would have no place. The thread is not sent over all CPUs to
 * ask each what it is: Linux tells enough. */
static bool load(hwloc_topology_t topology, unsigned long more_flags)
{
  return hwloc_topology_set_flags(topology, more_flags | HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
                                                HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING) == 0 &&
         hwloc_topology_set_type_filter(topology, HWLOC_OBJ_PCI_DEVICE,
                                        HWLOC_TYPE_FILTER_KEEP_ALL) == 0 &&
         hwloc_topology_load(topology) == 0;
}

enum frank_err frank_pci_places_new(struct frank_pci_places **out, char *why)
{
  struct frank_pci_places *places = NULL;
  enum frank_err err = new_places(&places);
  if (err == FRANK_OK && !load(places->topology, HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM)) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "hwloc cannot read the machine's topology: %s",
                   strerror(errno));
    err = FRANK_ERR_DEVICE;
    frank_pci_places_destroy(&places);
  }
  *out = places;
  return err;
}

enum frank_err frank_pci_places_new_described(const char *xml_path, struct frank_pci_places **out,
                                              char *why)
{
  struct frank_pci_places *places = NULL;
  enum frank_err err = new_places(&places);
  if (err == FRANK_OK &&
      (hwloc_topology_set_xml(places->topology, xml_path) != 0 || !load(places->topology, 0))) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "\"%.199s\" describes no machine", xml_path);
    err = FRANK_ERR_MALFORMED;
    frank_pci_places_destroy(&places);
  }
  *out = places;
  return err;
}

void frank_pci_places_destroy(struct frank_pci_places **places)
{
  if (*places == NULL) {
    return;
  }
  hwloc_topology_destroy((*places)->topology);
  free(*places);
  *places = NULL;
}

/* What the device hangs on: the smallest object that holds all CPUs near it; NULL where there is no
 * such device. */
static hwloc_obj_t near_device(const struct frank_pci_places *places,
                               const struct frank_pci_address *address)
{
  hwloc_obj_t device = hwloc_get_pcidev_by_busid(places->topology, address->domain, address->bus,
                                                 address->device, address->function);
  return device == NULL ? NULL : hwloc_get_non_io_ancestor_obj(places->topology, device);
}

static void name_device(const struct frank_pci_address *address, char *name, size_t size)
{
  (void)snprintf(name, size, "pci %04x:%02x:%02x.%x", address->domain, address->bus,
                 address->device, address->function);
}

/* ---- telling ---- */

/* By its CPUs, not by ancestors: a device of a machine with one package hangs on the machine. */
static hwloc_obj_t package_of(hwloc_topology_t topology, hwloc_obj_t near)
{
  hwloc_obj_t first =
      hwloc_get_next_obj_covering_cpuset_by_type(topology, near->cpuset, HWLOC_OBJ_PACKAGE, NULL);
  return first != NULL && hwloc_bitmap_isincluded(near->cpuset, first->cpuset) ? first : NULL;
}

enum frank_err frank_pci_places_describe(const struct frank_pci_places *places,
                                         const struct frank_pci_address *address,
                                         char text[FRANK_PCI_PLACE_BYTES], int32_t *numa_node)
{
  hwloc_obj_t near = near_device(places, address);
  char of_package[24] = "";
  char name[32];
  text[0] = '\0';
  *numa_node = -1;
  if (near == NULL) {
    return FRANK_ERR_NOT_FOUND;
  }
  hwloc_obj_t package = package_of(places->topology, near);
  if (package != NULL) {
    (void)snprintf(of_package, sizeof of_package, "package %u ", frank_topology_number(package));
  }
  name_device(address, name, sizeof name);
  (void)snprintf(text, FRANK_PCI_PLACE_BYTES, "%s%s", of_package, name);
  *numa_node = frank_topology_node(near->nodeset);
  return FRANK_OK;
}

/* ---- binding ---- */

static enum frank_err refuse(char *why, const char *what, const char *name, const char *cause)
{
  (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s near %s: %s", what, name, cause);
  return FRANK_ERR_DENIED;
}

/* Binds all threads to the CPUs near the device that the calling thread may use, where that changes
 * anything. `usable` is room for them. */
static enum frank_err bind_cpus(hwloc_topology_t topology, hwloc_obj_t near, hwloc_bitmap_t usable,
                                const char *name, char *why)
{
  if (hwloc_get_cpubind(topology, usable, HWLOC_CPUBIND_THREAD) != 0) {
    return refuse(why, "not bound", name, strerror(errno));
  }
  if (hwloc_bitmap_isincluded(usable, near->cpuset)) {
    return FRANK_OK;
  }
  if (hwloc_bitmap_and(usable, usable, near->cpuset) != 0) {
    return refuse(why, "not bound", name, strerror(ENOMEM));
  }
  if (hwloc_bitmap_iszero(usable)) {
    return refuse(why, "not bound", name, "this process may use none of the CPUs there");
  }
  if (hwloc_set_cpubind(topology, usable, HWLOC_CPUBIND_PROCESS) != 0) {
    return refuse(why, "not bound", name, strerror(errno));
  }
  return FRANK_OK;
}

/* Likewise the memory to the nodes. */
static enum frank_err bind_memory(hwloc_topology_t topology, hwloc_obj_t near,
                                  hwloc_bitmap_t usable, const char *name, char *why)
{
  hwloc_const_nodeset_t allowed = hwloc_topology_get_allowed_nodeset(topology);
  if (near->nodeset == NULL || hwloc_bitmap_isincluded(allowed, near->nodeset)) {
    return FRANK_OK;
  }
  if (hwloc_bitmap_and(usable, allowed, near->nodeset) != 0) {
    return refuse(why, "memory not bound", name, strerror(ENOMEM));
  }
  if (hwloc_bitmap_iszero(usable)) {
    return refuse(why, "memory not bound", name, "this process may use none of the memory there");
  }
  if (frank_topology_bind_memory(topology, usable) != 0) {
    return refuse(why, "memory not bound", name, strerror(errno));
  }
  return FRANK_OK;
}

enum frank_err frank_pci_places_bind(const struct frank_pci_places *places,
                                     const struct frank_pci_address *address, char *why)
{
  hwloc_obj_t near = near_device(places, address);
  char name[32];
  name_device(address, name, sizeof name);
  if (near == NULL) {
    (void)refuse(why, "not bound", name, "the machine shows no such device");
    return FRANK_ERR_NOT_FOUND;
  }
  if (hwloc_topology_is_thissystem(places->topology) != 1) {
    /* hwloc would pretend to have bound us. */
    return refuse(why, "not bound", name, "it is not this machine's");
  }
  hwloc_bitmap_t usable = hwloc_bitmap_alloc();
  if (usable == NULL) {
    return refuse(why, "not bound", name, strerror(ENOMEM));
  }
  /* Where we may not run near the device, memory there would only be far from us. */
  enum frank_err err = bind_cpus(places->topology, near, usable, name, why);
  if (err == FRANK_OK) {
    err = bind_memory(places->topology, near, usable, name, why);
  }
  hwloc_bitmap_free(usable);
  return err;
}
