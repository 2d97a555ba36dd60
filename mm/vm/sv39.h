/*
 * The radix tree of pages, as the MMU defines it: 512 entries of 8 bytes to a node. The same code serves the trees of
 * objects, which only software reads.
 */
#ifndef MM_VM_SV39_H
#define MM_VM_SV39_H

#include "mm/vm/vm.h"

/* The entry of a page, or NULL where a node on the way is missing. */
entry_t *tree_find(const struct tree *tree, uint64_t page);
/* The same, making the nodes that are missing; frames_ensure() has been called. */
entry_t *tree_make(struct tree *tree, uint64_t page);
/* How many nodes tree_make() would take. */
uint32_t tree_missing(const struct tree *tree, uint64_t page);
/* Writes an entry that may have been 0; never 0 itself. */
static inline void tree_set(struct tree *tree, entry_t *entry, entry_t value)
{
    if (!*entry && entry != &tree->root)
        frame_at(frame_of(entry))->maps++;
    /* Release: the node or page that it points to is whole before the MMU can see it. */
    __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* Clears an entry; returns what it was at that moment, A and D included. Node counts follow, nodes stay. */
static inline entry_t tree_take(struct tree *tree, entry_t *entry)
{
    entry_t old = __atomic_exchange_n(entry, 0, __ATOMIC_ACQ_REL);

    if (old && entry != &tree->root)
        frame_at(frame_of(entry))->maps--;
    return old;
}

/*
 * Unlinks the nodes on the way to `page` that have become empty; the chain of their frames is linked by frame.page and
 * ends with 0. They are not free yet: their space must be flushed first. A space's topmost node stays.
 */
uint32_t tree_prune(struct tree *tree, uint64_t page);
/* Adds levels on top until the tree has so many; at most three frames, ensured before. */
void tree_raise(struct tree *tree, unsigned levels);
unsigned tree_levels_for(uint64_t pages);
/* The most nodes that a tree of so many pages and levels can have. */
uint32_t tree_worst_nodes(uint64_t pages, unsigned levels);
/* The first page at or after `page` whose entry is not 0, below `end`, or `end`. Skips what nodes are missing. */
uint64_t tree_next(const struct tree *tree, uint64_t page, uint64_t end);

#endif
