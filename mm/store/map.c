/*
 * Maps: the place of each page of a node, as a tree of 64-byte cells of 16 entries that share pages, so that a small
 * file costs a cell. A cell's number is its index + 1; 0 is none. A map of height h covers 16^h pages; height 0 is
 * empty.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

#define HEIGHT_MAX 6u

static uint32_t *cell_at(const struct store *store, uint32_t cell)
{
    return store->nodes->cell_pages[(cell - 1) / CELLS_PER_PAGE] + (cell - 1) % CELLS_PER_PAGE * CELL_FAN;
}

static int cells_grow(struct store *store)
{
    struct nodes *nodes = store->nodes;
    uint32_t index = 0;

    while (index < CELL_PAGES && nodes->cell_pages[index])
        index++;
    if (index < CELL_PAGES)
        nodes->cell_pages[index] = page_get_asked(store);
    if (index == CELL_PAGES || !nodes->cell_pages[index])
        return -ENOMEM;
    for (uint32_t i = CELLS_PER_PAGE; i > 0; i--) {
        uint32_t cell = index * CELLS_PER_PAGE + i;

        *cell_at(store, cell) = nodes->free_cell;
        nodes->free_cell = cell;
    }
    return 0;
}

static int cell_get(struct store *store, uint32_t *cell)
{
    struct nodes *nodes = store->nodes;
    int error = nodes->free_cell ? 0 : cells_grow(store);

    if (error)
        return error;
    *cell = nodes->free_cell;
    nodes->free_cell = *cell_at(store, *cell);
    nodes->cell_used[(*cell - 1) / CELLS_PER_PAGE]++;
    memset(cell_at(store, *cell), 0, CELL_FAN * sizeof(uint32_t));
    return 0;
}

static void page_unlink(struct store *store, uint32_t index)
{
    uint32_t *link = &store->nodes->free_cell;

    while (*link) {
        if ((*link - 1) / CELLS_PER_PAGE == index)
            *link = *cell_at(store, *link);
        else
            link = cell_at(store, *link);
    }
}

static void cell_put(struct store *store, uint32_t cell)
{
    struct nodes *nodes = store->nodes;
    uint32_t index = (cell - 1) / CELLS_PER_PAGE;

    *cell_at(store, cell) = nodes->free_cell;
    nodes->free_cell = cell;
    if (--nodes->cell_used[index])
        return;
    page_unlink(store, index);
    page_put_asked(store, nodes->cell_pages[index]);
    nodes->cell_pages[index] = NULL;
}

static uint32_t digit(uint32_t page, uint32_t level)
{
    return page >> (CELL_BITS * level) & (CELL_FAN - 1);
}

static bool covers(uint32_t height, uint32_t page)
{
    return height && page >> (CELL_BITS * height) == 0;
}

/* The entry itself, or NULL where the map has no cell for it. */
static uint32_t *entry_of(const struct store *store, uint32_t root, uint32_t height, uint32_t page)
{
    uint32_t cell = root;

    if (!covers(height, page))
        return NULL;
    for (uint32_t level = height - 1; level > 0 && cell; level--)
        cell = cell_at(store, cell)[digit(page, level)];
    return cell ? cell_at(store, cell) + digit(page, 0) : NULL;
}

uint32_t map_get(const struct store *store, const struct node_entry *node, uint32_t page)
{
    const uint32_t *entry = entry_of(store, node->map, node->map_height, page);

    return entry ? *entry : NO_PLACE;
}

void map_set(struct store *store, const struct node_entry *node, uint32_t page, uint32_t value)
{
    uint32_t *entry = entry_of(store, node->map, node->map_height, page);

    ASSERT(entry);
    *entry = value;
}

int map_reserve(struct store *store, struct node_entry *node, uint32_t page)
{
    uint32_t cell;
    int error;

    if (page >> (CELL_BITS * HEIGHT_MAX))
        return -EFBIG;
    while (!covers(node->map_height, page)) {
        error = cell_get(store, &cell);
        if (error)
            return error;
        cell_at(store, cell)[0] = node->map;
        node->map = cell;
        node->map_height++;
    }
    cell = node->map;
    for (uint32_t level = node->map_height - 1u; level > 0; level--) {
        uint32_t below = cell_at(store, cell)[digit(page, level)];

        if (!below) {
            error = cell_get(store, &below);
            if (error)
                return error;
            cell_at(store, cell)[digit(page, level)] = below;
        }
        cell = below;
    }
    return 0;
}

/* Skips, at each page without a cell, as much as the missing cell would cover. */
bool map_next(const struct store *store, uint32_t root, uint32_t height, uint32_t *page, uint32_t *entry)
{
    while (covers(height, *page)) {
        uint32_t cell = root, level = height - 1;
        uint32_t step;

        while (level > 0 && cell_at(store, cell)[digit(*page, level)])
            cell = cell_at(store, cell)[digit(*page, level--)];
        *entry = cell_at(store, cell)[digit(*page, level)];
        if (*entry)
            return true;
        step = 1u << (CELL_BITS * level);
        *page = (*page & ~(step - 1)) + step;
    }
    return false;
}

/* From the left, a cell at a time: each round gives back the leftmost lowest cell, then the ones above it. */
void map_drop(struct store *store, uint32_t root, uint32_t height)
{
    uint32_t path[HEIGHT_MAX + 1], at[HEIGHT_MAX + 1] = { 0 };
    uint32_t level = height;

    if (!height)
        return;
    path[level] = root;
    while (level <= height) {
        uint32_t *cell = cell_at(store, path[level]);

        while (level > 1 && at[level] < CELL_FAN && !cell[at[level]])
            at[level]++;
        if (level > 1 && at[level] < CELL_FAN) {
            path[level - 1] = cell[at[level]++];
            at[--level] = 0;
            continue;
        }
        cell_put(store, path[level++]);
    }
}
