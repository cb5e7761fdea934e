#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

enum frank_err frank_table_init(struct frank_table *table, size_t expected)
{
  size_t size = 16;
  while (size < expected) {
    size *= 2;
  }
  table->mask = size - 1;
  table->buckets = calloc(size, sizeof(struct frank_table_node *));
  return table->buckets ? FRANK_OK : FRANK_ERR_NOMEM;
}

void frank_table_fini(struct frank_table *table)
{
  free(table->buckets);
  table->buckets = NULL;
}

static struct frank_table_node **bucket(const struct frank_table *table, uint64_t hash)
{
  return &table->buckets[hash & table->mask];
}

void frank_table_insert(struct frank_table *table, struct frank_table_node *node, uint64_t hash)
{
  struct frank_table_node **at = bucket(table, hash);
  node->hash = hash;
  node->next = *at;
  *at = node;
}

void frank_table_remove(struct frank_table *table, struct frank_table_node *node)
{
  struct frank_table_node **at = bucket(table, node->hash);
  while (*at != node) {
    assert(*at);
    at = &(*at)->next;
  }
  *at = node->next;
  node->next = NULL;
}

static struct frank_table_node *skip_to(struct frank_table_node *node, uint64_t hash)
{
  while (node && node->hash != hash) {
    node = node->next;
  }
  return node;
}

struct frank_table_node *frank_table_first(const struct frank_table *table, uint64_t hash)
{
  return skip_to(*bucket(table, hash), hash);
}

struct frank_table_node *frank_table_next(const struct frank_table_node *node)
{
  return skip_to(node->next, node->hash);
}
