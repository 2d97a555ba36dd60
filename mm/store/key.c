/*
 * Keys of families, random, in RAM only. A key's number holds its generation: a closed one is never another's.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

#define GENERATION_SHIFT 12u

static struct key_entry *entry_at(const struct store *store, uint32_t index)
{
    return &store->keys[index / KEYS_PER_PAGE][index % KEYS_PER_PAGE];
}

static struct key_entry *entry_free(struct store *store, uint32_t *index)
{
    for (*index = 0; *index < KEYS_PER_PAGE * KEY_PAGES; ++*index) {
        struct key_entry **page = &store->keys[*index / KEYS_PER_PAGE];

        if (!*page)
            *page = page_get(store);
        if (!*page)
            return NULL;
        if (!entry_at(store, *index)->id)
            return entry_at(store, *index);
    }
    return NULL;
}

_Static_assert(KEYS_PER_PAGE *KEY_PAGES < 1u << GENERATION_SHIFT, "a key's index fits its number");

store_key_t store_key_open(struct store *store)
{
    uint32_t index;
    struct key_entry *entry = entry_free(store, &index);

    if (!entry)
        return 0;
    entry->generation = (entry->generation + 1) & ((1u << (32 - GENERATION_SHIFT)) - 1);
    entry->id = (index + 1) | entry->generation << GENERATION_SHIFT;
    seal_random(store->random, entry->key, sizeof entry->key);
    return entry->id;
}

static struct key_entry *entry_find(const struct store *store, store_key_t key)
{
    uint32_t index = (key & ((1u << GENERATION_SHIFT) - 1)) - 1;

    if (index >= KEYS_PER_PAGE * KEY_PAGES || !store->keys[index / KEYS_PER_PAGE])
        return NULL;
    return entry_at(store, index)->id == key ? entry_at(store, index) : NULL;
}

void store_key_close(struct store *store, store_key_t key)
{
    struct key_entry *entry = entry_find(store, key);

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
    entry = entry_find(store, key);
    return entry ? entry->key : NULL;
}

void keys_free(struct store *store)
{
    for (uint32_t i = 0; i < KEY_PAGES; i++) {
        if (store->keys[i])
            memset(store->keys[i], 0, FORMAT_PAGE);
        page_put(store, store->keys[i]);
        store->keys[i] = NULL;
    }
    memset(store->boot_key, 0, sizeof store->boot_key);
}
