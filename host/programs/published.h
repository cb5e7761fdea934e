/*
 * published: factors that others publish, for the commands of `frank` that ask for them without a
 * frankd: mint, verify, factor. The options that say whom to ask and by whom, and one round of
 * questions (factor/ask.h) by them.
 *
 * Blocking, within limits; SIGINT, SIGTERM and SIGHUP end the questions.
 */
#ifndef FRANK_PROGRAMS_PUBLISHED_H
#define FRANK_PROGRAMS_PUBLISHED_H

#include "base/dirs.h"
#include "factor/ask.h"
#include "programs/cmd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRANK_PUBLISHED_LIMIT_MS        5000 /* for a source: a person waits, or a mail */
#define FRANK_PUBLISHED_LOOKUP_LIMIT_MS 500  /* for a domain, as frankd has it */
#define FRANK_PUBLISHED_WHY_BYTES       ((size_t)2 * FRANK_FACTOR_WHY_BYTES)
#define FRANK_PUBLISHED_NAME_BYTES      (FRANK_TXT_DOMAIN_BYTES + 8)

struct frank_published {
  bool has_source;
  char name[FRANK_PUBLISHED_NAME_BYTES]; /* the source without its key: a URL, or dns:DOMAIN */
  char source[FRANK_PUBLISHED_NAME_BYTES + FRANK_JWS_KEY_TEXT_BYTES]; /* as the resolver has it */
  char key_id[FRANK_JWS_KEY_ID_BYTES]; /* of the key; "" none is named */
  const char *servers[FRANK_RESOLVER_SERVERS_MAX];
  size_t server_count;
  const char *anchor; /* NULL: DNSSEC is not checked */
  const char *ca_file;
  char state_dir[FRANK_DIR_BYTES]; /* "": nothing is kept */
  char state_why[64];              /* why not */
};

/* Reads --factor-key, --dns-server, --dns-anchor and --ca-file. `url` is the value of --factor-url
 * or an operand, `option` how an error names it ("--factor-url", ""); NULL: no source is named, and
 * a key is an error. A bad one is told: FRANK_ERR_MALFORMED. */
FRANK_MUST_CHECK enum frank_err frank_published_options(struct frank_cmd_line *line,
                                                        const char *option, const char *url,
                                                        struct frank_published *out);

/* Asks the source, where there is one, and for the domains (by frank_txt_domain, each once,
 * FRANK_FACTOR_ASK_DOMAINS_MAX at most) into domains[domain_count]. Errors as frank_factor_ask:
 * then, too, everything has an answer, which says why there is none. FRANK_ERR_AGAIN: a signal
 * came. */
FRANK_MUST_CHECK enum frank_err frank_published_ask(const struct frank_published *published,
                                                    uint32_t limit_ms, uint32_t domain_limit_ms,
                                                    const char *const *names, size_t domain_count,
                                                    struct frank_resolver_source *source,
                                                    struct frank_resolver_domain *domains);

/* Forgets the last good document of the source, and the keys that were learned for it. *forgotten
 * tells whether there was one. FRANK_ERR_IO: errno says why it is still there. */
FRANK_MUST_CHECK enum frank_err frank_published_forget(const struct frank_published *published,
                                                       bool *forgotten);

/* True where the source has a document that may be used at now_s (unix). Where not, `why` says the
 * reason; where it may but the source did not confirm it now, `why` tells both. Else "". */
bool frank_published_is_good(const struct frank_resolver_source *source, int64_t now_s,
                             char why[FRANK_PUBLISHED_WHY_BYTES]);

#endif
