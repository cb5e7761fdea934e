#include "base/err.h"

#include <stddef.h>

static const struct {
  const char *text;
  bool can_retry;
} errs[FRANK_ERR_COUNT] = {
    [FRANK_OK] = {"success", false},
    [FRANK_ERR_NOMEM] = {"no memory", true},
    [FRANK_ERR_MALFORMED] = {"malformed", false},
    [FRANK_ERR_UNSUPPORTED] = {"not supported", false},
    [FRANK_ERR_RANGE] = {"out of range", false},
    [FRANK_ERR_TOO_LONG] = {"too long", false},
    [FRANK_ERR_NOT_FOUND] = {"not found", false},
    [FRANK_ERR_TAKEN] = {"already taken", false},
    [FRANK_ERR_FULL] = {"full", true},
    [FRANK_ERR_AGAIN] = {"nothing now", true},
    [FRANK_ERR_CLOSED] = {"peer gone", false},
    [FRANK_ERR_IO] = {"input/output error", false},
    [FRANK_ERR_TIMEOUT] = {"timed out", true},
    [FRANK_ERR_DENIED] = {"not allowed", false},
    [FRANK_ERR_DEVICE] = {"device failure", true},
};

const char *frank_err_text(enum frank_err err)
{
  if ((size_t)err >= FRANK_ERR_COUNT) {
    return "unknown error";
  }
  return errs[err].text;
}

bool frank_err_can_retry(enum frank_err err)
{
  return (size_t)err < FRANK_ERR_COUNT && errs[err].can_retry;
}
