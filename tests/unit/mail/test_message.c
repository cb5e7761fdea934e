/* Messages as they come: line ends, folds, odd headers, bounds, and the choice of a signature. */
#include "mail/message.h"
#include "proof/target.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct frank_message open_bytes(const char *text, size_t len)
{
  struct frank_message message;
  const char *why = NULL;

  assert_int_equal(frank_message_open(text, len, &message, &why), FRANK_OK);
  assert_true(message.header_at <= message.header_end && message.header_end <= message.body_at &&
              message.body_at <= message.len_bytes);
  return message;
}

static struct frank_message open_text(const char *text)
{
  return open_bytes(text, strlen(text));
}

/* "name<value>name<value>|body" */
static const char *show(const struct frank_message *message)
{
  static char out[4096];
  struct frank_field field;
  size_t cursor = 0, at = 0, count = 0, expected_at = message->header_at;

  while (frank_message_next(message, &cursor, &field)) {
    assert_int_equal(field.at, expected_at); /* fields follow each other without a gap */
    expected_at = field.end;
    count++;
    at += (size_t)snprintf(out + at, sizeof out - at, "%.*s<%.*s>", (int)field.name.len_bytes,
                           field.name.text, (int)field.value.len_bytes, field.value.text);
  }
  assert_int_equal(expected_at, message->header_end);
  assert_int_equal(count, message->field_count);
  snprintf(out + at, sizeof out - at, "|%.*s", (int)(message->len_bytes - message->body_at),
           message->text + message->body_at);
  return out;
}

static void reads_messages_as_they_come(void **state)
{
  static const struct {
    const char *text, *shown;
  } rows[] = {
      {"", "|"},
      {"\r\n", "|"},
      {"\n", "|"},
      {"\r\nA: 1\r\n", "|A: 1\r\n"},
      {"A: 1\r\nB: 2\r\n\r\nbody\r\n", "A< 1>B< 2>|body\r\n"},
      {"A: 1\nB: 2\n\nbody\n", "A< 1>B< 2>|body\n"},
      {"A: 1\nB: 2\r\n\nbody", "A< 1>B< 2>|body"},
      {"A:1", "A<1>|"},
      {"A:1\r\n", "A<1>|"},
      {"A:", "A<>|"},
      {"A:\r\n\r\n", "A<>|"},
      {"A: x\r\n\ty\r\n  z\r\nB: 2\r\n\r\n", "A< x\r\n\ty\r\n  z>B< 2>|"},
      {"A: x\n y", "A< x\n y>|"},
      {"A: x\r\n \r\nB: 2\r\n\r\n", "A< x\r\n >B< 2>|"}, /* a blank continuation is not the end */
      {"A: x\r\r\n\r\n", "A< x\r>|"},
      {"A: x\rB: y\r\n\r\n", "A< x\rB: y>|"}, /* a bare CR ends no line */
      {"A \t: 1\r\n\r\n", "A< 1>|"},          /* obsolete syntax */
      {"A::b:\r\n\r\n", "A<:b:>|"},
      {"From a@b Thu Jan  1\r\nA: 1\r\n\r\nx", "A< 1>|x"},
      {"From a@b\n\nx", "|x"},
      {"From a@b", "|"},
      {"From: a@b\n\nx", "From< a@b>|x"},
      {"From : a@b\n\nx", "|x"}, /* "From " first is the mbox line, whatever follows */
      {"A: 1\nFrom a@b\nB: 2\n\n", "A< 1>|From a@b\nB: 2\n\n"}, /* only as the first line */
      {"A: 1\nno field\nB: 2\n", "A< 1>|no field\nB: 2\n"},
      {" x\nA: 1\n", "| x\nA: 1\n"}, /* continues nothing */
      {": 1\nA: 1\n", "|: 1\nA: 1\n"},
      {"\xc3\xa4: 1\n", "|\xc3\xa4: 1\n"},
      {"A: \xc3\xa4\n\n", "A< \xc3\xa4>|"},
      {"A b: 1\n", "|A b: 1\n"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_message message = open_text(rows[i].text);

    if (strcmp(show(&message), rows[i].shown) != 0) {
      fail_msg("row %zu: %s", i, show(&message));
    }
  }
}

static void takes_nul_bytes_as_bytes(void **state)
{
  static const char text[] = "A: x\0y\r\n\tz\r\nB: 2\r\n\r\nbo\0dy";
  static const char in_name[] = "A: 1\nB\0: 2\nC: 3\n";
  struct frank_message message = open_bytes(text, sizeof text - 1);
  struct frank_field field;
  size_t cursor = 0;

  (void)state;
  assert_int_equal(message.field_count, 2);
  assert_true(frank_message_next(&message, &cursor, &field));
  assert_int_equal(field.value.len_bytes, 8);
  assert_memory_equal(field.value.text, " x\0y\r\n\tz", 8);
  assert_int_equal(message.len_bytes - message.body_at, 5);
  message = open_bytes(in_name, sizeof in_name - 1);
  assert_int_equal(message.field_count, 1);
  assert_int_equal(message.body_at, 5);
}

static void tells_the_line_end_and_where_to_put_a_field(void **state)
{
  static const struct {
    const char *text, *line_end;
    size_t header_at;
  } rows[] = {
      {"A: 1\r\nB: 2\n\n", "\r\n", 0},
      {"A: 1\nB: 2\r\n\r\n", "\n", 0},
      {"", "\n", 0},
      {"A: 1", "\n", 0},
      {"From x\r\nA: 1\r\n", "\r\n", 8},
      {"From x\nA: 1\r\nB: 2\n", "\r\n", 7}, /* the message's own, not that of mbox */
      {"From x\r\nA: 1\nB: 2\n", "\n", 8},
      {"From x\r\nA: 1", "\r\n", 8},
      {"From x\r\n", "\r\n", 8},
      {"From x", "\n", 6},
      {"\n", "\n", 0},
      {"From x\nA: 1\n", "\n", 7},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_message message = open_text(rows[i].text);

    assert_string_equal(message.line_end, rows[i].line_end);
    assert_int_equal(message.header_at, rows[i].header_at);
  }
}

static void finds_fields_by_name_in_any_case(void **state)
{
  struct frank_message message =
      open_text("To: 1\nTo-X: 2\nTO : 3\nT: 4\ntO: 5\n\nTo: in the body\n");
  struct frank_field field;
  size_t cursor = 0;
  char found[16] = "";

  (void)state;
  while (frank_message_next_named(&message, "to", &cursor, &field)) {
    strncat(found, field.value.text, field.value.len_bytes);
  }
  assert_string_equal(found, " 1 3 5");
}

/* Copies without a NUL, over what is there. Returns where it ended. */
static char *put(char *at, const char *text)
{
  while (*text) {
    *at++ = *text++;
  }
  return at;
}

static void takes_4096_fields_and_no_more(void **state)
{
  size_t len = 0;
  char *text = malloc((size_t)5 * 4097 + 1);
  struct frank_message message;
  const char *why = NULL;

  (void)state;
  assert_non_null(text);
  for (int i = 0; i < 4097; i++) {
    len += (size_t)sprintf(text + len, "A: 1\n");
  }
  assert_int_equal(open_bytes(text, len - 5).field_count, 4096);
  assert_int_equal(frank_message_open(text, len, &message, &why), FRANK_ERR_TOO_LONG);
  assert_non_null(strstr(why, "4096 fields"));
  put(text + len - 5, "\nA:1\n"); /* the rest is body */
  assert_int_equal(open_bytes(text, len).field_count, 4096);
  free(text);
}

static void takes_a_mebibyte_of_header_and_no_more(void **state)
{
  const size_t size = (size_t)3 << 20;
  char *text = malloc(size);
  struct frank_message message;
  const char *why = NULL;

  (void)state;
  assert_non_null(text);
  memset(text, 'x', size);
  put(text, "From x\nA:");
  text[7 + FRANK_MESSAGE_HEADER_MAX_BYTES - 1] = '\n'; /* the field's end, just within */
  message = open_bytes(text, size);
  assert_int_equal(message.field_count, 1);
  assert_int_equal(message.header_end, 7 + FRANK_MESSAGE_HEADER_MAX_BYTES);
  assert_int_equal(message.body_at, message.header_end);

  put(text + 7 + FRANK_MESSAGE_HEADER_MAX_BYTES, "B:"); /* one field more */
  assert_int_equal(frank_message_open(text, size, &message, &why), FRANK_ERR_TOO_LONG);
  assert_non_null(strstr(why, "1 MiB"));
  text[7 + FRANK_MESSAGE_HEADER_MAX_BYTES] = ' '; /* or a continuation */
  assert_int_equal(frank_message_open(text, size, &message, &why), FRANK_ERR_TOO_LONG);
  text[7 + FRANK_MESSAGE_HEADER_MAX_BYTES - 1] = 'x'; /* or no end at all */
  assert_int_equal(frank_message_open(text, size, &message, &why), FRANK_ERR_TOO_LONG);
  free(text);
}

#define RSA(domain, b)     "DKIM-Signature: v=1; a=rsa-sha256; d=" domain "; b=" b "\n"
#define ED25519(domain, b) "DKIM-Signature: v=1; a=ed25519-sha256; d=" domain "; b=" b "\n"

#define THREE RSA("a.org", "Zm9v") RSA("a.org", "Zm9v") RSA("a.org", "Zm9v")
#define SEVEN THREE THREE RSA("a.org", "Zm9v")

static void chooses_the_first_usable_signature(void **state)
{
  static const enum frank_alg rsa = FRANK_ALG_RSA_SHA256, ed25519 = FRANK_ALG_ED25519_SHA256;
  static const struct {
    const char *text, *domain, *b; /* b NULL: none, and then why */
    const char *why;
    const enum frank_alg *alg;
  } rows[] = {
      {RSA("a.org", "Zm9v") RSA("b.org", "YmFy"), NULL, "Zm9v", NULL, NULL},
      {RSA("a.org", "Zm9v") RSA("b.org", "YmFy"), "b.org", "YmFy", NULL, NULL},
      {RSA("a.org", "Zm9v") RSA("b.org", "YmFy"), "B.ORG", "YmFy", NULL, NULL},
      {RSA("a.org", "Zm9v") ED25519("a.org", "YmFy"), "a.org", "Zm9v", NULL, NULL},
      {"dkim-signature: v=1; a=rsa-sha1; b=Zm9v\n" RSA("a.org", "YmFy"), NULL, "YmFy", NULL, NULL},
      {RSA("a.org", "Zm8") RSA("b.org", "Y m\n\tFy"), NULL, "YmFy", NULL, NULL},
      {"DKIM-Signature: junk\n" ED25519("a.org", "YmFy"), "a.org", "YmFy", NULL, NULL},
      {RSA("a.org", "Zm8") RSA("b.org", "YmFy"), "a.org", NULL, "wanted d=", NULL},
      {"DKIM-Signature: v=1; a=rsa-sha256; b=Zm9v\n", "a.org", NULL, "wanted d=", NULL},
      {"DKIM-Signature: v=1; a=rsa-sha1; b=Zm9v\n", NULL, NULL, "a= is neither", NULL},
      {"DKIM-Signature: v=1; a=rsa-sha256\nDKIM-Signature: x\n", NULL, NULL, "no b=", NULL},
      {"From: a@b\n\n" RSA("a.org", "Zm9v"), NULL, NULL, "no DKIM-Signature", NULL},
      {"X-DKIM-Signature: v=1; a=rsa-sha256; b=Zm9v\n", NULL, NULL, "no DKIM-Signature", NULL},
      {"", NULL, NULL, "no DKIM-Signature", NULL},
      {RSA("a.org", "Zm9v") ED25519("a.org", "YmFy"), NULL, "YmFy", NULL, &ed25519},
      {RSA("a.org", "Zm9v") ED25519("a.org", "YmFy"), "A.org", "YmFy", NULL, &ed25519},
      {RSA("a.org", "Zm9v") ED25519("b.org", "YmFy"), "b.org", NULL, "wanted d= and a=", &rsa},
      {RSA("a.org", "Zm9v"), NULL, NULL, "no usable DKIM-Signature has the wanted a=", &ed25519},
      {RSA("a.org", "Zm8"), NULL, NULL, "padding", &ed25519},
      /* the eighth counts, the ninth does not, for a verifier does not look at it */
      {SEVEN RSA("b.org", "YmFy") RSA("c.org", "Zm9v"), "b.org", "YmFy", NULL, NULL},
      {SEVEN RSA("b.org", "YmFy") RSA("c.org", "Zm9v"), "c.org", NULL,
       "none of the first 8 usable DKIM-Signatures, all that count, has the wanted d=", NULL},
      {SEVEN RSA("a.org", "YmFy") ED25519("a.org", "Zm9v"), NULL, NULL, "first 8", &ed25519},
      {SEVEN RSA("x.org", "Zm8") ED25519("a.org", "YmFy"), NULL, "YmFy", NULL, &ed25519},
  };

  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_message message = open_text(rows[i].text);
    struct frank_dkim dkim;
    const char *why = NULL;
    enum frank_err err = frank_message_choose(&message, rows[i].domain, rows[i].alg, &dkim, &why);

    assert_int_equal(err, rows[i].b ? FRANK_OK : FRANK_ERR_NOT_FOUND);
    if (rows[i].b ? strcmp(dkim.b, rows[i].b) != 0 : !strstr(why, rows[i].why)) {
      fail_msg("row %zu: %s", i, err ? why : dkim.b);
    }
  }
}

static char *append(char *at, const char *text)
{
  at = put(at, text);
  *at = '\0';
  return at;
}

/* `junk` unusable signatures, then `good` usable ones, then a stamp for the last of these. */
static void write_crowd(char *text, size_t junk, size_t good, const char *last_b)
{
  struct frank_msmr key = {.alg = FRANK_ALG_RSA_SHA256, .n = "1"};
  char header[FRANK_MSMR_HEADER_MAX_BYTES];

  for (size_t i = 0; i < junk; i++) {
    text = append(text, RSA("a.org", "Zm8"));
  }
  for (size_t i = 1; i < good; i++) {
    text = append(text, RSA("a.org", "Zm9v"));
  }
  text = append(text, "DKIM-Signature: v=1; a=rsa-sha256; b=");
  text = append(append(text, last_b), "\n");
  frank_msmr_hash("1", 1, last_b, strlen(last_b), &key.h);
  frank_msmr_format(&key, "\n", header);
  append(append(text, header), "\n\nbody");
}

/* A signature that is passed over does not use up one of the eight; 64 fields are looked at. */
static void what_is_minted_for_is_what_is_verified(void **state)
{
  static const struct {
    size_t junk, good;
    enum frank_verdict verdict;
  } rows[] = {
      {0, 1, FRANK_VERDICT_PASS},  {0, 8, FRANK_VERDICT_PASS},  {0, 9, FRANK_VERDICT_FAIL},
      {50, 1, FRANK_VERDICT_PASS}, {56, 8, FRANK_VERDICT_PASS}, {57, 8, FRANK_VERDICT_FAIL},
      {63, 1, FRANK_VERDICT_PASS}, {64, 1, FRANK_VERDICT_FAIL}, {500, 1, FRANK_VERDICT_FAIL},
  };
  char *text = malloc(65536);

  (void)state;
  assert_non_null(text);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct frank_message message;
    struct frank_proofs proofs;
    struct frank_judgement out;
    struct frank_dkim dkim;
    const char *why;

    write_crowd(text, rows[i].junk, rows[i].good, "YmFy");
    message = open_text(text);
    frank_message_collect(&message, &proofs);
    assert_int_equal(proofs.signature_fields, rows[i].junk + rows[i].good);
    frank_proofs_judge(&proofs, 1, &out);
    if (out.verdict != rows[i].verdict) {
      fail_msg("%zu junk, %zu good: %s", rows[i].junk, rows[i].good,
               frank_verdict_name(out.verdict));
    }
    if (rows[i].good == 1) { /* the first usable one is also the one that is stamped */
      enum frank_err err = frank_message_choose(&message, NULL, NULL, &dkim, &why);
      assert_int_equal(err == FRANK_OK, rows[i].verdict == FRANK_VERDICT_PASS);
    }
  }
  free(text);
}

static void looks_at_the_first_eight_keys(void **state)
{
  char text[4096];
  struct frank_msmr key = {.alg = FRANK_ALG_RSA_SHA256, .n = "1"};
  char header[FRANK_MSMR_HEADER_MAX_BYTES];

  (void)state;
  frank_msmr_hash("1", 1, "Zm9v", 4, &key.h);
  frank_msmr_format(&key, "\n", header);
  for (size_t junk = 6; junk <= 8; junk++) {
    struct frank_message message;
    struct frank_proofs proofs;
    struct frank_judgement out;
    char *at = append(text, RSA("a.org", "Zm9v"));

    for (size_t i = 0; i < junk; i++) {
      at = append(at, "msmr-KEY: v=1; a=rsa-sha256; n=1; h=0\n");
    }
    append(append(at, header), "\n");
    message = open_text(text);
    frank_message_collect(&message, &proofs);
    assert_int_equal(proofs.key_fields, junk + 1);
    assert_int_equal(proofs.key_count, junk < 8 ? junk + 1 : 8);
    frank_proofs_judge(&proofs, 1, &out);
    assert_int_equal(out.verdict, junk < 8 ? FRANK_VERDICT_PASS : FRANK_VERDICT_PERMERROR);
    assert_int_equal(frank_message_has_stamp(&message, &proofs.signatures[0], 1, &out), junk < 8);
  }
}

static void knows_a_message_that_has_its_stamp(void **state)
{
  struct frank_message message;
  struct frank_dkim other = {.alg = FRANK_ALG_RSA_SHA256, .b = "YmFy", .b_len = 4}, chosen;
  struct frank_judgement out;
  char text[1024];
  const char *why;

  (void)state;
  write_crowd(text, 0, 1, "Zm9v");
  message = open_text(text);
  assert_int_equal(frank_message_choose(&message, NULL, NULL, &chosen, &why), FRANK_OK);
  assert_true(frank_message_has_stamp(&message, &chosen, 1, &out));
  assert_int_equal(out.verdict, FRANK_VERDICT_PASS);
  assert_string_equal(out.key.n, "1");
  assert_false(
      frank_message_has_stamp(&message, &chosen, FRANK_FACTOR_MAX, &out)); /* not that much */
  assert_false(frank_message_has_stamp(&message, &other, 1, &out));        /* another's stamp */
  chosen.alg = FRANK_ALG_ED25519_SHA256;
  assert_false(frank_message_has_stamp(&message, &chosen, 1, &out));
}

/* Writes `len` bytes into a pipe from a child, in pieces, and reads them back. */
static void read_through_pipe(const char *data, size_t len, size_t piece, size_t max,
                              enum frank_err expected, size_t expected_len)
{
  int ends[2], status;
  char *text = NULL;
  size_t got = 0;
  pid_t child;

  assert_int_equal(pipe(ends), 0);
  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    close(ends[0]);
    for (size_t at = 0; at < len; at += piece) {
      size_t take = len - at < piece ? len - at : piece;
      if (write(ends[1], data + at, take) < 0) {
        _exit(1);
      }
    }
    _exit(0);
  }
  close(ends[1]);
  assert_int_equal(frank_message_read(ends[0], max, &text, &got), expected);
  assert_int_equal(got, expected_len);
  assert_memory_equal(text, data, got);
  free(text);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
}

static void reads_a_descriptor_to_its_end(void **state)
{
  char *data = malloc(300000);

  (void)state;
  assert_non_null(data);
  for (size_t i = 0; i < 300000; i++) {
    data[i] = (char)(i * 7 + i / 256);
  }
  read_through_pipe(data, 300000, 4096, 300000, FRANK_OK, 300000);
  read_through_pipe(data, 300000, 70000, FRANK_MESSAGE_MAX_BYTES, FRANK_OK, 300000);
  read_through_pipe(data, 65536, 65536, 1000000, FRANK_OK, 65536);
  read_through_pipe(data, 300000, 65536, 299999, FRANK_ERR_TOO_LONG, 300000);
  read_through_pipe(data, 300000, 65536, 100, FRANK_ERR_TOO_LONG, 101);
  read_through_pipe(data, 1, 1, 0, FRANK_ERR_TOO_LONG, 1);
  free(data);
}

static void says_what_went_wrong_with_a_descriptor(void **state)
{
  char *text;
  size_t len;
  int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);

  (void)state;
  assert_true(folder >= 0 && empty >= 0);
  assert_int_equal(frank_message_read(folder, 100, &text, &len), FRANK_ERR_IO);
  assert_int_equal(errno, EISDIR);
  free(text);
  close(folder);
  assert_int_equal(frank_message_read(folder, 100, &text, &len), FRANK_ERR_IO);
  assert_int_equal(errno, EBADF);
  free(text);
  assert_int_equal(frank_message_read(empty, 100, &text, &len), FRANK_OK);
  assert_int_equal(len, 0);
  assert_int_equal(open_bytes(text, len).field_count, 0);
  free(text);
  close(empty);
}

/* Linked in the place of realloc: fails when the count of calls comes to fail_at. */
void *__real_realloc(void *old, size_t size); // NOLINT(bugprone-reserved-identifier)
void *__wrap_realloc(void *old, size_t size); // NOLINT(bugprone-reserved-identifier)
static int realloc_calls, fail_at;

void *__wrap_realloc(void *old, size_t size) // NOLINT(bugprone-reserved-identifier)
{
  return ++realloc_calls == fail_at ? NULL : __real_realloc(old, size);
}

/* Memory that ends at any step: what had been read by then is handed over, and nothing is lost. */
static void hands_over_what_it_had_when_memory_ends(void **state)
{
  static const size_t kept[] = {0, 65536, 131072, 262144};
  static char data[400000];

  (void)state;
  memset(data, 'm', sizeof data);
  for (int step = 0; step < 4; step++) {
    realloc_calls = 0;
    fail_at = step + 1;
    read_through_pipe(data, sizeof data, 50000, sizeof data, FRANK_ERR_NOMEM, kept[step]);
  }
  realloc_calls = 0;
  fail_at = 5;
  read_through_pipe(data, sizeof data, 50000, sizeof data, FRANK_OK, sizeof data);
  assert_int_equal(realloc_calls, 4);
  fail_at = 0;
}

static volatile sig_atomic_t alarms;
static int alarm_fd;

static void tell_alarm(int number)
{
  (void)number;
  alarms = alarms + (write(alarm_fd, "!", 1) == 1);
}

/* A signal in the middle of a read is no end and no error. The other end writes after the tenth. */
static void reads_on_after_a_signal(void **state)
{
  enum { BEFORE = 10 };
  struct sigaction action = {.sa_handler = tell_alarm}, before; /* without SA_RESTART */
  struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
  int ends[2], told[2], status;
  char *text;
  size_t len;
  pid_t child;

  (void)state;
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(pipe(told), 0);
  assert_int_equal(fcntl(told[1], F_SETFL, O_NONBLOCK), 0); /* a handler may not wait */
  alarm_fd = told[1];
  child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    char byte;
    int got = 0;

    while (got < BEFORE && read(told[0], &byte, 1) == 1) {
      got++;
    }
    _exit(got == BEFORE && write(ends[1], "A: 1\n\n", 6) == 6 ? 0 : 1);
  }
  close(ends[1]);
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
  enum frank_err err = frank_message_read(ends[0], 100, &text, &len);
  assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
  assert_int_equal(err, FRANK_OK);
  assert_int_equal(len, 6);
  assert_true(alarms >= BEFORE);
  free(text);
  close(ends[0]);
  close(told[0]);
  close(told[1]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

int main(void)
{
  static const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_messages_as_they_come),
      cmocka_unit_test(takes_nul_bytes_as_bytes),
      cmocka_unit_test(tells_the_line_end_and_where_to_put_a_field),
      cmocka_unit_test(finds_fields_by_name_in_any_case),
      cmocka_unit_test(takes_4096_fields_and_no_more),
      cmocka_unit_test(takes_a_mebibyte_of_header_and_no_more),
      cmocka_unit_test(chooses_the_first_usable_signature),
      cmocka_unit_test(what_is_minted_for_is_what_is_verified),
      cmocka_unit_test(looks_at_the_first_eight_keys),
      cmocka_unit_test(knows_a_message_that_has_its_stamp),
      cmocka_unit_test(reads_a_descriptor_to_its_end),
      cmocka_unit_test(hands_over_what_it_had_when_memory_ends),
      cmocka_unit_test(reads_on_after_a_signal),
      cmocka_unit_test(says_what_went_wrong_with_a_descriptor),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
