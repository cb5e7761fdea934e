/*
 * Messages as a ROUTER gives them: frames of any number and size. The input is a row of frames,
 * each a length (two bytes, the upper first) and so many bytes, or what is left. A message has an
 * envelope, and then the id is a valid one, or it is nobody's; a taken envelope's body goes on to
 * the parser of its verb.
 */
#include "door/wire.h"
#include "fuzz.h"

#include <string.h>

/* The bytes that the protocol lets through, by its own words. */
static int id_is_right(const char *id, size_t len)
{
  for (size_t i = 0; i < len; i++) {
    if (id[i] < 0x21 || id[i] > 0x7e) {
      return 0;
    }
  }
  return len >= 1 && len <= 64;
}

static int text_is(const struct frank_wire_frame *frame, const char *text)
{
  return frame->len_bytes == strlen(text) && memcmp(frame->bytes, text, frame->len_bytes) == 0;
}

static void parse_body(const struct frank_wire_envelope *envelope)
{
  struct frank_request request;
  struct frank_wire_fault fault;
  char b[FRANK_B_MAX_BYTES + 1];
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
  char *domains = NULL;
  struct frank_wire_question question;
  const struct frank_wire_frame *body = &envelope->body;
  enum frank_err err = FRANK_OK;
  switch (envelope->verb) {
  case FRANK_WIRE_MINT:
    err = frank_wire_mint_parse(body->bytes, body->len_bytes, &request, b, &domains, &fault);
    free(domains);
    break;
  case FRANK_WIRE_CANCEL:
    err = frank_wire_cancel_parse(body->bytes, body->len_bytes, id, &fault);
    break;
  case FRANK_WIRE_FACTOR:
    err = frank_wire_factor_parse(body->bytes, body->len_bytes, &question, &fault);
    free(question.domains);
    break;
  default:
    err = frank_wire_plain_parse(body->bytes, body->len_bytes, &fault);
    break;
  }
  FUZZ_CHECK(err == FRANK_OK || err == FRANK_ERR_MALFORMED);
}

static void check(const struct frank_wire_frame *frames, size_t count)
{
  struct frank_wire_envelope envelope;
  struct frank_wire_fault fault = {.code = NULL};
  enum frank_err err = frank_wire_envelope_parse(frames, count, &envelope, &fault);
  size_t first = count > 0 && frames[0].len_bytes == 0;
  int right = count - first == 4 && text_is(&frames[first], "frank/1") &&
              id_is_right(frames[first + 2].bytes, frames[first + 2].len_bytes);
  FUZZ_CHECK((err == FRANK_ERR_MALFORMED) == !right);
  if (!right) {
    return;
  }
  FUZZ_CHECK(envelope.delimited == (first == 1));
  FUZZ_CHECK(envelope.id_len == frames[first + 2].len_bytes);
  FUZZ_CHECK(memcmp(envelope.id, frames[first + 2].bytes, envelope.id_len) == 0);
  FUZZ_CHECK(envelope.id[envelope.id_len] == '\0');
  if (err == FRANK_OK) {
    FUZZ_CHECK(text_is(&frames[first + 1], frank_wire_verb_name(envelope.verb)));
    FUZZ_CHECK(envelope.body.len_bytes <= FRANK_WIRE_BODY_MAX_BYTES);
    parse_body(&envelope);
  } else {
    FUZZ_CHECK(err == FRANK_ERR_UNSUPPORTED || err == FRANK_ERR_TOO_LONG);
    FUZZ_CHECK(strcmp(fault.code, "bad-request") == 0);
    for (const char *at = fault.message; *at; at++) {
      FUZZ_CHECK(*at >= 0x20 && *at <= 0x7e);
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct frank_wire_frame frames[FRANK_WIRE_FRAMES_MAX] = {{0}};
  void *copies[FRANK_WIRE_FRAMES_MAX];
  size_t kept = 0;
  size_t count = 0;
  while (size >= 2) {
    size_t len = (size_t)data[0] << 8 | data[1];
    data += 2;
    size -= 2;
    len = len < size ? len : size;
    if (kept < FRANK_WIRE_FRAMES_MAX) {
      /* A copy of its own, so that a read past its end is seen. */
      copies[kept] = malloc(len > 0 ? len : 1);
      FUZZ_CHECK(copies[kept] != NULL);
      memcpy(copies[kept], data, len);
      frames[kept] = (struct frank_wire_frame){copies[kept], len};
      kept++;
      count++;
    } else {
      count = FRANK_WIRE_FRAMES_MAX + 1; /* as the door tells of more */
    }
    data += len;
    size -= len;
  }
  check(frames, count);
  for (size_t i = 0; i < kept; i++) {
    free(copies[i]);
  }
  return 0;
}
