/*
 * frank keygen: CURVE key pairs for a frankd that listens on tcp:// and for a first client.
 */
#include "door/keys.h"
#include "programs/cmd.h"

#include <stdio.h>

static const struct {
  const char *file;
  const char *use;
} files[] = {
    {FRANK_KEY_SERVER_SECRET, "for frankd, to be kept secret"},
    {FRANK_KEY_SERVER_PUBLIC, "for every client"},
    {FRANK_KEY_CLIENT_SECRET, "for this client, to be kept secret"},
    {FRANK_KEY_CLIENT_PUBLIC, "for frankd's folder of allowed clients, under the client's name"},
};
#define FILE_COUNT (sizeof files / sizeof files[0])

int frank_cmd_keygen(struct frank_cmd_line *line)
{
  if (line->operand_count == 0 || line->operands[0][0] == '\0') {
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage", "keygen wants a folder for the keys");
  }
  const char *dir = line->operands[0];
  json_t *list = json_array();
  for (size_t i = 0; i < FILE_COUNT; i++) {
    json_array_append_new(list, json_sprintf("%s/%s", dir, files[i].file));
  }
  /* Before there are keys: nobody could be told where they are. */
  if (line->json && json_array_size(list) < FILE_COUNT) {
    json_decref(list);
    return frank_cmd_fail(line, FRANK_EXIT_USAGE, "usage",
                          "%s: --json cannot name a folder whose name is not UTF-8", dir);
  }
  char why[FRANK_KEYS_WHY_BYTES] = "";
  enum frank_err err = frank_keys_generate(dir, why);
  if (err != FRANK_OK) {
    json_decref(list);
    bool usage = err == FRANK_ERR_NOT_FOUND || err == FRANK_ERR_TAKEN ||
                 err == FRANK_ERR_TOO_LONG || err == FRANK_ERR_DENIED;
    return frank_cmd_fail(line, usage ? FRANK_EXIT_USAGE : FRANK_EXIT_CANNOT,
                          usage ? "usage" : "internal", "%s",
                          why[0] != '\0' ? why : frank_err_text(err));
  }
  if (line->json) {
    frank_cmd_emit(line, json_pack("{s:O}", "files", list), true);
  } else {
    for (size_t i = 0; i < FILE_COUNT; i++) {
      printf("%s/%-13s  %s\n", dir, files[i].file, files[i].use);
    }
  }
  json_decref(list);
  return frank_cmd_finish(line, FRANK_EXIT_OK, FRANK_EXIT_CANNOT);
}
