/* The layout of a search. See plan.h. */
#include "proof/plan.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define COUNTER_DIGITS 8
#define PADDING_BYTES  9 /* 0x80 and the length in 64 bits */
#define NONCES_PER_FACTOR_LOG2                                                                     \
  6 /* 64 times the factor: a search ends without a hit once in e^64                               \
     */

static const char hex_digits[] = "0123456789abcdef";

static size_t blocks_for(size_t message_bytes)
{
  return (message_bytes + PADDING_BYTES + FRANK_SHA256_BLOCK_BYTES - 1) / FRANK_SHA256_BLOCK_BYTES;
}

enum frank_err frank_plan_make(size_t suffix_bytes, uint64_t factor, struct frank_plan *plan)
{
  size_t digits = FRANK_PLAN_DIGITS_MIN;
  size_t blocks, most;

  if (suffix_bytes < 1 || suffix_bytes > FRANK_PLAN_SUFFIX_MAX_BYTES || factor < 1 ||
      factor > FRANK_FACTOR_MAX) {
    return FRANK_ERR_RANGE;
  }
  while (digits < 16 && UINT64_C(1) << (4 * digits) < factor << NONCES_PER_FACTOR_LOG2) {
    digits++; /* 15 at most: 64 * factor < 2^59 */
  }
  blocks = blocks_for(digits + suffix_bytes);
  most = blocks * FRANK_SHA256_BLOCK_BYTES - PADDING_BYTES - suffix_bytes;
  digits = most < FRANK_PLAN_DIGITS_MAX ? most : FRANK_PLAN_DIGITS_MAX;

  *plan = (struct frank_plan){
      .digits = (uint8_t)digits,
      .blocks = (uint8_t)blocks,
      .counter_word = (uint8_t)(digits / 4 - 2),
      .suffix_bytes = (uint16_t)suffix_bytes,
  };
  memcpy(plan->init, frank_sha256_h, sizeof plan->init);
  return FRANK_OK;
}

static bool is_counter_place(const struct frank_plan *plan, size_t i)
{
  size_t first = (size_t)plan->counter_word * 4;

  return i >= first && i < first + COUNTER_DIGITS;
}

void frank_plan_nonce_start(const struct frank_plan *plan, const uint8_t random[40],
                            struct frank_nonce *nonce)
{
  memset(nonce->text, 0, sizeof nonce->text);
  for (size_t i = 0; i < plan->digits; i++) {
    nonce->text[i] = is_counter_place(plan, i) ? '0' : hex_digits[random[i] & 15];
  }
}

void frank_plan_nonce_next(const struct frank_plan *plan, struct frank_nonce *nonce)
{
  for (size_t i = plan->digits; i-- > 0;) {
    char c = nonce->text[i];

    if (is_counter_place(plan, i)) {
      continue;
    }
    if (c != 'f') {
      nonce->text[i] = c == '9' ? 'a' : (char)(c + 1);
      return;
    }
    nonce->text[i] = '0'; /* and carry */
  }
}

void frank_plan_nonce_at(const struct frank_plan *plan, const struct frank_nonce *nonce,
                         uint32_t counter, char text[FRANK_PLAN_DIGITS_MAX + 1])
{
  char *place = text + (size_t)plan->counter_word * 4;

  memcpy(text, nonce->text, plan->digits);
  for (size_t i = 0; i < COUNTER_DIGITS; i++) {
    place[i] = hex_digits[(counter >> (28 - 4 * i)) & 15];
  }
  text[plan->digits] = '\0';
}

/* Copies the part of `piece`, which stands at `piece_at` in the padded message, that falls into the
 * window of `len_bytes` at `window_at`. */
static void copy_overlap(uint8_t *window, size_t window_at, size_t len_bytes, const void *piece,
                         size_t piece_at, size_t piece_bytes)
{
  size_t from = piece_at > window_at ? piece_at : window_at;
  size_t to = piece_at + piece_bytes;

  if (to > window_at + len_bytes) {
    to = window_at + len_bytes;
  }
  if (from < to) {
    memcpy(window + (from - window_at), (const uint8_t *)piece + (from - piece_at), to - from);
  }
}

/* Bytes window_at.. of nonce || suffix || 0x80 || 0... || length. */
static void padded_message(const struct frank_plan *plan, const char *nonce, const char *suffix,
                           size_t window_at, uint8_t *window, size_t len_bytes)
{
  size_t message_bytes = (size_t)plan->digits + plan->suffix_bytes;
  uint64_t len_bits = (plan->before_bytes + message_bytes) * 8;
  uint8_t len_be[8];

  for (size_t i = 0; i < sizeof len_be; i++) {
    len_be[i] = (uint8_t)(len_bits >> (56 - 8 * i));
  }
  memset(window, 0, len_bytes);
  if (nonce) {
    copy_overlap(window, window_at, len_bytes, nonce, 0, plan->digits);
  }
  copy_overlap(window, window_at, len_bytes, suffix, plan->digits, plan->suffix_bytes);
  copy_overlap(window, window_at, len_bytes, "\x80", message_bytes, 1);
  copy_overlap(window, window_at, len_bytes, len_be,
               (size_t)plan->blocks * FRANK_SHA256_BLOCK_BYTES - sizeof len_be, sizeof len_be);
}

void frank_plan_first_block(const struct frank_plan *plan, const struct frank_nonce *nonce,
                            const char *suffix, uint32_t words[16])
{
  uint8_t block[FRANK_SHA256_BLOCK_BYTES];

  padded_message(plan, nonce->text, suffix, 0, block, sizeof block);
  frank_sha256_load(block, words);
}

void frank_plan_tail(const struct frank_plan *plan, const char *suffix, uint8_t *tail)
{
  assert(plan->blocks >= 1 && plan->blocks <= FRANK_PLAN_BLOCKS_MAX);
  padded_message(plan, NULL, suffix, FRANK_SHA256_BLOCK_BYTES, tail,
                 ((size_t)plan->blocks - 1) * FRANK_SHA256_BLOCK_BYTES);
}

void frank_plan_counter_words(uint32_t counter, uint32_t words[2])
{
  for (size_t w = 0; w < 2; w++) {
    words[w] = 0;
    for (size_t i = 0; i < 4; i++) {
      unsigned digit = (counter >> (28 - 16 * w - 4 * i)) & 15;
      words[w] = words[w] << 8 | (uint8_t)hex_digits[digit];
    }
  }
}
