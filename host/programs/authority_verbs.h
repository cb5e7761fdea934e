/*
 * authority_verbs: what frank-authority does besides serving: one function for each verb, which
 * returns the exit status. Results go to standard output, errors to standard error; with --json one
 * object a line, and a final record always.
 */
#ifndef FRANK_PROGRAMS_AUTHORITY_VERBS_H
#define FRANK_PROGRAMS_AUTHORITY_VERBS_H

#include "factor/authority/control.h"
#include "programs/authority_config.h"

int authority_publish(const struct authority_config *config);
int authority_rotate(const struct authority_config *config);
int authority_keys(const struct authority_config *config);
int authority_history(const struct authority_config *config);
int authority_reporter(const struct authority_config *config);
int authority_estimate(const struct authority_config *config);

/* The estimation's settings of the command line. */
struct frank_control_config authority_control(const struct authority_config *config);

#endif
