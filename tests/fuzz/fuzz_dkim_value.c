/*
 * A DKIM-Signature value that is usable: its b= is one to one with the bytes that it stands for,
 * does not depend on white space, and the same signature written anew reads the same.
 */
#include "fuzz.h"
#include "proof/frank.h"

#include <string.h>

/* The plainest encoder, to show that decoding and encoding gives the same text. */
static void encode(const uint8_t *bytes, size_t len, char *text)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  for (size_t i = 0; i < len; i += 3) {
    uint32_t bits = (uint32_t)bytes[i] << 16;

    bits |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
    bits |= i + 2 < len ? bytes[i + 2] : 0;
    *text++ = alphabet[bits >> 18];
    *text++ = alphabet[bits >> 12 & 63];
    *text++ = '=';
    *text++ = '=';
    if (i + 1 < len) {
      text[-2] = alphabet[bits >> 6 & 63];
    }
    if (i + 2 < len) {
      text[-1] = alphabet[bits & 63];
    }
  }
  *text = '\0';
}

static void check_b(const struct frank_dkim *dkim)
{
  uint8_t bytes[FRANK_BASE64_DECODED_MAX(FRANK_B_MAX_BYTES)];
  char text[FRANK_B_MAX_BYTES + 1], folded[2 * FRANK_B_MAX_BYTES];
  char again[FRANK_B_MAX_BYTES + 1];
  size_t len = 0, again_len, folded_len = 0;
  const char *why;

  FUZZ_CHECK(dkim->b_len >= FRANK_B_MIN_BYTES && dkim->b_len <= FRANK_B_MAX_BYTES);
  FUZZ_CHECK(strlen(dkim->b) == dkim->b_len);
  FUZZ_CHECK(frank_base64_decode(dkim->b, dkim->b_len, bytes, &len, &why) == FRANK_OK);
  FUZZ_CHECK(len <= FRANK_BASE64_DECODED_MAX(dkim->b_len));
  encode(bytes, len, text);
  FUZZ_CHECK(strcmp(text, dkim->b) == 0);
  for (size_t i = 0; i < dkim->b_len; i++) { /* white space after every character */
    folded[folded_len++] = dkim->b[i];
    folded[folded_len++] = " \t\r\n"[i % 4];
  }
  FUZZ_CHECK(frank_b_normalize(folded, folded_len, again, &again_len, &why) == FRANK_OK);
  FUZZ_CHECK(again_len == dkim->b_len && strcmp(again, dkim->b) == 0);
}

static int same_view(struct frank_view a, struct frank_view b)
{
  return (a.text == NULL) == (b.text == NULL) && a.len_bytes == b.len_bytes &&
         (!a.text || memcmp(a.text, b.text, a.len_bytes) == 0);
}

static void check_same(const struct frank_dkim *a, const struct frank_dkim *b)
{
  FUZZ_CHECK(a->alg == b->alg && a->b_len == b->b_len && strcmp(a->b, b->b) == 0);
  FUZZ_CHECK(same_view(a->d, b->d) && same_view(a->s, b->s) && same_view(a->h, b->h));
  FUZZ_CHECK(a->has_l == b->has_l && a->has_t == b->has_t && a->has_x == b->has_x);
  FUZZ_CHECK(a->l_bytes == b->l_bytes && a->t_s == b->t_s && a->x_s == b->x_s);
}

/* The tags in the opposite order, folded before each: another text, the same signature. */
static void check_rewritten(const char *value, size_t size, const struct frank_dkim *dkim)
{
  size_t room = size + (size_t)FRANK_TAGS_MAX * 4 + 1, len = 0;
  char *text = malloc(room);
  struct frank_taglist list;
  struct frank_dkim again;
  const char *why;

  FUZZ_CHECK(text && frank_taglist_parse(value, size, &list, &why) == FRANK_OK);
  for (size_t i = list.count; i-- > 0;) {
    FUZZ_CHECK(frank_taglist_append(text, room, &len, "\r\n\t", &list.tags[i]) == FRANK_OK);
  }
  if (len <= 65536) {
    FUZZ_CHECK(frank_dkim_parse(text, len, &again, &why) == FRANK_OK);
    check_same(dkim, &again);
  }
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *value = (const char *)data, *why = NULL;
  struct frank_dkim dkim;
  enum frank_err err = frank_dkim_parse(value, size, &dkim, &why);

  FUZZ_CHECK(err == FRANK_OK || ((err == FRANK_ERR_MALFORMED || err == FRANK_ERR_UNSUPPORTED ||
                                  err == FRANK_ERR_TOO_LONG) &&
                                 why));
  if (err == FRANK_OK) {
    check_b(&dkim);
    check_rewritten(value, size, &dkim);
  }
  return 0;
}
