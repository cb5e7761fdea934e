/*
 * factor_estimate: `frank factor --estimate`: what this host's observations ask for, and why.
 */
#ifndef FRANK_PROGRAMS_FACTOR_ESTIMATE_H
#define FRANK_PROGRAMS_FACTOR_ESTIMATE_H

#include "programs/cmd.h"

/* The factor in force is that of --factor, else what an authority in the same folder has published,
 * else the default floor; --state is the folder of the observations. Changes nothing. Returns the
 * exit status. */
int frank_cmd_factor_estimate(struct frank_cmd_line *line);

#endif
