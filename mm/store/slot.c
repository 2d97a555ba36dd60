/*
 * The slot table: slot -> place, and how many hold it. Moving a record changes this table alone.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/state.h"

/* ---- Table ---- */

int slots_init(struct store *store)
{
    store->slots = page_get(store);
    return store->slots ? 0 : -ENOMEM;
}

void slots_free(struct store *store)
{
    for (uint32_t i = 0; store->slots && i < SLOT_PAGES; i++)
        page_put(store, store->slots[i]);
    page_put(store, store->slots);
    store->slots = NULL;
}

/* Slot 0 is none, so it is never on the free list. */
static int table_grow(struct store *store)
{
    struct slot_entry *page;
    uint32_t first = store->slot_pages * SLOTS_PER_PAGE;

    if (store->slot_pages == SLOT_PAGES)
        return -ENOSPC;
    page = page_get(store);
    if (!page)
        return -ENOMEM;
    store->slots[store->slot_pages++] = page;
    for (uint32_t i = SLOTS_PER_PAGE; i-- > 0;) {
        if (!(first + i))
            continue;
        page[i].place = store->slot_free;
        store->slot_free = first + i;
    }
    return 0;
}

static int slot_allocate(struct store *store, slot_t *slot)
{
    int error = store->slot_free ? 0 : table_grow(store);

    if (error)
        return error;
    *slot = store->slot_free;
    store->slot_free = slot_at(store, *slot)->place;
    if (++store->slots_used > store->statistics.slots_peak)
        store->statistics.slots_peak = store->slots_used;
    return 0;
}

static void page_unlink(struct store *store, uint32_t first)
{
    slot_t *link = &store->slot_free;

    while (*link) {
        if (*link / SLOTS_PER_PAGE == first / SLOTS_PER_PAGE)
            *link = slot_at(store, *link)->place;
        else
            link = &slot_at(store, *link)->place;
    }
}

/* The table's last page goes back when it and half of the page before it are free. */
static void table_shrink(struct store *store)
{
    while (store->slot_pages > 1 && store->slots_used < (store->slot_pages - 1) * SLOTS_PER_PAGE / 2) {
        uint32_t last = store->slot_pages - 1;

        for (uint32_t i = 0; i < SLOTS_PER_PAGE; i++)
            if (slot_place_of(&store->slots[last][i]) != PLACE_FREE)
                return;
        page_unlink(store, last * SLOTS_PER_PAGE);
        page_put(store, store->slots[last]);
        store->slots[last] = NULL;
        store->slot_pages--;
    }
}

static void slot_free(struct store *store, slot_t slot)
{
    *slot_at(store, slot) = (struct slot_entry){ .place = store->slot_free };
    store->slot_free = slot;
    store->slots_used--;
    if (store->slots_used % 64 == 0)
        table_shrink(store);
}

struct slot_entry *slot_held(const struct store *store, slot_t slot)
{
    struct slot_entry *entry;

    ASSERT(slot && slot / SLOTS_PER_PAGE < store->slot_pages);
    entry = slot_at(store, slot);
    ASSERT(slot_place_of(entry) != PLACE_FREE);
    return entry;
}

uint32_t slot_references(const struct store *store, slot_t slot)
{
    return slot_held(store, slot)->references;
}

/* ---- Places ---- */

bool slot_is_at(const struct store *store, slot_t slot, enum slot_place where, uint32_t place)
{
    const struct slot_entry *entry;

    if (!slot || slot / SLOTS_PER_PAGE >= store->slot_pages)
        return false;
    entry = slot_at(store, slot);
    return slot_place_of(entry) == where && entry->place == place;
}

/* The table is RAM: where bits of an entry have turned, the place is nobody's, and is not followed. */
static void record_died(struct store *store, const struct slot_entry *entry)
{
    if (slot_place_of(entry) == PLACE_TAIL)
        tail_died(store, entry->place, slot_units(entry));
    else if (slot_place_of(entry) == PLACE_FLASH && place_block(store, entry->place) < store->block_count &&
             block_of_place(store, entry->place)->live)
        block_died(store, entry->place);
}

void slot_move(struct store *store, slot_t slot, enum slot_place where, uint32_t place, uint32_t units)
{
    struct slot_entry *entry = slot_at(store, slot);
    struct slot_entry before = *entry;

    entry->place = place;
    entry->units = (uint16_t)((uint32_t)where << SLOT_WHERE_SHIFT | slot_heat(entry) << SLOT_HEAT_SHIFT | units);
    if (where == PLACE_FLASH)
        block_live(store, place);
    record_died(store, &before);
}

/* Collection found its record alive. */
void slot_cool(struct slot_entry *entry)
{
    if (slot_heat(entry))
        entry->units = (uint16_t)(entry->units - (1u << SLOT_HEAT_SHIFT));
}

void slot_lose(struct store *store, slot_t slot)
{
    store->statistics.bad_records++;
    slot_move(store, slot, PLACE_LOST, NO_PLACE, 0);
}

bool slot_next_in(const struct store *store, enum slot_place where, uint32_t first, uint32_t end, uint32_t *place,
                  slot_t *slot)
{
    *place = end;
    for (slot_t i = 1; i < store->slot_pages * SLOTS_PER_PAGE; i++) {
        const struct slot_entry *entry = slot_at(store, i);

        if (slot_place_of(entry) == where && entry->place - first < *place - first) {
            *place = entry->place;
            *slot = i;
        }
    }
    return *place != end;
}

/* ---- Saving ---- */

/* Not when it has no block left that it could write to, however full the tail. */
static bool writes_back(const struct store *store)
{
    return store->flash && store->swap_blocks_max && !store->stalled;
}

/* RAM was refused although the tail has not its share: write back, or use what frames there are better. */
static int pinched(struct store *store)
{
    uint32_t moved = 0, before = store->tail.pages;

    if (writes_back(store) && store->tail.records) {
        store->tail.pinched = true;
        return -EAGAIN;
    }
    tail_rewind(store);
    while (moved < store->tail.records && tail_compact(store))
        moved++;
    return store->tail.pages < before ? -EAGAIN : -ENOMEM;
}

static void slot_fill(struct store *store, slot_t slot, bool fresh, uint32_t place, uint32_t units)
{
    struct slot_entry *entry = slot_at(store, slot);

    if (!fresh) {
        if (slot_heat(entry) < SLOT_HEAT_MOST)
            entry->units = (uint16_t)(entry->units + (1u << SLOT_HEAT_SHIFT));
        slot_move(store, slot, PLACE_TAIL, place, units);
        return;
    }
    *entry = (struct slot_entry){ .place = place,
                                  .references = 1,
                                  .units = (uint16_t)(PLACE_TAIL << SLOT_WHERE_SHIFT |
                                                      SLOT_HEAT_FIRST << SLOT_HEAT_SHIFT | units) };
}

static int save(struct store *store, slot_t slot, bool fresh, store_key_t key, const void *page)
{
    enum codec_method method;
    uint32_t length = codec_compress(page, store->bounce, &method);
    struct tail_record record = { .slot = slot, .key = key, .length = (uint16_t)length, .method = (uint8_t)method };
    uint32_t place;
    int error;

    tail_protect(&record, store->bounce);
    error = tail_append(store, &record, store->bounce, &place);

    if (error)
        return error == -ENOMEM ? pinched(store) : error;
    slot_fill(store, slot, fresh, place, tail_units(length));
    store->stalled = false;
    store->statistics.tail_saves++;
    store->statistics.payload_bytes_in += FORMAT_PAGE;
    store->statistics.payload_bytes_out += length;
    return 0;
}

int slot_save(struct store *store, slot_t *slot, store_key_t key, const void *page)
{
    slot_t wanted = *slot;
    int error = tail_make_room(store, writes_back(store));

    ASSERT(!wanted || slot_held(store, wanted)->references == 1);
    if (!error && !wanted)
        error = slot_allocate(store, &wanted);
    if (error)
        return error;
    error = save(store, wanted, !*slot, key, page);
    if (error && !*slot)
        slot_free(store, wanted);
    if (!error)
        *slot = wanted;
    return error;
}

/* ---- Where it is ---- */

enum slot_source slot_where(const struct store *store, slot_t slot)
{
    return slot_place_of(slot_held(store, slot)) == PLACE_TAIL ? SLOT_TAIL : SLOT_FLASH;
}

void slot_locate(const struct store *store, slot_t slot, struct slot_location *place)
{
    struct slot_entry *entry = slot_held(store, slot);

    *place = (struct slot_location){ .entry = entry, .entry_bytes = sizeof *entry };
    if (slot_place_of(entry) == PLACE_TAIL && tail_find(store, entry->place, slot))
        place->tail = tail_locate(store, entry->place, &place->bytes);
    if (slot_place_of(entry) != PLACE_FLASH)
        return;
    place->bytes = slot_units(entry) * FORMAT_UNIT;
    place->address = store->config.base + place_block(store, entry->place) * store->block_bytes +
                     place_offset(store, entry->place);
}

/* ---- References ---- */

void slot_share(struct store *store, slot_t slot)
{
    struct slot_entry *entry = slot_held(store, slot);

    ASSERT(entry->references < UINT16_MAX);
    entry->references++;
}

void slot_put(struct store *store, slot_t slot)
{
    struct slot_entry *entry = slot_held(store, slot);

    if (--entry->references)
        return;
    record_died(store, entry);
    slot_free(store, slot);
    store->stalled = false;
}
