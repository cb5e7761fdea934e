/*
 * frank: all of libfrank, the formats and the arithmetic of proofs of work on signed mail.
 *
 * A program that mints or checks stamps needs this header alone:
 *
 *     cc example.c $(pkg-config --cflags --libs frank)
 *
 * The library is pure: it allocates nothing, keeps no state, does no input or output, and needs the
 * C library and libm only. Every function may be called from any thread. proof/example.c mints a
 * stamp and checks it.
 */
#ifndef FRANK_PROOF_FRANK_H
#define FRANK_PROOF_FRANK_H

#ifdef __cplusplus
extern "C" {
#endif

#include "base/err.h"
#include "proof/base64.h"
#include "proof/dkim.h"
#include "proof/msmr.h"
#include "proof/plan.h"
#include "proof/sha256.h"
#include "proof/taglist.h"
#include "proof/target.h"

#ifdef __cplusplus
}
#endif

#endif
