/* A configuration that is read can be dumped, and the dump reads to the same values; what is
 * refused has a reason that names the file. frankd's own table, so every type of key is there. */
#include "base/config.h"
#include "fuzz.h"
#include "programs/frankd_config.h"

#include <string.h>

static void check_ends(const struct frankd_config *config)
{
  FUZZ_CHECK(config->listen.count >= 1 && config->listen.count <= FRANKD_LISTEN_MAX);
  FUZZ_CHECK(config->devices.count <= FRANK_CONFIG_LIST_MAX);
  for (uint32_t i = 0; i < config->listen.count; i++) {
    FUZZ_CHECK(memchr(config->listen.items[i], '\0', FRANK_CONFIG_ITEM_BYTES) != NULL);
  }
  FUZZ_CHECK(memchr(config->factor_file, '\0', sizeof config->factor_file) != NULL);
  FUZZ_CHECK(memchr(config->isa, '\0', sizeof config->isa) != NULL);
  FUZZ_CHECK(config->queue >= 1 && config->queue <= 100000);
  FUZZ_CHECK(config->log_level <= 3);
}

static void check_dump(const struct frankd_config *config, bool changed_only)
{
  static struct frankd_config again;
  const struct frank_config_key *changed[FRANK_CONFIG_KEYS_MAX];
  char why[FRANK_CONFIG_WHY_BYTES];
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream(&text, &len);
  FUZZ_CHECK(out != NULL);
  FUZZ_CHECK(frank_config_dump(&frankd_config_table, config, changed_only, out) == FRANK_OK);
  fclose(out);
  frank_config_defaults(&frankd_config_table, &again);
  FUZZ_CHECK(frank_config_parse(&frankd_config_table, "dump", text, len, &again, why) == FRANK_OK);
  FUZZ_CHECK(frank_config_compare(&frankd_config_table, config, &again, changed) == 0);
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static struct frankd_config config;
  char why[FRANK_CONFIG_WHY_BYTES];
  frank_config_defaults(&frankd_config_table, &config);
  enum frank_err err =
      frank_config_parse(&frankd_config_table, "fuzz.conf", (const char *)data, size, &config, why);
  if (err != FRANK_OK) {
    FUZZ_CHECK(err == FRANK_ERR_MALFORMED || err == FRANK_ERR_RANGE ||
               err == FRANK_ERR_UNSUPPORTED);
    FUZZ_CHECK(strncmp(why, "fuzz.conf:", 10) == 0 && why[10] >= '0' && why[10] <= '9');
    return 0;
  }
  check_ends(&config);
  check_dump(&config, false);
  check_dump(&config, true);
  return 0;
}
