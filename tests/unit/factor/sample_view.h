/*
 * sample_view: views of an authority to make pages of: ordinary ones, odd ones, hostile ones.
 */
#ifndef FRANK_TESTS_UNIT_FACTOR_SAMPLE_VIEW_H
#define FRANK_TESTS_UNIT_FACTOR_SAMPLE_VIEW_H

#include "factor/authority/view.h"

#include <stdbool.h>
#include <stddef.h>

struct sample_view {
  struct frank_authority_view view; /* its history is `epochs` */
  struct frank_authority_epoch epochs[FRANK_AUTHORITY_HISTORY_MAX];
};

/* "ordinary", "one", "thousand", ...; the last is NULL. */
extern const char *const sample_view_names[];

/* Fills it; a name that is digits is the seed of a random view. False: no such name. */
bool sample_view_make(struct sample_view *sample, const char *name);

#endif
