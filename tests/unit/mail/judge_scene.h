/*
 * judge_scene: mail with stamps that are minted here, and how it is judged: for the tests of judge.
 */
#ifndef FRANK_TESTS_MAIL_JUDGE_SCENE_H
#define FRANK_TESTS_MAIL_JUDGE_SCENE_H

#include "mail/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW_S      INT64_C(1795305600)
#define DAY_S      INT64_C(86400)
#define FACTOR     300
#define HARD       40000 /* what stamps of these tests do not meet */
#define B          "PCy4cbsWMeTWfcHOlcHpFo+/"
#define B2         "QUJDREVGR0hJSktMTU5PUA=="
#define TO         "To: bob@x.example\n"
#define TAGS       "h=from:to"
#define TEXT_BYTES (1 << 20)

/* The message, and its judgement; the tests write the text, begin() reads it. */
extern char text[TEXT_BYTES];
extern struct frank_message message;
extern struct frank_judge judge;

extern const struct frank_judge_factor normal; /* FACTOR of "a.example#7" */
extern const enum frank_dkim_result all_pass[FRANK_MSMR_SIGNATURES_MAX];

/* An MSMR-Key field for `b` that meets `factor` and not `above` (0: no matter). Static, eight. */
const char *stamp(enum frank_alg alg, const char *b, uint64_t factor, uint64_t above);
/* A DKIM-Signature field with these tags beside v, a, d, s and b. Static, eight. */
const char *signature(const char *a, const char *tags, const char *b);
void begin(void);
/* A stamped message of one signature by B, begun. */
void one_message(const char *tags, const char *fields);

/* All rules but those that `off` names (NULL: none). */
struct frank_judge_policy policy_without(const char *off);
/* "bob@x.example alice@y.example"; good until the next call. */
struct frank_judge_envelope envelope_to(const char *recipients);
void rules_at(const char *off, const struct frank_judge_factor *factor,
              const enum frank_dkim_result *dkim, const char *recipients, int64_t now_s);
void expect(enum frank_verdict verdict, const char *why);

#endif
