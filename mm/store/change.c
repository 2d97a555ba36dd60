/*
 * Changes: what the maps said at the last commit, for each entry that differs now. A commit lets the old records die; a
 * failure puts back what pages were written over. (Names, sizes and holes stay as they are in RAM.)
 */
#include <errno.h>

#include "mm/store/state.h"

/* One more than asked for: a page may be on its way to flash, with its change to be noted when it lands. */
int change_reserve(struct store *store, uint32_t count)
{
    struct transaction *transaction = &store->transaction;
    uint32_t room = transaction->changes ? CHANGES_PER_PAGE - transaction->changes->count : 0;

    for (struct change_page *page = transaction->spare; page; page = page->before)
        room += CHANGES_PER_PAGE;
    while (room < count + 1) {
        struct change_page *page = page_get_asked(store);

        if (!page)
            return -ENOMEM;
        page->before = transaction->spare;
        transaction->spare = page;
        room += CHANGES_PER_PAGE;
    }
    return 0;
}

void change_add(struct store *store, uint32_t node, uint32_t page, uint32_t old, uint32_t new)
{
    struct transaction *transaction = &store->transaction;
    struct change_page *changes = transaction->changes;

    if (!changes || changes->count == CHANGES_PER_PAGE) {
        changes = transaction->spare;
        ASSERT(changes);
        transaction->spare = changes->before;
        changes->before = transaction->changes;
        changes->count = 0;
        transaction->changes = changes;
    }
    changes->changes[changes->count++] = (struct change){ node, page, old, new };
}

bool change_wrote(const struct store *store, uint32_t place)
{
    for (const struct change_page *page = store->transaction.changes; page; page = page->before)
        for (uint32_t i = 0; i < page->count; i++)
            if ((page->changes[i].new & ~MAP_HOLE) == place)
                return true;
    return false;
}

static void pages_free(struct store *store, struct change_page **list)
{
    while (*list) {
        struct change_page *page = *list;

        *list = page->before;
        page_put_asked(store, page);
    }
}

void changes_free(struct store *store)
{
    pages_free(store, &store->transaction.changes);
    pages_free(store, &store->transaction.spare);
}

/* ---- Commit ---- */

static void dropped_apply(struct store *store, const struct change *change)
{
    uint32_t page = 0, entry;

    for (; map_next(store, change->old, change->page, &page, &entry); page++)
        if (entry & ~MAP_HOLE)
            block_died(store, entry & ~MAP_HOLE);
    map_drop(store, change->old, change->page);
}

void changes_apply(struct store *store)
{
    for (struct change_page *page = store->transaction.changes; page; page = page->before) {
        for (uint32_t i = page->count; i-- > 0;) {
            const struct change *change = &page->changes[i];

            if (change->new == CHANGE_DROP)
                dropped_apply(store, change);
            else if (change->old & ~MAP_HOLE)
                block_died(store, change->old & ~MAP_HOLE);
        }
    }
    changes_free(store);
}

/* ---- Who holds a record ---- */

static uint32_t replaced(uint32_t entry, uint32_t place)
{
    return (entry & MAP_HOLE) | place;
}

static bool in_map(struct store *store, const struct node_entry *map, uint32_t page, uint32_t place, uint32_t to)
{
    uint32_t entry = map_get(store, map, page);

    if ((entry & ~MAP_HOLE) != place)
        return false;
    if (to)
        map_set(store, map, page, replaced(entry, to));
    return true;
}

static bool in_dropped(struct store *store, const struct change *change, uint32_t page, uint32_t place, uint32_t to)
{
    const struct node_entry map = { .map = change->old, .map_height = (uint8_t)change->page };

    return in_map(store, &map, page, place, to);
}

/* In what a change of one page replaced. A written place is followed too, so that an undo finds it. */
static bool in_change(struct change *change, uint32_t place, uint32_t to)
{
    bool held = (change->old & ~MAP_HOLE) == place;

    if (held && to)
        change->old = replaced(change->old, to);
    if (to && change->new != CHANGE_TRIM && (change->new & ~MAP_HOLE) == place)
        change->new = replaced(change->new, to);
    return held;
}

static bool in_changes(struct store *store, uint32_t node, uint32_t page, uint32_t place, uint32_t to)
{
    bool held = false;

    for (struct change_page *list = store->transaction.changes; list; list = list->before) {
        for (uint32_t i = list->count; i-- > 0;) {
            struct change *change = &list->changes[i];

            if (change->node != node)
                continue;
            if (change->new == CHANGE_DROP)
                held |= in_dropped(store, change, page, place, to);
            else if (change->page == page)
                held |= in_change(change, place, to);
        }
    }
    return held;
}

static bool by_commit(struct store *store, uint32_t place, uint32_t to)
{
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t *pairs[2] = { &store->commit_place[i], &store->transaction.commit_place[i] };

        for (uint32_t j = 0; j < 2; j++) {
            if (*pairs[j] != place)
                continue;
            *pairs[j] = to ? to : place;
            return true;
        }
    }
    return false;
}

bool record_held(struct store *store, const struct record_header *header, uint32_t place, uint32_t to)
{
    const struct node_entry *node;
    bool held;

    if (header->kind == RECORD_COMMIT)
        return by_commit(store, place, to);
    node = node_of(store, header->node, header->serial);
    held = node && in_map(store, node, header->page, place, to);
    if (store->transaction.changes && (!held || to))
        held |= in_changes(store, header->node, header->page, place, to);
    return held;
}

/* ---- Failure ---- */

/* The entry that `written` became: in the map, in a map dropped since, or replaced by a later change. */
static void take_back(struct store *store, const struct change *written)
{
    const struct node_entry *node = node_at(store, written->node);

    if (map_get(store, node, written->page) == written->new) {
        map_set(store, node, written->page, written->old);
        return;
    }
    for (struct change_page *list = store->transaction.changes; list; list = list->before) {
        for (uint32_t i = list->count; i-- > 0;) {
            struct change *later = &list->changes[i];
            const struct node_entry map = { .map = later->old, .map_height = (uint8_t)later->page };

            if (later->node != written->node || later == written)
                continue;
            if (later->new == CHANGE_DROP && map_get(store, &map, written->page) == written->new)
                map_set(store, &map, written->page, written->old);
            else if (later->new != CHANGE_DROP && later->page == written->page && later->old == written->new)
                later->old = written->old;
        }
    }
}

/* Keeps the changes that are not writes. */
static void writes_forget(struct store *store)
{
    for (struct change_page *page = store->transaction.changes; page; page = page->before) {
        uint32_t kept = 0;

        for (uint32_t i = 0; i < page->count; i++)
            if (page->changes[i].new == CHANGE_TRIM || page->changes[i].new == CHANGE_DROP)
                page->changes[kept++] = page->changes[i];
        page->count = kept;
    }
}

void changes_undo(struct store *store)
{
    for (struct change_page *page = store->transaction.changes; page; page = page->before) {
        for (uint32_t i = page->count; i-- > 0;) {
            const struct change *change = &page->changes[i];
            uint32_t written = change->new & ~MAP_HOLE;

            if (change->new == CHANGE_TRIM || change->new == CHANGE_DROP)
                continue;
            take_back(store, change);
            block_of_place(store, written)->bits |= BLOCK_VOID;
            block_died(store, written);
        }
    }
    writes_forget(store);
}
