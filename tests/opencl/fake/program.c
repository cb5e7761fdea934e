#include "fake.h"
#include "faults.h"
#include "kernels/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BINARY_BYTES     512
#define PREFERRED_GROUPS 32

static void set_error(cl_int *error, cl_int value)
{
  if (error != NULL) {
    *error = value;
  }
}

/* ---- contexts ---- */

cl_context fake_create_context(const cl_context_properties *properties, cl_uint device_count,
                               const cl_device_id *devices,
                               void(CL_CALLBACK *notify)(const char *, const void *, size_t,
                                                         void *),
                               void *user, cl_int *error)
{
  (void)notify; /* which no driver has to call */
  (void)user;
  for (size_t i = 0; properties != NULL && properties[i] != 0; i += 2) {
    if (properties[i] != CL_CONTEXT_PLATFORM) {
      set_error(error, CL_INVALID_PROPERTY);
      return NULL;
    }
  }
  if (device_count != 1 || devices == NULL) {
    set_error(error, CL_INVALID_VALUE);
    return NULL;
  }
  if (!fake_is(devices[0], KIND_DEVICE)) {
    set_error(error, CL_INVALID_DEVICE);
    return NULL;
  }
  if (fake_fault_now(FAULT_UNAVAILABLE)) {
    set_error(error, CL_DEVICE_NOT_AVAILABLE);
    return NULL;
  }
  cl_context context = fake_new(KIND_CONTEXT, sizeof *context);
  set_error(error, context == NULL ? CL_OUT_OF_HOST_MEMORY : CL_SUCCESS);
  return context;
}

cl_int fake_release_context(cl_context context)
{
  if (!fake_is(context, KIND_CONTEXT)) {
    return CL_INVALID_CONTEXT;
  }
  if (fake_release(context)) {
    free(context);
  }
  return CL_SUCCESS;
}

/* ---- programs ---- */

static cl_program new_program(cl_context context, cl_int *error)
{
  cl_program program = fake_new(KIND_PROGRAM, sizeof *program);
  if (program == NULL) {
    set_error(error, CL_OUT_OF_HOST_MEMORY);
    return NULL;
  }
  program->context = context;
  program->status = CL_BUILD_NONE;
  fake_retain(context);
  set_error(error, CL_SUCCESS);
  return program;
}

cl_program fake_create_program_with_source(cl_context context, cl_uint count, const char **strings,
                                           const size_t *lengths, cl_int *error)
{
  if (!fake_is(context, KIND_CONTEXT)) {
    set_error(error, CL_INVALID_CONTEXT);
    return NULL;
  }
  if (count == 0 || strings == NULL) {
    set_error(error, CL_INVALID_VALUE);
    return NULL;
  }
  cl_program program = new_program(context, error);
  if (program == NULL) {
    return NULL;
  }
  size_t at = 0;
  program->is_known = true;
  for (cl_uint i = 0; i < count; i++) {
    size_t bytes = lengths == NULL || lengths[i] == 0 ? strlen(strings[i]) : lengths[i];
    program->is_known = program->is_known && bytes <= frank_kernel_source_len_bytes - at &&
                        memcmp(frank_kernel_source + at, strings[i], bytes) == 0;
    at += program->is_known ? bytes : 0;
  }
  program->is_known = program->is_known && at == frank_kernel_source_len_bytes;
  return program;
}

/* What a binary says: it is good for this driver's version only. */
static int binary_head(char *out, size_t cap)
{
  return snprintf(out, cap, "Fake OpenCL binary, driver %s, options: ", fake_driver_version());
}

cl_program fake_create_program_with_binary(cl_context context, cl_uint count,
                                           const cl_device_id *devices, const size_t *lengths,
                                           const unsigned char **binaries, cl_int *statuses,
                                           cl_int *error)
{
  if (!fake_is(context, KIND_CONTEXT)) {
    set_error(error, CL_INVALID_CONTEXT);
    return NULL;
  }
  if (count != 1 || devices == NULL || lengths == NULL || binaries == NULL || lengths[0] == 0 ||
      binaries[0] == NULL) {
    set_error(error, CL_INVALID_VALUE);
    return NULL;
  }
  char head[BINARY_BYTES];
  size_t head_bytes = (size_t)binary_head(head, sizeof head);
  bool is_ours = lengths[0] > head_bytes && lengths[0] < head_bytes + FAKE_OPTIONS_BYTES &&
                 memcmp(binaries[0], head, head_bytes) == 0;
  set_error(statuses, is_ours ? CL_SUCCESS : CL_INVALID_BINARY);
  if (!is_ours) {
    set_error(error, CL_INVALID_BINARY);
    return NULL;
  }
  cl_program program = new_program(context, error);
  if (program != NULL) {
    program->is_known = true;
    program->is_binary = true;
    memcpy(program->options, binaries[0] + head_bytes, lengths[0] - head_bytes);
  }
  return program;
}

/* A whole number of 1 to 65536, behind `name`= in a -D option; false for another text. */
static bool read_define(const char *text, const char *name, uint32_t *value)
{
  size_t length = strlen(name);
  char *end;
  if (strncmp(text, name, length) != 0 || text[length] != '=') {
    return false;
  }
  unsigned long number = strtoul(text + length + 1, &end, 10);
  if (*end != '\0' || number == 0 || number > 65536) {
    return false;
  }
  *value = (uint32_t)number;
  return true;
}

static cl_int build_failed(cl_program program, cl_int error, const char *why, const char *what)
{
  program->status = CL_BUILD_ERROR;
  (void)snprintf(program->log, sizeof program->log,
                 "search.cl:1:1: error: %s%s\n1 error generated.\n", why, what);
  return error;
}

/* Reads the options and finds the kernel that they ask for. */
static cl_int compile(cl_program program)
{
  char options[FAKE_OPTIONS_BYTES];
  char shape[64];
  char *rest = NULL;
  uint32_t vector = 0;
  uint32_t groups = 0;
  uint32_t item = 0;
  memcpy(options, program->options, sizeof options);
  for (char *one = strtok_r(options, " ", &rest); one != NULL; one = strtok_r(NULL, " ", &rest)) {
    if (strcmp(one, "-cl-std=CL1.2") == 0) {
      continue;
    }
    const char *define = strcmp(one, "-D") == 0       ? strtok_r(NULL, " ", &rest)
                         : strncmp(one, "-D", 2) == 0 ? one + 2
                                                      : NULL;
    if (define == NULL || !(read_define(define, "FRANK_VECTOR", &vector) ||
                            read_define(define, "FRANK_GROUPS", &groups) ||
                            read_define(define, "FRANK_ITEM", &item))) {
      return build_failed(program, CL_INVALID_BUILD_OPTIONS, "unknown option ", one);
    }
  }
  if (!program->is_known) {
    return build_failed(program, CL_BUILD_PROGRAM_FAILURE,
                        "this device runs Frank's search kernel, and nothing else", "");
  }
  program->native = vector > FAKE_VECTOR_MAX ? NULL : native_kernel_find(vector, groups);
  if (program->native == NULL || item < 256 || (item & (item - 1)) != 0) {
    (void)snprintf(shape, sizeof shape, "FRANK_VECTOR=%u FRANK_GROUPS=%u FRANK_ITEM=%u", vector,
                   groups, item);
    program->native = NULL;
    return build_failed(program, CL_BUILD_PROGRAM_FAILURE, "too much for this device: ", shape);
  }
  program->item = item;
  program->status = CL_BUILD_SUCCESS;
  return CL_SUCCESS;
}

static cl_int build(cl_program program)
{
  if (fake_fault_now(FAULT_BUILD_HANG)) {
    fake_hang();
  }
  if (fake_fault_now(FAULT_BUILD_CRASH)) {
    fake_crash();
  }
  if (fake_fault_now(FAULT_NO_COMPILER) && !program->is_binary) {
    return CL_COMPILER_NOT_AVAILABLE;
  }
  if (fake_fault_now(FAULT_BUILD)) {
    program->status = CL_BUILD_ERROR;
    (void)snprintf(
        program->log, sizeof program->log, "%s",
        "search.cl:7:1: \033[31merror:\033[0m the fake compiler is asked to fail, and says so "
        "in a line that is longer than anybody has room for, as compilers do that name "
        "all the types of a call: 'uint __attribute__((ext_vector_type(16)))', 'uint', "
        "'__constant struct frank_kernel_slice *'\r\n"
        "\tline two, with a bell \a and a \001\n"
        "line three, not UTF-8: \377\376\n");
    return CL_BUILD_PROGRAM_FAILURE;
  }
  if (fake_fault_now(FAULT_STALE_BINARY) && program->is_binary) {
    return build_failed(program, CL_BUILD_PROGRAM_FAILURE, "stale binary", "");
  }
  return compile(program);
}

cl_int fake_build_program(cl_program program, cl_uint count, const cl_device_id *devices,
                          const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
                          void *user)
{
  if (!fake_is(program, KIND_PROGRAM)) {
    return CL_INVALID_PROGRAM;
  }
  if ((count == 0) != (devices == NULL) || count > 1) {
    return CL_INVALID_VALUE;
  }
  if (program->status != CL_BUILD_NONE) {
    return CL_INVALID_OPERATION;
  }
  /* A binary is built already: what it was built with counts. */
  if (!program->is_binary) {
    const char *given = options == NULL ? "" : options;
    if (strlen(given) >= sizeof program->options) {
      return CL_INVALID_BUILD_OPTIONS;
    }
    memcpy(program->options, given, strlen(given) + 1);
  }
  cl_int error = build(program);
  if (notify != NULL) {
    notify(program, user);
  }
  return error;
}

cl_int fake_get_program_build_info(cl_program program, cl_device_id device,
                                   cl_program_build_info what, size_t size, void *value,
                                   size_t *size_ret)
{
  if (!fake_is(program, KIND_PROGRAM)) {
    return CL_INVALID_PROGRAM;
  }
  if (!fake_is(device, KIND_DEVICE)) {
    return CL_INVALID_DEVICE;
  }
  switch (what) {
  case CL_PROGRAM_BUILD_STATUS:
    return fake_answer(&program->status, sizeof program->status, size, value, size_ret);
  case CL_PROGRAM_BUILD_OPTIONS:
    return fake_answer(program->options, strlen(program->options) + 1, size, value, size_ret);
  case CL_PROGRAM_BUILD_LOG:
    return fake_answer(program->log, strlen(program->log) + 1, size, value, size_ret);
  default:
    return CL_INVALID_VALUE;
  }
}

/* `value` is an array of one pointer to where the binary shall go. */
static cl_int answer_binary(const char *binary, size_t binary_bytes, size_t size, void *value,
                            size_t *size_ret)
{
  unsigned char *to = NULL;
  if (value != NULL) {
    if (size < sizeof to) {
      return CL_INVALID_VALUE;
    }
    memcpy(&to, value, sizeof to);
  }
  if (to != NULL) {
    memcpy(to, binary, binary_bytes);
  }
  if (size_ret != NULL) {
    *size_ret = sizeof to;
  }
  return CL_SUCCESS;
}

cl_int fake_get_program_info(cl_program program, cl_program_info what, size_t size, void *value,
                             size_t *size_ret)
{
  if (!fake_is(program, KIND_PROGRAM)) {
    return CL_INVALID_PROGRAM;
  }
  char binary[BINARY_BYTES + FAKE_OPTIONS_BYTES];
  size_t bytes = 0;
  const cl_uint devices = 1;
  if (program->status == CL_BUILD_SUCCESS) {
    size_t head_bytes = (size_t)binary_head(binary, BINARY_BYTES);
    bytes = head_bytes + strlen(program->options);
    memcpy(binary + head_bytes, program->options, strlen(program->options));
  }
  switch (what) {
  case CL_PROGRAM_NUM_DEVICES:
    return fake_answer(&devices, sizeof devices, size, value, size_ret);
  case CL_PROGRAM_BINARY_SIZES:
    return fake_answer(&bytes, sizeof bytes, size, value, size_ret);
  case CL_PROGRAM_BINARIES:
    return answer_binary(binary, bytes, size, value, size_ret);
  default:
    return CL_INVALID_VALUE;
  }
}

cl_int fake_release_program(cl_program program)
{
  if (!fake_is(program, KIND_PROGRAM)) {
    return CL_INVALID_PROGRAM;
  }
  cl_context context = program->context;
  if (fake_release(program)) {
    free(program);
    (void)fake_release_context(context);
  }
  return CL_SUCCESS;
}

/* ---- kernels ---- */

cl_kernel fake_create_kernel(cl_program program, const char *name, cl_int *error)
{
  if (!fake_is(program, KIND_PROGRAM)) {
    set_error(error, CL_INVALID_PROGRAM);
    return NULL;
  }
  if (program->status != CL_BUILD_SUCCESS) {
    set_error(error, CL_INVALID_PROGRAM_EXECUTABLE);
    return NULL;
  }
  if (name == NULL || strcmp(name, FRANK_KERNEL_NAME) != 0) {
    set_error(error, CL_INVALID_KERNEL_NAME);
    return NULL;
  }
  cl_kernel kernel = fake_new(KIND_KERNEL, sizeof *kernel);
  if (kernel != NULL) {
    kernel->program = program;
    fake_retain(program);
  }
  set_error(error, kernel == NULL ? CL_OUT_OF_HOST_MEMORY : CL_SUCCESS);
  return kernel;
}

cl_int fake_release_kernel(cl_kernel kernel)
{
  if (!fake_is(kernel, KIND_KERNEL)) {
    return CL_INVALID_KERNEL;
  }
  cl_program program = kernel->program;
  if (fake_release(kernel)) {
    free(kernel);
    (void)fake_release_program(program);
  }
  return CL_SUCCESS;
}

cl_int fake_set_kernel_arg(cl_kernel kernel, cl_uint at, size_t size, const void *value)
{
  if (!fake_is(kernel, KIND_KERNEL)) {
    return CL_INVALID_KERNEL;
  }
  if (at >= FAKE_ARGS) {
    return CL_INVALID_ARG_INDEX;
  }
  if (value == NULL) {
    return CL_INVALID_ARG_VALUE;
  }
  if (at == ARG_PART_COUNT) {
    if (size != sizeof kernel->args.number[at]) {
      return CL_INVALID_ARG_SIZE;
    }
    memcpy(&kernel->args.number[at], value, size);
  } else {
    cl_mem buffer;
    if (size != sizeof(cl_mem)) {
      return CL_INVALID_ARG_SIZE;
    }
    memcpy(&buffer, value, size);
    if (!fake_is(buffer, KIND_BUFFER)) {
      return CL_INVALID_MEM_OBJECT;
    }
    kernel->args.buffer[at] = buffer;
  }
  kernel->args.is_set[at] = true;
  return CL_SUCCESS;
}

cl_int fake_get_kernel_work_group_info(cl_kernel kernel, cl_device_id device,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_ret)
{
  const size_t most = FAKE_GROUP_MAX;
  const size_t multiple = PREFERRED_GROUPS;
  if (!fake_is(kernel, KIND_KERNEL)) {
    return CL_INVALID_KERNEL;
  }
  if (device != NULL && !fake_is(device, KIND_DEVICE)) {
    return CL_INVALID_DEVICE;
  }
  switch (what) {
  case CL_KERNEL_WORK_GROUP_SIZE:
    return fake_answer(&most, sizeof most, size, value, size_ret);
  case CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE:
    return fake_answer(&multiple, sizeof multiple, size, value, size_ret);
  default:
    return CL_INVALID_VALUE;
  }
}
