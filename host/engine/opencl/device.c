/*
 * device: asks the ICD loader, and takes what drivers say with care.
 */
#include "engine/opencl/device.h"

#include "engine/engine.h"
#include "engine/opencl/search.h"
#include "proof/plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORMS_MAX      16U
#define PLATFORM_NOT_FOUND (-1001) /* of the ICD loader: cl_khr_icd */
#define DEVICES_MAX        64U     /* of one platform */
#define TEXT_MAX_BYTES     ((size_t)64 << 10)
#define CONSTANT_BYTES     ((cl_ulong)64 << 10) /* the least that OpenCL 1.2 allows, section 4.2 */

/* Properties beyond OpenCL 1.2: cl_khr_pci_bus_info, cl_nv_device_attribute_query,
 * cl_amd_device_attribute_query. */
#define PCI_BUS_INFO_KHR 0x410F
#define PCI_BUS_ID_NV    0x4008
#define PCI_SLOT_ID_NV   0x4009
#define PCI_DOMAIN_ID_NV 0x400A
#define TOPOLOGY_AMD     0x4037

/* ---- texts ---- */

/* Copies `len` bytes of a driver's text, without blanks around it, as printable ASCII. */
static void copy_text(const char *from, size_t len, char *to, size_t to_size)
{
  size_t used = 0;
  len = strnlen(from, len);
  for (size_t i = 0; i < len && used + 1 < to_size; i++) {
    bool is_blank = isspace((unsigned char)from[i]);
    if (is_blank && (used == 0 || to[used - 1] == ' ')) {
      continue;
    }
    bool is_plain = from[i] > ' ' && from[i] < 0x7f;
    to[used++] = (char)(is_plain ? from[i] : is_blank ? ' ' : '?');
  }
  while (used > 0 && to[used - 1] == ' ') {
    used--;
  }
  to[used] = '\0';
}

/* Both kinds of text are asked for in the same way: the length first, then the text. */
typedef cl_int ask_fn(const struct frank_cl *cl, const struct frank_cl_device *device, cl_uint what,
                      size_t size, void *value, size_t *size_ret);

static cl_int ask_platform(const struct frank_cl *cl, const struct frank_cl_device *device,
                           cl_uint what, size_t size, void *value, size_t *size_ret)
{
  return cl->GetPlatformInfo(device->platform, what, size, value, size_ret);
}

static cl_int ask_device(const struct frank_cl *cl, const struct frank_cl_device *device,
                         cl_uint what, size_t size, void *value, size_t *size_ret)
{
  return cl->GetDeviceInfo(device->id, what, size, value, size_ret);
}

static void get_text(const struct frank_cl *cl, const struct frank_cl_device *device, ask_fn *ask,
                     cl_uint what, char *text, size_t text_size)
{
  size_t len = 0;
  text[0] = '\0';
  if (ask(cl, device, what, 0, NULL, &len) != CL_SUCCESS || len == 0 || len > TEXT_MAX_BYTES) {
    return;
  }
  char *whole = calloc(1, len);
  if (whole != NULL && ask(cl, device, what, len, whole, NULL) == CL_SUCCESS) {
    copy_text(whole, len, text, text_size);
  }
  free(whole);
}

/* ---- facts ---- */

static bool get(const struct frank_cl *cl, cl_device_id id, cl_device_info what, void *value,
                size_t size)
{
  size_t got = 0;
  return cl->GetDeviceInfo(id, what, size, value, &got) == CL_SUCCESS && got == size;
}

static bool pci_by_khr(const struct frank_cl *cl, cl_device_id id, struct frank_pci_address *pci)
{
  cl_uint at[4]; /* domain, bus, device, function */
  if (!get(cl, id, PCI_BUS_INFO_KHR, at, sizeof at)) {
    return false;
  }
  *pci = (struct frank_pci_address){at[0], (uint8_t)at[1], (uint8_t)at[2], (uint8_t)at[3]};
  return true;
}

static bool pci_by_nvidia(const struct frank_cl *cl, cl_device_id id, struct frank_pci_address *pci)
{
  cl_uint bus = 0;
  cl_uint slot = 0;
  cl_uint domain = 0;
  if (!get(cl, id, PCI_BUS_ID_NV, &bus, sizeof bus) ||
      !get(cl, id, PCI_SLOT_ID_NV, &slot, sizeof slot)) {
    return false;
  }
  (void)get(cl, id, PCI_DOMAIN_ID_NV, &domain, sizeof domain); /* older drivers tell none */
  *pci = (struct frank_pci_address){domain, (uint8_t)bus, (uint8_t)(slot >> 3), slot & 7};
  return true;
}

static bool pci_by_amd(const struct frank_cl *cl, cl_device_id id, struct frank_pci_address *pci)
{
  struct {
    cl_uint type; /* 1: PCIe */
    uint8_t unused[17];
    uint8_t bus;
    uint8_t device;
    uint8_t function;
  } at;
  if (!get(cl, id, TOPOLOGY_AMD, &at, sizeof at) || at.type != 1) {
    return false;
  }
  *pci = (struct frank_pci_address){0, at.bus, at.device, at.function};
  return true;
}

/* A power of 2, 16 at most: the widths that the kernel has. */
static uint32_t usable_width(cl_uint width)
{
  uint32_t usable = 1;
  while (usable < 16 && usable * 2 <= width) {
    usable *= 2;
  }
  return usable;
}

/* "OpenCL 1.2 ..." or later. */
static bool is_new_enough(const char *version)
{
  static const char prefix[] = "OpenCL ";
  if (strncmp(version, prefix, strlen(prefix)) != 0) {
    return false;
  }
  char *rest = NULL;
  unsigned long major = strtoul(version + strlen(prefix), &rest, 10);
  unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
  return major > 1 || (major == 1 && minor >= 2);
}

static const char *find_unfit(const struct frank_cl *cl, const struct frank_cl_device *device)
{
  cl_bool available = CL_FALSE;
  cl_bool compiler = CL_FALSE;
  cl_ulong constant_bytes = 0;
  (void)get(cl, device->id, CL_DEVICE_AVAILABLE, &available, sizeof available);
  (void)get(cl, device->id, CL_DEVICE_COMPILER_AVAILABLE, &compiler, sizeof compiler);
  (void)get(cl, device->id, CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, &constant_bytes,
            sizeof constant_bytes);
  const struct {
    bool is_so;
    const char *text;
  } reasons[] = {
      {!available, "its driver says that it is not available"},
      {!compiler, "its driver has no compiler"},
      {!is_new_enough(device->device_version), "it is older than OpenCL 1.2"},
      {constant_bytes < CONSTANT_BYTES, "it has less than 64 KiB of constant memory"},
  };
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    if (reasons[i].is_so) {
      return reasons[i].text;
    }
  }
  return NULL;
}

static void look_at(const struct frank_cl *cl, struct frank_cl_device *device)
{
  cl_device_type type = 0;
  cl_uint width = 1;
  const struct {
    ask_fn *ask;
    cl_uint what;
    char *text;
  } texts[] = {
      {ask_device, CL_DEVICE_NAME, device->model},
      {ask_platform, CL_PLATFORM_NAME, device->platform_name},
      {ask_platform, CL_PLATFORM_VERSION, device->platform_version},
      {ask_device, CL_DEVICE_VERSION, device->device_version},
      {ask_device, CL_DRIVER_VERSION, device->driver_version},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    get_text(cl, device, texts[i].ask, texts[i].what, texts[i].text, FRANK_CL_TEXT_BYTES);
  }
  (void)get(cl, device->id, CL_DEVICE_TYPE, &type, sizeof type);
  (void)get(cl, device->id, CL_DEVICE_NATIVE_VECTOR_WIDTH_INT, &width, sizeof width);
  device->is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
  device->vector_width = usable_width(width);
  device->has_pci = pci_by_khr(cl, device->id, &device->pci) ||
                    pci_by_nvidia(cl, device->id, &device->pci) ||
                    pci_by_amd(cl, device->id, &device->pci);
  device->unfit = find_unfit(cl, device);
}

/* ---- listing ---- */

/* What is listed: all, or one device by its name. */
struct listing {
  const char *only; /* NULL: all */
  frank_cl_device_fn *fn;
  void *arg;
  size_t found;
  size_t beyond; /* devices and platforms that were too many to look at */
  bool go_on;
};

static enum frank_err list_platform(const struct frank_cl *cl, cl_platform_id platform,
                                    unsigned number, struct listing *listing)
{
  cl_device_id ids[DEVICES_MAX] = {NULL}; /* some count more than they list */
  cl_uint count = 0;
  if (cl->GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, DEVICES_MAX, ids, &count) != CL_SUCCESS) {
    return FRANK_OK; /* it has none, or cannot say: the others' turn */
  }
  listing->beyond += count > DEVICES_MAX ? count - DEVICES_MAX : 0;
  count = count < DEVICES_MAX ? count : DEVICES_MAX;
  for (cl_uint i = 0; i < count && listing->go_on; i++) {
    struct frank_cl_device *device = calloc(1, sizeof *device);
    if (device == NULL) {
      return FRANK_ERR_NOMEM;
    }
    device->platform = platform;
    device->id = ids[i];
    (void)snprintf(device->name, sizeof device->name, "opencl:%u.%u", number, (unsigned)i);
    if (listing->only == NULL || strcmp(listing->only, device->name) == 0) {
      look_at(cl, device);
      listing->go_on = listing->fn(listing->arg, device);
    }
    listing->found++;
    free(device);
  }
  return FRANK_OK;
}

/* True where the device that is asked for, if one is, can be on the platform: other platforms are
 * other people's drivers, and are not disturbed. */
static bool is_asked(const struct listing *listing, unsigned number)
{
  char prefix[32];
  int len = snprintf(prefix, sizeof prefix, "opencl:%u.", number);
  return listing->only == NULL || strncmp(listing->only, prefix, (size_t)len) == 0;
}

static enum frank_err list_all(const struct frank_cl *cl, struct listing *listing, char *why)
{
  cl_platform_id platforms[PLATFORMS_MAX] = {NULL};
  cl_uint count = 0;
  cl_int error = cl->GetPlatformIDs(PLATFORMS_MAX, platforms, &count);
  if (error != CL_SUCCESS && error != PLATFORM_NOT_FOUND) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "asking for OpenCL platforms failed (%s)",
                   frank_cl_error_name(error));
    return FRANK_ERR_NOT_FOUND;
  }
  if (error != CL_SUCCESS || count == 0) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES,
                   "no OpenCL platform: no driver is installed (pocl-opencl-icd is one for CPUs)");
    return FRANK_ERR_NOT_FOUND;
  }
  listing->beyond += count > PLATFORMS_MAX ? count - PLATFORMS_MAX : 0;
  count = count < PLATFORMS_MAX ? count : PLATFORMS_MAX;
  for (cl_uint i = 0; i < count && listing->go_on; i++) {
    enum frank_err err =
        is_asked(listing, i) ? list_platform(cl, platforms[i], i, listing) : FRANK_OK;
    if (err != FRANK_OK) {
      return err;
    }
  }
  if (listing->found == 0 && listing->only == NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "no OpenCL device on %u platform%s",
                   (unsigned)count, count == 1 ? "" : "s");
    return FRANK_ERR_NOT_FOUND;
  }
  return FRANK_OK;
}

enum frank_err frank_cl_device_list(const struct frank_cl *cl, frank_cl_device_fn *fn, void *arg,
                                    char *why)
{
  struct listing listing = {.fn = fn, .arg = arg, .go_on = true};
  enum frank_err err = list_all(cl, &listing, why);
  if (err == FRANK_OK && listing.beyond > 0) {
    size_t used = strlen(why);
    (void)snprintf(why + used, FRANK_ENGINE_WHY_BYTES - used, "%s%zu more are not looked at",
                   used > 0 ? "; " : "", listing.beyond);
  }
  return err;
}

struct wanted {
  const char *name;
  struct frank_cl_device *device;
  bool found;
};

static bool take_wanted(void *arg, const struct frank_cl_device *device)
{
  struct wanted *wanted = arg;
  if (strcmp(device->name, wanted->name) == 0) {
    *wanted->device = *device;
    wanted->found = true;
  }
  return !wanted->found;
}

enum frank_err frank_cl_device_find(const struct frank_cl *cl, const char *name,
                                    struct frank_cl_device *device, char *why)
{
  struct wanted wanted = {.name = name, .device = device};
  struct listing listing = {.only = name, .fn = take_wanted, .arg = &wanted, .go_on = true};
  enum frank_err err = list_all(cl, &listing, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (!wanted.found) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "there is no device \"%.31s\"", name);
    return FRANK_ERR_NOT_FOUND;
  }
  if (device->unfit != NULL) {
    (void)snprintf(why, FRANK_ENGINE_WHY_BYTES, "%s (%.60s): %s", device->name, device->model,
                   device->unfit);
    return FRANK_ERR_UNSUPPORTED;
  }
  return FRANK_OK;
}

void frank_cl_device_describe(const struct frank_cl_device *device, struct frank_device_info *info)
{
  memset(info, 0, sizeof *info);
  (void)snprintf(info->name, sizeof info->name, "%s", device->name);
  (void)snprintf(info->engine, sizeof info->engine, "opencl");
  (void)snprintf(info->model, sizeof info->model, "%.50s (%.40s)", device->model,
                 device->platform_name);
  info->numa_node = -1;
  info->hashes = FRANK_ENGINE_SHA256;
  info->blocks_max = FRANK_PLAN_BLOCKS_MAX;
  info->batch_max = FRANK_CL_SLICES_MAX;
  info->stops_early = 1;
  info->on_demand = device->is_cpu ? FRANK_DEMAND_ENGINE : FRANK_DEMAND_USUAL;
}
