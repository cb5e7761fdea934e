#include "programs/published.h"

#include "base/clock.h"
#include "factor/lastgood_name.h"
#include "factor/txt.h"
#include "programs/signals.h"
#include "programs/term.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What Debian's dns-root-data installs. */
#define DNS_PREFIX "dns:"

/* ---- options ---- */

static enum frank_err read_servers(struct frank_cmd_line *line, struct frank_published *out)
{
  for (size_t i = 0; i < line->given_count; i++) {
    const char *text = line->given[i].value;
    if (line->given[i].opt != FRANK_OPT_DNS_SERVER) {
      continue;
    }
    if (!frank_resolver_server_is_sound(text)) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                     "--dns-server %.80s: an address in digits, with @PORT where it is not 53",
                     text);
      return FRANK_ERR_MALFORMED;
    }
    if (out->server_count == FRANK_RESOLVER_SERVERS_MAX) {
      frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "--dns-server: %d servers at most",
                     FRANK_RESOLVER_SERVERS_MAX);
      return FRANK_ERR_MALFORMED;
    }
    out->servers[out->server_count++] = text;
  }
  return FRANK_OK;
}

/* A file that the resolver is to read, which would be able to say less of it. */
static enum frank_err read_file(struct frank_cmd_line *line, enum frank_opt opt, const char **path)
{
  char option[32];
  *path = frank_cmd_value(line, opt);
  if (*path != NULL && access(*path, R_OK) != 0) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "%s %.200s: %s",
                   frank_cmd_option_text(opt, option), *path, strerror(errno));
    return FRANK_ERR_MALFORMED;
  }
  return FRANK_OK;
}

/* A URL, or dns:DOMAIN, into out->name. */
static enum frank_err read_name(struct frank_cmd_line *line, const char *option, const char *url,
                                struct frank_published *out)
{
  const char *space = option[0] != '\0' ? " " : "";
  enum frank_err err = FRANK_OK;
  if (strncmp(url, DNS_PREFIX, strlen(DNS_PREFIX)) == 0) {
    char domain[FRANK_TXT_DOMAIN_BYTES];
    const char *text = url + strlen(DNS_PREFIX);
    err = frank_txt_domain(text, strlen(text), domain);
    snprintf(out->name, sizeof out->name, DNS_PREFIX "%s", err == FRANK_OK ? domain : "");
  } else {
    err = frank_txt_url(url, strlen(url), false, out->name);
  }
  if (err == FRANK_ERR_DENIED) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "%s%s%.200s: http:// is for this host alone, others are asked by https://",
                   option, space, url);
  } else if (err == FRANK_ERR_TOO_LONG) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "%s%s%.80s...: longer than %d bytes", option,
                   space, url, FRANK_TXT_URL_BYTES - 1);
  } else if (err != FRANK_OK) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "%s%s%.200s: who publishes a factor is named as https://HOST[:PORT][/PATH] or "
                   "dns:DOMAIN",
                   option, space, url);
  }
  out->has_source = err == FRANK_OK;
  return err;
}

static enum frank_err read_source(struct frank_cmd_line *line, const char *option, const char *url,
                                  struct frank_published *out)
{
  const char *text = frank_cmd_value(line, FRANK_OPT_FACTOR_KEY);
  struct frank_jws_key key;
  if (url == NULL && text != NULL) {
    frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                   "--factor-key goes with the URL of who signs with it");
    return FRANK_ERR_MALFORMED;
  }
  if (url == NULL) {
    return FRANK_OK;
  }
  enum frank_err err = read_name(line, option, url, out);
  if (err != FRANK_OK) {
    return FRANK_ERR_MALFORMED;
  }
  snprintf(out->source, sizeof out->source, "%s", out->name);
  if (text != NULL) {
    char base64[FRANK_JWS_KEY_TEXT_BYTES];
    err = frank_jws_key_parse(text, strlen(text), &key);
    if (err != FRANK_OK) {
      frank_cmd_fail(line, err == FRANK_ERR_NOMEM ? FRANK_EXIT_CANNOT : FRANK_EXIT_USAGE, "usage",
                     "--factor-key %.60s: %s", text,
                     err == FRANK_ERR_NOMEM ? "no memory"
                                            : "an Ed25519 public key is 32 bytes in base64");
      return FRANK_ERR_MALFORMED;
    }
    frank_jws_key_format(&key, base64);
    memcpy(out->key_id, key.id, sizeof out->key_id);
    snprintf(out->source, sizeof out->source, "%s %s", out->name, base64);
  }
  return FRANK_OK;
}

enum frank_err frank_published_options(struct frank_cmd_line *line, const char *option,
                                       const char *url, struct frank_published *out)
{
  *out = (struct frank_published){.has_source = false};
  if (read_source(line, option, url, out) != FRANK_OK || read_servers(line, out) != FRANK_OK ||
      read_file(line, FRANK_OPT_CA_FILE, &out->ca_file) != FRANK_OK ||
      read_file(line, FRANK_OPT_DNS_ANCHOR, &out->anchor) != FRANK_OK) {
    return FRANK_ERR_MALFORMED;
  }
  if (frank_state_dir(out->state_dir, sizeof out->state_dir) == FRANK_ERR_TOO_LONG) {
    snprintf(out->state_why, sizeof out->state_why, "the folder's name is longer than %d bytes",
             FRANK_DIR_BYTES - 1);
  } else if (out->state_dir[0] == '\0') {
    snprintf(out->state_why, sizeof out->state_why, "no STATE_DIRECTORY, XDG_STATE_HOME or HOME");
  }
  return FRANK_OK;
}

/* ---- questions ---- */

static bool is_interrupted(void)
{
  return frank_signals_caught() != 0;
}

enum frank_err frank_published_ask(const struct frank_published *published, uint32_t limit_ms,
                                   uint32_t domain_limit_ms, const char *const *names,
                                   size_t domain_count, struct frank_resolver_source *source,
                                   struct frank_resolver_domain *domains)
{
  const char *const sources[] = {published->source};
  char why[FRANK_FACTOR_WHY_BYTES];
  struct sigaction old[FRANK_SIGNALS_COUNT];
  const struct frank_factor_ask ask = {
      .sources = sources,
      .source_count = published->has_source ? 1 : 0,
      .domains = names,
      .domain_count = domain_count,
      .limit_ms = limit_ms,
      .domain_limit_ms = domain_limit_ms,
      .state_dir = published->state_dir[0] != '\0' ? published->state_dir : NULL,
      .dns_servers = published->servers,
      .dns_server_count = published->server_count,
      .dns_anchor = published->anchor,
      .ca_file = published->ca_file,
      .stop = is_interrupted,
  };
  frank_dir_make_above(published->state_dir);
  frank_signals_catch(old);
  enum frank_err err = frank_factor_ask(&ask, source, domains, why);
  frank_signals_restore(old);
  err = is_interrupted() ? FRANK_ERR_AGAIN : err; /* it may have come with the last answer */
  for (size_t i = 0; i < domain_count && err != FRANK_OK; i++) {
    domains[i].answer = FRANK_RESOLVER_FAILED;
    snprintf(domains[i].why, sizeof domains[i].why, "%s", why);
  }
  if (err != FRANK_OK && published->has_source) {
    snprintf(source->why, sizeof source->why, "%s", why);
  }
  return err;
}

enum frank_err frank_published_forget(const struct frank_published *published, bool *forgotten)
{
  char path[FRANK_DIR_BYTES + FRANK_LASTGOOD_NAME_BYTES + 1];
  char name[FRANK_LASTGOOD_NAME_BYTES];
  frank_lastgood_name(published->source, name);
  snprintf(path, sizeof path, "%s/%s", published->state_dir, name);
  *forgotten = published->state_dir[0] != '\0' && unlink(path) == 0;
  bool nothing = published->state_dir[0] == '\0' || errno == ENOENT || errno == ENOTDIR;
  return *forgotten || nothing ? FRANK_OK : FRANK_ERR_IO;
}

bool frank_published_is_good(const struct frank_resolver_source *source, int64_t now_s,
                             char why[FRANK_PUBLISHED_WHY_BYTES])
{
  const struct frank_factor_document *document = &source->document;
  char when[FRANK_TERM_WHEN_BYTES];
  bool good = source->has_document != 0 && now_s < document->expires_s;
  const char *reason = source->why[0] != '\0' ? source->why : "it gave no document";
  if (good && (source->why[0] != '\0' || source->kept != 0)) {
    snprintf(why, FRANK_PUBLISHED_WHY_BYTES, "%s; its last good document serves, which expires %s",
             reason, frank_term_when(document->expires_s, now_s, when));
  } else if (good) {
    why[0] = '\0';
  } else if (source->has_document != 0) {
    snprintf(why, FRANK_PUBLISHED_WHY_BYTES, "%s; its last good document expired %s", reason,
             frank_term_when(document->expires_s, now_s, when));
  } else {
    snprintf(why, FRANK_PUBLISHED_WHY_BYTES, "%s", reason);
  }
  return good;
}
