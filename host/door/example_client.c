/* A stamp from a frankd in ten lines: example_client ENDPOINT B64 */
#include <door/client.h>

#include <stdio.h>

int main(int argc, char **argv)
{
  if (argc != 3) {
    return fprintf(stderr, "usage: %s ENDPOINT B64\n", argv[0]), 2;
  }
  char why[FRANK_CLIENT_WHY_BYTES] = "";
  struct frank_client *client = NULL;
  struct frank_client_reply reply = {0};
  uint64_t id = 0;
  const char *const endpoints[] = {argv[1]};
  const struct frank_client_config config = {.endpoints = endpoints, .endpoint_count = 1};
  const struct frank_client_mint mint = {.b = argv[2], .priority = -1};
  if (frank_client_new(&config, &client, why) != FRANK_OK ||
      frank_client_mint(client, &mint, &id) != FRANK_OK ||
      frank_client_next(client, -1, &reply) != FRANK_OK || !reply.ok) {
    fprintf(stderr, "no stamp: %s %s\n", reply.code, client ? reply.message : why);
  } else {
    printf("%s\r\n", reply.header);
  }
  frank_client_destroy(&client);
  return reply.ok ? 0 : 1;
}
