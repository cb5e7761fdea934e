/*
 * list: an intrusive doubly linked list with a head node; all of it is here, being a few lines.
 */
#ifndef FRANK_BASE_LIST_H
#define FRANK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct frank_list {
  struct frank_list *next; /* NULL in a node that is in no list */
  struct frank_list *prev;
};

static inline void frank_list_init(struct frank_list *head)
{
  head->next = head->prev = head;
}

static inline bool frank_list_is_empty(const struct frank_list *head)
{
  return head->next == head;
}

static inline bool frank_list_is_linked(const struct frank_list *node)
{
  return node->next != NULL;
}

static inline void frank_list_append(struct frank_list *head, struct frank_list *node)
{
  node->prev = head->prev;
  node->next = head;
  head->prev->next = node;
  head->prev = node;
}

/* Takes `node` out of its list; nothing happens where it is in none. */
static inline void frank_list_remove(struct frank_list *node)
{
  if (node->next) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
  }
}

#endif
