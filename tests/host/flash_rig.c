#include "tests/host/flash_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define READ_MOST 600u

struct nor *nor;
static uint8_t model[RIG_PLAY_BYTES], image[RIG_PLAY_BYTES];

void rig_part(const struct nor_config *config)
{
    nor_free(nor);
    nor = nor_new(config);
}

int rig_teardown(void **state)
{
    (void)state;
    nor_free(nor);
    nor = NULL;
    return 0;
}

uint64_t rig_clock_us(void)
{
    nor_advance_ns(nor, 1000);
    return nor_now_us(nor);
}

struct flash_request rig_request(enum flash_operation operation, uint32_t address, uint32_t bytes)
{
    return (struct flash_request){ .operation = operation, .address = address, .bytes = bytes };
}

int rig_program(struct flash *flash, uint32_t address, const void *from, uint32_t bytes)
{
    struct flash_request request = rig_request(FLASH_PROGRAM, address, bytes);

    request.from = from;
    return flash_run(flash, &request);
}

int rig_erase(struct flash *flash, uint32_t address)
{
    struct flash_request request = rig_request(FLASH_ERASE, address, flash->geometry.erase_bytes);

    return flash_run(flash, &request);
}

uint64_t rig_read_us(struct flash *flash, uint32_t address)
{
    uint64_t start = nor_now_us(nor);
    uint8_t bytes[256];

    assert_int_equal(flash_read(flash, address, bytes, sizeof(bytes)), 0);
    return nor_now_us(nor) - start;
}

void rig_pattern(uint8_t *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 256);
}

void rig_round_trip(struct flash *flash, uint32_t address, uint32_t bytes)
{
    static uint8_t pattern[RIG_BLOCK];

    assert_true(bytes <= sizeof(pattern));
    rig_pattern(pattern, bytes);
    assert_int_equal(rig_program(flash, address, pattern, bytes), 0);
    assert_int_equal(flash_read(flash, address, image, bytes), 0);
    assert_memory_equal(image, pattern, bytes);
    assert_int_equal(rig_erase(flash, address - address % flash->geometry.erase_bytes), 0);
    assert_int_equal(flash_read(flash, address, image, 1), 0);
    assert_int_equal(image[0], 0xff);
}

/* ---- At random, against a plain array ---- */

static void check_read(struct flash *flash, const struct flash_request *other)
{
    uint32_t address = (uint32_t)rand() % RIG_PLAY_BYTES, bytes = 1 + (uint32_t)rand() % READ_MOST;
    int expected;

    bytes = bytes < RIG_PLAY_BYTES - address ? bytes : RIG_PLAY_BYTES - address;
    expected = other && address < other->address + other->bytes && other->address < address + bytes ? -EBUSY : 0;
    assert_int_equal(flash_read(flash, address, image, bytes), expected);
    if (!expected)
        assert_memory_equal(image, model + address, bytes);
}

static void play(struct flash *flash, struct flash_request *request)
{
    assert_int_equal(flash_start(flash, request), 0);
    while (request->status == FLASH_PENDING) {
        if (rand() % 4 == 0 && flash->geometry.can_suspend)
            check_read(flash, request);
        nor_advance_ns(nor, (uint64_t)(rand() % 3) * 1000 * (uint64_t)(rand() % 20000));
        flash_poll(flash);
    }
    assert_int_equal(request->status, 0);
}

static void play_program(struct flash *flash, uint32_t address, uint32_t bytes)
{
    static uint8_t data[RIG_PLAY_BYTES];
    struct flash_request request = rig_request(FLASH_PROGRAM, address, bytes);

    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(rand() & model[address + i]);
    request.from = data;
    play(flash, &request);
    memcpy(model + address, data, bytes);
}

static void play_erase(struct flash *flash, uint32_t address)
{
    struct flash_request request = rig_request(FLASH_ERASE, address - address % RIG_BLOCK, RIG_BLOCK);

    play(flash, &request);
    memset(model + request.address, 0xff, RIG_BLOCK);
}

void rig_play_begin(void)
{
    memset(model, 0xff, sizeof(model));
}

void rig_play(struct flash *flash, unsigned operations, uint32_t most_bytes)
{
    for (unsigned n = 0; n < operations; n++) {
        uint32_t address = (uint32_t)rand() % RIG_PLAY_BYTES, bytes = 1 + (uint32_t)rand() % most_bytes;

        bytes = bytes < RIG_PLAY_BYTES - address ? bytes : RIG_PLAY_BYTES - address;
        if (rand() % 6 == 0)
            play_erase(flash, address);
        else
            play_program(flash, address, bytes);
        check_read(flash, NULL);
    }
}

void rig_play_end(void)
{
    assert_memory_equal(nor->cells, model, sizeof(model));
}
