#include "factor/desk.h"

#include "base/clock.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/table.h"
#include "factor/txt.h"

#include <stdlib.h>
#include <string.h>

#define WHY_BYTES 96
#define TTL_MIN_S 30
#define TTL_MAX_S 3600
/* The resolver gives up before. */
#define LOOK_UP_US  ((FRANK_RESOLVER_LOOKUP_LIMIT_S + 5) * FRANK_US_PER_S)
#define DOMAINS_MAX 1000 /* of one question; the wire protocol takes no more recipients */

/* A domain: what is known of it, and who waits to know. */
struct entry {
  struct frank_table_node by_name;
  struct frank_list by_use;    /* of the desk's idle, or its busy */
  struct frank_list waiting;   /* struct wait */
  struct frank_list in_turn;   /* of the desk's turn, until the look-up is started */
  struct frank_list in_flight; /* of the desk's in_flight, until the answer is heard */
  char domain[FRANK_TXT_DOMAIN_BYTES];
  uint64_t asked_us; /* while in flight: since then */
  uint64_t until_us; /* what is known counts before this; 0: nothing is */
  bool fresh;        /* the next look-up: it was forgotten on purpose */
  enum frank_desk_state state;
  enum frank_dnssec dnssec;
  uint32_t pins; /* held on to by a question that is being taken */
  uint64_t factor;
  char why[WHY_BYTES];
};

struct held;
struct wait {
  struct frank_list in_entry;
  struct entry *entry;
  struct held *held;
};

/* A question that waits, in one piece of memory: its waits, payload and domains follow. */
struct held {
  struct frank_table_node by_tag;
  struct frank_heap_node by_due;
  struct frank_list in_desk;
  struct frank_desk_question question;
  size_t size_bytes;
  size_t open; /* domains not heard of yet */
  size_t wait_count;
  struct wait waits[];
};

struct frank_desk {
  struct frank_desk_config config;
  struct frank_table names;
  struct frank_list idle; /* entries that may give way, the one used longest ago first */
  struct frank_list busy; /* those that somebody waits for, or that are looked up */
  size_t kept;
  struct frank_list turn;      /* wait for a look-up, which may be started when another ends */
  struct frank_list in_flight; /* the one asked for longest ago first */
  size_t in_flight_count;
  struct frank_table tags;
  struct frank_heap dues;
  struct frank_list held;
  size_t held_count;
  size_t held_bytes;
  struct frank_desk_counts counts;
};

static bool due_earlier(const struct frank_heap_node *a, const struct frank_heap_node *b)
{
  return FRANK_CONTAINER(a, struct held, by_due)->question.due_us <
         FRANK_CONTAINER(b, struct held, by_due)->question.due_us;
}

enum frank_err frank_desk_new(const struct frank_desk_config *config, struct frank_desk **out)
{
  struct frank_desk *desk = calloc(1, sizeof *desk);
  if (!desk) {
    return FRANK_ERR_NOMEM;
  }
  desk->config = *config;
  frank_list_init(&desk->idle);
  frank_list_init(&desk->busy);
  frank_list_init(&desk->turn);
  frank_list_init(&desk->in_flight);
  frank_list_init(&desk->held);
  frank_heap_init(&desk->dues, due_earlier);
  enum frank_err err = frank_table_init(&desk->names, FRANK_DESK_DOMAINS_MAX);
  if (err == FRANK_OK) {
    err = frank_table_init(&desk->tags, FRANK_DESK_WAITING_MAX);
  }
  if (err != FRANK_OK) {
    frank_desk_destroy(&desk);
    return err;
  }
  *out = desk;
  return FRANK_OK;
}

/* ---- domains ---- */

static uint64_t mix(uint64_t x)
{
  x = (x ^ x >> 32) * UINT64_C(0x9e3779b97f4a7c15);
  return x ^ x >> 29;
}

static uint64_t name_hash(const struct frank_desk *desk, const char *domain)
{
  uint64_t hash = mix(desk->config.salt);
  for (const char *at = domain; *at != '\0'; at++) {
    hash = mix(hash ^ (uint8_t)*at ^ desk->config.salt);
  }
  return hash;
}

static struct entry *find(const struct frank_desk *desk, const char *domain, uint64_t hash)
{
  struct frank_table_node *node = frank_table_first(&desk->names, hash);
  for (; node; node = frank_table_next(node)) {
    struct entry *entry = FRANK_CONTAINER(node, struct entry, by_name);
    if (strcmp(entry->domain, domain) == 0) {
      return entry;
    }
  }
  return NULL;
}

static void entry_free(struct frank_desk *desk, struct entry *entry)
{
  frank_table_remove(&desk->names, &entry->by_name);
  frank_list_remove(&entry->by_use);
  frank_list_remove(&entry->in_turn);
  frank_list_remove(&entry->in_flight);
  desk->kept--;
  free(entry);
}

/* Puts the entry where it belongs, as the one used last. A look-up that nobody waits for any more
 * gives up its turn. */
static void place(struct frank_desk *desk, struct entry *entry)
{
  bool is_awaited = entry->pins > 0 || !frank_list_is_empty(&entry->waiting);
  if (!is_awaited) {
    frank_list_remove(&entry->in_turn);
  }
  frank_list_remove(&entry->by_use);
  bool is_busy = is_awaited || frank_list_is_linked(&entry->in_flight);
  frank_list_append(is_busy ? &desk->busy : &desk->idle, &entry->by_use);
}

/* Room for one more: the one used longest ago for which nobody waits gives way. */
static bool make_room(struct frank_desk *desk)
{
  if (desk->kept < FRANK_DESK_DOMAINS_MAX) {
    return true;
  }
  if (frank_list_is_empty(&desk->idle)) {
    return false;
  }
  entry_free(desk, FRANK_CONTAINER(desk->idle.next, struct entry, by_use));
  return true;
}

/* The entry of `domain`, a new one where there is none; NULL: no room. */
static struct entry *enter(struct frank_desk *desk, const char *domain)
{
  uint64_t hash = name_hash(desk, domain);
  struct entry *entry = find(desk, domain, hash);
  if (!entry) {
    if (!make_room(desk) || !(entry = calloc(1, sizeof *entry))) {
      return NULL;
    }
    memcpy(entry->domain, domain, strlen(domain) + 1);
    frank_list_init(&entry->waiting);
    frank_table_insert(&desk->names, &entry->by_name, hash);
    desk->kept++;
  }
  place(desk, entry);
  return entry;
}

static bool is_known(const struct entry *entry, uint64_t now_us)
{
  return entry->until_us > now_us;
}

static void land(struct frank_desk *desk, struct entry *entry)
{
  if (frank_list_is_linked(&entry->in_flight)) {
    frank_list_remove(&entry->in_flight);
    desk->in_flight_count--;
  }
}

/* Starts the look-up of an entry; false: it cannot be started now. */
static bool start(struct frank_desk *desk, struct entry *entry, uint64_t now_us)
{
  if (!desk->config.look_up(desk->config.arg, entry->domain, entry->fresh)) {
    return false;
  }
  frank_list_remove(&entry->in_turn);
  frank_list_append(&desk->in_flight, &entry->in_flight);
  desk->in_flight_count++;
  desk->counts.look_ups++;
  entry->fresh = false;
  entry->asked_us = now_us;
  return true;
}

static void wake(struct frank_desk *desk, struct entry *entry, uint64_t now_us);

/* Starts those whose turn it is. One that was never answered is not waited for any more. */
static void start_next(struct frank_desk *desk, uint64_t now_us)
{
  while (!frank_list_is_empty(&desk->in_flight)) {
    struct entry *oldest = FRANK_CONTAINER(desk->in_flight.next, struct entry, in_flight);
    if (now_us - oldest->asked_us <= LOOK_UP_US) {
      break;
    }
    land(desk, oldest);
    wake(desk, oldest, now_us);
  }
  while (desk->in_flight_count < FRANK_RESOLVER_LOOKUPS_MAX && !frank_list_is_empty(&desk->turn)) {
    struct entry *entry = FRANK_CONTAINER(desk->turn.next, struct entry, in_turn);
    if (!start(desk, entry, now_us)) {
      return;
    }
  }
}

/* The entry of a domain that is not known, with a look-up of it under way or in turn; NULL where
 * there is nothing to wait for: it is known, is no name for DNS, or nobody can look it up now. */
static struct entry *look_up(struct frank_desk *desk, const char *domain, uint64_t now_us)
{
  char name[FRANK_TXT_DOMAIN_BYTES];
  if (!desk->config.look_up || frank_txt_domain(domain, strlen(domain), name) != FRANK_OK) {
    return NULL;
  }
  struct entry *entry = enter(desk, name);
  if (!entry) {
    desk->counts.crowded++;
    return NULL;
  }
  if (is_known(entry, now_us)) {
    return NULL;
  }
  if (frank_list_is_linked(&entry->in_flight) || frank_list_is_linked(&entry->in_turn)) {
    return entry;
  }
  if (desk->in_flight_count >= FRANK_RESOLVER_LOOKUPS_MAX) {
    frank_list_append(&desk->turn, &entry->in_turn);
  } else if (!start(desk, entry, now_us)) {
    desk->counts.crowded++;
    return NULL;
  }
  return entry;
}

/* ---- questions ---- */

static uint64_t tag_hash(const struct frank_desk *desk, uint64_t origin, uint64_t tag)
{
  return mix(mix(origin ^ desk->config.salt) ^ tag);
}

static void held_free(struct frank_desk *desk, struct held *held)
{
  for (size_t i = 0; i < held->wait_count; i++) {
    if (frank_list_is_linked(&held->waits[i].in_entry)) {
      frank_list_remove(&held->waits[i].in_entry);
      place(desk, held->waits[i].entry);
    }
  }
  frank_table_remove(&desk->tags, &held->by_tag);
  frank_heap_remove(&desk->dues, &held->by_due);
  frank_list_remove(&held->in_desk);
  desk->held_count--;
  desk->held_bytes -= held->size_bytes;
  free(held);
}

static void finish(struct frank_desk *desk, struct held *held, uint64_t now_us)
{
  desk->config.done(desk->config.arg, &held->question, now_us);
  held_free(desk, held);
}

/* Holds the question until the `count` entries are heard of. False: no room. */
static bool hold(struct frank_desk *desk, const struct frank_desk_question *question,
                 struct entry *const *entries, size_t count)
{
  size_t waits_bytes = count * sizeof(struct wait);
  size_t size = sizeof(struct held) + waits_bytes + question->domains_len + question->payload_len;
  if (desk->held_count >= FRANK_DESK_WAITING_MAX ||
      desk->held_bytes + size > FRANK_DESK_WAITING_BYTES) {
    return false;
  }
  struct held *held = malloc(size);
  if (!held) {
    return false;
  }
  memset(held, 0, sizeof *held + waits_bytes);
  char *payload = (char *)held + sizeof *held + waits_bytes; /* aligned, as the waits are */
  char *domains = payload + question->payload_len;
  held->question = *question;
  held->size_bytes = size;
  held->open = held->wait_count = count;
  if (question->domains_len > 0) {
    memcpy(domains, question->domains, question->domains_len);
  }
  if (question->payload_len > 0) {
    memcpy(payload, question->payload, question->payload_len);
  }
  held->question.domains = domains;
  held->question.payload = payload;
  for (size_t i = 0; i < count; i++) {
    held->waits[i].held = held;
    held->waits[i].entry = entries[i];
    frank_list_append(&entries[i]->waiting, &held->waits[i].in_entry);
  }
  frank_table_insert(&desk->tags, &held->by_tag, tag_hash(desk, question->origin, question->tag));
  frank_heap_push(&desk->dues, &held->by_due);
  frank_list_append(&desk->held, &held->in_desk);
  desk->held_count++;
  desk->held_bytes += size;
  return true;
}

/* The next of the domains after `at`; NULL at the end. */
static const char *next_domain(const char *at, const char *end)
{
  const char *next = at + strlen(at) + 1;
  return next < end ? next : NULL;
}

static const char *first_domain(const struct frank_desk_question *question)
{
  size_t len = question->domains_len;
  return len > 0 && question->domains[len - 1] == '\0' ? question->domains : NULL;
}

void frank_desk_ask(struct frank_desk *desk, const struct frank_desk_question *question,
                    uint64_t now_us)
{
  struct entry *entries[DOMAINS_MAX];
  size_t count = 0;
  const char *end = question->domains + question->domains_len;
  const char *at = question->due_us > now_us ? first_domain(question) : NULL;
  start_next(desk, now_us);
  for (size_t i = 0; at && i < DOMAINS_MAX; i++, at = next_domain(at, end)) {
    struct entry *entry = look_up(desk, at, now_us);
    if (entry) {
      entry->pins++; /* making room for the next must not free it */
      place(desk, entry);
      entries[count++] = entry;
    }
  }
  bool is_held = count > 0 && hold(desk, question, entries, count);
  for (size_t i = 0; i < count; i++) {
    entries[i]->pins--;
    place(desk, entries[i]);
  }
  if (is_held) {
    return;
  }
  desk->counts.crowded += count > 0 ? 1 : 0;
  desk->config.done(desk->config.arg, question, now_us);
}

void frank_desk_hurry(struct frank_desk *desk, uint64_t origin, uint64_t tag, uint64_t now_us)
{
  struct frank_table_node *node = frank_table_first(&desk->tags, tag_hash(desk, origin, tag));
  for (; node; node = frank_table_next(node)) {
    struct held *held = FRANK_CONTAINER(node, struct held, by_tag);
    if (held->question.origin == origin && held->question.tag == tag) {
      finish(desk, held, now_us);
      return;
    }
  }
}

void frank_desk_origin_gone(struct frank_desk *desk, uint64_t origin)
{
  struct frank_list *next = NULL;
  for (struct frank_list *at = desk->held.next; at != &desk->held; at = next) {
    next = at->next;
    struct held *held = FRANK_CONTAINER(at, struct held, in_desk);
    if (held->question.origin == origin) {
      held_free(desk, held);
    }
  }
}

/* ---- answers ---- */

/* Nobody waits for this entry any more; who waited for nothing else is done. */
static void wake(struct frank_desk *desk, struct entry *entry, uint64_t now_us)
{
  while (!frank_list_is_empty(&entry->waiting)) {
    struct wait *wait = FRANK_CONTAINER(entry->waiting.next, struct wait, in_entry);
    struct held *held = wait->held;
    frank_list_remove(&wait->in_entry);
    /* It is freed when it waits for nothing else, so not twice here. */
    if (--held->open == 0) { /* NOLINT(clang-analyzer-unix.Malloc) */
      finish(desk, held, now_us);
    }
  }
  place(desk, entry);
}

enum frank_err frank_desk_hear(struct frank_desk *desk, const struct frank_resolver_domain *answer,
                               uint64_t now_us)
{
  static const enum frank_desk_state states[FRANK_RESOLVER_ANSWER_COUNT] = {
      [FRANK_RESOLVER_FOUND] = FRANK_DESK_FOUND,
      [FRANK_RESOLVER_ABSENT] = FRANK_DESK_ABSENT,
      [FRANK_RESOLVER_FAILED] = FRANK_DESK_FAILED,
  };
  if (!frank_resolver_domain_is_sound(answer)) {
    return FRANK_ERR_MALFORMED;
  }
  struct entry *entry = enter(desk, answer->domain);
  if (!entry) {
    desk->counts.crowded++;
    return FRANK_OK;
  }
  uint64_t ttl_s = answer->ttl_s < TTL_MIN_S   ? TTL_MIN_S
                   : answer->ttl_s > TTL_MAX_S ? TTL_MAX_S
                                               : answer->ttl_s;
  land(desk, entry);
  frank_list_remove(&entry->in_turn);
  entry->until_us = now_us + ttl_s * FRANK_US_PER_S;
  entry->state = states[answer->answer];
  entry->dnssec = (enum frank_dnssec)answer->dnssec;
  entry->factor = answer->factor;
  memcpy(entry->why, answer->why, sizeof entry->why - 1);
  entry->why[sizeof entry->why - 1] = '\0';
  uint64_t *const counts[] = {[FRANK_RESOLVER_FOUND] = &desk->counts.found,
                              [FRANK_RESOLVER_ABSENT] = &desk->counts.absent,
                              [FRANK_RESOLVER_FAILED] = &desk->counts.failed};
  ++*counts[answer->answer];
  wake(desk, entry, now_us);
  start_next(desk, now_us);
  return FRANK_OK;
}

void frank_desk_deaf(struct frank_desk *desk, uint64_t now_us)
{
  while (!frank_list_is_empty(&desk->in_flight)) {
    struct entry *entry = FRANK_CONTAINER(desk->in_flight.next, struct entry, in_flight);
    land(desk, entry);
    wake(desk, entry, now_us);
  }
  while (!frank_list_is_empty(&desk->turn)) {
    struct entry *entry = FRANK_CONTAINER(desk->turn.next, struct entry, in_turn);
    frank_list_remove(&entry->in_turn);
    wake(desk, entry, now_us);
  }
}

void frank_desk_forget(struct frank_desk *desk, const char *domain)
{
  char name[FRANK_TXT_DOMAIN_BYTES];
  if (domain) {
    struct entry *entry = NULL;
    if (frank_txt_domain(domain, strlen(domain), name) == FRANK_OK &&
        (entry = find(desk, name, name_hash(desk, name))) != NULL) {
      entry->until_us = 0;
      entry->fresh = true;
    }
    return;
  }
  struct frank_list *const lists[] = {&desk->idle, &desk->busy};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    for (struct frank_list *at = lists[i]->next; at != lists[i]; at = at->next) {
      struct entry *entry = FRANK_CONTAINER(at, struct entry, by_use);
      entry->until_us = 0;
      entry->fresh = true;
    }
  }
}

/* ---- time ---- */

void frank_desk_tick(struct frank_desk *desk, uint64_t now_us)
{
  while (frank_desk_next_due_us(desk) <= now_us) {
    desk->counts.timed_out++;
    finish(desk, FRANK_CONTAINER(frank_heap_top(&desk->dues), struct held, by_due), now_us);
  }
}

uint64_t frank_desk_next_due_us(const struct frank_desk *desk)
{
  const struct frank_heap_node *top = frank_heap_top(&desk->dues);
  return top ? FRANK_CONTAINER(top, struct held, by_due)->question.due_us : FRANK_NEVER_US;
}

void frank_desk_finish(struct frank_desk *desk, uint64_t now_us)
{
  while (!frank_list_is_empty(&desk->held)) {
    finish(desk, FRANK_CONTAINER(desk->held.next, struct held, in_desk), now_us);
  }
}

void frank_desk_destroy(struct frank_desk **desk)
{
  struct frank_desk *d = *desk;
  if (!d) {
    return;
  }
  while (!frank_list_is_empty(&d->held)) {
    held_free(d, FRANK_CONTAINER(d->held.next, struct held, in_desk));
  }
  struct frank_list *const lists[] = {&d->idle, &d->busy};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    while (!frank_list_is_empty(lists[i])) {
      entry_free(d, FRANK_CONTAINER(lists[i]->next, struct entry, by_use));
    }
  }
  frank_table_fini(&d->names);
  frank_table_fini(&d->tags);
  free(d);
  *desk = NULL;
}

/* ---- reading ---- */

void frank_desk_look(const struct frank_desk *desk, const char *domain, uint64_t now_us,
                     struct frank_desk_domain *out)
{
  char name[FRANK_TXT_DOMAIN_BYTES];
  *out = (struct frank_desk_domain){.state = FRANK_DESK_UNKNOWN, .why = ""};
  if (frank_txt_domain(domain, strlen(domain), name) != FRANK_OK) {
    out->state = FRANK_DESK_ABSENT;
    out->why = "not a name that DNS can be asked for";
    return;
  }
  const struct entry *entry = find(desk, name, name_hash(desk, name));
  if (!entry || !is_known(entry, now_us)) {
    out->why = desk->config.look_up ? "no answer yet" : "nothing is looked up";
    return;
  }
  out->state = entry->state;
  out->dnssec = entry->dnssec;
  out->factor = entry->state == FRANK_DESK_FOUND ? entry->factor : 0;
  out->ttl_s = (uint32_t)((entry->until_us - now_us) / FRANK_US_PER_S);
  out->why = entry->why;
}

uint64_t frank_desk_largest(struct frank_desk *desk, const char *domains, size_t domains_len,
                            uint64_t otherwise, uint64_t max_factor, uint64_t now_us,
                            const char **domain, const char **too_high)
{
  const struct frank_desk_question list = {.domains = domains, .domains_len = domains_len};
  const char *at = first_domain(&list);
  uint64_t largest = 0;
  *domain = *too_high = NULL;
  for (; at; at = next_domain(at, domains + domains_len)) {
    struct frank_desk_domain known;
    frank_desk_look(desk, at, now_us, &known);
    bool counts = known.state == FRANK_DESK_FOUND && known.factor <= max_factor;
    if (known.state == FRANK_DESK_FOUND && !counts) {
      desk->counts.too_high++;
      *too_high = *too_high ? *too_high : at;
    }
    uint64_t factor = counts ? known.factor : otherwise;
    if (factor > largest) {
      largest = factor;
      *domain = counts ? at : NULL;
    }
  }
  return largest > 0 ? largest : otherwise;
}

void frank_desk_counts(const struct frank_desk *desk, struct frank_desk_counts *counts)
{
  *counts = desk->counts;
}

void frank_desk_sizes(const struct frank_desk *desk, size_t *waiting, size_t *kept)
{
  *waiting = desk->held_count;
  *kept = desk->kept;
}
