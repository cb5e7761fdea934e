/*
 * config_value: one value of one key, between its text and its member: config.c's other half.
 *
 * Only base/config.c uses this. Every text, from a file, a flag or the table's defaults, passes
 * frank_config_value_set; what frank_config_value_write writes reads back to the same value.
 */
#ifndef FRANK_BASE_CONFIG_VALUE_H
#define FRANK_BASE_CONFIG_VALUE_H

#include "base/config.h"

/* Where a value comes from, for messages and for what its quotes mean. */
struct frank_config_origin {
  const char *path; /* a file, or NULL for a flag */
  const char *flag;
  uint32_t line;
  bool quoted;
};

/* The member of `key` in `values`. */
void *frank_config_member(const struct frank_config_key *key, void *values);
const void *frank_config_member_of(const struct frank_config_key *key, const void *values);

/* Writes "PATH:LINE: KEY: ..." or "FLAG: ..." into `why` (FRANK_CONFIG_WHY_BYTES), returns `err`.
 */
__attribute__((format(printf, 5, 6))) enum frank_err
frank_config_refuse(const struct frank_config_origin *origin, const char *key, char *why,
                    enum frank_err err, const char *format, ...);

/* What a value of `type` should be, for messages: "a whole number (10, 10k, 2m)". */
const char *frank_config_type_text(enum frank_config_type type);

/* Checks `text` and stores it; a LIST gets one more element. FRANK_ERR_MALFORMED, FRANK_ERR_RANGE,
 * with `why`. */
FRANK_MUST_CHECK enum frank_err frank_config_value_set(const struct frank_config_key *key,
                                                       const struct frank_config_origin *origin,
                                                       const char *text, void *values, char *why);

/* Writes the value as it would stand in a file. */
void frank_config_value_write(const struct frank_config_key *key, const void *values, FILE *out);

/* Writes what values the key takes, in words. */
void frank_config_range_write(const struct frank_config_key *key, FILE *out);

#endif
