/*
 * replay_scene: what the tests of the store of deliveries have in common: a store in a folder of
 * its own, and notes in it.
 */
#ifndef FRANK_TESTS_REPLAY_SCENE_H
#define FRANK_TESTS_REPLAY_SCENE_H

#include "mail/replay.h"

#include <stdint.h>

#define NOW_S     INT64_C(1795305600)
#define DAY_S     INT64_C(86400)
#define UNTIL_S   (NOW_S + 28 * DAY_S)
#define MAX_BYTES (UINT64_C(64) << 20)
#define BUSY_MS   10000

extern char folder[64];
extern char path[96]; /* of the store, which is made by who opens it */
extern char why[FRANK_REPLAY_WHY_BYTES];

/* For cmocka: before and after each test. */
int make_folder(void **state);
int remove_folder(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

struct frank_replay *open_store(void);
/* Notes a delivery of signature number `id` to the named mailboxes of x.example ("a b c"). */
enum frank_err try_note(struct frank_replay *replay, unsigned id, const char *names, int64_t now_s,
                        int64_t until_s, struct frank_replay_counts *counts);
/* The same, which must succeed. */
struct frank_replay_counts note_until(struct frank_replay *replay, unsigned id, const char *names,
                                      int64_t now_s, int64_t until_s);
struct frank_replay_counts note(struct frank_replay *replay, unsigned id, const char *names);
void expect(struct frank_replay_counts counts, uint64_t recipients, uint64_t most);
/* How many records went. */
uint64_t expire_all(struct frank_replay *replay, int64_t now_s);

#endif
