/*
 * opencl: the engine of every device that an OpenCL driver offers, "opencl:P.D": device D of
 * platform P, as the ICD loader lists them. README.md has the way of the data.
 */
#ifndef FRANK_ENGINE_OPENCL_OPENCL_H
#define FRANK_ENGINE_OPENCL_OPENCL_H

#include "engine/engine.h"

extern const struct frank_engine frank_engine_opencl;

#endif
