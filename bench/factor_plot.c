#include "bench/factor_plot.h"

#include "bench/bench.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define POINTS_MAX 365 /* of one line: the picture stays small */

static void put_data(FILE *script, const char *name, const struct bench_factor_day *days,
                     unsigned count)
{
  unsigned every = count / POINTS_MAX + 1;
  fprintf(script, "$%s << END\n", name);
  for (unsigned day = 0; day < count; day += every) {
    const struct bench_factor_day *d = &days[day];
    fprintf(script, "%u %.4g %.4g %.4g %.4g %.4g\n", day, d->core_seconds,
            100 * fmax(d->true_share, 1e-4), 100 * fmax(d->share_low, 1e-4),
            100 * fmax(d->share_high, 1e-4), d->gpu_million_dollars);
  }
  (void)fputs("END\n", script);
}

static void put_spans(FILE *script, const struct bench_factor_scenario *s)
{
  const struct {
    struct bench_factor_span span;
    const char *colour;
  } spans[] = {{s->botnet, "#E69F00"},
               {s->farm, "#E69F00"},
               {s->outage, "#999999"},
               {s->silence, "#999999"}};
  for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
    if (spans[i].span.end_day > 0) {
      fprintf(script,
              "set object rectangle from %u, graph 0 to %u, graph 1 behind fillcolor rgb \"%s\" "
              "fillstyle transparent solid 0.2 noborder\n",
              spans[i].span.first_day, (unsigned)fmin(spans[i].span.end_day, s->days),
              spans[i].colour);
    }
  }
}

enum frank_err bench_factor_plot(const struct bench_factor_scenario *scenario,
                                 const struct bench_factor_day *days,
                                 const struct bench_factor_day *honest, uint64_t seed,
                                 enum bench_picture picture, FILE *file, char *why)
{
  char title[240];
  FILE *script = bench_plot_scratch();
  if (!script) {
    (void)snprintf(why, BENCH_WHY_BYTES, "no temporary file: %s", strerror(errno));
    return FRANK_ERR_IO;
  }
  fprintf(script,
          "set terminal %s size 900,760 font \"sans,11\" background rgb \"white\" "
          "noenhanced\nset encoding utf8\n",
          picture == BENCH_PICTURE_SVG ? "svg" : "pngcairo");
  put_data(script, "days", days, scenario->days);
  if (honest) {
    put_data(script, "honest", honest, scenario->days);
  }
  (void)snprintf(title, sizeof title, "%s: %s (seed %llu)", scenario->name, scenario->text,
                 (unsigned long long)seed);
  (void)fputs("set multiplot layout 3,1 title ", script);
  bench_plot_put_quoted(script, title);
  fprintf(script,
          "\nset logscale y\nset border 3 linecolor rgb \"#888888\"\nset tics nomirror\n"
          "set grid ytics linecolor rgb \"#dddddd\" linetype 1\nset xrange [0:%u]\n"
          "set lmargin 10\nset rmargin 3\nset key top left Left reverse samplen 1.5\n",
          scenario->days - 1);
  put_spans(script, scenario);
  (void)fputs("set ylabel \"seconds of a core\"\nplot ", script);
  if (honest) {
    (void)fputs("$honest using 1:2 with steps linewidth 1.5 linecolor rgb \"#56B4E9\" title "
                "\"without false reporters\", ",
                script);
  }
  (void)fputs("$days using 1:2 with steps linewidth 2 linecolor rgb \"#0072B2\" title "
              "\"the factor\"\n"
              "set ylabel \"spam, % of mail that meets it\"\n"
              "plot 1 with lines dashtype 2 linecolor rgb \"#888888\" title \"rises above\", "
              "0.25 with lines dashtype 3 linecolor rgb \"#888888\" title \"sinks below\", "
              "$days using 1:3 with lines linecolor rgb \"#D55E00\" title \"as it was\", "
              "$days using 1:4 with lines linecolor rgb \"#009E73\" title \"lower bound\"\n"
              "set ylabel \"dollars\"\nset xlabel \"days\"\n"
              "plot $days using 1:6 with lines linewidth 2 linecolor rgb \"#CC79A7\" title "
              "\"a million stamps on rented GPUs\"\nunset multiplot\n",
              script);
  enum frank_err err = bench_plot_run(script, picture, file, why);
  (void)fclose(script);
  return err;
}
