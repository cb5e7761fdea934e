#include "factor/observations.h"

#include "factor/observations_db.h"
#include "proof/target.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_S          3600
#define DAY_S           86400
#define BITS_STEPS      10000.0 /* in one bit */
#define BITS_MAX        256
#define LOCAL_ID        0 /* its row in `reporters` is made when it is first needed */
#define REPORTERS_FIRST 64

static int64_t hour_of(int64_t at_s)
{
  return at_s / HOUR_S;
}

static int64_t bits_steps(double bits)
{
  return (int64_t)floor(bits * BITS_STEPS + 0.5);
}

/* ---- writing ---- */

/* The statements of one transaction. */
struct writer {
  struct frank_observations *store;
  sqlite3_stmt *add;
  sqlite3_stmt *take;
  char *why;
};

static enum frank_err run_bound(struct writer *writer, sqlite3_stmt *statement)
{
  bool has_row = false;
  return frank_sqlite_step(&writer->store->file, statement, &has_row, writer->why);
}

static enum frank_err count_up(struct writer *writer, int64_t reporter, int64_t hour, int64_t spam,
                               int64_t bits, int64_t n)
{
  const int64_t values[] = {reporter, hour, spam, bits, n};
  for (int i = 0; i < 5; i++) {
    (void)sqlite3_bind_int64(writer->add, i + 1, values[i]);
  }
  return run_bound(writer, writer->add);
}

/* Once in a day (UTC) what is too old goes; a day that is still to come was of a clock ahead. */
static enum frank_err tidy(struct frank_observations *store, int64_t now_s, char *why)
{
  int64_t tidied_day = 0;
  char sql[400];
  enum frank_err err =
      frank_sqlite_number(&store->file, "SELECT tidied_day FROM meta", &tidied_day, why);
  if (err != FRANK_OK || tidied_day == now_s / DAY_S) {
    return err;
  }
  long long oldest = hour_of(now_s - FRANK_OBSERVATIONS_KEEP_S);
  (void)snprintf(sql, sizeof sql,
                 "DELETE FROM counts WHERE reporter IN (SELECT id FROM reporters) AND hour<%lld;"
                 "DELETE FROM reports WHERE hour<%lld; DELETE FROM learned WHERE hour<%lld;"
                 "UPDATE meta SET tidied_day=%lld;",
                 oldest, oldest, oldest, (long long)(now_s / DAY_S));
  return frank_sqlite_run(&store->file, sql, why);
}

static enum frank_err have_local(struct frank_observations *store, int64_t now_s, char *why)
{
  char sql[160];
  (void)snprintf(sql, sizeof sql,
                 "INSERT OR IGNORE INTO reporters(id,name,made_s) "
                 "VALUES(%d,'" FRANK_REPORTER_LOCAL "',%lld)",
                 LOCAL_ID, (long long)now_s);
  return frank_sqlite_run(&store->file, sql, why);
}

static enum frank_err begin(struct writer *writer, int64_t now_s)
{
  enum frank_err err = frank_sqlite_run(&writer->store->file, "BEGIN IMMEDIATE", writer->why);
  if (err != FRANK_OK) {
    return err;
  }
  err = tidy(writer->store, now_s, writer->why);
  err = err ? err : have_local(writer->store, now_s, writer->why);
  err = err ? err
            : frank_sqlite_prepare(&writer->store->file,
                                   "INSERT INTO counts VALUES(?1,?2,?3,?4,?5) ON CONFLICT "
                                   "DO UPDATE SET n=n+excluded.n",
                                   &writer->add, writer->why);
  return err;
}

/* Closes the statements first: a transaction with open ones cannot be rolled back cleanly. */
static enum frank_err end(struct writer *writer, int64_t messages, enum frank_err err)
{
  char sql[80];
  (void)sqlite3_finalize(writer->add);
  (void)sqlite3_finalize(writer->take);
  if (err == FRANK_OK && messages > 0) {
    (void)snprintf(sql, sizeof sql, "UPDATE meta SET total=total+%lld", (long long)messages);
    err = frank_sqlite_run(&writer->store->file, sql, writer->why);
  }
  return frank_sqlite_end(&writer->store->file, err, writer->why);
}

static enum frank_err check_one(const struct frank_observation *one, size_t index, int64_t now_s,
                                char *why)
{
  const char *what = NULL;
  if (!(one->bits >= 0 && one->bits <= BITS_MAX)) {
    what = "bits are not 0 to 256";
  } else if (one->count < 1 || one->count > FRANK_OBSERVATIONS_COUNT_MAX) {
    what = "the count is not 1 to 1000000";
  } else if (one->at_s < HOUR_S || one->at_s > now_s + FRANK_OBSERVATIONS_FUTURE_S) {
    what = "the time is not past";
  } else if (one->at_s < now_s - FRANK_OBSERVATIONS_KEEP_S) {
    what = "the time is too long ago";
  }
  if (what) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "observation %zu: %s", index + 1, what);
  }
  return what ? FRANK_ERR_RANGE : FRANK_OK;
}

static bool is_report_id(const char *id)
{
  size_t len = strlen(id);
  for (size_t i = 0; i < len; i++) {
    if (id[i] < 0x20 || id[i] > 0x7e) {
      return false;
    }
  }
  return len >= 1 && len <= FRANK_OBSERVATIONS_REPORT_BYTES;
}

/* Finds the reporter, and counts its messages of the day. */
static enum frank_err find_reporter(struct writer *writer, const char *name, int64_t messages,
                                    int64_t now_s, int64_t *id)
{
  sqlite3_stmt *statement = NULL;
  bool has_row = false;
  int64_t today = 0;
  char sql[120];
  enum frank_err err = frank_sqlite_prepare(
      &writer->store->file,
      "SELECT id, CASE WHEN day=?2 THEN day_messages ELSE 0 END FROM reporters "
      "WHERE name=?1",
      &statement, writer->why);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 2, now_s / DAY_S);
    err = frank_sqlite_step(&writer->store->file, statement, &has_row, writer->why);
  }
  if (err == FRANK_OK && has_row) {
    *id = sqlite3_column_int64(statement, 0);
    today = sqlite3_column_int64(statement, 1) + messages;
  }
  (void)sqlite3_finalize(statement);
  if (err == FRANK_OK && !has_row) {
    (void)snprintf(writer->why, FRANK_OBSERVATIONS_WHY_BYTES, "no reporter %.64s", name);
    return FRANK_ERR_NOT_FOUND;
  }
  if (err == FRANK_OK && *id != LOCAL_ID && today > FRANK_REPORTER_DAY_MAX) {
    (void)snprintf(writer->why, FRANK_OBSERVATIONS_WHY_BYTES,
                   "%.64s has reported more than %d messages in a day", name,
                   FRANK_REPORTER_DAY_MAX);
    return FRANK_ERR_DENIED;
  }
  if (err == FRANK_OK) {
    (void)snprintf(sql, sizeof sql,
                   "UPDATE reporters SET day=%lld, day_messages=%lld WHERE id=%lld",
                   (long long)(now_s / DAY_S), (long long)today, (long long)*id);
    err = frank_sqlite_run(&writer->store->file, sql, writer->why);
  }
  return err;
}

static enum frank_err keep_report_id(struct writer *writer, int64_t reporter, const char *report_id,
                                     int64_t now_s)
{
  sqlite3_stmt *statement = NULL;
  enum frank_err err =
      frank_sqlite_prepare(&writer->store->file, "INSERT OR IGNORE INTO reports VALUES(?1,?2,?3)",
                           &statement, writer->why);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_int64(statement, 1, reporter);
    (void)sqlite3_bind_text(statement, 2, report_id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, 3, hour_of(now_s));
    err = run_bound(writer, statement);
  }
  (void)sqlite3_finalize(statement);
  if (err == FRANK_OK && sqlite3_changes(writer->store->file.db) == 0) {
    (void)snprintf(writer->why, FRANK_OBSERVATIONS_WHY_BYTES, "report '%.64s' was taken before",
                   report_id);
    return FRANK_ERR_TAKEN;
  }
  return err;
}

enum frank_err frank_observations_add(struct frank_observations *observations, const char *reporter,
                                      const char *report_id, const struct frank_observation *list,
                                      size_t count, int64_t now_s, char *why)
{
  struct writer writer = {.store = observations, .why = why};
  int64_t messages = 0;
  int64_t id = 0;
  enum frank_err err = FRANK_OK;
  if (report_id && !is_report_id(report_id)) {
    (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "the id is not 1 to %d printable characters",
                   FRANK_OBSERVATIONS_REPORT_BYTES);
    return FRANK_ERR_MALFORMED;
  }
  for (size_t i = 0; i < count; i++) {
    err = check_one(&list[i], i, now_s, why);
    if (err != FRANK_OK) {
      return err;
    }
    messages += list[i].count;
  }
  err = begin(&writer, now_s);
  /* The id comes first: a report that was taken is no flood when it comes again. */
  err = err ? err : find_reporter(&writer, reporter, 0, now_s, &id);
  err = err || !report_id ? err : keep_report_id(&writer, id, report_id, now_s);
  err = err ? err : find_reporter(&writer, reporter, messages, now_s, &id);
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    err = count_up(&writer, id, hour_of(list[i].at_s), list[i].is_spam, bits_steps(list[i].bits),
                   list[i].count);
  }
  return end(&writer, messages, err);
}

/* ---- learning ---- */

struct known {
  bool is_known;
  int64_t hour, spam, bits;
};

static enum frank_err find_learned(struct writer *writer, sqlite3_stmt *find,
                                   const struct frank_learning *one, struct known *known)
{
  (void)sqlite3_bind_blob(find, 1, one->id, sizeof one->id, SQLITE_STATIC);
  enum frank_err err = frank_sqlite_step(&writer->store->file, find, &known->is_known, writer->why);
  if (err == FRANK_OK && known->is_known) {
    known->hour = sqlite3_column_int64(find, 0);
    known->spam = sqlite3_column_int64(find, 1);
    known->bits = sqlite3_column_int64(find, 2);
    (void)sqlite3_reset(find);
  }
  return err;
}

static enum frank_err take_back(struct writer *writer, const struct known *known)
{
  enum frank_err err = FRANK_OK;
  if (!writer->take) {
    err = frank_sqlite_prepare(&writer->store->file,
                               "UPDATE counts SET n=n-1 WHERE reporter=?1 AND hour=?2 AND "
                               "spam=?3 AND bits=?4 AND n>0",
                               &writer->take, writer->why);
  }
  if (err == FRANK_OK) {
    const int64_t values[] = {LOCAL_ID, known->hour, known->spam, known->bits};
    for (int i = 0; i < 4; i++) {
      (void)sqlite3_bind_int64(writer->take, i + 1, values[i]);
    }
    err = run_bound(writer, writer->take);
  }
  return err;
}

static enum frank_err learn_one(struct writer *writer, sqlite3_stmt *find, sqlite3_stmt *keep,
                                struct frank_learning *one, int64_t now_s)
{
  struct known known = {0};
  enum frank_err err = find_learned(writer, find, one, &known);
  if (err != FRANK_OK) {
    return err;
  }
  one->outcome = !known.is_known                       ? FRANK_LEARNED
                 : known.spam == (int64_t)one->is_spam ? FRANK_LEARNED_ALREADY
                                                       : FRANK_LEARNED_MOVED;
  if (one->outcome == FRANK_LEARNED_ALREADY) {
    return FRANK_OK;
  }
  /* A message that moves keeps its time: it came when it was first seen. */
  int64_t hour = known.is_known ? known.hour : hour_of(now_s);
  err = known.is_known ? take_back(writer, &known) : FRANK_OK;
  err = err ? err : count_up(writer, LOCAL_ID, hour, one->is_spam, bits_steps(one->bits), 1);
  if (err == FRANK_OK) {
    (void)sqlite3_bind_blob(keep, 1, one->id, sizeof one->id, SQLITE_STATIC);
    (void)sqlite3_bind_int64(keep, 2, hour);
    (void)sqlite3_bind_int64(keep, 3, one->is_spam);
    (void)sqlite3_bind_int64(keep, 4, bits_steps(one->bits));
    err = run_bound(writer, keep);
  }
  return err;
}

enum frank_err frank_observations_learn(struct frank_observations *observations,
                                        struct frank_learning *list, size_t count, int64_t now_s,
                                        char *why)
{
  struct writer writer = {.store = observations, .why = why};
  sqlite3_stmt *find = NULL;
  sqlite3_stmt *keep = NULL;
  int64_t messages = 0;
  for (size_t i = 0; i < count; i++) {
    if (!(list[i].bits >= 0 && list[i].bits <= BITS_MAX)) {
      (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "message %zu: bits are not 0 to 256",
                     i + 1);
      return FRANK_ERR_RANGE;
    }
  }
  enum frank_err err = begin(&writer, now_s);
  err = err ? err
            : frank_sqlite_prepare(&observations->file,
                                   "SELECT hour,spam,bits FROM learned WHERE id=?1", &find, why);
  err =
      err ? err
          : frank_sqlite_prepare(&observations->file,
                                 "INSERT OR REPLACE INTO learned VALUES(?1,?2,?3,?4)", &keep, why);
  for (size_t i = 0; i < count && err == FRANK_OK; i++) {
    err = learn_one(&writer, find, keep, &list[i], now_s);
    messages += list[i].outcome == FRANK_LEARNED;
  }
  (void)sqlite3_finalize(find);
  (void)sqlite3_finalize(keep);
  return end(&writer, messages, err);
}

/* ---- reading ---- */

struct sums {
  struct frank_observations_sum *list;
  size_t count, size;
};

static struct frank_observations_sum *add_reporter(struct sums *sums, const char *name)
{
  if (sums->count == sums->size) {
    size_t size = sums->size > 0 ? 2 * sums->size : REPORTERS_FIRST;
    struct frank_observations_sum *grown = realloc(sums->list, size * sizeof *grown);
    if (!grown) {
      return NULL;
    }
    sums->list = grown;
    sums->size = size;
  }
  struct frank_observations_sum *sum = &sums->list[sums->count++];
  *sum = (struct frank_observations_sum){0};
  (void)snprintf(sum->reporter, sizeof sum->reporter, "%s", name ? name : "");
  return sum;
}

/* Every row stands for one reporter, hour and kind, in this order; a new reporter without any has
 * one row of zeros. */
static enum frank_err add_rows(struct frank_observations *store, sqlite3_stmt *rows,
                               int64_t half_life_s, int64_t now_s, struct sums *sums, char *why)
{
  struct frank_observations_sum *sum = NULL;
  int64_t reporter = -1;
  bool has_row = false;
  enum frank_err err = frank_sqlite_step(&store->file, rows, &has_row, why);
  while (err == FRANK_OK && has_row) {
    if (!sum || sqlite3_column_int64(rows, 0) != reporter) {
      reporter = sqlite3_column_int64(rows, 0);
      sum = add_reporter(sums, (const char *)sqlite3_column_text(rows, 1));
      if (!sum) {
        (void)snprintf(why, FRANK_OBSERVATIONS_WHY_BYTES, "no memory for the reporters");
        return FRANK_ERR_NOMEM;
      }
      sum->is_new = sqlite3_column_int64(rows, 6) != 0;
    }
    if (sqlite3_column_type(rows, 2) == SQLITE_NULL) { /* a new one without any */
      err = frank_sqlite_step(&store->file, rows, &has_row, why);
      continue;
    }
    double age_s = (double)(now_s - sqlite3_column_int64(rows, 2) * HOUR_S) - HOUR_S / 2.0;
    double weight = age_s > 0 ? exp2(-age_s / (double)half_life_s) : 1;
    sum->is_fresh = sum->is_fresh || age_s < (double)FRANK_REPORTER_FRESH_S;
    double *kind = sqlite3_column_int64(rows, 3) != 0 ? &sum->spam : &sum->ham;
    *kind += weight * (double)sqlite3_column_int64(rows, 4);
    sum->stamped += weight * (double)sqlite3_column_int64(rows, 5);
    err = frank_sqlite_step(&store->file, rows, &has_row, why);
  }
  return err;
}

enum frank_err frank_observations_sums(struct frank_observations *observations, uint64_t factor,
                                       int64_t since_s, int64_t half_life_s, int64_t now_s,
                                       struct frank_observations_sum **list, size_t *count,
                                       char *why)
{
  static const char sql[] =
      "SELECT r.id, r.name, c.hour, c.spam,"
      "  SUM(CASE WHEN c.bits>=?1 AND c.hour>=?2 THEN c.n ELSE 0 END), SUM(c.n),"
      "  r.made_s>?4 AND (r.token IS NOT NULL OR r.id=0) AS is_new"
      " FROM reporters AS r LEFT JOIN counts AS c"
      "  ON c.reporter=r.id AND c.bits>0 AND c.hour>=?3"
      " WHERE c.hour IS NOT NULL OR is_new"
      " GROUP BY r.id, c.hour, c.spam ORDER BY r.id";
  sqlite3_stmt *rows = NULL;
  struct sums sums = {0};
  assert(factor >= 1 && factor <= FRANK_FACTOR_MAX && half_life_s > 0);
  *list = NULL;
  *count = 0;
  enum frank_err err = frank_sqlite_prepare(&observations->file, sql, &rows, why);
  if (err == FRANK_OK) {
    /* A factor of 1 is met by every stamp, and by nothing that has none. */
    (void)sqlite3_bind_int64(rows, 1, bits_steps(log2((double)factor)));
    (void)sqlite3_bind_int64(rows, 2, (since_s + HOUR_S - 1) / HOUR_S);
    (void)sqlite3_bind_int64(rows, 3, hour_of(now_s - FRANK_OBSERVATIONS_KEEP_S));
    (void)sqlite3_bind_int64(rows, 4, now_s - FRANK_REPORTER_NEW_S);
    err = add_rows(observations, rows, half_life_s, now_s, &sums, why);
  }
  (void)sqlite3_finalize(rows);
  if (err != FRANK_OK) {
    free(sums.list);
    return err;
  }
  *list = sums.list;
  *count = sums.count;
  return FRANK_OK;
}

enum frank_err frank_observations_total(struct frank_observations *observations, uint64_t *total,
                                        char *why)
{
  int64_t number = 0;
  enum frank_err err =
      frank_sqlite_number(&observations->file, "SELECT total FROM meta", &number, why);
  *total = number > 0 ? (uint64_t)number : 0;
  return err;
}

enum frank_err frank_observations_stock(struct frank_observations *observations,
                                        struct frank_observations_stock *out, char *why)
{
  sqlite3_stmt *rows = NULL;
  bool has_row = false;
  *out = (struct frank_observations_stock){0};
  enum frank_err err = frank_observations_total(observations, &out->total, why);
  err = err ? err
            : frank_sqlite_prepare(
                  &observations->file,
                  "SELECT SUM(CASE WHEN bits>0 AND NOT spam THEN n END),"
                  " SUM(CASE WHEN bits>0 AND spam THEN n END),"
                  " SUM(CASE WHEN bits<=0 AND NOT spam THEN n END),"
                  " SUM(CASE WHEN bits<=0 AND spam THEN n END),"
                  " COUNT(DISTINCT reporter), MIN(hour), MAX(hour) FROM counts WHERE n>0",
                  &rows, why);
  err = err ? err : frank_sqlite_step(&observations->file, rows, &has_row, why);
  if (err == FRANK_OK && has_row) {
    uint64_t *const numbers[] = {&out->stamped_ham, &out->stamped_spam, &out->unstamped_ham,
                                 &out->unstamped_spam, &out->reporters};
    for (int i = 0; i < 5; i++) {
      *numbers[i] = (uint64_t)sqlite3_column_int64(rows, i);
    }
    out->first_s = sqlite3_column_int64(rows, 5) * HOUR_S;
    out->last_s = sqlite3_column_int64(rows, 6) * HOUR_S;
  }
  (void)sqlite3_finalize(rows);
  return err;
}
