/* The values of options that several commands of frank have. */
#include "programs/cmd.h"

#include "engine/engine.h"
#include "engine/unroll.h"
#include "mint/status.h"
#include "proof/target.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEVICE_NAME_MAX_BYTES (FRANK_DEVICE_NAME_BYTES - 1)

/* Plain decimal: digits and at most one point. What strtod takes beside that (hexadecimal, signs,
 * exponents, nan) is no number that a person means here. */
static bool parse_decimal(const char *text, size_t len, double *number)
{
  char digits[32];
  if (len == 0 || len >= sizeof digits || strspn(text, "0123456789.") < len) {
    return false;
  }
  memcpy(digits, text, len);
  digits[len] = '\0';
  char *end = NULL;
  errno = 0;
  *number = strtod(digits, &end);
  return *end == '\0' && end != digits && errno == 0;
}

enum frank_err frank_cmd_factor_option(struct frank_cmd_line *line, uint64_t *factor)
{
  static const enum frank_opt ways[] = {FRANK_OPT_FACTOR, FRANK_OPT_BITS, FRANK_OPT_FACTOR_URL};
  *factor = 0;
  if (frank_cmd_clash(line, ways, sizeof ways / sizeof ways[0])) {
    return FRANK_ERR_MALFORMED;
  }
  const char *text = frank_cmd_value(line, FRANK_OPT_FACTOR);
  if (text != NULL && frank_factor_parse(text, strlen(text), factor) != FRANK_OK) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "--factor %s: the factor is a whole number from 1 to %llu", text,
                   (unsigned long long)FRANK_FACTOR_MAX);
    return FRANK_ERR_MALFORMED;
  }
  text = frank_cmd_value(line, FRANK_OPT_BITS);
  if (text != NULL) {
    double bits = 0;
    if (!parse_decimal(text, strlen(text), &bits) ||
        frank_factor_from_bits(bits, factor) != FRANK_OK) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                     "--bits %s: bits are a number from 0 to below 53", text);
      return FRANK_ERR_MALFORMED;
    }
  }
  return FRANK_OK;
}

enum frank_err frank_cmd_unroll_option(struct frank_cmd_line *line, unsigned *unroll)
{
  const char *text = frank_cmd_value(line, FRANK_OPT_FPGA_UNROLL);
  *unroll = 0;
  if (text != NULL && !frank_unroll_parse(text, unroll)) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "--fpga-unroll %.40s: the rounds per cycle are 1, 2, 4, 8, 16, 32 or 64", text);
    return FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

bool frank_cmd_check_devices(struct frank_cmd_line *line)
{
  size_t named = 0;
  for (size_t i = 0; i < line->given_count; i++) {
    const char *name = line->given[i].value;
    if (line->given[i].opt == FRANK_OPT_DEVICE && ++named > FRANK_STATUS_DEVICES_MAX) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--device: %d devices at most",
                     FRANK_STATUS_DEVICES_MAX);
      return false;
    }
    if (line->given[i].opt == FRANK_OPT_DEVICE &&
        (name[0] == '\0' || strlen(name) > DEVICE_NAME_MAX_BYTES)) {
      frank_cmd_fail(
          line, FRANK_EXIT_USAGE, "usage",
          "--device '%.40s': a device is named like cpu, cpu:0, opencl:0.0 or fpga:sim, in "
          "%d bytes at most",
          name, DEVICE_NAME_MAX_BYTES);
      return false;
    }
  }
  return true;
}

enum frank_err frank_cmd_duration_parse(const char *text, uint32_t max_ms, uint32_t *ms)
{
  static const struct {
    const char *unit;
    double ms;
  } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}};
  size_t number_len = strspn(text, "0123456789.");
  double number = 0;
  if (!parse_decimal(text, number_len, &number)) {
    return FRANK_ERR_MALFORMED;
  }
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strcmp(text + number_len, units[i].unit) == 0) {
      double rounded = floor(number * units[i].ms + 0.5);
      if (rounded < 1 || rounded > (double)max_ms) {
        return FRANK_ERR_RANGE;
      }
      *ms = (uint32_t)rounded;
      return FRANK_OK;
    }
  }
  return FRANK_ERR_MALFORMED;
}
