#include "programs/authority_verbs.h"
#include "base/clock.h"
#include "factor/authority/store.h"
#include "programs/authority_output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define US_PER_S INT64_C(1000000)
#define CLIENTS_ASK_US                                                                             \
  (UINT64_C(2) * 3600 * US_PER_S) /* FRANK_FOLLOW_KEYS_S, and one try that fails */

/* Opens the store; what is due is done first, so that a verb works where no server runs, too. */
static enum frank_err open_store(const struct authority_config *config, bool writable,
                                 struct frank_authority_store **store, char *why)
{
  int64_t next_s = 0;
  enum frank_err err = frank_authority_store_open(config->state, writable, store, why);
  if (err == FRANK_OK && writable) {
    err = frank_authority_store_tick(*store, frank_clock_unix_s(), &next_s, why);
  }
  return err;
}

/* ---- verbs ---- */

int authority_publish(const struct authority_config *config)
{
  struct frank_authority_store *store = NULL;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  uint64_t epoch = 0;
  bool is_new = false;
  int64_t now_s = frank_clock_unix_s();
  enum frank_err err = open_store(config, true, &store, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_publish(store, config->factor, config->reason, now_s, &epoch,
                                        &is_new, why);
  }
  frank_authority_store_close(&store);
  if (err != FRANK_OK) {
    return authority_fail(config, err, why);
  }
  if (config->json) {
    return authority_finish(
        authority_emit(json_pack("{s:I,s:I,s:b}", "epoch", (json_int_t)epoch, "factor",
                                 (json_int_t)config->factor, "new", is_new ? 1 : 0),
                       true));
  }
  (void)printf("epoch %" PRIu64 ": factor %" PRIu64 "%s\n", epoch, config->factor,
               is_new ? "" : ", in force already");
  return authority_finish(true);
}

static json_t *key_record(const struct frank_authority_key *key)
{
  char text[FRANK_JWS_KEY_TEXT_BYTES];
  frank_jws_key_format(&key->key, text);
  json_t *record =
      json_pack("{s:s,s:s,s:s,s:I}", "kid", key->key.id, "key", text, "state",
                frank_authority_key_state_name(key->state), "created", (json_int_t)key->created_s);
  if (record != NULL && key->state != FRANK_AUTHORITY_KEY_CURRENT) {
    (void)json_object_set_new(record,
                              key->state == FRANK_AUTHORITY_KEY_NEXT ? "signs_from" : "leaves_at",
                              json_integer(key->change_s));
  }
  return record;
}

static void print_key(const struct frank_authority_key *key)
{
  char text[FRANK_JWS_KEY_TEXT_BYTES];
  char created[AUTHORITY_TIME_BYTES];
  char change[AUTHORITY_TIME_BYTES];
  frank_jws_key_format(&key->key, text);
  (void)printf("%s  %-7s  k=%s  made %s", key->key.id, frank_authority_key_state_name(key->state),
               text, authority_time(key->created_s, created));
  if (key->state != FRANK_AUTHORITY_KEY_CURRENT) {
    (void)printf(", %s %s",
                 key->state == FRANK_AUTHORITY_KEY_NEXT ? "signs from" : "leaves the set at",
                 authority_time(key->change_s, change));
  }
  (void)putchar('\n');
}

int authority_rotate(const struct authority_config *config)
{
  struct frank_authority_store *store = NULL;
  struct frank_authority_key made;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  enum frank_err err = open_store(config, true, &store, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_rotate(store, (int64_t)config->after_us / US_PER_S,
                                       frank_clock_unix_s(), &made, why);
  }
  frank_authority_store_close(&store);
  if (err != FRANK_OK) {
    return authority_fail(config, err, why);
  }
  if (config->after_us < CLIENTS_ASK_US) {
    (void)fputs(
        "frank-authority: --after: below 2 h, clients that run may miss the new key; frankd "
        "asks once an hour\n",
        stderr);
  }
  if (config->json) {
    return authority_finish(authority_emit(key_record(&made), true));
  }
  print_key(&made);
  return authority_finish(true);
}

/* The whole state, on the heap. */
static enum frank_err load(const struct authority_config *config,
                           struct frank_authority_state **state, char *why)
{
  struct frank_authority_store *store = NULL;
  *state = malloc(sizeof **state);
  if (*state == NULL) {
    (void)snprintf(why, FRANK_AUTHORITY_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = open_store(config, false, &store, why);
  if (err == FRANK_OK) {
    err = frank_authority_store_load(store, *state, why);
  }
  frank_authority_store_close(&store);
  return err;
}

int authority_keys(const struct authority_config *config)
{
  struct frank_authority_state *state = NULL;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  bool done = true;
  enum frank_err err = load(config, &state, why);
  if (err != FRANK_OK) {
    free(state);
    return authority_fail(config, err, why);
  }
  for (size_t i = 0; i < state->key_count; i++) {
    if (config->json) {
      done = authority_emit(key_record(&state->keys[i]), false) && done;
    } else {
      print_key(&state->keys[i]);
    }
  }
  if (config->json) {
    done = authority_emit(json_pack("{s:I}", "keys", (json_int_t)state->key_count), true) && done;
  }
  free(state);
  return authority_finish(done);
}

int authority_history(const struct authority_config *config)
{
  struct frank_authority_state *state = NULL;
  char why[FRANK_AUTHORITY_WHY_BYTES];
  char issued[AUTHORITY_TIME_BYTES];
  bool done = true;
  enum frank_err err = load(config, &state, why);
  if (err != FRANK_OK) {
    free(state);
    return authority_fail(config, err, why);
  }
  for (size_t i = 0; i < state->history_count; i++) {
    const struct frank_authority_epoch *epoch = &state->history[i];
    if (config->json) {
      done = authority_emit(json_pack("{s:I,s:I,s:I,s:s}", "epoch", (json_int_t)epoch->epoch,
                                      "factor", (json_int_t)epoch->factor, "issued",
                                      (json_int_t)epoch->issued_s, "reason", epoch->reason),
                            false) &&
             done;
    } else {
      (void)printf("%6" PRIu64 "  %s  %16" PRIu64 "  %s\n", epoch->epoch,
                   authority_time(epoch->issued_s, issued), epoch->factor, epoch->reason);
    }
  }
  if (config->json) {
    done = authority_emit(json_pack("{s:I,s:s}", "epochs", (json_int_t)state->history_count,
                                    "issuer", state->document.issuer),
                          true) &&
           done;
  }
  free(state);
  return authority_finish(done);
}
