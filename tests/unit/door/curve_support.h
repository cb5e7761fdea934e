/*
 * curve: keys in the fixture's folder, as keygen makes them, and the folder of the clients that are
 * let in by them.
 */
#ifndef FRANK_TESTS_UNIT_DOOR_CURVE_SUPPORT_H
#define FRANK_TESTS_UNIT_DOOR_CURVE_SUPPORT_H

#include "fixture.h"

#include "door/keys.h"

struct curve {
  char keys[96];       /* the folder that keygen filled */
  char secret[128];    /* the server's file in it */
  char clients[128];   /* the folder of who is let in: nobody at first */
  const char *more[8]; /* tells a door of both; NULL-terminated, with room for two more */
  char server[FRANK_KEY_TEXT_BYTES];                                /* its public key */
  char public[FRANK_KEY_TEXT_BYTES], private[FRANK_KEY_TEXT_BYTES]; /* a pair in no file */
};

/* Makes them all, and has the fixture's door listen on a TCP port. */
void curve_make(struct fixture *fixture, struct curve *curve);

/* Lets in the key, by the file `name`: a door that reads it sees all of it, or what was before. */
void curve_allow(const struct curve *curve, const char *name, const char *key);
void curve_forbid(const struct curve *curve, const char *name);

#endif
