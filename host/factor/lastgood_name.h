/*
 * lastgood_name: what the file is called in which a resolver keeps the last good document of a
 * source (factor/resolver/lastgood.h), for who wants it gone. Pure.
 */
#ifndef FRANK_FACTOR_LASTGOOD_NAME_H
#define FRANK_FACTOR_LASTGOOD_NAME_H

#define FRANK_LASTGOOD_NAME_BYTES 24 /* "source-", 16 hex digits, the NUL */

/* `text` is the source as it is configured, its key included. The name depends on that alone, not
 * on the place of the source in an order. */
void frank_lastgood_name(const char *text, char out[FRANK_LASTGOOD_NAME_BYTES]);

#endif
