#include "programs/milter_config.h"

#include "door/client.h"
#include "factor/messages.h"
#include "factor/source_list.h"
#include "mail/authres.h"
#include "mail/dkim_verify.h"
#include "mail/judge.h"
#include "mail/milter/factor.h"
#include "proof/target.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- checks of texts ---- */

static const char *check_socket(const char *text)
{
  const char *expected = "inet:PORT@HOST, inet6:PORT@HOST or unix:/PATH (107 bytes at most)";
  const char *value = strchr(text, ':');
  if (text[0] == '\0') {
    return NULL; /* the mode's own */
  }
  if (value == NULL) {
    return expected;
  }
  value++;
  if (strncmp(text, "unix:", 5) == 0 || strncmp(text, "local:", 6) == 0) {
    size_t path_max = sizeof((struct sockaddr_un *)NULL)->sun_path - 1;
    return value[0] == '/' && strlen(value) <= path_max ? NULL : expected;
  }
  size_t digits = strspn(value, "0123456789");
  unsigned long port = digits >= 1 && digits <= 5 ? strtoul(value, NULL, 10) : 0;
  bool is_inet = strncmp(text, "inet:", 5) == 0 || strncmp(text, "inet6:", 6) == 0;
  return is_inet && port >= 1 && port <= 65535 && value[digits] == '@' && value[digits + 1] != '\0'
             ? NULL
             : expected;
}

static const char *check_endpoint(const char *text)
{
  return strncmp(text, "ipc:///", 7) == 0 || strncmp(text, "tcp://", 6) == 0
             ? NULL
             : "ipc:///PATH or tcp://ADDRESS:PORT";
}

static const char *check_pattern(const char *text)
{
  /* a star elsewhere would name nobody, and nobody would notice */
  const char *plain = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
  const char *domain = strchr(plain, '@');
  return plain[0] != '\0' && strpbrk(plain, " \t,;<>*") == NULL &&
                 (domain == NULL || domain[1] != '\0')
             ? NULL
             : "an address, a domain, or *.DOMAIN for those below it";
}

static const char *check_rule(const char *text)
{
  for (unsigned i = 0; i < FRANK_RULE_COUNT; i++) {
    if (strcmp(text, frank_rule_name((enum frank_rule)i)) == 0) {
      return NULL;
    }
  }
  return "one of dkim, cover, recipient, age, replay";
}

static const char *check_id(const char *text)
{
  return text[0] == '\0' || frank_authres_is_id(text) ? NULL : "a host name, as in mx.example.org";
}

static const char *check_spam_field(const char *text)
{
  size_t name = strcspn(text, ": \t");
  return name > 0 && (text[name] == ':' || text[name] == '\0')
             ? NULL
             : "NAME or NAME: VALUE of a header field, as in X-Spam-Flag: YES";
}

/* ---- keys ---- */

static const char *const modes[] = {"mint", "verify", NULL};
static const char *const failures[] = {"accept", "tempfail", NULL};
static const char *const dkims[] = {"library", "header", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};

#define MEMBER(name) offsetof(struct frank_milter_settings, name)
#define SIZE(name)   sizeof(((struct frank_milter_settings *)NULL)->name)
#define SECOND       UINT64_C(1000000)

static const struct frank_config_key keys[] = {
    {.name = "mode",
     .type = FRANK_CONFIG_ENUM,
     .offset = MEMBER(mode),
     .normal = "mint",
     .choices = modes,
     .help = "mint: stamps on outbound mail; verify: judges inbound mail."},
    {.name = "socket",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(socket),
     .size = SIZE(socket),
     .normal = "",
     .check = check_socket,
     .help = "Where the mail server connects; empty: inet:8895@127.0.0.1 to mint, 8896 to verify."},
    {.name = "socket_mode",
     .type = FRANK_CONFIG_MODE,
     .offset = MEMBER(socket_mode),
     .max = 0777,
     .normal = "0660",
     .help = "File mode of a unix: socket."},
    {.name = "log_level",
     .type = FRANK_CONFIG_ENUM,
     .reloadable = true,
     .offset = MEMBER(log_level),
     .normal = "info",
     .choices = levels,
     .help = "error, warn, info (a line for each mail) or debug."},
    {.name = "metrics",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(metrics),
     .size = SIZE(metrics),
     .normal = "",
     .help = "File for node_exporter's textfile collector, written every 10 s; empty: none."},
    {.name = "state",
     .type = FRANK_CONFIG_TEXT,
     .offset = MEMBER(state),
     .size = SIZE(state),
     .normal = "",
     .help =
         "Folder for counters, replays, documents; empty: $STATE_DIRECTORY, ~/.local/state/frank."},
    {.name = "sessions_max",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(sessions_max),
     .min = 1,
     .max = 10000,
     .normal = "1000",
     .help =
         "Connections of the mail server at a time; mail on more is neither stamped nor judged."},
    {.name = "connect",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(connect),
     .max = FRANK_CLIENT_ENDPOINTS_MAX,
     .normal = "",
     .check = check_endpoint,
     .help = "The frankd to ask, and those to ask where it is away; empty, to mint: "
             "ipc:///run/frank/mint.sock. To verify: a frankd whose factor is taken."},
    {.name = "client_keys",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .is_read = true,
     .offset = MEMBER(client_keys),
     .size = SIZE(client_keys),
     .normal = "",
     .help = "Folder of client.secret and server.public (frank keygen) for tcp:// endpoints."},
    {.name = "factor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(factor),
     .max = FRANK_FACTOR_MAX,
     .normal = "0",
     .help = "This factor and no other; 0: frankd's to mint, the sources' to verify."},
    {.name = "deadline",
     .type = FRANK_CONFIG_DURATION,
     .reloadable = true,
     .offset = MEMBER(deadline_us),
     .min = SECOND / 10,
     .max = 3600 * SECOND,
     .normal = "30s",
     .help =
         "mint: a mail waits so long for its stamp, then it gets the best that was found; keep the "
         "mail server's time limits above it."},
    {.name = "on_failure",
     .type = FRANK_CONFIG_ENUM,
     .reloadable = true,
     .offset = MEMBER(on_failure),
     .normal = "accept",
     .choices = failures,
     .help = "mint: a mail for which no stamp can be had goes on without one, or is put off."},
    {.name = "max_recipients",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(max_recipients),
     .min = 1,
     .max = 1000,
     .normal = "50",
     .help = "mint: mail to more recipients gets no stamp."},
    {.name = "skip_lists",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = MEMBER(skip_lists),
     .normal = "false",
     .help = "mint: no stamp for mail with List-Id or Precedence: list, bulk, junk."},
    {.name = "local_domains",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(local_domains),
     .max = FRANK_CONFIG_LIST_MAX,
     .normal = "",
     .check = check_pattern,
     .help = "mint: no stamp for mail to these recipients alone: they are ours."},
    {.name = "skip_domains",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(skip_domains),
     .max = FRANK_CONFIG_LIST_MAX,
     .normal = "",
     .check = check_pattern,
     .help = "mint: nor for mail to these alone: they take no notice of stamps."},
    {.name = "signing_domains",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(signing_domains),
     .max = FRANK_CONFIG_LIST_MAX,
     .normal = "",
     .check = check_pattern,
     .help = "mint: only for signatures with this d=, the first that there is; empty: any."},
    {.name = "authserv_id",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(authserv_id),
     .size = SIZE(authserv_id),
     .normal = "",
     .check = check_id,
     .help = "verify: our name in Authentication-Results; empty: this host's."},
    {.name = "dkim",
     .type = FRANK_CONFIG_ENUM,
     .offset = MEMBER(dkim),
     .normal = "library",
     .choices = dkims,
     .help = "verify: DKIM is checked here, or read in the Authentication-Results of our name."},
    {.name = "rules",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(rules),
     .max = FRANK_RULE_COUNT,
     .normal = "",
     .check = check_rule,
     .help =
         "verify: of dkim, cover, recipient, age, replay those that are asked for; empty: all."},
    {.name = "lists",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(lists),
     .max = FRANK_CONFIG_LIST_MAX,
     .normal = "",
     .check = check_pattern,
     .help = "verify: recipients (mailing lists) for whom recipient and replay do not hold."},
    {.name = "report_none",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = MEMBER(report_none),
     .normal = "true",
     .help = "verify: say x-msmr=none of mail without a stamp."},
    {.name = "dkim_keys",
     .type = FRANK_CONFIG_TEXT,
     .is_read = true,
     .offset = MEMBER(dkim_keys),
     .size = SIZE(dkim_keys),
     .normal = "",
     .help =
         "verify: a file of public keys instead of DNS, for tests (OpenDKIM's TestPublicKeys)."},
    {.name = "dns_servers",
     .type = FRANK_CONFIG_LIST,
     .offset = MEMBER(dns_servers),
     .max = FRANK_DKIM_SERVERS_MAX,
     .normal = "",
     .check = frank_source_check_server,
     .help = "verify: ADDRESS or ADDRESS@PORT of DNS servers; empty: the system's."},
    {.name = "look_up_limit",
     .type = FRANK_CONFIG_DURATION,
     .offset = MEMBER(look_up_limit_us),
     .min = SECOND / 10,
     .max = 60 * SECOND,
     .normal = "2s",
     .help = "verify: for all look-ups of keys of one mail."},
    {.name = "replay_max",
     .type = FRANK_CONFIG_SIZE,
     .offset = MEMBER(replay_max_bytes),
     .min = 1 << 20,
     .max = UINT64_C(1) << 40,
     .normal = "1gb",
     .help = "verify: the store of deliveries grows to this; then stamped mail is temperror."},
    {.name = "observe",
     .type = FRANK_CONFIG_BOOL,
     .offset = MEMBER(observe),
     .normal = "false",
     .help =
         "verify: tell the estimation (frank factor --estimate) what each mail showed and was."},
    {.name = "spam_field",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(spam_field),
     .size = SIZE(spam_field),
     .normal = "X-Spam-Flag: YES",
     .check = check_spam_field,
     .help = "verify: what an earlier filter adds to spam; what it is not on is ham."},
    {.name = "floor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(floor),
     .min = 1,
     .max = FRANK_FACTOR_MAX,
     .normal = "1048576",
     .help = "verify: the factor where no source gives one."},
    {.name = "max_factor",
     .type = FRANK_CONFIG_UINT,
     .reloadable = true,
     .offset = MEMBER(max_factor),
     .min = 1,
     .max = FRANK_FACTOR_MAX,
     .normal = "1099511627776",
     .help = "verify: a source that gives more is passed over."},
    {.name = "factor_url",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_url),
     .size = SIZE(factor_url),
     .normal = "",
     .check = frank_source_check_url,
     .help = "verify: judge by the factor that is published there: https://BASE."},
    {.name = "factor_key",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .offset = MEMBER(factor_key),
     .size = SIZE(factor_key),
     .normal = "",
     .check = frank_source_check_key,
     .help = "verify: the Ed25519 key that must sign it, in base64; empty: unsigned is taken."},
    {.name = "factor_sources",
     .type = FRANK_CONFIG_LIST,
     .reloadable = true,
     .offset = MEMBER(factor_sources),
     .max = FRANK_SOURCES_MAX,
     .normal = "",
     .check = frank_source_check,
     .help = "verify: those after it: https://BASE [KEY], dns:DOMAIN [KEY], file:/PATH, fixed:N."},
    {.name = "factor_http",
     .type = FRANK_CONFIG_BOOL,
     .reloadable = true,
     .offset = MEMBER(factor_http),
     .normal = "false",
     .help = "verify: http:// to other hosts than this one, too."},
    {.name = "factor_ca",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .is_read = true,
     .offset = MEMBER(factor_ca),
     .size = SIZE(factor_ca),
     .normal = "",
     .help = "verify: file of certificates for https; empty: the system's."},
    {.name = "dns_anchor",
     .type = FRANK_CONFIG_TEXT,
     .reloadable = true,
     .is_read = true,
     .offset = MEMBER(dns_anchor),
     .size = SIZE(dns_anchor),
     .normal = "",
     .help = "verify: file of trust anchors, by which records of sources are validated."},
};

static const struct frank_config_table table = {
    .program = "frank-milter", .keys = keys, .key_count = sizeof keys / sizeof keys[0]};

/* ---- what depends on others ---- */

static const char *usual_path(const void *values)
{
  const struct frank_milter_settings *settings = values;
  return settings->mode == FRANK_MILTER_MINT ? MILTER_CONFIG_MINT : MILTER_CONFIG_VERIFY;
}

static void append(struct frank_config_list *list, const char *text)
{
  (void)snprintf(list->items[list->count++], FRANK_CONFIG_ITEM_BYTES, "%s", text);
}

static enum frank_err fill_verify(struct frank_milter_settings *settings, char *why)
{
  if (settings->socket[0] == '\0') {
    (void)snprintf(settings->socket, sizeof settings->socket, "inet:8896@127.0.0.1");
  }
  for (unsigned i = 0; i < FRANK_RULE_COUNT && settings->rules.count <= i; i++) {
    append(&settings->rules, frank_rule_name((enum frank_rule)i));
  }
  if (settings->authserv_id[0] == '\0' &&
      (gethostname(settings->authserv_id, sizeof settings->authserv_id - 1) != 0 ||
       !frank_authres_is_id(settings->authserv_id))) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES,
                   "authserv_id: this host's name, \"%.64s\", cannot be one; name it",
                   settings->authserv_id);
    return FRANK_ERR_MALFORMED;
  }
  if (settings->floor > settings->max_factor) {
    (void)snprintf(why, FRANK_CONFIG_WHY_BYTES, "floor: it is above max_factor");
    return FRANK_ERR_RANGE;
  }
  const struct frank_source_settings sources = frank_milter_source_settings(settings);
  return frank_source_list_check(&sources, why);
}

/* frankd takes clients without keys on loopback alone: elsewhere not one mail would be stamped. */
static enum frank_err check_client_keys(const struct frank_milter_settings *settings, char *why)
{
  for (uint32_t i = 0; i < settings->connect.count && settings->client_keys[0] == '\0'; i++) {
    const char *endpoint = settings->connect.items[i];
    bool is_here = strncmp(endpoint, "tcp://127.", 10) == 0 ||
                   strncmp(endpoint, "tcp://[::1]", 11) == 0 ||
                   strncmp(endpoint, "tcp://localhost:", 16) == 0;
    if (strncmp(endpoint, "tcp://", 6) == 0 && !is_here) {
      (void)snprintf(why, FRANK_CONFIG_WHY_BYTES,
                     "client_keys: connect has %.80s, which takes clients with keys only "
                     "(frank keygen)",
                     endpoint);
      return FRANK_ERR_MALFORMED;
    }
  }
  return FRANK_OK;
}

static enum frank_err finish(void *values, char *why)
{
  struct frank_milter_settings *settings = values;
  enum frank_err err = check_client_keys(settings, why);
  if (err != FRANK_OK) {
    return err;
  }
  if (settings->mode == FRANK_MILTER_VERIFY) {
    return fill_verify(settings, why);
  }
  if (settings->socket[0] == '\0') {
    (void)snprintf(settings->socket, sizeof settings->socket, "inet:8895@127.0.0.1");
  }
  if (settings->connect.count == 0) {
    append(&settings->connect, "ipc:///run/frank/mint.sock");
  }
  return FRANK_OK;
}

/* ---- the command line ---- */

static const struct daemon_flag flags[] = {
    {"mode", "mode", "MODE", NULL},
    {"socket", "socket", "ADDRESS", "inet:PORT@HOST or unix:/PATH: where the mail server connects"},
    {"connect", "connect", "ENDPOINT",
     "ask this frankd; may be repeated: the next is asked where one is away"},
    {"factor", "factor", "N", "this factor and no other"},
    {"factor-url", "factor_url", "URL",
     "verify: judge by the factor that is published there: https://BASE"},
    {"factor-key", "factor_key", "B64", "verify: the Ed25519 key that must sign it"},
    {"authserv-id", "authserv_id", "NAME", "verify: our name in Authentication-Results"},
};

const struct daemon_options milter_options = {
    .program = "frank-milter",
    .usage = "usage: frank-milter --mode mint|verify [FLAG]...\n"
             "The milter: puts stamps into outbound mail, or judges them in inbound mail.\n\n",
    .config_help = "configuration file (default " MILTER_CONFIG_MINT
                   " or milter-verify.conf, by the mode, where there is one)",
    .notes = "\nSignals: SIGTERM and SIGINT end it after the mails under way; SIGHUP reads the "
             "configuration again.\n"
             "\nExit status:\n"
             "   0  ended as asked, or what was asked for was printed\n"
             "   1  could not start or go on: the socket, the state folder, a helper program\n"
             "   2  wrong usage: an unknown flag, a missing argument\n"
             "  78  wrong configuration: in the file, or in the value of a flag\n",
    .table = &table,
    .flags = flags,
    .flag_count = sizeof flags / sizeof flags[0],
    .size = sizeof(struct frank_milter_settings),
    .path = usual_path,
    .finish = finish,
};
