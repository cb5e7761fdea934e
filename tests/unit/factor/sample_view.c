#include "sample_view.h"
#include "../random.h"
#include "proof/target.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S INT64_C(1795730400) /* 2026-11-26 22:00 UTC */
#define DAY_S INT64_C(86400)

/* Everything that markup, JSON, CSV or a terminal could take for something else; the last three
 * bytes turn the reading order around. */
static const char *hostile(void)
{
  static char text[160];
  snprintf(text, sizeof text, "%s%c%c%c",
           "=1+1</small></td><script>alert(1)</script><img src=x onerror='y'>\"&amp;]]>--><!--"
           "\\\x1b[2J\r\n\xff\xfe",
           0xe2, 0x80, 0xae);
  return text;
}

/* As much of the text as there is room for. */
static void copy(char *out, size_t size, const char *text)
{
  size_t len = strlen(text);
  len = len < size ? len : size - 1;
  memcpy(out, text, len);
  out[len] = '\0';
}

static void set_key(struct frank_jws_key *key, uint8_t first)
{
  for (size_t i = 0; i < sizeof key->bytes; i++) {
    key->bytes[i] = (uint8_t)(first + i * 37);
  }
  copy(key->id, sizeof key->id, "3WmU_-an-id-of-43-characters-as-a-thumbprint");
  key->id[0] = (char)('a' + first % 26);
}

/* The last epoch is the one in force. */
static void set_document(struct sample_view *sample)
{
  struct frank_authority_view *view = &sample->view;
  const struct frank_authority_epoch *last = &sample->epochs[view->history_count - 1];
  view->document.epoch = last->epoch;
  view->document.factor = last->factor;
  view->document.issued_s = view->now_s - 3600;
  view->document.expires_s = view->now_s + DAY_S - 3600;
  view->document.has_previous = view->history_count > 1;
  if (view->history_count > 1) {
    view->document.previous_epoch = last[-1].epoch;
    view->document.previous_factor = last[-1].factor;
    view->document.previous_until_s = last->issued_s + DAY_S;
  }
}

/* `count` epochs of about `step_s`, up and down as a control goes; the last one is 2^24. */
static void set_epochs(struct sample_view *sample, size_t count, int64_t step_s)
{
  struct frank_authority_view *view = &sample->view;
  double factor = 16777216;
  view->history_count = count;
  for (size_t i = count; i-- > 0;) {
    struct frank_authority_epoch *epoch = &sample->epochs[i];
    bool rises = random_u64() % 3 != 0;
    epoch->epoch = i + 1;
    epoch->factor = (uint64_t)factor;
    epoch->issued_s = view->now_s - INT64_C(25200) - (int64_t)(count - 1 - i) * step_s -
                      (int64_t)(random_u64() % (uint64_t)(step_s / 2 + 1));
    snprintf(epoch->reason, sizeof epoch->reason, "%s",
             i == 0  ? "set by hand"
             : rises ? "share of spam among stamps at least 1.4%, above 1%"
                     : "share of spam among stamps at most 0.2%, below 0.25%");
    factor = rises ? factor / 1.28 : factor * 1.17;
    factor = factor < 65536 ? factor * 1.5 : factor;
  }
  set_document(sample);
}

static void make_ordinary(struct sample_view *sample)
{
  set_epochs(sample, 24, 15 * DAY_S);
}

static void make_one(struct sample_view *sample)
{
  set_epochs(sample, 1, 15 * DAY_S);
}

static void make_just_now(struct sample_view *sample)
{
  set_epochs(sample, 1, DAY_S);
  sample->epochs[0].issued_s = sample->view.now_s;
  sample->view.next_change_s = 0;
}

static void make_thousand(struct sample_view *sample)
{
  set_epochs(sample, FRANK_AUTHORITY_HISTORY_MAX, DAY_S);
}

static void make_least(struct sample_view *sample)
{
  set_epochs(sample, 1, DAY_S);
  sample->epochs[0].factor = 1;
  sample->view.floor = sample->view.ceiling = 1;
  set_document(sample);
}

static void make_most(struct sample_view *sample)
{
  set_epochs(sample, 3, 9 * DAY_S);
  sample->epochs[0].factor = 1;
  sample->epochs[1].factor = FRANK_FACTOR_MAX;
  sample->epochs[2].factor = FRANK_FACTOR_MAX;
  for (size_t i = 0; i < 3; i++) {
    sample->epochs[i].epoch = FRANK_FACTOR_MAX - 2 + i;
  }
  sample->view.ceiling = FRANK_FACTOR_MAX;
  sample->view.reports_total = UINT64_MAX;
  set_document(sample);
}

static void make_testing(struct sample_view *sample)
{
  make_ordinary(sample);
  sample->view.document.testing = 1;
  sample->view.document.kind = FRANK_FACTOR_PROVIDER;
}

static void make_by_hand(struct sample_view *sample)
{
  set_epochs(sample, 3, 40 * DAY_S);
  sample->view.document.kind = FRANK_FACTOR_LOCAL;
  sample->view.document.has_previous = 0;
  sample->view.floor = sample->view.ceiling = 0;
  sample->view.next_change_s = 0;
  sample->view.reports_total = 0;
  sample->view.base_url = NULL;
}

static void make_next_key(struct sample_view *sample)
{
  make_ordinary(sample);
  set_key(&sample->view.next_key, 77);
  sample->view.next_key_s = NOW_S + 14 * DAY_S;
}

static void make_expired(struct sample_view *sample)
{
  make_ordinary(sample);
  sample->view.document.expires_s = NOW_S - 5;
  sample->view.document.previous_until_s = NOW_S;
  sample->view.next_change_s = NOW_S - 1;
}

static void make_hostile(struct sample_view *sample)
{
  set_epochs(sample, 60, DAY_S);
  struct frank_authority_view *view = &sample->view;
  copy(view->document.issuer, sizeof view->document.issuer, hostile());
  copy(view->key.id, sizeof view->key.id, hostile());
  copy(view->next_key.id, sizeof view->next_key.id, hostile());
  view->document.kind = 17;
  view->base_url = hostile();
  for (size_t i = 0; i < view->history_count; i++) {
    char *reason = sample->epochs[i].reason;
    memset(reason, '&', FRANK_AUTHORITY_REASON_BYTES - 1);
    copy(reason, i % 2 == 0 ? FRANK_AUTHORITY_REASON_BYTES : 30, hostile());
    reason[29] = '&'; /* every other one goes on to the end */
  }
  sample->epochs[3].reason[0] = '\0';
}

/* Times that cannot be, backwards, and the same twice. */
static void make_odd_times(struct sample_view *sample)
{
  make_ordinary(sample);
  sample->epochs[0].issued_s = INT64_MIN;
  sample->epochs[5].issued_s = INT64_MAX;
  sample->epochs[6].issued_s = -1;
  sample->epochs[7].issued_s = sample->epochs[8].issued_s = sample->epochs[9].issued_s;
  sample->view.next_change_s = INT64_MAX;
  sample->view.document.expires_s = INT64_MAX;
  sample->view.document.previous_until_s = INT64_MIN;
}

static void make_random(struct sample_view *sample)
{
  struct frank_authority_view *view = &sample->view;
  uint64_t spans[] = {1, 3600, 86400, UINT64_C(86400) * 30, UINT64_C(86400) * 365 * 7};
  set_epochs(sample, 1 + random_u64() % FRANK_AUTHORITY_HISTORY_MAX,
             (int64_t)spans[random_u64() % 5]);
  for (size_t i = 0; i < view->history_count; i++) {
    sample->epochs[i].factor = 1 + (random_u64() % FRANK_FACTOR_MAX >> random_u64() % 53);
    for (size_t j = 0; j + 1 < sizeof sample->epochs[i].reason; j++) {
      sample->epochs[i].reason[j] = (char)(random_u64() % 64 == 0 ? 0 : random_u64());
    }
  }
  for (size_t i = 0; i + 1 < sizeof view->document.issuer; i++) {
    view->document.issuer[i] = (char)random_u64();
  }
  view->floor = random_u64() % 2 == 0 ? 0 : random_u64() >> 12;
  view->ceiling = view->floor * 2;
  set_document(sample);
  view->next_change_s = (int64_t)random_u64();
  view->now_s = random_u64() % 4 == 0 ? (int64_t)random_u64() : view->now_s;
}

static const struct {
  const char *name;
  void (*make)(struct sample_view *sample);
} samples[] = {
    {"ordinary", make_ordinary},   {"one", make_one},
    {"just-now", make_just_now},   {"thousand", make_thousand},
    {"least", make_least},         {"most", make_most},
    {"testing", make_testing},     {"by-hand", make_by_hand},
    {"next-key", make_next_key},   {"expired", make_expired},
    {"odd-times", make_odd_times}, {"hostile", make_hostile},
};
#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

const char *const sample_view_names[SAMPLE_COUNT + 1] = {
    "ordinary", "one",      "just-now", "thousand",  "least",   "most", "testing",
    "by-hand",  "next-key", "expired",  "odd-times", "hostile", NULL,
};

bool sample_view_make(struct sample_view *sample, const char *name)
{
  memset(sample, 0, sizeof *sample);
  struct frank_authority_view *view = &sample->view;
  view->history = sample->epochs;
  view->now_s = NOW_S;
  view->next_change_s = NOW_S + 5 * DAY_S;
  view->floor = 1048576;
  view->ceiling = 268435456;
  view->reports_total = 1234567;
  view->base_url = "https://msmr.authority.example";
  snprintf(view->document.issuer, sizeof view->document.issuer, "authority.example");
  set_key(&view->key, 3);
  random_state = 7;
  if (*name >= '0' && *name <= '9') {
    random_state = strtoull(name, NULL, 10);
    make_random(sample);
    return true;
  }
  for (size_t i = 0; i < SAMPLE_COUNT; i++) {
    if (strcmp(name, samples[i].name) == 0) {
      samples[i].make(sample);
      return true;
    }
  }
  return false;
}
