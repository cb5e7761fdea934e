/* A tag-list that is read can be written, and reads the same again. */
#include "fuzz.h"
#include "proof/taglist.h"

#include <string.h>

static int same(struct frank_view a, struct frank_view b)
{
  return a.len_bytes == b.len_bytes && memcmp(a.text, b.text, a.len_bytes) == 0;
}

static void check_tag(const struct frank_taglist *list, size_t i, const char *text, size_t size)
{
  const struct frank_tag *tag = &list->tags[i];
  struct frank_view value = tag->value;
  struct frank_view found;
  char *name = strndup(tag->name.text, tag->name.len_bytes);

  FUZZ_CHECK(name != NULL && strlen(name) == tag->name.len_bytes && tag->name.len_bytes > 0);
  FUZZ_CHECK(tag->name.text >= text && value.text >= tag->name.text + tag->name.len_bytes + 1);
  FUZZ_CHECK(value.text + value.len_bytes <= text + size);
  FUZZ_CHECK(value.len_bytes == 0 ||
             (!frank_is_white(value.text[0]) && !frank_is_white(value.text[value.len_bytes - 1])));
  FUZZ_CHECK(memchr(value.text, ';', value.len_bytes) == NULL);
  found = frank_taglist_get(list, name); /* the same one: names stand once */
  FUZZ_CHECK(found.text == value.text && found.len_bytes == value.len_bytes);
  free(name);
}

static size_t write_list(const struct frank_taglist *list, const char *separator, char *out,
                         size_t size)
{
  size_t len = 0;

  for (size_t i = 0; i < list->count; i++) {
    FUZZ_CHECK(frank_taglist_append(out, size, &len, separator, &list->tags[i]) == FRANK_OK);
  }
  return len;
}

static void check_round_trip(const struct frank_taglist *list, const char *separator, size_t size)
{
  size_t room = size + (size_t)FRANK_TAGS_MAX * 4 + 1; /* every separator and the NUL */
  char *written = malloc(room), *again = malloc(room);
  struct frank_taglist read_again;
  const char *why;
  size_t len;

  FUZZ_CHECK(written && again);
  len = write_list(list, separator, written, room);
  FUZZ_CHECK(len < room && written[len] == '\0');
  FUZZ_CHECK(frank_taglist_parse(written, len, &read_again, &why) == FRANK_OK);
  FUZZ_CHECK(read_again.count == list->count);
  for (size_t i = 0; i < list->count; i++) {
    FUZZ_CHECK(same(list->tags[i].name, read_again.tags[i].name));
    FUZZ_CHECK(same(list->tags[i].value, read_again.tags[i].value));
  }
  FUZZ_CHECK(write_list(&read_again, separator, again, room) == len);
  FUZZ_CHECK(strcmp(written, again) == 0);
  /* one byte less does not hold it, and nothing is written past the end */
  char *tight = malloc(len);
  size_t tight_len = 0;
  FUZZ_CHECK(tight);
  for (size_t i = 0; i < list->count; i++) {
    enum frank_err err = frank_taglist_append(tight, len, &tight_len, separator, &list->tags[i]);
    FUZZ_CHECK(err == (i + 1 < list->count ? FRANK_OK : FRANK_ERR_TOO_LONG));
  }
  free(tight);
  free(written);
  free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data, *why = NULL;
  struct frank_taglist list;
  enum frank_err err = frank_taglist_parse(text, size, &list, &why);

  FUZZ_CHECK(err == FRANK_OK || (err == FRANK_ERR_MALFORMED && why));
  if (err) {
    return 0;
  }
  FUZZ_CHECK(list.count >= 1 && list.count <= FRANK_TAGS_MAX);
  for (size_t i = 0; i < list.count; i++) {
    check_tag(&list, i, text, size);
  }
  check_round_trip(&list, "", size);
  check_round_trip(&list, "\r\n\t", size);
  return 0;
}
