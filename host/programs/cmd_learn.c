/*
 * frank learn: what became of messages, ham or spam, with the bits that their stamps showed: the
 * data from which a factor is estimated. As with sa-learn, a message counts once however often it
 * is learned, and learned as the other kind it moves.
 */
#include "base/clock.h"
#include "factor/observations.h"
#include "mail/message.h"
#include "programs/cmd.h"
#include "programs/factor_state.h"
#include "proof/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH       256 /* messages in one transaction: what is told is on the disk */
#define NAME_BYTES  PATH_MAX
#define SKIPPED_MAX 20 /* told by name without --json; the rest is counted */

/* A message that waits for its batch. */
struct waiting {
  char *name;
  size_t keys; /* MSMR-Key fields in it */
};

struct learn {
  struct frank_cmd_line *line;
  struct frank_observations *store;
  char path[FRANK_STATE_PATH_BYTES];
  bool is_spam;
  struct frank_learning batch[BATCH];
  struct waiting waiting[BATCH];
  size_t count;
  uint64_t outcomes[FRANK_LEARNED_COUNT];
  uint64_t unstamped;
  uint64_t skipped;
  struct frank_proofs proofs;
};

static const char *const outcome_names[FRANK_LEARNED_COUNT] = {
    [FRANK_LEARNED] = "learned",
    [FRANK_LEARNED_ALREADY] = "already",
    [FRANK_LEARNED_MOVED] = "moved",
};

/* ---- results ---- */

/* A message that is not learned: named, with why. The others go on. */
static void skip(struct learn *learn, const char *name, const char *reason)
{
  learn->skipped++;
  if (learn->skipped <= SKIPPED_MAX || learn->line->json) {
    frank_cmd_note(learn->line, "%s: %s", name, reason);
  }
  if (learn->line->json) {
    char shown[NAME_BYTES];
    (void)snprintf(shown, sizeof shown, "%s", name);
    frank_cmd_printable(shown);
    frank_cmd_emit(
        learn->line,
        json_pack("{s:s, s:s, s:s}", "file", shown, "result", "skipped", "reason", reason), false);
  }
}

static void tell(struct learn *learn, size_t index)
{
  const struct frank_learning *one = &learn->batch[index];
  learn->outcomes[one->outcome]++;
  learn->unstamped += one->outcome != FRANK_LEARNED_ALREADY && one->bits <= 0;
  if (learn->line->json) {
    char shown[NAME_BYTES];
    (void)snprintf(shown, sizeof shown, "%s", learn->waiting[index].name);
    frank_cmd_printable(shown);
    frank_cmd_emit(learn->line,
                   json_pack("{s:s, s:s, s:f, s:I}", "file", shown, "result",
                             outcome_names[one->outcome], "bits",
                             floor(one->bits * 1e4 + 0.5) / 1e4, "keys",
                             (json_int_t)learn->waiting[index].keys),
                   false);
  }
}

static void forget_waiting(struct learn *learn)
{
  for (size_t i = 0; i < learn->count; i++) {
    free(learn->waiting[i].name);
  }
  learn->count = 0;
}

/* Learns what waits. FRANK_EXIT_OK, or the failure that was told. */
static int flush(struct learn *learn)
{
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  if (learn->count == 0) {
    return FRANK_EXIT_OK;
  }
  enum frank_err err =
      frank_observations_learn(learn->store, learn->batch, learn->count, frank_clock_unix_s(), why);
  for (size_t i = 0; i < learn->count && err == FRANK_OK; i++) {
    tell(learn, i);
  }
  forget_waiting(learn);
  if (err == FRANK_OK) {
    return FRANK_EXIT_OK;
  }
  uint64_t kept = learn->outcomes[FRANK_LEARNED] + learn->outcomes[FRANK_LEARNED_MOVED];
  return frank_cmd_fail(learn->line, FRANK_EXIT_CANNOT, "store",
                        "%s; %llu messages before were learned, the rest can be learned again", why,
                        (unsigned long long)kept);
}

/* ---- messages ---- */

/* Whose message it is: the text of its first usable signature, which is what a stamp is bound to;
 * without one, its whole header. */
static void identify(const struct learn *learn, const struct frank_message *message, uint8_t id[32])
{
  struct frank_hash hash;
  if (learn->proofs.signature_count > 0) {
    frank_sha256("b=", 2, learn->proofs.signatures[0].b, learn->proofs.signatures[0].b_len, &hash);
  } else {
    frank_sha256("header", 6, message->text + message->header_at,
                 message->header_end - message->header_at, &hash);
  }
  memcpy(id, hash.bytes, sizeof hash.bytes);
}

/* Several messages in one file: the first alone would be learned, and the rest lost in silence. */
static bool is_mailbox(const struct frank_message *message)
{
  return message->header_at > 0 &&
         (memmem(message->text, message->len_bytes, "\n\nFrom ", 7) != NULL ||
          memmem(message->text, message->len_bytes, "\r\n\r\nFrom ", 9) != NULL);
}

static int take_text(struct learn *learn, const char *name, const char *text, size_t len_bytes)
{
  struct frank_message message;
  struct frank_judgement judgement;
  const char *why = "";
  if (len_bytes == 0) {
    skip(learn, name, "no message, it is empty");
    return FRANK_EXIT_OK;
  }
  if (frank_message_open(text, len_bytes, &message, &why) != FRANK_OK) {
    skip(learn, name, why);
    return FRANK_EXIT_OK;
  }
  if (message.field_count == 0) {
    skip(learn, name, "no message, it has no header");
    return FRANK_EXIT_OK;
  }
  if (is_mailbox(&message)) {
    skip(learn, name, "a mailbox of several messages: give each as a file of its own");
    return FRANK_EXIT_OK;
  }
  frank_message_collect(&message, &learn->proofs);
  /* Every stamp whose hash is right meets a factor of 1; the best one's bits count. */
  frank_proofs_judge(&learn->proofs, 1, &judgement);
  struct waiting *waiting = &learn->waiting[learn->count];
  struct frank_learning *one = &learn->batch[learn->count];
  waiting->name = strdup(name);
  if (waiting->name == NULL) {
    return frank_cmd_fail(learn->line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  waiting->keys = learn->proofs.key_fields;
  one->bits = judgement.verdict == FRANK_VERDICT_PASS ? judgement.bits : 0;
  one->is_spam = learn->is_spam;
  identify(learn, &message, one->id);
  learn->count++;
  return learn->count == BATCH ? flush(learn) : FRANK_EXIT_OK;
}

static int take_descriptor(struct learn *learn, const char *name, int fd)
{
  char *text = NULL;
  size_t len_bytes = 0;
  int status = FRANK_EXIT_OK;
  enum frank_err err = frank_message_read(fd, FRANK_MESSAGE_MAX_BYTES, &text, &len_bytes);
  if (err == FRANK_OK) {
    status = take_text(learn, name, text, len_bytes);
  } else {
    char reason[80];
    (void)snprintf(reason, sizeof reason, "%s",
                   err == FRANK_ERR_TOO_LONG ? "the message is over 64 MiB"
                   : err == FRANK_ERR_IO     ? strerror(errno)
                                             : frank_err_text(err));
    skip(learn, name, reason);
  }
  free(text);
  return status;
}

static int take_file(struct learn *learn, const char *name);

/* The files in it; not its folders, nor what begins with a dot, which no mail store puts mail in.
 */
static int take_folder(struct learn *learn, const char *name, DIR *folder)
{
  int status = FRANK_EXIT_OK;
  errno = 0;
  for (const struct dirent *entry; status == FRANK_EXIT_OK && (entry = readdir(folder)) != NULL;
       errno = 0) {
    char path[NAME_BYTES];
    struct stat info;
    int len = snprintf(path, sizeof path, "%s%s%s", name, name[strlen(name) - 1] == '/' ? "" : "/",
                       entry->d_name);
    if (entry->d_name[0] == '.') {
      continue;
    }
    if (len < 0 || (size_t)len >= sizeof path) {
      skip(learn, name, "a name in it is too long");
    } else if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
      status = take_file(learn, path);
    }
  }
  if (status == FRANK_EXIT_OK && errno != 0) {
    skip(learn, name, strerror(errno));
  }
  return status;
}

static int take_file(struct learn *learn, const char *name)
{
  struct stat info;
  int status = FRANK_EXIT_OK;
  /* O_NONBLOCK: a pipe that lies in a folder of mail must not stop us. */
  int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &info) != 0) {
    skip(learn, name, strerror(errno));
  } else if (S_ISDIR(info.st_mode)) {
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
      skip(learn, name, strerror(errno));
    } else {
      status = take_folder(learn, name, folder);
      closedir(folder);
      return status;
    }
  } else if (!S_ISREG(info.st_mode)) {
    skip(learn, name, "neither a file nor a folder");
  } else {
    status = take_descriptor(learn, name, fd);
  }
  if (fd >= 0) {
    close(fd);
  }
  return status;
}

static int take_operands(struct learn *learn)
{
  struct frank_cmd_line *line = learn->line;
  int status = FRANK_EXIT_OK;
  if (line->operand_count == 0) {
    status = take_descriptor(learn, "standard input", STDIN_FILENO);
  }
  for (size_t i = 0; i < line->operand_count && status == FRANK_EXIT_OK; i++) {
    const char *name = line->operands[i];
    if (strcmp(name, "-") == 0) {
      status = take_descriptor(learn, "standard input", STDIN_FILENO);
    } else if (name[0] == '\0') {
      skip(learn, "''", "no name of a file");
    } else {
      status = take_file(learn, name);
    }
  }
  return status == FRANK_EXIT_OK ? flush(learn) : status;
}

/* ---- the command ---- */

static int finish(struct learn *learn)
{
  struct frank_cmd_line *line = learn->line;
  const uint64_t *n = learn->outcomes;
  uint64_t taken = n[FRANK_LEARNED] + n[FRANK_LEARNED_MOVED] + n[FRANK_LEARNED_ALREADY];
  int status = learn->skipped == 0 ? FRANK_EXIT_OK : taken > 0 ? FRANK_EXIT_NOT : FRANK_EXIT_USAGE;
  if (line->json) {
    char shown[FRANK_STATE_PATH_BYTES];
    (void)snprintf(shown, sizeof shown, "%s", learn->path);
    frank_cmd_printable(shown);
    frank_cmd_emit(
        line,
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "kind", learn->is_spam ? "spam" : "ham",
                  "learned", (json_int_t)n[FRANK_LEARNED], "moved",
                  (json_int_t)n[FRANK_LEARNED_MOVED], "already",
                  (json_int_t)n[FRANK_LEARNED_ALREADY], "unstamped", (json_int_t)learn->unstamped,
                  "skipped", (json_int_t)learn->skipped, "store", shown),
        true);
  } else {
    printf("learned %llu as %s (%llu without a stamp)", (unsigned long long)n[FRANK_LEARNED],
           learn->is_spam ? "spam" : "ham", (unsigned long long)learn->unstamped);
    if (n[FRANK_LEARNED_MOVED] > 0) {
      printf(", moved %llu that had been learned as %s", (unsigned long long)n[FRANK_LEARNED_MOVED],
             learn->is_spam ? "ham" : "spam");
    }
    if (n[FRANK_LEARNED_ALREADY] > 0) {
      printf(", %llu known already", (unsigned long long)n[FRANK_LEARNED_ALREADY]);
    }
    if (learn->skipped > 0) {
      printf(", passed over %llu", (unsigned long long)learn->skipped);
    }
    puts("");
  }
  return frank_cmd_finish(line, status, FRANK_EXIT_CANNOT);
}

int frank_cmd_learn(struct frank_cmd_line *line)
{
  char why[FRANK_OBSERVATIONS_WHY_BYTES] = "";
  bool is_ham = frank_cmd_has(line, FRANK_OPT_HAM);
  bool is_spam = frank_cmd_has(line, FRANK_OPT_SPAM);
  if (is_ham == is_spam) {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          is_ham ? "--ham and --spam exclude each other"
                                 : "learn wants --ham or --spam");
  }
  struct learn *learn = calloc(1, sizeof *learn);
  if (learn == NULL) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "no memory");
  }
  learn->line = line;
  learn->is_spam = is_spam;
  int status = frank_state_path(line, true, FRANK_OBSERVATIONS_FILE, learn->path);
  if (status == FRANK_EXIT_OK) {
    enum frank_err err = frank_observations_open(learn->path, true, &learn->store, why);
    if (err != FRANK_OK) {
      bool usage = err == FRANK_ERR_MALFORMED || err == FRANK_ERR_UNSUPPORTED ||
                   err == FRANK_ERR_DENIED || err == FRANK_ERR_NOT_FOUND;
      status =
          frank_cmd_fail(line, usage ? FRANK_EXIT_USAGE : FRANK_EXIT_CANNOT, "store", "%s", why);
    } else {
      status = take_operands(learn);
      status = status == FRANK_EXIT_OK ? finish(learn) : status;
    }
  }
  forget_waiting(learn);
  frank_observations_close(&learn->store);
  free(learn);
  return status;
}
