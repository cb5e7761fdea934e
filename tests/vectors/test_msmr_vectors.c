/*
 * Every row of msmr_v1.json, known answers that an independent program made: by libfrank's own
 * calls and, where a row is a message, through a message of that shape as well.
 */
#include "mail/message.h"
#include "proof/frank.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static json_t *vectors;

static int load(void **state)
{
  json_error_t error;

  (void)state;
  vectors = json_load_file(MSMR_VECTORS, 0, &error);
  if (!vectors) {
    print_error("%s:%d: %s\n", MSMR_VECTORS, error.line, error.text);
  }
  return vectors ? 0 : -1;
}

static int unload(void **state)
{
  (void)state;
  json_decref(vectors);
  return 0;
}

/* The table of that name, which has at least the rows that it had when this test was written. */
static json_t *table(const char *name, size_t rows_at_least)
{
  json_t *rows = json_object_get(vectors, name);

  assert_true(json_is_array(rows));
  assert_true(json_array_size(rows) >= rows_at_least);
  return rows;
}

static const char *text_of(const json_t *row, const char *member)
{
  const char *text = json_string_value(json_object_get(row, member));

  if (!text) {
    fail_msg("a row without \"%s\"", member);
  }
  return text;
}

static uint64_t factor_of(const json_t *row)
{
  const json_t *factor = json_object_get(row, "factor");

  return factor ? (uint64_t)json_integer_value(factor) : 1;
}

static enum frank_alg alg_of(const json_t *row)
{
  const char *a = text_of(row, "a");
  enum frank_alg alg;

  assert_int_equal(frank_alg_parse(a, strlen(a), &alg), FRANK_OK);
  return alg;
}

static struct frank_hash hash_of(const json_t *row)
{
  const char *h = text_of(row, "h");
  struct frank_hash hash;

  assert_int_equal(frank_hash_parse(h, strlen(h), &hash), FRANK_OK);
  return hash;
}

static void hashes(void **state)
{
  size_t i;
  json_t *row;

  (void)state;
  json_array_foreach(table("hash", 70), i, row)
  {
    const char *n = text_of(row, "n"), *b_text = text_of(row, "b");
    char b[FRANK_B_MAX_BYTES + 1], h[65];
    struct frank_hash hash;
    size_t b_len;
    const char *why;

    assert_int_equal(frank_b_normalize(b_text, strlen(b_text), b, &b_len, &why), FRANK_OK);
    frank_msmr_hash(n, strlen(n), b, b_len, &hash);
    frank_hash_format(&hash, h);
    assert_string_equal(h, text_of(row, "h"));
  }
}

static void meets(void **state)
{
  size_t i;
  json_t *row;

  (void)state;
  json_array_foreach(table("meets", 14), i, row)
  {
    struct frank_hash hash = hash_of(row);

    if (frank_target_meets(&hash, factor_of(row)) != json_is_true(json_object_get(row, "meets"))) {
      fail_msg("row %zu: h=%s (%s)", i, text_of(row, "h"), text_of(row, "note"));
    }
  }
}

static void headers(void **state)
{
  size_t i;
  json_t *row;

  (void)state;
  json_array_foreach(table("header", 18), i, row)
  {
    const char *value = text_of(row, "value"), *b = text_of(row, "b");
    size_t len = strlen(value);
    struct frank_signature signature = {FRANK_ALG_RSA_SHA256, b, strlen(b)};
    struct frank_judgement out;

    frank_msmr_judge(&value, &len, 1, &signature, 1, factor_of(row), &out);
    if (strcmp(frank_verdict_name(out.verdict), text_of(row, "result")) != 0) {
      fail_msg("row %zu, %s: %s (%s)", i, value, frank_verdict_name(out.verdict), out.why);
    }
  }
}

/* A stamp that somebody else mined is written by us, read again, and passes; its factor is met. */
static void mined_stamps(void **state)
{
  size_t i;
  json_t *row;

  (void)state;
  json_array_foreach(table("mined", 20), i, row)
  {
    const char *b = text_of(row, "b"), *n = text_of(row, "n");
    struct frank_signature signature = {alg_of(row), b, strlen(b)};
    struct frank_msmr key = {.alg = signature.alg, .h = hash_of(row)};
    char header[FRANK_MSMR_HEADER_MAX_BYTES];
    struct frank_judgement out;

    assert_true(strlen(n) < sizeof key.n);
    memcpy(key.n, n, strlen(n));
    frank_msmr_format(&key, "\r\n", header);
    const char *value = header + strlen(FRANK_MSMR_FIELD) + 1;
    size_t len = strlen(value);
    frank_msmr_judge(&value, &len, 1, &signature, 1, factor_of(row), &out);
    assert_int_equal(out.verdict, FRANK_VERDICT_PASS);
    assert_true(frank_target_score(&key.h, factor_of(row)) > -1e-9);
  }
}

static void put(char **at, const char *end, const char *text)
{
  assert_true(strlen(text) < (size_t)(end - *at));
  while (*text) {
    *(*at)++ = *text++;
  }
}

/* The row as a message: its keys, then its signatures, folded within b=. */
static size_t write_message(const json_t *row, char *text, size_t size)
{
  const json_t *item;
  char *at = text, *end = text + size;
  size_t i;

  json_array_foreach(json_object_get(row, "msmr_keys"), i, item)
  {
    put(&at, end, "MSMR-Key: ");
    put(&at, end, json_string_value(item));
    put(&at, end, "\r\n");
  }
  json_array_foreach(json_object_get(row, "signatures"), i, item)
  {
    const char *b = text_of(item, "b");
    char first[9];

    snprintf(first, sizeof first, "%.8s", b);
    put(&at, end, "DKIM-Signature: v=1; d=example.org; h=from:to; a=");
    put(&at, end, text_of(item, "a"));
    put(&at, end, ";\r\n\tb=");
    put(&at, end, first);
    put(&at, end, "\r\n\t ");
    put(&at, end, b + strlen(first));
    put(&at, end, "\r\n");
  }
  put(&at, end, "From: a@example.org\r\n\r\nbody\r\n");
  return (size_t)(at - text);
}

static void messages(void **state)
{
  static char text[65536];
  size_t i;
  json_t *row;

  (void)state;
  json_array_foreach(table("message", 12), i, row)
  {
    struct frank_proofs proofs;
    struct frank_judgement out;
    struct frank_message message;
    const char *why;
    size_t len = write_message(row, text, sizeof text);

    assert_int_equal(frank_message_open(text, len, &message, &why), FRANK_OK);
    frank_message_collect(&message, &proofs);
    assert_int_equal(proofs.key_fields, json_array_size(json_object_get(row, "msmr_keys")));
    assert_int_equal(proofs.signature_fields, json_array_size(json_object_get(row, "signatures")));
    frank_proofs_judge(&proofs, factor_of(row), &out);
    if (strcmp(frank_verdict_name(out.verdict), text_of(row, "result")) != 0) {
      fail_msg("row %zu, %s: %s (%s)", i, text_of(row, "note"), frank_verdict_name(out.verdict),
               out.why);
    }
  }
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes),       cmocka_unit_test(meets),    cmocka_unit_test(headers),
      cmocka_unit_test(mined_stamps), cmocka_unit_test(messages),
  };

  return cmocka_run_group_tests(tests, load, unload);
}
