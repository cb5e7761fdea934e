#include "factor/json.h"

#include "base/json_memory.h"
#include "base/json_text.h"
#include "factor/document.h"
#include "factor/why.h"

#include <stdlib.h>

#define DEPTH_MAX 8 /* a set of keys has 3 */

enum frank_err frank_factor_json_load(const char *text, size_t len_bytes, const char *what,
                                      json_t **root, char *why)
{
  struct frank_json_walk walk;
  json_error_t error;
  *root = NULL;
  if (len_bytes > FRANK_FACTOR_BODY_MAX_BYTES) {
    return frank_factor_fail(FRANK_ERR_TOO_LONG, why, "%s of %zu bytes, above %d", what, len_bytes,
                             FRANK_FACTOR_BODY_MAX_BYTES);
  }
  frank_json_walk(text, len_bytes, &walk);
  if (walk.depth_max > DEPTH_MAX) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is nested %zu deep, above %d", what,
                             walk.depth_max, DEPTH_MAX);
  }
  json_set_alloc_funcs(frank_json_memory_get, free);
  frank_json_memory_begin();
  json_t *read = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, &error);
  if (frank_json_memory_failed()) {
    json_decref(read);
    return frank_factor_fail(FRANK_ERR_NOMEM, why, "no memory for %s of %zu bytes", what,
                             len_bytes);
  }
  if (!read) {
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is no JSON: line %d: %.100s", what,
                             error.line, error.text);
  }
  if (!json_is_object(read)) {
    json_decref(read);
    return frank_factor_fail(FRANK_ERR_MALFORMED, why, "%s is no JSON object", what);
  }
  *root = read;
  return FRANK_OK;
}
