/*
 * damaged_image KIND FILE: the image of a small part after something has gone wrong with its store, for vellum-image to explain.
 * On success says what it did; the part has 24 blocks of 16 KiB.
 */
#include <stdio.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_rig.h"

#define FILES       40u
#define HALF_ERASED 20u

static const struct bed_config PART = { .blocks = 24, .block_bytes = 16384, .tail_pages = 16, .seed = 21 };

static int file_make(struct bed *bed, unsigned number, uint32_t pages)
{
    char name[16];
    uint32_t id;
    int error;

    (void)snprintf(name, sizeof name, "file%u", number);
    error = bed_make(bed, NODE_ROOT, name, 0100644, &id);
    if (!error)
        error = bed_begin(bed, pages);
    for (uint32_t i = 0; i < pages && !error; i++)
        error = bed_write(bed, id, i, 100 * number + i + 1);
    if (!error)
        error = bed_resize(bed, id, pages * (uint64_t)BED_PAGE, 0);
    return error ? error : bed_commit(bed);
}

/* Some blocks stop to work while files are written over and over. */
static int make_retired(struct bed *bed)
{
    uint32_t id;
    int error = 0;

    nor_set_faults(bed->nor, 5 * PART.block_bytes, PART.block_bytes, NOR_FAULT_ERASE_FAILS);
    nor_set_faults(bed->nor, 9 * PART.block_bytes, PART.block_bytes, NOR_FAULT_PROGRAM_FAILS);
    for (unsigned i = 0; i < 60 && !error; i++) {
        error = file_make(bed, 0, 4);
        if (!error)
            error = node_find(bed->store, NODE_ROOT, "file0", &id);
        if (!error)
            error = bed_remove(bed, id);
    }
    return error ? error : file_make(bed, 1, 2);
}

/* A transaction is under way when power goes. */
static int make_void(struct bed *bed)
{
    uint32_t id;
    int error = file_make(bed, 1, 2);

    if (!error)
        error = bed_make(bed, NODE_ROOT, "never", 0100644, &id);
    if (!error)
        error = bed_begin(bed, 3);
    for (uint32_t i = 0; i < 3 && !error; i++)
        error = bed_write(bed, id, i, 900 + i);
    bed_settle(bed, 1000);
    return error;
}

/* Power goes in the middle of an erase: the end of the block is raised already. */
static int make_half_erased(struct bed *bed)
{
    int error = file_make(bed, 1, 2);

    if (!error)
        error = nor_erase_begin(bed->nor, HALF_ERASED * PART.block_bytes, PART.block_bytes);
    nor_power_cut(bed->nor, NOR_TEAR_MIDDLE);
    return error;
}

/* The second page of names has more wrong bits than can be turned back. */
static int make_unreadable(struct bed *bed)
{
    uint32_t place;
    int error = 0;

    for (unsigned i = 0; i < FILES && !error; i++)
        error = file_make(bed, i, 1);
    place = map_get(bed->store, node_at(bed->store, NODE_TABLE), 1);
    nor_flip_random(bed->nor,
                    place_block(bed->store, place) * PART.block_bytes + place_offset(bed->store, place) +
                        FORMAT_ITEM_BYTES,
                    64, 40);
    return error;
}

static const struct {
    const char *name;
    int (*make)(struct bed *bed);
} kinds[] = {
    { "retired", make_retired },
    { "void", make_void },
    { "half-erased", make_half_erased },
    { "unreadable", make_unreadable },
};

static int write_out(const struct bed *bed, const char *path)
{
    FILE *file = fopen(path, "wb");
    size_t bytes = (size_t)PART.blocks * PART.block_bytes;
    bool good = file && fwrite(bed->nor->cells, 1, bytes, file) == bytes;

    return (file && fclose(file)) || !good ? 1 : 0;
}

int main(int count, char **arguments)
{
    static struct bed bed;

    for (unsigned i = 0; count == 3 && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(arguments[1], kinds[i].name) != 0)
            continue;
        bed_start(&bed, &PART);
        int error = kinds[i].make(&bed);

        if (error)
            (void)fprintf(stderr, "%s: error %d\n", kinds[i].name, error);
        else
            error = write_out(&bed, arguments[2]);
        bed_stop(&bed);
        return error != 0;
    }
    (void)fprintf(stderr, "usage: damaged_image retired|void|half-erased|unreadable FILE\n");
    return 2;
}
