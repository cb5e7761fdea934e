/*
 * row: everything that frank-bench measures is a row of one table: what was measured, in which
 * unit, and one sample for each round. Rounds fill the table; every output, the plot and the
 * comparison with an earlier run read it, and nothing else.
 *
 * Owner: whoever embeds the table (large: allocate it). Pure; no allocation.
 */
#ifndef FRANK_BENCH_ROW_H
#define FRANK_BENCH_ROW_H

#include "base/err.h"
#include "bench/stats.h"
#include "engine/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_ROWS_MAX         8192 /* --each --isa all on 31 cores needs 3200 */
#define BENCH_ROWS_FULL_TEXT   "more than %d figures: fewer --device, --isa or --shape"
#define BENCH_ROUNDS_TO_JUDGE  3 /* fewer samples say nothing about the spread */
#define BENCH_DEVICE_BYTES     FRANK_DEVICE_NAME_BYTES
#define BENCH_SUBJECT_BYTES    160 /* "daemon/" and a device */
#define BENCH_NOTE_BYTES       192
#define BENCH_SHAPE_NAME_BYTES 16
#define BENCH_REFERENCE        "cpu" /* other engines are held against it: all cores */

/* How a number is written for people. */
enum bench_kind {
  BENCH_KIND_COUNT,  /* "74.5 M" */
  BENCH_KIND_RATIO,  /* "0.997" */
  BENCH_KIND_SHARE,  /* "84.1%" */
  BENCH_KIND_TIME,   /* microseconds: "1.41 ms" */
  BENCH_KIND_MEMORY, /* KiB: "20.1 MiB" */
  BENCH_KIND_SMALL   /* "0.0078125" */
};

enum bench_metric {
  BENCH_ATTEMPTS,       /* attempts per second */
  BENCH_COMPRESSIONS,   /* attempts times the blocks of the plan */
  BENCH_LIMIT_SHARE,    /* of what the arithmetic units allow (limit.h) */
  BENCH_PLAIN_SHARE,    /* the same by the plain counts */
  BENCH_ENERGY,         /* joules for a million attempts */
  BENCH_PER_CYCLE,      /* simulated devices: attempts per simulated cycle */
  BENCH_CYCLE_SHARE,    /* FPGA cores: the same over U/(64 N), what their rounds per cycle allow */
  BENCH_PROJECTED,      /* simulated devices: attempts per second at a clock that the user gave */
  BENCH_RATIO,          /* of two subjects' attempts per second, of the same round */
  BENCH_STAMPS,         /* stamps per second */
  BENCH_P50,            /* time to a stamp, half of them */
  BENCH_P99,            /* 99 of 100 */
  BENCH_RESIDENT,       /* memory of a process */
  BENCH_STAMP_MEAN,     /* measured mints, one after the other; of all rounds together */
  BENCH_STAMP_ERROR,    /* the standard error of that mean */
  BENCH_STAMP_P95,      /* 95 of 100 */
  BENCH_STAMP_LAW_MEAN, /* what the geometric law says for the measured rate */
  BENCH_STAMP_LAW_P95,
  BENCH_METRICS
};

struct bench_metric_info {
  const char *name; /* in JSON and CSV */
  const char *unit; /* there, too */
  const char *text; /* for people */
  enum bench_kind kind;
  bool compared;     /* two runs are held against each other by it; more is better */
  double spread_max; /* above it two runs cannot be told apart; 0: it is not judged */
};

const struct bench_metric_info *bench_metric_info(enum bench_metric metric);
/* By its name; false where there is none. */
bool bench_metric_find(const char *name, enum bench_metric *metric);

enum bench_role {
  BENCH_ROLE_ENGINE, /* ours, without a daemon */
  BENCH_ROLE_DAEMON, /* ours, through a frankd */
  BENCH_ROLE_PEER,   /* another program */
  BENCH_ROLE_DERIVED /* of two others */
};
const char *bench_role_name(enum bench_role role);
bool bench_role_find(const char *name, enum bench_role *role);

/* What a row is about. No two rows have the same. */
struct bench_row_key {
  char subject[BENCH_SUBJECT_BYTES];  /* "cpu", "cpu:0", "daemon", "hashcat", "daemon/cpu" */
  char device[BENCH_DEVICE_BYTES];    /* as named by --device; empty for peers */
  char variant[32];                   /* the code path; empty for peers */
  char shape[BENCH_SHAPE_NAME_BYTES]; /* name of a shape (shape.h) */
  enum bench_metric metric;
  uint64_t factor; /* of the stamps asked for; 0: no stamps */
};

struct bench_row {
  struct bench_row_key key;
  enum bench_role role;
  bool simulated;    /* of a simulated device: says nothing about any hardware */
  bool on_cores;     /* it searches on the machine's cores, as peers do; not kept in files */
  bool is_reference; /* of BENCH_REFERENCE, by the code path that a frankd takes; likewise */
  char note[BENCH_NOTE_BYTES]; /* what the figure rests on: a version, the port counts */
  size_t count;
  double samples[BENCH_ROUNDS_MAX];
  uint8_t rounds[BENCH_ROUNDS_MAX]; /* of each sample, from 1, rising */
};

struct bench_rows {
  size_t count;
  struct bench_row rows[BENCH_ROWS_MAX];
};

/* NULL where there is no such row. */
struct bench_row *bench_rows_find(struct bench_rows *rows, const struct bench_row_key *key);
/* Adds the sample of a round (1..BENCH_ROUNDS_MAX, at least that of the row's last sample;
 * asserted) to the row of this key, which it makes where there is none; a second sample of a round
 * replaces the first. NULL: the table is full. */
struct bench_row *bench_rows_add(struct bench_rows *rows, const struct bench_row_key *key,
                                 enum bench_role role, uint32_t round, double value);
/* Makes the row's only sample: a figure of all rounds so far together. NULL: full. */
struct bench_row *bench_rows_set(struct bench_rows *rows, const struct bench_row_key *key,
                                 enum bench_role role, uint32_t round, double value);

/* What it is about, for people: "daemon (opencl:0.0)"; no more than the subject where that begins
 * with the device, and of "cpu", which is what everybody means. Returns `text`. */
#define BENCH_SUBJECT_TEXT_BYTES (BENCH_SUBJECT_BYTES + BENCH_DEVICE_BYTES + 4)
const char *bench_row_subject(const struct bench_row *row, char *text, size_t size);
/* The row's sample of that round; false where it has none. */
bool bench_row_at(const struct bench_row *row, uint32_t round, double *value);
/* The row has a sample (asserted). */
struct bench_summary bench_row_summary(const struct bench_row *row);
/* True where the metric is judged and its spread is too wide to tell two runs apart. */
bool bench_row_is_noisy(const struct bench_row *row);

/* After the rows of a round and shape: a ratio row for every pair of the same shape that belongs
 * together: daemon/engine of the same device and code path; of what searches on the machine's cores
 * also engine/peer, daemon/peer and other engines/cpu. Left out: simulated devices, and single
 * cores, which no peer is confined to. FRANK_ERR_FULL. */
FRANK_MUST_CHECK enum frank_err bench_rows_add_ratios(struct bench_rows *rows, const char *shape,
                                                      uint32_t round);

#endif
