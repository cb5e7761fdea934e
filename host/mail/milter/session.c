#include "mail/milter/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum frank_err frank_session_new(struct frank_filter *filter, struct frank_session **out)
{
  struct frank_session *session = calloc(1, sizeof *session);
  *out = session;
  if (session == NULL) {
    return FRANK_ERR_NOMEM;
  }
  session->filter = filter;
  session->settings = frank_milter_snapshot_take(filter->snapshots);
  uint64_t before = atomic_fetch_add(&filter->sessions, 1);
  session->crowded = before >= session->settings->sessions_max;
  frank_milter_count(filter->counters, FRANK_COUNT_SESSIONS, 1);
  return FRANK_OK;
}

void frank_session_destroy(struct frank_session **session)
{
  struct frank_session *s = *session;
  if (s == NULL) {
    return;
  }
  frank_session_end(s);
  frank_client_destroy(&s->client);
  frank_replay_close(&s->replay);
  free(s->recipients);
  free(s->header);
  free(s->doomed);
  frank_milter_snapshot_leave(s->filter->snapshots, &s->settings);
  atomic_fetch_sub(&s->filter->sessions, 1);
  free(s);
  *session = NULL;
}

void frank_session_end(struct frank_session *session)
{
  frank_dkim_verify_destroy(&session->dkim);
  session->message_open = false;
}

void frank_session_begin(struct frank_session *session, const char *sender)
{
  frank_session_end(session);
  session->is_bounce = sender[0] == '\0' || strcmp(sender, "<>") == 0;
  session->recipient_count = 0;
  session->recipient_total = 0;
  session->header_len = 0;
  session->header_ended = false;
  session->header_failed = false;
  session->doomed_count = 0;
  session->seen = 0;
  session->is_spam = false;
  session->dkim_failed = false;
}

/* Room for one more of `size` bytes; `max` of them at most. */
static bool grow(void *list, size_t *room, size_t count, size_t size, size_t max)
{
  void *old = NULL;
  if (count < *room) {
    return true;
  }
  size_t wanted = *room == 0 ? 16 : *room * 2;
  wanted = wanted < max ? wanted : max;
  if (count >= wanted) {
    return false;
  }
  memcpy(&old, list, sizeof old);
  void *fresh = realloc(old, wanted * size);
  if (fresh == NULL) {
    return false;
  }
  memcpy(list, &fresh, sizeof fresh);
  *room = wanted;
  return true;
}

void frank_session_recipient(struct frank_session *session, const char *recipient)
{
  session->recipient_total++;
  if (grow(&session->recipients, &session->recipient_room, session->recipient_count,
           sizeof session->recipients[0], FRANK_SESSION_RECIPIENTS_MAX) &&
      frank_address_of_envelope(recipient, strlen(recipient),
                                &session->recipients[session->recipient_count]) == FRANK_OK) {
    session->recipient_count++;
  }
}

static bool reserve(struct frank_session *session, size_t more)
{
  size_t wanted = session->header_room == 0 ? 8192 : session->header_room;
  if (more > FRANK_MESSAGE_HEADER_MAX_BYTES - session->header_len) {
    return false;
  }
  while (wanted < session->header_len + more) {
    wanted *= 2;
  }
  if (wanted != session->header_room) {
    char *fresh = realloc(session->header, wanted);
    if (fresh == NULL) {
      return false;
    }
    session->header = fresh;
    session->header_room = wanted;
  }
  return true;
}

/* RFC 5322 section 3.6.8. A name of other characters stands in no h=, and none of ours is one; in
 * the text it would end the header there, and hide what comes after. */
static bool is_field_name(const char *name)
{
  size_t len = 0;
  while (name[len] > ' ' && name[len] <= '~' && name[len] != ':') {
    len++;
  }
  return len > 0 && name[len] == '\0';
}

/* Each line but the first begins with a blank: else the text would have other fields than the mail
 * server's. */
static bool is_folded(const char *value)
{
  for (const char *lf = strchr(value, '\n'); lf != NULL; lf = strchr(lf + 1, '\n')) {
    if (lf[1] != ' ' && lf[1] != '\t') {
      return false;
    }
  }
  return true;
}

/* There is room for it. */
static void append(struct frank_session *session, const char *text, size_t len_bytes)
{
  memcpy(session->header + session->header_len, text, len_bytes);
  session->header_len += len_bytes;
}

void frank_session_field(struct frank_session *session, const char *name, const char *value)
{
  size_t name_len = strlen(name);
  size_t value_len = strlen(value);
  /* what the mail server took away: a signature of the header as it stood has the space in it */
  size_t space = !session->leading_space && value[0] != '\0' && strchr(" \t\r\n", value[0]) == NULL;
  if (!is_field_name(name)) {
    return;
  }
  if (session->header_failed || !is_folded(value) ||
      !reserve(session, name_len + value_len + space + 2)) {
    session->header_failed = true;
    return;
  }
  append(session, name, name_len);
  append(session, ": ", 1 + space);
  append(session, value, value_len);
  append(session, "\n", 1);
}

void frank_session_doom(struct frank_session *session)
{
  if (grow(&session->doomed, &session->doomed_room, session->doomed_count,
           sizeof session->doomed[0], UINT32_MAX)) {
    session->doomed[session->doomed_count++] = session->seen;
  } else {
    session->header_failed = true;
  }
}

size_t frank_session_remove(struct frank_session *session, SMFICTX *ctx, const char *name)
{
  char field[32];
  size_t removed = 0;
  (void)snprintf(field, sizeof field, "%s", name); /* libmilter's type is without const */
  for (size_t i = session->doomed_count; i > 0; i--) {
    if (smfi_chgheader(ctx, field, (int)session->doomed[i - 1], NULL) == MI_SUCCESS) {
      removed++;
    }
  }
  return removed;
}

void frank_session_queue_id(SMFICTX *ctx, char out[FRANK_SESSION_QUEUE_BYTES])
{
  char name[] = "i";
  const char *id = smfi_getsymval(ctx, name);
  size_t len = 0;
  for (; id != NULL && id[len] != '\0' && len < FRANK_SESSION_QUEUE_BYTES - 1; len++) {
    bool fits = (id[len] >= '0' && id[len] <= '9') || (id[len] >= 'a' && id[len] <= 'z') ||
                (id[len] >= 'A' && id[len] <= 'Z');
    out[len] = fits ? id[len] : '?';
  }
  if (len == 0) {
    out[len++] = '-';
  }
  out[len] = '\0';
}

void frank_session_word(const char *text, size_t len_bytes, char out[FRANK_SESSION_WORD_BYTES])
{
  size_t len = 0;
  for (; len < len_bytes && len < FRANK_SESSION_WORD_BYTES - 1; len++) {
    bool fits = text[len] > ' ' && text[len] <= '~' && strchr("\"'\\=", text[len]) == NULL;
    out[len] = fits ? text[len] : '?';
  }
  if (len == 0) {
    out[len++] = '-';
  }
  out[len] = '\0';
}
