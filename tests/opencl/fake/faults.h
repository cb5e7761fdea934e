/*
 * faults: what the fake driver does wrong, by the environment variable FRANK_FAKE_CL: a list of
 * `fault[=value][@N]`, separated by commas. A fault holds from the N-th kernel launch of the
 * process on (1 where there is no N: from the start), counted when they are enqueued; a call that
 * has no launch of its own counts as part of the next one. A list that cannot be read ends the
 * process with a message: a test must not go on without the fault that it asked for.
 *
 *     FRANK_FAKE_CL=slow=20,hang@5
 */
#ifndef FRANK_TESTS_OPENCL_FAKE_FAULTS_H
#define FRANK_TESTS_OPENCL_FAKE_FAULTS_H

#include <stdbool.h>

enum fake_fault {
  FAULT_NO_PLATFORM,    /* none-platform: CL_PLATFORM_NOT_FOUND_KHR */
  FAULT_NO_DEVICE,      /* no-device: the platform lists nothing */
  FAULT_MANY_DEVICES,   /* many-devices=K: K of them, 1000 at most */
  FAULT_CPU,            /* cpu: the device's type is CPU */
  FAULT_PROBE_HANG,     /* probe-hang: asking for platforms never returns */
  FAULT_PROBE_CRASH,    /* probe-crash: asking for platforms is a SIGSEGV */
  FAULT_OLD,            /* old: OpenCL 1.0 */
  FAULT_NO_COMPILER,    /* no-compiler: CL_DEVICE_COMPILER_AVAILABLE is false */
  FAULT_UNAVAILABLE,    /* unavailable: CL_DEVICE_AVAILABLE is false */
  FAULT_LONG_NAME,      /* long-name: names of 10,000 bytes, control characters, no NUL */
  FAULT_PCI,            /* pci=0000:3b:00.0: the device tells where it sits */
  FAULT_DRIVER,         /* driver=TEXT: another driver version, which refuses old binaries */
  FAULT_BUILD,          /* build: clBuildProgram fails, with lines and control characters */
  FAULT_BUILD_HANG,     /* build-hang: clBuildProgram never returns */
  FAULT_BUILD_CRASH,    /* build-crash: clBuildProgram is a SIGSEGV */
  FAULT_STALE_BINARY,   /* stale-binary: a binary is taken, and fails to build */
  FAULT_HANG,           /* hang: a launch never completes; clFinish never returns */
  FAULT_CRASH,          /* crash: SIGSEGV in the driver's thread, in a launch */
  FAULT_ABORT,          /* abort: SIGABRT there */
  FAULT_WRONG,          /* wrong: a launch reports hits that are none */
  FAULT_MISS,           /* miss: a launch reports nothing */
  FAULT_NOMEM,          /* nomem: clCreateBuffer: CL_MEM_OBJECT_ALLOCATION_FAILURE */
  FAULT_NOMEM_LAUNCH,   /* nomem-launch: clEnqueueNDRangeKernel: CL_OUT_OF_RESOURCES */
  FAULT_FAIL_EVENT,     /* fail-event: a launch ends with a negative status, and searches nothing */
  FAULT_NO_CALLBACK,    /* no-callback: callbacks are taken and never called */
  FAULT_CALLBACK_FAILS, /* callback-fails: clSetEventCallback: CL_INVALID_VALUE */
  FAULT_LATE,           /* late: a queue that is released goes on, a moment later, by itself */
  FAULT_SLOW,           /* slow=MS: a launch takes so many milliseconds more */
  FAULT_COUNT
};

/* A launch is enqueued. Its number, from 1 on. */
unsigned long fake_launch_new(void);
/* The number of the last one; 1 where there was none, so that it is also what belongs to none. */
unsigned long fake_launch_last(void);

/* True where the fault holds now, and for the launch of that number. */
bool fake_fault_now(enum fake_fault fault);
bool fake_fault_in(enum fake_fault fault, unsigned long launch);

/* The value of a fault that has one: its text; its number; "" and 0 where it is not asked for. */
const char *fake_fault_text(enum fake_fault fault);
unsigned long fake_fault_number(enum fake_fault fault);

/* What a fault does that never returns, and one that crashes. */
_Noreturn void fake_hang(void);
void fake_crash(void);

#endif
