#include "door/ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE 0U /* in the hash chains: index + 1, 0 for the end */

struct frank_ledger {
  uint64_t seed;
  frank_ledger_drop_fn *drop;
  void *arg;
  struct frank_peer *peers;
  uint32_t peers_max;
  uint32_t peers_used; /* places given out so far, some of them idle */
  uint32_t *peer_buckets;
  struct frank_peer *oldest, *newest; /* by when they were heard last */
  struct frank_asked *asked;
  uint32_t asked_max;
  uint32_t asked_used; /* places given out so far */
  uint32_t free_first; /* places given back, chained by hash_next */
  uint32_t in_flight;
  uint32_t *asked_buckets;
  uint32_t bucket_mask; /* of asked_buckets */
  uint32_t peer_bucket_mask;
};

/* ---- budgets ---- */

bool frank_budget_take(struct frank_budget *budget, uint32_t rate, uint64_t now_us,
                       uint64_t *retry_after_ms)
{
  if (rate == 0) {
    return true;
  }
  if (budget->filled_us == 0) {
    budget->tokens = rate;
  } else if (now_us > budget->filled_us) {
    budget->tokens += (double)(now_us - budget->filled_us) * rate / 1e6;
    budget->tokens = budget->tokens > rate ? rate : budget->tokens;
  }
  budget->filled_us = now_us;
  if (budget->tokens >= 1) {
    budget->tokens -= 1;
    return true;
  }
  *retry_after_ms = (uint64_t)((1 - budget->tokens) * 1000 / rate) + 1;
  return false;
}

/* ---- hashing ---- */

/* FNV-1a with a secret start and a mixing end: ids are chosen by strangers. */
static uint64_t hash_bytes(uint64_t start, const void *bytes, size_t len_bytes)
{
  const uint8_t *at = bytes;
  uint64_t hash = start ^ UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < len_bytes; i++) {
    hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    hash ^= hash >> 32;
  }
  hash = (hash ^ (hash >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
  return hash ^ (hash >> 32);
}

static uint32_t *peer_bucket(const struct frank_ledger *ledger, const void *routing_id, size_t len)
{
  return &ledger
              ->peer_buckets[hash_bytes(ledger->seed, routing_id, len) & ledger->peer_bucket_mask];
}

static uint32_t *asked_bucket(const struct frank_ledger *ledger, const struct frank_peer *peer,
                              const char *id)
{
  uint64_t start = ledger->seed + (uint64_t)(peer - ledger->peers) * UINT64_C(0x9e3779b97f4a7c15);
  return &ledger->asked_buckets[hash_bytes(start, id, strlen(id)) & ledger->bucket_mask];
}

static uint32_t mask_for(uint32_t entries)
{
  uint32_t size = 16;
  while (size < entries) {
    size *= 2;
  }
  return size - 1;
}

enum frank_err frank_ledger_new(uint32_t requests_max, uint32_t peers_max, uint64_t seed,
                                frank_ledger_drop_fn *drop, void *arg, struct frank_ledger **out)
{
  struct frank_ledger *ledger = calloc(1, sizeof *ledger);
  if (!ledger) {
    return FRANK_ERR_NOMEM;
  }
  ledger->seed = seed;
  ledger->drop = drop;
  ledger->arg = arg;
  ledger->peers_max = peers_max;
  ledger->asked_max = requests_max;
  ledger->bucket_mask = mask_for(requests_max);
  ledger->peer_bucket_mask = mask_for(peers_max);
  ledger->peers = calloc(peers_max, sizeof *ledger->peers);
  ledger->asked = calloc(requests_max, sizeof *ledger->asked);
  ledger->peer_buckets = calloc((size_t)ledger->peer_bucket_mask + 1, sizeof(uint32_t));
  ledger->asked_buckets = calloc((size_t)ledger->bucket_mask + 1, sizeof(uint32_t));
  if (!ledger->peers || !ledger->asked || !ledger->peer_buckets || !ledger->asked_buckets) {
    frank_ledger_destroy(&ledger);
    return FRANK_ERR_NOMEM;
  }
  *out = ledger;
  return FRANK_OK;
}

void frank_ledger_destroy(struct frank_ledger **ledger)
{
  struct frank_ledger *l = *ledger;
  if (!l) {
    return;
  }
  for (uint32_t i = 0; l->asked && i < l->asked_used; i++) {
    free(l->asked[i].domains);
  }
  free(l->peers);
  free(l->asked);
  free(l->peer_buckets);
  free(l->asked_buckets);
  free(l);
  *ledger = NULL;
}

/* ---- peers ---- */

static void age_unlink(struct frank_ledger *ledger, struct frank_peer *peer)
{
  *(peer->older ? &peer->older->newer : &ledger->oldest) = peer->newer;
  *(peer->newer ? &peer->newer->older : &ledger->newest) = peer->older;
}

static void age_append(struct frank_ledger *ledger, struct frank_peer *peer)
{
  peer->older = ledger->newest;
  peer->newer = NULL;
  *(ledger->newest ? &ledger->newest->newer : &ledger->oldest) = peer;
  ledger->newest = peer;
}

static void peer_unhash(struct frank_ledger *ledger, const struct frank_peer *peer)
{
  uint32_t *at = peer_bucket(ledger, peer->routing_id, peer->routing_id_len);
  uint32_t place = (uint32_t)(peer - ledger->peers) + 1;
  while (*at != place) {
    at = &ledger->peers[*at - 1].hash_next;
  }
  *at = peer->hash_next;
}

static void asked_unhash(struct frank_ledger *ledger, const struct frank_asked *asked)
{
  uint32_t *at = asked_bucket(ledger, asked->peer, asked->id);
  uint32_t place = (uint32_t)(asked - ledger->asked) + 1;
  while (*at != place) {
    at = &ledger->asked[*at - 1].hash_next;
  }
  *at = asked->hash_next;
}

/* What the peer asked is nobody's from now on: the answers will find no one. False when
 * `take_back` (NULL: not called) said no before the end. */
static bool orphan(struct frank_ledger *ledger, struct frank_peer *peer,
                   frank_ledger_take_back_fn *take_back, void *arg)
{
  ledger->drop(ledger->arg, peer);
  for (uint32_t i = 0; peer->in_flight > 0 && i < ledger->asked_used; i++) {
    struct frank_asked *asked = &ledger->asked[i];
    if (!asked->used || asked->peer != peer) {
      continue;
    }
    if (take_back && !take_back(arg, asked)) {
      return false;
    }
    asked_unhash(ledger, asked);
    asked->peer = NULL;
    peer->in_flight--;
    peer->budget->outstanding--;
  }
  return true;
}

/* The longest silent peer of the budget with the most peers. Counted when it is needed, which is
 * once for a new peer at most: nothing to keep in step while budgets come and go. */
static struct frank_peer *most_dispensable(const struct frank_ledger *ledger)
{
  struct frank_peer *found = ledger->oldest;
  for (struct frank_peer *p = ledger->oldest; p; p = p->newer) {
    p->budget->peers = 0;
  }
  for (struct frank_peer *p = ledger->oldest; p; p = p->newer) {
    p->budget->peers++;
  }
  for (struct frank_peer *p = ledger->oldest; p; p = p->newer) {
    found = p->budget->peers > found->budget->peers ? p : found;
  }
  return found;
}

enum frank_err frank_ledger_evict(struct frank_ledger *ledger, frank_ledger_take_back_fn *take_back,
                                  void *arg, const struct frank_peer **evicted)
{
  struct frank_peer *peer = most_dispensable(ledger);
  if (!peer) {
    return FRANK_ERR_NOT_FOUND;
  }
  if (!orphan(ledger, peer, take_back, arg)) {
    return FRANK_ERR_FULL;
  }
  *evicted = peer;
  return FRANK_OK;
}

/* A place for a new peer: a fresh one, or that of the longest silent peer with nothing out. */
static struct frank_peer *peer_place(struct frank_ledger *ledger)
{
  if (ledger->peers_used < ledger->peers_max) {
    return &ledger->peers[ledger->peers_used++];
  }
  struct frank_peer *peer = ledger->oldest;
  while (peer && (peer->in_flight > 0 || peer->held > 0)) {
    peer = peer->newer;
  }
  if (peer) {
    age_unlink(ledger, peer);
    peer_unhash(ledger, peer);
  }
  return peer;
}

enum frank_err frank_ledger_peer(struct frank_ledger *ledger, const void *routing_id,
                                 size_t len_bytes, const char *user_id, struct frank_peer **peer,
                                 bool *is_new)
{
  assert(len_bytes <= FRANK_LEDGER_ROUTING_ID_BYTES);
  assert(strlen(user_id) < FRANK_LEDGER_USER_ID_BYTES);
  struct frank_peer *found = NULL;
  uint32_t at = *peer_bucket(ledger, routing_id, len_bytes);
  for (; at != NONE && !found; at = ledger->peers[at - 1].hash_next) {
    struct frank_peer *p = &ledger->peers[at - 1];
    if (p->routing_id_len == len_bytes && memcmp(p->routing_id, routing_id, len_bytes) == 0) {
      found = p;
    }
  }
  *is_new = !found || strcmp(found->user_id, user_id) != 0;
  if (found) {
    age_unlink(ledger, found);
    age_append(ledger, found);
    if (!*is_new) {
      *peer = found;
      return FRANK_OK;
    }
    (void)orphan(ledger, found, NULL, NULL);
    age_unlink(ledger, found);
    peer_unhash(ledger, found);
  } else {
    found = peer_place(ledger);
    if (!found) {
      return FRANK_ERR_FULL;
    }
  }
  *found = (struct frank_peer){.used = true, .routing_id_len = (uint8_t)len_bytes};
  memcpy(found->routing_id, routing_id, len_bytes);
  memcpy(found->user_id, user_id, strlen(user_id) + 1);
  found->budget = &found->own;
  uint32_t *bucket = peer_bucket(ledger, routing_id, len_bytes);
  found->hash_next = *bucket;
  *bucket = (uint32_t)(found - ledger->peers) + 1;
  age_append(ledger, found);
  *peer = found;
  return FRANK_OK;
}

void frank_ledger_name(const struct frank_ledger *ledger, struct frank_peer *peer, const char *kind)
{
  static const char digits[] = "0123456789abcdef";
  size_t at = strlen(kind);
  assert(at + 2 < sizeof peer->name);
  memcpy(peer->name, kind, at);
  peer->name[at++] = ':';
  size_t room = (sizeof peer->name - 1 - at) / 2;
  size_t tail = 9; /* '~' and eight bytes of hash */
  bool whole = peer->routing_id_len <= room;
  size_t shown = whole ? peer->routing_id_len : room - tail;
  for (size_t i = 0; i < shown; i++) {
    peer->name[at++] = digits[peer->routing_id[i] >> 4];
    peer->name[at++] = digits[peer->routing_id[i] & 15];
  }
  if (!whole) {
    uint64_t hash = hash_bytes(ledger->seed, peer->routing_id, peer->routing_id_len);
    peer->name[at++] = '~';
    for (int shift = 60; shift >= 0; shift -= 4) {
      peer->name[at++] = digits[(hash >> shift) & 15];
    }
  }
  peer->name[at] = '\0';
}

/* ---- requests ---- */

struct frank_asked *frank_ledger_by_id(const struct frank_ledger *ledger,
                                       const struct frank_peer *peer, const char *id)
{
  uint32_t at = *asked_bucket(ledger, peer, id);
  while (at != NONE) {
    struct frank_asked *asked = &ledger->asked[at - 1];
    if (asked->peer == peer && strcmp(asked->id, id) == 0) {
      return asked;
    }
    at = asked->hash_next;
  }
  return NULL;
}

/* A tag is the place in the table with how often the place was used before it. */
static uint64_t next_tag(const struct frank_ledger *ledger, const struct frank_asked *asked)
{
  uint64_t place = (uint64_t)(asked - ledger->asked);
  return (((asked->tag >> 32) + 1) << 32) | place;
}

enum frank_err frank_ledger_add(struct frank_ledger *ledger, struct frank_peer *peer,
                                const struct frank_wire_envelope *envelope,
                                struct frank_asked **out)
{
  if (frank_ledger_by_id(ledger, peer, envelope->id)) {
    return FRANK_ERR_TAKEN;
  }
  struct frank_asked *asked = NULL;
  if (ledger->free_first != NONE) {
    asked = &ledger->asked[ledger->free_first - 1];
    ledger->free_first = asked->hash_next;
  } else if (ledger->asked_used < ledger->asked_max) {
    asked = &ledger->asked[ledger->asked_used++];
  } else {
    return FRANK_ERR_FULL;
  }
  *asked = (struct frank_asked){.peer = peer,
                                .tag = next_tag(ledger, asked),
                                .id_len = (uint8_t)envelope->id_len,
                                .delimited = envelope->delimited,
                                .verb = envelope->verb,
                                .used = true};
  memcpy(asked->id, envelope->id, envelope->id_len + 1);
  uint32_t *bucket = asked_bucket(ledger, peer, asked->id);
  asked->hash_next = *bucket;
  *bucket = (uint32_t)(asked - ledger->asked) + 1;
  peer->in_flight++;
  peer->budget->outstanding++;
  ledger->in_flight++;
  *out = asked;
  return FRANK_OK;
}

struct frank_asked *frank_ledger_by_tag(const struct frank_ledger *ledger, uint64_t tag)
{
  uint64_t place = tag & UINT32_MAX;
  if (place >= ledger->asked_used) {
    return NULL;
  }
  struct frank_asked *asked = &ledger->asked[place];
  return asked->used && asked->tag == tag ? asked : NULL;
}

struct frank_asked *frank_ledger_next(const struct frank_ledger *ledger,
                                      const struct frank_asked *after)
{
  for (size_t i = after ? (size_t)(after - ledger->asked) + 1 : 0; i < ledger->asked_used; i++) {
    if (ledger->asked[i].used && ledger->asked[i].peer) {
      return &ledger->asked[i];
    }
  }
  return NULL;
}

void frank_ledger_remove(struct frank_ledger *ledger, struct frank_asked *asked)
{
  if (asked->peer) {
    asked_unhash(ledger, asked);
    asked->peer->in_flight--;
    asked->peer->budget->outstanding--;
    asked->peer = NULL;
  }
  free(asked->domains);
  asked->domains = NULL;
  asked->used = false;
  asked->hash_next = ledger->free_first;
  ledger->free_first = (uint32_t)(asked - ledger->asked) + 1;
  ledger->in_flight--;
}

uint32_t frank_ledger_in_flight(const struct frank_ledger *ledger)
{
  return ledger->in_flight;
}
