/*
 * kernels: the text of the OpenCL kernel, embedded at build (README.md).
 */
#ifndef FRANK_KERNELS_KERNELS_H
#define FRANK_KERNELS_KERNELS_H

#include <stddef.h>

/* The kernel that layout.h serves: its name. */
#define FRANK_KERNEL_NAME "frank_search"

/* OpenCL C 1.2, ends with a NUL that is not counted. */
extern const char frank_kernel_source[];
extern const size_t frank_kernel_source_len_bytes;

#endif
