/* A file of DKIM keys. See dkim_keys.h. */
#include "mail/dkim_keys.h"

#include "mail/dkim_answer.h"
#include "mail/dkim_verify.h"
#include "mail/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct key {
  const char *name;
  const char *record;
};

struct frank_dkim_keys {
  char *text; /* of the file; names and records are in it, each with a NUL */
  size_t count;
  struct key keys[FRANK_DKIM_KEYS_MAX]; /* sorted by name */
};

static int by_name(const void *a, const void *b)
{
  return strcasecmp(((const struct key *)a)->name, ((const struct key *)b)->name);
}

/* Reads one line, which it may change. NULL: done; else what is wrong with it. */
static const char *read_line(struct frank_dkim_keys *keys, char *line)
{
  size_t name_len = strcspn(line, " \t");
  char *record = line + name_len + strspn(line + name_len, " \t");
  size_t record_len = strlen(record);
  while (record_len > 0 && strchr(" \t\r", record[record_len - 1]) != NULL) {
    record[--record_len] = '\0';
  }
  if (line[0] == '#' || (name_len == 0 && record_len == 0) || strcmp(line, "\r") == 0) {
    return NULL;
  }
  if (name_len == 0 || record_len == 0) {
    return "expected SELECTOR._domainkey.DOMAIN and the key record";
  }
  line[name_len] = '\0';
  if (strcasestr(line, "._domainkey.") == NULL) {
    return "the name is not SELECTOR._domainkey.DOMAIN";
  }
  if (record_len >= FRANK_DKIM_KEY_BYTES) {
    return "the key record is longer than 1024 bytes";
  }
  if (keys->count == FRANK_DKIM_KEYS_MAX) {
    return "more than 4096 keys";
  }
  keys->keys[keys->count++] = (struct key){.name = line, .record = record};
  return NULL;
}

static enum frank_err read_lines(const char *path, size_t len_bytes, struct frank_dkim_keys *keys,
                                 char *why)
{
  size_t number = 0;
  for (char *line = keys->text; line < keys->text + len_bytes;) {
    char *end = strchrnul(line, '\n');
    number++;
    if (*end == '\0' && end < keys->text + len_bytes) {
      snprintf(why, FRANK_DKIM_WHY_BYTES, "%s:%zu: a NUL in it", path, number);
      return FRANK_ERR_MALFORMED;
    }
    *end = '\0';
    const char *wrong = read_line(keys, line);
    if (wrong != NULL) {
      snprintf(why, FRANK_DKIM_WHY_BYTES, "%s:%zu: %s", path, number, wrong);
      return FRANK_ERR_MALFORMED;
    }
    line = end + 1;
  }
  qsort(keys->keys, keys->count, sizeof keys->keys[0], by_name);
  for (size_t i = 1; i < keys->count; i++) {
    if (by_name(&keys->keys[i - 1], &keys->keys[i]) == 0) {
      snprintf(why, FRANK_DKIM_WHY_BYTES, "%s: two keys of %.120s", path, keys->keys[i].name);
      return FRANK_ERR_MALFORMED;
    }
  }
  return FRANK_OK;
}

/* The file into keys->text, with a NUL behind it. */
static enum frank_err read_file(const char *path, struct frank_dkim_keys *keys, size_t *len_bytes,
                                char *why)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "%s: %s", path, strerror(errno));
    return errno == ENOENT   ? FRANK_ERR_NOT_FOUND
           : errno == EACCES ? FRANK_ERR_DENIED
                             : FRANK_ERR_IO;
  }
  enum frank_err err = frank_message_read(fd, FRANK_DKIM_KEYS_MAX_BYTES, &keys->text, len_bytes);
  int read_errno = errno;
  close(fd);
  if (err != FRANK_OK) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "%s: %s", path,
             err == FRANK_ERR_IO         ? strerror(read_errno)
             : err == FRANK_ERR_TOO_LONG ? "over 1 MiB"
                                         : frank_err_text(err));
    return err;
  }
  char *text = realloc(keys->text, *len_bytes + 1);
  if (text == NULL) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "%s: no memory", path);
    return FRANK_ERR_NOMEM;
  }
  keys->text = text;
  text[*len_bytes] = '\0';
  return FRANK_OK;
}

enum frank_err frank_dkim_keys_read(const char *path, struct frank_dkim_keys **out, char *why)
{
  size_t len_bytes = 0;
  *out = NULL;
  struct frank_dkim_keys *keys = calloc(1, sizeof *keys);
  if (keys == NULL) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "%s: no memory", path);
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = read_file(path, keys, &len_bytes, why);
  if (err == FRANK_OK) {
    err = read_lines(path, len_bytes, keys, why);
  }
  if (err != FRANK_OK) {
    frank_dkim_keys_destroy(&keys);
    return err;
  }
  *out = keys;
  return FRANK_OK;
}

void frank_dkim_keys_destroy(struct frank_dkim_keys **keys)
{
  if (*keys != NULL) {
    free((*keys)->text);
    free(*keys);
    *keys = NULL;
  }
}

const char *frank_dkim_keys_find(const struct frank_dkim_keys *keys, const char *name)
{
  struct key wanted = {.name = name};
  if (keys->count == 0) {
    return NULL;
  }
  const struct key *found =
      bsearch(&wanted, keys->keys, keys->count, sizeof keys->keys[0], by_name);
  return found != NULL ? found->record : NULL;
}
