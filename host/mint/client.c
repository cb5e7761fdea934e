/* Clients: who shares fairly with whom. Their share is remembered for a while after they leave. */
#include "mint/internal.h"

#include <stdlib.h>
#include <string.h>

static bool more_urgent(const struct frank_heap_node *a, const struct frank_heap_node *b)
{
  const struct frank_mint_job *x = FRANK_CONTAINER(a, struct frank_mint_job, ready);
  const struct frank_mint_job *y = FRANK_CONTAINER(b, struct frank_mint_job, ready);
  if (x->priority != y->priority) {
    return x->priority > y->priority;
  }
  return x->deadline_us != y->deadline_us ? x->deadline_us < y->deadline_us : x->seq < y->seq;
}

struct frank_mint_client *frank_mint_client_find(const struct frank_mint *mint, const char *name,
                                                 uint64_t *hash)
{
  struct frank_hash h;
  frank_mint_salted(mint, name, strlen(name), &h);
  memcpy(hash, h.bytes, sizeof *hash);
  struct frank_table_node *node = frank_table_first(&mint->clients, *hash);
  for (; node; node = frank_table_next(node)) {
    struct frank_mint_client *client = FRANK_CONTAINER(node, struct frank_mint_client, by_name);
    if (strcmp(client->name, name) == 0) {
      return client;
    }
  }
  return NULL;
}

void frank_mint_client_destroy(struct frank_mint *mint, struct frank_mint_client *client)
{
  frank_list_remove(&client->link);
  frank_table_remove(&mint->clients, &client->by_name);
  free(client);
}

/* Marks a client as having requests or slices, or as idle; the oldest idle ones are forgotten. */
static void client_place(struct frank_mint *mint, struct frank_mint_client *client, bool was_busy)
{
  bool is_busy = client->waiters > 0 || client->slots > 0;
  if (is_busy == was_busy && frank_list_is_linked(&client->link)) {
    return;
  }
  if (frank_list_is_linked(&client->link) && !was_busy) {
    mint->idle_clients--;
  }
  frank_list_remove(&client->link);
  frank_list_append(is_busy ? &mint->clients_busy : &mint->clients_idle, &client->link);
  if (is_busy) {
    return;
  }
  client->expected = 0;
  if (++mint->idle_clients > FRANK_MINT_IDLE_CLIENTS) {
    frank_mint_client_destroy(
        mint, FRANK_CONTAINER(mint->clients_idle.next, struct frank_mint_client, link));
    mint->idle_clients--;
  }
}

void frank_mint_client_use(struct frank_mint *mint, struct frank_mint_client *client, int waiters,
                           int slots)
{
  bool was_busy = client->waiters > 0 || client->slots > 0;
  client->waiters += (uint32_t)waiters;
  client->slots += (uint32_t)slots;
  client_place(mint, client, was_busy);
}

struct frank_mint_client *frank_mint_client_make(struct frank_mint *mint, const char *name,
                                                 uint64_t hash)
{
  struct frank_mint_client *client = calloc(1, sizeof *client);
  if (!client) {
    return NULL;
  }
  frank_mint_copy_text(client->name, sizeof client->name, name);
  frank_heap_init(&client->ready, more_urgent);
  frank_table_insert(&mint->clients, &client->by_name, hash);
  return client;
}
