/* The settings as the threads of frank-milter's filter share them: one copy for all connections
 * that began under the same, which nothing changes under them. */
#include "mail/milter/snapshot.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS     4
#define CONNECTIONS 400 /* of each thread */
#define HELD        3   /* of them at a time */

static struct frank_milter_settings settings;

struct scene {
  struct frank_milter_view *view;
  struct frank_milter_snapshots *snapshots;
  int fd;
};

static void put(struct scene *scene, char with)
{
  memset(&settings, with, sizeof settings);
  frank_milter_view_put_settings(scene->view, &settings);
}

static void begin(struct scene *scene)
{
  assert_int_equal(frank_milter_view_new(&scene->view, &scene->fd), FRANK_OK);
  put(scene, 'a');
  assert_int_equal(frank_milter_snapshots_new(scene->view, &scene->snapshots), FRANK_OK);
}

static void end(struct scene *scene)
{
  frank_milter_snapshots_destroy(&scene->snapshots);
  assert_null(scene->snapshots);
  frank_milter_view_destroy(&scene->view);
  (void)close(scene->fd);
}

/* The character that all of it is; 0: it is a mixture. */
static char all_of(const struct frank_milter_settings *of)
{
  const char *bytes = (const char *)of;
  for (size_t at = 1; at < sizeof *of; at++) {
    if (bytes[at] != bytes[0]) {
      return 0;
    }
  }
  return bytes[0];
}

static void connections_of_the_same_settings_share_them(void **state)
{
  struct scene scene;
  (void)state;
  begin(&scene);
  const struct frank_milter_settings *first = frank_milter_snapshot_take(scene.snapshots);
  const struct frank_milter_settings *second = frank_milter_snapshot_take(scene.snapshots);
  assert_ptr_equal(first, second);
  assert_int_equal(all_of(first), 'a');
  put(&scene, 'b');
  const struct frank_milter_settings *third = frank_milter_snapshot_take(scene.snapshots);
  assert_int_equal(all_of(third), 'b');
  assert_int_equal(all_of(first), 'a');
  frank_milter_snapshot_leave(scene.snapshots, &first);
  assert_null(first);
  put(&scene, 'c');
  const struct frank_milter_settings *fourth = frank_milter_snapshot_take(scene.snapshots);
  assert_int_equal(all_of(fourth), 'c');
  assert_int_equal(all_of(third), 'b');
  assert_int_equal(all_of(second), 'a'); /* one of the two is still there */
  frank_milter_snapshot_leave(scene.snapshots, &second);
  frank_milter_snapshot_leave(scene.snapshots, &third);
  frank_milter_snapshot_leave(scene.snapshots, &fourth);
  end(&scene);
}

/* No more changes are followed than there is room for; one that leaves makes room. */
static void old_ones_that_stay_are_bounded(void **state)
{
  const struct frank_milter_settings *held[FRANK_MILTER_SNAPSHOTS_MAX + 2];
  const size_t last = FRANK_MILTER_SNAPSHOTS_MAX - 1;
  struct scene scene;
  (void)state;
  begin(&scene);
  for (size_t i = 0; i <= last + 2; i++) {
    put(&scene, (char)('a' + i));
    held[i] = frank_milter_snapshot_take(scene.snapshots);
    assert_int_equal(all_of(held[i]), 'a' + (i < last ? i : last));
  }
  assert_ptr_equal(held[last], held[last + 2]);
  frank_milter_snapshot_leave(scene.snapshots, &held[3]);
  held[3] = frank_milter_snapshot_take(scene.snapshots);
  assert_int_equal(all_of(held[3]), 'a' + last + 2);
  assert_int_equal(all_of(held[last]), 'a' + last);
  for (size_t i = 0; i <= last + 2; i++) {
    frank_milter_snapshot_leave(scene.snapshots, &held[i]);
  }
  end(&scene);
}

struct crowd {
  struct scene scene;
  _Atomic int running;
  _Atomic int mixtures; /* seen by a thread */
  _Atomic int changed;  /* while a thread had them */
};

/* Each holds a few, as connections do, and looks at one when it takes it and before it leaves. */
static void *connect_again_and_again(void *arg)
{
  struct crowd *crowd = arg;
  const struct frank_milter_settings *held[HELD] = {NULL};
  char was[HELD] = {0};
  for (int i = 0; i < CONNECTIONS + HELD; i++) {
    int at = i % HELD;
    if (held[at] != NULL) {
      atomic_fetch_add(&crowd->changed, all_of(held[at]) != was[at]);
      frank_milter_snapshot_leave(crowd->scene.snapshots, &held[at]);
    }
    if (i < CONNECTIONS) {
      held[at] = frank_milter_snapshot_take(crowd->scene.snapshots);
      was[at] = all_of(held[at]);
      atomic_fetch_add(&crowd->mixtures, was[at] == 0);
    }
  }
  atomic_fetch_sub(&crowd->running, 1);
  return NULL;
}

static void nobody_sees_them_change(void **state)
{
  static struct crowd crowd;
  const struct timespec pause = {.tv_nsec = 200000};
  pthread_t threads[THREADS];
  (void)state;
  begin(&crowd.scene);
  atomic_store(&crowd.running, THREADS);
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_create(&threads[i], NULL, connect_again_and_again, &crowd), 0);
  }
  for (int i = 0; atomic_load(&crowd.running) > 0; i++) {
    put(&crowd.scene, (char)('a' + i % 26));
    (void)nanosleep(&pause, NULL);
  }
  for (int i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  assert_int_equal(crowd.mixtures, 0);
  assert_int_equal(crowd.changed, 0);
  /* all have left: there is room for the next ones */
  for (size_t i = 0; i < 2; i++) {
    put(&crowd.scene, (char)('A' + i));
    const struct frank_milter_settings *taken = frank_milter_snapshot_take(crowd.scene.snapshots);
    assert_int_equal(all_of(taken), 'A' + i);
    frank_milter_snapshot_leave(crowd.scene.snapshots, &taken);
  }
  end(&crowd.scene);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connections_of_the_same_settings_share_them),
      cmocka_unit_test(old_ones_that_stay_are_bounded),
      cmocka_unit_test(nobody_sees_them_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
