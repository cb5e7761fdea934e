#include "programs/mint_task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *file_name(const struct frank_mint_task *task)
{
  return strcmp(task->file, "-") == 0 ? "standard input" : task->file;
}

static void take_b(struct frank_mint_task *task)
{
  const char *text = frank_cmd_value(task->line, FRANK_OPT_B);
  const char *why = "";
  task->signature.alg = task->has_alg ? task->alg : FRANK_ALG_RSA_SHA256;
  enum frank_err err =
      frank_b_normalize(text, strlen(text), task->signature.b, &task->signature.b_len, &why);
  if (err != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_USAGE, "bad-request", "--b '%.40s%s': %s", text,
                         strlen(text) > 40 ? "..." : "", why);
  }
}

/* Opens and reads the message. A message that is too big is an error, but a filter still passes it
 * on; one that cannot be read is lost, and a filter must say so by its exit status. */
static void read_message(struct frank_mint_task *task)
{
  task->is_lost = true;
  task->fd = strcmp(task->file, "-") == 0 ? STDIN_FILENO : open(task->file, O_RDONLY | O_CLOEXEC);
  if (task->fd < 0) {
    frank_mint_task_fail(task, FRANK_EXIT_USAGE, "bad-request", "cannot open %s: %s",
                         file_name(task), strerror(errno));
    return;
  }
  enum frank_err err =
      frank_message_read(task->fd, FRANK_MESSAGE_MAX_BYTES, &task->text, &task->len_bytes);
  task->is_whole = err == FRANK_OK;
  task->is_lost = err == FRANK_ERR_IO;
  if (err == FRANK_ERR_TOO_LONG) {
    frank_mint_task_fail(task, FRANK_EXIT_USAGE, "bad-request", "%s: the message is over %u MiB",
                         file_name(task), FRANK_MESSAGE_MAX_BYTES >> 20);
  } else if (err == FRANK_ERR_IO) {
    frank_mint_task_fail(task, FRANK_EXIT_USAGE, "bad-request", "cannot read %s: %s",
                         file_name(task), strerror(errno));
  } else if (err != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "%s: %s", file_name(task),
                         frank_err_text(err));
  }
}

void frank_mint_input(struct frank_mint_task *task)
{
  if (task->file == NULL) {
    take_b(task);
    return;
  }
  read_message(task);
  if (frank_mint_task_failed(task)) {
    return;
  }
  const char *why = "";
  const char *domain = frank_cmd_value(task->line, FRANK_OPT_DOMAIN);
  enum frank_err err = frank_message_open(task->text, task->len_bytes, &task->message, &why);
  if (err == FRANK_OK) {
    err = frank_message_choose(&task->message, domain, task->has_alg ? &task->alg : NULL,
                               &task->signature, &why);
  }
  if (err != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_USAGE, "bad-request", "%s: %s%s%s", file_name(task), why,
                         domain != NULL ? "; --domain " : "", domain != NULL ? domain : "");
  }
}

void frank_mint_find_stamp(struct frank_mint_task *task)
{
  struct frank_judgement judgement;
  if (task->file == NULL || task->factor == 0 ||
      !frank_message_has_stamp(&task->message, &task->signature, task->factor, &judgement)) {
    return;
  }
  task->outcome.has_key = true;
  task->outcome.met = true;
  task->outcome.already = true;
  task->outcome.key = judgement.key;
  task->outcome.bits = judgement.bits;
}
