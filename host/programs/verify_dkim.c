#include "programs/verify_dkim.h"

#include <stdio.h>
#include <string.h>

#define TAG_BYTES 256

int frank_verify_dkim(struct frank_cmd_line *line, const struct frank_verify_dkim_asked *asked,
                      struct frank_verify_dkim *out)
{
  static const struct frank_judge_policy policy = {
      .rules = {[FRANK_RULE_DKIM] = true, [FRANK_RULE_COVER] = true, [FRANK_RULE_AGE] = true}};
  const struct frank_dkim_options options = {.key_file = asked->key_file,
                                             .dns_servers = asked->dns_servers,
                                             .dns_server_count = asked->dns_server_count,
                                             .look_up_limit_ms = FRANK_VERIFY_DKIM_LIMIT_MS};
  struct frank_dkim_library *library = NULL;
  char why[FRANK_DKIM_WHY_BYTES];
  frank_judge_begin(asked->message, &out->judge);
  enum frank_err err = frank_dkim_library_new(&options, &library, why);
  if (err != FRANK_OK) {
    bool is_ours = err == FRANK_ERR_NOMEM || err == FRANK_ERR_UNSUPPORTED;
    return frank_cmd_fail(line, is_ours ? FRANK_EXIT_CANNOT : FRANK_EXIT_USAGE,
                          is_ours ? "internal" : "usage", "--dkim: %s", why);
  }
  err = frank_dkim_verify_message(library, &out->judge, out->results, out->whys);
  frank_dkim_library_destroy(&library);
  if (err != FRANK_OK) {
    return frank_cmd_fail(line, FRANK_EXIT_CANNOT, "internal", "--dkim: %s", frank_err_text(err));
  }
  frank_judge_rules(&out->judge, &policy, asked->factor, out->results, NULL, asked->now_s);
  return FRANK_EXIT_OK;
}

/* A tag's value on one line, white space taken out: it is a stranger's. */
static const char *tag_text(struct frank_view view, char text[TAG_BYTES])
{
  size_t len = 0;
  for (size_t i = 0; i < view.len_bytes && len < TAG_BYTES - 1; i++) {
    if (!frank_is_white(view.text[i])) {
      text[len++] = view.text[i];
    }
  }
  text[len] = '\0';
  frank_cmd_printable(text);
  return text;
}

void frank_verify_dkim_print(const struct frank_verify_dkim *dkim)
{
  for (size_t i = 0; i < dkim->judge.proofs.signature_count; i++) {
    const struct frank_dkim *signature = &dkim->judge.proofs.signatures[i];
    const char *why = dkim->whys[i];
    char d[TAG_BYTES];
    char s[TAG_BYTES];
    if (dkim->results[i] != FRANK_DKIM_NOT_CHECKED) {
      printf("dkim=%s%s%s%s header.b=%.8s header.a=%s header.d=%s header.s=%s\n",
             frank_dkim_result_name(dkim->results[i]), why[0] != '\0' ? " (" : "", why,
             why[0] != '\0' ? ")" : "", signature->b, frank_alg_name(signature->alg),
             tag_text(signature->d, d), tag_text(signature->s, s));
    }
  }
}

json_t *frank_verify_dkim_json(const struct frank_verify_dkim *dkim)
{
  json_t *list = json_array();
  for (size_t i = 0; list != NULL && i < dkim->judge.proofs.signature_count; i++) {
    const struct frank_dkim *signature = &dkim->judge.proofs.signatures[i];
    char b[9];
    char d[TAG_BYTES];
    char s[TAG_BYTES];
    snprintf(b, sizeof b, "%.8s", signature->b);
    json_t *entry = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "result",
                              frank_dkim_result_name(dkim->results[i]), "reason", dkim->whys[i],
                              "header_b", b, "a", frank_alg_name(signature->alg), "d",
                              tag_text(signature->d, d), "s", tag_text(signature->s, s));
    if (entry == NULL || json_array_append_new(list, entry) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  return list;
}
