/*
 * kept: a store in a folder of the test's own, and one file in it.
 */
#ifndef FRANK_TESTS_UNIT_ENGINE_KEPT_SUPPORT_H
#define FRANK_TESTS_UNIT_ENGINE_KEPT_SUPPORT_H

#include "engine/engine.h"
#include "engine/kept.h"

#include <stddef.h>
#include <stdint.h>

#define KEPT_NAME          "tuning.bin"
#define KEPT_MAX_BYTES     ((size_t)1 << 20) /* a read wants no more */
#define KEPT_CONTENT_BYTES 32

extern const struct frank_hash kept_key;
extern const char kept_content[KEPT_CONTENT_BYTES]; /* to be kept, as good as any */

extern char kept_root[64];  /* the folder of the test's own; the store is below it */
extern char kept_dir[80];   /* the store */
extern char kept_path[128]; /* the file */
extern char kept_why[FRANK_ENGINE_WHY_BYTES]; /* of the last write or read */

/* For cmocka. */
int kept_set_up(void **state);
int kept_tear_down(void **state);

/* Writes the file. */
enum frank_err kept_keep(const void *data, size_t len);
/* What a read of our key gives; the data is compared. */
enum frank_err kept_find(const void *expected, size_t len);
/* Puts these bytes in the place of the file, past the code under test. */
void kept_put_raw(const uint8_t *bytes, size_t len);
/* How many files are in the store. */
unsigned kept_entries(void);

#endif
