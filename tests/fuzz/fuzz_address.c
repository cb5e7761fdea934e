/*
 * Addresses. The first byte picks who reads: a field's value, or an envelope (and a pattern). What
 * is read is canonical: it reads the same again as a field and as an envelope, has one '@' that
 * counts, no control character and no upper-case letter.
 */
#include "fuzz.h"
#include "mail/address.h"

#include <string.h>

static void check_address(const struct frank_address_text *address)
{
  struct frank_address_text again;
  struct frank_view domain = frank_address_domain(address);
  size_t len = strlen(address->text), cursor = 0, passed_over = 0;
  char pattern[FRANK_ADDRESS_BYTES + 1];

  FUZZ_CHECK(len < FRANK_ADDRESS_BYTES && len >= 3);
  FUZZ_CHECK(domain.len_bytes > 0 && domain.text[-1] == '@');
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)address->text[i];

    FUZZ_CHECK((c >= ' ' || c == '\t') && c != 0x7f && !(c >= 'A' && c <= 'Z'));
  }
  FUZZ_CHECK(
      frank_address_next((struct frank_view){address->text, len}, &cursor, &again, &passed_over));
  FUZZ_CHECK(strcmp(again.text, address->text) == 0 && cursor == len && passed_over == 0);
  if (!strchr(address->text, '\t')) {
    FUZZ_CHECK(frank_address_of_envelope(address->text, len, &again) == FRANK_OK);
    FUZZ_CHECK(strcmp(again.text, address->text) == 0);
  }
  FUZZ_CHECK(frank_address_matches(address, address->text));
  FUZZ_CHECK(frank_address_matches(address, domain.text));
  snprintf(pattern, sizeof pattern, "@%s", domain.text);
  FUZZ_CHECK(frank_address_matches(address, pattern));
}

static void check_field(const char *text, size_t len)
{
  struct frank_address_text address;
  size_t cursor = 0, last = 0, count = 0, passed_over = 0;

  while (frank_address_next((struct frank_view){text, len}, &cursor, &address, &passed_over)) {
    FUZZ_CHECK(cursor > last && cursor <= len);
    last = cursor;
    count++;
    check_address(&address);
  }
  FUZZ_CHECK(cursor == len);
  FUZZ_CHECK(count + passed_over <= len);
}

static void check_envelope(const char *text, size_t len)
{
  struct frank_address_text address;
  const char *end = memchr(text, '\n', len);
  size_t path_len = end ? (size_t)(end - text) : len;
  char *pattern = strndup(text + path_len, len - path_len);

  FUZZ_CHECK(pattern != NULL);
  if (frank_address_of_envelope(text, path_len, &address) == FRANK_OK) {
    FUZZ_CHECK(path_len >= 3);
    check_address(&address);
    (void)frank_address_matches(&address, pattern);
    if (pattern[0] != '\0') {
      (void)frank_address_matches(&address, pattern + 1);
    }
  }
  free(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) {
    return 0;
  }
  if (data[0] == 'E') {
    check_envelope((const char *)data + 1, size - 1);
  } else {
    check_field((const char *)data + 1, size - 1);
  }
  return 0;
}
