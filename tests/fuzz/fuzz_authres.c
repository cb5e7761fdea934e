/*
 * A value of Authentication-Results: results come in their order and lie in it; one that names
 * x-msmr under our name is always taken for forged, with more in front of it too; and what is
 * believed of DKIM is in a field that claims to be ours.
 */
#include "fuzz.h"
#include "mail/authres.h"

#include <string.h>
#include <strings.h>

#define ID "mx.example"
#define B  "PCy4cbsWMeTWfcHO"

static void check_view(struct frank_view value, struct frank_view part)
{
  FUZZ_CHECK(!part.text || (part.text >= value.text &&
                            part.text + part.len_bytes <= value.text + value.len_bytes));
}

static bool is_msmr(struct frank_view method)
{
  return method.len_bytes == strlen(FRANK_AUTHRES_METHOD) &&
         strncasecmp(method.text, FRANK_AUTHRES_METHOD, method.len_bytes) == 0;
}

/* True where it has a result of ours. */
static bool check_results(struct frank_view value)
{
  struct frank_authres_result result;
  size_t cursor = 0, last = 0;
  bool has_msmr = false;

  while (frank_authres_next(value, &cursor, &result)) {
    FUZZ_CHECK(cursor > last && cursor <= value.len_bytes);
    FUZZ_CHECK(result.method.len_bytes > 0 && result.result.len_bytes > 0);
    check_view(value, result.method);
    check_view(value, result.version);
    check_view(value, result.result);
    check_view(value, result.header_b);
    check_view(value, result.header_d);
    check_view(value, result.header_s);
    check_view(value, result.header_a);
    has_msmr = has_msmr || is_msmr(result.method);
    last = cursor;
  }
  FUZZ_CHECK(cursor == value.len_bytes || value.len_bytes == 0);
  return has_msmr;
}

/* The value as a field of a message, as one that reads it gets it: whole, or not as one field. */
static void check_dkim(struct frank_view value)
{
  static const char name[] = FRANK_AUTHRES_FIELD ":";
  struct frank_message message;
  struct frank_field field;
  enum frank_dkim_said said;
  const char *why;
  size_t len = sizeof name - 1 + value.len_bytes, cursor = 0;
  char *text = malloc(len);
  bool has_ours = false;

  FUZZ_CHECK(text != NULL);
  memcpy(text, name, sizeof name - 1);
  memcpy(text + sizeof name - 1, value.text, value.len_bytes);
  if (frank_message_open(text, len, &message, &why) == FRANK_OK) {
    said = frank_authres_dkim(&message, ID, B, strlen(B));
    FUZZ_CHECK(said < FRANK_DKIM_SAID_COUNT);
    while (frank_message_next_named(&message, FRANK_AUTHRES_FIELD, &cursor, &field)) {
      has_ours = has_ours || frank_authres_is_of(field.value, ID);
    }
    FUZZ_CHECK(said == FRANK_DKIM_SAID_NOTHING || has_ours);
  }
  free(text);
}

static void check_behind_our_name(struct frank_view value)
{
  static const char name[] = ID "; x-msmr=pass;";
  size_t len = sizeof name - 1 + value.len_bytes;
  char *text = malloc(len);

  FUZZ_CHECK(text != NULL);
  memcpy(text, name, sizeof name - 1);
  memcpy(text + sizeof name - 1, value.text, value.len_bytes);
  FUZZ_CHECK(frank_authres_is_forged((struct frank_view){text, len}, ID));
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_view value = {(const char *)data, size};
  bool has_msmr = check_results(value), is_of = frank_authres_is_of(value, ID);

  FUZZ_CHECK(frank_authres_is_forged(value, ID) || !(has_msmr && is_of));
  /* encoded words can spell our name */
  FUZZ_CHECK(is_of || memmem(data, size, "=?", 2) != NULL || !frank_authres_is_forged(value, ID));
  check_behind_our_name(value);
  check_dkim(value);
  return 0;
}
