#include "replay_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char folder[64];
char path[96];
char why[FRANK_REPLAY_WHY_BYTES];

int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "%s", "/tmp/frank-replay-XXXXXX");
  if (!mkdtemp(folder)) {
    return -1;
  }
  snprintf(path, sizeof path, "%s/r.db", folder);
  return 0;
}

int remove_folder(void **state)
{
  static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
  char name[128];

  (void)state;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    snprintf(name, sizeof name, "%s%s", path, ends[i]);
    unlink(name);
  }
  return rmdir(folder); /* and nothing else was left there */
}

struct frank_replay *open_store(void)
{
  struct frank_replay *replay = NULL;

  if (frank_replay_open_sqlite(path, MAX_BYTES, BUSY_MS, &replay, why) != FRANK_OK) {
    fail_msg("%s", why);
  }
  return replay;
}

enum frank_err try_note(struct frank_replay *replay, unsigned id, const char *names, int64_t now_s,
                        int64_t until_s, struct frank_replay_counts *counts)
{
  static struct frank_address_text list[1000];
  uint8_t bytes[FRANK_REPLAY_ID_BYTES] = {0};
  size_t count = 0, len;

  memcpy(bytes, &id, sizeof id);
  for (; *names; names += len + strspn(names + len, " ")) {
    len = strcspn(names, " ");
    snprintf(list[count++].text, sizeof list[0].text, "%.*s@x.example", (int)len, names);
  }
  return frank_replay_note(replay, bytes, list, count, now_s, until_s, counts, why);
}

struct frank_replay_counts note_until(struct frank_replay *replay, unsigned id, const char *names,
                                      int64_t now_s, int64_t until_s)
{
  struct frank_replay_counts counts = {0};

  if (try_note(replay, id, names, now_s, until_s, &counts) != FRANK_OK) {
    fail_msg("%s", why);
  }
  return counts;
}

struct frank_replay_counts note(struct frank_replay *replay, unsigned id, const char *names)
{
  return note_until(replay, id, names, NOW_S, UNTIL_S);
}

void expect(struct frank_replay_counts counts, uint64_t recipients, uint64_t most)
{
  assert_int_equal(counts.recipients, recipients);
  assert_int_equal(counts.most, most);
}

uint64_t expire_all(struct frank_replay *replay, int64_t now_s)
{
  uint64_t forgotten, all = 0;

  do {
    if (frank_replay_expire(replay, now_s, &forgotten, why) != FRANK_OK) {
      fail_msg("%s", why);
    }
    all += forgotten;
  } while (forgotten > 0);
  return all;
}
