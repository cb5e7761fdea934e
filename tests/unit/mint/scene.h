/*
 * scene: a mint service on a simulated clock, and every answer that it gives, for the tests beside
 * it. One at a time: the tests of a program share it, and each makes it anew.
 */
#ifndef FRANK_TESTS_UNIT_MINT_SCENE_H
#define FRANK_TESTS_UNIT_MINT_SCENE_H

#include "world.h"

#define ANSWERS_MAX 4096
#define HOPELESS    (UINT64_C(1) << 40)
#define CLIENTS     UINT64_C(1) /* the origin of what scene_ask asks */

extern struct world world;
extern struct frank_answer answers[ANSWERS_MAX];
extern uint64_t answered_at_us[ANSWERS_MAX];
extern size_t answer_count;
extern char b88[89]; /* a signature; another one in every scene */

/* The defaults, with the callbacks of the scene: for scene_make. */
struct frank_mint_config scene_config(void);
/* A new service without devices; what was there before is gone. */
void scene_make(const struct frank_mint_config *config);
/* One with another queue bound. */
void scene_make_queue(uint32_t queue_bound);
int scene_setup(void **state); /* a queue of 1000 */
int scene_teardown(void **state);

/* The one answer to `tag`, or NULL; two fail the test. */
const struct frank_answer *scene_answer_of(uint64_t tag);

void scene_ask(uint64_t tag, const char *client, uint64_t factor, const char *b);
/* Asks with a signature of its own. */
void scene_ask_new(uint64_t tag, const char *client, uint64_t factor);
/* Asks from another door, with a deadline. */
void scene_ask_from(uint64_t origin, uint64_t tag, const char *client, uint64_t factor,
                    uint32_t deadline_ms, const char *b);

/* The service's own figures. */
const struct frank_status *scene_status(void);

/* A ready device that the test drives by hand: the world gives it no slices. */
uint32_t scene_device(double rate_hps, bool stops_early, uint32_t blocks_max);
/* The next slice of a device; none fails the test. */
struct frank_worker_slice scene_slice(uint32_t device);
/* What an honest device says that searched the whole slice: all hits at or below its bound, and
 * `overflow` set with the first FRANK_SCAN_HITS of them when there are more. */
struct frank_worker_result scene_search(const struct frank_worker_slice *slice);
enum frank_err scene_result(uint32_t device, const struct frank_worker_result *result);

#endif
