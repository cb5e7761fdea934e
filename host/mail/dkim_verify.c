/* DKIM by libopendkim. See dkim_verify.h. */
#include "mail/dkim_verify.h"

#include "mail/dkim_dns.h"
#include "mail/dkim_header.h"
#include "mail/dkim_keys.h"
#include "mail/dkim_lookup.h"

#include <assert.h>
#include <dkim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SIGNATURES_MAX    FRANK_MSMR_SIGNATURES_MAX
#define SHOWN_MAX         (SIGNATURES_MAX + FRANK_DKIM_COVERED_MAX)
#define BODY_BUFFER_BYTES 16384

/* libopendkim writes one pointer past its list of fields where h= has used up all of them and goes
 * on (dkim_canon_selecthdrs). No name of an h= has a blank in it, so this field is never used up.
 */
static const char never_signed[] = "X not signed: x";

static_assert(FRANK_DKIM_SERVERS_MAX == FRANK_DKIM_DNS_SERVERS_MAX, "the same bound");

struct frank_dkim_library {
  DKIM_LIB *library;
  struct frank_dkim_keys *keys; /* NULL: DNS is asked */
  struct frank_dkim_dns dns;    /* count 0: the system's servers, which may change */
  uint32_t look_up_limit_ms;
  uint32_t rsa_bits_min;
};

struct frank_dkim_verify {
  const struct frank_dkim_library *library;
  const struct frank_judge *judge;
  DKIM *dkim; /* NULL: nothing to verify */
  enum frank_dkim_result results[SIGNATURES_MAX];
  const char *whys[SIGNATURES_MAX];
  bool is_open[SIGNATURES_MAX]; /* not decided yet */
  int owners[SHOWN_MAX];        /* of libopendkim's signatures, in its order: ours, -1 for none */
  bool is_bad[SHOWN_MAX];       /* libopendkim could not read it */
  int shown_count;
  struct frank_dkim_lookup lookup;
  const struct frank_dkim_key *key; /* of the signature that is being verified; NULL: not asked */
  char body[BODY_BUFFER_BYTES];
  size_t body_len;
  size_t line_bytes; /* of the body's last line, without its end */
  bool has_body;
  char last, before_last; /* bytes of the body, as shown */
};

/* ---- the library ---- */

const char *frank_dkim_result_name(enum frank_dkim_result result)
{
  static const char *const names[FRANK_DKIM_RESULT_COUNT] = {
      [FRANK_DKIM_NOT_CHECKED] = "not-checked",
      [FRANK_DKIM_PASS] = "pass",
      [FRANK_DKIM_FAIL] = "fail",
      [FRANK_DKIM_TEMPERROR] = "temperror",
  };
  return names[result];
}

static DKIM_CBSTAT on_prescreen(DKIM *dkim, DKIM_SIGINFO **signatures, int count);
static DKIM_CBSTAT on_final(DKIM *dkim, DKIM_SIGINFO **signatures, int count);
static DKIM_CBSTAT on_key(DKIM *dkim, DKIM_SIGINFO *signature, u_char *text, size_t size_bytes);

static enum frank_err read_options(const struct frank_dkim_options *options,
                                   struct frank_dkim_library *library, char *why)
{
  library->look_up_limit_ms =
      options->look_up_limit_ms != 0 ? options->look_up_limit_ms : FRANK_DKIM_LIMIT_MS;
  library->rsa_bits_min =
      options->rsa_bits_min != 0 ? options->rsa_bits_min : FRANK_DKIM_RSA_BITS_MIN;
  if (library->look_up_limit_ms > FRANK_DKIM_LIMIT_MAX_MS) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "a limit of %u ms for look-ups: more than %d",
             library->look_up_limit_ms, FRANK_DKIM_LIMIT_MAX_MS);
    return FRANK_ERR_RANGE;
  }
  if (library->rsa_bits_min < FRANK_DKIM_RSA_BITS_MIN ||
      library->rsa_bits_min > FRANK_DKIM_RSA_BITS_MAX) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "RSA keys of %u bits at least: not %d to %d",
             library->rsa_bits_min, FRANK_DKIM_RSA_BITS_MIN, FRANK_DKIM_RSA_BITS_MAX);
    return FRANK_ERR_RANGE;
  }
  if (options->dns_server_count > FRANK_DKIM_SERVERS_MAX) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "more than %d DNS servers", FRANK_DKIM_SERVERS_MAX);
    return FRANK_ERR_RANGE;
  }
  for (size_t i = 0; i < options->dns_server_count; i++) {
    enum frank_err err =
        frank_dkim_dns_server_parse(options->dns_servers[i], &library->dns.servers[i]);
    if (err != FRANK_OK) {
      snprintf(why, FRANK_DKIM_WHY_BYTES, "DNS server '%.80s': %s", options->dns_servers[i],
               err == FRANK_ERR_RANGE ? "the port is not 1 to 65535"
                                      : "expected a numeric ADDRESS or ADDRESS@PORT");
      return err;
    }
    library->dns.count++;
  }
  return FRANK_OK;
}

static enum frank_err set_up(struct frank_dkim_library *library, char *why)
{
  /* Bad signatures have handles, so that libopendkim's list is that of the fields it was shown, and
   * a From: that it cannot read is no matter. Keys are asked for at the end, not in the header. */
  u_int flags = DKIM_LIBFLAGS_BADSIGHANDLES | DKIM_LIBFLAGS_DELAYSIGPROC;
  u_int rsa_bits_min = library->rsa_bits_min;
  /* A clock that is behind: as the mail rules have it, which look at t= and x= themselves. */
  uint64_t drift_s = FRANK_JUDGE_AHEAD_MAX_S;
  DKIM_LIB *lib = library->library;
  if (!dkim_libfeature(lib, DKIM_FEATURE_SHA256) || !dkim_libfeature(lib, DKIM_FEATURE_ED25519)) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "this libopendkim is without SHA-256 or Ed25519");
    return FRANK_ERR_UNSUPPORTED;
  }
  if (dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof flags) != DKIM_STAT_OK ||
      dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &rsa_bits_min, sizeof rsa_bits_min) !=
          DKIM_STAT_OK ||
      dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift_s, sizeof drift_s) !=
          DKIM_STAT_OK ||
      dkim_set_prescreen(lib, on_prescreen) != DKIM_STAT_OK ||
      dkim_set_final(lib, on_final) != DKIM_STAT_OK ||
      dkim_set_key_lookup(lib, on_key) != DKIM_STAT_OK) {
    snprintf(why, FRANK_DKIM_WHY_BYTES, "this libopendkim refuses our settings");
    return FRANK_ERR_UNSUPPORTED;
  }
  return FRANK_OK;
}

enum frank_err frank_dkim_library_new(const struct frank_dkim_options *options,
                                      struct frank_dkim_library **out, char *why)
{
  *out = NULL;
  why[0] = '\0';
  struct frank_dkim_library *library = calloc(1, sizeof *library);
  if (library != NULL) {
    library->library = dkim_init(NULL, NULL);
  }
  if (library == NULL || library->library == NULL) {
    free(library);
    snprintf(why, FRANK_DKIM_WHY_BYTES, "no memory");
    return FRANK_ERR_NOMEM;
  }
  enum frank_err err = read_options(options, library, why);
  if (err == FRANK_OK) {
    err = set_up(library, why);
  }
  if (err == FRANK_OK && options->key_file != NULL) {
    err = frank_dkim_keys_read(options->key_file, &library->keys, why);
  }
  if (err != FRANK_OK) {
    frank_dkim_library_destroy(&library);
    return err;
  }
  *out = library;
  return FRANK_OK;
}

void frank_dkim_library_destroy(struct frank_dkim_library **library)
{
  if (*library != NULL) {
    frank_dkim_keys_destroy(&(*library)->keys);
    dkim_close((*library)->library);
    free(*library);
    *library = NULL;
  }
}

/* ---- results ---- */

static void decide(struct frank_dkim_verify *verify, int i, enum frank_dkim_result result,
                   const char *why)
{
  if (i >= 0 && verify->is_open[i]) {
    verify->is_open[i] = false;
    verify->results[i] = result;
    verify->whys[i] = why;
  }
}

static void decide_all(struct frank_dkim_verify *verify, enum frank_dkim_result result,
                       const char *why)
{
  for (int i = 0; i < SIGNATURES_MAX; i++) {
    decide(verify, i, result, why);
  }
}

/* libopendkim's word on the whole message, other than OK. */
static void decide_by_status(struct frank_dkim_verify *verify, DKIM_STAT status)
{
  switch (status) {
  case DKIM_STAT_NORESOURCE:
  case DKIM_STAT_INTERNAL:
    decide_all(verify, FRANK_DKIM_TEMPERROR, "libopendkim has no memory, or failed");
    break;
  default:
    decide_all(verify, FRANK_DKIM_FAIL, "libopendkim does not take the message");
    break;
  }
}

/* ---- keys ---- */

static DKIM_CBSTAT on_key(DKIM *dkim, DKIM_SIGINFO *signature, u_char *text, size_t size_bytes)
{
  struct frank_dkim_verify *verify = dkim_get_user_context(dkim);
  const struct frank_dkim_key *key =
      frank_dkim_lookup_key(&verify->lookup, (const char *)dkim_sig_getselector(signature),
                            (const char *)dkim_sig_getdomain(signature));
  verify->key = key;
  if (key->state == FRANK_DKIM_KEY_LATER) {
    return DKIM_CBSTAT_TRYAGAIN;
  }
  size_t len = strlen(key->text);
  if (key->state != FRANK_DKIM_KEY_FOUND || len >= size_bytes) {
    return DKIM_CBSTAT_NOTFOUND;
  }
  memcpy(text, key->text, len + 1);
  return DKIM_CBSTAT_CONTINUE;
}

/* ---- one signature ---- */

static const char *tag_of(DKIM_SIGINFO *signature, bool is_key, const char *name)
{
  u_char tag[4];
  snprintf((char *)tag, sizeof tag, "%s", name);
  return (const char *)dkim_sig_gettagvalue(signature, is_key, tag);
}

/* libopendkim has taken the white space out of its text; ours may have some. */
static bool is_same(const char *theirs, struct frank_view ours)
{
  if (theirs == NULL || ours.text == NULL) {
    return theirs == NULL && ours.text == NULL;
  }
  for (size_t i = 0; i < ours.len_bytes; i++) {
    if (!frank_is_white(ours.text[i]) && ours.text[i] != *theirs++) {
      return false;
    }
  }
  return *theirs == '\0';
}

/* A number, as ours is read: digits alone. strtoul(), by which libopendkim reads it, takes "" and
 * "+1" as well: an l= of which our parser knows nothing would cut the body off. */
static bool is_same_number(const char *theirs, bool has_ours)
{
  return has_ours == (theirs != NULL && theirs[0] != '\0' &&
                      theirs[strspn(theirs, "0123456789")] == '\0') &&
         has_ours == (theirs != NULL);
}

/* The mail rules judge by our reading of the signature; so libopendkim's must be the same. */
static bool is_read_alike(DKIM_SIGINFO *theirs, const struct frank_dkim *ours)
{
  return is_same(
             tag_of(theirs, false, "a"),
             (struct frank_view){frank_alg_name(ours->alg), strlen(frank_alg_name(ours->alg))}) &&
         is_same(tag_of(theirs, false, "b"), (struct frank_view){ours->b, ours->b_len}) &&
         is_same(tag_of(theirs, false, "d"), ours->d) &&
         is_same(tag_of(theirs, false, "s"), ours->s) &&
         is_same(tag_of(theirs, false, "h"), ours->h) &&
         is_same_number(tag_of(theirs, false, "l"), ours->is_l_number) &&
         is_same_number(tag_of(theirs, false, "t"), ours->has_t) &&
         is_same_number(tag_of(theirs, false, "x"), ours->has_x);
}

static DKIM_CBSTAT on_prescreen(DKIM *dkim, DKIM_SIGINFO **signatures, int count)
{
  struct frank_dkim_verify *verify = dkim_get_user_context(dkim);
  for (int i = 0; i < count; i++) {
    int owner = i < verify->shown_count ? verify->owners[i] : -1;
    if (count != verify->shown_count) {
      decide(verify, owner, FRANK_DKIM_FAIL, "libopendkim reads other signatures");
    } else if (owner >= 0 && verify->is_bad[i]) {
      decide(verify, owner, FRANK_DKIM_FAIL, "libopendkim cannot read the signature");
    } else if (owner >= 0 &&
               !is_read_alike(signatures[i], &verify->judge->proofs.signatures[owner])) {
      decide(verify, owner, FRANK_DKIM_FAIL, "libopendkim reads the signature otherwise");
    }
    if (owner < 0 || !verify->is_open[owner]) {
      dkim_sig_ignore(signatures[i]);
    }
  }
  return DKIM_CBSTAT_CONTINUE;
}

/* A signature of which libopendkim says that all is well. NULL: it is so by our measures, too. */
static const char *still_wrong(const struct frank_dkim_verify *verify, DKIM_SIGINFO *signature,
                               enum frank_alg alg)
{
  const char *key_type = tag_of(signature, true, "k");
  dkim_alg_t their_alg = DKIM_SIGN_UNKNOWN;
  unsigned bits = 0;
  bool is_rsa = alg == FRANK_ALG_RSA_SHA256;
  if (dkim_sig_getsignalg(signature, &their_alg) != DKIM_STAT_OK ||
      their_alg != (is_rsa ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256)) {
    return "libopendkim used another algorithm";
  }
  /* libopendkim takes an Ed25519 key for what it is, whatever k= says (RFC 8463, section 4). */
  if (strcmp(key_type != NULL ? key_type : "rsa", is_rsa ? "rsa" : "ed25519") != 0) {
    return "the key is one of another algorithm";
  }
  if (is_rsa && (dkim_sig_getkeysize(signature, &bits) != DKIM_STAT_OK ||
                 bits < verify->library->rsa_bits_min)) {
    return "the key is too short";
  }
  return NULL;
}

static const char *why_failed(const struct frank_dkim_verify *verify, DKIM_SIGINFO *signature,
                              DKIM_SIGERROR error)
{
  if (error == DKIM_SIGERROR_NOKEY) {
    return verify->key != NULL ? verify->key->why : "no key";
  }
  if (error == DKIM_SIGERROR_BADSIG) {
    return dkim_sig_getbh(signature) == DKIM_SIGBH_MISMATCH
               ? "the body is not the one that was signed"
               : "header, signature and key do not fit together";
  }
  const char *text = dkim_sig_geterrorstr(error);
  return text != NULL ? text : "libopendkim cannot verify the signature";
}

static void verify_one(struct frank_dkim_verify *verify, DKIM *dkim, DKIM_SIGINFO *signature,
                       int owner)
{
  verify->key = NULL;
  DKIM_STAT status = dkim_sig_process(dkim, signature);
  DKIM_SIGERROR error = dkim_sig_geterror(signature);
  if (status == DKIM_STAT_CBTRYAGAIN) {
    decide(verify, owner, FRANK_DKIM_TEMPERROR,
           verify->key != NULL ? verify->key->why : "the key cannot be had now");
  } else if (status != DKIM_STAT_OK) {
    decide(verify, owner, FRANK_DKIM_TEMPERROR, "libopendkim has no memory, or failed");
  } else if (error == DKIM_SIGERROR_OK && DKIM_SIG_CHECK(signature)) {
    const char *wrong = still_wrong(verify, signature, verify->judge->proofs.signatures[owner].alg);
    decide(verify, owner, wrong == NULL ? FRANK_DKIM_PASS : FRANK_DKIM_FAIL,
           wrong == NULL ? "" : wrong);
  } else {
    decide(verify, owner, FRANK_DKIM_FAIL, why_failed(verify, signature, error));
  }
}

/* Each of ours, and then libopendkim has nothing left to do: it would stop at the first that is
 * good, and at the first whose key cannot be had now. */
static DKIM_CBSTAT on_final(DKIM *dkim, DKIM_SIGINFO **signatures, int count)
{
  struct frank_dkim_verify *verify = dkim_get_user_context(dkim);
  for (int i = 0; i < count && i < verify->shown_count; i++) {
    int owner = verify->owners[i];
    if (owner >= 0 && verify->is_open[owner]) {
      verify_one(verify, dkim, signatures[i], owner);
    }
    dkim_sig_ignore(signatures[i]);
  }
  return DKIM_CBSTAT_CONTINUE;
}

/* ---- the header ---- */

/* Shows one field. A status other than OK ends it all. */
static DKIM_STAT show_field(struct frank_dkim_verify *verify,
                            const struct frank_dkim_header_field *field)
{
  DKIM_STAT status = dkim_header(verify->dkim, (u_char *)field->text, field->len_bytes);
  bool is_resource = status == DKIM_STAT_NORESOURCE || status == DKIM_STAT_INTERNAL;
  if (is_resource) {
    return status;
  }
  if (field->is_signature) {
    assert(verify->shown_count < SHOWN_MAX); /* dkim_header.h bounds them */
    verify->owners[verify->shown_count] = field->index;
    verify->is_bad[verify->shown_count] = status != DKIM_STAT_OK;
    verify->shown_count++;
  }
  /* Another that it does not take has a ';' in its name, which stands in no h=. */
  return DKIM_STAT_OK;
}

static enum frank_err show_header(struct frank_dkim_verify *verify,
                                  struct frank_dkim_header *header)
{
  struct frank_dkim_header_field field;
  char sentinel[sizeof never_signed];
  bool is_end = false;
  memcpy(sentinel, never_signed, sizeof sentinel);
  DKIM_STAT status = dkim_header(verify->dkim, (u_char *)sentinel, sizeof never_signed - 1);
  while (status == DKIM_STAT_OK) {
    enum frank_err err = frank_dkim_header_next(header, &field, &is_end);
    if (err != FRANK_OK) {
      return err;
    }
    if (is_end) {
      break;
    }
    status = show_field(verify, &field);
  }
  if (status == DKIM_STAT_OK) {
    status = dkim_eoh(verify->dkim);
  }
  if (status != DKIM_STAT_OK && status != DKIM_STAT_NOSIG) {
    decide_by_status(verify, status);
  }
  return FRANK_OK;
}

static bool has_open(const struct frank_dkim_verify *verify)
{
  for (size_t i = 0; i < SIGNATURES_MAX; i++) {
    if (verify->is_open[i]) {
      return true;
    }
  }
  return false;
}

enum frank_err frank_dkim_verify_new(const struct frank_dkim_library *library,
                                     const struct frank_judge *judge,
                                     struct frank_dkim_verify **out)
{
  struct frank_dkim_header header;
  enum frank_err err = FRANK_OK;
  DKIM_STAT status = DKIM_STAT_OK;
  *out = NULL;
  struct frank_dkim_verify *verify = calloc(1, sizeof *verify);
  if (verify == NULL) {
    return FRANK_ERR_NOMEM;
  }
  verify->library = library;
  verify->judge = judge;
  frank_dkim_lookup_init(&verify->lookup, library->keys, &library->dns, library->look_up_limit_ms);
  frank_dkim_header_begin(judge, &header);
  for (int i = 0; i < SIGNATURES_MAX; i++) {
    verify->whys[i] = "";
    verify->is_open[i] = header.is_wanted[i] || header.whys[i] != NULL;
    if (header.whys[i] != NULL) {
      decide(verify, i, FRANK_DKIM_FAIL, header.whys[i]);
    }
  }
  if (has_open(verify)) {
    verify->dkim = dkim_verify(library->library, (const unsigned char *)"frank", NULL, &status);
    err = verify->dkim != NULL ? FRANK_OK : FRANK_ERR_NOMEM;
  }
  if (verify->dkim != NULL) {
    dkim_set_user_context(verify->dkim, verify);
    err = show_header(verify, &header);
  }
  frank_dkim_header_fini(&header);
  if (err != FRANK_OK) {
    frank_dkim_verify_destroy(&verify);
    return err;
  }
  *out = verify;
  return FRANK_OK;
}

void frank_dkim_verify_destroy(struct frank_dkim_verify **verify)
{
  if (*verify != NULL) {
    if ((*verify)->dkim != NULL) {
      dkim_free((*verify)->dkim);
    }
    free(*verify);
    *verify = NULL;
  }
}

/* ---- the body ---- */

static void show_body(struct frank_dkim_verify *verify)
{
  if (verify->body_len > 0) {
    DKIM_STAT status = dkim_body(verify->dkim, (u_char *)verify->body, verify->body_len);
    verify->body_len = 0;
    if (status != DKIM_STAT_OK) {
      decide_by_status(verify, status);
    }
  }
}

static void put(struct frank_dkim_verify *verify, const char *text, size_t len_bytes)
{
  verify->has_body = verify->has_body || len_bytes > 0;
  while (len_bytes > 0) {
    if (verify->body_len == sizeof verify->body) {
      show_body(verify);
    }
    size_t room_bytes = sizeof verify->body - verify->body_len;
    size_t part_bytes = len_bytes < room_bytes ? len_bytes : room_bytes;
    memcpy(verify->body + verify->body_len, text, part_bytes);
    verify->body_len += part_bytes;
    verify->before_last = part_bytes > 1 ? text[part_bytes - 2] : verify->last;
    verify->last = text[part_bytes - 1];
    text += part_bytes;
    len_bytes -= part_bytes;
  }
}

void frank_dkim_verify_body(struct frank_dkim_verify *verify, const char *text, size_t len_bytes)
{
  while (len_bytes > 0 && has_open(verify)) {
    const char *lf = memchr(text, '\n', len_bytes);
    size_t content_bytes = lf != NULL ? (size_t)(lf - text) : len_bytes;
    verify->line_bytes += content_bytes;
    if (verify->line_bytes > FRANK_DKIM_LINE_MAX_BYTES) {
      decide_all(verify, FRANK_DKIM_FAIL, "a line of the body is over 1 MiB long");
      return;
    }
    put(verify, text, content_bytes);
    if (lf == NULL) {
      return;
    }
    if (verify->last == '\r') {
      put(verify, "\n", 1);
    } else {
      put(verify, "\r\n", 2);
    }
    verify->line_bytes = 0;
    text += content_bytes + 1;
    len_bytes -= content_bytes + 1;
  }
}

void frank_dkim_verify_finish(struct frank_dkim_verify *verify,
                              enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                              const char *whys[FRANK_MSMR_SIGNATURES_MAX])
{
  if (has_open(verify)) {
    /* RFC 6376, section 3.4.3 and 3.4.4: what does not end in CRLF gets one. */
    if (verify->has_body && !(verify->before_last == '\r' && verify->last == '\n')) {
      put(verify, "\r\n", 2);
    }
    show_body(verify);
  }
  if (has_open(verify)) {
    DKIM_STAT status = dkim_eom(verify->dkim, NULL);
    if (has_open(verify)) { /* it came to an end before on_final */
      decide_by_status(verify, status);
    }
  }
  memcpy(results, verify->results, sizeof verify->results);
  memcpy(whys, verify->whys, sizeof verify->whys);
}

enum frank_err frank_dkim_verify_message(const struct frank_dkim_library *library,
                                         const struct frank_judge *judge,
                                         enum frank_dkim_result results[FRANK_MSMR_SIGNATURES_MAX],
                                         const char *whys[FRANK_MSMR_SIGNATURES_MAX])
{
  const struct frank_message *message = judge->message;
  struct frank_dkim_verify *verify = NULL;
  enum frank_err err = frank_dkim_verify_new(library, judge, &verify);
  if (err != FRANK_OK) {
    return err;
  }
  frank_dkim_verify_body(verify, message->text + message->body_at,
                         message->len_bytes - message->body_at);
  frank_dkim_verify_finish(verify, results, whys);
  frank_dkim_verify_destroy(&verify);
  return FRANK_OK;
}
