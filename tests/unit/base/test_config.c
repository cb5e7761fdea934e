/*
 * config and ucl: what a configuration file may say, how what it may not is refused, and that a
 * dump loads back to the same values.
 */
#include "base/config.h"
#include "base/nearest.h"
#include "base/ucl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
  bool quick;
  uint64_t count;
  uint64_t bytes;
  uint64_t pause_us;
  uint64_t mode;
  uint32_t colour;
  char name[16];
  struct frank_config_list places;
  uint64_t guard; /* after everything that the table writes */
};

static const char *check_place(const char *text)
{
  return text[0] == '/' ? NULL : "an absolute path";
}

static const char *const colours[] = {"red", "green", NULL};
static const struct frank_config_key keys[] = {
    {.name = "quick",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = offsetof(struct values, quick),
     .normal = "true",
     .help = "Quick."},
    {.name = "count",
     .type = FRANK_CONFIG_UINT,
     .offset = offsetof(struct values, count),
     .min = 1,
     .max = 1000000,
     .normal = "7",
     .help = "Count."},
    {.name = "bytes",
     .type = FRANK_CONFIG_SIZE,
     .offset = offsetof(struct values, bytes),
     .max = UINT64_MAX,
     .normal = "1mb",
     .help = "Bytes."},
    {.name = "pause",
     .type = FRANK_CONFIG_DURATION,
     .offset = offsetof(struct values, pause_us),
     .max = UINT64_MAX,
     .normal = "50ms",
     .help = "Pause."},
    {.name = "mode",
     .type = FRANK_CONFIG_MODE,
     .offset = offsetof(struct values, mode),
     .max = 0777,
     .normal = "0660",
     .help = "Mode."},
    {.name = "colour",
     .type = FRANK_CONFIG_ENUM,
     .offset = offsetof(struct values, colour),
     .normal = "green",
     .choices = colours,
     .help = "Colour."},
    {.name = "name",
     .type = FRANK_CONFIG_TEXT,
     .offset = offsetof(struct values, name),
     .size = sizeof(((struct values *)NULL)->name),
     .normal = "",
     .help = "Name."},
    {.name = "places",
     .type = FRANK_CONFIG_LIST,
     .offset = offsetof(struct values, places),
     .min = 1,
     .max = 3,
     .normal = "/one",
     .check = check_place,
     .help = "Places."},
};
static const struct frank_config_table table = {"test", keys, sizeof keys / sizeof keys[0]};

#define GUARD UINT64_C(0x5ca1ab1e0ddba11)

static void fresh(struct values *values)
{
  memset(values, 0, sizeof *values);
  values->guard = GUARD;
  frank_config_defaults(&table, values);
}

static enum frank_err parse(struct values *values, const char *text, char *why)
{
  fresh(values);
  /* The exact size on the heap and no NUL, so that a sanitizer sees a read past the end. */
  size_t len = strlen(text);
  char *copy = malloc(len > 0 ? len : 1);
  assert_non_null(copy);
  for (size_t i = 0; i < len; i++) {
    copy[i] = text[i];
  }
  enum frank_err err = frank_config_parse(&table, "t.conf", copy, len, values, why);
  free(copy);
  assert_true(values->guard == GUARD);
  return err;
}

static void defaults_are_those_of_the_table(void **state)
{
  (void)state;
  struct values values;
  fresh(&values);
  assert_true(values.quick);
  assert_int_equal(values.count, 7);
  assert_int_equal(values.bytes, 1048576);
  assert_int_equal(values.pause_us, 50000);
  assert_int_equal(values.mode, 0660);
  assert_int_equal(values.colour, 1);
  assert_string_equal(values.name, "");
  assert_int_equal(values.places.count, 1);
  assert_string_equal(values.places.items[0], "/one");
}

static void every_way_of_writing_is_read(void **state)
{
  (void)state;
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  const char *text = "# comment\r\n"
                     "quick off; count: 10k, bytes = 64kb # tail\n"
                     "/* a /* nested */ one */ pause=1.5s\n"
                     "mode \"0600\"\n"
                     "colour = red\n"
                     "\"name\" = \"a \\\"b\\\" \\\\\";\n"
                     "places = [\n  \"/a b\", # first\n  /c,\n]\n"
                     "places = /d";
  assert_int_equal(parse(&values, text, why), FRANK_OK);
  assert_false(values.quick);
  assert_int_equal(values.count, 10000);
  assert_int_equal(values.bytes, 65536);
  assert_int_equal(values.pause_us, 1500000);
  assert_int_equal(values.mode, 0600);
  assert_int_equal(values.colour, 0);
  assert_string_equal(values.name, "a \"b\" \\");
  assert_int_equal(values.places.count, 3);
  assert_string_equal(values.places.items[0], "/a b");
  assert_string_equal(values.places.items[1], "/c");
  assert_string_equal(values.places.items[2], "/d");
}

struct number_case {
  const char *text;
  uint64_t expected;
};

static void units_are_those_of_ucl(void **state)
{
  (void)state;
  static const struct number_case times[] = {
      {"0", 0},
      {"2", 2000000},
      {"0.000001", 1},
      {"1ms", 1000},
      {"0.25ms", 250},
      {"3S", 3000000},
      {"1.5min", 90000000},
      {"2h", UINT64_C(7200000000)},
      {"1d", UINT64_C(86400000000)},
      {"1w", UINT64_C(604800000000)},
  };
  static const struct number_case sizes[] = {
      {"0", 0},         {"5k", 5000},       {"5kb", 5120},     {"2M", 2000000},
      {"2MB", 2097152}, {"1g", 1000000000}, {"1gb", 1u << 30}, {"18446744073709551615", UINT64_MAX},
  };
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  char line[64];
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    snprintf(line, sizeof line, "pause = %s", times[i].text);
    assert_int_equal(parse(&values, line, why), FRANK_OK);
    assert_true(values.pause_us == times[i].expected);
  }
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    snprintf(line, sizeof line, "bytes = %s", sizes[i].text);
    assert_int_equal(parse(&values, line, why), FRANK_OK);
    assert_true(values.bytes == sizes[i].expected);
  }
}

struct bad_case {
  const char *text;
  enum frank_err err;
  const char *why; /* what the message must hold */
};

static void bad_files_are_refused_by_line_and_name(void **state)
{
  (void)state;
  static const struct bad_case cases[] = {
      {"\n\ncuont = 1", FRANK_ERR_MALFORMED,
       "t.conf:3: cuont: unknown key; the nearest known one is count"},
      {"x=1", FRANK_ERR_MALFORMED, "t.conf:1: x: unknown key"},
      {"count = 0", FRANK_ERR_RANGE, "t.conf:1: count: 0 is outside 1 to 1000000"},
      {"count = 1000001", FRANK_ERR_RANGE, "outside"},
      {"count = 99999999999999999999", FRANK_ERR_RANGE, "outside"},
      {"count = 18446744073709551615k", FRANK_ERR_RANGE, "outside"},
      {"pause = 999999999999999999w", FRANK_ERR_RANGE, "outside"},
      {"count = -1", FRANK_ERR_MALFORMED, "\"-1\" is not a whole number"},
      {"count = 1.5", FRANK_ERR_MALFORMED, "not a whole number"},
      {"count = 1e6", FRANK_ERR_MALFORMED, "not a whole number"},
      {"count = 0x10", FRANK_ERR_MALFORMED, "not a whole number"},
      {"count = true", FRANK_ERR_MALFORMED, "not a whole number"},
      {"count = \"5\"", FRANK_ERR_MALFORMED, "a text in quotes, expected a whole number"},
      {"count = [5]", FRANK_ERR_MALFORMED, "a list, expected a whole number"},
      {"pause = 5x", FRANK_ERR_MALFORMED, "not a time"},
      {"/* one\ntwo */\ncuont = 1", FRANK_ERR_MALFORMED, "t.conf:3: cuont"},
      {"pause = 0.0000010", FRANK_ERR_MALFORMED, "not a time"},
      {"pause = 1.", FRANK_ERR_MALFORMED, "not a time"},
      {"pause = 0.0000001", FRANK_ERR_MALFORMED, "not a time"},
      {"pause = 0.0001ms", FRANK_ERR_MALFORMED, "not a time"},
      {"quick = maybe", FRANK_ERR_MALFORMED, "not true or false"},
      {"quick = \"true\"", FRANK_ERR_MALFORMED, "without quotes"},
      {"mode = 0660", FRANK_ERR_MALFORMED, "not in quotes"},
      {"mode = \"0668\"", FRANK_ERR_MALFORMED, "not a file mode"},
      {"mode = \"1777\"", FRANK_ERR_RANGE, "outside \"0000\" to \"0777\""},
      {"colour = blue", FRANK_ERR_MALFORMED, "none of red, green"},
      {"name = 5", FRANK_ERR_MALFORMED, "put the text in double quotes"},
      {"name = off", FRANK_ERR_MALFORMED, "put the text in double quotes"},
      {"name = 5s", FRANK_ERR_MALFORMED, "put the text in double quotes"},
      {"name = abcdefghijklmnop", FRANK_ERR_RANGE, "longer than 15 bytes"},
      {"places = a", FRANK_ERR_MALFORMED, "\"a\" is not an absolute path"},
      {"places = []", FRANK_ERR_RANGE, "t.conf:1: places: needs 1 elements"},
      {"places = [ \"\" ]", FRANK_ERR_MALFORMED, "an empty text"},
      {"\nplaces = [ /1,\n /2,\n /3,\n /4 ]", FRANK_ERR_RANGE, "t.conf:5: places: more than 3"},
      {"places = [ [ /1 ] ]", FRANK_ERR_UNSUPPORTED, "no lists or sections"},
      {"places = [ /1 ", FRANK_ERR_MALFORMED, "the list of \"places\" has no end"},
      {"places = [ /1 \"/2\" ]", FRANK_ERR_MALFORMED, "brackets, quotes"},
      {"places = [ \"/1\" \"/2\" ]", FRANK_ERR_MALFORMED, "unexpected '\"' in a list"},
      {"count = 1\ncount = 2", FRANK_ERR_MALFORMED,
       "t.conf:2: count: set twice; it was set in line 1"},
      {".include \"/etc/passwd\"", FRANK_ERR_UNSUPPORTED, "t.conf:1: macros"},
      {"\n.include(try=true) \"http://127.0.0.1/\"", FRANK_ERR_UNSUPPORTED, "t.conf:2: macros"},
      {"worker { count = 1 }", FRANK_ERR_UNSUPPORTED, "\"worker\" opens a section"},
      {"{ count = 1 }", FRANK_ERR_UNSUPPORTED, "sections"},
      {"name = <<EOD\nx\nEOD", FRANK_ERR_UNSUPPORTED, "here-documents"},
      {"name = 'x'", FRANK_ERR_MALFORMED, "double quotes"},
      {"name = \"x", FRANK_ERR_MALFORMED, "has no end"},
      {"name = \"x\ny\"", FRANK_ERR_MALFORMED, "unexpected byte 0x0a inside quotes"},
      {"name = \"x\\n\"", FRANK_ERR_MALFORMED, "after a backslash"},
      {"name = \"x\" y", FRANK_ERR_MALFORMED, "unexpected 'y' after a value"},
      {"name = tcp://*:1", FRANK_ERR_MALFORMED, "/* must stand in double quotes"},
      {"count", FRANK_ERR_MALFORMED, "\"count\" has no value"},
      {"count =\n5", FRANK_ERR_MALFORMED, "t.conf:1: \"count\" has no value"},
      {"\n\n/* never\nclosed", FRANK_ERR_MALFORMED, "t.conf:3: this comment has no end"},
      {"=5", FRANK_ERR_MALFORMED, "unexpected '=' where a key should begin"},
      {"\xef\xbb\xbf", FRANK_ERR_MALFORMED, "unexpected byte 0xef"},
      {"name = a\tb", FRANK_ERR_MALFORMED, "unexpected 'b' after a value"},
      {"name = a\x01", FRANK_ERR_MALFORMED, "unexpected byte 0x01"},
  };
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    enum frank_err err = parse(&values, cases[i].text, why);
    if (err != cases[i].err || strstr(why, cases[i].why) == NULL) {
      fail_msg("case %zu \"%s\": %s, \"%s\"", i, cases[i].text, frank_err_text(err), why);
    }
  }
}

static void nul_bytes_are_refused(void **state)
{
  (void)state;
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  static const char *const texts[] = {"name = a?b", "name = \"a?b\"", "?", "places = [ ?]",
                                      "name?= x"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    char text[32];
    size_t len = strlen(texts[i]);
    memcpy(text, texts[i], len);
    *(char *)memchr(text, '?', len) = '\0';
    fresh(&values);
    assert_int_equal(frank_config_parse(&table, "t.conf", text, len, &values, why),
                     FRANK_ERR_MALFORMED);
    assert_non_null(strstr(why, "0x00"));
  }
}

static void long_things_are_refused(void **state)
{
  (void)state;
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  char text[4096];
  memset(text, 'a', sizeof text);
  fresh(&values);
  assert_int_equal(frank_config_parse(&table, "t.conf", text, sizeof text, &values, why),
                   FRANK_ERR_MALFORMED);
  assert_non_null(strstr(why, "a key longer than"));
  for (size_t i = 0; i < 7; i++) {
    text[i] = "name = "[i];
  }
  assert_int_equal(frank_config_parse(&table, "t.conf", text, sizeof text, &values, why),
                   FRANK_ERR_MALFORMED);
  text[7] = '"';
  assert_int_equal(frank_config_parse(&table, "t.conf", text, sizeof text, &values, why),
                   FRANK_ERR_MALFORMED);
  /* A long path before the message leaves no room, and nothing breaks. */
  char path[2 * FRANK_CONFIG_WHY_BYTES];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_int_equal(frank_config_parse(&table, path, "x=1", 3, &values, why), FRANK_ERR_MALFORMED);
  assert_true(strlen(why) < FRANK_CONFIG_WHY_BYTES);
}

static void files_that_cannot_be_read_are_named(void **state)
{
  (void)state;
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  char folder[] = "/tmp/frank-config-XXXXXX";
  char path[64];
  assert_non_null(mkdtemp(folder));
  fresh(&values);
  snprintf(path, sizeof path, "%s/absent", folder);
  assert_int_equal(frank_config_load(&table, path, &values, why), FRANK_ERR_NOT_FOUND);
  assert_non_null(strstr(why, path));
  assert_int_equal(frank_config_load(&table, folder, &values, why), FRANK_ERR_IO);
  assert_non_null(strstr(why, folder));
  snprintf(path, sizeof path, "%s/large", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  for (int i = 0; i < FRANK_CONFIG_FILE_MAX_BYTES; i++) {
    fputc('\n', file);
  }
  fflush(file);
  assert_int_equal(frank_config_load(&table, path, &values, why), FRANK_OK);
  fputc('\n', file);
  fclose(file);
  assert_int_equal(frank_config_load(&table, path, &values, why), FRANK_ERR_TOO_LONG);
  unlink(path);
  rmdir(folder);
}

static void flags_pass_the_same_checks(void **state)
{
  (void)state;
  struct values values;
  char why[FRANK_CONFIG_WHY_BYTES];
  fresh(&values);
  assert_int_equal(frank_config_set(&table, "count", "--count", "0", false, &values, why),
                   FRANK_ERR_RANGE);
  assert_string_equal(why, "--count: 0 is outside 1 to 1000000");
  assert_int_equal(frank_config_set(&table, "count", "--count", "12", false, &values, why),
                   FRANK_OK);
  assert_int_equal(values.count, 12);
  /* A flag's text needs no quotes, whatever it looks like. */
  assert_int_equal(frank_config_set(&table, "name", "--name", "5", false, &values, why), FRANK_OK);
  assert_int_equal(frank_config_set(&table, "mode", "--mode", "0600", false, &values, why),
                   FRANK_OK);
  /* The first --place replaces the default, the second is added. */
  assert_int_equal(frank_config_set(&table, "places", "--place", "/x", false, &values, why),
                   FRANK_OK);
  assert_int_equal(frank_config_set(&table, "places", "--place", "/y", true, &values, why),
                   FRANK_OK);
  assert_int_equal(values.places.count, 2);
  assert_string_equal(values.places.items[1], "/y");
  assert_int_equal(frank_config_set(&table, "places", "--place", "z", true, &values, why),
                   FRANK_ERR_MALFORMED);
  assert_true(values.guard == GUARD);
}

static char *dump(const struct values *values, bool changed_only)
{
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  assert_non_null(out);
  assert_int_equal(frank_config_dump(&table, values, changed_only, out), FRANK_OK);
  fclose(out);
  return text;
}

static void assert_same(const struct values *a, const struct values *b)
{
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  assert_int_equal(frank_config_compare(&table, a, b, changed), 0);
}

static void a_dump_loads_back_to_the_same_values(void **state)
{
  (void)state;
  static const uint64_t times_us[] = {0,       1,        999,           1000,
                                      1500000, 60000000, 5400000000ULL, UINT64_MAX};
  struct values values;
  struct values again;
  char why[FRANK_CONFIG_WHY_BYTES];
  for (size_t i = 0; i < sizeof times_us / sizeof times_us[0]; i++) {
    fresh(&values);
    values.quick = false;
    values.bytes = UINT64_MAX - i;
    values.pause_us = times_us[i];
    values.mode = 0007;
    values.colour = 0;
    snprintf(values.name, sizeof values.name, "%s", "\"\\ # /* ; true");
    snprintf(values.places.items[0], FRANK_CONFIG_ITEM_BYTES, "%s", "/a \"b\", [c] {d}");
    for (int changed_only = 0; changed_only <= 1; changed_only++) {
      char *text = dump(&values, changed_only == 1);
      assert_int_equal(parse(&again, text, why), FRANK_OK);
      assert_same(&values, &again);
      free(text);
    }
  }
}

static void a_dump_of_changes_holds_nothing_else(void **state)
{
  (void)state;
  struct values values;
  fresh(&values);
  char *text = dump(&values, true);
  assert_null(strchr(text, '='));
  free(text);
  values.count = 8;
  text = dump(&values, true);
  assert_non_null(strstr(text, "\ncount = 8;\n"));
  assert_null(strstr(text, "bytes ="));
  free(text);
  /* The whole dump explains each key. */
  text = dump(&values, false);
  for (size_t i = 0; i < table.key_count; i++) {
    assert_non_null(strstr(text, keys[i].help));
  }
  assert_non_null(strstr(text, "# 1 to 1000000; default 7; changed by a restart only\n"));
  free(text);
}

static void a_reload_tells_what_changed(void **state)
{
  (void)state;
  struct values before;
  struct values after;
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  fresh(&before);
  fresh(&after);
  snprintf(after.name + 8, 8, "junk"); /* after the end of the text: not part of the value */
  assert_int_equal(frank_config_compare(&table, &before, &after, changed), 0);
  after.quick = false;
  snprintf(after.places.items[0], FRANK_CONFIG_ITEM_BYTES, "%s", "/two");
  assert_int_equal(frank_config_compare(&table, &before, &after, changed), 2);
  assert_string_equal(changed[0]->name, "quick");
  assert_true(changed[0]->reloadable);
  assert_string_equal(changed[1]->name, "places");
  assert_false(changed[1]->reloadable);
  frank_config_copy(changed[0], &after, &before);
  frank_config_copy(changed[1], &after, &before);
  assert_same(&before, &after);
}

static void one_key_is_explained(void **state)
{
  (void)state;
  char why[FRANK_CONFIG_WHY_BYTES];
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  assert_int_equal(frank_config_explain(&table, "colour", out, why), FRANK_OK);
  assert_int_equal(frank_config_explain(&table, "color", out, why), FRANK_ERR_NOT_FOUND);
  fclose(out);
  assert_non_null(strstr(text, "one of red, green; default green"));
  assert_non_null(strstr(why, "the nearest known one is colour"));
  free(text);
}

static void nearest_is_the_likeliest_slip(void **state)
{
  static const char *const names[] = {"floor", "factor", "factor_file", "isa", "queue"};
  static const struct {
    const char *text;
    const char *name;
    size_t distance;
  } rows[] = {
      {"factor", "factor", 0},
      {"factr", "factor", 1},
      {"fcator", "factor", 1},
      {"fac", "factor", 1},
      {"queu", "queue", 1},
      {"f", "isa", 3},
      {"factor_fiel", "factor_file", 1},
      {"", "isa", 3},
      {"uqeeu", "queue", 2},
      {"factor_", "factor", 1},
  };
  char longest[5000];
  size_t distance = 0;
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_string_equal(frank_nearest(rows[i].text, names, 5, &distance), rows[i].name);
    assert_int_equal(distance, rows[i].distance);
  }
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';
  assert_non_null(frank_nearest(longest, names, 5, &distance));
  assert_int_equal(distance, FRANK_NEAREST_NAME_BYTES);
  assert_null(frank_nearest("x", names, 0, NULL));
}

static void files_that_are_read_must_be_there(void **state)
{
  (void)state;
  const struct frank_config_key read_keys[] = {
      {.name = "name",
       .type = FRANK_CONFIG_TEXT,
       .is_read = true,
       .offset = offsetof(struct values, name),
       .size = sizeof((struct values *)0)->name,
       .normal = "",
       .help = "Name."},
  };
  const struct frank_config_table table_of_one = {"test", read_keys, 1};
  char why[FRANK_CONFIG_WHY_BYTES] = "";
  struct values values = {.name = ""};
  assert_int_equal(frank_config_check_files(&table_of_one, &values, false, why), FRANK_OK);
  memcpy(values.name, "/dev/null", sizeof "/dev/null");
  assert_int_equal(frank_config_check_files(&table_of_one, &values, false, why), FRANK_OK);
  memcpy(values.name, "/dev", sizeof "/dev");
  assert_int_equal(frank_config_check_files(&table_of_one, &values, false, why), FRANK_OK);
  memcpy(values.name, "/no/such/file", sizeof "/no/such/file");
  assert_int_equal(frank_config_check_files(&table_of_one, &values, false, why), FRANK_ERR_IO);
  assert_string_equal(why, "name: /no/such/file: No such file or directory");
  /* Only a restart would read it. */
  assert_int_equal(frank_config_check_files(&table_of_one, &values, true, why), FRANK_OK);
}

static void texts_with_control_characters_are_refused(void **state)
{
  static const char *const texts[] = {"a\nb", "\t", "a\x7f", "\x1b[m"};
  struct values values = {0};
  char why[FRANK_CONFIG_WHY_BYTES];
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_int_equal(frank_config_set(&table, "name", "--name", texts[i], false, &values, why),
                     FRANK_ERR_MALFORMED);
    assert_non_null(strstr(why, "control character"));
    assert_string_equal(values.name, "");
  }
  assert_int_equal(frank_config_set(&table, "name", "--name", "\xc3\xa4 b", false, &values, why),
                   FRANK_OK);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_those_of_the_table),
      cmocka_unit_test(every_way_of_writing_is_read),
      cmocka_unit_test(units_are_those_of_ucl),
      cmocka_unit_test(bad_files_are_refused_by_line_and_name),
      cmocka_unit_test(nul_bytes_are_refused),
      cmocka_unit_test(long_things_are_refused),
      cmocka_unit_test(files_that_cannot_be_read_are_named),
      cmocka_unit_test(flags_pass_the_same_checks),
      cmocka_unit_test(a_dump_loads_back_to_the_same_values),
      cmocka_unit_test(a_dump_of_changes_holds_nothing_else),
      cmocka_unit_test(a_reload_tells_what_changed),
      cmocka_unit_test(nearest_is_the_likeliest_slip),
      cmocka_unit_test(files_that_are_read_must_be_there),
      cmocka_unit_test(texts_with_control_characters_are_refused),
      cmocka_unit_test(one_key_is_explained),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
