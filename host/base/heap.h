/*
 * heap: an intrusive priority queue (pairing heap). Nodes live inside their owners, so putting one
 * in cannot fail for want of memory. push is O(1), pop and remove O(log n) amortised.
 */
#ifndef FRANK_BASE_HEAP_H
#define FRANK_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct frank_heap_node {
  struct frank_heap_node *child; /* first of its children */
  struct frank_heap_node *next;  /* right sibling */
  struct frank_heap_node *prev;  /* left sibling, or the parent where it is the first child */
  bool queued;
};

/* True when a comes out before b. Must be a strict order that stays while both are queued. */
typedef bool frank_heap_before_fn(const struct frank_heap_node *a, const struct frank_heap_node *b);

struct frank_heap {
  struct frank_heap_node *root;
  frank_heap_before_fn *before;
};

/* The struct of type `type` that holds `ptr` as its `member`. */
#define FRANK_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

void frank_heap_init(struct frank_heap *heap, frank_heap_before_fn *before);
/* `node` must not be queued. */
void frank_heap_push(struct frank_heap *heap, struct frank_heap_node *node);
/* The first node, NULL where empty; it stays queued. */
struct frank_heap_node *frank_heap_top(const struct frank_heap *heap);
/* Takes `node` out; nothing happens where it is not queued. */
void frank_heap_remove(struct frank_heap *heap, struct frank_heap_node *node);

#endif
