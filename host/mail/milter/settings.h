/*
 * settings: what frank-milter is told by its configuration: a plain struct that the table of keys
 * (programs/milter_config) fills, and that the filter gets by the view (milter/view.h).
 */
#ifndef FRANK_MAIL_MILTER_SETTINGS_H
#define FRANK_MAIL_MILTER_SETTINGS_H

#include "base/config.h"

#include <stdbool.h>
#include <stdint.h>

enum frank_milter_mode { FRANK_MILTER_MINT, FRANK_MILTER_VERIFY, FRANK_MILTER_MODE_COUNT };
enum frank_milter_on_failure { FRANK_MILTER_ACCEPT, FRANK_MILTER_TEMPFAIL };
enum frank_milter_dkim { FRANK_MILTER_DKIM_LIBRARY, FRANK_MILTER_DKIM_HEADER };

#define FRANK_MILTER_SOCKET_BYTES 128

struct frank_milter_settings {
  uint32_t mode;      /* enum frank_milter_mode */
  uint32_t log_level; /* enum frank_log_level */
  char socket[FRANK_MILTER_SOCKET_BYTES];
  uint64_t socket_mode;
  char metrics[256]; /* "": none */
  char state[256];   /* "": the environment's (base/dirs.h) */
  uint64_t sessions_max;
  uint64_t factor; /* 0: not given */
  struct frank_config_list connect;
  char client_keys[256]; /* "": none */

  /* minting */
  uint64_t deadline_us;
  uint64_t max_recipients;
  uint32_t on_failure; /* enum frank_milter_on_failure */
  bool skip_lists;
  struct frank_config_list local_domains;
  struct frank_config_list skip_domains;
  struct frank_config_list signing_domains;

  /* verifying */
  char authserv_id[256];
  uint32_t dkim; /* enum frank_milter_dkim */
  bool report_none;
  bool observe;
  bool factor_http;
  struct frank_config_list rules; /* names of enum frank_rule */
  struct frank_config_list lists;
  char dkim_keys[256]; /* "": keys are looked up in DNS */
  struct frank_config_list dns_servers;
  uint64_t look_up_limit_us;
  uint64_t replay_max_bytes;
  char spam_field[128]; /* "NAME: VALUE" of a field that an earlier filter adds to spam */

  /* where the factor comes from */
  uint64_t floor;
  uint64_t max_factor;
  char factor_url[128];
  char factor_key[64];
  struct frank_config_list factor_sources;
  char factor_ca[256];
  char dns_anchor[256];
};

#endif
