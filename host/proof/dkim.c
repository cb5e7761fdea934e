/* What is read of a DKIM-Signature. See dkim.h. */
#include "proof/dkim.h"

#include "proof/taglist.h"

#include <string.h>

#define VALUE_MAX_BYTES 65536

/* Decimal digits; a number past 64 bits is UINT64_MAX (l= may have 76 digits; for x= section 3.5
 * allows to take a long one for infinite). False for anything else, an absent tag included. */
static bool read_number(struct frank_view view, uint64_t *number)
{
  uint64_t value = 0;

  for (size_t i = 0; i < view.len_bytes; i++) {
    unsigned digit = (unsigned)(view.text[i] - '0');

    if (view.text[i] < '0' || view.text[i] > '9') {
      return false;
    }
    if (value > (UINT64_MAX - digit) / 10) {
      value = UINT64_MAX;
    } else {
      value = value * 10 + digit;
    }
  }
  *number = view.len_bytes > 0 ? value : 0;
  return view.len_bytes > 0;
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
  /* What they say is for who verifies the signature; a stamp is bound to a= and b= alone. */
  out->has_l = frank_taglist_get(&list, "l").text != NULL;
  out->is_l_number = read_number(frank_taglist_get(&list, "l"), &out->l_bytes);
  out->has_t = read_number(frank_taglist_get(&list, "t"), &out->t_s);
  out->has_x = read_number(frank_taglist_get(&list, "x"), &out->x_s);
  return FRANK_OK;
}
