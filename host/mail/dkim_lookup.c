/* The keys of a message's signatures. See dkim_lookup.h. */
#include "mail/dkim_lookup.h"

#include "base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX_BYTES 63 /* RFC 1035, section 2.3.4 */

void frank_dkim_lookup_init(struct frank_dkim_lookup *lookup, const struct frank_dkim_keys *keys,
                            const struct frank_dkim_dns *dns, uint32_t limit_ms)
{
  *lookup = (struct frank_dkim_lookup){.keys = keys, .dns = *dns, .limit_ms = limit_ms};
}

/* Labels of letters, digits, '-' and '_': what may be asked for, as it stands. */
static bool is_host_name(const char *name)
{
  size_t label_len = 0;
  if (strlen(name) > FRANK_DKIM_NAME_BYTES - 3) { /* 253: 255 on the wire */
    return false;
  }
  for (size_t i = 0;; i++) {
    char c = name[i];
    if (c == '.' || c == '\0') {
      if (label_len == 0 || label_len > LABEL_MAX_BYTES) {
        return false;
      }
      label_len = 0;
      if (c == '\0') {
        return true;
      }
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_') {
      label_len++;
    } else {
      return false;
    }
  }
}

static void ask_dns(struct frank_dkim_lookup *lookup, struct frank_dkim_key *key)
{
  if (lookup->deadline_us == 0) {
    lookup->deadline_us = frank_clock_now_us() + lookup->limit_ms * FRANK_US_PER_MS;
    if (lookup->dns.count == 0 && frank_dkim_dns_system(&lookup->dns) != FRANK_OK) {
      lookup->dns.count = 0;
    }
  }
  if (lookup->dns.count == 0) {
    key->state = FRANK_DKIM_KEY_LATER;
    key->why = "the system has no DNS server";
    return;
  }
  key->state =
      frank_dkim_dns_ask(&lookup->dns, key->name, lookup->deadline_us, key->text, &key->why);
}

static void find(struct frank_dkim_lookup *lookup, struct frank_dkim_key *key)
{
  if (!is_host_name(key->name)) {
    key->state = FRANK_DKIM_KEY_ABSENT;
    key->why = "s= and d= make no host name";
    return;
  }
  if (lookup->keys == NULL) {
    ask_dns(lookup, key);
    return;
  }
  const char *record = frank_dkim_keys_find(lookup->keys, key->name);
  key->state = record != NULL ? FRANK_DKIM_KEY_FOUND : FRANK_DKIM_KEY_ABSENT;
  key->why = record != NULL ? "" : "no key in the key file";
  snprintf(key->text, sizeof key->text, "%s", record != NULL ? record : "");
}

const struct frank_dkim_key *frank_dkim_lookup_key(struct frank_dkim_lookup *lookup,
                                                   const char *selector, const char *domain)
{
  char name[FRANK_DKIM_NAME_BYTES];
  int len = snprintf(name, sizeof name, "%s._domainkey.%s", selector, domain);
  if (len < 0 || (size_t)len >= sizeof name) {
    name[0] = '\0';
  }
  for (size_t i = 0; i < lookup->count; i++) {
    if (strcasecmp(lookup->found[i].name, name) == 0) {
      return &lookup->found[i];
    }
  }
  assert(lookup->count < FRANK_MSMR_SIGNATURES_MAX);
  struct frank_dkim_key *key = &lookup->found[lookup->count++];
  memcpy(key->name, name, sizeof name);
  find(lookup, key);
  return key;
}
