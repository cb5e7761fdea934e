#include "native.h"

#define NATIVE_SHAPE(vector, groups)                                                               \
  void native_run_##vector##x##groups(const struct native_launch *launch, size_t group,            \
                                      size_t local_id);
#include "native_list.h"
#undef NATIVE_SHAPE

#define NATIVE_SHAPE(vector, groups) {vector, groups, native_run_##vector##x##groups},
static const struct native_kernel kernels[] = {
#include "native_list.h"
};
#undef NATIVE_SHAPE

#define KERNEL_COUNT (sizeof kernels / sizeof kernels[0])

const struct native_kernel *native_kernel_at(size_t i)
{
  return i < KERNEL_COUNT ? &kernels[i] : NULL;
}

const struct native_kernel *native_kernel_find(uint32_t vector, uint32_t groups)
{
  for (size_t i = 0; i < KERNEL_COUNT; i++) {
    if (kernels[i].vector == vector && kernels[i].groups == groups) {
      return &kernels[i];
    }
  }
  return NULL;
}
