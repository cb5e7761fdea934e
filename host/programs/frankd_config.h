/*
 * frankd_config: frankd's configuration: the struct, its table of keys, and the command line.
 *
 * Order: the table's defaults, then /etc/frank/frankd.conf (or --config FILE), then the flags.
 * Owner: frankd's main. A plain struct; strings are inside it.
 */
#ifndef FRANK_PROGRAMS_FRANKD_CONFIG_H
#define FRANK_PROGRAMS_FRANKD_CONFIG_H

#include "base/config.h"
#include "base/err.h"
#include "factor/source_list.h"
#include "programs/daemon_options.h"

#include <stdbool.h>
#include <stdint.h>

#define FRANKD_CONFIG_PATH    "/etc/frank/frankd.conf"
#define FRANKD_LISTEN_MAX     16 /* doors; FRANK_STATUS_CHILDREN_MAX holds these and the web child */
#define FRANKD_ENDPOINT_BYTES FRANK_CONFIG_ITEM_BYTES

struct frankd_config {
  struct frank_config_list listen; /* endpoints, at least one */
  char curve_secret[256];          /* path of the server's secret key; "" none */
  char curve_clients[256];         /* folder with a public key file per client; "" none */
  bool insecure;                   /* tcp:// without CURVE, on loopback addresses only */
  uint64_t ipc_mode;               /* file mode of ipc sockets */
  char http[64];                   /* ADDR:PORT, loopback; "" off */

  uint64_t factor;                         /* 0: none given; else the only source */
  char factor_url[128];                    /* the first source; "" none */
  char factor_key[64];                     /* the key that signs there; "" unsigned */
  struct frank_config_list factor_sources; /* those after it, by frank_source_check */
  char factor_file[256]; /* the last; holds a factor in digits, read again when it changes */
  uint64_t floor;        /* the factor where no source gives one */
  bool factor_http;      /* http:// to other hosts, too */
  char factor_ca[256];   /* file of certificates to trust instead of the system's; "" those */
  char state[256];       /* folder of the last good documents; "" the environment's */
  bool look_up;          /* recipients' domains, by DNS */
  uint64_t look_up_limit_us;
  struct frank_config_list dns_servers; /* none: those of /etc/resolv.conf */
  char dns_anchor[256];                 /* "" nothing is validated */
  bool require_dnssec;
  uint64_t max_factor;
  uint64_t queue;
  uint64_t cache;
  uint64_t cache_age_us;
  uint64_t slice_us;

  struct frank_config_list devices; /* names; none: every device that is not on demand */
  char isa[32];                     /* variant of the CPU engine; "": the fastest */
  char fpga_unroll[4];              /* rounds per cycle of simulated FPGA cores; "": their usual */
  uint64_t worker_nice;
  bool bind;
  uint64_t open_limit_us;
  uint64_t stall_floor_us;
  uint64_t kill_floor_us;
  uint64_t quarantine_us;

  uint64_t client_rate;      /* requests per second of one client; 0: no limit */
  uint64_t client_in_flight; /* requests of one client not yet answered */
  uint64_t door_memory_bytes;
  uint64_t door_descriptors;

  uint64_t grace_us;  /* from SIGTERM until what is left is answered as it stands */
  uint32_t log_level; /* enum frank_log_level */
};

extern const struct frank_config_table frankd_config_table;

/* Its command line: flags and file into a struct frankd_config. */
extern const struct daemon_options frankd_options;

/* True for a key that frank-resolver is started with. */
bool frankd_config_is_resolvers(const struct frank_config_key *key);

/* What it says of the factor's sources; views into it. */
struct frank_source_settings frankd_config_sources(const struct frankd_config *config);

#endif
