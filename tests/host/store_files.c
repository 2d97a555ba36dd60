#include "tests/host/store_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

static uint64_t buffer[BED_PAGE / 8];

void sound(struct bed *bed)
{
    const char *broken = store_check(bed->store);

    if (broken)
        fail_msg("seed %llu: %s", (unsigned long long)bed->config.seed, broken);
}

uint32_t file_make(struct bed *bed, const char *name, uint32_t pages, uint64_t first)
{
    uint32_t id;

    assert_int_equal(bed_make(bed, NODE_ROOT, name, 0100644, &id), 0);
    assert_int_equal(bed_begin(bed, pages), 0);
    for (uint32_t i = 0; i < pages; i++)
        assert_int_equal(bed_write(bed, id, i, first + i), 0);
    assert_int_equal(bed_resize(bed, id, (uint64_t)pages * BED_PAGE, 5), 0);
    assert_int_equal(bed_commit(bed), 0);
    return id;
}

uint32_t file_lost(struct bed *bed, const char *name, uint32_t pages, uint64_t first)
{
    uint32_t id, lost = 0;
    struct node_info info;

    assert_int_equal(node_find(bed->store, NODE_ROOT, name, &id), 0);
    assert_int_equal(node_get(bed->store, id, &info), 0);
    assert_int_equal(info.bytes, (uint64_t)pages * BED_PAGE);
    for (uint32_t i = 0; i < pages; i++) {
        int error = bed_read(bed, id, i, buffer);

        assert_true(error == 0 || error == -EIO);
        assert_true(error || page_is(first + i, buffer));
        lost += error != 0;
    }
    return lost;
}

void file_is(struct bed *bed, const char *name, uint32_t pages, uint64_t first)
{
    assert_int_equal(file_lost(bed, name, pages, first), 0);
}

void save_all(struct bed *bed, slot_t *slots, uint64_t *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        names[i] = bed_random(bed);
        assert_int_equal(bed_save(bed, &slots[i], 0, names[i]), 0);
    }
}

uint32_t load_all(struct bed *bed, const slot_t *slots, const uint64_t *names, uint32_t count)
{
    uint32_t from_flash = 0;

    for (uint32_t i = 0; i < count; i++) {
        int source = bed_load(bed, slots[i], 0, buffer);

        assert_true(source == SLOT_TAIL || source == SLOT_FLASH);
        assert_true(page_is(names[i], buffer));
        from_flash += source == SLOT_FLASH;
    }
    return from_flash;
}

uint8_t *cells_at(struct bed *bed, uint32_t place)
{
    return bed->nor->cells + (size_t)place * FORMAT_UNIT;
}

struct record_header header_at(struct bed *bed, uint32_t place)
{
    struct record_header header;

    memcpy(&header, cells_at(bed, place), sizeof header);
    return header;
}

void header_put(struct bed *bed, uint32_t place, struct record_header header)
{
    item_seal(&header, place, block_of_place(bed->store, place)->sequence);
    nor_load(bed->nor, place * FORMAT_UNIT, &header, sizeof header);
}
