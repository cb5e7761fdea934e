/* In place of verify_dkim.c where FRANK_MILTER is OFF. */
#include "programs/verify_dkim.h"

int frank_verify_dkim(struct frank_cmd_line *line, const struct frank_verify_dkim_asked *asked,
                      struct frank_verify_dkim *out)
{
  (void)asked;
  (void)out;
  return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                        "--dkim is not in this build (FRANK_MILTER)");
}

void frank_verify_dkim_print(const struct frank_verify_dkim *dkim)
{
  (void)dkim;
}

json_t *frank_verify_dkim_json(const struct frank_verify_dkim *dkim)
{
  (void)dkim;
  return NULL;
}
