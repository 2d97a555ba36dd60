/*
 * Sv39 trees. An entry is written whole, by one store, after the node it points to holds zeros; it is cleared by an
 * atomic exchange, since another hart's MMU may be setting A or D in it at that moment, and D must not be lost.
 *
 * Node descriptors count the entries in use, so that an empty node is noticed without reading it.
 */
#include "mm/vm/sv39.h"

static unsigned shift_of(unsigned level)
{
    return TABLE_SHIFT * (level - 1);
}

static inline entry_t *node_entry(entry_t pointer, uint64_t page, unsigned level)
{
    entry_t *node = entry_view(pointer);

    return node + ((page >> shift_of(level)) & (TABLE_ENTRIES - 1));
}

entry_t *tree_find(const struct tree *tree, uint64_t page)
{
    const entry_t *entry = &tree->root;
    unsigned shift = shift_of(tree->levels + 1u);

    while (shift) {
        entry_t pointer = entry_load(entry);

        if (!(pointer & ENTRY_V))
            return NULL;
        shift -= TABLE_SHIFT;
        entry = (const entry_t *)entry_view(pointer) + ((page >> shift) & (TABLE_ENTRIES - 1));
    }
    return (entry_t *)entry;
}

uint32_t tree_missing(const struct tree *tree, uint64_t page)
{
    const entry_t *entry = &tree->root;

    for (unsigned level = tree->levels; level > 0; level--) {
        if (!(*entry & ENTRY_V))
            return level;
        entry = node_entry(*entry, page, level);
    }
    return 0;
}

static void add_node(struct tree *tree, entry_t *entry, uint64_t page, unsigned level)
{
    uint32_t number = frame_take_zeroed(FRAME_TABLE, tree->owner, (uint32_t)(page >> shift_of(level + 1)));

    frame_at(number)->bits = (uint8_t)(tree->bits | level);
    tree->nodes++;
    tree_set(tree, entry, entry_of_frame(number) | ENTRY_V);
}

entry_t *tree_make(struct tree *tree, uint64_t page)
{
    entry_t *entry = &tree->root;

    for (unsigned level = tree->levels; level > 0; level--) {
        if (!(*entry & ENTRY_V))
            add_node(tree, entry, page, level);
        entry = node_entry(*entry, page, level);
    }
    return entry;
}

uint32_t tree_prune(struct tree *tree, uint64_t page)
{
    unsigned permanent = tree->bits & FRAME_OF_OBJECT ? 0 : 1;
    entry_t *above[4] = { NULL };
    entry_t *entry = &tree->root;
    unsigned level = tree->levels;
    uint32_t chain = 0;

    for (; level > 0 && (*entry & ENTRY_V); level--) {
        above[level] = entry;
        entry = node_entry(*entry, page, level);
    }
    for (level++; level <= tree->levels - permanent && above[level]; level++) {
        uint32_t number = entry_frame(*above[level]);

        if (frame_at(number)->maps)
            break;
        tree_take(tree, above[level]);
        tree->nodes--;
        frame_at(number)->page = chain;
        chain = number;
    }
    return chain;
}

void tree_raise(struct tree *tree, unsigned levels)
{
    while (tree->levels < levels) {
        entry_t below = tree->root;

        tree->root = 0;
        tree->levels++;
        if (!below)
            continue;
        add_node(tree, &tree->root, 0, tree->levels);
        tree_set(tree, node_entry(tree->root, 0, tree->levels), below);
    }
}

unsigned tree_levels_for(uint64_t pages)
{
    unsigned levels = 0;

    while (pages > 1) {
        pages = (pages + TABLE_ENTRIES - 1) >> TABLE_SHIFT;
        levels++;
    }
    return levels;
}

uint32_t tree_worst_nodes(uint64_t pages, unsigned levels)
{
    uint64_t nodes = 0;

    while (levels-- > 0 && pages) {
        pages = (pages + TABLE_ENTRIES - 1) >> TABLE_SHIFT;
        nodes += pages;
    }
    return (uint32_t)nodes;
}

uint64_t tree_next(const struct tree *tree, uint64_t page, uint64_t end)
{
    while (page < end) {
        const entry_t *entry = &tree->root;
        unsigned level = tree->levels;

        for (; level > 0 && (*entry & ENTRY_V); level--)
            entry = node_entry(*entry, page, level);
        if (level == 0 && *entry)
            return page;
        page = ((page >> (TABLE_SHIFT * level)) + 1) << (TABLE_SHIFT * level);
    }
    return end;
}
