/*
 * verify_dkim: frank verify --dkim: the signature itself (mail/dkim_verify.h), and the mail rules
 * that need no envelope (mail/judge.h): dkim, cover, age.
 */
#ifndef FRANK_PROGRAMS_VERIFY_DKIM_H
#define FRANK_PROGRAMS_VERIFY_DKIM_H

#include "mail/dkim_verify.h"
#include "mail/judge.h"
#include "programs/cmd.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_VERIFY_DKIM_LIMIT_MS 5000 /* for keys: a person waits */

struct frank_verify_dkim_asked {
  const struct frank_message *message;
  const struct frank_judge_factor *factor;
  const char *key_file; /* NULL: DNS */
  const char *const *dns_servers;
  size_t dns_server_count;
  int64_t now_s;
};

struct frank_verify_dkim {
  struct frank_judge judge; /* views into the message */
  enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX];
  const char *whys[FRANK_MSMR_SIGNATURES_MAX]; /* static */
};

/* Judges the message. FRANK_EXIT_OK, whatever the verdict; else what was wrong with the options is
 * told, and that is the exit status. Blocking, FRANK_VERIFY_DKIM_LIMIT_MS and some at most. */
int frank_verify_dkim(struct frank_cmd_line *line, const struct frank_verify_dkim_asked *asked,
                      struct frank_verify_dkim *out);

/* A line on standard output for each signature that was verified: "dkim=pass header.d=...". */
void frank_verify_dkim_print(const struct frank_verify_dkim *dkim);

/* An array with an object for each usable signature. NULL: no memory. */
json_t *frank_verify_dkim_json(const struct frank_verify_dkim *dkim);

#endif
