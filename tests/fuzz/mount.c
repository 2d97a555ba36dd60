/*
 * A store's partition with changed bytes: probe, mount, checks, and reading of all that is found. Byte 0, bit 0: changes
 * are made inside of stamps and headers, whose checks are then made to fit, as nobody but a forger could.
 */
#include <errno.h>

#include "mm/store/format.h"
#include "tests/fuzz/fuzz.h"
#include "tests/host/store_rig.h"

#define BLOCKS      20u
#define BLOCK_BYTES 16384u
#define ITEMS_MAX   512u
#define CHANGES_MAX 24u

static struct nor *pristine;
static const struct bed_config config = {
    .blocks = BLOCKS, .block_bytes = BLOCK_BYTES, .tail_pages = 8, .seed = 7, .violations_continue = true
};

static struct item {
    uint32_t at, sequence, place;
} items[ITEMS_MAX];
static uint32_t item_count;

static void add_item(uint32_t at, uint32_t sequence, uint32_t place)
{
    if (item_count < ITEMS_MAX)
        items[item_count++] = (struct item){ at, sequence, place };
}

/* Where stamps and durable headers lie. */
static void find_items(struct nor *nor)
{
    for (uint32_t block = 0; block < BLOCKS; block++) {
        uint32_t at = block * BLOCK_BYTES, end = at + BLOCK_BYTES;
        struct open_stamp open;

        add_item(at, 0, block);
        require(nor_read(nor, at + FORMAT_ITEM_BYTES, &open, sizeof(open)) == 0);
        if (open.magic != OPEN_MAGIC)
            continue;
        add_item(at + FORMAT_ITEM_BYTES, 0, block);
        for (at += FORMAT_BLOCK_HEADER; at + FORMAT_ITEM_BYTES <= end;) {
            struct record_header header;

            require(nor_read(nor, at, &header, sizeof(header)) == 0);
            if (is_erased(&header, sizeof(header)))
                break;
            add_item(at, open.sequence, at / FORMAT_UNIT);
            at += record_bytes(header.length);
        }
    }
}

static void make_pristine(void)
{
    struct bed bed;
    uint32_t id, folder;

    bed_start(&bed, &config);
    require(bed_make(&bed, NODE_ROOT, "folder", 040755, &folder) == 0);
    for (uint32_t file = 0; file < 3; file++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "file%u", file);
        require(bed_make(&bed, file == 2 ? folder : NODE_ROOT, name, 0100644, &id) == 0);
        require(bed_begin(&bed, 3) == 0);
        for (uint32_t page = 0; page < 3; page++)
            require(bed_write(&bed, id, page, file * 8 + page) == 0);
        require(bed_resize(&bed, id, 3 * 4096, 1) == 0);
        require(bed_commit(&bed) == 0);
    }
    require(bed_settle(&bed, 100000));
    struct nor_config nor = nor_config_blocks(BLOCKS, BLOCK_BYTES);

    nor.seed = config.seed;
    nor.strict_once = true;
    nor.violations_continue = true;
    pristine = nor_new(&nor);
    nor_copy(pristine, bed.nor);
    find_items(pristine);
    bed_stop(&bed);
}

static void change_item(struct nor *nor, struct input *input)
{
    const struct item *item = &items[take(input, 1) % item_count];
    uint8_t bytes[FORMAT_ITEM_BYTES];

    require(nor_read(nor, item->at, bytes, sizeof(bytes)) == 0);
    for (uint64_t count = take(input, 1) % 4 + 1; count > 0; count--) {
        uint64_t at = take(input, 1) % sizeof(bytes);

        bytes[at] = (uint8_t)take(input, 1);
    }
    item_seal(bytes, item->place, item->sequence);
    nor_load(nor, item->at, bytes, sizeof(bytes));
}

static void change_bytes(struct nor *nor, struct input *input)
{
    uint32_t at = (uint32_t)take(input, 3) % (BLOCKS * BLOCK_BYTES);
    uint8_t value = (uint8_t)take(input, 1);

    nor_load(nor, at, &value, 1);
}

static void read_all(struct bed *bed)
{
    uint8_t page[4096];
    struct node_info info;

    for (uint32_t parent = 1; parent < 8; parent++)
        for (uint32_t after = 0, n = 0; n < 100 && node_next(bed->store, parent, after, &info) == 0; n++) {
            after = info.id;
            for (uint32_t index = 0; index < 4; index++)
                (void)!bed_read(bed, info.id, index, page);
        }
    require(store_check(bed->store) == NULL);
    (void)store_verify(bed->store);
    require(store_check(bed->store) == NULL);
}

/* It goes on working: a file, a page, and a reboot with them. */
static void write_some(struct bed *bed)
{
    uint8_t page[4096];
    uint32_t id;

    if (bed_make(bed, NODE_ROOT, "new", 0100644, &id) || bed_begin(bed, 1) || bed_write(bed, id, 0, 77) ||
        bed_resize(bed, id, 4096, 2) || bed_commit(bed))
        return;
    bed_forget(bed);
    require(bed_open(bed) == 0);
    require(bed_read(bed, id, 0, page) == 0 && page_is(77, page));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    struct bed bed;
    uint64_t forged = take(&input, 1) & 1;
    enum store_content content;

    if (!pristine)
        make_pristine();
    bed_prepare(&bed, &config);
    nor_copy(bed.nor, pristine);
    for (unsigned i = 0; i < CHANGES_MAX && input.left >= 3; i++) {
        if (forged)
            change_item(bed.nor, &input);
        else
            change_bytes(bed.nor, &input);
    }
    (void)!store_probe(&bed.store_config, &content);
    if (bed_open(&bed) == 0) {
        read_all(&bed);
        if (!forged)
            write_some(&bed);
    } else {
        bed.store = NULL;
    }
    bed_stop(&bed);
    return 0;
}
