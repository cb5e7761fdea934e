/*
 * session: one connection of the mail server, and the mail that is under way on it. Inside of the
 * filter: made when a connection begins, used by one of libmilter's threads at a time.
 */
#ifndef FRANK_MAIL_MILTER_SESSION_H
#define FRANK_MAIL_MILTER_SESSION_H

#include "base/clock.h"
#include "door/client.h"
#include "mail/dkim_verify.h"
#include "mail/judge.h"
#include "mail/milter/counters.h"
#include "mail/milter/settings.h"
#include "mail/milter/snapshot.h"
#include "mail/milter/view.h"
#include "mail/replay.h"

#include <libmilter/mfapi.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_SESSION_RECIPIENTS_MAX 4096
#define FRANK_SESSION_QUEUE_BYTES    48
#define FRANK_SESSION_WORD_BYTES     128
#define FRANK_MILTER_TURN_US         (2 * FRANK_US_PER_S) /* what waits looks at stop_us so often */

/* What all sessions have in common; it does not change while they run. */
struct frank_filter {
  const struct frank_milter_view *view;
  struct frank_milter_snapshots *snapshots;
  struct frank_milter_counters *counters;
  enum frank_milter_mode mode;
  struct frank_dkim_library *dkim; /* NULL: not this one's to verify */
  char replay_path[300];           /* "": there is no store */
  int observe_fd;                  /* -1: none */
  _Atomic uint64_t sessions;       /* now */
  _Atomic uint64_t at_end;         /* mails that are being stamped or judged */
  _Atomic uint64_t stop_us;        /* when what waits gives up; 0: nobody ends */
};

struct frank_session {
  struct frank_filter *filter;
  const struct frank_milter_settings *settings; /* of its beginning */
  bool crowded;                                 /* beyond sessions_max: nothing is done */
  bool no_header_reply;                         /* negotiated */
  bool leading_space; /* likewise: values come, and are given, with what follows the colon */
  bool can_skip;      /* likewise: the rest of a body */
  struct frank_client *client; /* NULL: none yet */
  struct frank_replay *replay; /* NULL: none yet */

  /* the mail under way */
  bool is_bounce;
  bool is_spam; /* an earlier filter says so */
  bool header_ended;
  bool header_failed; /* too large, no memory, or no header that a message can have */
  bool message_open;
  bool dkim_failed;                                 /* it could not begin */
  const char *dkim_whys[FRANK_MSMR_SIGNATURES_MAX]; /* what is wrong with each signature; "" */
  uint32_t seen; /* occurrences of the field that may be removed */
  struct frank_address_text *recipients;
  size_t recipient_count;
  size_t recipient_room;
  size_t recipient_total;
  char *header; /* the fields that matter, as text for mail/message.h */
  size_t header_len;
  size_t header_room;
  uint32_t *doomed; /* which occurrences to remove, from 1 */
  size_t doomed_count;
  size_t doomed_room;

  struct frank_message message; /* after the header's end, over `header` */
  struct frank_judge judge;
  struct frank_dkim_verify *dkim;
};

/* FRANK_ERR_NOMEM. It has the settings that are in force now. */
FRANK_MUST_CHECK enum frank_err frank_session_new(struct frank_filter *filter,
                                                  struct frank_session **out);
void frank_session_destroy(struct frank_session **session);

/* A mail begins; ends (delivered, refused or aborted). */
void frank_session_begin(struct frank_session *session, const char *sender);
void frank_session_end(struct frank_session *session);
void frank_session_recipient(struct frank_session *session, const char *recipient);
/* Keeps a field: `value` as libmilter gives it. */
void frank_session_field(struct frank_session *session, const char *name, const char *value);
/* Occurrence session->seen of a field is to be removed. */
void frank_session_doom(struct frank_session *session);
/* Removes those fields, from the last to the first, so that the numbers stay right. */
size_t frank_session_remove(struct frank_session *session, SMFICTX *ctx, const char *name);
/* The queue id for the log: letters and digits, "-" where there is none. */
void frank_session_queue_id(SMFICTX *ctx, char out[FRANK_SESSION_QUEUE_BYTES]);
/* What others say, as one word for the log: '?' for white space, quotes and what would look like
 * another key=value; cut; "-" where it is empty. */
void frank_session_word(const char *text, size_t len_bytes, char out[FRANK_SESSION_WORD_BYTES]);

/* The two things that a filter does: a field, the end of the header, a part of the body, the end.
 */
struct frank_session_kind {
  sfsistat (*field)(SMFICTX *ctx, struct frank_session *session, const char *name,
                    const char *value);
  sfsistat (*end_of_header)(SMFICTX *ctx, struct frank_session *session);
  sfsistat (*body)(SMFICTX *ctx, struct frank_session *session, const char *text, size_t len_bytes);
  sfsistat (*end)(SMFICTX *ctx, struct frank_session *session);
  unsigned long steps; /* SMFIP_ that the mail server need not take */
};
extern const struct frank_session_kind frank_session_mint;
extern const struct frank_session_kind frank_session_verify;

#endif
