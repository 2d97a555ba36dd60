/*
 * The tree of named files and directories: a table of 128-byte entries, wholly in RAM, committed with the files.
 * A node's number is its place in the table; its serial tells apart the files that had the number one after another.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/state.h"

#define KIND_MASK      0170000u
#define KIND_DIRECTORY 0040000u
#define TURN_MOST      ((1u << (NODE_ID_BITS - NODE_NUMBER_BITS)) - 1)

_Static_assert(sizeof((struct node_entry *)0)->name == NODE_NAME_MAX, "names");

/* ---- Table ---- */

struct node_entry *node_at(const struct store *store, uint32_t id)
{
    uint32_t page = NODE_NUMBER(id) / NODES_PER_PAGE;

    return page < store->nodes->page_count ? &store->nodes->pages[page][id % NODES_PER_PAGE] : NULL;
}

struct node_entry *node_live(const struct store *store, uint32_t id)
{
    struct node_entry *node = id == NODE_TABLE ? NULL : node_at(store, id);

    return node && node->serial && node->turn == id >> NODE_NUMBER_BITS ? node : NULL;
}

uint32_t node_id(const struct store *store, uint32_t number)
{
    const struct node_entry *node = node_at(store, number);

    return node ? node->turn << NODE_NUMBER_BITS | number : number;
}

struct node_entry *node_of(const struct store *store, uint32_t id, uint32_t serial)
{
    struct node_entry *node = node_at(store, id);

    if (id == NODE_TABLE)
        return serial ? NULL : node;
    return node && id == NODE_NUMBER(id) && serial && node->serial == serial ? node : NULL;
}

static void dirty(struct store *store, uint32_t id)
{
    store->nodes->dirty |= 1ull << (NODE_NUMBER(id) / NODES_PER_PAGE);
}

void node_table_seed(struct store *store, const struct store_seed *seed)
{
    struct node_entry *entry = node_at(store, NODE_TABLE);

    ASSERT(entry && store->transaction.state == TRANSACTION_NONE);
    memcpy(entry->name, seed->bytes, sizeof seed->bytes);
    entry->mode = seed->strong ? SEED_STRONG : SEED_WEAK;
    dirty(store, NODE_TABLE);
}

int nodes_grow(struct store *store, uint32_t page_count)
{
    struct nodes *nodes = store->nodes;

    if (page_count > NODE_PAGES)
        return -ENOSPC;
    while (nodes->page_count < page_count) {
        nodes->pages[nodes->page_count] = page_get_asked(store);
        if (!nodes->pages[nodes->page_count])
            return -ENOMEM;
        for (uint32_t i = 0; i < NODES_PER_PAGE; i++)
            nodes->pages[nodes->page_count][i].turn = nodes->turn;
        nodes->page_count++;
    }
    return 0;
}

static bool page_is_free(const struct store *store, uint32_t index)
{
    const struct node_entry *entries = store->nodes->pages[index];

    for (uint32_t i = 0; i < NODES_PER_PAGE; i++)
        if (entries[i].serial || (entries[i].bits & NODE_UNREADABLE))
            return false;
    return true;
}

/* So that no number there is given with a turn that it has had. */
static void turns_keep(struct nodes *nodes, uint32_t index)
{
    for (uint32_t i = 0; i < NODES_PER_PAGE; i++)
        if (nodes->pages[index][i].turn > nodes->turn)
            nodes->turn = nodes->pages[index][i].turn;
}

/* Gives back the last pages without a node, once flash says nothing else of them than that. */
static void nodes_shrink(struct store *store)
{
    struct nodes *nodes = store->nodes;

    while (nodes->page_count > 1 && page_is_free(store, nodes->page_count - 1)) {
        uint32_t last = nodes->page_count - 1;

        if ((nodes->dirty >> last & 1) && map_get(store, node_at(store, NODE_TABLE), last))
            return;
        turns_keep(nodes, last);
        nodes->dirty &= ~(1ull << last);
        page_put_asked(store, nodes->pages[last]);
        nodes->pages[last] = NULL;
        nodes->page_count--;
    }
}

int nodes_init(struct store *store)
{
    int error;

    store->nodes = page_get_asked(store);
    if (!store->nodes)
        return -ENOMEM;
    error = nodes_grow(store, 1);
    if (error)
        return error;
    node_at(store, NODE_TABLE)->serial = 2;
    *node_at(store,
             NODE_ROOT) = (struct node_entry){ .serial = 1, .parent = NODE_ROOT, .mode = KIND_DIRECTORY | 0755u };
    return 0;
}

void nodes_free(struct store *store)
{
    struct nodes *nodes = store->nodes;

    if (!nodes)
        return;
    for (uint32_t i = 0; i < NODE_PAGES; i++)
        page_put_asked(store, nodes->pages[i]);
    for (uint32_t i = 0; i < CELL_PAGES; i++)
        page_put_asked(store, nodes->cell_pages[i]);
    page_put_asked(store, nodes);
    store->nodes = NULL;
}

/* Fields of RAM do not go to flash, nor come from it. */
static void fill(struct node_entry *node, uint32_t parent, const char *name)
{
    node->parent = NODE_NUMBER(parent);
    node->name_bytes = (uint8_t)strlen(name);
    memset(node->name, 0, sizeof node->name);
    memcpy(node->name, name, node->name_bytes);
}

/* ---- Asking ---- */

static uint32_t node_count(const struct store *store)
{
    return store->nodes->page_count * NODES_PER_PAGE;
}

static int name_check(const char *name)
{
    size_t bytes = strlen(name);

    if (!bytes || !strcmp(name, ".") || !strcmp(name, "..") || strchr(name, '/'))
        return -EINVAL;
    return bytes > NODE_NAME_MAX ? -ENAMETOOLONG : 0;
}

int node_find(struct store *store, uint32_t parent, const char *name, uint32_t *id)
{
    int error = name_check(name);
    size_t bytes = strlen(name);

    if (error)
        return error;
    for (uint32_t i = node_live(store, parent) ? NODE_ROOT + 1 : UINT32_MAX; i < node_count(store); i++) {
        const struct node_entry *node = node_at(store, i);

        if (node->serial && node->parent == NODE_NUMBER(parent) && node->name_bytes == bytes &&
            !memcmp(node->name, name, bytes)) {
            *id = node_id(store, i);
            return 0;
        }
    }
    return -ENOENT;
}

int node_get(const struct store *store, uint32_t id, struct node_info *info)
{
    const struct node_entry *node = node_live(store, id);

    if (!node)
        return -ENOENT;
    *info = (struct node_info){ .id = id,
                                .parent = node_id(store, node->parent),
                                .mode = node->mode,
                                .bytes = node->bytes,
                                .modified_s = node->modified_s };
    memcpy(info->name, node->name, node->name_bytes);
    return 0;
}

int node_next(const struct store *store, uint32_t parent, uint32_t after, struct node_info *info)
{
    uint32_t first = NODE_NUMBER(after) + 1;

    if (!node_live(store, parent))
        return -ENOENT;
    for (uint32_t i = first > NODE_ROOT ? first : NODE_ROOT + 1; i < node_count(store); i++)
        if (node_at(store, i)->serial && node_at(store, i)->parent == NODE_NUMBER(parent))
            return node_get(store, node_id(store, i), info);
    return -ENOENT;
}

/* ---- Changing: in RAM now, on flash with the next commit ---- */

static bool frozen(const struct store *store)
{
    return store->transaction.state == TRANSACTION_COMMITTING;
}

static int place_check(struct store *store, uint32_t parent, const char *name)
{
    const struct node_entry *directory = node_live(store, parent);
    uint32_t id;
    int error = node_find(store, parent, name, &id);

    if (error && error != -ENOENT)
        return error;
    if (!directory || (parent != NODE_ROOT && !directory->parent))
        return -ENOENT;
    if ((directory->mode & KIND_MASK) != KIND_DIRECTORY)
        return -ENOTDIR;
    return error ? 0 : -EEXIST;
}

static int entry_free(struct store *store, uint32_t *id)
{
    int error;

    for (*id = NODE_ROOT + 1; *id < node_count(store); ++*id)
        if (!node_at(store, *id)->serial && !(node_at(store, *id)->bits & NODE_UNREADABLE))
            return 0;
    error = nodes_grow(store, store->nodes->page_count + 1);
    return error;
}

int node_make(struct store *store, uint32_t parent, const char *name, uint32_t mode, uint32_t *id)
{
    int error = frozen(store) ? -EAGAIN : place_check(store, parent, name);
    uint32_t made;

    if (!error)
        error = entry_free(store, &made);
    if (error)
        return error;
    *node_at(store, made) = (struct node_entry){ .serial = node_at(store, NODE_TABLE)->serial++,
                                                 .mode = mode,
                                                 .turn = node_at(store, made)->turn };
    fill(node_at(store, made), parent, name);
    dirty(store, made);
    dirty(store, NODE_TABLE);
    *id = node_id(store, made);
    return 0;
}

/* Its records die, and its number is free. On flash it has no name, which says the same. */
static void release(struct store *store, uint32_t id)
{
    struct node_entry *node = node_at(store, id);
    uint32_t page = 0, entry;

    for (; map_next(store, node->map, node->map_height, &page, &entry); page++)
        if (entry & ~MAP_HOLE)
            block_died(store, entry & ~MAP_HOLE);
    map_drop(store, node->map, node->map_height);
    *node = (struct node_entry){ .turn = (node->turn + 1) & TURN_MOST };
}

/*
 * A node without a name is forgotten when nobody has it open and flash has nothing of it that the next commit ends: at once
 * if it has no records, as that which no commit has named; else after that commit.
 */
static void let_go(struct store *store, uint32_t id)
{
    const struct node_entry *node = node_at(store, id);
    uint32_t page = 0, entry;

    if (node->opens || commit_pending(store))
        return;
    if ((node->bits & NODE_GONE_LATER) && map_next(store, node->map, node->map_height, &page, &entry))
        return;
    release(store, id);
    nodes_shrink(store);
}

static int removable(const struct store *store, uint32_t id)
{
    const struct node_entry *node = node_live(store, id);
    struct node_info child;

    if (!node || !node->parent)
        return -ENOENT;
    if (id == NODE_ROOT)
        return -EBUSY;
    if (frozen(store) || node_writing(store, id))
        return -EAGAIN;
    return node_next(store, id, 0, &child) ? 0 : -ENOTEMPTY;
}

static void take_name(struct store *store, uint32_t id)
{
    node_at(store, id)->parent = 0;
    node_at(store, id)->bits |= NODE_GONE_LATER;
    dirty(store, id);
    let_go(store, id);
}

int node_remove(struct store *store, uint32_t id)
{
    int error = removable(store, id);

    if (!error)
        take_name(store, id);
    return error;
}

static bool inside(const struct store *store, uint32_t id, uint32_t directory)
{
    while (id != NODE_ROOT && NODE_NUMBER(id) != NODE_NUMBER(directory))
        id = node_at(store, id)->parent;
    return NODE_NUMBER(id) == NODE_NUMBER(directory);
}

int node_rename(struct store *store, uint32_t id, uint32_t parent, const char *name)
{
    struct node_entry *node = node_live(store, id);
    int error = node && node->parent ? place_check(store, parent, name) : -ENOENT;

    if (error)
        return error;
    if (id == NODE_ROOT || inside(store, parent, id))
        return -EINVAL;
    if (frozen(store))
        return -EAGAIN;
    fill(node, parent, name);
    dirty(store, id);
    return 0;
}

int node_replace(struct store *store, uint32_t id, uint32_t other)
{
    struct node_entry *node = node_live(store, id);
    char name[NODE_NAME_MAX + 1] = { 0 };
    uint32_t parent;
    int error = node && node->parent ? removable(store, other) : -ENOENT;

    if (error)
        return error;
    parent = node_id(store, node_at(store, other)->parent);
    if (id == NODE_ROOT || id == other || inside(store, parent, id))
        return -EINVAL;
    memcpy(name, node_at(store, other)->name, node_at(store, other)->name_bytes);
    take_name(store, other);
    fill(node, parent, name);
    dirty(store, id);
    return 0;
}

/* Every page from `first` on becomes a hole. The old records live until the commit. */
static int trim(struct store *store, uint32_t id, uint32_t first)
{
    struct node_entry *node = node_at(store, id);
    uint32_t count = 0, entry, page;
    int error;

    for (page = first; map_next(store, node->map, node->map_height, &page, &entry); page++)
        count += !(entry & MAP_HOLE);
    error = change_reserve(store, count);
    if (error)
        return error;
    for (page = first; map_next(store, node->map, node->map_height, &page, &entry); page++) {
        if (entry & MAP_HOLE)
            continue;
        change_add(store, NODE_NUMBER(id), page, entry, CHANGE_TRIM);
        map_set(store, node, page, MAP_HOLE);
    }
    return 0;
}

/* A new identity: the old one's records are nobody's after the commit. */
static int empty(struct store *store, uint32_t id)
{
    struct node_entry *node = node_at(store, id);
    int error = node->map_height ? change_reserve(store, 1) : 0;

    if (error || !node->map_height)
        return error;
    change_add(store, NODE_NUMBER(id), node->map_height, node->map, CHANGE_DROP);
    node->map = 0;
    node->map_height = 0;
    node->serial = node_at(store, NODE_TABLE)->serial++;
    dirty(store, NODE_TABLE);
    return 0;
}

int node_resize(struct store *store, uint32_t id, uint64_t bytes, int64_t modified_s)
{
    struct node_entry *node = node_live(store, id);
    int error = 0;

    if (!node)
        return -ENOENT;
    if (bytes > (uint64_t)NODE_PAGES_MAX * FORMAT_PAGE)
        return -EFBIG;
    if (frozen(store) || node_writing(store, id))
        return -EAGAIN;
    if (!bytes)
        error = empty(store, id);
    else if (bytes < node->bytes)
        error = trim(store, id, (uint32_t)((bytes + FORMAT_PAGE - 1) / FORMAT_PAGE));
    if (error)
        return error;
    node->bytes = bytes;
    node->modified_s = modified_s;
    dirty(store, id);
    return 0;
}

int node_describe(struct store *store, uint32_t id, uint32_t mode, int64_t modified_s)
{
    struct node_entry *node = node_live(store, id);

    if (!node)
        return -ENOENT;
    if (frozen(store))
        return -EAGAIN;
    node->mode = (node->mode & KIND_MASK) | (mode & ~KIND_MASK);
    node->modified_s = modified_s;
    dirty(store, id);
    return 0;
}

void node_open(struct store *store, uint32_t id)
{
    struct node_entry *node = node_live(store, id);

    ASSERT(node && node->opens < UINT16_MAX);
    node->opens++;
}

void node_close(struct store *store, uint32_t id)
{
    struct node_entry *node = node_live(store, id);

    ASSERT(node && node->opens > 0);
    node->opens--;
    if (!node->parent)
        let_go(store, id);
}

void nodes_committed(struct store *store)
{
    store->nodes->dirty |= store->nodes->lost;
    store->nodes->lost = 0;
    for (uint32_t i = NODE_ROOT + 1; i < node_count(store); i++) {
        struct node_entry *node = node_at(store, i);

        if (!node->serial || node->parent)
            continue;
        node->bits &= (uint8_t)~NODE_GONE_LATER;
        if (!node->opens)
            release(store, i);
    }
    nodes_shrink(store);
}

/* ---- Pages ---- */

static int page_read(struct store *store, uint32_t id, const struct node_entry *node, uint32_t index, void *page)
{
    uint32_t place = map_get(store, node, index);
    struct record_header header;
    void *payload;
    int error = record_read_header(store, place, &header);

    if (error)
        return error;
    if (header.kind != RECORD_PAGE || header.node != id || header.page != index ||
        header.serial != (id == NODE_TABLE ? 0 : node->serial))
        return -EIO;
    payload = header.length == FORMAT_PAGE ? page : store->bounce;
    error = record_read_payload(store, place, &header, payload);
    if (error)
        return error;
    if (header.method == CODEC_RAW)
        return header.length == FORMAT_PAGE ? 0 : -EIO;
    return codec_expand((enum codec_method)header.method, payload, header.length, page) ? -EIO : 0;
}

int node_read_page(struct store *store, uint32_t id, uint32_t index, void *page)
{
    const struct node_entry *node = id == NODE_TABLE ? node_at(store, id) : node_live(store, id);
    uint32_t entry;
    int error;

    if (!node)
        return -ENOENT;
    if (node_writing(store, id) || store->transaction.state == TRANSACTION_GIVEN_UP)
        return -EAGAIN;
    entry = map_get(store, node, index);
    if (!entry || (entry & MAP_HOLE)) {
        memset(page, 0, FORMAT_PAGE);
        return 0;
    }
    error = page_read(store, NODE_NUMBER(id), node, index, page);
    if (error == -EIO)
        store->statistics.bad_records++;
    return error;
}

/* ---- For the collector ---- */

bool node_next_in(const struct store *store, uint32_t first, uint32_t end, uint32_t *place, uint32_t *id,
                  uint32_t *page)
{
    *place = end;
    for (uint32_t i = 0; i < node_count(store); i++) {
        const struct node_entry *node = node_at(store, i);
        uint32_t at = 0, entry;

        for (; map_next(store, node->map, node->map_height, &at, &entry); at++) {
            uint32_t found = entry & ~MAP_HOLE;

            if (found && found >= first && found < *place) {
                *place = found;
                *id = i;
                *page = at;
            }
        }
    }
    return *place < end;
}
