/* In place of cmd_learn.c and factor_estimate.c where FRANK_AUTHORITY is OFF. */
#include "programs/cmd.h"
#include "programs/factor_estimate.h"

int frank_cmd_learn(struct frank_cmd_line *line)
{
  return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                        "learn is not in this build (FRANK_AUTHORITY)");
}

int frank_cmd_factor_estimate(struct frank_cmd_line *line)
{
  return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                        "--estimate is not in this build (FRANK_AUTHORITY)");
}
