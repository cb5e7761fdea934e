/* wire: every allocation fails once, jansson's and our own: an error, no crash, no leak. */
#include "door/messages.h"
#include "door/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Our own calls, and jansson's, for which wire.c has an allocator of its own. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *block);
void __wrap_free(void *block);

static bool counting;
static long until_failure; /* 0: this one; below 0: none */
static long allocations;
static long living;

void *__wrap_malloc(size_t size)
{
  if (counting) {
    allocations++;
    if (until_failure-- == 0) {
      return NULL;
    }
    living++;
  }
  return __real_malloc(size);
}

void __wrap_free(void *block)
{
  if (counting && block) {
    living--;
  }
  __real_free(block);
}

#define B88                                                                                        \
  "7WEhrjUuhJ1y5Gn3wkPzEYSlJDoeZsaBd1yBD9qcDTPVYRLs3nLpNXRcmv1oONSzzkvBUXCTr5TMbcVaawEsAA=="

static enum frank_err parse_mint(const char *body, struct frank_wire_fault *fault)
{
  struct frank_request request;
  char b[FRANK_B_MAX_BYTES + 1];
  char *domains = NULL;
  enum frank_err err = frank_wire_mint_parse(body, strlen(body), &request, b, &domains, fault);
  __wrap_free(domains);
  return err;
}

static enum frank_err parse_cancel(const char *body, struct frank_wire_fault *fault)
{
  char id[FRANK_WIRE_ID_MAX_BYTES + 1];
  return frank_wire_cancel_parse(body, strlen(body), id, fault);
}

static enum frank_err parse_factor(const char *body, struct frank_wire_fault *fault)
{
  struct frank_wire_question question;
  enum frank_err err = frank_wire_factor_parse(body, strlen(body), &question, fault);
  __wrap_free(question.domains);
  return err;
}

static enum frank_err parse_plain(const char *body, struct frank_wire_fault *fault)
{
  return frank_wire_plain_parse(body, strlen(body), fault);
}

static enum frank_err format_factor(const char *body, struct frank_wire_fault *fault)
{
  static const struct {
    struct frank_door_factor factor;
    struct frank_door_domain row;
  } record = {.factor = {.factor = 5,
                         .source = "floor",
                         .rate_hps = 1,
                         .domain_count = 1,
                         .source_count = 1,
                         .sources = {{.name = "floor", .kind = "floor"}}}};
  char *text = NULL;
  size_t len = 0;
  enum frank_err err = frank_wire_factor_format(&record, sizeof record, body, 1, &text, &len);
  __wrap_free(text);
  frank_wire_fault_set(fault, "internal", "no memory");
  return err;
}

static const struct {
  enum frank_err (*run)(const char *body, struct frank_wire_fault *fault);
  const char *body;
  enum frank_err want;
} rows[] = {
    {parse_mint,
     "{\"b\":\"" B88 "\",\"a\":\"rsa-sha256\",\"factor\":5,\"x\":[1.5,{\"y\":\"\\u00e4\"}],"
     "\"recipients\":[\"a@x.example\",\"y.example\"]}",
     FRANK_OK},
    {parse_mint, "{\"dkim\":\"v=1; a=rsa-sha256; d=x; s=y; h=from; bh=; b=" B88 "\"}", FRANK_OK},
    {parse_mint, "{\"b\":\"AAA\"}", FRANK_ERR_MALFORMED},
    {parse_mint, "{\"b\":\"AAAA\",\"factor\":1.5}", FRANK_ERR_MALFORMED},
    {parse_mint, "{\"b\":\"AAAA\"", FRANK_ERR_MALFORMED},
    {parse_cancel, "{\"id\":\"r1\"}", FRANK_OK},
    {parse_cancel, "{\"id\":\"a b\"}", FRANK_ERR_MALFORMED},
    {parse_factor, "{\"recipients\":[\"a@x.example\",\"b@X.example\",\"y.example\"]}", FRANK_OK},
    {parse_factor, "", FRANK_OK},
    {parse_plain, "{}", FRANK_OK},
    {parse_plain, "", FRANK_OK},
    {format_factor, "x.example", FRANK_OK},
};

static void every_failing_allocation_is_an_error(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    long sites = 0;
    enum frank_err err = FRANK_ERR_NOMEM;
    for (;; sites++) {
      struct frank_wire_fault fault = {.code = "", .message = ""};
      until_failure = sites;
      allocations = 0;
      living = 0;
      counting = true;
      err = rows[i].run(rows[i].body, &fault);
      counting = false;
      if (living != 0) {
        fail_msg("row %zu, allocation %ld: %ld blocks leaked", i, sites, living);
      }
      if (allocations <= sites) {
        break; /* none failed any more */
      }
      /* No memory for the request; or, where it was refused, none to show the value with. */
      if (err != FRANK_ERR_NOMEM &&
          (err != FRANK_ERR_MALFORMED || rows[i].want != FRANK_ERR_MALFORMED)) {
        fail_msg("row %zu, allocation %ld: %s: %s", i, sites, frank_err_text(err), fault.message);
      }
      assert_true(fault.code[0] != '\0' && fault.message[0] != '\0');
      if (err == FRANK_ERR_NOMEM) {
        assert_string_equal(fault.code, "internal");
      }
    }
    assert_int_equal(err, rows[i].want);
    assert_true(sites > 0);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_failing_allocation_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
