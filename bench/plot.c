#include "bench/plot.h"

#include "base/clock.h"
#include "bench/bench.h"
#include "bench/program.h"
#include "bench/shape.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM           "gnuplot"
#define LIMIT_US          (60 * FRANK_US_PER_S)
#define TICK_US           10000
#define BARS_MAX          12  /* in a group: more cannot be told apart */
#define LOG_ABOVE         30  /* times the smallest rate: then a linear scale hides it */
#define WORDS_BYTES       240 /* of gnuplot's, when it fails */
#define SHAPES_MAX        8
#define PICTURE_MAX_BYTES ((off_t)64 << 20)

/* Colours that differ in lightness as well (Okabe and Ito, 2008). */
static const char *const colours[] = {"#0072B2", "#E69F00", "#009E73", "#D55E00",
                                      "#56B4E9", "#CC79A7", "#F0E442", "#000000"};
#define COLOUR_COUNT (sizeof colours / sizeof colours[0])

/* The bars of one colour: a subject by a code path. */
struct series {
  const struct bench_row *of;
};

struct picture {
  const struct bench_result *result;
  size_t count;
  size_t left_out; /* series that find no room */
  struct series series[BARS_MAX];
  size_t shape_count;
  const struct bench_shape *shapes[SHAPES_MAX];
  double least;
  double most;
};

/* ---- before measuring ---- */

enum frank_err bench_plot_check(const char *path, enum bench_picture *picture, char *why)
{
  static const char *const ends[] = {[BENCH_PICTURE_SVG] = ".svg", [BENCH_PICTURE_PNG] = ".png"};
  const char *dot = strrchr(path, '.');
  char program[PATH_MAX];
  size_t i = 0;
  while (i < sizeof ends / sizeof ends[0] && (!dot || strcmp(dot, ends[i]) != 0)) {
    i++;
  }
  if (i == sizeof ends / sizeof ends[0]) {
    (void)snprintf(why, BENCH_WHY_BYTES, "--plot %.200s: the name ends in .svg or .png", path);
    return FRANK_ERR_UNSUPPORTED;
  }
  if (!bench_program_find(PROGRAM, program, sizeof program)) {
    (void)snprintf(why, BENCH_WHY_BYTES,
                   "--plot %.200s: no " PROGRAM " on the PATH (Debian: gnuplot-nox)", path);
    return FRANK_ERR_NOT_FOUND;
  }
  *picture = (enum bench_picture)i;
  return FRANK_OK;
}

/* ---- what is drawn ---- */

static bool is_series(const struct bench_row *a, const struct bench_row *b)
{
  return strcmp(a->key.subject, b->key.subject) == 0 && strcmp(a->key.device, b->key.device) == 0 &&
         strcmp(a->key.variant, b->key.variant) == 0;
}

static const struct bench_row *find_bar(const struct picture *p, size_t series, size_t shape)
{
  for (size_t i = 0; i < p->result->rows.count; i++) {
    const struct bench_row *row = &p->result->rows.rows[i];
    if (row->key.metric == BENCH_ATTEMPTS && is_series(row, p->series[series].of) &&
        strcmp(row->key.shape, p->shapes[shape]->name) == 0) {
      return row;
    }
  }
  return NULL;
}

/* Of its series, among the rates. */
static bool is_first(const struct bench_result *result, size_t at)
{
  for (size_t i = 0; i < at; i++) {
    const struct bench_row *row = &result->rows.rows[i];
    if (row->key.metric == BENCH_ATTEMPTS && is_series(row, &result->rows.rows[at])) {
      return false;
    }
  }
  return true;
}

static bool collect(struct picture *p)
{
  for (size_t i = 0; i < p->result->rows.count; i++) {
    const struct bench_row *row = &p->result->rows.rows[i];
    if (row->key.metric != BENCH_ATTEMPTS || bench_row_summary(row).min <= 0) {
      continue;
    }
    size_t k = 0;
    while (k < p->count && !is_series(p->series[k].of, row)) {
      k++;
    }
    if (k == BARS_MAX) {
      p->left_out += is_first(p->result, i);
      continue;
    }
    p->series[k].of = row;
    p->count = k == p->count ? k + 1 : p->count;
    struct bench_summary summary = bench_row_summary(row);
    p->least = p->least > 0 && p->least < summary.min ? p->least : summary.min;
    p->most = p->most > summary.max ? p->most : summary.max;
  }
  for (size_t i = 0; i < SHAPES_MAX && bench_shape_at(i); i++) {
    for (size_t k = 0; k < p->count; k++) {
      p->shapes[p->shape_count] = bench_shape_at(i);
      if (find_bar(p, k, p->shape_count)) {
        p->shape_count++;
        break;
      }
    }
  }
  return p->count > 0;
}

/* ---- the script ---- */

void bench_plot_put_quoted(FILE *script, const char *text)
{
  (void)putc('"', script);
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    (void)putc(c < 0x20 || c == '"' || c == '\\' || c == '`' ? ' ' : c, script);
  }
  (void)putc('"', script);
}

static void put_data(FILE *script, const struct picture *p)
{
  for (size_t k = 0; k < p->count; k++) {
    fprintf(script, "$bars%zu << END\n", k);
    for (size_t i = 0; i < p->shape_count; i++) {
      const struct bench_row *row = find_bar(p, k, i);
      if (row) {
        struct bench_summary summary = bench_row_summary(row);
        double offset = ((double)k - (double)(p->count - 1) / 2) * 0.8 / (double)p->count;
        fprintf(script, "%.5f %.6g %.6g %.6g \"%.3g\"\n", (double)i + offset, summary.median / 1e6,
                summary.min / 1e6, summary.max / 1e6, summary.median / 1e6);
      }
    }
    (void)fputs("END\n", script);
  }
}

static void put_axes(FILE *script, const struct picture *p)
{
  bool is_log = p->most > LOG_ABOVE * p->least;
  (void)fputs("set xtics noenhanced scale 0 (", script);
  for (size_t i = 0; i < p->shape_count; i++) {
    fprintf(script, "%s\"%s\" %zu", i > 0 ? ", " : "", p->shapes[i]->text, i);
  }
  fprintf(script, ")\nset xrange [-0.6:%zu.6]\n", p->shape_count - 1);
  if (is_log) {
    fprintf(script, "set logscale y\nset yrange [%.6g:%.6g]\n", p->least / 1e6 / 3,
            p->most / 1e6 * 2);
  } else {
    fprintf(script, "set yrange [0:%.6g]\n", p->most / 1e6 * 1.12);
  }
  fprintf(script, "set ylabel \"million attempts per second%s\"\n", is_log ? " (logarithmic)" : "");
}

static void put_plots(FILE *script, const struct picture *p)
{
  double width = 0.8 / (double)p->count * 0.9;
  fprintf(script, "set boxwidth %.5f absolute\nplot ", width);
  for (size_t k = 0; k < p->count; k++) {
    const struct bench_row *row = p->series[k].of;
    char title[160];
    char subject[BENCH_SUBJECT_TEXT_BYTES];
    (void)snprintf(title, sizeof title, "%s%s%s%s", bench_row_subject(row, subject, sizeof subject),
                   row->key.variant[0] ? ", " : "", row->key.variant,
                   row->simulated ? ", SIMULATED" : "");
    fprintf(script, "%s$bars%zu using 1:2 with boxes fillstyle %s linecolor rgb \"%s\" title ",
            k > 0 ? ", " : "", k, k < COLOUR_COUNT ? "solid 0.9 noborder" : "pattern 4 border -1",
            colours[k % COLOUR_COUNT]);
    bench_plot_put_quoted(script, title);
  }
  for (size_t k = 0; k < p->count; k++) {
    fprintf(
        script,
        ", $bars%zu using 1:3:(0):($4-$3) with vectors heads size screen 0.004,90 linecolor rgb "
        "\"#333333\" linewidth 1.5 notitle, $bars%zu using 1:4:5 with labels offset 0,0.6 font "
        "\",%d\" textcolor rgb \"#333333\" notitle",
        k, k, p->count * p->shape_count > 16 ? 9 : 11);
  }
  (void)putc('\n', script);
}

static void put_script(FILE *script, const struct picture *p, enum bench_picture picture)
{
  const struct bench_machine *machine = &p->result->machine;
  char title[400];
  (void)snprintf(title, sizeof title, "Attempts per second by kind of signature: %s, %u cores",
                 machine->cpu, (unsigned)machine->cores);
  (void)fputs(picture == BENCH_PICTURE_SVG
                  ? "set terminal svg size 1100,620 font \"sans,13\" background rgb \"white\" "
                    "noenhanced\n"
                  : "set terminal pngcairo size 1100,620 font \"sans,12\" background rgb \"white\" "
                    "noenhanced\n",
              script);
  (void)fputs("set encoding utf8\n", script);
  put_data(script, p);
  (void)fputs("set title ", script);
  bench_plot_put_quoted(script, title);
  (void)fputs(" font \",15\" offset 0,-0.3\nset label 1 at graph 0.0,-0.12 ", script);
  (void)snprintf(title, sizeof title,
                 "frank-bench %s, %.10s; median of %u round%s of %u s, the line from the lowest to "
                 "the highest",
                 machine->version, machine->date, (unsigned)p->result->rounds,
                 p->result->rounds == 1 ? "" : "s", (unsigned)p->result->seconds);
  if (p->left_out > 0) {
    size_t used = strlen(title);
    (void)snprintf(title + used, sizeof title - used, "; %zu more are not drawn", p->left_out);
  }
  bench_plot_put_quoted(script, title);
  (void)fputs(" font \",10\" textcolor rgb \"#555555\"\n"
              "set bmargin 5\nset border 3 linecolor rgb \"#888888\"\n"
              "set tics nomirror\nset grid ytics linecolor rgb \"#dddddd\" linetype 1\n"
              "set tics textcolor rgb \"#333333\"\n"
              "set key outside right top vertical Left reverse samplen 1.5 spacing 1.3\n",
              script);
  put_axes(script, p);
  put_plots(script, p);
}

/* ---- gnuplot ---- */

static bool is_too_large(FILE *file)
{
  struct stat info;
  return fstat(fileno(file), &info) == 0 && info.st_size > PICTURE_MAX_BYTES;
}

static enum frank_err wait_for(pid_t pid, FILE *said, FILE *file, int *status)
{
  uint64_t until_us = frank_clock_now_us() + LIMIT_US;
  while (!bench_program_has_ended(&pid, status)) {
    if (bench_is_stopping() || frank_clock_now_us() >= until_us) {
      bench_program_kill(&pid);
      return bench_is_stopping() ? FRANK_ERR_CLOSED : FRANK_ERR_TIMEOUT;
    }
    if (is_too_large(file) || is_too_large(said)) {
      bench_program_kill(&pid);
      return FRANK_ERR_TOO_LONG;
    }
    usleep(TICK_US);
  }
  return FRANK_OK;
}

/* The first line that says something. */
static void read_words(FILE *words, char *text, size_t size)
{
  char line[WORDS_BYTES];
  rewind(words);
  text[0] = '\0';
  while (text[0] == '\0' && fgets(line, sizeof line, words)) {
    const char *start = line + strspn(line, " \t^");
    (void)snprintf(text, size, "%.*s", (int)strcspn(start, "\n"), start);
  }
}

/* What is no picture must not take the place of one. */
static bool is_picture(FILE *file, enum bench_picture picture)
{
  static const char *const starts[] = {
      [BENCH_PICTURE_SVG] = "<?xml", [BENCH_PICTURE_PNG] = "\x89PNG"};
  char head[8];
  size_t len = strlen(starts[picture]);
  return pread(fileno(file), head, len, 0) == (ssize_t)len &&
         memcmp(head, starts[picture], len) == 0;
}

static enum frank_err run_gnuplot(FILE *script, FILE *said, enum bench_picture picture, FILE *file,
                                  char *why)
{
  static const char *const words[] = {PROGRAM, "-d", NULL}; /* -d: nobody's ~/.gnuplot */
  char path[PATH_MAX];
  int status = 0;
  pid_t pid = 0;
  if (fflush(script) != 0 || fseek(script, 0, SEEK_SET) != 0 || fflush(file) != 0) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot write the plot's script: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  const struct bench_program program = {.path = path,
                                        .words = words,
                                        .in_fd = fileno(script),
                                        .out_fd = fileno(file),
                                        .err_fd = fileno(said),
                                        .death_signal = SIGKILL};
  if (!bench_program_find(PROGRAM, path, sizeof path) ||
      bench_program_start(&program, &pid) != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "cannot start " PROGRAM ": %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  enum frank_err err = wait_for(pid, said, file, &status);
  if (err != FRANK_OK) {
    (void)snprintf(why, BENCH_WHY_BYTES, "%s",
                   err == FRANK_ERR_CLOSED     ? "interrupted"
                   : err == FRANK_ERR_TOO_LONG ? PROGRAM " does not stop writing"
                                               : PROGRAM " did not end in a minute");
    return err;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !is_picture(file, picture)) {
    char text[WORDS_BYTES];
    read_words(said, text, sizeof text);
    (void)snprintf(why, BENCH_WHY_BYTES, PROGRAM " drew no picture: %s",
                   text[0] != '\0' ? text : "it does not say why");
    return FRANK_ERR_DEVICE;
  }
  return FRANK_OK;
}

/* In memory: no folder of temporary files has to be there, or be writable. */
FILE *bench_plot_scratch(void)
{
  int fd = memfd_create("frank-bench", MFD_CLOEXEC);
  FILE *file = fd >= 0 ? fdopen(fd, "w+") : NULL;
  if (fd >= 0 && !file) {
    close(fd);
  }
  return file;
}

static enum frank_err refuse_scratch(char *why)
{
  (void)snprintf(why, BENCH_WHY_BYTES, "no temporary file for " PROGRAM ": %s", strerror(errno));
  return FRANK_ERR_IO;
}

enum frank_err bench_plot_run(FILE *script, enum bench_picture picture, FILE *file, char *why)
{
  FILE *words = bench_plot_scratch();
  if (!words) {
    return refuse_scratch(why);
  }
  enum frank_err err = run_gnuplot(script, words, picture, file, why);
  (void)fclose(words);
  return err;
}

enum frank_err bench_plot_draw(const struct bench_result *result, enum bench_picture picture,
                               FILE *file, char *why)
{
  struct picture p = {.result = result};
  if (!collect(&p)) {
    (void)snprintf(why, BENCH_WHY_BYTES, "there are no rates to draw");
    return FRANK_ERR_NOT_FOUND;
  }
  FILE *script = bench_plot_scratch();
  if (!script) {
    return refuse_scratch(why);
  }
  put_script(script, &p, picture);
  enum frank_err err = bench_plot_run(script, picture, file, why);
  (void)fclose(script);
  return err;
}
