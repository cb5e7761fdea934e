/* Canonical base64. See base64.h. */
#include "proof/base64.h"

#include <stdbool.h>

/* The six bits of a character, -1 for one outside the alphabet. Ranges, not a table: a check of at
 * most 2048 characters needs no speed, and ASCII is given (RFC 5322). */
static int sextet(char c)
{
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  if (c == '+') {
    return 62;
  }
  return c == '/' ? 63 : -1;
}

enum frank_err frank_base64_decode(const char *text, size_t text_len, uint8_t *out, size_t *out_len,
                                   const char **why)
{
  size_t padding = 0, decoded = 0;
  uint32_t bits = 0;
  unsigned bit_count = 0;

  if (text_len % 4 != 0) {
    *why = "base64: its length is not a multiple of 4 (padding left out?)";
    return FRANK_ERR_MALFORMED;
  }
  while (padding < 2 && padding < text_len && text[text_len - 1 - padding] == '=') {
    padding++;
  }
  for (size_t i = 0; i < text_len - padding; i++) {
    int value = sextet(text[i]);

    if (value < 0) {
      *why = "base64: a character that does not belong there";
      return FRANK_ERR_MALFORMED;
    }
    bits = (bits << 6 | (uint32_t)value) & 0xfff;
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      if (out) {
        out[decoded] = (uint8_t)(bits >> bit_count);
      }
      decoded++;
    }
  }
  if ((bits & ((1U << bit_count) - 1)) != 0) {
    *why = "base64: the last character has bits that no byte holds (not canonical)";
    return FRANK_ERR_MALFORMED;
  }
  if (out_len) {
    *out_len = decoded;
  }
  return FRANK_OK;
}
