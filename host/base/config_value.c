#include "base/config_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
  const char *suffix;
  uint64_t factor;
};

/* UCL's own suffixes: k, m, g are powers of 1000, kb, mb, gb of 1024. */
static const struct unit count_units[] = {{"", 1},           {"k", 1000},       {"m", 1000000},
                                          {"g", 1000000000}, {"kb", 1U << 10U}, {"mb", 1U << 20U},
                                          {"gb", 1U << 30U}, {NULL, 0}};

/* In microseconds; a bare number is seconds, as in UCL. */
static const struct unit time_units[] = {{"", 1000000},
                                         {"ms", 1000},
                                         {"s", 1000000},
                                         {"min", 60000000},
                                         {"h", UINT64_C(3600000000)},
                                         {"d", UINT64_C(86400000000)},
                                         {"w", UINT64_C(604800000000)},
                                         {NULL, 0}};

struct type_info {
  const char *what;         /* what a value should be, for messages */
  const struct unit *units; /* of numbers */
  bool fractions;
};
static const struct type_info types[] = {
    [FRANK_CONFIG_BOOL] = {"true or false", NULL, false},
    [FRANK_CONFIG_UINT] = {"a whole number (10, 10k, 2m)", count_units, false},
    [FRANK_CONFIG_SIZE] = {"a size in bytes (4096, 64kb, 16mb)", count_units, false},
    [FRANK_CONFIG_DURATION] = {"a time (50ms, 10s, 5min, 1h)", time_units, true},
    [FRANK_CONFIG_ENUM] = {"one of the words listed", NULL, false},
    [FRANK_CONFIG_TEXT] = {"a text", NULL, false},
    [FRANK_CONFIG_MODE] = {"a file mode, octal in quotes (\"0660\")", NULL, false},
    [FRANK_CONFIG_LIST] = {"a list of texts ([ \"a\", \"b\" ])", NULL, false},
};

static const char *const true_words[] = {"true", "yes", "on", NULL};
static const char *const false_words[] = {"false", "no", "off", NULL};

enum frank_err frank_config_refuse(const struct frank_config_origin *origin, const char *key,
                                   char *why, enum frank_err err, const char *format, ...)
{
  int head = origin->path ? snprintf(why, FRANK_CONFIG_WHY_BYTES,
                                     "%s:%" PRIu32 ": %s: ", origin->path, origin->line, key)
                          : snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: ", origin->flag);
  if (head < 0 || head >= FRANK_CONFIG_WHY_BYTES) {
    return err;
  }
  va_list args;
  va_start(args, format);
  vsnprintf(why + head, (size_t)(FRANK_CONFIG_WHY_BYTES - head), format, args);
  va_end(args);
  return err;
}

void *frank_config_member(const struct frank_config_key *key, void *values)
{
  return (char *)values + key->offset;
}

const void *frank_config_member_of(const struct frank_config_key *key, const void *values)
{
  return (const char *)values + key->offset;
}

const char *frank_config_type_text(enum frank_config_type type)
{
  return types[type].what;
}

/* ---- reading values ---- */

static bool word_in(const char *text, const char *const *words)
{
  for (; *words != NULL; words++) {
    if (strcasecmp(text, *words) == 0) {
      return true;
    }
  }
  return false;
}

/* Digits, a fraction where allowed, and a unit. Fractions finer than a microsecond are refused. */
static enum frank_err read_number(const char *text, const struct type_info *type, uint64_t *out)
{
  uint64_t whole = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (whole > (UINT64_MAX - digit) / 10) {
      return FRANK_ERR_RANGE;
    }
    whole = whole * 10 + digit;
  }
  if (at == text) {
    return FRANK_ERR_MALFORMED;
  }
  uint64_t fraction = 0;
  uint64_t fraction_scale = 1;
  if (*at == '.' && type->fractions) {
    for (at++; *at >= '0' && *at <= '9'; at++) {
      if (fraction_scale >= 1000000) {
        return FRANK_ERR_MALFORMED;
      }
      fraction = fraction * 10 + (uint64_t)(*at - '0');
      fraction_scale *= 10;
    }
    if (fraction_scale == 1) {
      return FRANK_ERR_MALFORMED;
    }
  }
  const struct unit *unit = type->units;
  while (unit->suffix != NULL && strcasecmp(at, unit->suffix) != 0) {
    unit++;
  }
  if (unit->suffix == NULL || fraction * unit->factor % fraction_scale != 0) {
    return FRANK_ERR_MALFORMED;
  }
  uint64_t more = fraction * unit->factor / fraction_scale;
  if (whole > (UINT64_MAX - more) / unit->factor) {
    return FRANK_ERR_RANGE;
  }
  *out = whole * unit->factor + more;
  return FRANK_OK;
}

static enum frank_err read_mode(const char *text, uint64_t *out)
{
  size_t len = strlen(text);
  if (len < 3 || len > 4 || strspn(text, "01234567") != len) {
    return FRANK_ERR_MALFORMED;
  }
  *out = strtoull(text, NULL, 8);
  return FRANK_OK;
}

static void format_number(const struct frank_config_key *key, uint64_t number, char out[32])
{
  if (key->type == FRANK_CONFIG_MODE) {
    snprintf(out, 32, "\"%04" PRIo64 "\"", number);
    return;
  }
  if (key->type != FRANK_CONFIG_DURATION) {
    snprintf(out, 32, "%" PRIu64, number);
    return;
  }
  if (number % 1000 != 0) {
    snprintf(out, 32, "%" PRIu64 ".%03" PRIu64 "ms", number / 1000, number % 1000);
    return;
  }
  const struct unit *best = &time_units[1];
  for (const struct unit *unit = &time_units[1]; unit->suffix != NULL && number > 0; unit++) {
    best = number % unit->factor == 0 ? unit : best;
  }
  snprintf(out, 32, "%" PRIu64 "%s", number / best->factor, best->suffix);
}

static enum frank_err set_number(const struct frank_config_key *key,
                                 const struct frank_config_origin *origin, const char *text,
                                 void *values, char *why)
{
  const struct type_info *type = &types[key->type];
  bool must_quote = key->type == FRANK_CONFIG_MODE;
  if (origin->path != NULL && origin->quoted != must_quote) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED, "%s is %s, expected %s",
                               text, must_quote ? "not in quotes" : "a text in quotes", type->what);
  }
  uint64_t number = 0;
  enum frank_err err = must_quote ? read_mode(text, &number) : read_number(text, type, &number);
  if (err == FRANK_ERR_MALFORMED) {
    return frank_config_refuse(origin, key->name, why, err, "\"%s\" is not %s", text, type->what);
  }
  if (err == FRANK_ERR_RANGE || number < key->min || number > key->max) {
    char least[32];
    char most[32];
    format_number(key, key->min, least);
    format_number(key, key->max, most);
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_RANGE, "%s is outside %s to %s",
                               text, least, most);
  }
  memcpy(frank_config_member(key, values), &number, sizeof number);
  return FRANK_OK;
}

static enum frank_err set_bool(const struct frank_config_key *key,
                               const struct frank_config_origin *origin, const char *text,
                               void *values, char *why)
{
  bool value = word_in(text, true_words);
  if ((origin->path != NULL && origin->quoted) || (!value && !word_in(text, false_words))) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED, "\"%s\" is not %s%s",
                               text, types[key->type].what,
                               origin->quoted ? " without quotes" : "");
  }
  memcpy(frank_config_member(key, values), &value, sizeof value);
  return FRANK_OK;
}

static void list_choices(const struct frank_config_key *key, char *out, size_t out_size)
{
  size_t used = 0;
  out[0] = '\0';
  for (const char *const *choice = key->choices; *choice != NULL && used < out_size; choice++) {
    int more = snprintf(out + used, out_size - used, "%s%s", used > 0 ? ", " : "", *choice);
    used += more > 0 ? (size_t)more : 0;
  }
}

static enum frank_err set_enum(const struct frank_config_key *key,
                               const struct frank_config_origin *origin, const char *text,
                               void *values, char *why)
{
  for (uint32_t i = 0; key->choices[i] != NULL; i++) {
    if (strcmp(text, key->choices[i]) == 0) {
      memcpy(frank_config_member(key, values), &i, sizeof i);
      return FRANK_OK;
    }
  }
  char choices[256];
  list_choices(key, choices, sizeof choices);
  return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED, "\"%s\" is none of %s",
                             text, choices);
}

/* What the full UCL parser would take for a number or a boolean is no text without quotes. */
static bool is_other_type(const char *text)
{
  uint64_t ignored;
  return word_in(text, true_words) || word_in(text, false_words) ||
         read_number(text, &types[FRANK_CONFIG_UINT], &ignored) != FRANK_ERR_MALFORMED ||
         read_number(text, &types[FRANK_CONFIG_DURATION], &ignored) != FRANK_ERR_MALFORMED;
}

static enum frank_err set_text(const struct frank_config_key *key,
                               const struct frank_config_origin *origin, const char *text,
                               void *values, char *why)
{
  bool is_list = key->type == FRANK_CONFIG_LIST;
  struct frank_config_list *list = is_list ? frank_config_member(key, values) : NULL;
  size_t size = is_list ? FRANK_CONFIG_ITEM_BYTES : key->size;
  if (origin->path != NULL && !origin->quoted && is_other_type(text)) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED,
                               "%s is a number or a boolean; put the text in double quotes", text);
  }
  size_t len = strlen(text);
  if (len >= size) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_RANGE, "longer than %zu bytes",
                               size - 1);
  }
  if (is_list && len == 0) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED,
                               "an empty text in the list");
  }
  if (is_list && list->count >= key->max) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_RANGE,
                               "more than %" PRIu64 " elements", key->max);
  }
  /* Nothing in here is named with them, and a dump could not be read back. */
  for (size_t i = 0; i < len; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte == 0x7f) {
      return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED,
                                 "a control character (byte 0x%02x) in the text", byte);
    }
  }
  const char *expected = len > 0 && key->check != NULL ? key->check(text) : NULL;
  if (expected != NULL) {
    return frank_config_refuse(origin, key->name, why, FRANK_ERR_MALFORMED, "\"%s\" is not %s",
                               text, expected);
  }
  memcpy(is_list ? list->items[list->count++] : (char *)frank_config_member(key, values), text,
         len + 1);
  return FRANK_OK;
}

typedef enum frank_err set_fn(const struct frank_config_key *key,
                              const struct frank_config_origin *origin, const char *text,
                              void *values, char *why);

static set_fn *const setters[] = {
    [FRANK_CONFIG_BOOL] = set_bool,   [FRANK_CONFIG_UINT] = set_number,
    [FRANK_CONFIG_SIZE] = set_number, [FRANK_CONFIG_DURATION] = set_number,
    [FRANK_CONFIG_ENUM] = set_enum,   [FRANK_CONFIG_TEXT] = set_text,
    [FRANK_CONFIG_MODE] = set_number, [FRANK_CONFIG_LIST] = set_text,
};

enum frank_err frank_config_value_set(const struct frank_config_key *key,
                                      const struct frank_config_origin *origin, const char *text,
                                      void *values, char *why)
{
  return setters[key->type](key, origin, text, values, why);
}

/* ---- writing ---- */

static void write_quoted(const char *text, FILE *out)
{
  fputc('"', out);
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') {
      fputc('\\', out);
    }
    fputc(*text, out);
  }
  fputc('"', out);
}

void frank_config_value_write(const struct frank_config_key *key, const void *values, FILE *out)
{
  const void *at = frank_config_member_of(key, values);
  char number_text[32];
  uint64_t number = 0;
  uint32_t choice = 0;
  bool truth = false;
  switch (key->type) {
  case FRANK_CONFIG_BOOL:
    memcpy(&truth, at, sizeof truth);
    fputs(truth ? "true" : "false", out);
    break;
  case FRANK_CONFIG_ENUM:
    memcpy(&choice, at, sizeof choice);
    write_quoted(key->choices[choice], out);
    break;
  case FRANK_CONFIG_TEXT:
    write_quoted(at, out);
    break;
  case FRANK_CONFIG_LIST: {
    const struct frank_config_list *list = at;
    fputs("[", out);
    for (uint32_t i = 0; i < list->count; i++) {
      fputs(i > 0 ? ", " : " ", out);
      write_quoted(list->items[i], out);
    }
    fputs(" ]", out);
    break;
  }
  default:
    memcpy(&number, at, sizeof number);
    format_number(key, number, number_text);
    fputs(number_text, out);
    break;
  }
}

/* The type and the range in words. */
void frank_config_range_write(const struct frank_config_key *key, FILE *out)
{
  char least[32];
  char most[32];
  char choices[256];
  switch (key->type) {
  case FRANK_CONFIG_ENUM:
    list_choices(key, choices, sizeof choices);
    fprintf(out, "one of %s", choices);
    break;
  case FRANK_CONFIG_LIST:
    fprintf(out, "a list of %" PRIu64 " to %" PRIu64 " texts", key->min, key->max);
    break;
  case FRANK_CONFIG_TEXT:
    fprintf(out, "a text of at most %zu bytes", key->size - 1);
    break;
  case FRANK_CONFIG_BOOL:
    fputs(types[key->type].what, out);
    break;
  default:
    format_number(key, key->min, least);
    format_number(key, key->max, most);
    fprintf(out, "%s to %s%s", least, most, key->type == FRANK_CONFIG_SIZE ? " bytes" : "");
    break;
  }
}
