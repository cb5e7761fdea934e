/*
 * mint_task: one `frank mint`: what is to be stamped, how, and what came of it. Shared by the files
 * of that command: mint_input.c (where b comes from), mint_factor.c (the factor, where no frankd
 * knows it), mint_local.c (search here), mint_remote.c (search by a frankd), mint_plan.c (the dry
 * run), cmd_mint.c (options, sequence, output).
 *
 * Nothing in here writes results or errors: they go into the outcome, because with --filter the
 * message must get through whatever happens.
 */
#ifndef FRANK_PROGRAMS_MINT_TASK_H
#define FRANK_PROGRAMS_MINT_TASK_H

#include "mail/message.h"
#include "mint/answer.h"
#include "programs/cmd.h"
#include "programs/published.h"
#include "proof/dkim.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FRANK_MINT_MESSAGE_BYTES 1024

struct frank_client;

/* What came of it. */
struct frank_mint_outcome {
  bool has_key; /* a header there is; met says whether it is good enough */
  bool met;
  bool already;      /* it stood in the message */
  int signal_number; /* the signal that ended the search; 0: none */
  struct frank_msmr key;
  double bits;
  uint64_t attempts;
  uint64_t elapsed_ms;
  char device[FRANK_DEVICE_NAME_BYTES];
  /* where there is no key */
  int status; /* enum frank_exit */
  char code[32];
  char message[FRANK_MINT_MESSAGE_BYTES];
  uint64_t retry_after_ms;
  uint64_t eta_ms;
};

struct frank_mint_task {
  struct frank_cmd_line *line;
  uint64_t started_us;
  /* options */
  const char *file; /* NULL: --b; "-": standard input */
  bool filter;
  bool tempfail;
  bool is_remote;
  bool has_alg;
  enum frank_alg alg;
  unsigned fpga_unroll; /* 0: not given */
  uint32_t deadline_ms;
  const char **recipients; /* of --to, those that can be used */
  size_t recipient_count;
  struct frank_published published; /* whom to ask for the factor */
  /* the message, where there is one */
  int fd; /* what it is read from; -1: none */
  char *text;
  size_t len_bytes;
  bool is_whole; /* text is all of it; else the rest can still be read from fd */
  bool is_lost;  /* it could not be read: there is nothing to pass on */
  struct frank_message message;
  /* what is to be stamped: alg, b */
  struct frank_dkim signature;
  /* the factor and where it comes from; 0: frankd's own, not asked for yet */
  uint64_t factor;
  char source[FRANK_SOURCE_BYTES];
  struct frank_mint_outcome outcome;
};

/* Records that no header can be had. */
void frank_mint_task_fail(struct frank_mint_task *task, int status, const char *code,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline bool frank_mint_task_failed(const struct frank_mint_task *task)
{
  return task->outcome.status != FRANK_EXIT_OK;
}

/* Reads --b, or the message, and finds the signature. Leaves what is wrong in the outcome. */
void frank_mint_input(struct frank_mint_task *task);
/* A header in the message that meets task->factor makes the outcome. */
void frank_mint_find_stamp(struct frank_mint_task *task);

/* The factor that --factor-url and --to come to, else the floor, into task->factor and
 * task->source. What cannot be learned is noted; a source that was named and is needed, and gives
 * nothing good, makes the outcome. */
void frank_mint_local_factor(struct frank_mint_task *task);
/* Searches with workers of this program. */
void frank_mint_local(struct frank_mint_task *task);

/* The factor in force at frankd, into task->factor and task->source, where none was given. */
void frank_mint_remote_factor(struct frank_mint_task *task, struct frank_client *client);
/* Has frankd search. */
void frank_mint_remote(struct frank_mint_task *task, struct frank_client *client);

/* The dry run: prints the plan, with the rates of the devices here or (client not NULL) of frankd.
 * Leaves what is wrong in the outcome. */
void frank_mint_plan(struct frank_mint_task *task, struct frank_client *client);

#endif
