/*
 * table: an intrusive hash table of fixed size. The owner computes the hashes (with a secret salt
 * where strangers choose the keys) and compares the keys; nodes live inside their owners.
 */
#ifndef FRANK_BASE_TABLE_H
#define FRANK_BASE_TABLE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct frank_table_node {
  struct frank_table_node *next;
  uint64_t hash;
};

struct frank_table {
  struct frank_table_node **buckets;
  size_t mask;
};

/* Buckets for about `expected` nodes; more still work, slower. FRANK_ERR_NOMEM. */
FRANK_MUST_CHECK enum frank_err frank_table_init(struct frank_table *table, size_t expected);
void frank_table_fini(struct frank_table *table);
void frank_table_insert(struct frank_table *table, struct frank_table_node *node, uint64_t hash);
/* `node` must be in the table. */
void frank_table_remove(struct frank_table *table, struct frank_table_node *node);
/* The first node with `hash`, then the next such; NULL at the end. */
struct frank_table_node *frank_table_first(const struct frank_table *table, uint64_t hash);
struct frank_table_node *frank_table_next(const struct frank_table_node *node);

#endif
