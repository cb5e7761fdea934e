/* What is read of a DKIM-Signature. See dkim.h. */
#include "proof/dkim.h"

#include "proof/taglist.h"

#include <string.h>

#define VALUE_MAX_BYTES 65536

/* Decimal digits; a number past 64 bits is UINT64_MAX (l= may have 76 digits; for x= section 3.5
 * allows to take a long one for infinite). */
static enum frank_err read_number(struct frank_view view, uint64_t *number)
{
  uint64_t value = 0;

  if (view.len_bytes == 0) {
    return FRANK_ERR_MALFORMED;
  }
  for (size_t i = 0; i < view.len_bytes; i++) {
    unsigned digit = (unsigned)(view.text[i] - '0');

    if (view.text[i] < '0' || view.text[i] > '9') {
      return FRANK_ERR_MALFORMED;
    }
    if (value > (UINT64_MAX - digit) / 10) {
      value = UINT64_MAX;
    } else {
      value = value * 10 + digit;
    }
  }
  *number = value;
  return FRANK_OK;
}

static enum frank_err read_numbers(const struct frank_taglist *list, struct frank_dkim *out,
                                   const char **why)
{
  const struct {
    const char *name;
    bool *has;
    uint64_t *number;
    const char *why;
  } numbers[] = {
      {"l", &out->has_l, &out->l_bytes, "DKIM-Signature: l= is not a number"},
      {"t", &out->has_t, &out->t_s, "DKIM-Signature: t= is not a number"},
      {"x", &out->has_x, &out->x_s, "DKIM-Signature: x= is not a number"},
  };

  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct frank_view value = frank_taglist_get(list, numbers[i].name);

    if (!value.text) {
      continue;
    }
    if (read_number(value, numbers[i].number) != FRANK_OK) {
      *why = numbers[i].why;
      return FRANK_ERR_MALFORMED;
    }
    *numbers[i].has = true;
  }
  return FRANK_OK;
}

enum frank_err frank_dkim_parse(const char *value, size_t len_bytes, struct frank_dkim *out,
                                const char **why)
{
  struct frank_taglist list;
  struct frank_view v, a, b;
  enum frank_err err;

  memset(out, 0, sizeof *out);
  if (len_bytes > VALUE_MAX_BYTES) {
    *why = "DKIM-Signature: longer than 64 KiB";
    return FRANK_ERR_TOO_LONG;
  }
  err = frank_taglist_parse(value, len_bytes, &list, why);
  if (err) {
    return err;
  }
  v = frank_taglist_get(&list, "v");
  a = frank_taglist_get(&list, "a");
  b = frank_taglist_get(&list, "b");
  if (!v.text || !a.text || !b.text) {
    *why = !v.text   ? "DKIM-Signature: no v="
           : !a.text ? "DKIM-Signature: no a="
                     : "DKIM-Signature: no b=";
    return FRANK_ERR_MALFORMED;
  }
  if (!frank_view_is(v, "1")) {
    *why = "DKIM-Signature: v= is not 1";
    return FRANK_ERR_UNSUPPORTED;
  }
  err = frank_alg_parse(a.text, a.len_bytes, &out->alg);
  if (err) {
    *why = "DKIM-Signature: a= is neither rsa-sha256 nor ed25519-sha256";
    return err;
  }
  err = frank_b_normalize(b.text, b.len_bytes, out->b, &out->b_len, why);
  if (err) {
    return err;
  }
  out->d = frank_taglist_get(&list, "d");
  out->s = frank_taglist_get(&list, "s");
  out->h = frank_taglist_get(&list, "h");
  return read_numbers(&list, out, why);
}
