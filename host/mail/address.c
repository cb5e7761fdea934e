/* Addresses of header fields and envelopes. See address.h. */
#include "mail/address.h"

#include <assert.h>
#include <string.h>

/* ---- tokens ---- */

/* The first five are what an addr-spec is made of: columns of the table `after`. */
enum token_kind {
  TOKEN_ATOM,
  TOKEN_QUOTED,
  TOKEN_LITERAL,
  TOKEN_DOT,
  TOKEN_AT,
  TOKEN_OF_ADDRESS, /* how many those are */
  TOKEN_COMMA = TOKEN_OF_ADDRESS,
  TOKEN_SEMICOLON,
  TOKEN_COLON,
  TOKEN_LESS,
  TOKEN_GREATER,
  TOKEN_BAD, /* what has no place here; an open quote or comment, which takes the rest with it */
  TOKEN_END
};

struct token {
  enum token_kind kind;
  struct frank_view text; /* of a quoted string: what is between the quotes */
};

struct reader {
  const char *at, *end;
  bool is_envelope; /* RFC 5321: neither white space nor comments between the tokens */
};

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_control(char c)
{
  return (c >= 0 && c < ' ') || c == 0x7f;
}

/* atext (RFC 5322 section 3.2.3), with what RFC 6532 adds: any byte of UTF-8. */
static bool is_atext(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* At an opening character: the place just past the one that closes it, NULL where none does.
 * Comments alone nest. */
static const char *past_closing(const char *p, const char *end, char open, char close)
{
  size_t depth = 1;

  for (p++; p < end; p++) {
    if (*p == '\\' && p + 1 < end) {
      p++;
    } else if (*p == close) {
      if (--depth == 0) {
        return p + 1;
      }
    } else if (*p == open && open == '(') {
      depth++;
    }
  }
  return NULL;
}

/* False at an open comment. */
static bool skip_white_and_comments(struct reader *reader)
{
  while (reader->at < reader->end && !reader->is_envelope) {
    if (frank_is_white(*reader->at)) {
      reader->at++;
    } else if (*reader->at == '(') {
      const char *after = past_closing(reader->at, reader->end, '(', ')');

      if (!after) {
        return false;
      }
      reader->at = after;
    } else {
      break;
    }
  }
  return true;
}

static struct token enclosed(struct reader *reader, enum token_kind kind, char open, char close)
{
  const char *start = reader->at;
  const char *after = past_closing(start, reader->end, open, close);

  if (!after) {
    reader->at = reader->end;
    return (struct token){.kind = TOKEN_BAD};
  }
  reader->at = after;
  if (kind == TOKEN_QUOTED) {
    return (struct token){kind, {start + 1, (size_t)(after - start) - 2}};
  }
  return (struct token){kind, {start, (size_t)(after - start)}};
}

static struct token next_token(struct reader *reader)
{
  static const char specials[] = ".@,;:<>";
  static const enum token_kind kinds[] = {TOKEN_DOT,   TOKEN_AT,   TOKEN_COMMA,  TOKEN_SEMICOLON,
                                          TOKEN_COLON, TOKEN_LESS, TOKEN_GREATER};
  const char *start, *special;

  if (!skip_white_and_comments(reader)) {
    reader->at = reader->end;
    return (struct token){.kind = TOKEN_BAD};
  }
  if (reader->at == reader->end) {
    return (struct token){.kind = TOKEN_END};
  }
  start = reader->at;
  if (*start == '"') {
    return enclosed(reader, TOKEN_QUOTED, '"', '"');
  }
  if (*start == '[') {
    return enclosed(reader, TOKEN_LITERAL, '[', ']');
  }
  while (reader->at < reader->end && is_atext(*reader->at)) {
    reader->at++;
  }
  if (reader->at > start) {
    return (struct token){TOKEN_ATOM, {start, (size_t)(reader->at - start)}};
  }
  reader->at++;
  special = *start != '\0' ? strchr(specials, *start) : NULL;
  return (struct token){.kind = special ? kinds[special - specials] : TOKEN_BAD};
}

/* ---- one address ---- */

/* How far an addr-spec has been read. */
enum stage {
  STAGE_BROKEN, /* it is none */
  STAGE_START,
  STAGE_LOCAL,
  STAGE_LOCAL_DOT,
  STAGE_AT,
  STAGE_DOMAIN,
  STAGE_DOMAIN_DOT,
  STAGE_LITERAL,
  STAGE_COUNT
};

/* What is not named breaks it. Dots may stand anywhere in a local part: there are such mailboxes,
 * made before their provider read RFC 5321. */
static const enum stage after[STAGE_COUNT][TOKEN_OF_ADDRESS] = {
    [STAGE_START] =
        {[TOKEN_ATOM] = STAGE_LOCAL, [TOKEN_QUOTED] = STAGE_LOCAL, [TOKEN_DOT] = STAGE_LOCAL_DOT},
    [STAGE_LOCAL] = {[TOKEN_DOT] = STAGE_LOCAL_DOT, [TOKEN_AT] = STAGE_AT},
    [STAGE_LOCAL_DOT] = {[TOKEN_ATOM] = STAGE_LOCAL,
                         [TOKEN_QUOTED] = STAGE_LOCAL,
                         [TOKEN_DOT] = STAGE_LOCAL_DOT,
                         [TOKEN_AT] = STAGE_AT},
    [STAGE_AT] = {[TOKEN_ATOM] = STAGE_DOMAIN, [TOKEN_LITERAL] = STAGE_LITERAL},
    [STAGE_DOMAIN] = {[TOKEN_DOT] = STAGE_DOMAIN_DOT},
    [STAGE_DOMAIN_DOT] = {[TOKEN_ATOM] = STAGE_DOMAIN},
};

struct part {
  char text[FRANK_ADDRESS_BYTES]; /* no NUL */
  size_t len_bytes;
};

struct spec {
  enum stage stage;
  bool is_too_long;
  struct part local; /* without quotes and escapes */
  struct part domain;
};

static void spec_begin(struct spec *spec)
{
  spec->stage = STAGE_START;
  spec->is_too_long = false;
  spec->local.len_bytes = 0;
  spec->domain.len_bytes = 0;
}

static void append(struct spec *spec, struct part *part, char c)
{
  if (part->len_bytes == sizeof part->text) {
    spec->is_too_long = true;
  } else {
    part->text[part->len_bytes++] = lower(c);
  }
}

/* Of a quoted string: escapes and the line ends of folds go. */
static void append_quoted(struct spec *spec, struct frank_view text)
{
  for (size_t i = 0; i < text.len_bytes; i++) {
    char c = text.text[i];

    if (c == '\r' || c == '\n') {
      continue;
    }
    if (c == '\\' && i + 1 < text.len_bytes) {
      c = text.text[++i];
    }
    if (is_control(c) && c != '\t') {
      spec->stage = STAGE_BROKEN;
    }
    append(spec, &spec->local, c);
  }
}

/* Of an address literal: no white space, and nothing that would put the domain's start in doubt. */
static void append_literal(struct spec *spec, struct frank_view text)
{
  for (size_t i = 0; i < text.len_bytes; i++) {
    char c = text.text[i];

    if (frank_is_white(c)) {
      continue;
    }
    if (is_control(c) || c == '@' || c == '\\' || c == '"') {
      spec->stage = STAGE_BROKEN;
    }
    append(spec, &spec->domain, c);
  }
}

static void spec_feed(struct spec *spec, const struct token *token)
{
  struct part *part = spec->stage < STAGE_AT ? &spec->local : &spec->domain;

  spec->stage = token->kind < TOKEN_OF_ADDRESS ? after[spec->stage][token->kind] : STAGE_BROKEN;
  if (spec->stage == STAGE_BROKEN) {
    return;
  }
  switch (token->kind) {
  case TOKEN_QUOTED:
    append_quoted(spec, token->text);
    break;
  case TOKEN_LITERAL:
    append_literal(spec, token->text);
    break;
  case TOKEN_DOT:
    append(spec, part, '.');
    break;
  default: /* an atom; the '@' has no text */
    for (size_t i = 0; i < token->text.len_bytes; i++) {
      append(spec, part, token->text.text[i]);
    }
  }
}

/* The local part with quotes where it needs them. `text` has room for twice its length and two. */
static size_t write_local(const struct part *local, char *text)
{
  bool needs_quotes = local->len_bytes == 0;
  size_t len = 0;

  for (size_t i = 0; i < local->len_bytes; i++) {
    needs_quotes = needs_quotes || (!is_atext(local->text[i]) && local->text[i] != '.');
  }
  if (needs_quotes) {
    text[len++] = '"';
  }
  for (size_t i = 0; i < local->len_bytes; i++) {
    if (local->text[i] == '"' || local->text[i] == '\\') {
      text[len++] = '\\';
    }
    text[len++] = local->text[i];
  }
  if (needs_quotes) {
    text[len++] = '"';
  }
  return len;
}

/* FRANK_ERR_MALFORMED: it is no whole address. */
static enum frank_err spec_finish(const struct spec *spec, struct frank_address_text *out)
{
  char local[2 * FRANK_ADDRESS_BYTES + 2];
  size_t local_len, domain_len = spec->domain.len_bytes;

  if (spec->stage != STAGE_DOMAIN && spec->stage != STAGE_DOMAIN_DOT &&
      spec->stage != STAGE_LITERAL) {
    return FRANK_ERR_MALFORMED;
  }
  if (spec->stage == STAGE_DOMAIN_DOT) { /* the root's: "x.example." is "x.example" */
    domain_len--;
  }
  local_len = write_local(&spec->local, local);
  if (spec->is_too_long || local_len + 1 + domain_len >= sizeof out->text) {
    return FRANK_ERR_TOO_LONG;
  }
  memcpy(out->text, local, local_len);
  out->text[local_len] = '@';
  memcpy(out->text + local_len + 1, spec->domain.text, domain_len);
  out->text[local_len + 1 + domain_len] = '\0';
  return FRANK_OK;
}

/* What stands between '<' and `closing`: an address, perhaps after a route ("@a,@b:bob@x"), which
 * says nothing of whose it is (RFC 5321 appendix C: to be ignored). */
static void read_path(struct reader *reader, enum token_kind closing, struct spec *spec)
{
  bool in_route = false;

  spec_begin(spec);
  for (;;) {
    struct token token = next_token(reader);

    if (token.kind == closing || token.kind == TOKEN_END) {
      spec->stage = token.kind == closing && !in_route ? spec->stage : STAGE_BROKEN;
      return;
    }
    if (spec->stage == STAGE_START && token.kind == TOKEN_AT) {
      in_route = true;
    } else if (!in_route) {
      spec_feed(spec, &token);
    } else if (token.kind == TOKEN_COLON) {
      in_route = false;
    } else if (token.kind > TOKEN_COMMA || token.kind == TOKEN_QUOTED) {
      in_route = false;
      spec->stage = STAGE_BROKEN;
    }
  }
}

/* ---- fields ---- */

/* Reads up to the next comma, semicolon or the end. False where nothing stands there. */
static bool read_element(struct reader *reader, struct spec *spec)
{
  bool has_path = false, is_empty = true;

  spec_begin(spec);
  for (;;) {
    struct token token = next_token(reader);

    switch (token.kind) {
    case TOKEN_END:
    case TOKEN_COMMA:
    case TOKEN_SEMICOLON:
      return !is_empty;
    case TOKEN_COLON: /* what came before is a group's name */
      if (has_path) {
        spec->stage = STAGE_BROKEN;
      } else {
        spec_begin(spec);
        is_empty = true;
      }
      break;
    case TOKEN_LESS: /* what came before is a person's name */
      read_path(reader, TOKEN_GREATER, spec);
      spec->stage = has_path ? STAGE_BROKEN : spec->stage;
      has_path = true;
      is_empty = false;
      break;
    default:
      is_empty = false;
      if (has_path) {
        spec->stage = STAGE_BROKEN;
      } else {
        spec_feed(spec, &token);
      }
    }
  }
}

bool frank_address_next(struct frank_view value, size_t *cursor, struct frank_address_text *out,
                        size_t *passed_over)
{
  struct reader reader;
  struct spec spec;

  if (*cursor >= value.len_bytes) {
    return false;
  }
  reader = (struct reader){.at = value.text + *cursor, .end = value.text + value.len_bytes};
  while (reader.at < reader.end) {
    if (!read_element(&reader, &spec)) {
      continue;
    }
    if (spec_finish(&spec, out) == FRANK_OK) {
      *cursor = (size_t)(reader.at - value.text);
      return true;
    }
    if (passed_over) {
      ++*passed_over;
    }
  }
  *cursor = value.len_bytes;
  return false;
}

/* ---- envelopes ---- */

/* A local part that should have had quotes and has none: all before the last '@'. Mail servers take
 * such, and some hand a recipient on as they keep it, without its quotes. */
static void read_raw(struct frank_view text, struct spec *spec)
{
  const char *at = memrchr(text.text, '@', text.len_bytes);
  struct reader domain;

  spec_begin(spec);
  spec->stage = STAGE_BROKEN;
  if (!at || at == text.text) {
    return;
  }
  for (const char *p = text.text; p < at; p++) {
    if (strchr("\"\\<>", *p)) { /* it tried to be a quoted string, or is half a path */
      return;
    }
    append(spec, &spec->local, *p);
  }
  spec->stage = STAGE_AT;
  domain = (struct reader){at + 1, text.text + text.len_bytes, .is_envelope = true};
  for (;;) {
    struct token token = next_token(&domain);

    if (token.kind == TOKEN_END) {
      return;
    }
    spec_feed(spec, &token);
  }
}

enum frank_err frank_address_of_envelope(const char *text, size_t len_bytes,
                                         struct frank_address_text *out)
{
  struct reader reader;
  struct spec spec;

  for (size_t i = 0; i < len_bytes; i++) {
    if (is_control(text[i])) {
      return FRANK_ERR_MALFORMED;
    }
  }
  if (len_bytes >= 2 && text[0] == '<' && text[len_bytes - 1] == '>') {
    text++;
    len_bytes -= 2;
  }
  if (len_bytes == 0) {
    return FRANK_ERR_MALFORMED;
  }
  reader = (struct reader){text, text + len_bytes, .is_envelope = true};
  read_path(&reader, TOKEN_END, &spec);
  if (spec.stage == STAGE_BROKEN) {
    read_raw((struct frank_view){text, len_bytes}, &spec);
  }
  return spec_finish(&spec, out);
}

/* ---- finding ---- */

struct frank_view frank_address_domain(const struct frank_address_text *address)
{
  const char *at = strrchr(address->text, '@');

  assert(at);
  return (struct frank_view){at + 1, strlen(at + 1)};
}

/* `pattern` in any case is all of `text`, which is in lower case. */
static bool is_same(struct frank_view text, const char *pattern)
{
  if (text.len_bytes != strlen(pattern)) {
    return false;
  }
  for (size_t i = 0; i < text.len_bytes; i++) {
    if (text.text[i] != lower(pattern[i])) {
      return false;
    }
  }
  return true;
}

bool frank_address_matches(const struct frank_address_text *address, const char *pattern)
{
  struct frank_view domain = frank_address_domain(address);
  size_t pattern_len = strlen(pattern);

  if (pattern[0] == '@') {
    return is_same(domain, pattern + 1);
  }
  if (strchr(pattern, '@')) {
    return is_same((struct frank_view){address->text, strlen(address->text)}, pattern);
  }
  if (pattern[0] == '*' && pattern[1] == '.' && pattern_len > 2) {
    size_t tail_len = pattern_len - 1; /* ".example.org" */

    return domain.len_bytes > tail_len &&
           is_same((struct frank_view){domain.text + domain.len_bytes - tail_len, tail_len},
                   pattern + 1);
  }
  return is_same(domain, pattern);
}
