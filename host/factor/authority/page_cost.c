/* What a stamp costs: times on devices whose rates are known, and how they are known. */
#include "factor/authority/page_numbers.h"
#include "factor/authority/page_parts.h"

#include <inttypes.h>

/* Attempts per second. A message with an Ed25519 signature is 2 blocks of SHA-256 an attempt, one
 * with RSA-2048 6. */
struct reference {
  const char *name;
  const char *how; /* how the rate is known, in a word or three */
  uint64_t ed25519_hps;
  uint64_t rsa2048_hps;
  const char *basis;
};

static const struct reference references[] = {
    /* Half of the figures of both cores: bench/README.md, "Figures", avx512, sha_ni, avx2. */
    {"One CPU core, AVX-512", "measured", 36300000, 14450000,
     "Measured by frank-bench on 2026-11-26 on a virtual machine with two cores of an Intel Xeon "
     "(Emerald Rapids). Both together made 72.6 million attempts per second for Ed25519 and 28.9 "
     "million for RSA-2048; a core is half of that. Runs differ by 5 to 20%, because others use "
     "the same host."},
    {"The same core, SHA instructions", "measured", 16050000, 5350000,
     "The same day, by the code for cores with SHA instructions and without AVX-512: 32.1 and 10.7 "
     "million attempts per second of both cores."},
    {"The same core, AVX2 only", "measured", 12650000, 4620000,
     "The same day, by the code for cores that have neither: 25.3 and 9.24 million. An older core "
     "with a lower clock is slower."},
    /* 132 * 1.75e9 / (21.5 + 14 * (blocks - 1)) */
    {"GPU for data centres (NVIDIA H100)", "on paper", 6507042253, 2524590163,
     "Computed on paper, not measured by us: no GPU was at hand. A round of SHA-256 is about 14 "
     "integer operations with its constant ready. A multiprocessor does 64 operations in a clock, "
     "so it needs 14 clocks for a block that is the same in all attempts, and 21.5 for the first "
     "one, whose message schedule changes. With 132 multiprocessors at 1.75 GHz, all of them busy "
     "all the time: an upper limit."},
    /* clock * U / (64 N): hdl/synth/README.md, slowest of the seeds with U = 2. */
    {"Small FPGA (iCE40 HX8K)", "computed", 1137500, 379166,
     "Computed, no board was at hand. Frank’s core does U/(64 N) attempts in a cycle, with U "
     "rounds "
     "a cycle and N blocks a message; simulation shows 99.9% of that or more. Two rounds a cycle "
     "fit this chip, and place and route estimates 72.8 MHz for the slowest case."},
    {"Larger FPGA, one ring of 64 rounds", "computed", 50000000, 16666666,
     "Computed likewise, no board was at hand: U = 64, simulated, at a clock of 100 MHz, which is "
     "assumed."},
};
#define REFERENCE_COUNT (sizeof references / sizeof references[0])
#define MILLION         1e6

void frank_page_put_cost_in_brief(struct frank_page_text *text, uint64_t factor)
{
  const struct reference *first = &references[0];
  frank_page_putf(
      text, "<dt>Cost</dt><dd>%s for Ed25519, ",
      frank_page_duration((double)factor / (double)first->ed25519_hps, FRANK_PAGE_BUFFER));
  frank_page_putf(
      text,
      "%s for RSA-2048 on average <small>on one CPU core; <a href=\"#cost\">other "
      "devices</a></small></dd>\n",
      frank_page_duration((double)factor / (double)first->rsa2048_hps, FRANK_PAGE_BUFFER));
}

static void put_cell(struct frank_page_text *text, uint64_t factor, uint64_t rate_hps)
{
  double seconds = (double)factor / (double)rate_hps;
  frank_page_putf(text, "<td>%s <small>a million: %s</small></td>",
                  frank_page_duration(seconds, FRANK_PAGE_BUFFER),
                  frank_page_duration(seconds * MILLION, FRANK_PAGE_BUFFER));
}

void frank_page_put_cost(struct frank_page_text *text, const struct frank_authority_view *view,
                         size_t range)
{
  uint64_t factor = view->document.factor;
  (void)range;
  frank_page_put(text,
                 "<section id=\"cost\" aria-labelledby=\"cost-title\">\n"
                 "<h2 id=\"cost-title\">What a stamp costs</h2>\n"
                 "<table class=\"cost\">\n"
                 "<caption>Time for one stamp on average, and for a million stamps on the same "
                 "device, by the kind of signature that is stamped</caption>\n"
                 "<thead><tr><th scope=\"col\">Device</th><th scope=\"col\">Ed25519</th>"
                 "<th scope=\"col\">RSA-2048</th></tr></thead>\n<tbody>\n");
  for (size_t i = 0; i < REFERENCE_COUNT; i++) {
    const struct reference *reference = &references[i];
    frank_page_putf(text,
                    "<tr><th scope=\"row\">%s <small>%s, <a href=\"#note%zu\" aria-label=\"note "
                    "%zu\">note %zu</a></small></th>",
                    reference->name, reference->how, i + 1, i + 1, i + 1);
    put_cell(text, factor, reference->ed25519_hps);
    put_cell(text, factor, reference->rsa2048_hps);
    frank_page_put(text, "</tr>\n");
  }
  frank_page_put(
      text,
      "</tbody>\n</table>\n"
      "<p>Each attempt is a draw: about two stamps of three are found within the mean time, one "
      "in twenty takes more than three times as long. Checking a stamp takes one hash. "
      "What your own machine does, <code>frank-bench --each</code> tells.</p>\n"
      "<h3 id=\"notes\">How the rates are known</h3>\n<ol class=\"notes\">\n");
  for (size_t i = 0; i < REFERENCE_COUNT; i++) {
    const struct reference *reference = &references[i];
    frank_page_putf(text, "<li id=\"note%zu\">%s (Attempts per second: %s; %s.)</li>\n", i + 1,
                    reference->basis, frank_page_short(reference->ed25519_hps, FRANK_PAGE_BUFFER),
                    frank_page_short(reference->rsa2048_hps, FRANK_PAGE_BUFFER));
  }
  frank_page_put(text, "</ol>\n</section>\n");
}
