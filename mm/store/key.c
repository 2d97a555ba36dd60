/*
 * Keys of families, random, in RAM only. A key's number holds its generation: a closed one is never another's. And the seed
 * that is kept for the next boot, in the entry of the node table that is no node. Owns invariant 13.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

/* ---- The seed ---- */

bool store_seed_kept(const struct store *store, struct store_seed *seed)
{
    const struct node_entry *entry = node_at(store, NODE_TABLE);

    memcpy(seed->bytes, entry->name, sizeof seed->bytes);
    seed->strong = entry->mode == SEED_STRONG;
    return entry->mode == SEED_WEAK || entry->mode == SEED_STRONG;
}

void store_seed_set(struct store *store, const uint8_t now[STORE_SEED_BYTES], const struct store_seed *next)
{
    memcpy(store->random, now, sizeof store->random);
    seal_random(store->random, store->boot_key, sizeof store->boot_key);
    store->seeded = true;
    store->seed_due = store->flash && next;
    if (store->seed_due)
        node_table_seed(store, next);
}

/* ---- Keys ---- */

static struct key_entry *entry_at(const struct store *store, uint32_t index)
{
    return &store->keys[index / KEYS_PER_PAGE][index % KEYS_PER_PAGE];
}

static struct key_entry *entry_free(struct store *store, uint32_t *index)
{
    for (*index = 0; *index < KEYS_PER_PAGE * KEY_PAGES; ++*index) {
        struct key_entry **page = &store->keys[*index / KEYS_PER_PAGE];

        if (!*page)
            *page = page_get_asked(store);
        if (!*page)
            return NULL;
        if (!entry_at(store, *index)->id)
            return entry_at(store, *index);
    }
    return NULL;
}

_Static_assert(KEYS_PER_PAGE *KEY_PAGES < 1u << KEY_GENERATION_SHIFT, "a key's index fits its number");

store_key_t store_key_open(struct store *store)
{
    uint32_t index;
    struct key_entry *entry = entry_free(store, &index);

    ASSERT(store->seeded);
    if (!entry)
        return 0;
    entry->generation = (entry->generation + 1) & ((1u << (32 - KEY_GENERATION_SHIFT)) - 1);
    entry->id = (index + 1) | entry->generation << KEY_GENERATION_SHIFT;
    seal_random(store->random, entry->key, sizeof entry->key);
    return entry->id;
}

void store_key_close(struct store *store, store_key_t key)
{
    struct key_entry *entry = key_entry_find(store, key);

    if (!entry)
        return;
    memset(entry->key, 0, sizeof entry->key);
    entry->id = 0;
}

const uint8_t *key_find(const struct store *store, store_key_t key)
{
    const struct key_entry *entry;

    if (!key)
        return store->boot_key;
    entry = key_entry_find(store, key);
    return entry ? entry->key : NULL;
}

void keys_free(struct store *store)
{
    for (uint32_t i = 0; i < KEY_PAGES; i++) {
        if (store->keys[i])
            memset(store->keys[i], 0, FORMAT_PAGE);
        page_put_asked(store, store->keys[i]);
        store->keys[i] = NULL;
    }
    memset(store->boot_key, 0, sizeof store->boot_key);
    memset(store->random, 0, sizeof store->random);
}
