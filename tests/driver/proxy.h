/*
 * proxy: a bad line. A process between a client and a server that cuts connections, spoils bytes,
 * and counts.
 */
#ifndef FRANK_TESTS_DRIVER_PROXY_H
#define FRANK_TESTS_DRIVER_PROXY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a bad line does, and what it has seen. Shared with the process. */
struct proxy_line {
  uint64_t seed;
  uint32_t cut_every;   /* a connection is cut after about so many bytes, 0: never */
  uint32_t spoil_every; /* a bit is flipped in about so many bytes, 0: never */
  bool crumbs;          /* hands on few bytes at a time */
  bool silent;          /* takes bytes and hands nothing on */
  bool far;             /* answers come when the client has nothing more to say for some 20 ms */
  uint64_t connections;
  uint64_t cuts;
  uint64_t spoilt;
  uint64_t turns; /* how often bytes came from the server after some went there */
};

/* Shared memory for a line. It is never freed: tests end. */
struct proxy_line *proxy_line_new(uint64_t seed);

/* Starts the process; `place` (at least 32 bytes) becomes where it listens. */
pid_t proxy_start(struct proxy_line *line, const char *server, char *place);

/* Ends a child of the test, and waits for it. */
void proxy_stop(pid_t pid);

/* A listener on a port of its own choice at 127.0.0.1; `place` becomes where. */
int proxy_listen(char *place);

/* Keeps such a port from others, who would be given it; `place` becomes where. Listeners with
 * proxy_listen_at, and servers, can come and go there until the descriptor is closed. */
int proxy_reserve(char *place);

/* A listener at a place that is reserved. */
int proxy_listen_at(const char *place);

/* Connects to a place as proxy_listen gives them; -1: it refuses. */
int proxy_connect(const char *place);

#endif
