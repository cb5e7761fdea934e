#include "base/config.h"
#include "base/config_value.h"
#include "base/nearest.h"
#include "base/ucl.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The known key's name that `name` is most likely a slip of. */
static const char *nearest_key(const struct frank_config_table *table, const char *name)
{
  const char *names[FRANK_CONFIG_KEYS_MAX];
  for (size_t i = 0; i < table->key_count; i++) {
    names[i] = table->keys[i].name;
  }
  return frank_nearest(name, names, table->key_count, NULL);
}

static const struct frank_config_key *find_key(const struct frank_config_table *table,
                                               const char *name)
{
  for (size_t i = 0; i < table->key_count; i++) {
    if (strcmp(table->keys[i].name, name) == 0) {
      return &table->keys[i];
    }
  }
  return NULL;
}

/* ---- reading ---- */

static void set_default(const struct frank_config_key *key, void *values)
{
  char why[FRANK_CONFIG_WHY_BYTES];
  struct frank_config_origin origin = {.flag = key->name};
  enum frank_err err = FRANK_OK;
  if (key->type == FRANK_CONFIG_LIST) {
    memset(frank_config_member(key, values), 0, sizeof(struct frank_config_list));
  }
  if (key->type != FRANK_CONFIG_LIST || key->normal[0] != '\0') {
    err = frank_config_value_set(key, &origin, key->normal, values, why);
  }
  assert(err == FRANK_OK);
}

void frank_config_defaults(const struct frank_config_table *table, void *values)
{
  assert(table->key_count > 0 && table->key_count <= FRANK_CONFIG_KEYS_MAX);
  for (size_t i = 0; i < table->key_count; i++) {
    set_default(&table->keys[i], values);
  }
}

/* One item of a file. `lines` has the line where each key was first set, 0 for not yet. */
static enum frank_err take_item(const struct frank_config_table *table, const char *path,
                                const struct frank_ucl_item *item, uint32_t *lines, void *values,
                                char *why)
{
  struct frank_config_origin origin = {.path = path, .line = item->line, .quoted = item->quoted};
  const struct frank_config_key *key = find_key(table, item->key);
  if (key == NULL) {
    return frank_config_refuse(&origin, item->key, why, FRANK_ERR_MALFORMED,
                               "unknown key; the nearest known one is %s",
                               nearest_key(table, item->key));
  }
  uint32_t *first_line = &lines[key - table->keys];
  bool is_list = key->type == FRANK_CONFIG_LIST;
  if (item->kind == FRANK_UCL_LIST && !is_list) {
    return frank_config_refuse(&origin, key->name, why, FRANK_ERR_MALFORMED, "a list, expected %s",
                               frank_config_type_text(key->type));
  }
  if (*first_line != 0 && !is_list) {
    return frank_config_refuse(&origin, key->name, why, FRANK_ERR_MALFORMED,
                               "set twice; it was set in line %" PRIu32 " already", *first_line);
  }
  if (*first_line == 0) {
    *first_line = item->line;
    if (is_list) {
      memset(frank_config_member(key, values), 0, sizeof(struct frank_config_list));
    }
  }
  if (item->kind == FRANK_UCL_LIST) {
    return FRANK_OK;
  }
  return frank_config_value_set(key, &origin, item->text, values, why);
}

enum frank_err frank_config_parse(const struct frank_config_table *table, const char *path,
                                  const char *text, size_t len_bytes, void *values, char *why)
{
  uint32_t lines[FRANK_CONFIG_KEYS_MAX] = {0};
  struct frank_ucl_reader reader;
  struct frank_ucl_item item;
  enum frank_err err = FRANK_OK;
  why[0] = '\0';
  frank_ucl_init(&reader, text, len_bytes);
  while ((err = frank_ucl_next(&reader, &item)) == FRANK_OK) {
    err = take_item(table, path, &item, lines, values, why);
    if (err != FRANK_OK) {
      return err;
    }
  }
  if (err != FRANK_ERR_NOT_FOUND) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s:%" PRIu32 ": %s", path, reader.line, reader.why);
    return err;
  }
  for (size_t i = 0; i < table->key_count; i++) {
    const struct frank_config_key *key = &table->keys[i];
    const struct frank_config_list *list = frank_config_member_of(key, values);
    if (key->type == FRANK_CONFIG_LIST && list->count < key->min) {
      struct frank_config_origin origin = {.path = path, .line = lines[i]};
      return frank_config_refuse(&origin, key->name, why, FRANK_ERR_RANGE,
                                 "needs %" PRIu64 " elements at least", key->min);
    }
  }
  return FRANK_OK;
}

static enum frank_err open_error(int number)
{
  return number == ENOENT || number == ENOTDIR  ? FRANK_ERR_NOT_FOUND
         : number == EACCES || number == EPERM  ? FRANK_ERR_DENIED
         : number == ENOMEM || number == ENFILE ? FRANK_ERR_NOMEM
                                                : FRANK_ERR_IO;
}

enum frank_err frank_config_load(const struct frank_config_table *table, const char *path,
                                 void *values, char *why)
{
  enum frank_err err = FRANK_OK;
  char *text = NULL;
  FILE *file = fopen(path, "re");
  if (file == NULL) {
    err = open_error(errno);
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: %s", path, strerror(errno));
    goto cleanup;
  }
  text = malloc(FRANK_CONFIG_FILE_MAX_BYTES + 1);
  if (text == NULL) {
    err = FRANK_ERR_NOMEM;
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: no memory to read it", path);
    goto cleanup;
  }
  size_t len = fread(text, 1, FRANK_CONFIG_FILE_MAX_BYTES + 1, file);
  if (ferror(file)) {
    err = FRANK_ERR_IO;
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: %s", path, strerror(errno));
    goto cleanup;
  }
  if (len > FRANK_CONFIG_FILE_MAX_BYTES) {
    err = FRANK_ERR_TOO_LONG;
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: longer than %d bytes", path,
             FRANK_CONFIG_FILE_MAX_BYTES);
    goto cleanup;
  }
  err = frank_config_parse(table, path, text, len, values, why);

cleanup:
  free(text);
  if (file != NULL) {
    fclose(file);
  }
  return err;
}

enum frank_err frank_config_set(const struct frank_config_table *table, const char *key_name,
                                const char *flag, const char *text, bool append, void *values,
                                char *why)
{
  const struct frank_config_key *key = find_key(table, key_name);
  assert(key != NULL);
  struct frank_config_origin origin = {.flag = flag};
  why[0] = '\0';
  if (key->type == FRANK_CONFIG_LIST && !append) {
    memset(frank_config_member(key, values), 0, sizeof(struct frank_config_list));
  }
  return frank_config_value_set(key, &origin, text, values, why);
}

/* ---- writing ---- */

static void write_comment(const struct frank_config_key *key, const char *mark, FILE *out)
{
  fprintf(out, "%s%s\n%s", mark, key->help, mark);
  frank_config_range_write(key, out);
  if (key->type == FRANK_CONFIG_TEXT || key->type == FRANK_CONFIG_LIST) {
    fprintf(out, "; default %s%s%s", key->normal[0] ? "\"" : "",
            key->normal[0] ? key->normal : "none", key->normal[0] ? "\"" : "");
  } else {
    fprintf(out, "; default %s", key->normal);
  }
  fprintf(out, "; %s\n", key->reloadable ? "SIGHUP reads it again" : "changed by a restart only");
}

/* Whether the key has its default: `scratch` is a LIST's worth of memory. */
static bool has_default(const struct frank_config_key *key, const void *values, void *scratch)
{
  struct frank_config_key moved = *key;
  moved.offset = 0;
  set_default(&moved, scratch);
  struct frank_config_table one = {"", &moved, 1};
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  return frank_config_compare(&one, scratch, frank_config_member_of(key, values), changed) == 0;
}

enum frank_err frank_config_check_files(const struct frank_config_table *table, const void *values,
                                        bool reload, char *why)
{
  for (size_t i = 0; i < table->key_count; i++) {
    const struct frank_config_key *key = &table->keys[i];
    if (!key->is_read || (reload && !key->reloadable)) {
      continue;
    }
    assert(key->type == FRANK_CONFIG_TEXT);
    const char *path = frank_config_member_of(key, values);
    if (path[0] != '\0' && access(path, R_OK) != 0) {
      (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: %s: %s", key->name, path, strerror(errno));
      return FRANK_ERR_IO;
    }
  }
  return FRANK_OK;
}

enum frank_err frank_config_dump(const struct frank_config_table *table, const void *values,
                                 bool changed_only, FILE *out)
{
  struct frank_config_list scratch;
  fprintf(out, "# Configuration of %s, version %s%s.\n", table->program, FRANK_VERSION,
          changed_only ? ": what differs from the defaults" : "");
  for (size_t i = 0; i < table->key_count; i++) {
    const struct frank_config_key *key = &table->keys[i];
    assert(key->size <= sizeof scratch);
    if (changed_only && has_default(key, values, &scratch)) {
      continue;
    }
    fputc('\n', out);
    write_comment(key, "# ", out);
    fprintf(out, "%s = ", key->name);
    frank_config_value_write(key, values, out);
    fputs(";\n", out);
  }
  return fflush(out) == 0 && !ferror(out) ? FRANK_OK : FRANK_ERR_IO;
}

enum frank_err frank_config_explain(const struct frank_config_table *table, const char *name,
                                    FILE *out, char *why)
{
  const struct frank_config_key *key = find_key(table, name);
  if (key == NULL) {
    snprintf(why, FRANK_CONFIG_WHY_BYTES, "unknown key \"%.63s\"; the nearest known one is %s",
             name, nearest_key(table, name));
    return FRANK_ERR_NOT_FOUND;
  }
  fprintf(out, "%s\n", key->name);
  write_comment(key, "  ", out);
  return FRANK_OK;
}

/* `_` and `*` mean something in scdoc. */
static void write_escaped(const char *text, FILE *out)
{
  for (const char *at = text; *at != '\0'; at++) {
    if (strchr("_*\\[]#~", *at) != NULL) {
      fputc('\\', out);
    }
    fputc(*at, out);
  }
}

enum frank_err frank_config_manual(const struct frank_config_table *table, FILE *out)
{
  for (size_t i = 0; i < table->key_count; i++) {
    char *text = NULL;
    size_t len_bytes = 0;
    FILE *memory = open_memstream(&text, &len_bytes);
    if (memory == NULL) {
      return FRANK_ERR_NOMEM;
    }
    write_comment(&table->keys[i], "\t", memory);
    if (fclose(memory) != 0) {
      free(text);
      return FRANK_ERR_NOMEM;
    }
    char *range = strchr(text, '\n');
    *range = '\0';
    fputc('*', out);
    write_escaped(table->keys[i].name, out);
    fputs("*\n", out);
    write_escaped(text, out);
    fputs("\n\n", out);
    write_escaped(range + 1, out);
    fputc('\n', out);
    free(text);
  }
  return fflush(out) == 0 && !ferror(out) ? FRANK_OK : FRANK_ERR_IO;
}

/* ---- comparing ---- */

static bool lists_equal(const struct frank_config_list *a, const struct frank_config_list *b)
{
  if (a->count != b->count) {
    return false;
  }
  for (uint32_t i = 0; i < a->count; i++) {
    if (strcmp(a->items[i], b->items[i]) != 0) {
      return false;
    }
  }
  return true;
}

/* Bytes of a member that is a plain number or boolean; 0 for texts and lists. */
static size_t scalar_bytes(const struct frank_config_key *key)
{
  switch (key->type) {
  case FRANK_CONFIG_BOOL:
    return sizeof(bool);
  case FRANK_CONFIG_ENUM:
    return sizeof(uint32_t);
  case FRANK_CONFIG_TEXT:
  case FRANK_CONFIG_LIST:
    return 0;
  default:
    return sizeof(uint64_t);
  }
}

size_t frank_config_compare(const struct frank_config_table *table, const void *old_values,
                            const void *new_values, const struct frank_config_key **changed)
{
  size_t count = 0;
  for (size_t i = 0; i < table->key_count; i++) {
    const struct frank_config_key *key = &table->keys[i];
    const void *a = frank_config_member_of(key, old_values);
    const void *b = frank_config_member_of(key, new_values);
    bool equal = key->type == FRANK_CONFIG_LIST   ? lists_equal(a, b)
                 : key->type == FRANK_CONFIG_TEXT ? strcmp(a, b) == 0
                                                  : memcmp(a, b, scalar_bytes(key)) == 0;
    if (!equal) {
      changed[count++] = key;
    }
  }
  return count;
}

void frank_config_copy(const struct frank_config_key *key, const void *from, void *to)
{
  size_t size = key->type == FRANK_CONFIG_LIST   ? sizeof(struct frank_config_list)
                : key->type == FRANK_CONFIG_TEXT ? key->size
                                                 : scalar_bytes(key);
  memcpy(frank_config_member(key, to), frank_config_member_of(key, from), size);
}
