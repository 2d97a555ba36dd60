/*
 * Doubly linked rings whose links lie inside the linked things. A head and a link are the same; a link that is on no
 * ring points at itself, so removing it once more is harmless.
 *
 * Locking: that of the ring's owner.
 */
#ifndef FIRMWARE_LIST_H
#define FIRMWARE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous;
};

#define LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct list *place, struct list *link)
{
    link->next = place;
    link->previous = place->previous;
    place->previous->next = link;
    place->previous = link;
}

static inline void list_append(struct list *head, struct list *link)
{
    list_insert_before(head, link);
}

static inline void list_remove(struct list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    list_init(link);
}

/* The body may remove the link at hand, and no other. */
#define LIST_EACH(link, head)                                                         \
    for (struct list *link = (head)->next, *link##_next = link->next; link != (head); \
         link = link##_next, link##_next = link->next)

#endif
