/* What libopendkim sees of a header. See dkim_header.h. */
#include "mail/dkim_header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What is read in h= before libopendkim sees it. */
struct h_list {
  size_t len_bytes; /* without white space */
  size_t name_count;
  bool has_signature; /* it names dkim-signature */
};

static bool is_named(const char *text, size_t len_bytes, const char *name)
{
  return len_bytes == strlen(name) && strncasecmp(text, name, len_bytes) == 0;
}

static struct h_list read_h(struct frank_view h)
{
  char name[sizeof FRANK_DKIM_FIELD] = {0};
  size_t name_len = 0;
  struct h_list list = {.name_count = 1};
  for (size_t i = 0; i <= h.len_bytes; i++) {
    char c = i < h.len_bytes ? h.text[i] : ':';
    if (frank_is_white(c)) {
      continue;
    }
    list.len_bytes += i < h.len_bytes ? 1 : 0;
    if (c != ':') {
      name[name_len < sizeof name - 1 ? name_len : sizeof name - 1] = c;
      name_len++;
      continue;
    }
    list.name_count += i < h.len_bytes ? 1 : 0;
    list.has_signature = list.has_signature || (name_len == strlen(FRANK_DKIM_FIELD) &&
                                                is_named(name, name_len, FRANK_DKIM_FIELD));
    name_len = 0;
  }
  return list;
}

/* The wanted signature whose field this is; -1 where none is. */
static int owner_of(const struct frank_dkim_header *header, const struct frank_field *field)
{
  const struct frank_judge *judge = header->judge;
  const char *text = judge->message->text;
  for (size_t i = 0; i < judge->proofs.signature_count; i++) {
    const char *d = judge->proofs.signatures[i].d.text;
    if (header->is_wanted[i] && d >= text + field->at && d < text + field->end) {
      return (int)i;
    }
  }
  return -1;
}

static void refuse(struct frank_dkim_header *header, size_t i, const char *why)
{
  header->is_wanted[i] = false;
  header->whys[i] = why;
}

static void refuse_all(struct frank_dkim_header *header, const char *why)
{
  for (size_t i = 0; i < FRANK_MSMR_SIGNATURES_MAX; i++) {
    if (header->is_wanted[i]) {
      refuse(header, i, why);
    }
  }
}

/* What signature `i` itself says. */
static void look_at_signature(struct frank_dkim_header *header, size_t i, bool *covers)
{
  const struct frank_dkim *signature = &header->judge->proofs.signatures[i];
  if (signature->d.text == NULL || signature->s.text == NULL || signature->h.text == NULL) {
    refuse(header, i, "the signature has no d=, s= or h=");
    return;
  }
  struct h_list list = read_h(signature->h);
  if (list.len_bytes > FRANK_DKIM_H_MAX_BYTES) {
    refuse(header, i, "h= is longer than 4095 bytes");
  } else if (list.name_count > FRANK_DKIM_H_NAMES_MAX) {
    refuse(header, i, "h= has more than 512 names");
  }
  *covers = list.has_signature;
}

/* What the fields of the message say: the lengths of signatures, a From:, no NUL. */
static void look_at_fields(struct frank_dkim_header *header,
                           const bool covers[FRANK_MSMR_SIGNATURES_MAX])
{
  const struct frank_message *message = header->judge->message;
  struct frank_field field;
  size_t cursor = 0;
  size_t other_count = 0;
  size_t other_bytes = 0;
  bool has_from = false;
  bool has_nul = memchr(message->text + message->header_at, '\0',
                        message->header_end - message->header_at) != NULL;
  while (frank_message_next(message, &cursor, &field)) {
    has_from = has_from || is_named(field.name.text, field.name.len_bytes, "From");
    if (!is_named(field.name.text, field.name.len_bytes, FRANK_DKIM_FIELD)) {
      continue;
    }
    int owner = owner_of(header, &field);
    if (owner < 0) {
      other_count++;
      other_bytes += field.end - field.at;
    } else if (field.end - field.at > FRANK_DKIM_FIELD_MAX_BYTES) {
      refuse(header, (size_t)owner, "the signature is longer than 32 KiB");
    }
  }
  if (has_nul) {
    refuse_all(header, "the header has a NUL in it");
  } else if (!has_from) {
    refuse_all(header, "the message has no From:");
  }
  for (size_t i = 0; i < FRANK_MSMR_SIGNATURES_MAX; i++) {
    if (!header->is_wanted[i] || !covers[i]) {
      continue;
    }
    if (other_count > FRANK_DKIM_COVERED_MAX || other_bytes > FRANK_DKIM_COVERED_MAX_BYTES) {
      refuse(header, i,
             "h= covers other signatures, and there are more than 16, or 32 KiB of them");
    } else {
      header->is_covering = true;
    }
  }
}

void frank_dkim_header_begin(const struct frank_judge *judge, struct frank_dkim_header *header)
{
  bool covers[FRANK_MSMR_SIGNATURES_MAX] = {false};
  bool wants_any = false;
  *header = (struct frank_dkim_header){.judge = judge};
  for (size_t i = 0; i < judge->proofs.signature_count; i++) {
    header->is_wanted[i] = judge->bound[i];
    if (judge->bound[i]) {
      look_at_signature(header, i, &covers[i]);
    }
    wants_any = wants_any || header->is_wanted[i];
  }
  if (wants_any) {
    look_at_fields(header, covers);
  }
}

/* Copies a field with CRLF for each LF that has no CR before it, without its last line end. */
static enum frank_err copy(struct frank_dkim_header *header, const char *text, size_t len_bytes,
                           size_t *copied_bytes)
{
  if (len_bytes > 0 && text[len_bytes - 1] == '\n') {
    len_bytes -= len_bytes > 1 && text[len_bytes - 2] == '\r' ? 2 : 1;
  }
  if (header->room_bytes < 2 * len_bytes + 1) {
    char *bigger = realloc(header->text, 2 * len_bytes + 1);
    if (bigger == NULL) {
      return FRANK_ERR_NOMEM;
    }
    header->text = bigger;
    header->room_bytes = 2 * len_bytes + 1;
  }
  size_t at = 0;
  for (size_t i = 0; i < len_bytes; i++) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) {
      header->text[at++] = '\r';
    }
    header->text[at++] = text[i];
  }
  header->text[at] = '\0';
  *copied_bytes = at;
  return FRANK_OK;
}

enum frank_err frank_dkim_header_next(struct frank_dkim_header *header,
                                      struct frank_dkim_header_field *field, bool *is_end)
{
  const struct frank_message *message = header->judge->message;
  struct frank_field next;
  *is_end = false;
  *field = (struct frank_dkim_header_field){.index = -1};
  while (frank_message_next(message, &header->cursor, &next)) {
    field->is_signature = is_named(next.name.text, next.name.len_bytes, FRANK_DKIM_FIELD);
    field->index = field->is_signature ? owner_of(header, &next) : -1;
    if (field->is_signature && field->index < 0 && !header->is_covering) {
      continue;
    }
    enum frank_err err =
        copy(header, message->text + next.at, next.end - next.at, &field->len_bytes);
    field->text = header->text;
    return err;
  }
  *is_end = true;
  return FRANK_OK;
}

void frank_dkim_header_fini(struct frank_dkim_header *header)
{
  free(header->text);
  header->text = NULL;
}
