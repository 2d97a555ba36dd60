/*
 * Opening what is on flash: which commit is the newest, which table it names, where each file's pages are.
 *
 *   headers of all blocks -> records of durable blocks: commits -> the table's -> the table -> the files'
 *
 * For each page the record with the highest version counts, of those that the newest commit covers. Equal versions are
 * copies that garbage collection made; either will do, if it can be read.
 *
 * Owns invariant 8 with commit.c.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/codec.h"
#include "mm/store/crc32c.h"
#include "mm/store/scan.h"

#define NAME_LOST   UINT8_MAX /* of an entry of serial 0: what it named is not known */
#define VERSION_GAP 16u       /* left after the highest version seen */

struct mount {
    struct header_scan headers;
    uint64_t commit_version; /* of the newest commit record; 0: none */
    struct record_header commit;
    uint64_t highest_version;
    uint32_t highest_serial;
};

/* ---- First: commits ---- */

/*
 * Of equal commit records the one that was written last, if it can be read: those before may lie in a block that failed under
 * them, and that this very commit retires.
 */
static uint32_t commit_copy(struct store *store, uint32_t old, const struct record_header *header, uint32_t place)
{
    if (old && (block_of_place(store, place)->sequence <= block_of_place(store, old)->sequence ||
                record_read_payload(store, place, header, store->bounce)))
        return old;
    return place;
}

static void commit_seen(struct store *store, struct mount *mount, const struct record_header *header, uint32_t place)
{
    if (header->version > mount->commit_version) {
        bool pair = mount->commit_version + 1 == header->version && header->node == mount->commit.node &&
                    header->serial == mount->commit.serial;

        store->commit_place[1] = pair ? store->commit_place[0] : NO_PLACE;
        store->commit_place[0] = place;
        mount->commit_version = header->version;
        mount->commit = *header;
    } else if (header->version == mount->commit_version) {
        store->commit_place[0] = commit_copy(store, store->commit_place[0], header, place);
    } else if (header->version + 1 == mount->commit_version && header->node == mount->commit.node &&
               header->serial == mount->commit.serial) {
        store->commit_place[1] = commit_copy(store, store->commit_place[1], header, place);
    }
}

static void record_seen(struct store *store, struct mount *mount, struct block *block,
                        const struct record_header *header, uint32_t place)
{
    block->records++;
    if (header->version > mount->highest_version)
        mount->highest_version = header->version;
    if (header->kind == RECORD_COMMIT) {
        commit_seen(store, mount, header, place);
        return;
    }
    block->bits |= BLOCK_FILES;
    if (header->node == NODE_TABLE)
        block->bits |= BLOCK_TABLE;
    if (header->serial > mount->highest_serial)
        mount->highest_serial = header->serial;
}

static int survey_block(struct store *store, struct mount *mount, uint32_t index)
{
    struct block *block = block_at(store, index);
    struct record_header header;
    struct walk walk;
    uint32_t place;
    int found = walk_begin(store, index, store->work, &walk);

    if (found)
        return found;
    if (!walk.summary)
        block->bits |= BLOCK_VOID;
    for (;;) {
        found = walk_next(store, &walk, &header, &place);
        if (found != 1)
            break;
        record_seen(store, mount, block, &header, place);
    }
    block->used = (uint16_t)(walk.offset / FORMAT_UNIT);
    return found;
}

static bool holds_records(const struct store *store, uint32_t index)
{
    return block_at(store, index)->state == BLOCK_FULL;
}

static int survey(struct store *store, struct mount *mount)
{
    for (uint32_t i = 0; i < store->block_count; i++) {
        int error = holds_records(store, i) ? survey_block(store, mount, i) : 0;

        if (error)
            return error;
    }
    return 0;
}

/*
 * 1: the payload is in the bounce page; 0: it is damaged; or the error of the read. It is worth a bit's repair: what is read so
 * tells which blocks are retired, or names 32 files.
 */
static int payload_again(struct store *store, uint32_t place, const struct record_header *header)
{
    uint32_t offset = place_offset(store, place) + FORMAT_ITEM_BYTES, bytes = header->length;
    int error = 0;

    if (offset + bytes > store->block_bytes)
        return 0;
    if (bytes)
        error = read_twice(store, place_block(store, place), offset, store->bounce, bytes);
    if (error)
        return error;
    (void)crc_repair(store->bounce, bytes, crc32c(0, store->bounce, bytes), header->payload_crc);
    return crc32c(0, store->bounce, bytes) == header->payload_crc;
}

/*
 * Retired blocks keep what they held: the commit names them, so that nobody believes it. That they are not known is taken
 * for granted only when what names them is damaged; what could not be read may say more the next time.
 */
static int take_commit(struct store *store, const struct mount *mount)
{
    uint16_t *list = (uint16_t *)(void *)store->bounce;
    int found, other = 0; /* as payload_again() */

    if (!mount->commit_version)
        return 0;
    store->counts = mount->commit.node | (uint64_t)mount->commit.serial << 32;
    found = payload_again(store, store->commit_place[0], &mount->commit);
    if (found != 1 && store->commit_place[1])
        other = payload_again(store, store->commit_place[1], &mount->commit);
    if (found < 0 && other != 1)
        return found;
    if (other < 0)
        return other;
    for (uint32_t i = 0; (found == 1 || other == 1) && i < mount->commit.length / sizeof *list; i++) {
        if (list[i] >= store->block_count || block_at(store, list[i])->state == BLOCK_BAD)
            continue;
        store->erased -= block_at(store, list[i])->state == BLOCK_ERASED;
        block_at(store, list[i])->state = BLOCK_BAD;
        block_at(store, list[i])->bits = 0;
        store->bad++;
    }
    store->listed = store->bad;
    for (uint32_t i = 0; i < 2; i++) {
        if (block_of_place(store, store->commit_place[i])->state == BLOCK_BAD)
            store->commit_place[i] = NO_PLACE;
        if (store->commit_place[i])
            block_live(store, store->commit_place[i]);
    }
    return 0;
}

/* ---- Then: where pages are ---- */

/*
 * The header of a record that was found before, as it lies there, or as its block's summary has it: 1. 0: it cannot be
 * found any more; or -EIO.
 */
static int header_again(struct store *store, uint32_t place, struct record_header *header)
{
    struct walk walk;
    uint32_t at;
    int found;

    if (!record_read_header(store, place, header))
        return 1;
    found = walk_begin(store, place_block(store, place), store->bounce, &walk);
    if (found)
        return found;
    do
        found = walk_next(store, &walk, header, &at);
    while (found == 1 && at != place);
    return found;
}

/*
 * How far a copy is to be trusted that has been found: 0 it cannot be read. 1 nothing was programmed behind it, nor a summary:
 * a cut may have hit its own program, and what was read once may not be readable again. 2 its block ends in a zero that is no
 * summary's: an erase of it was cut, and whatever it still shows may fade.
 */
static int trust(struct store *store, uint32_t place, const struct record_header *header)
{
    uint32_t block = place_block(store, place), end = place_offset(store, place) + record_bytes(header->length);
    uint64_t behind[2 + 2 * FORMAT_ITEM_BYTES / 8]; /* a unit; the last header and the stamp of a summary */
    struct walk walk;

    if (record_read_payload(store, place, header, store->bounce))
        return 0;
    if (read_block(store, block, end, behind, FORMAT_UNIT) ||
        read_block(store, block, store->block_bytes - 2 * FORMAT_ITEM_BYTES, behind + 2, 2 * FORMAT_ITEM_BYTES) ||
        is_erased(behind, sizeof behind))
        return 1;
    if (behind[9] >> 56 == 0 && (walk_begin(store, block, store->bounce, &walk) || !walk.summary))
        return 2;
    return 3;
}

/* Is `entry`, which the map has now, to stay? 1; 0; or -EIO. Of equal versions the one to be trusted, then the first. */
static int stays(struct store *store, uint32_t entry, uint32_t other_place, const struct record_header *other)
{
    struct record_header header;
    uint32_t place = entry & ~MAP_HOLE;
    int found = header_again(store, place, &header), mine, others;

    if (found != 1)
        return found;
    if (header.version != other->version)
        return header.version > other->version;
    mine = trust(store, place, &header);
    others = trust(store, other_place, other);
    if (mine != others)
        return mine > others;
    return block_of_place(store, place)->sequence <= block_of_place(store, other_place)->sequence;
}

static int place_seen(struct store *store, struct node_entry *node, const struct record_header *header, uint32_t place)
{
    uint32_t entry = map_get(store, node, header->page);
    int error = entry ? stays(store, entry, place, header) : 0;

    if (error)
        return error > 0 ? 0 : error;
    error = map_reserve(store, node, header->page);
    if (error)
        return error == -ENOMEM ? error : 0;
    map_set(store, node, header->page, place | (header->kind == RECORD_HOLE ? MAP_HOLE : 0));
    block_live(store, place);
    if (entry)
        block_of_place(store, entry & ~MAP_HOLE)->live--;
    return 0;
}

static int locate_record(struct store *store, uint32_t index, bool table, const struct record_header *header,
                         uint32_t place)
{
    struct node_entry *node;

    if (header->kind == RECORD_COMMIT)
        return 0;
    if (header->version > store->counts) {
        block_at(store, index)->bits |= BLOCK_VOID;
        return 0;
    }
    if ((header->node == NODE_TABLE) != table)
        return 0;
    if (header->kind != RECORD_PAGE && header->kind != RECORD_HOLE && header->kind != RECORD_LOST)
        return 0;
    node = node_of(store, header->node, header->serial);
    return node ? place_seen(store, node, header, place) : 0;
}

/* What a cut left may show a record now that it did not show to the survey. */
static int locate_block(struct store *store, uint32_t index, bool table)
{
    struct block *block = block_at(store, index);
    struct record_header header;
    uint32_t place, records = 0;
    struct walk walk;
    int found = walk_begin(store, index, store->work, &walk);

    while (!found) {
        found = walk_next(store, &walk, &header, &place);
        if (found != 1)
            break;
        records++;
        found = locate_record(store, index, table, &header, place);
    }
    if (!found && records > block->records)
        block->records = (uint16_t)records;
    if (!found && walk.offset > block->used * FORMAT_UNIT)
        block->used = (uint16_t)(walk.offset / FORMAT_UNIT);
    return found;
}

static int locate(struct store *store, bool table)
{
    for (uint32_t i = 0; i < store->block_count; i++) {
        int error = 0;

        if (holds_records(store, i) && (!table || (block_at(store, i)->bits & BLOCK_TABLE)))
            error = locate_block(store, i, table);
        if (error)
            return error;
    }
    return 0;
}

/* ---- The table ---- */

static bool entry_sound(const struct store *store, const struct node_entry *entry)
{
    return entry->serial && entry->parent && entry->parent < store->nodes->page_count * NODES_PER_PAGE &&
           entry->name_bytes <= NODE_NAME_MAX && entry->bytes <= (uint64_t)NODE_PAGES_MAX * FORMAT_PAGE;
}

static void entry_drop(struct node_entry *entry, bool lost)
{
    memset(entry, 0, sizeof *entry);
    entry->name_bytes = lost ? NAME_LOST : 0;
    entry->bits = lost ? NODE_UNREADABLE : 0;
}

static void entries_take(struct store *store, uint32_t index, struct node_entry table)
{
    struct node_entry *entries = store->nodes->pages[index];

    for (uint32_t i = 0; i < NODES_PER_PAGE; i++) {
        entries[i].map = 0;
        entries[i].opens = 0;
        entries[i].turn = 0;
        entries[i].map_height = 0;
        entries[i].bits = 0;
        if ((index || i) && !entry_sound(store, &entries[i]))
            entry_drop(&entries[i], !entries[i].serial && entries[i].name_bytes == NAME_LOST);
    }
    if (index)
        return;
    entries[NODE_TABLE].map = table.map;
    entries[NODE_TABLE].map_height = table.map_height;
    entries[NODE_ROOT].serial = 1;
    entries[NODE_ROOT].parent = NODE_ROOT;
}

/* 1: the page is in the work page; 0: it is damaged; or the error of the read, of which nothing is believed. */
static int table_page_read(struct store *store, uint32_t place)
{
    struct record_header header;
    int found = header_again(store, place, &header);

    if (found == 1)
        found = payload_again(store, place, &header);
    if (found != 1)
        return found;
    return header.kind == RECORD_PAGE &&
           !codec_expand((enum codec_method)header.method, store->bounce, header.length, store->work);
}

/* Of a damaged page its entries are lost, and written so from now on: their numbers may be others' parents. */
static int table_page(struct store *store, uint32_t index)
{
    struct node_entry *entries = store->nodes->pages[index];
    struct node_entry table = *node_at(store, NODE_TABLE);
    uint32_t entry = map_get(store, &table, index);
    int found = entry ? table_page_read(store, entry & ~MAP_HOLE) : 0;

    if (found == 1) {
        memcpy(entries, store->work, FORMAT_PAGE);
        entries_take(store, index, table);
    } else if (entry && !found) {
        for (uint32_t i = index ? 0 : NODE_ROOT + 1; i < NODES_PER_PAGE; i++)
            entry_drop(&entries[i], true);
    }
    return found < 0 ? found : 0;
}

static int table_read(struct store *store, const struct mount *mount)
{
    uint32_t pages = 1, page = 0, entry;
    const struct node_entry *table = node_at(store, NODE_TABLE);
    int error;

    for (; map_next(store, table->map, table->map_height, &page, &entry); page++)
        pages = page + 1;
    error = nodes_grow(store, pages);
    if (error)
        return error;
    for (uint32_t i = 0; i < pages && !error; i++)
        error = table_page(store, i);
    if (node_at(store, NODE_TABLE)->serial <= mount->highest_serial)
        node_at(store, NODE_TABLE)->serial = mount->highest_serial + 1;
    return error;
}

/* ---- All of it ---- */

static void settle(struct store *store, struct mount *mount)
{
    uint64_t version = mount->highest_version;

    if (mount->headers.version_next > version)
        version = mount->headers.version_next;
    store->version_next = version + VERSION_GAP;
    for (uint32_t i = 0; i < store->block_count; i++) {
        struct block *block = block_at(store, i);

        block->bits &= (uint8_t)~BLOCK_TABLE;
        if (block->live > block->records)
            block->records = block->live;
        store->doubt |= (block->bits & BLOCK_VOID) && block->state == BLOCK_FULL;
        if (block->state == BLOCK_FULL && !block->live)
            block->state = BLOCK_DIRTY;
    }
}

/* A block to go on with: erased, or to be erased without a doubt. */
static bool can_go_on(const struct store *store)
{
    if (store->erased)
        return true;
    for (uint32_t i = 0; i < store->block_count; i++)
        if (block_erasable(store, i))
            return true;
    return false;
}

static int mount_without(struct store *store, uint32_t dropped, struct mount *mount)
{
    int error;

    *mount = (struct mount){ 0 };
    error = scan_headers(store, dropped, &mount->headers);
    if (error)
        return error;
    if (mount->headers.newer)
        return -EPROTONOSUPPORT;
    if (!mount->headers.ours)
        return -ENODATA;
    error = survey(store, mount);
    if (!error)
        error = take_commit(store, mount);
    if (!error)
        error = locate(store, true);
    if (!error)
        error = table_read(store, mount);
    if (!error)
        error = locate(store, false);
    if (!error)
        settle(store, mount);
    return error;
}

static int forget(struct store *store)
{
    nodes_free(store);
    store->bad = 0;
    store->listed = 0;
    store->counts = 0;
    store->doubt = false;
    store->commit_place[0] = NO_PLACE;
    store->commit_place[1] = NO_PLACE;
    return nodes_init(store);
}

/*
 * When no block is free, the cut fell while garbage collection was filling the last one: what it holds are copies whose
 * originals are all still there, so it is forgotten and erased.
 */
int mount(struct store *store)
{
    struct flash_counters before = store->flash->counters;
    struct mount mount;
    int error = mount_without(store, NO_BLOCK, &mount);

    if (!error && !can_go_on(store) && store->announced &&
        block_stream_of(block_at(store, store->newest)) == STREAM_SETTLED) {
        uint32_t dropped = store->newest;

        error = forget(store);
        if (!error)
            error = mount_without(store, dropped, &mount);
        store->announced = false;
    }
    life_begin(store, mount.headers.credit);
    store->statistics.mount_reads = (uint32_t)(store->flash->counters.reads - before.reads);
    store->statistics.mount_read_bytes = (uint32_t)(store->flash->counters.read_bytes - before.read_bytes);
    return error;
}
