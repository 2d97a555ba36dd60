/*
 * The template of a SPI controller's driver (platform/TEMPLATE) on a model of its registers, with the strict chip on its bus
 * and the SPI NOR driver above: what a new controller's test is copied from. Begin with the model, from the manual.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/mmio_model.h"

#include "platform/TEMPLATE/spi_controller.c"

#include "tests/host/spi_rig.h"

#define INPUT_HZ   100000000u
#define BUSY_LOOKS 3u
#define SENT_MOST  512u

static struct spi_controller controller;
static uint8_t window; /* only its address means something */

static struct {
    uint32_t control, divider;
    unsigned busy;
    bool dead;
    uint8_t incoming;
    uint8_t sent[SENT_MOST]; /* since the chip was selected */
    uint32_t count;
} model;

/* How an opcode goes on; address and dummy bytes, and whether the part answers it with data. */
static bool decode(struct spi_transaction *now)
{
    static const uint8_t reads[] = { 0x03, 0x13, 0x5a, 0x05, 0x9f, 0x48, 0x81 };

    *now = (struct spi_transaction){ .opcode = model.sent[0], .data_lanes = 1 };
    if (now->opcode == 0x13 || now->opcode == 0x12 || now->opcode == 0xdc)
        now->address_bytes = 4;
    if (now->opcode == 0x5a) {
        now->address_bytes = 3;
        now->dummy_bytes = 1;
    }
    for (unsigned i = 0; i < now->address_bytes; i++)
        now->address = now->address << 8 | model.sent[1 + i];
    return memchr(reads, now->opcode, sizeof(reads)) != NULL;
}

/* The byte that comes in while one goes out. */
static uint8_t shift(uint8_t out)
{
    struct spi_transaction now;
    uint8_t answer[4] = { 0xff };
    bool reads;
    uint32_t header, index;

    assert_true(model.control & CONTROL_SELECT);
    if (model.count == 0)
        model.sent[0] = out;
    reads = decode(&now);
    header = 1u + now.address_bytes + now.dummy_bytes;
    if (model.count < header || !reads) {
        assert_true(model.count < SENT_MOST);
        model.sent[model.count++] = out;
        return 0xff;
    }
    /* The chip's model takes whole transactions: one for each byte, further on, or longer where there is no address. */
    index = model.count++ - header;
    now.address += index;
    now.bytes = now.address_bytes ? 1 : index + 1;
    now.into = answer;
    assert_true(now.bytes <= sizeof(answer));
    assert_int_equal(chip.spi.transact(&chip.spi, &now), 0);
    return answer[now.bytes - 1];
}

/* What only goes out takes effect when the chip is let go. */
static void deselected(void)
{
    struct spi_transaction now;

    if (model.count && !decode(&now)) {
        uint32_t header = 1u + now.address_bytes;

        now.bytes = model.count - header;
        now.from = now.bytes ? model.sent + header : NULL;
        assert_int_equal(chip.spi.transact(&chip.spi, &now), 0);
    }
    model.count = 0;
}

uint32_t mmio_model_read(mmio_t registers, uint32_t offset, unsigned width)
{
    assert_ptr_equal(registers, &window);
    assert_int_equal(width, 4);
    if (offset == STATUS) {
        if (model.busy && !model.dead)
            model.busy--;
        return model.busy ? STATUS_BUSY : 0;
    }
    assert_int_equal(offset, DATA);
    assert_int_equal(model.busy, 0);
    return model.incoming;
}

void mmio_model_write(mmio_t registers, uint32_t offset, unsigned width, uint32_t value)
{
    assert_ptr_equal(registers, &window);
    assert_int_equal(width, 4);
    if (offset == DATA) {
        assert_int_equal(model.busy, 0);
        model.busy = BUSY_LOOKS;
        if (!model.dead)
            model.incoming = shift((uint8_t)value);
    } else if (offset == CONTROL) {
        if (model.control & CONTROL_SELECT && !(value & CONTROL_SELECT))
            deselected();
        model.control = value;
    } else {
        assert_int_equal(offset, DIVIDER);
        model.divider = value;
    }
}

static int start(void **state)
{
    (void)state;
    part_new(IS25WP256);
    memset(&model, 0, sizeof(model));
    spi_controller_init(&controller, &window, INPUT_HZ);
    return 0;
}

static void test_the_flash_driver_works_over_it(void **state)
{
    (void)state;
    assert_int_equal(probe_over(&controller.spi, BLOCK), 0);
    assert_int_equal(driver.hz, 50000000);
    rig_round_trip(&driver.flash, 20 * MIB + 5, 600);
}

static void test_clock_is_never_faster_than_asked(void **state)
{
    (void)state;
    for (uint32_t hz = INPUT_HZ / 512; hz < INPUT_HZ; hz += 12345) {
        uint32_t result = controller.spi.set_clock(&controller.spi, hz);

        assert_true(result <= hz);
        assert_int_equal(result, INPUT_HZ / (2 * (model.divider + 1)));
    }
}

static void test_every_wait_has_a_bound(void **state)
{
    uint8_t status;
    const struct spi_transaction read = { .opcode = 0x05, .data_lanes = 1, .bytes = 1, .into = &status };

    (void)state;
    model.dead = true;
    assert_int_equal(controller.spi.transact(&controller.spi, &read), -ETIMEDOUT);
    assert_false(model.control & CONTROL_SELECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_flash_driver_works_over_it, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_clock_is_never_faster_than_asked, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_every_wait_has_a_bound, start, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
