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

/* A socket connected to the fixture's door with these keys; without CURVE where `server` is NULL.
 */
void *curve_client(struct fixture *fixture, const char *server, const char *public,
                   const char *private);
/* The same with the door's key, connected anew until the door lets it in and answers: then it has
 * read the folder. */
void *curve_enter(struct fixture *fixture, const struct curve *curve, const char *public,
                  const char *private);
/* Has the door read the folder again, and waits until it has: the pair must have come into it. */
void curve_reload(struct fixture *fixture, const struct curve *curve, const char *public,
                  const char *private);

#endif
