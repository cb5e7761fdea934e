#include "programs/authority_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

bool authority_emit(json_t *record, bool is_final)
{
  bool done = record != NULL;
  if (done && is_final) {
    done = json_object_set_new(record, "final", json_true()) == 0;
  }
  done = done && json_dumpf(record, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF;
  json_decref(record);
  return done;
}

int authority_fail(const struct authority_config *config, enum frank_err err, const char *why)
{
  (void)fprintf(stderr, "frank-authority: %s\n", why);
  if (config->json) {
    (void)authority_emit(json_pack("{s:s,s:s}", "error", frank_err_text(err), "message", why),
                         true);
  }
  return AUTHORITY_EXIT_FAILED;
}

int authority_finish(bool done)
{
  if (!done || fflush(stdout) != 0 || ferror(stdout)) {
    perror("frank-authority: standard output");
    return AUTHORITY_EXIT_FAILED;
  }
  return AUTHORITY_EXIT_OK;
}

const char *authority_time(int64_t at_s, char out[AUTHORITY_TIME_BYTES])
{
  time_t at = (time_t)at_s;
  struct tm parts;
  if (gmtime_r(&at, &parts) == NULL ||
      strftime(out, AUTHORITY_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
    (void)snprintf(out, AUTHORITY_TIME_BYTES, "%" PRId64, at_s);
  }
  return out;
}
