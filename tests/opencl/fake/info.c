#include "fake.h"
#include "faults.h"

#include <CL/cl_ext.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONG_NAME_BYTES 10000

static struct _cl_platform_id the_platform = {.object = {&fake_dispatch, KIND_PLATFORM, 1}};
static struct _cl_device_id all_devices[FAKE_DEVICES_MAX];

enum info_kind { INFO_TEXT, INFO_UINT, INFO_ULONG, INFO_SIZE };

struct info_row {
  cl_uint what;
  enum info_kind kind;
  const char *text;
  uint64_t number;
};

static const struct info_row platform_rows[] = {
    {CL_PLATFORM_PROFILE, INFO_TEXT, "FULL_PROFILE", 0},
    {CL_PLATFORM_VERSION, INFO_TEXT, "OpenCL 1.2 Fake", 0},
    {CL_PLATFORM_NAME, INFO_TEXT, "Fake OpenCL", 0},
    {CL_PLATFORM_VENDOR, INFO_TEXT, "Frank", 0},
    {CL_PLATFORM_EXTENSIONS, INFO_TEXT, "cl_khr_icd", 0},
    {CL_PLATFORM_ICD_SUFFIX_KHR, INFO_TEXT, "FAKE", 0},
};

static const struct info_row device_rows[] = {
    {CL_DEVICE_TYPE, INFO_ULONG, NULL, CL_DEVICE_TYPE_GPU},
    {CL_DEVICE_VENDOR_ID, INFO_UINT, NULL, 0xfa4e},
    {CL_DEVICE_NAME, INFO_TEXT, "Fake GPU", 0},
    {CL_DEVICE_VENDOR, INFO_TEXT, "Frank", 0},
    {CL_DEVICE_VERSION, INFO_TEXT, "OpenCL 1.2 Fake", 0},
    {CL_DEVICE_OPENCL_C_VERSION, INFO_TEXT, "OpenCL C 1.2 Fake", 0},
    {CL_DEVICE_PROFILE, INFO_TEXT, "FULL_PROFILE", 0},
    {CL_DEVICE_EXTENSIONS, INFO_TEXT, "", 0},
    {CL_DEVICE_MAX_COMPUTE_UNITS, INFO_UINT, NULL, 1},
    {CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, INFO_UINT, NULL, 3},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, INFO_SIZE, NULL, FAKE_GROUP_MAX},
    {CL_DEVICE_MAX_CLOCK_FREQUENCY, INFO_UINT, NULL, 1000},
    {CL_DEVICE_ADDRESS_BITS, INFO_UINT, NULL, sizeof(void *) * 8},
    {CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT, INFO_UINT, NULL, 1},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_INT, INFO_UINT, NULL, 1},
    {CL_DEVICE_GLOBAL_MEM_SIZE, INFO_ULONG, NULL, FAKE_MEMORY_BYTES},
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, INFO_ULONG, NULL, FAKE_BUFFER_MAX_BYTES},
    {CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE, INFO_ULONG, NULL, FAKE_CONSTANT_MAX_BYTES},
    {CL_DEVICE_MAX_CONSTANT_ARGS, INFO_UINT, NULL, 8},
    {CL_DEVICE_LOCAL_MEM_SIZE, INFO_ULONG, NULL, 32 * 1024},
    {CL_DEVICE_HOST_UNIFIED_MEMORY, INFO_UINT, NULL, CL_FALSE},
    {CL_DEVICE_ENDIAN_LITTLE, INFO_UINT, NULL, CL_TRUE},
    {CL_DEVICE_IMAGE_SUPPORT, INFO_UINT, NULL, CL_FALSE},
    {CL_DEVICE_AVAILABLE, INFO_UINT, NULL, CL_TRUE},
    {CL_DEVICE_COMPILER_AVAILABLE, INFO_UINT, NULL, CL_TRUE},
    {CL_DEVICE_LINKER_AVAILABLE, INFO_UINT, NULL, CL_TRUE},
};

/* What a fault changes in the tables. */
static const struct {
  enum fake_fault fault;
  cl_uint what;
  const char *text;
  uint64_t number;
} changes[] = {
    {FAULT_OLD, CL_PLATFORM_VERSION, "OpenCL 1.0 Fake", 0},
    {FAULT_OLD, CL_DEVICE_VERSION, "OpenCL 1.0 Fake", 0},
    {FAULT_OLD, CL_DEVICE_OPENCL_C_VERSION, "OpenCL C 1.0 Fake", 0},
    {FAULT_CPU, CL_DEVICE_TYPE, NULL, CL_DEVICE_TYPE_CPU},
    {FAULT_UNAVAILABLE, CL_DEVICE_AVAILABLE, NULL, CL_FALSE},
    {FAULT_NO_COMPILER, CL_DEVICE_COMPILER_AVAILABLE, NULL, CL_FALSE},
    {FAULT_PCI, CL_DEVICE_EXTENSIONS, "cl_khr_pci_bus_info", 0},
};

cl_int fake_answer(const void *from, size_t from_bytes, size_t size, void *value, size_t *size_ret)
{
  if (value != NULL && size < from_bytes) {
    return CL_INVALID_VALUE;
  }
  if (value != NULL) {
    memcpy(value, from, from_bytes);
  }
  if (size_ret != NULL) {
    *size_ret = from_bytes;
  }
  return CL_SUCCESS;
}

/* Fills whatever is asked for, and leaves no room for a NUL: a driver that is wrong. */
static cl_int answer_long_name(size_t size, void *value, size_t *size_ret)
{
  static const char pattern[] = "Fake\033[31m\nGPU\r\t\001\377 ";
  for (size_t i = 0; value != NULL && i < size && i < LONG_NAME_BYTES; i++) {
    ((char *)value)[i] = pattern[i % (sizeof pattern - 1)];
  }
  if (size_ret != NULL) {
    *size_ret = LONG_NAME_BYTES;
  }
  return CL_SUCCESS;
}

static cl_int answer_row(const struct info_row *row, size_t size, void *value, size_t *size_ret)
{
  const char *text = row->text;
  uint64_t number = row->number;
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    if (changes[i].what == row->what && fake_fault_now(changes[i].fault)) {
      text = changes[i].text;
      number = changes[i].number;
    }
  }
  const cl_uint as_uint = (cl_uint)number;
  const cl_ulong as_ulong = number;
  const size_t as_size = number;
  switch (row->kind) {
  case INFO_UINT:
    return fake_answer(&as_uint, sizeof as_uint, size, value, size_ret);
  case INFO_ULONG:
    return fake_answer(&as_ulong, sizeof as_ulong, size, value, size_ret);
  case INFO_SIZE:
    return fake_answer(&as_size, sizeof as_size, size, value, size_ret);
  case INFO_TEXT:
  default:
    return fake_answer(text, strlen(text) + 1, size, value, size_ret);
  }
}

static cl_int answer_from(const struct info_row *rows, size_t count, cl_uint what, size_t size,
                          void *value, size_t *size_ret)
{
  for (size_t i = 0; i < count; i++) {
    if (rows[i].what == what) {
      return answer_row(&rows[i], size, value, size_ret);
    }
  }
  return CL_INVALID_VALUE;
}

cl_int fake_get_platform_ids(cl_uint cap, cl_platform_id *platforms, cl_uint *count)
{
  if (fake_fault_now(FAULT_PROBE_HANG)) {
    fake_hang();
  }
  if (fake_fault_now(FAULT_PROBE_CRASH)) {
    fake_crash();
  }
  if (fake_fault_now(FAULT_NO_PLATFORM)) {
    return CL_PLATFORM_NOT_FOUND_KHR;
  }
  if ((platforms == NULL) != (cap == 0) || (platforms == NULL && count == NULL)) {
    return CL_INVALID_VALUE;
  }
  if (platforms != NULL) {
    platforms[0] = &the_platform;
  }
  if (count != NULL) {
    *count = 1;
  }
  return CL_SUCCESS;
}

cl_int fake_get_platform_info(cl_platform_id platform, cl_platform_info what, size_t size,
                              void *value, size_t *size_ret)
{
  if (!fake_is(platform, KIND_PLATFORM)) {
    return CL_INVALID_PLATFORM;
  }
  if (what == CL_PLATFORM_NAME && fake_fault_now(FAULT_LONG_NAME)) {
    return answer_long_name(size, value, size_ret);
  }
  return answer_from(platform_rows, sizeof platform_rows / sizeof platform_rows[0], what, size,
                     value, size_ret);
}

static cl_uint device_count(void)
{
  if (fake_fault_now(FAULT_NO_DEVICE)) {
    return 0;
  }
  unsigned long many = fake_fault_number(FAULT_MANY_DEVICES);
  return many == 0 ? 1 : many > FAKE_DEVICES_MAX ? FAKE_DEVICES_MAX : (cl_uint)many;
}

cl_int fake_get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint cap,
                           cl_device_id *devices, cl_uint *count)
{
  if (!fake_is(platform, KIND_PLATFORM)) {
    return CL_INVALID_PLATFORM;
  }
  if ((devices == NULL) != (cap == 0) || (devices == NULL && count == NULL)) {
    return CL_INVALID_VALUE;
  }
  cl_device_type own = fake_fault_now(FAULT_CPU) ? CL_DEVICE_TYPE_CPU : CL_DEVICE_TYPE_GPU;
  cl_uint have = (type & (own | CL_DEVICE_TYPE_DEFAULT)) == 0 ? 0 : device_count();
  if (have == 0) {
    return CL_DEVICE_NOT_FOUND;
  }
  for (cl_uint i = 0; i < have && i < cap; i++) {
    all_devices[i].object.dispatch = &fake_dispatch;
    all_devices[i].object.kind = KIND_DEVICE;
    devices[i] = &all_devices[i];
  }
  if (count != NULL) {
    *count = have;
  }
  return CL_SUCCESS;
}

const char *fake_driver_version(void)
{
  const char *other = fake_fault_text(FAULT_DRIVER);
  return other[0] == '\0' ? "1" : other;
}

static cl_int answer_pci(size_t size, void *value, size_t *size_ret)
{
  const char *at = fake_fault_text(FAULT_PCI);
  unsigned long parts[4];
  char *end = NULL;
  for (size_t i = 0; i < 4; i++) {
    parts[i] = strtoul(at, &end, 16);
    if (end == at || *end != "::.\0"[i]) {
      (void)fprintf(stderr, "fake OpenCL driver: no PCI address: '%s'\n",
                    fake_fault_text(FAULT_PCI));
      abort();
    }
    at = end + 1;
  }
  const cl_device_pci_bus_info_khr info = {(cl_uint)parts[0], (cl_uint)parts[1], (cl_uint)parts[2],
                                           (cl_uint)parts[3]};
  return fake_answer(&info, sizeof info, size, value, size_ret);
}

cl_int fake_get_device_info(cl_device_id device, cl_device_info what, size_t size, void *value,
                            size_t *size_ret)
{
  static const size_t item_sizes[3] = {FAKE_GROUP_MAX, 1, 1};
  cl_platform_id platform = &the_platform;
  const char *driver = fake_driver_version();
  if (!fake_is(device, KIND_DEVICE)) {
    return CL_INVALID_DEVICE;
  }
  if (what == CL_DEVICE_NAME && fake_fault_now(FAULT_LONG_NAME)) {
    return answer_long_name(size, value, size_ret);
  }
  if (what == CL_DEVICE_PCI_BUS_INFO_KHR && fake_fault_now(FAULT_PCI)) {
    return answer_pci(size, value, size_ret);
  }
  switch (what) {
  case CL_DRIVER_VERSION:
    return fake_answer(driver, strlen(driver) + 1, size, value, size_ret);
  case CL_DEVICE_PLATFORM:
    return fake_answer(&platform, sizeof platform, size, value, size_ret);
  case CL_DEVICE_MAX_WORK_ITEM_SIZES:
    return fake_answer(item_sizes, sizeof item_sizes, size, value, size_ret);
  default:
    return answer_from(device_rows, sizeof device_rows / sizeof device_rows[0], what, size, value,
                       size_ret);
  }
}
