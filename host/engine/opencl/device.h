/*
 * device: the devices that the ICD loader lists, and what they say of themselves.
 *
 * Texts come from drivers: they are cut to their room and made printable here.
 */
#ifndef FRANK_ENGINE_OPENCL_DEVICE_H
#define FRANK_ENGINE_OPENCL_DEVICE_H

#include "engine/engine.h"
#include "engine/opencl/library.h"
#include "engine/pci_place.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_CL_TEXT_BYTES 160

struct frank_cl_device {
  cl_platform_id platform;
  cl_device_id id;
  char name[32]; /* "opencl:0.1" */

  char model[FRANK_CL_TEXT_BYTES];
  char platform_name[FRANK_CL_TEXT_BYTES];
  char platform_version[FRANK_CL_TEXT_BYTES];
  char device_version[FRANK_CL_TEXT_BYTES];
  char driver_version[FRANK_CL_TEXT_BYTES];

  bool is_cpu;
  uint32_t vector_width; /* 32-bit integers in its vectors: 1 to 16 */
  bool has_pci;
  struct frank_pci_address pci;

  const char *unfit; /* why it cannot be used; NULL: it can */
};

/* Called for each device, in order; false ends the listing. */
typedef bool frank_cl_device_fn(void *arg, const struct frank_cl_device *device);

/* Lists all devices of all platforms. FRANK_ERR_NOT_FOUND where there is no platform, or none of
 * them has a device; `why` says which. FRANK_ERR_NOMEM. How many were too many to look at is added
 * to `why`. */
FRANK_MUST_CHECK enum frank_err frank_cl_device_list(const struct frank_cl *cl,
                                                     frank_cl_device_fn *fn, void *arg, char *why);

/* The device of that name ("opencl:0.1"). FRANK_ERR_NOT_FOUND, FRANK_ERR_UNSUPPORTED (it is unfit),
 * with `why`. */
FRANK_MUST_CHECK enum frank_err frank_cl_device_find(const struct frank_cl *cl, const char *name,
                                                     struct frank_cl_device *device, char *why);

/* Fills what people and the scheduler are told, all but place, variant and rate. */
void frank_cl_device_describe(const struct frank_cl_device *device, struct frank_device_info *info);

#endif
