/* Authentication-Results, read. See authres.h. */
#include "mail/authres.h"

#include <string.h>

#define DKIM_METHOD     "dkim"
#define B_LEAST_BYTES   8 /* RFC 6008 section 3 */
#define VERSION_OF_OURS "1"

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_any_case(struct frank_view view, const char *text)
{
  size_t len = strlen(text);

  if (!view.text || view.len_bytes != len) {
    return false;
  }
  for (size_t i = 0; i < len; i++) {
    if (lower(view.text[i]) != lower(text[i])) {
      return false;
    }
  }
  return true;
}

static bool is_control(char c)
{
  return (c >= 0 && c < ' ') || c == 0x7f;
}

/* A character of RFC 2045's token; RFC 8616 adds all of UTF-8. */
static bool is_token_char(char c)
{
  return !is_control(c) && c != ' ' && !strchr("()<>@,;:\\\"/[]?=", c);
}

/* What RFC 5321 calls a Keyword: names of methods, results and properties. */
static bool is_keyword_char(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* ---- by the grammar ---- */

struct reader {
  const char *at, *end;
  bool is_broken; /* the grammar; nothing is read from then on */
};

static void break_off(struct reader *reader)
{
  reader->is_broken = true;
  reader->at = reader->end;
}

/* CFWS. Comments nest. */
static void skip(struct reader *reader)
{
  size_t depth = 0;

  for (; reader->at < reader->end; reader->at++) {
    char c = *reader->at;

    if (c == '(') {
      depth++;
    } else if (depth == 0) {
      if (!frank_is_white(c)) {
        return;
      }
    } else if (c == ')') {
      depth--;
    } else if (c == '\\' && reader->at + 1 < reader->end) {
      reader->at++;
    }
  }
  if (depth > 0) {
    break_off(reader);
  }
}

static bool is_next(const struct reader *reader, char c)
{
  return reader->at < reader->end && *reader->at == c;
}

static struct frank_view take_while(struct reader *reader, bool (*is_part)(char c))
{
  const char *start = reader->at;

  while (reader->at < reader->end && is_part(*reader->at)) {
    reader->at++;
  }
  return (struct frank_view){start, (size_t)(reader->at - start)};
}

/* At a quote: what is between it and the next. */
static struct frank_view take_quoted(struct reader *reader)
{
  const char *start = ++reader->at;

  for (; reader->at < reader->end && *reader->at != '"'; reader->at++) {
    if (*reader->at == '\\' && reader->at + 1 < reader->end) {
      reader->at++;
    } else if (is_control(*reader->at) && !frank_is_white(*reader->at)) {
      break_off(reader);
      break;
    }
  }
  if (reader->at == reader->end) {
    break_off(reader);
    return (struct frank_view){start, 0};
  }
  reader->at++;
  return (struct frank_view){start, (size_t)(reader->at - 1 - start)};
}

/* A property's value. Filters write base64, addresses and more there without the quotes that the
 * grammar asks for: what is not quoted reaches to white space, ';' or a comment. */
static struct frank_view take_property_value(struct reader *reader)
{
  const char *start = reader->at;

  if (is_next(reader, '"')) {
    struct frank_view quoted = take_quoted(reader);

    if (!is_next(reader, '@')) { /* of "a b"@c.example all is the value */
      return quoted;
    }
  }
  for (; reader->at < reader->end; reader->at++) {
    char c = *reader->at;

    if (frank_is_white(c) || c == ';' || c == '(') {
      break;
    }
    if (is_control(c) || c == '"' || c == ')') {
      break_off(reader);
      break;
    }
  }
  return (struct frank_view){start, (size_t)(reader->at - start)};
}

/* authserv-id and version. False where they break the grammar; where that is because something
 * else follows than a result, *id is set. */
static bool read_head(struct reader *reader, struct frank_view *id, bool *is_our_version)
{
  *id = (struct frank_view){NULL, 0};
  *is_our_version = true;
  skip(reader);
  if (is_next(reader, '"')) {
    *id = take_quoted(reader);
  } else {
    *id = take_while(reader, is_token_char);
  }
  if (id->len_bytes == 0) {
    break_off(reader);
  }
  skip(reader);
  if (reader->at < reader->end && is_digit(*reader->at)) {
    *is_our_version = frank_view_is(take_while(reader, is_digit), VERSION_OF_OURS);
    skip(reader);
  }
  if (reader->at < reader->end && *reader->at != ';') {
    break_off(reader);
  }
  return !reader->is_broken;
}

/* "method/version=result", "ptype.property=value", "reason=value". */
struct item {
  bool is_result;
  struct frank_view name, version, property, value; /* text NULL where absent */
};

/* Reads "name=" with what may stand between the two. */
static void read_names(struct reader *reader, struct item *item)
{
  item->name = take_while(reader, is_keyword_char);
  skip(reader);
  if (item->is_result && is_next(reader, '/')) {
    reader->at++;
    skip(reader);
    item->version = take_while(reader, is_digit);
    skip(reader);
  } else if (!item->is_result && is_next(reader, '.')) {
    reader->at++;
    skip(reader);
    item->property = take_while(reader, is_keyword_char);
    skip(reader);
  }
  if (item->name.len_bytes == 0 || !is_next(reader, '=')) {
    break_off(reader);
    return;
  }
  reader->at++;
  skip(reader);
}

/* The next item. False at the end and where the grammar breaks. */
static bool next_item(struct reader *reader, struct item *item)
{
  for (;;) {
    const char *start;

    *item = (struct item){0};
    skip(reader);
    while (is_next(reader, ';')) { /* some filters write one too many */
      item->is_result = true;
      reader->at++;
      skip(reader);
    }
    if (reader->at == reader->end) {
      return false;
    }
    start = reader->at;
    read_names(reader, item);
    if (!reader->is_broken) {
      break;
    }
    /* "none" is what stands in place of the results */
    if (!item->is_result || !same_any_case(item->name, "none") || item->version.text) {
      return false;
    }
    reader->is_broken = false;
    reader->at = start + item->name.len_bytes;
    skip(reader);
    if (reader->at < reader->end && *reader->at != ';') {
      break_off(reader);
      return false;
    }
  }
  item->value = item->is_result ? take_while(reader, is_keyword_char) : take_property_value(reader);
  if (item->is_result && item->value.len_bytes == 0) {
    break_off(reader);
  }
  return !reader->is_broken;
}

/* A property of the result. One that stands twice is worth nothing: what a filter repeats of a
 * stranger's signature could have been made to look like a property. */
static void take_property(const struct item *item, struct frank_authres_result *result,
                          bool seen[4])
{
  const struct {
    const char *name;
    struct frank_view *view;
  } properties[4] = {
      {"b", &result->header_b},
      {"d", &result->header_d},
      {"s", &result->header_s},
      {"a", &result->header_a},
  };

  if (!same_any_case(item->name, "header")) {
    return;
  }
  for (size_t i = 0; i < 4; i++) {
    if (same_any_case(item->property, properties[i].name)) {
      *properties[i].view = seen[i] ? (struct frank_view){NULL, 0} : item->value;
      seen[i] = true;
    }
  }
}

bool frank_authres_next(struct frank_view value, size_t *cursor,
                        struct frank_authres_result *result)
{
  struct reader reader = {.at = value.text + *cursor, .end = value.text + value.len_bytes};
  struct frank_view id;
  struct item item;
  bool is_our_version, seen[4] = {false};

  *result = (struct frank_authres_result){0};
  if (value.len_bytes == 0 || *cursor >= value.len_bytes) {
    return false;
  }
  if (*cursor == 0 && !read_head(&reader, &id, &is_our_version)) {
    *cursor = value.len_bytes;
    return false;
  }
  if (!next_item(&reader, &item) || !item.is_result) {
    *cursor = value.len_bytes;
    return false;
  }
  result->method = item.name;
  result->version = item.version;
  result->result = item.value;
  for (;;) {
    skip(&reader);
    if (reader.is_broken) {
      *cursor = value.len_bytes;
      return false;
    }
    *cursor = (size_t)(reader.at - value.text);
    if (reader.at == reader.end || *reader.at == ';') {
      return true;
    }
    if (!next_item(&reader, &item)) {
      *cursor = value.len_bytes;
      return false;
    }
    take_property(&item, result, seen);
  }
}

/* ---- by a reader in a hurry ---- */

/* The value without comments, white space, quotes and backslashes, one character at a time. Control
 * characters are white space here: who cannot show them leaves them out, or stops at them. So is
 * what is not ASCII: spaces of Unicode (Python's split() and strip() take U+00A0 for one), and
 * characters that nobody sees. */
struct hurry {
  const char *at, *end;
  bool is_quoted;
  bool was_white; /* something was left out before the character that came last */
  bool is_open;   /* a comment or a quoted string did not end */
};

static bool is_left_out(char c)
{
  return frank_is_white(c) || is_control(c) || (unsigned char)c >= 0x80;
}

/* '\0' at the end. */
static char next_bare(struct hurry *hurry)
{
  size_t depth = 0;

  hurry->was_white = false;
  while (hurry->at < hurry->end) {
    char c = *hurry->at++;
    bool is_escaped = c == '\\' && hurry->at < hurry->end;

    if (is_escaped) {
      c = *hurry->at++;
    } else if (c == '"' && depth == 0) {
      hurry->is_quoted = !hurry->is_quoted;
      continue;
    } else if (c == '(' && !hurry->is_quoted) {
      depth++;
      continue;
    } else if (c == ')' && depth > 0) {
      depth--;
      hurry->was_white = true;
      continue;
    }
    if (depth == 0 && is_left_out(c)) {
      hurry->was_white = true;
    } else if (depth == 0) {
      return c;
    }
  }
  hurry->is_open = hurry->is_quoted || depth > 0;
  return '\0';
}

/* True where the bare text holds `word` ("x-msmr", whose first letter does not come again). */
static bool bare_has(struct frank_view value, const char *word, bool *is_open)
{
  struct hurry hurry = {.at = value.text, .end = value.text + value.len_bytes};
  size_t len = strlen(word), found = 0;
  char c;

  while (found < len && (c = next_bare(&hurry)) != '\0') {
    if (lower(c) == lower(word[found])) {
      found++;
    } else {
      found = lower(c) == lower(word[0]) ? 1 : 0;
    }
  }
  *is_open = hurry.is_open;
  return found == len;
}

/* True where `word` stands somewhere, in any case. */
static bool raw_has(struct frank_view value, const char *word)
{
  size_t len = strlen(word);

  for (size_t i = 0; i + len <= value.len_bytes; i++) {
    if (same_any_case((struct frank_view){value.text + i, len}, word)) {
      return true;
    }
  }
  return false;
}

/* True where something looks like an encoded word, which may say anything: RFC 2047 has none in a
 * token, but Sieve (RFC 5228 section 2.7.2) and mail programs decode them wherever they stand. */
static bool has_encoded_word(struct frank_view value, bool in_head_only)
{
  const char *semicolon = value.len_bytes > 0 ? memchr(value.text, ';', value.len_bytes) : NULL;

  if (in_head_only && semicolon) {
    value.len_bytes = (size_t)(semicolon - value.text);
  }
  return raw_has(value, "=?") && raw_has(value, "?=");
}

bool frank_authres_is_of(struct frank_view value, const char *id)
{
  struct hurry hurry = {.at = value.text, .end = value.text + value.len_bytes};
  char c = next_bare(&hurry);
  const char *rest = id;

  while (c != '\0' && !is_token_char(c)) { /* a ';' or such before it */
    c = next_bare(&hurry);
  }
  for (; *rest != '\0'; rest++) {
    if (is_left_out(*rest)) {
      continue;
    }
    if (lower(c) != lower(*rest)) {
      break;
    }
    c = next_bare(&hurry);
  }
  if (*rest == '\0') {
    if (c == '.' && !hurry.was_white) { /* a name that ends at DNS's root */
      c = next_bare(&hurry);
    }
    if (c == '\0' || hurry.was_white || !is_token_char(c)) {
      return true;
    }
  }
  while (c != '\0') {
    c = next_bare(&hurry);
  }
  return hurry.is_open && raw_has(value, id);
}

bool frank_authres_is_forged(struct frank_view value, const char *id)
{
  struct reader reader = {.at = value.text, .end = value.text + value.len_bytes};
  struct frank_view its_id;
  struct item item;
  bool is_our_version, is_open, is_ours = frank_authres_is_of(value, id);
  bool is_encoded = has_encoded_word(value, !is_ours);

  if (!is_ours && !is_encoded) {
    return false;
  }
  if (read_head(&reader, &its_id, &is_our_version)) {
    if (!is_ours) {
      return false;
    }
    if (!same_any_case(its_id, id)) { /* "mx.example; x-msmr=pass", all of it in quotes */
      break_off(&reader);
    }
    while (next_item(&reader, &item)) {
      /* where no ';' comes before it, too: "; dkim=pass x-msmr=pass" */
      if (same_any_case(item.name, FRANK_AUTHRES_METHOD)) {
        return true;
      }
    }
  }
  return reader.is_broken && (is_encoded || raw_has(value, FRANK_AUTHRES_METHOD) ||
                              bare_has(value, FRANK_AUTHRES_METHOD, &is_open));
}

/* ---- what is said of DKIM ---- */

static enum frank_dkim_said said_by(struct frank_view result)
{
  if (same_any_case(result, "pass")) {
    return FRANK_DKIM_SAID_PASS;
  }
  return same_any_case(result, "temperror") ? FRANK_DKIM_SAID_TEMPERROR : FRANK_DKIM_SAID_OTHER;
}

/* True where the field has a result of DKIM; *said gets the worst of those that speak of `b`. */
static bool read_dkim(struct frank_view value, const char *b, size_t b_len,
                      enum frank_dkim_said *said)
{
  size_t cursor = 0, least = b_len < B_LEAST_BYTES ? b_len : B_LEAST_BYTES;
  struct frank_authres_result result;
  bool has_any = false;

  *said = FRANK_DKIM_SAID_NOTHING;
  for (int i = 0; i < FRANK_AUTHRES_RESULTS_MAX && frank_authres_next(value, &cursor, &result);
       i++) {
    const struct frank_view *said_b = &result.header_b;

    /* of another version it means something that we do not know (RFC 8601 section 2.6) */
    if (!same_any_case(result.method, DKIM_METHOD) ||
        (result.version.text && !frank_view_is(result.version, VERSION_OF_OURS))) {
      continue;
    }
    has_any = true;
    if (said_b->text && said_b->len_bytes >= least && said_b->len_bytes <= b_len &&
        memcmp(said_b->text, b, said_b->len_bytes) == 0) {
      enum frank_dkim_said one = said_by(result.result);

      *said = one > *said ? one : *said;
    }
  }
  return has_any;
}

enum frank_dkim_said frank_authres_dkim(const struct frank_message *message, const char *id,
                                        const char *b, size_t b_len)
{
  struct frank_field field;
  size_t cursor = 0;

  while (frank_message_next_named(message, FRANK_AUTHRES_FIELD, &cursor, &field)) {
    struct reader reader = {.at = field.value.text,
                            .end = field.value.text + field.value.len_bytes};
    struct frank_view its_id;
    enum frank_dkim_said said;
    bool is_our_version;

    /* to be believed a field must be ours by the grammar, not just look so */
    if (read_head(&reader, &its_id, &is_our_version) && is_our_version &&
        same_any_case(its_id, id) && read_dkim(field.value, b, b_len, &said)) {
      return said;
    }
  }
  return FRANK_DKIM_SAID_NOTHING;
}

bool frank_authres_is_id(const char *text)
{
  size_t len = strlen(text);

  for (size_t i = 0; i < len; i++) {
    if (!is_token_char(text[i])) {
      return false;
    }
  }
  return len > 0 && len < FRANK_AUTHRES_ID_BYTES;
}
