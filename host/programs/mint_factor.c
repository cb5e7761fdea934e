/*
 * The factor of a mint without a frankd: the largest that the recipients' domains publish, and the
 * default source's where one of them publishes none.
 */
#include "base/clock.h"
#include "mint/mint.h"
#include "programs/mint_task.h"
#include "programs/signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked for the recipients, and what has come of it. */
struct lookups {
  char (*names)[FRANK_TXT_DOMAIN_BYTES];
  const char **list; /* into names */
  struct frank_resolver_domain *answers;
  size_t count;
  bool needs_default;
};

static void free_lookups(struct lookups *lookups)
{
  free(lookups->names);
  free(lookups->list);
  free(lookups->answers);
}

static bool has_name(const struct lookups *lookups, const char *name)
{
  for (size_t i = 0; i < lookups->count; i++) {
    if (strcmp(lookups->list[i], name) == 0) {
      return true;
    }
  }
  return false;
}

/* The recipients' domains, each once. One that DNS has no name for (an address in brackets) can
 * publish nothing. */
static enum frank_err gather(const struct frank_mint_task *task, struct lookups *lookups)
{
  size_t room = task->recipient_count + 1;
  lookups->names = calloc(room, sizeof *lookups->names);
  lookups->list = calloc(room, sizeof *lookups->list);
  lookups->answers = calloc(room, sizeof *lookups->answers);
  if (lookups->names == NULL || lookups->list == NULL || lookups->answers == NULL) {
    return FRANK_ERR_NOMEM;
  }
  lookups->needs_default = task->recipient_count == 0;
  for (size_t i = 0; i < task->recipient_count; i++) {
    const char *at = strrchr(task->recipients[i], '@');
    const char *text = at != NULL ? at + 1 : task->recipients[i];
    char *name = lookups->names[lookups->count];
    if (frank_txt_domain(text, strlen(text), name) != FRANK_OK) {
      lookups->needs_default = true;
    } else if (!has_name(lookups, name)) {
      lookups->list[lookups->count++] = name;
    }
  }
  return FRANK_OK;
}

/* The largest of what the domains publish. What was not learned is told: the first, and how many
 * more there are. */
static void take_domains(struct frank_mint_task *task, struct lookups *lookups)
{
  const char *otherwise = task->published.has_source ? task->published.name : "the floor";
  const struct frank_resolver_domain *failed = NULL;
  size_t failed_count = 0;
  for (size_t i = 0; i < lookups->count; i++) {
    const struct frank_resolver_domain *answer = &lookups->answers[i];
    bool found = answer->answer == FRANK_RESOLVER_FOUND;
    bool heeded = found && answer->factor <= FRANK_MAX_FACTOR_DEFAULT;
    lookups->needs_default = lookups->needs_default || !heeded;
    if (found && !heeded) {
      frank_cmd_note(
          task->line,
          "%.200s publishes a factor of %llu, which is ignored (%llu at most); %s serves",
          answer->domain, (unsigned long long)answer->factor,
          (unsigned long long)FRANK_MAX_FACTOR_DEFAULT, otherwise);
    } else if (heeded && answer->factor > task->factor) {
      task->factor = answer->factor;
      snprintf(task->source, sizeof task->source, "dns:%.*s", (int)sizeof task->source - 5,
               answer->domain);
    } else if (answer->answer == FRANK_RESOLVER_FAILED) {
      failed = failed != NULL ? failed : answer;
      failed_count++;
    }
  }
  if (failed_count == 1) {
    frank_cmd_note(task->line, "the factor of %.200s cannot be learned (%s); %s serves",
                   failed->domain, failed->why, otherwise);
  } else if (failed_count > 1) {
    frank_cmd_note(task->line,
                   "the factors of %zu domains cannot be learned (%.200s: %s); %s serves",
                   failed_count, failed->domain, failed->why, otherwise);
  }
}

static void take_default(struct frank_mint_task *task, const char *source, uint64_t factor)
{
  if (factor > task->factor) {
    task->factor = factor;
    snprintf(task->source, sizeof task->source, "%s", source);
  }
}

/* Who names a source means that one: where it gives nothing good, the floor in its place would be a
 * stamp that the recipient does not want, and nobody would know. */
static void take_source(struct frank_mint_task *task, const struct frank_resolver_source *source)
{
  char name[FRANK_FACTOR_SOURCE_BYTES];
  char why[FRANK_PUBLISHED_WHY_BYTES];
  const struct frank_factor_document *document = &source->document;
  if (!frank_published_is_good(source, frank_clock_unix_s(), why)) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "no-factor", "no factor from %s: %s",
                         task->published.name, why);
    return;
  }
  if (document->factor > FRANK_MAX_FACTOR_DEFAULT) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "no-factor",
                         "no factor from %s: its %llu is ignored, %llu at most",
                         task->published.name, (unsigned long long)document->factor,
                         (unsigned long long)FRANK_MAX_FACTOR_DEFAULT);
    return;
  }
  if (why[0] != '\0') {
    frank_cmd_note(task->line, "%s: %s", task->published.name, why);
  }
  frank_resolver_source_name(source, name);
  take_default(task, name, document->factor);
}

void frank_mint_local_factor(struct frank_mint_task *task)
{
  struct lookups lookups = {0};
  struct frank_resolver_source source = {0};
  uint32_t half_ms = task->deadline_ms / 2 + 1; /* the rest is for the search */
  uint32_t limit_ms = half_ms < FRANK_PUBLISHED_LIMIT_MS ? half_ms : FRANK_PUBLISHED_LIMIT_MS;
  enum frank_err err = gather(task, &lookups);
  if (err != FRANK_OK) {
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "internal", "no memory");
    goto cleanup;
  }
  if (task->published.has_source || lookups.count > 0) {
    err = frank_published_ask(&task->published, limit_ms, FRANK_PUBLISHED_LOOKUP_LIMIT_MS,
                              lookups.list, lookups.count, &source, lookups.answers);
  }
  if (err == FRANK_ERR_AGAIN) {
    task->outcome.signal_number = frank_signals_caught();
    frank_mint_task_fail(task, FRANK_EXIT_CANNOT, "cancelled", "interrupted");
    goto cleanup;
  }
  take_domains(task, &lookups);
  if (lookups.needs_default && task->published.has_source) {
    take_source(task, &source);
  } else if (lookups.needs_default) {
    take_default(task, "floor", FRANK_FLOOR_DEFAULT);
  }

cleanup:
  free_lookups(&lookups);
}
