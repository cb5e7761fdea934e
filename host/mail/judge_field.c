/* The Authentication-Results field with the verdict. See judge.h. */
#include "mail/authres.h"
#include "mail/judge.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX  78
#define TAB_COLUMNS  8
#define NAME_COLUMNS (sizeof FRANK_AUTHRES_FIELD ": " - 1) /* that stand before the value */
#define QUOTED_BYTES (2 * FRANK_JUDGE_WHY_BYTES + 3)
#define WORD_BYTES   (QUOTED_BYTES + 32)

static_assert(FRANK_FACTOR_SOURCE_BYTES <= FRANK_JUDGE_WHY_BYTES, "QUOTED_BYTES is for both");

struct writer {
  char *out;
  size_t len_bytes;
  size_t column;
  const char *line_end;
};

static void put(struct writer *writer, const char *text)
{
  size_t len = strlen(text);

  assert(writer->len_bytes + len < FRANK_JUDGE_FIELD_BYTES);
  memcpy(writer->out + writer->len_bytes, text, len + 1);
  writer->len_bytes += len;
  writer->column += len;
}

static void fold(struct writer *writer)
{
  put(writer, writer->line_end);
  put(writer, "\t");
  writer->column = TAB_COLUMNS;
}

static void put_word(struct writer *writer, const char *word)
{
  /* A long word at the beginning of a line stays there: before it there would be a line of white
   * space alone, which RFC 5322 forbids (section 3.2.2). */
  if (writer->column > TAB_COLUMNS) {
    if (writer->column + 1 + strlen(word) > COLUMNS_MAX) {
      fold(writer);
    } else {
      put(writer, " ");
    }
  }
  put(writer, word);
}

/* RFC 2045's value: a token, or a quoted string where it is none. */
static void quote(const char *text, bool always, char out[QUOTED_BYTES])
{
  size_t len = 0;

  if (!always && frank_authres_is_id(text)) {
    (void)snprintf(out, QUOTED_BYTES, "%s", text);
    return;
  }
  out[len++] = '"';
  for (; *text && len < QUOTED_BYTES - 3; text++) {
    if (*text == '"' || *text == '\\') {
      out[len++] = '\\';
    }
    out[len++] = *text;
  }
  out[len++] = '"';
  out[len] = '\0';
}

/* The work shown and the factor, for people: a comment. */
static void put_work(struct writer *writer, const struct frank_judge *judge)
{
  char word[64];

  (void)snprintf(word, sizeof word, "(%.2f", frank_judge_bits(judge));
  put_word(writer, word);
  if (judge->factor == 0) {
    put_word(writer, "bits)");
    return;
  }
  put_word(writer, "bits,");
  put_word(writer, "factor");
  (void)snprintf(word, sizeof word, "%" PRIu64 ")", judge->factor);
  put_word(writer, word);
}

static void put_properties(struct writer *writer, const struct frank_judge *judge)
{
  char word[WORD_BYTES], quoted[QUOTED_BYTES], b[9];

  frank_judge_b_prefix(judge, b);
  quote(b, false, quoted);
  fold(writer);
  (void)snprintf(word, sizeof word, "header.b=%s", quoted);
  put_word(writer, word);
  if (judge->factor > 0) {
    (void)snprintf(word, sizeof word, "policy.factor=%" PRIu64, judge->factor);
    put_word(writer, word);
  }
  if (judge->source[0] != '\0') {
    quote(judge->source, false, quoted);
    (void)snprintf(word, sizeof word, "policy.source=%s", quoted);
    put_word(writer, word);
  }
  if (judge->testing) {
    put_word(writer, "policy.mode=testing");
  }
}

void frank_judge_field(const struct frank_judge *judge, const char *id, const char *line_end,
                       char out[FRANK_JUDGE_FIELD_BYTES])
{
  struct writer writer = {.out = out, .column = NAME_COLUMNS, .line_end = line_end};
  char word[WORD_BYTES], quoted[QUOTED_BYTES], b[9];

  assert(frank_authres_is_id(id));
  frank_judge_b_prefix(judge, b);
  put(&writer, id);
  put(&writer, ";");
  (void)snprintf(word, sizeof word, FRANK_AUTHRES_METHOD "=%s", frank_verdict_name(judge->verdict));
  put_word(&writer, word);
  if (b[0] != '\0') {
    put_work(&writer, judge);
  }
  if (judge->why[0] != '\0' && judge->verdict != FRANK_VERDICT_NONE) {
    quote(judge->why, true, quoted);
    (void)snprintf(word, sizeof word, "reason=%s", quoted);
    fold(&writer);
    put_word(&writer, word);
  }
  if (b[0] != '\0') {
    put_properties(&writer, judge);
  }
}
