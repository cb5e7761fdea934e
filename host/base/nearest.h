/*
 * nearest: which known name a person most likely meant. Pure.
 */
#ifndef FRANK_BASE_NEAREST_H
#define FRANK_BASE_NEAREST_H

#include <stddef.h>

#define FRANK_NEAREST_NAME_BYTES 64 /* of a longer text only the beginning is looked at */

/* The entry of names[0..count) with the least distance from `text`, the first of equals; NULL where
 * there is none. *distance (or NULL) gets the number of slips between them: letters left out, put
 * in, replaced, or swapped with a neighbour; a name's beginning of 2 letters or more is one slip.
 */
const char *frank_nearest(const char *text, const char *const *names, size_t count,
                          size_t *distance);

#endif
