/*
 * status: a snapshot of the mint service and of frankd's children, in a fixed layout.
 *
 * frankd fills it; the doors answer `status` from it, the web child /status and /metrics. It fits
 * in one channel record.
 */
#ifndef FRANK_MINT_STATUS_H
#define FRANK_MINT_STATUS_H

#include "engine/engine.h"

#include <stdint.h>

#define FRANK_STATUS_DEVICES_MAX  128
#define FRANK_STATUS_CLIENTS_MAX  32
#define FRANK_STATUS_CHILDREN_MAX 24
#define FRANK_STATUS_SOURCES_MAX  12
#define FRANK_STATUS_BUCKETS      16

/* How a request ended, and how many did: the rows of frank_jobs_total{result=...}. */
enum frank_result {
  FRANK_RESULT_MET,      /* a stamp that meets its factor */
  FRANK_RESULT_BEST,     /* the best at the deadline, met false */
  FRANK_RESULT_DEADLINE, /* error deadline (on_deadline fail) */
  FRANK_RESULT_CANCELLED,
  FRANK_RESULT_TOO_HARD,
  FRANK_RESULT_BUSY,
  FRANK_RESULT_UNSUPPORTED,
  FRANK_RESULT_NO_DEVICE,
  FRANK_RESULT_SHUTTING_DOWN,
  FRANK_RESULT_ABANDONED, /* its door died before the answer */
  FRANK_RESULT_INTERNAL,  /* no memory */
  FRANK_RESULT_COUNT
};
const char *frank_result_name(enum frank_result result); /* "met", "too-hard": metrics labels */

/* What supervision says of a child. Names by frank_child_state_name: "starting", ... */
enum frank_child_state {
  FRANK_CHILD_STARTING,
  FRANK_CHILD_READY,
  FRANK_CHILD_PAUSED,      /* failed; restarted after a pause */
  FRANK_CHILD_QUARANTINED, /* failed repeatedly; tried again much later */
  FRANK_CHILD_ABSENT,      /* named, but there is no such device */
  FRANK_CHILD_STATE_COUNT
};
const char *frank_child_state_name(enum frank_child_state state);

struct frank_status_device {
  char name[FRANK_DEVICE_NAME_BYTES];
  char engine[16];
  char variant[32];
  char model[96];
  char place[64];
  char why[160]; /* why it is not ready; empty where it is */
  int32_t numa_node;
  uint32_t state; /* enum frank_child_state */
  double rate_hps;
  uint64_t attempts;
  uint64_t wrong_hits;
  uint64_t restarts;
  uint64_t stalls; /* times its slices were taken back because they were late */
  uint32_t pid;
  uint32_t zero_rate; /* 1: it has work but makes no progress */
  uint32_t simulated; /* 1: a simulation; its speed says nothing about the hardware's */
  uint32_t reserved;
};

struct frank_status_client {
  char name[64];
  uint64_t attempts;
  uint32_t waiting;
  uint32_t reserved;
};

/* Doors and web, by endpoint. */
struct frank_status_child {
  char name[96]; /* "door ipc:///run/frank/mint.sock" */
  uint32_t state;
  uint32_t pid;
  uint64_t restarts;
  uint64_t dropped; /* messages of a door without an envelope to answer to */
};

/* A source of the factor, in the operator's order. */
struct frank_status_source {
  char name[192];  /* as configured */
  char kind[8];    /* "fixed", "file", "url", "dns", "floor" */
  char source[96]; /* "issuer#epoch" and the like; "" while it gives none */
  char why[192];   /* why it gives none, or what went wrong at the last try; "" nothing */
  uint64_t factor; /* 0: none */
  int64_t issued_s;
  int64_t expires_s;        /* unix; 0: does not */
  uint64_t previous_factor; /* 0: none */
  int64_t previous_until_s;
  int64_t confirmed_s; /* when it last gave a good answer; 0: not since the start */
  int64_t next_s;      /* when it is asked next; 0: it is not asked */
  uint64_t fetches;
  uint64_t failures;
  uint32_t in_force; /* 1: the one that counts */
  uint32_t kept;     /* 1: from an earlier run, not confirmed since */
  uint32_t testing;  /* 1: published for trying */
  uint32_t dnssec;   /* of a record in DNS: 0 not signed, 1 right, 2 wrong */
};

/* What look-ups of recipients' domains came to. */
struct frank_status_lookups {
  uint64_t started;
  uint64_t found;
  uint64_t absent;
  uint64_t failed;
  uint64_t timed_out; /* requests that did not wait any longer */
  uint64_t too_high;  /* factors above max-factor, ignored */
  uint64_t crowded;   /* requests and look-ups that found no room */
  uint32_t waiting;   /* requests that wait for one */
  uint32_t kept;      /* answers */
};

struct frank_status {
  char version[32];
  uint64_t uptime_ms;
  uint32_t ready;    /* 1: at least one device and every door is ready */
  uint32_t draining; /* 1: after SIGTERM */
  uint32_t waiting;  /* requests whose search has no slice at a device */
  uint32_t running;  /* requests whose search has */
  uint32_t queue_bound;
  uint32_t cached; /* answers kept */
  uint64_t factor;
  int64_t factor_expires_s; /* 0: does not expire */
  char factor_source[96];
  struct frank_status_lookups lookups;
  uint32_t source_count;
  uint32_t reserved_source;
  uint64_t totals[FRANK_RESULT_COUNT];
  uint64_t attempts_total;
  uint64_t useful_attempts_total; /* of searches that ended in an answer */
  uint64_t wrong_hits_total;
  /* Seconds from arrival to answer of met stamps: bucket i counts those of at most
   * frank_status_bucket_s[i], not cumulative; the last counts the rest. */
  uint64_t mint_seconds[FRANK_STATUS_BUCKETS + 1];
  double mint_seconds_sum;
  uint32_t device_count;
  uint32_t client_count;
  uint32_t child_count;
  uint32_t reserved;
  struct frank_status_device devices[FRANK_STATUS_DEVICES_MAX];
  struct frank_status_client clients[FRANK_STATUS_CLIENTS_MAX];
  struct frank_status_child children[FRANK_STATUS_CHILDREN_MAX];
  struct frank_status_source sources[FRANK_STATUS_SOURCES_MAX];
};
extern const double frank_status_bucket_s[FRANK_STATUS_BUCKETS];

#endif
