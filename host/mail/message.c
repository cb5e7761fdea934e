/* A message in memory as a list of header fields. See message.h. */
#include "mail/message.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define READ_FIRST_BYTES 65536 /* most mail fits */

/* The offset just past the line that starts at `at`: its LF included, or the end of the text. */
static size_t line_after(const char *text, size_t len_bytes, size_t at)
{
  const char *lf = memchr(text + at, '\n', len_bytes - at);

  return lf ? (size_t)(lf - text) + 1 : len_bytes;
}

/* The line's length without its LF or CRLF. */
static size_t line_content_bytes(const char *text, size_t at, size_t end)
{
  size_t len = end - at;

  if (len > 0 && text[end - 1] == '\n') {
    len--;
    if (len > 0 && text[at + len - 1] == '\r') {
      len--;
    }
  }
  return len;
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

/* Where the name ends in a line that begins a field, 0 where it does not: printable ASCII but the
 * colon, then (obsolete, RFC 5322 section 4.5) blanks, then the colon at *colon_at. */
static size_t name_bytes(const char *line, size_t len_bytes, size_t *colon_at)
{
  size_t len = 0, colon;

  while (len < len_bytes && line[len] > ' ' && line[len] <= '~' && line[len] != ':') {
    len++;
  }
  for (colon = len; colon < len_bytes && is_blank(line[colon]); colon++) {
  }
  if (len == 0 || colon == len_bytes || line[colon] != ':') {
    return 0;
  }
  *colon_at = colon;
  return len;
}

/* Reads the field at `at`, which does not reach past `limit`. False where no field begins. */
static bool read_field(const char *text, size_t limit, size_t at, struct frank_field *field)
{
  size_t end = line_after(text, limit, at), colon_at = 0, last_at = at;
  size_t name_len = name_bytes(text + at, line_content_bytes(text, at, end), &colon_at);

  if (name_len == 0) {
    return false;
  }
  while (end < limit && is_blank(text[end])) {
    last_at = end;
    end = line_after(text, limit, end);
  }
  field->name = (struct frank_view){text + at, name_len};
  field->value.text = text + at + colon_at + 1;
  field->value.len_bytes =
      (size_t)(text + last_at + line_content_bytes(text, last_at, end) - field->value.text);
  field->at = at;
  field->end = end;
  return true;
}

/* The line end of the line at `at`; where it has none, that of the line before. */
static const char *line_end_at(const char *text, size_t len_bytes, size_t at)
{
  size_t end = line_after(text, len_bytes, at);

  if (text[end - 1] != '\n') {
    end = at;
  }
  return end >= 2 && text[end - 1] == '\n' && text[end - 2] == '\r' ? "\r\n" : "\n";
}

enum frank_err frank_message_open(const char *text, size_t len_bytes, struct frank_message *message,
                                  const char **why)
{
  size_t at = 0;
  struct frank_field field;

  *message = (struct frank_message){.text = text, .line_end = "\n"};
  if (len_bytes == 0) {
    message->text = "";
    return FRANK_OK;
  }
  message->len_bytes = len_bytes;
  if (len_bytes >= 5 && memcmp(text, "From ", 5) == 0) {
    at = line_after(text, len_bytes, 0);
  }
  message->header_at = at;
  message->line_end = line_end_at(text, len_bytes, at);
  while (at < len_bytes && read_field(text, len_bytes, at, &field)) {
    if (message->field_count == FRANK_MESSAGE_FIELDS_MAX) {
      *why = "header: more than 4096 fields";
      return FRANK_ERR_TOO_LONG;
    }
    if (field.end - message->header_at > FRANK_MESSAGE_HEADER_MAX_BYTES) {
      *why = "header: longer than 1 MiB";
      return FRANK_ERR_TOO_LONG;
    }
    message->field_count++;
    at = field.end;
  }
  message->header_end = at;
  if (at < len_bytes) {
    size_t end = line_after(text, len_bytes, at);

    /* a line that is no field, and is not empty, is the body's first */
    message->body_at = line_content_bytes(text, at, end) == 0 ? end : at;
  } else {
    message->body_at = len_bytes;
  }
  return FRANK_OK;
}

bool frank_message_next(const struct frank_message *message, size_t *cursor,
                        struct frank_field *field)
{
  size_t at = *cursor < message->header_at ? message->header_at : *cursor;

  if (at >= message->header_end || !read_field(message->text, message->header_end, at, field)) {
    return false;
  }
  *cursor = field->end;
  return true;
}

static bool same_name(struct frank_view view, const char *name)
{
  return view.len_bytes == strlen(name) && strncasecmp(view.text, name, view.len_bytes) == 0;
}

bool frank_message_next_named(const struct frank_message *message, const char *name, size_t *cursor,
                              struct frank_field *field)
{
  while (frank_message_next(message, cursor, field)) {
    if (same_name(field->name, name)) {
      return true;
    }
  }
  return false;
}

/* A walk over the signatures that count, from the top. Starts as zeros. */
struct walk {
  size_t cursor;
  size_t fields; /* DKIM-Signature fields seen, unusable ones included */
  size_t usable;
  const char *why; /* what is wrong with the first unusable one; NULL: none was */
};

/* The next usable signature. False at the end of the message, or of what is looked at. */
static bool next_usable(const struct frank_message *message, struct walk *walk,
                        struct frank_dkim *signature)
{
  struct frank_field field;
  const char *why;

  while (walk->usable < FRANK_MSMR_SIGNATURES_MAX && walk->fields < FRANK_MESSAGE_LOOKED_AT_MAX &&
         frank_message_next_named(message, FRANK_DKIM_FIELD, &walk->cursor, &field)) {
    walk->fields++;
    if (frank_dkim_parse(field.value.text, field.value.len_bytes, signature, &why) == FRANK_OK) {
      walk->usable++;
      return true;
    }
    walk->why = walk->why ? walk->why : why;
  }
  return false;
}

/* Why none of the usable signatures is the wanted one. */
static const char *unwanted_why(bool has_domain, bool has_alg, bool full)
{
  static const char *const whys[2][2][2] = {
      {{"", ""},
       {"no usable DKIM-Signature has the wanted a=",
        "none of the first 8 usable DKIM-Signatures, all that count, has the wanted a="}},
      {{"no usable DKIM-Signature has the wanted d=",
        "none of the first 8 usable DKIM-Signatures, all that count, has the wanted d="},
       {"no usable DKIM-Signature has the wanted d= and a=",
        "none of the first 8 usable DKIM-Signatures, all that count, has the wanted d= and a="}},
  };

  static_assert(FRANK_MSMR_SIGNATURES_MAX == 8, "the texts say 8");
  return whys[has_domain][has_alg][full];
}

enum frank_err frank_message_choose(const struct frank_message *message, const char *domain,
                                    const enum frank_alg *alg, struct frank_dkim *signature,
                                    const char **why)
{
  struct walk walk = {0};

  while (next_usable(message, &walk, signature)) {
    if ((!domain || (signature->d.text && same_name(signature->d, domain))) &&
        (!alg || signature->alg == *alg)) {
      return FRANK_OK;
    }
  }
  if (walk.usable > 0) {
    *why = unwanted_why(domain != NULL, alg != NULL, walk.usable == FRANK_MSMR_SIGNATURES_MAX);
  } else {
    *why = walk.why ? walk.why : "no DKIM-Signature";
  }
  return FRANK_ERR_NOT_FOUND;
}

static size_t collect_keys(const struct frank_message *message,
                           struct frank_view keys[FRANK_MSMR_SIGNATURES_MAX], size_t *key_fields)
{
  struct frank_field field;
  size_t cursor = 0, count = 0;

  *key_fields = 0;
  while (frank_message_next_named(message, FRANK_MSMR_FIELD, &cursor, &field)) {
    ++*key_fields;
    if (count < FRANK_MSMR_SIGNATURES_MAX) {
      keys[count++] = field.value;
    }
  }
  return count;
}

void frank_message_collect(const struct frank_message *message, struct frank_proofs *proofs)
{
  struct walk walk = {0};
  struct frank_field field;

  memset(proofs, 0, sizeof *proofs);
  while (proofs->signature_count < FRANK_MSMR_SIGNATURES_MAX &&
         next_usable(message, &walk, &proofs->signatures[proofs->signature_count])) {
    proofs->signature_count++;
  }
  proofs->signature_fields = walk.fields;
  while (frank_message_next_named(message, FRANK_DKIM_FIELD, &walk.cursor, &field)) {
    proofs->signature_fields++;
  }
  proofs->key_count = collect_keys(message, proofs->keys, &proofs->key_fields);
}

static void judge(const struct frank_view *keys, size_t key_count,
                  const struct frank_dkim *signatures, size_t signature_count, uint64_t factor,
                  struct frank_judgement *out)
{
  struct frank_signature views[FRANK_MSMR_SIGNATURES_MAX];
  const char *texts[FRANK_MSMR_SIGNATURES_MAX];
  size_t lens[FRANK_MSMR_SIGNATURES_MAX];

  assert(key_count <= FRANK_MSMR_SIGNATURES_MAX && signature_count <= FRANK_MSMR_SIGNATURES_MAX);
  for (size_t i = 0; i < signature_count; i++) {
    views[i] = (struct frank_signature){signatures[i].alg, signatures[i].b, signatures[i].b_len};
  }
  for (size_t i = 0; i < key_count; i++) {
    texts[i] = keys[i].text;
    lens[i] = keys[i].len_bytes;
  }
  frank_msmr_judge(texts, lens, key_count, views, signature_count, factor, out);
}

bool frank_message_has_stamp(const struct frank_message *message,
                             const struct frank_dkim *signature, uint64_t factor,
                             struct frank_judgement *judgement)
{
  struct frank_view keys[FRANK_MSMR_SIGNATURES_MAX];
  size_t key_fields;
  size_t key_count = collect_keys(message, keys, &key_fields);

  judge(keys, key_count, signature, 1, factor, judgement);
  return judgement->verdict == FRANK_VERDICT_PASS;
}

void frank_proofs_judge(const struct frank_proofs *proofs, uint64_t factor,
                        struct frank_judgement *out)
{
  judge(proofs->keys, proofs->key_count, proofs->signatures, proofs->signature_count, factor, out);
}

/* Makes room for one byte more, `max_bytes` + 1 in all at most. */
static enum frank_err grow(char **text, size_t *room_bytes, size_t max_bytes)
{
  size_t wanted = *room_bytes > 0 ? *room_bytes * 2 : READ_FIRST_BYTES;
  char *bigger;

  if (wanted > max_bytes + 1) {
    wanted = max_bytes + 1;
  }
  bigger = realloc(*text, wanted);
  if (!bigger) {
    return FRANK_ERR_NOMEM;
  }
  *text = bigger;
  *room_bytes = wanted;
  return FRANK_OK;
}

enum frank_err frank_message_read(int fd, size_t max_bytes, char **text, size_t *len_bytes)
{
  size_t room_bytes = 0;

  assert(max_bytes < SIZE_MAX / 2);
  *text = NULL;
  *len_bytes = 0;
  for (;;) {
    ssize_t got;

    if (*len_bytes > max_bytes) {
      return FRANK_ERR_TOO_LONG;
    }
    if (*len_bytes == room_bytes) {
      enum frank_err err = grow(text, &room_bytes, max_bytes);
      if (err) {
        return err;
      }
    }
    got = read(fd, *text + *len_bytes, room_bytes - *len_bytes);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return FRANK_ERR_IO;
    }
    if (got == 0) {
      return FRANK_OK;
    }
    *len_bytes += (size_t)got;
  }
}
