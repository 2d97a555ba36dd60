/*
 * The gate of hal/flash.h over a driver that only takes notes: what reaches a driver, and what must not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "hal/flash.h"

#define SIZE  0x100000u
#define ERASE 0x10000u
#define SEED  0x9a7eu

/* What the driver saw and is to answer. */
static struct {
    unsigned starts, polls;
    int refuse;   /* the answer of start(), when not 0 */
    bool at_once; /* end every request inside start() */
    bool reads_overtake;
    int status; /* of requests that end */
    struct flash_request *last;
} notes;

static int note_start(struct flash *flash, struct flash_request *request)
{
    notes.starts++;
    notes.last = request;
    if (notes.refuse)
        return notes.refuse;
    if (flash->in_flight != request && !notes.reads_overtake)
        return -EBUSY;
    if (notes.at_once || request->operation == FLASH_READ)
        flash_finish(flash, request, notes.status);
    return 0;
}

static void note_poll(struct flash *flash)
{
    notes.polls++;
    flash_finish(flash, flash->in_flight, notes.status);
}

static const struct flash_driver note_driver = { .name = "notes", .start = note_start, .poll = note_poll };

static struct flash flash;

static int setup(void **state)
{
    (void)state;
    memset(&notes, 0, sizeof(notes));
    flash = (struct flash){
        .driver = &note_driver,
        .geometry = { .size_bytes = SIZE, .erase_bytes = ERASE, .program_bytes = 256 },
    };
    return 0;
}

static struct flash_request request_of(enum flash_operation operation, uint32_t address, uint32_t bytes)
{
    return (struct flash_request){ .operation = operation, .address = address, .bytes = bytes };
}

static int try(enum flash_operation operation, uint32_t address, uint32_t bytes)
{
    struct flash_request request = request_of(operation, address, bytes);

    return flash_run(&flash, &request);
}

static void window_is_checked(void **state)
{
    (void)state;
    assert_int_equal(flash_open_window(&flash, 0, SIZE), 0);
    assert_int_equal(flash_open_window(&flash, SIZE - ERASE, ERASE), 0);
    assert_int_equal(flash_open_window(&flash, ERASE, 0), 0);
    assert_int_equal(flash_open_window(&flash, 0, SIZE + ERASE), -EINVAL);
    assert_int_equal(flash_open_window(&flash, SIZE, ERASE), -EINVAL);
    assert_int_equal(flash_open_window(&flash, ERASE, (uint32_t)-ERASE), -EINVAL);
    assert_int_equal(flash_open_window(&flash, (uint32_t)-ERASE, 2 * ERASE), -EINVAL);
    assert_int_equal(flash_open_window(&flash, 4096, ERASE), -EINVAL);
    assert_int_equal(flash_open_window(&flash, ERASE, 4096), -EINVAL);
    assert_int_equal(flash.window_start, ERASE);
    assert_int_equal(flash.window_bytes, 0);
}

static void nothing_is_written_before_a_window(void **state)
{
    (void)state;
    assert_int_equal(try(FLASH_PROGRAM, 0, 1), -EPERM);
    assert_int_equal(try(FLASH_ERASE, 0, ERASE), -EPERM);
    assert_int_equal(try(FLASH_READ, 0, SIZE), 0);
    assert_int_equal(notes.starts, 1);
}

static void edges_of_the_window(void **state)
{
    (void)state;
    assert_int_equal(flash_open_window(&flash, 2 * ERASE, 2 * ERASE), 0);
    assert_int_equal(try(FLASH_PROGRAM, 2 * ERASE - 1, 1), -EPERM);
    assert_int_equal(try(FLASH_PROGRAM, 2 * ERASE - 1, 2), -EPERM);
    assert_int_equal(try(FLASH_PROGRAM, 4 * ERASE - 1, 2), -EPERM);
    assert_int_equal(try(FLASH_PROGRAM, 4 * ERASE, 1), -EPERM);
    assert_int_equal(try(FLASH_ERASE, ERASE, ERASE), -EPERM);
    assert_int_equal(try(FLASH_ERASE, 4 * ERASE, ERASE), -EPERM);
    assert_int_equal(notes.starts, 0);
    assert_int_equal(try(FLASH_PROGRAM, 2 * ERASE, 2 * ERASE), 0);
    assert_int_equal(try(FLASH_PROGRAM, 4 * ERASE - 1, 1), 0);
    assert_int_equal(try(FLASH_ERASE, 2 * ERASE, ERASE), 0);
    assert_int_equal(try(FLASH_ERASE, 3 * ERASE, ERASE), 0);
    assert_int_equal(notes.starts, 4);
}

static void malformed_requests(void **state)
{
    (void)state;
    assert_int_equal(flash_open_window(&flash, 0, SIZE), 0);
    assert_int_equal(try(FLASH_READ, 0, 0), -EINVAL);
    assert_int_equal(try(FLASH_READ, SIZE, 1), -EINVAL);
    assert_int_equal(try(FLASH_READ, SIZE - 1, 2), -EINVAL);
    assert_int_equal(try(FLASH_READ, UINT32_MAX, 2), -EINVAL);
    assert_int_equal(try(FLASH_READ, 1, UINT32_MAX), -EINVAL);
    assert_int_equal(try(FLASH_PROGRAM, UINT32_MAX, UINT32_MAX), -EINVAL);
    assert_int_equal(try(FLASH_PROGRAM, 16, 0), -EINVAL);
    assert_int_equal(try(FLASH_ERASE, 0, 4096), -EINVAL);
    assert_int_equal(try(FLASH_ERASE, 4096, ERASE), -EINVAL);
    assert_int_equal(try(FLASH_ERASE, 0, 2 * ERASE), -EINVAL);
    assert_int_equal(try((enum flash_operation)3, 0, ERASE), -EINVAL);
    assert_int_equal(notes.starts, 0);
    assert_int_equal(flash.counters.failures, 0);
}

/* Against arithmetic in 64 bits, where nothing overflows. */
static bool allowed(enum flash_operation operation, uint64_t address, uint64_t bytes)
{
    uint64_t start = flash.window_start, end = start + flash.window_bytes;

    if (!bytes || address + bytes > SIZE)
        return false;
    if (operation == FLASH_READ)
        return true;
    if (operation == FLASH_ERASE && (bytes != ERASE || address % ERASE))
        return false;
    return address >= start && address + bytes <= end;
}

static uint32_t odd_number(void)
{
    static const uint32_t corners[] = { 0, 1, ERASE, 2 * ERASE, 4 * ERASE, SIZE, SIZE - ERASE, UINT32_MAX, 1u << 31 };
    uint32_t corner = corners[(unsigned)rand() % (sizeof(corners) / sizeof(corners[0]))];

    return rand() % 2 ? corner + (uint32_t)(rand() % 3) - 1 : corner;
}

static void random_window(void)
{
    uint64_t start = odd_number(), bytes = odd_number();
    bool whole = start % ERASE == 0 && bytes % ERASE == 0 && start + bytes <= SIZE;

    assert_int_equal(flash_open_window(&flash, (uint32_t)start, (uint32_t)bytes) == 0, whole);
}

static void random_requests(void **state)
{
    (void)state;
    printf("seed 0x%x\n", SEED);
    srand(SEED);
    for (int i = 0; i < 200000; i++) {
        enum flash_operation operation = (enum flash_operation)(rand() % 3);
        uint32_t address = odd_number(), bytes = odd_number();
        bool expected;

        if (i % 100 == 0)
            random_window();
        expected = allowed(operation, address, bytes);
        assert_int_equal(try(operation, address, bytes) == 0, expected);
    }
}

static void one_request_in_flight(void **state)
{
    struct flash_request first = request_of(FLASH_ERASE, 0, ERASE), second = request_of(FLASH_PROGRAM, ERASE, 4);
    struct flash_request read = request_of(FLASH_READ, ERASE, 4);

    (void)state;
    assert_int_equal(flash_open_window(&flash, 0, SIZE), 0);
    assert_int_equal(flash_start(&flash, &first), 0);
    assert_int_equal(first.status, FLASH_PENDING);
    assert_ptr_equal(flash.in_flight, &first);
    assert_int_equal(flash_start(&flash, &second), -EBUSY);
    assert_int_equal(flash_run(&flash, &second), -EBUSY);
    assert_int_equal(notes.starts, 1);
    assert_int_equal(flash_start(&flash, &read), -EBUSY);
    notes.reads_overtake = true;
    assert_int_equal(flash_start(&flash, &read), 0);
    assert_int_equal(read.status, 0);
    assert_ptr_equal(flash.in_flight, &first);
    flash_poll(&flash);
    assert_int_equal(first.status, 0);
    assert_null(flash.in_flight);
    flash_poll(&flash);
    assert_int_equal(notes.polls, 1);
}

static void counting(void **state)
{
    struct flash_counters *counters = &flash.counters;

    (void)state;
    assert_int_equal(flash_open_window(&flash, 0, SIZE), 0);
    assert_int_equal(try(FLASH_READ, 0, 100), 0);
    assert_int_equal(try(FLASH_READ, 0, 11), 0);
    assert_int_equal(try(FLASH_PROGRAM, 0, 300), 0);
    assert_int_equal(try(FLASH_ERASE, 0, ERASE), 0);
    notes.status = -EIO;
    assert_int_equal(try(FLASH_ERASE, 0, ERASE), -EIO);
    notes.refuse = -EBUSY;
    assert_int_equal(try(FLASH_READ, 0, 100), -EBUSY);
    assert_null(flash.in_flight);
    assert_int_equal(counters->reads, 2);
    assert_int_equal(counters->read_bytes, 111);
    assert_int_equal(counters->programs, 1);
    assert_int_equal(counters->program_bytes, 300);
    assert_int_equal(counters->erases, 2);
    assert_int_equal(counters->failures, 1);
}

static struct flash_request chained;
static unsigned chain_left;

static void chain_done(struct flash_request *request)
{
    if (!chain_left--)
        return;
    *request = request_of(FLASH_PROGRAM, chain_left, 1);
    request->done = chain_done;
    assert_int_equal(flash_start(&flash, request), 0);
}

/* `done` may start the next request, whether its own ended in flash_poll() or in flash_start(). */
static void done_starts_the_next(void **state)
{
    (void)state;
    assert_int_equal(flash_open_window(&flash, 0, SIZE), 0);
    for (int at_once = 0; at_once < 2; at_once++) {
        notes.at_once = at_once;
        chain_left = 5;
        chained = request_of(FLASH_ERASE, 0, ERASE);
        chained.done = chain_done;
        assert_int_equal(flash_start(&flash, &chained), 0);
        while (flash.in_flight)
            flash_poll(&flash);
        assert_int_equal(chained.status, 0);
    }
    assert_int_equal(flash.counters.programs, 10);
    assert_int_equal(flash.counters.erases, 2);
}

static void reading(void **state)
{
    uint8_t byte;

    (void)state;
    assert_int_equal(flash_read(&flash, 77, &byte, 1), 0);
    assert_int_equal(flash.counters.read_bytes, 1);
    assert_int_equal(flash_read(&flash, SIZE, &byte, 1), -EINVAL);
    notes.status = -EIO;
    assert_int_equal(flash_read(&flash, 0, &byte, 1), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(window_is_checked, setup),
        cmocka_unit_test_setup(nothing_is_written_before_a_window, setup),
        cmocka_unit_test_setup(edges_of_the_window, setup),
        cmocka_unit_test_setup(malformed_requests, setup),
        cmocka_unit_test_setup(random_requests, setup),
        cmocka_unit_test_setup(one_request_in_flight, setup),
        cmocka_unit_test_setup(counting, setup),
        cmocka_unit_test_setup(done_starts_the_next, setup),
        cmocka_unit_test_setup(reading, setup),
    };

    return cmocka_run_group_tests_name("flash gate", tests, NULL, NULL);
}
