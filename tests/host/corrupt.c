/*
 * Corruption: what lies on flash is turned, moved, exchanged and played back, and every read must then answer -EIO or
 * the right bytes.
 *
 *   1  every single bit of swap records and of durable records
 *   2  COUNT random changes: noise, records copied elsewhere, exchanged, replaced by what lay there before
 *   3  whole arrays with random damage are opened and read: anything but a crash
 *   4  programs and erases outside the partition, sums that overflow included: all refused, and the array is asked nothing
 *
 * corrupt [COUNT [SEED]]. Ends with "N passed, N failed".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/store/state.h"
#include "tests/host/store_rig.h"

#define SLOTS       200u
#define PAGES       60u
#define RECORD_MOST 4128u
#define GENERATIONS 4u

static struct bed bed;
static slot_t slots[SLOTS];
static uint64_t slot_names[SLOTS], page_names[PAGES];
static uint32_t file;
static uint8_t *generations[GENERATIONS];
static uint64_t passed, failed;
static uint64_t page[BED_PAGE / 8];

static void verdict(bool good, const char *what, uint32_t subject)
{
    passed += good;
    failed += !good;
    if (!good && failed < 20)
        printf("FAILED corrupt: %s, subject %u\n", what, subject);
}

/* ---- Subjects: slots on flash, then pages of the file ---- */

static uint32_t place_of_subject(uint32_t subject)
{
    if (subject >= SLOTS)
        return map_get(bed.store, node_at(bed.store, file), subject - SLOTS);
    return slot_place_of(slot_at(bed.store, slots[subject])) == PLACE_FLASH ? slot_at(bed.store, slots[subject])->place
                                                                            : NO_PLACE;
}

static uint32_t address_of(uint32_t subject)
{
    return bed.store_config.base + place_of_subject(subject) * FORMAT_UNIT;
}

static uint8_t *bytes_of(uint32_t subject)
{
    return bed.nor->cells + address_of(subject);
}

/* What is checked: header and payload, not the ones that fill the last unit. */
static uint32_t length_of(uint32_t subject)
{
    const struct record_header *header = (const struct record_header *)(const void *)bytes_of(subject);

    return FORMAT_ITEM_BYTES + header->length;
}

static bool read_well(uint32_t subject)
{
    int answer;

    if (subject < SLOTS) {
        answer = bed_load(&bed, slots[subject], 0, page);
        return answer == -EIO || (answer > 0 && page_is(slot_names[subject], page));
    }
    answer = bed_read(&bed, file, subject - SLOTS, page);
    return answer == -EIO || (!answer && page_is(page_names[subject - SLOTS], page));
}

static uint32_t some_subject(void)
{
    uint32_t subject;

    do
        subject = bed_below(&bed, SLOTS + PAGES);
    while (!place_of_subject(subject));
    return subject;
}

static void put(uint32_t address, const void *from, uint32_t bytes)
{
    nor_load(bed.nor, address, from, bytes);
}

/* ---- 1 ---- */

static void every_bit(uint32_t subject)
{
    uint32_t address = address_of(subject);

    for (uint32_t bit = 0; bit < length_of(subject) * 8; bit++) {
        uint32_t length = length_of(subject);

        nor_flip(bed.nor, address + bit / 8, (uint8_t)(1u << bit % 8));
        verdict(read_well(subject), "a turned bit", subject);
        nor_flip(bed.nor, address + bit / 8, (uint8_t)(1u << bit % 8));
        if (length != length_of(subject))
            exit(2);
    }
    verdict(read_well(subject) && bed_settle(&bed, 1000), "the record after all", subject);
}

static void single_bits(void)
{
    uint32_t swap = 0, durable = 0;

    for (uint32_t subject = 0; subject < SLOTS && swap < 6; subject++) {
        if (!place_of_subject(subject))
            continue;
        every_bit(subject);
        swap++;
    }
    for (uint32_t subject = SLOTS; durable < 6; subject++, durable++)
        every_bit(subject);
}

/* ---- 2 ---- */

static void noise(uint8_t *record, uint32_t bytes)
{
    uint32_t changes = 1 + bed_below(&bed, 32);

    for (uint32_t i = 0; i < changes; i++)
        record[bed_below(&bed, bytes)] = (uint8_t)bed_random(&bed);
}

/* The record of another subject, or what an earlier generation of the array had at this place. */
static void replace(uint32_t subject, uint8_t *record, uint32_t bytes)
{
    uint32_t address = address_of(subject);

    switch (bed_below(&bed, 4)) {
    case 0:
        noise(record, bytes);
        break;
    case 1:
        noise(record, FORMAT_ITEM_BYTES);
        break;
    case 2:
        memcpy(record, bytes_of(some_subject()), bytes);
        break;
    default:
        memcpy(record, generations[bed_below(&bed, GENERATIONS)] + address, bytes);
        break;
    }
}

static void random_change(void)
{
    static uint8_t before[RECORD_MOST], after[RECORD_MOST], other_before[RECORD_MOST];
    uint32_t subject = some_subject(), other = some_subject();
    uint32_t address = address_of(subject), other_address = address_of(other);
    uint32_t bytes = length_of(subject) < length_of(other) ? length_of(subject) : length_of(other);

    if (subject == other)
        return;
    if (address + RECORD_MOST > bed.nor->config.size_bytes || other_address + RECORD_MOST > bed.nor->config.size_bytes)
        return;
    memcpy(before, bytes_of(subject), RECORD_MOST);
    memcpy(other_before, bytes_of(other), RECORD_MOST);
    if (!bed_below(&bed, 4)) {
        put(address, other_before, bytes);
        put(other_address, before, bytes);
    } else {
        memcpy(after, before, sizeof after);
        replace(subject, after, length_of(subject));
        put(address, after, RECORD_MOST);
    }
    verdict(read_well(subject), "a changed record", subject);
    verdict(read_well(other), "the other record", other);
    put(address, before, RECORD_MOST);
    put(other_address, other_before, RECORD_MOST);
}

/* ---- 3 ---- */

static void read_everything(struct bed *damaged)
{
    struct node_info info = { 0 };

    while (!node_next(damaged->store, NODE_ROOT, info.id, &info))
        for (uint32_t i = 0; i < PAGES; i++)
            (void)bed_read(damaged, info.id, i, page);
    verdict(!store_check(damaged->store), "the invariants of a damaged store", 0);
}

static void damaged_arrays(uint32_t count)
{
    struct bed damaged;
    struct bed_config config = bed.config;

    config.violations_continue = true;
    bed_prepare(&damaged, &config);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t bits = 1u << bed_below(&bed, 16);

        nor_copy(damaged.nor, bed.nor);
        if (bed_below(&bed, 2))
            nor_flip_random(damaged.nor, bed_address(&bed, 0), config.blocks * config.block_bytes, bits);
        else
            nor_flip_random(damaged.nor, bed_address(&bed, bed_below(&bed, config.blocks)), 4096, bits);
        if (bed_open(&damaged))
            verdict(!damaged.store, "a store that was refused", i);
        else
            read_everything(&damaged);
        verdict(bed_guards_stand(&damaged), "what lies around the partition", i);
        bed_forget(&damaged);
    }
    bed_stop(&damaged);
}

/* ---- The store under test ---- */

static void generation(uint32_t number)
{
    uint64_t uncommitted = 0;

    for (uint32_t i = 0; i < SLOTS; i++) {
        slot_names[i] = bed_random(&bed);
        if (bed_save(&bed, &slots[i], 0, slot_names[i]))
            exit(2);
    }
    if (bed_begin(&bed, PAGES))
        exit(2);
    for (uint32_t i = 0; i < PAGES; i++) {
        page_names[i] = bed_random(&bed);
        uncommitted += (uint64_t)(bed_write(&bed, file, i, page_names[i]) != 0);
    }
    if (uncommitted || bed_commit(&bed) || !bed_settle(&bed, 1000000))
        exit(2);
    generations[number] = malloc(bed.nor->config.size_bytes);
    if (!generations[number])
        exit(2);
    memcpy(generations[number], bed.nor->cells, bed.nor->config.size_bytes);
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 0) : 20000;
    struct bed_config config = { .blocks = 96,
                                 .block_bytes = 16384,
                                 .guard_blocks = 3,
                                 .tail_pages = 8,
                                 .seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1 };

    bed_start(&bed, &config);
    if (bed_make(&bed, NODE_ROOT, "file", 0100644, &file))
        return 2;
    for (uint32_t i = 0; i < GENERATIONS; i++)
        generation(i);
    single_bits();
    for (uint64_t i = 0; i < count; i++)
        random_change();
    damaged_arrays((uint32_t)(count / 500));
    verdict(!bed_trespass(&bed, (uint32_t)count), "a program or erase outside the partition", 0);
    verdict(bed_guards_stand(&bed), "what lies around the partition", 0);
    for (uint32_t i = 0; i < GENERATIONS; i++)
        free(generations[i]);
    bed_stop(&bed);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed || !passed;
}
