#include "factor/resolver/answer.h"

#include "factor/why.h"

#include <stdio.h>
#include <string.h>

/* RFC 1035, sections 3.2 and 4.1. */
#define HEADER_BYTES   12
#define QUESTION_BYTES 4 /* after its name */
#define RECORD_BYTES   10
#define TYPE_SOA       6
#define TYPE_TXT       16
#define CLASS_IN       1
#define RCODE_NXDOMAIN 3
#define SOA_TAIL_BYTES 20 /* five numbers after its two names */
#define NO_TTL         UINT32_MAX

struct reader {
  const uint8_t *bytes;
  size_t len_bytes;
  size_t at;
  bool is_bad; /* it ended too early */
};

static uint32_t number(struct reader *reader, size_t width)
{
  uint32_t value = 0;
  if (reader->is_bad || reader->len_bytes - reader->at < width) {
    reader->is_bad = true;
    return 0;
  }
  for (size_t i = 0; i < width; i++) {
    value = value << 8 | reader->bytes[reader->at++];
  }
  return value;
}

static void skip(struct reader *reader, size_t count)
{
  if (reader->is_bad || reader->len_bytes - reader->at < count) {
    reader->is_bad = true;
    return;
  }
  reader->at += count;
}

/* A name ends at an empty label or at a pointer (RFC 1035, section 4.1.4), which is not followed:
 * whose record it is was libunbound's to check. */
static void skip_name(struct reader *reader)
{
  for (;;) {
    uint32_t length = number(reader, 1);
    if (reader->is_bad || length == 0) {
      return;
    }
    if (length >= 0xc0) {
      skip(reader, 1);
      return;
    }
    if (length >= 0x40) {
      reader->is_bad = true; /* label types that nobody uses: RFC 6891, section 5 */
      return;
    }
    skip(reader, length);
  }
}

struct record {
  uint32_t type;
  uint32_t ttl_s;
  const uint8_t *data;
  size_t data_len;
};

static bool next_record(struct reader *reader, struct record *record)
{
  skip_name(reader);
  record->type = number(reader, 2);
  uint32_t class = number(reader, 2);
  record->ttl_s = number(reader, 4);
  record->data_len = number(reader, 2);
  record->data = reader->is_bad ? NULL : reader->bytes + reader->at;
  skip(reader, record->data_len);
  if (class != CLASS_IN) {
    record->type = 0;
  }
  if (record->ttl_s > INT32_MAX) {
    record->ttl_s = 0; /* RFC 2181, section 8 */
  }
  return !reader->is_bad;
}

void frank_answer_fail(struct frank_answer *out, const char *why)
{
  *out = (struct frank_answer){.state = FRANK_RESOLVER_FAILED, .ttl_s = FRANK_ANSWER_TTL_MIN_S};
  (void)snprintf(out->why, sizeof out->why, "%s", why);
}

/* The strings of a TXT record joined (RFC 7208, section 3.3), cut one byte past what may be one of
 * ours. False where they do not add up. */
static bool join(const struct record *record, char out[FRANK_TXT_MAX_BYTES + 1], size_t *len_bytes)
{
  size_t at = 0;
  *len_bytes = 0;
  while (at < record->data_len) {
    size_t length = record->data[at++];
    if (length > record->data_len - at) {
      return false;
    }
    size_t room = FRANK_TXT_MAX_BYTES + 1 - *len_bytes;
    size_t taken = length < room ? length : room;
    memcpy(out + *len_bytes, record->data + at, taken);
    *len_bytes += taken;
    at += length;
  }
  return true;
}

/* Counts one of ours; the first is parsed. */
static void take_text(const struct record *record, struct frank_answer *out, unsigned *ours)
{
  char text[FRANK_TXT_MAX_BYTES + 1];
  size_t len_bytes = 0;
  if (!join(record, text, &len_bytes) || !frank_txt_is_ours(text, len_bytes)) {
    return;
  }
  if ((*ours)++ > 0) {
    out->state = FRANK_RESOLVER_FAILED;
    (void)snprintf(out->why, sizeof out->why, "more than one record begins with v=MSMR1");
    return;
  }
  enum frank_err err = frank_txt_parse(text, len_bytes, &out->txt, out->why);
  out->state = err == FRANK_OK ? FRANK_RESOLVER_FOUND : FRANK_RESOLVER_FAILED;
  if (err != FRANK_OK && out->why[0] == '\0') {
    (void)snprintf(out->why, sizeof out->why, "the record: %s", frank_err_text(err));
  }
}

/* How long nothing may be believed: RFC 2308, section 5. */
static uint32_t negative_ttl(struct reader *reader, uint32_t authorities)
{
  struct record record;
  for (uint32_t i = 0; i < authorities && next_record(reader, &record); i++) {
    if (record.type == TYPE_SOA && record.data_len >= SOA_TAIL_BYTES) {
      struct reader tail = {.bytes = record.data,
                            .len_bytes = record.data_len,
                            .at = record.data_len - sizeof(uint32_t)};
      uint32_t minimum = number(&tail, sizeof(uint32_t));
      return minimum < record.ttl_s ? minimum : record.ttl_s;
    }
  }
  return NO_TTL;
}

static uint32_t clamp(uint32_t ttl_s)
{
  return ttl_s < FRANK_ANSWER_TTL_MIN_S   ? FRANK_ANSWER_TTL_MIN_S
         : ttl_s > FRANK_ANSWER_TTL_MAX_S ? FRANK_ANSWER_TTL_MAX_S
                                          : ttl_s;
}

static void read_message(const struct frank_answer_raw *raw, struct frank_answer *out)
{
  struct reader reader = {.bytes = raw->message, .len_bytes = raw->len_bytes};
  skip(&reader, 2);
  uint32_t flags = number(&reader, 2);
  uint32_t questions = number(&reader, 2);
  uint32_t answers = number(&reader, 2);
  uint32_t authorities = number(&reader, 2);
  skip(&reader, 2);
  uint32_t rcode = flags & 0xf;
  for (uint32_t i = 0; i < questions && !reader.is_bad; i++) {
    skip_name(&reader);
    skip(&reader, QUESTION_BYTES);
  }
  if (reader.is_bad || (rcode != 0 && rcode != RCODE_NXDOMAIN)) {
    frank_answer_fail(out,
                      reader.is_bad ? "the DNS message is cut short" : "DNS answers with an error");
    return;
  }
  out->state = FRANK_RESOLVER_ABSENT;
  uint32_t ttl_s = NO_TTL;
  unsigned ours = 0;
  struct record record;
  for (uint32_t i = 0; i < answers && next_record(&reader, &record); i++) {
    ttl_s = record.ttl_s < ttl_s ? record.ttl_s : ttl_s;
    if (record.type == TYPE_TXT) {
      take_text(&record, out, &ours);
    }
  }
  if (reader.is_bad) {
    frank_answer_fail(out, "the DNS message is cut short");
    return;
  }
  if (ttl_s == NO_TTL) {
    ttl_s = negative_ttl(&reader, authorities);
    /* Nobody says how long: RFC 2308, section 5, has it not kept. */
    ttl_s = ttl_s == NO_TTL ? 0 : ttl_s;
  }
  out->ttl_s = out->state == FRANK_RESOLVER_FAILED ? FRANK_ANSWER_TTL_MIN_S : clamp(ttl_s);
  if (ours == 0) {
    (void)snprintf(out->why, sizeof out->why, "%s",
                   rcode == RCODE_NXDOMAIN ? "no such name in DNS"
                                           : "no TXT record begins with v=MSMR1");
  }
}

void frank_answer_read(const struct frank_answer_raw *raw, bool require_dnssec,
                       struct frank_answer *out)
{
  static const struct {
    int rcode;
    const char *text;
  } rcodes[] = {{1, "DNS: FORMERR"},
                {2, "DNS: SERVFAIL, or no answer"},
                {4, "DNS: NOTIMP"},
                {5, "DNS: REFUSED"}};
  *out = (struct frank_answer){.state = FRANK_RESOLVER_FAILED, .ttl_s = FRANK_ANSWER_TTL_MIN_S};
  if (raw->dnssec == FRANK_DNSSEC_BOGUS) {
    frank_answer_fail(out, "");
    /* Strangers' names may be in it: made printable. */
    enum frank_err bogus = frank_factor_fail(FRANK_ERR_DENIED, out->why, "DNSSEC: bogus%s%.140s",
                                             raw->why_bogus != NULL ? ": " : "",
                                             raw->why_bogus != NULL ? raw->why_bogus : "");
    (void)bogus;
  } else if (raw->rcode != 0 && raw->rcode != RCODE_NXDOMAIN) {
    frank_answer_fail(out, "DNS: an error");
    for (size_t i = 0; i < sizeof rcodes / sizeof rcodes[0]; i++) {
      if (rcodes[i].rcode == raw->rcode) {
        frank_answer_fail(out, rcodes[i].text);
      }
    }
  } else if (raw->rcode == RCODE_NXDOMAIN) {
    out->state = FRANK_RESOLVER_ABSENT;
    (void)snprintf(out->why, sizeof out->why, "no such name in DNS");
  } else if (raw->message == NULL) {
    frank_answer_fail(out, "DNS: no message");
  } else {
    read_message(raw, out);
  }
  out->dnssec = raw->dnssec;
  if (require_dnssec && out->state == FRANK_RESOLVER_FOUND && raw->dnssec != FRANK_DNSSEC_SECURE) {
    out->state = FRANK_RESOLVER_ABSENT;
    out->txt = (struct frank_txt){0};
    (void)snprintf(out->why, sizeof out->why, "its record is not signed, and DNSSEC is required");
  }
}
