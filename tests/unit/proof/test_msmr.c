/* The MSMR-Key header: the order in which it is judged, its leniency, what is written, who wins. */
#include "../random.h"
#include "proof/msmr.h"
#include "proof/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define H64 "00000000000f15dbc2960b082dbf914e97198c8b12abc542a15f74a2a0fab1d4"
#define N64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B   "PCy4cbsWMeTWfcHO"

static enum frank_err parse(const char *value, struct frank_msmr *key)
{
  const char *why = NULL;
  enum frank_err err = frank_msmr_parse(value, strlen(value), key, &why);

  assert_true((err == FRANK_OK) == (why == NULL));
  return err;
}

/* Each row breaks a rule and every later one too, so the earlier must win. */
static void judges_a_header_in_the_specs_order(void **state)
{
  static const struct {
    const char *value;
    enum frank_err err;
  } rows[] = {
      {"", FRANK_ERR_MALFORMED},
      {"v=2; a=x; n=; h=; ;", FRANK_ERR_MALFORMED},       /* syntax before version */
      {"v=2; a=x; n=zz; h=1; n=zz", FRANK_ERR_MALFORMED}, /* duplicates before version */
      {"v=2; a=x; n=1f h=00; h=11",
       FRANK_ERR_MALFORMED}, /* n=1f h=00 is two tags: h stands twice */
      {"a=x; n=zz; h=1", FRANK_ERR_MALFORMED},
      {"v=2", FRANK_ERR_UNSUPPORTED},
      {"v=; n=zz", FRANK_ERR_UNSUPPORTED},
      {"v=01; a=rsa-sha256; n=1; h=" H64, FRANK_ERR_UNSUPPORTED},
      {"v=1 1; a=rsa-sha256; n=1; h=" H64, FRANK_ERR_UNSUPPORTED},
      {"V=1; a=rsa-sha256; n=1; h=" H64, FRANK_ERR_MALFORMED}, /* names are case-sensitive */
      {"v=1; n=1; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; n=zz; h=1", FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha1; n=zz; h=1", FRANK_ERR_UNSUPPORTED},
      {"v=1; a=RSA-SHA256; n=1; h=" H64, FRANK_ERR_UNSUPPORTED},
      {"v=1; a=; n=1; h=" H64, FRANK_ERR_UNSUPPORTED},
      {"v=1; a=rsa-sha256; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=1 2; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=" N64 "0; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=1", FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=1; h=", FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=1; h=0" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=1; h=" H64, FRANK_OK},
      {"v=1; a=ed25519-sha256; n=" N64 "; h=" H64, FRANK_OK},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_msmr key;
    enum frank_err err = parse(rows[i].value, &key);

    if (err != rows[i].err) {
      fail_msg("\"%s\": %s", rows[i].value, frank_err_text(err));
    }
  }
}

static void keeps_the_nonce_as_it_stands(void **state)
{
  struct frank_msmr key;

  (void)state;
  assert_int_equal(parse("v=1; a=rsa-sha256; n=00aBcD; h=" H64, &key), FRANK_OK);
  assert_string_equal(key.n, "00aBcD");
  assert_int_equal(key.alg, FRANK_ALG_RSA_SHA256);
  assert_int_equal(parse("v=1; a=rsa-sha256; n=" N64 "; h=" H64, &key), FRANK_OK);
  assert_string_equal(key.n, N64);
}

static void takes_a_missing_semicolon_after_n(void **state)
{
  static const struct {
    const char *value;
    enum frank_err err;
  } rows[] = {
      {"v=1; a=rsa-sha256; n=ba4f33\r\n    h=" H64, FRANK_OK},
      {"v=1; a=rsa-sha256; n=ba4f33 h=" H64 "; z=1", FRANK_OK},
      {"n = ba4f33\th=" H64 " ;a=rsa-sha256;v=1;", FRANK_OK},
      {"v=1; a=rsa-sha256; n=ba4f33h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 h =" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 h= " H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 h=" H64 " h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 h=" H64 "; h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n= h=" H64, FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 h=", FRANK_ERR_MALFORMED},
      {"v=1; a=rsa-sha256; n=ba4f33 x=" H64, FRANK_ERR_MALFORMED},
      {"v=1; n=ba4f33 a=rsa-sha256; h=" H64, FRANK_ERR_MALFORMED},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_msmr key;
    enum frank_err err = parse(rows[i].value, &key);
    char h[65];

    if (err != rows[i].err) {
      fail_msg("\"%s\": %s", rows[i].value, frank_err_text(err));
    }
    if (err == FRANK_OK) {
      assert_string_equal(key.n, "ba4f33");
      frank_hash_format(&key.h, h);
      assert_string_equal(h, H64);
    }
  }
}

static void set_nonce(struct frank_msmr *key, const char *n)
{
  assert_true(strlen(n) < sizeof key->n);
  memcpy(key->n, n, strlen(n) + 1);
}

static struct frank_msmr key_for(const char *n, const char *b, enum frank_alg alg)
{
  struct frank_msmr key = {.alg = alg};

  set_nonce(&key, n);
  frank_msmr_hash(n, strlen(n), b, strlen(b), &key.h);
  return key;
}

static void writes_two_lines_under_78_columns(void **state)
{
  struct frank_msmr key = {.alg = FRANK_ALG_ED25519_SHA256};
  char out[FRANK_MSMR_HEADER_MAX_BYTES];

  (void)state;
  assert_int_equal(frank_hash_parse(H64, 64, &key.h), FRANK_OK);
  set_nonce(&key, "0123456789012345678901234567890123456789");
  frank_msmr_format(&key, "\r\n", out);
  assert_string_equal(out, "MSMR-Key: v=1; a=ed25519-sha256; "
                           "n=0123456789012345678901234567890123456789;\r\n\th=" H64);
  assert_true(strcspn(out, "\r") <= 78);
  set_nonce(&key, "ba4f33");
  key.alg = FRANK_ALG_RSA_SHA256;
  frank_msmr_format(&key, "\n", out);
  assert_string_equal(out, "MSMR-Key: v=1; a=rsa-sha256; n=ba4f33;\n\th=" H64);
}

/* What another writer made and a reader takes. */
static void gives_a_long_nonce_a_line_of_its_own(void **state)
{
  struct frank_msmr key = {.alg = FRANK_ALG_ED25519_SHA256};
  char out[FRANK_MSMR_HEADER_MAX_BYTES];

  (void)state;
  assert_int_equal(frank_hash_parse(H64, 64, &key.h), FRANK_OK);
  set_nonce(&key, "01234567890123456789012345678901234567890");
  frank_msmr_format(&key, "\n", out);
  assert_string_equal(out, "MSMR-Key: v=1; a=ed25519-sha256;\n"
                           "\tn=01234567890123456789012345678901234567890;\n\th=" H64);
  set_nonce(&key, H64);
  frank_msmr_format(&key, "\r\n", out);
  assert_string_equal(out, "MSMR-Key: v=1; a=ed25519-sha256;\r\n\tn=" H64 ";\r\n\th=" H64);
}

static void reads_back_what_it_writes(void **state)
{
  (void)state;
  for (int i = 0; i < 2000; i++) {
    struct frank_msmr key = {.alg = (enum frank_alg)(i % FRANK_ALG_COUNT)}, again;
    char out[FRANK_MSMR_HEADER_MAX_BYTES];
    size_t digits = 1 + random_below(FRANK_MSMR_NONCE_MAX);

    for (size_t d = 0; d < digits; d++) {
      key.n[d] = "0123456789abcdef"[random_below(16)];
    }
    random_bytes(key.h.bytes, sizeof key.h.bytes);
    frank_msmr_format(&key, i % 2 ? "\n" : "\r\n", out);
    assert_memory_equal(out, "MSMR-Key:", 9);
    assert_int_equal(parse(out + 9, &again), FRANK_OK);
    assert_memory_equal(&again, &key, sizeof key);
  }
}

static void hashes_the_nonce_first(void **state)
{
  struct frank_hash ours, text;

  (void)state;
  frank_msmr_hash("1f", 2, B, strlen(B), &ours);
  frank_sha256("1f" B, strlen("1f" B), NULL, 0, &text);
  assert_int_equal(frank_hash_compare(&ours, &text), 0);
}

static void normalises_b_of_four_white_characters_only(void **state)
{
  static const struct {
    const char *text;
    size_t len;
    enum frank_err err;
    const char *b;
  } rows[] = {
      {"Zm9v", 4, FRANK_OK, "Zm9v"},
      {" Zm\r\n\t9v \n", 10, FRANK_OK, "Zm9v"},
      {"Z g = =", 7, FRANK_OK, "Zg=="},
      {"", 0, FRANK_ERR_MALFORMED, NULL},
      {" \r\n", 3, FRANK_ERR_MALFORMED, NULL},
      {"Zm9v\v", 5, FRANK_ERR_MALFORMED, NULL},
      {"Zm9v\f", 5, FRANK_ERR_MALFORMED, NULL},
      {"Zm9v\0", 5, FRANK_ERR_MALFORMED, NULL},
      {"Zm9v\xa0", 5, FRANK_ERR_MALFORMED, NULL},
      {"Zh==", 4, FRANK_ERR_MALFORMED, NULL},
      {"Zg", 2, FRANK_ERR_MALFORMED, NULL},
      {"Zg==Zm9v", 8, FRANK_ERR_MALFORMED, NULL},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char b[FRANK_B_MAX_BYTES + 1];
    size_t len = 0;
    const char *why = NULL;
    enum frank_err err = frank_b_normalize(rows[i].text, rows[i].len, b, &len, &why);

    if (err != rows[i].err) {
      fail_msg("row %zu: %s", i, frank_err_text(err));
    }
    if (rows[i].b) {
      assert_string_equal(b, rows[i].b);
      assert_int_equal(len, strlen(rows[i].b));
    } else {
      assert_non_null(why);
    }
  }
}

static void takes_b_of_2048_characters_and_no_more(void **state)
{
  char text[2052], b[FRANK_B_MAX_BYTES + 1];
  size_t len;
  const char *why;

  (void)state;
  memset(text, 'A', sizeof text);
  assert_int_equal(frank_b_normalize(text, 2048, b, &len, &why), FRANK_OK);
  assert_int_equal(len, 2048);
  assert_int_equal(strlen(b), 2048);
  assert_int_equal(frank_b_normalize(text, 2049, b, &len, &why), FRANK_ERR_TOO_LONG);
  assert_int_equal(frank_b_normalize(text, 2052, b, &len, &why), FRANK_ERR_TOO_LONG);
  text[2048] = text[2049] = text[2050] = text[2051] = '\n'; /* white space does not count */
  assert_int_equal(frank_b_normalize(text, 2052, b, &len, &why), FRANK_OK);
}

/* A message for the judge: up to ten keys and ten signatures. */
struct scene {
  char texts[10][FRANK_MSMR_HEADER_MAX_BYTES];
  const char *keys[10];
  size_t lens[10];
  size_t key_count;
  struct frank_signature signatures[10];
  size_t signature_count;
};

static void add_text(struct scene *scene, const char *value)
{
  scene->keys[scene->key_count] = value;
  scene->lens[scene->key_count++] = strlen(value);
}

static void add_key(struct scene *scene, const char *n, const char *b, enum frank_alg alg)
{
  struct frank_msmr key = key_for(n, b, alg);
  char *text = scene->texts[scene->key_count];

  frank_msmr_format(&key, "\n", text);
  add_text(scene, text + strlen(FRANK_MSMR_FIELD) + 1);
}

static void add_signature(struct scene *scene, const char *b, enum frank_alg alg)
{
  scene->signatures[scene->signature_count++] = (struct frank_signature){alg, b, strlen(b)};
}

static struct frank_judgement judge(const struct scene *scene, uint64_t factor)
{
  struct frank_judgement out;

  memset(&out, 0xa5, sizeof out);
  frank_msmr_judge(scene->keys, scene->lens, scene->key_count, scene->signatures,
                   scene->signature_count, factor, &out);
  assert_non_null(out.why);
  return out;
}

static void gives_each_verdict(void **state)
{
  struct scene scene = {0};
  struct frank_judgement out = judge(&scene, 1);

  (void)state;
  assert_int_equal(out.verdict, FRANK_VERDICT_NONE);
  assert_int_equal(out.key_index, -1);
  add_text(&scene, "n");
  out = judge(&scene, 1);
  assert_int_equal(out.verdict, FRANK_VERDICT_PERMERROR);
  assert_int_equal(out.key_index, 0);
  add_text(&scene, "v=2");
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_NEUTRAL);
  add_key(&scene, "1f", B, FRANK_ALG_RSA_SHA256);
  out = judge(&scene, 1);
  assert_int_equal(out.verdict, FRANK_VERDICT_FAIL); /* no signature */
  assert_int_equal(out.key_index, 2);
  assert_int_equal(out.signature_index, -1);
  assert_true(out.bits == 0.0);
  add_signature(&scene, B, FRANK_ALG_ED25519_SHA256); /* the same b, another a= */
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_FAIL);
  add_signature(&scene, B, FRANK_ALG_RSA_SHA256);
  assert_int_equal(judge(&scene, 0).verdict, FRANK_VERDICT_TEMPERROR);
  assert_int_equal(judge(&scene, FRANK_FACTOR_MAX).verdict, FRANK_VERDICT_POLICY);
  out = judge(&scene, 1);
  assert_int_equal(out.verdict, FRANK_VERDICT_PASS);
  assert_int_equal(out.key_index, 2);
  assert_int_equal(out.signature_index, 1);
  assert_string_equal(out.key.n, "1f");
  assert_true(out.bits == frank_target_bits(&out.key.h));
}

/* Of equal verdicts more work counts, wherever it stands; a malformed key above it changes nothing.
 */
static void lets_the_better_key_count(void **state)
{
  struct frank_msmr one = key_for("1", B, FRANK_ALG_RSA_SHA256);
  struct frank_msmr two = key_for("2", B, FRANK_ALG_RSA_SHA256);
  bool one_is_better = frank_hash_compare(&one.h, &two.h) < 0;
  const char *better = one_is_better ? "1" : "2", *worse = one_is_better ? "2" : "1";

  (void)state;
  for (int better_at = 0; better_at < 2; better_at++) {
    struct frank_judgement out;
    struct scene scene = {0};

    add_key(&scene, better_at == 0 ? better : worse, B, FRANK_ALG_RSA_SHA256);
    add_key(&scene, better_at == 0 ? worse : better, B, FRANK_ALG_RSA_SHA256);
    add_signature(&scene, B, FRANK_ALG_RSA_SHA256);
    out = judge(&scene, FRANK_FACTOR_MAX);
    assert_int_equal(out.verdict, FRANK_VERDICT_POLICY);
    assert_int_equal(out.key_index, better_at);
    assert_string_equal(out.key.n, better);
    scene.keys[1 - better_at] = "n";
    scene.lens[1 - better_at] = 1;
    assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_PASS);
    assert_int_equal(judge(&scene, 1).key_index, better_at);
  }
}

static void looks_at_8_keys_and_8_signatures(void **state)
{
  struct scene scene = {0};

  (void)state;
  for (int i = 0; i < 8; i++) {
    add_text(&scene, "junk");
  }
  add_key(&scene, "1f", B, FRANK_ALG_RSA_SHA256);
  add_signature(&scene, B, FRANK_ALG_RSA_SHA256);
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_PERMERROR); /* the ninth key */
  scene.keys[7] = scene.keys[8];
  scene.lens[7] = scene.lens[8];
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_PASS); /* the eighth */
  scene.signature_count = 0;
  for (int i = 0; i < 8; i++) {
    add_signature(&scene, "Zm9v", FRANK_ALG_RSA_SHA256);
  }
  add_signature(&scene, B, FRANK_ALG_RSA_SHA256);
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_FAIL); /* the ninth signature */
  scene.signatures[7] = scene.signatures[8];
  assert_int_equal(judge(&scene, 1).verdict, FRANK_VERDICT_PASS);
  assert_int_equal(judge(&scene, 1).signature_index, 7);
}

static void names_algorithms_and_verdicts(void **state)
{
  static const char *const verdicts[FRANK_VERDICT_COUNT] = {
      "pass", "policy", "temperror", "fail", "neutral", "permerror", "none"};
  enum frank_alg alg;

  (void)state;
  for (size_t i = 0; i < FRANK_VERDICT_COUNT; i++) {
    assert_string_equal(frank_verdict_name((enum frank_verdict)i), verdicts[i]);
  }
  for (size_t i = 0; i < FRANK_ALG_COUNT; i++) {
    const char *name = frank_alg_name((enum frank_alg)i);

    assert_int_equal(frank_alg_parse(name, strlen(name), &alg), FRANK_OK);
    assert_int_equal(alg, i);
    assert_int_equal(frank_alg_parse(name, strlen(name) - 1, &alg), FRANK_ERR_UNSUPPORTED);
  }
  assert_int_equal(frank_alg_parse("rsa-sha1", 8, &alg), FRANK_ERR_UNSUPPORTED);
  assert_int_equal(frank_alg_parse("", 0, &alg), FRANK_ERR_UNSUPPORTED);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(judges_a_header_in_the_specs_order),
      cmocka_unit_test(keeps_the_nonce_as_it_stands),
      cmocka_unit_test(takes_a_missing_semicolon_after_n),
      cmocka_unit_test(writes_two_lines_under_78_columns),
      cmocka_unit_test(gives_a_long_nonce_a_line_of_its_own),
      cmocka_unit_test(reads_back_what_it_writes),
      cmocka_unit_test(hashes_the_nonce_first),
      cmocka_unit_test(normalises_b_of_four_white_characters_only),
      cmocka_unit_test(takes_b_of_2048_characters_and_no_more),
      cmocka_unit_test(gives_each_verdict),
      cmocka_unit_test(lets_the_better_key_count),
      cmocka_unit_test(looks_at_8_keys_and_8_signatures),
      cmocka_unit_test(names_algorithms_and_verdicts),
  };

  random_seed();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
