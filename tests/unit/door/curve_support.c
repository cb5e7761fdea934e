#include "curve_support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

void curve_make(struct fixture *fixture, struct curve *curve)
{
  char why[FRANK_KEYS_WHY_BYTES];
  memset(curve, 0, sizeof *curve);
  (void)snprintf(curve->keys, sizeof curve->keys, "%s/keys", fixture->folder);
  (void)snprintf(curve->secret, sizeof curve->secret, "%s/server.secret", curve->keys);
  (void)snprintf(curve->clients, sizeof curve->clients, "%s/clients", curve->keys);
  assert_int_equal(frank_keys_generate(curve->keys, why), FRANK_OK);
  assert_int_equal(mkdir(curve->clients, 0700), 0);
  assert_int_equal(
      frank_keys_read_in(curve->keys, FRANK_KEY_SERVER_PUBLIC, false, curve->server, why),
      FRANK_OK);
  assert_int_equal(zmq_curve_keypair(curve->public, curve->private), 0);
  const char *const more[] = {"--secret", curve->secret, "--clients", curve->clients};
  memcpy(curve->more, more, sizeof more);
  (void)snprintf(fixture->endpoint, sizeof fixture->endpoint, "tcp://127.0.0.1:*");
}

void curve_allow(const struct curve *curve, const char *name, const char *key)
{
  char path[192];
  char draft[192];
  (void)snprintf(path, sizeof path, "%s/%s", curve->clients, name);
  (void)snprintf(draft, sizeof draft, "%s/%s~", curve->clients, name);
  FILE *file = fopen(draft, "w");
  assert_non_null(file);
  assert_true(fputs(key, file) >= 0);
  assert_int_equal(fclose(file), 0);
  assert_int_equal(rename(draft, path), 0);
}

void curve_forbid(const struct curve *curve, const char *name)
{
  char path[192];
  (void)snprintf(path, sizeof path, "%s/%s", curve->clients, name);
  assert_int_equal(unlink(path), 0);
}
