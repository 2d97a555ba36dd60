/*
 * What `check` says of a store in words: what a cut, a failure or age has left, and what the next boot makes of it. From
 * the mounted store, and from the stamps as they lie in the file.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mm/store/scan.h"
#include "platform/image/commands.h"

/* What a block's stamps and bytes look like. */
struct looks {
    bool erase_stamp, open_stamp, summary; /* valid */
    bool blank, end_blank;                 /* all of it; its last item */
    uint32_t zeros, ones;                  /* bytes at its begin that are 0, at its end that are 0xff */
};

static bool stamp_valid(const uint8_t *at, uint32_t block, uint32_t magic)
{
    union {
        uint8_t bytes[FORMAT_ITEM_BYTES];
        uint32_t magic;
    } item;

    memcpy(item.bytes, at, sizeof item.bytes);
    return item_valid(item.bytes, block, 0) && item.magic == magic;
}

static struct looks look(const struct image *image, uint32_t block)
{
    uint32_t bytes = image->board.geometry.erase_bytes;
    const uint8_t *at = image->file.bytes + image->board.start + (size_t)block * bytes;
    struct looks looks = { .erase_stamp = stamp_valid(at, block, ERASE_MAGIC),
                           .open_stamp = stamp_valid(at + FORMAT_ITEM_BYTES, block, OPEN_MAGIC),
                           .summary = stamp_valid(at + bytes - FORMAT_ITEM_BYTES, block, SUMMARY_MAGIC),
                           .end_blank = is_erased(at + bytes - FORMAT_ITEM_BYTES, FORMAT_ITEM_BYTES) };

    while (looks.zeros < bytes && at[looks.zeros] == 0)
        looks.zeros++;
    while (looks.ones < bytes && at[bytes - 1 - looks.ones] == 0xff)
        looks.ones++;
    looks.blank = looks.ones == bytes;
    return looks;
}

bool image_erases_known(const struct image *image, uint32_t block)
{
    struct looks looks = look(image, block);

    return looks.erase_stamp || looks.open_stamp;
}

static void say(const struct image *image, uint32_t block, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct image *image, uint32_t block, const char *format, ...)
{
    va_list arguments;

    printf("block %u at %#x: ", block, image->board.start + block * image->board.geometry.erase_bytes);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

/* What the stamps tell of an operation that did not end. */
static void explain_stamps(const struct image *image, uint32_t block, const struct looks *looks)
{
    const struct block *state = block_at(image->store, block);

    if (state->state == BLOCK_BAD) {
        say(image, block, "retired: an erase or a program in it failed; nothing in it is used any more");
    } else if (looks->erase_stamp || looks->open_stamp) {
        if (looks->open_stamp && stream_durable(block_stream_of(state)) && !looks->end_blank && !looks->summary)
            say(image, block,
                "half-erased: it has its opening, but its end is neither blank nor a summary; where there "
                "are copies of what it holds, they are taken");
        else if (!looks->open_stamp && state->state != BLOCK_ERASED && !(state->bits & BLOCK_SUSPECT))
            say(image, block, "its opening was cut: it holds nothing, and is erased before it is used");
    } else if (!looks->blank) {
        say(image, block,
            "no valid stamp, and not blank (%u bytes of zeros at its begin, %u of ones at its end): an erase or a "
            "stamp that was cut, or not ours; it is erased before it is used",
            looks->zeros, looks->ones);
    }
}

/*
 * Records that no commit has made true. How many headers are passed over where something lives: of a block without that an
 * erase may have been cut.
 */
static uint32_t explain_records(const struct image *image, uint32_t block, const struct looks *looks)
{
    static uint8_t buffer[FORMAT_PAGE];
    struct record_header header;
    struct walk walk;
    uint32_t place, records = 0, wanting = 0, missing = 0;

    if (walk_begin(image->store, block, buffer, &walk))
        return 0;
    for (uint32_t at = walk.offset; walk_next(image->store, &walk, &header, &place) == 1; at = walk.offset, records++) {
        wanting += header.kind != RECORD_COMMIT && header.version > image->store->counts;
        if (place_offset(image->store, place) == at || block_at(image->store, block)->state != BLOCK_FULL)
            continue;
        say(image, block, "a header at %u does not pass its check: a record may be missing", at);
        missing++;
    }
    if (wanting) {
        say(image, block, "%u of its %u records belong to a transaction that was never committed: void", wanting,
            records);
    }
    if (!looks->summary && looks->end_blank) {
        say(image, block, "was open when power went: its %u records were found one by one", records);
    }
    return missing;
}

static uint32_t explain_tables(const struct image *image)
{
    const struct nodes *nodes = image->store->nodes;
    uint32_t unreadable = 0;

    for (uint32_t page = 0; page < nodes->page_count; page++) {
        if (!(nodes->pages[page][NODES_PER_PAGE - 1].bits & NODE_UNREADABLE))
            continue;
        printf("the table of files: page %u cannot be read; the names of files %u to %u are lost\n", page,
               page * NODES_PER_PAGE, (page + 1) * NODES_PER_PAGE - 1);
        unreadable++;
    }
    return unreadable;
}

/* What holds of many blocks is one line. */
static void explain_counts(const struct image *image, uint32_t estimated, uint32_t highest, uint32_t suspects)
{
    if (estimated)
        printf(
            "%u blocks have no stamp that tells their erases: never used, or cut while they were erased; each is erased "
            "before it is used, and taken for one of %u erases, the highest known\n",
            estimated, highest);
    if (suspects)
        printf(
            "%u blocks look erased and might hold half an opening: they are erased again before anything is opened\n",
            suspects);
    if (image->store->doubt)
        puts(
            "the newest commit was written last before power went: it counts, and is written anew before its blocks are "
            "erased");
}

uint32_t image_explain(const struct image *image)
{
    uint32_t estimated = 0, highest = 0, suspects = 0, missing = 0;

    for (uint32_t i = 0; i < image->store->block_count; i++) {
        const struct block *block = block_at(image->store, i);
        struct looks looks = look(image, i);

        estimated += !looks.erase_stamp && !looks.open_stamp;
        highest = block->erases > highest ? block->erases : highest;
        suspects += (block->bits & BLOCK_SUSPECT) != 0;
        explain_stamps(image, i, &looks);
        if ((block->state == BLOCK_FULL || (block->bits & BLOCK_VOID)) && stream_durable(block_stream_of(block)))
            missing += explain_records(image, i, &looks);
    }
    explain_counts(image, estimated, highest, suspects);
    return missing + explain_tables(image);
}
