#include "base/heap.h"

#include <assert.h>

void frank_heap_init(struct frank_heap *heap, frank_heap_before_fn *before)
{
  heap->root = NULL;
  heap->before = before;
}

/* Joins two trees; the loser becomes the first child of the other. Either may be NULL. */
static struct frank_heap_node *join(const struct frank_heap *heap, struct frank_heap_node *a,
                                    struct frank_heap_node *b)
{
  if (!a || !b) {
    return a ? a : b;
  }
  if (heap->before(b, a)) {
    struct frank_heap_node *swap = a;
    a = b;
    b = swap;
  }
  b->prev = a;
  b->next = a->child;
  if (a->child) {
    a->child->prev = b;
  }
  a->child = b;
  a->next = NULL;
  a->prev = NULL;
  return a;
}

/* Joins the children of a removed node: in pairs from the left, then the pairs from the right. */
static struct frank_heap_node *join_children(const struct frank_heap *heap,
                                             struct frank_heap_node *first)
{
  struct frank_heap_node *pairs = NULL; /* a stack through ->prev */
  while (first) {
    struct frank_heap_node *a = first;
    struct frank_heap_node *b = a->next;
    first = b ? b->next : NULL;
    a->next = a->prev = NULL;
    if (b) {
      b->next = b->prev = NULL;
    }
    struct frank_heap_node *pair = join(heap, a, b);
    pair->prev = pairs;
    pairs = pair;
  }
  struct frank_heap_node *root = NULL;
  while (pairs) {
    struct frank_heap_node *rest = pairs->prev;
    pairs->prev = NULL;
    root = join(heap, root, pairs);
    pairs = rest;
  }
  return root;
}

void frank_heap_push(struct frank_heap *heap, struct frank_heap_node *node)
{
  assert(!node->queued);
  *node = (struct frank_heap_node){.queued = true};
  heap->root = join(heap, heap->root, node);
}

struct frank_heap_node *frank_heap_top(const struct frank_heap *heap)
{
  return heap->root;
}

void frank_heap_remove(struct frank_heap *heap, struct frank_heap_node *node)
{
  if (!node->queued) {
    return;
  }
  if (node == heap->root) {
    heap->root = NULL;
  } else {
    if (node->prev->child == node) {
      node->prev->child = node->next;
    } else {
      node->prev->next = node->next;
    }
    if (node->next) {
      node->next->prev = node->prev;
    }
  }
  heap->root = join(heap, heap->root, join_children(heap, node->child));
  *node = (struct frank_heap_node){0};
}
