#include "factor/source_list.h"

#include "factor/txt.h"
#include "proof/target.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- texts ---- */

const char *frank_source_check_key(const char *text)
{
  struct frank_jws_key key;
  bool fits = text[0] == '\0' || frank_jws_key_parse(text, strlen(text), &key) == FRANK_OK;
  return fits ? NULL : "an Ed25519 public key: 32 bytes in base64";
}

const char *frank_source_check_url(const char *text)
{
  char url[FRANK_TXT_URL_BYTES];
  bool fits = text[0] == '\0' || frank_txt_url(text, strlen(text), true, url) == FRANK_OK;
  return fits ? NULL : "https://HOST[:PORT][/PATH], below 128 bytes, without user, query, fragment";
}

const char *frank_source_check_server(const char *text)
{
  return frank_resolver_server_is_sound(text) ? NULL
                                              : "a numeric ADDRESS or ADDRESS@PORT of a DNS server";
}

static enum frank_board_kind kind_of(const char *text)
{
  static const struct {
    const char *prefix;
    enum frank_board_kind kind;
  } kinds[] = {
      {"dns:", FRANK_BOARD_DNS}, {"file:", FRANK_BOARD_FILE}, {"fixed:", FRANK_BOARD_FIXED}};
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
      return kinds[i].kind;
    }
  }
  return FRANK_BOARD_URL;
}

bool frank_source_is_followed(const struct frank_source *source)
{
  return source->kind == FRANK_BOARD_URL || source->kind == FRANK_BOARD_DNS;
}

const char *frank_source_check(const char *text)
{
  static const char expected[] =
      "https://BASE [KEY], dns:DOMAIN [KEY], file:/PATH or fixed:N (a factor)";
  char name[FRANK_CONFIG_ITEM_BYTES];
  enum frank_board_kind kind = kind_of(text);
  const char *value = kind == FRANK_BOARD_URL ? text : strchr(text, ':') + 1;
  uint64_t factor = 0;
  if (kind == FRANK_BOARD_FIXED) {
    return frank_factor_parse(value, strlen(value), &factor) == FRANK_OK ? NULL : expected;
  }
  if (kind == FRANK_BOARD_FILE) {
    return value[0] == '/' && value[1] != '\0' ? NULL : expected;
  }
  size_t len = strcspn(value, " ");
  const char *key = value + len + strspn(value + len, " ");
  if (len >= sizeof name || (value[len] != '\0' && key[0] == '\0') ||
      frank_source_check_key(key) != NULL) {
    return expected;
  }
  memcpy(name, value, len);
  name[len] = '\0';
  char domain[FRANK_TXT_DOMAIN_BYTES];
  bool fits = kind == FRANK_BOARD_DNS ? frank_txt_domain(name, len, domain) == FRANK_OK
                                      : name[0] != '\0' && frank_source_check_url(name) == NULL;
  return fits ? NULL : expected;
}

/* ---- all together ---- */

static void add(struct frank_source_list *list, enum frank_board_kind kind, const char *text,
                uint64_t factor)
{
  if (list->count == FRANK_BOARD_SOURCES_MAX) {
    return; /* 1 + FRANK_SOURCES_MAX + 1 and the floor fit */
  }
  struct frank_source *source = &list->list[list->count++];
  source->kind = kind;
  source->factor = factor;
  (void)snprintf(source->text, sizeof source->text, "%s", text);
  source->path = kind == FRANK_BOARD_FILE ? source->text + strlen("file:") : NULL;
}

/* A file's name may be longer than an item of a list. */
_Static_assert(FRANK_BOARD_NAME_BYTES >= FRANK_CONFIG_ITEM_BYTES, "a source's text fits");
_Static_assert(FRANK_SOURCES_MAX + 3 <= FRANK_BOARD_SOURCES_MAX, "all sources fit the board");

void frank_source_list_make(const struct frank_source_settings *settings,
                            struct frank_source_list *out)
{
  char text[FRANK_BOARD_NAME_BYTES];
  memset(out, 0, sizeof *out);
  if (settings->factor > 0) {
    add(out, FRANK_BOARD_FIXED, "fixed", settings->factor);
  }
  if (settings->factor == 0 && settings->url[0] != '\0') {
    const char *key = settings->key;
    (void)snprintf(text, sizeof text, "%s%s%s", settings->url, key[0] != '\0' ? " " : "", key);
    add(out, FRANK_BOARD_URL, text, 0);
  }
  for (uint32_t i = 0; settings->factor == 0 && i < settings->more->count; i++) {
    const char *item = settings->more->items[i];
    enum frank_board_kind kind = kind_of(item);
    uint64_t factor = 0;
    if (kind == FRANK_BOARD_FIXED &&
        frank_factor_parse(strchr(item, ':') + 1, strlen(strchr(item, ':') + 1), &factor) !=
            FRANK_OK) {
      continue; /* checked before */
    }
    add(out, kind, item, factor);
  }
  if (settings->factor == 0 && settings->file[0] != '\0') {
    (void)snprintf(text, sizeof text, "file:%.180s", settings->file);
    add(out, FRANK_BOARD_FILE, text, 0);
    out->list[out->count - 1].path = settings->file;
  }
  add(out, FRANK_BOARD_FLOOR, "floor", settings->floor);
}

enum frank_err frank_source_list_check(const struct frank_source_settings *settings, char *why)
{
  static struct frank_source_list sources; /* too large for the stack of a small process */
  size_t followed = 0;
  if (settings->key[0] != '\0' && settings->url[0] == '\0') {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES,
                   "factor_key: there is no factor_url that it could sign");
    return FRANK_ERR_MALFORMED;
  }
  frank_source_list_make(settings, &sources);
  for (size_t i = 0; i < sources.count; i++) {
    const struct frank_source *source = &sources.list[i];
    char url[FRANK_TXT_URL_BYTES];
    followed += frank_source_is_followed(source) ? 1 : 0;
    if (source->kind == FRANK_BOARD_URL &&
        frank_txt_url(source->text, strcspn(source->text, " "), settings->allow_http, url) ==
            FRANK_ERR_DENIED) {
      (void)snprintf(why, FRANK_CONFIG_WHY_BYTES,
                     "%s: http:// is taken for this host alone (factor_http allows it)",
                     source->text);
      return FRANK_ERR_DENIED;
    }
    if (source->factor > settings->max_factor) {
      (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "%s: %" PRIu64 " is above max_factor, %" PRIu64,
                     source->text, source->factor, settings->max_factor);
      return FRANK_ERR_RANGE;
    }
  }
  if (followed > FRANK_RESOLVER_SOURCES_MAX) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES,
                   "factor_sources: %zu sources are to be followed, above %d", followed,
                   FRANK_RESOLVER_SOURCES_MAX);
    return FRANK_ERR_FULL;
  }
  return FRANK_OK;
}

void frank_source_list_board(const struct frank_source_list *list, uint64_t max_factor,
                             const struct frank_board *old, struct frank_board *board)
{
  frank_board_init(board, max_factor);
  for (size_t i = 0; i < list->count; i++) {
    const struct frank_source *source = &list->list[i];
    enum frank_err err = frank_board_add(board, source->kind, source->text, source->factor);
    assert(err == FRANK_OK); /* the list is no longer than the board */
    for (size_t k = 0; old != NULL && k < old->count; k++) {
      if (old->list[k].kind == source->kind && strcmp(old->list[k].name, source->text) == 0 &&
          source->factor == 0) {
        board->list[i] = old->list[k];
      }
    }
  }
}
