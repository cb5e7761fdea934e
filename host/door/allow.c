#include "door/allow.h"

#include "base/clock.h"
#include "base/log.h"
#include "door/keys.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#define WHY_BYTES FRANK_KEYS_WHY_BYTES

/* What is wrong with a folder that does not change is said again after this. */
#define SAY_AGAIN_US (600 * FRANK_US_PER_S)

struct frank_allow {
  const char *dir;
  struct timespec changed; /* of the folder when it was read */
  size_t count;            /* places in use, dead ones among them */
  bool unfinished;         /* a file could not be used: to be tried again */
  bool loud;               /* during a re-read: say what is wrong */
  struct frank_log_limit repeats;
  struct frank_allow_client clients[FRANK_ALLOW_CLIENTS_MAX];
};

enum frank_err frank_allow_new(const char *dir, struct frank_allow **out, char *why)
{
  struct frank_allow *allow = calloc(1, sizeof *allow);
  if (!allow) {
    (void)snprintf(why, WHY_BYTES, "no memory for the list of clients");
    return FRANK_ERR_NOMEM;
  }
  allow->dir = dir;
  allow->repeats = (struct frank_log_limit){.burst = 1, .interval_us = SAY_AGAIN_US};
  enum frank_err err = frank_allow_reload(allow, why);
  if (err != FRANK_OK) {
    frank_allow_destroy(&allow);
    return err;
  }
  *out = allow;
  return FRANK_OK;
}

void frank_allow_destroy(struct frank_allow **allow)
{
  free(*allow);
  *allow = NULL;
}

/* A name goes into logs, metrics and ZAP: plain characters only. */
static bool name_is_usable(const char *name)
{
  size_t len = strlen(name);
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@+";
  return name[0] != '.' && len < FRANK_CLIENT_NAME_BYTES && strspn(name, plain) == len;
}

static struct frank_allow_client *by_name(struct frank_allow *allow, const char *name)
{
  for (size_t i = 0; i < allow->count; i++) {
    if (strcmp(allow->clients[i].name, name) == 0) {
      return &allow->clients[i];
    }
  }
  return NULL;
}

/* A place for a new name: an unused one, else that of a client that is gone and has nothing out. */
static struct frank_allow_client *new_place(struct frank_allow *allow)
{
  if (allow->count < FRANK_ALLOW_CLIENTS_MAX) {
    return &allow->clients[allow->count++];
  }
  for (size_t i = 0; i < allow->count; i++) {
    struct frank_allow_client *client = &allow->clients[i];
    if (!client->live && !client->seen && client->budget.outstanding == 0) {
      return client;
    }
  }
  return NULL;
}

static const struct frank_allow_client *seen_by_key(const struct frank_allow *allow,
                                                    const uint8_t key[FRANK_KEY_BYTES])
{
  for (size_t i = 0; i < allow->count; i++) {
    const struct frank_allow_client *client = &allow->clients[i];
    if (client->seen && memcmp(client->key, key, sizeof client->key) == 0) {
      return client;
    }
  }
  return NULL;
}

/* A file that is there but of no use: no change to it need show in the folder's time, so it is
 * tried again; until then the client it let in stays, unless the file itself is gone or another
 * has the key now. */
static void keep(struct frank_allow *allow, const char *name, bool is_gone, const char *why)
{
  struct frank_allow_client *client = by_name(allow, name);
  bool live = client && client->live;
  if (allow->loud || (live && !client->kept)) {
    frank_log(FRANK_LOG_WARN, "event=client_key_unusable kept=%s why=\"%s\"",
              live && !is_gone ? "yes" : "no", why);
  }
  allow->unfinished = true;
  if (live && !is_gone && !seen_by_key(allow, client->key)) {
    client->seen = true;
    client->kept = true;
  }
}

/* Takes one file of the folder into the list. */
static void take(struct frank_allow *allow, const char *name)
{
  char text[FRANK_KEY_TEXT_BYTES];
  char why[WHY_BYTES];
  uint8_t key[FRANK_KEY_BYTES];
  enum frank_err err = frank_keys_read_in(allow->dir, name, false, text, why);
  if (err != FRANK_OK || !zmq_z85_decode(key, text)) {
    keep(allow, name, err == FRANK_ERR_NOT_FOUND, why);
    return;
  }
  const struct frank_allow_client *other = seen_by_key(allow, key);
  if (other) {
    if (allow->loud) {
      frank_log(FRANK_LOG_WARN, "event=client_key_twice file=\"%s\" same_as=\"%s\"", name,
                other->name);
    }
    return;
  }
  struct frank_allow_client *client = by_name(allow, name);
  if (!client) {
    client = new_place(allow);
    if (!client) {
      if (allow->loud) {
        frank_log(FRANK_LOG_WARN, "event=too_many_clients file=\"%s\" bound=%d", name,
                  FRANK_ALLOW_CLIENTS_MAX);
      }
      return;
    }
    uint32_t generation = client->generation + 1;
    *client = (struct frank_allow_client){.generation = generation};
    memcpy(client->name, name, strlen(name) + 1);
  } else if (memcmp(client->key, key, sizeof key) != 0) {
    client->generation++; /* connections that used the old key are nobody's */
  }
  memcpy(client->key, key, sizeof key);
  client->seen = true;
  client->kept = false;
}

static int is_listed(const struct dirent *entry)
{
  size_t len = strlen(entry->d_name);
  return entry->d_name[0] != '.' && entry->d_name[len - 1] != '~';
}

static bool is_other_time(const struct frank_allow *allow, const struct stat *info)
{
  return info->st_mtim.tv_sec != allow->changed.tv_sec ||
         info->st_mtim.tv_nsec != allow->changed.tv_nsec;
}

enum frank_err frank_allow_reload(struct frank_allow *allow, char *why)
{
  struct stat info;
  struct dirent **names = NULL;
  if (stat(allow->dir, &info) != 0) {
    int number = errno;
    (void)snprintf(why, WHY_BYTES, "%.150s: cannot read the folder of clients' keys: %s",
                   allow->dir, strerror(number));
    return number == ENOENT || number == ENOTDIR ? FRANK_ERR_NOT_FOUND : FRANK_ERR_IO;
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    (void)snprintf(why, WHY_BYTES, "%.150s: everybody can write to the folder of clients' keys",
                   allow->dir);
    return FRANK_ERR_DENIED;
  }
  int count = scandir(allow->dir, &names, is_listed, alphasort);
  if (count < 0) {
    int number = errno;
    (void)snprintf(why, WHY_BYTES, "%.150s: cannot read the folder of clients' keys: %s",
                   allow->dir, strerror(number));
    return number == EACCES ? FRANK_ERR_DENIED : FRANK_ERR_IO;
  }
  for (size_t i = 0; i < allow->count; i++) {
    allow->clients[i].seen = false;
  }
  allow->unfinished = false;
  allow->loud =
      is_other_time(allow, &info) || frank_log_allow(&allow->repeats, frank_clock_now_us());
  for (int i = 0; i < count; i++) {
    if (name_is_usable(names[i]->d_name)) {
      take(allow, names[i]->d_name);
    } else if (allow->loud) {
      frank_log(FRANK_LOG_WARN, "event=client_name_unusable file=\"%.80s\"", names[i]->d_name);
    }
    free(names[i]);
  }
  free(names);
  for (size_t i = 0; i < allow->count; i++) {
    allow->clients[i].live = allow->clients[i].seen;
  }
  allow->changed = info.st_mtim;
  return FRANK_OK;
}

bool frank_allow_is_stale(const struct frank_allow *allow)
{
  struct stat info;
  return allow->unfinished || (stat(allow->dir, &info) == 0 && is_other_time(allow, &info));
}

size_t frank_allow_count(const struct frank_allow *allow)
{
  size_t live = 0;
  for (size_t i = 0; i < allow->count; i++) {
    live += allow->clients[i].live;
  }
  return live;
}

const struct frank_allow_client *frank_allow_by_key(const struct frank_allow *allow,
                                                    const uint8_t key[32],
                                                    char user_id[FRANK_ALLOW_USER_ID_BYTES])
{
  for (size_t i = 0; i < allow->count; i++) {
    const struct frank_allow_client *client = &allow->clients[i];
    if (client->live && memcmp(client->key, key, sizeof client->key) == 0) {
      (void)snprintf(user_id, FRANK_ALLOW_USER_ID_BYTES, "%zu.%u", i, (unsigned)client->generation);
      return client;
    }
  }
  return NULL;
}

struct frank_allow_client *frank_allow_by_user_id(struct frank_allow *allow, const char *user_id)
{
  /* Written by frank_allow_by_key of this process, so strtoul's leniency does not matter. */
  char *dot = NULL;
  unsigned long place = strtoul(user_id, &dot, 10);
  if (dot == user_id || *dot != '.' || place >= allow->count) {
    return NULL;
  }
  unsigned long generation = strtoul(dot + 1, NULL, 10);
  struct frank_allow_client *client = &allow->clients[place];
  return client->live && client->generation == generation ? client : NULL;
}
