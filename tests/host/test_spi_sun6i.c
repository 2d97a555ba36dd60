/*
 * The D1's SPI controller driver on a model of its registers, with the strict chip (tests/sim/nor_spi.h) on its bus and the
 * SPI NOR driver above it. The model is as strict: a burst that is larger than a FIFO, a count that does not match what
 * was put in, a transfer without clock or with nobody selected ends the test.
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

#include "hal/spi_sun6i.c"

#include "tests/host/spi_rig.h"

#define CRYSTAL_HZ 24000000u
#define BUSY_LOOKS 3u /* at a register, until what it started has ended */
#define WRITE_MOST 512u

static struct spi_sun6i controller;
static uint8_t spi_window, clock_window; /* only their addresses mean something */

static struct {
    uint32_t reg[0x40 / 4];
    uint32_t clock, gate;
    uint8_t transmit[FIFO_BYTES], receive[FIFO_BYTES];
    uint32_t transmit_count, receive_count, receive_at;
    unsigned busy;
    bool quad_seen, dead, loses_bytes;
    /* Since the chip was selected */
    uint8_t sent[16 + WRITE_MOST];
    uint32_t sent_count, received_count;
} model;

/* ---- The bus: bytes as transactions of the chip ---- */

static bool selected(void)
{
    return !(model.reg[SPI_TCR / 4] & TCR_SS_LEVEL);
}

/* How an opcode that is used here goes on. */
static struct spi_transaction decode(void)
{
    struct spi_transaction now = { .opcode = model.sent[0], .data_lanes = 1 };

    switch (now.opcode) {
    case 0x13:
    case 0x12:
    case 0x21:
    case 0xdc:
        now.address_bytes = 4;
        break;
    case 0x6c:
        now.address_bytes = 4;
        now.dummy_bytes = 1;
        now.data_lanes = 4;
        break;
    case 0x5a:
        now.address_bytes = 3;
        now.dummy_bytes = 1;
        break;
    default:
        break;
    }
    for (unsigned i = 0; i < now.address_bytes; i++)
        now.address = now.address << 8 | model.sent[1 + i];
    return now;
}

static void chip_receives(uint32_t bytes)
{
    struct spi_transaction read = decode();

    assert_true(read.data_lanes == 1 || model.quad_seen);
    assert_int_equal(model.sent_count, 1u + read.address_bytes + read.dummy_bytes);
    read.address += model.received_count;
    read.bytes = bytes;
    read.into = model.receive;
    assert_int_equal(chip.spi.transact(&chip.spi, &read), 0);
    model.receive_count = model.loses_bytes ? bytes - 1 : bytes;
    model.receive_at = 0;
    model.received_count += bytes;
}

/* What only goes out is known when the chip is let go. */
static void chip_deselected(void)
{
    struct spi_transaction write = decode();
    uint32_t header = 1u + write.address_bytes;

    if (model.sent_count && !model.received_count) {
        assert_true(model.sent_count >= header);
        write.bytes = model.sent_count - header;
        write.from = write.bytes ? model.sent + header : NULL;
        assert_int_equal(chip.spi.transact(&chip.spi, &write), 0);
    }
    model.sent_count = model.received_count = 0;
    model.quad_seen = false;
}

/* ---- The registers ---- */

static void burst(void)
{
    uint32_t bytes = model.reg[SPI_MBC / 4], out = model.reg[SPI_MTC / 4];
    uint32_t single = model.reg[SPI_BCC / 4] & 0xffffff;

    assert_true(selected());
    assert_true(model.clock & CLK_GATING);
    assert_int_equal(model.reg[SPI_GCR / 4], GCR_EN | GCR_MODE | GCR_TP);
    assert_int_equal(model.reg[SPI_TCR / 4] & 3, 0); /* mode 0 */
    assert_true(model.reg[SPI_TCR / 4] & TCR_DHB);
    assert_true(bytes > 0 && bytes <= FIFO_BYTES && out <= bytes && single <= out);
    assert_int_equal(model.transmit_count, out);
    assert_int_equal(model.receive_at, model.receive_count);
    memcpy(model.sent + model.sent_count, model.transmit, out);
    assert_true((model.sent_count += out) <= sizeof(model.sent));
    model.transmit_count = 0;
    if (model.reg[SPI_BCC / 4] & BCC_QUAD) {
        assert_int_equal(single, 0);
        model.quad_seen = true;
    }
    if (bytes > out)
        chip_receives(bytes - out);
}

static uint32_t clock_read(uint32_t offset)
{
    assert_true(offset == SPI_BGR || offset == SPI0_CLK);
    return offset == SPI_BGR ? model.gate : model.clock;
}

uint32_t mmio_model_read(mmio_t registers, uint32_t offset, unsigned width)
{
    if (registers == &clock_window)
        return clock_read(offset);
    assert_ptr_equal(registers, &spi_window);
    if (offset == SPI_RXD) {
        assert_int_equal(width, 1);
        assert_true(model.receive_at < model.receive_count);
        return model.receive[model.receive_at++];
    }
    assert_int_equal(width, 4);
    if (offset == SPI_FSR)
        return model.receive_count - model.receive_at;
    if (!model.dead && model.busy && --model.busy == 0) {
        model.reg[SPI_TCR / 4] &= ~TCR_XCH;
        model.reg[SPI_FCR / 4] &= ~(FCR_RF_RST | FCR_TF_RST);
        model.reg[SPI_GCR / 4] &= ~GCR_SRST;
    }
    return model.reg[offset / 4];
}

static void clock_write(uint32_t offset, uint32_t value)
{
    *(offset == SPI_BGR ? &model.gate : &model.clock) = value;
}

static void control_write(uint32_t value)
{
    bool was_selected = selected();

    assert_true(model.dead || model.busy == 0);
    model.reg[SPI_TCR / 4] = value;
    if (value & TCR_XCH) {
        model.busy = BUSY_LOOKS;
        if (!model.dead)
            burst();
    } else if (was_selected && !selected()) {
        chip_deselected();
    }
}

void mmio_model_write(mmio_t registers, uint32_t offset, unsigned width, uint32_t value)
{
    if (registers == &clock_window) {
        clock_write(offset, value);
        return;
    }
    assert_ptr_equal(registers, &spi_window);
    assert_int_equal(model.gate & (BGR_SPI0_GATING | BGR_SPI0_RST), BGR_SPI0_GATING | BGR_SPI0_RST);
    if (offset == SPI_TXD) {
        assert_int_equal(width, 1);
        assert_true(model.transmit_count < FIFO_BYTES);
        model.transmit[model.transmit_count++] = (uint8_t)value;
        return;
    }
    assert_int_equal(width, 4);
    if (offset == SPI_TCR) {
        control_write(value);
        return;
    }
    model.reg[offset / 4] = value;
    if ((offset == SPI_FCR && value & FCR_RF_RST) || (offset == SPI_GCR && value & GCR_SRST)) {
        model.busy = BUSY_LOOKS;
        model.transmit_count = model.receive_count = model.receive_at = 0;
    }
}

/* ---- Tests ---- */

static int start(void **state)
{
    (void)state;
    part_new(IS25WP256);
    memset(&model, 0, sizeof(model));
    model.reg[SPI_TCR / 4] = TCR_SPOL | TCR_SS_LEVEL | 3; /* as after reset */
    return spi_sun6i_init(&controller, &spi_window, &clock_window, CRYSTAL_HZ);
}

static void test_the_part_is_found_at_the_crystals_clock(void **state)
{
    (void)state;
    assert_int_equal(probe_over(&controller.spi, BLOCK), 0);
    assert_int_equal(driver.id, IS25WP256);
    assert_int_equal(driver.hz, CRYSTAL_HZ);
    assert_int_equal(model.clock, CLK_GATING);
}

static void test_clock_is_never_faster_than_asked(void **state)
{
    (void)state;
    for (uint32_t hz = 1; hz <= CRYSTAL_HZ * 2; hz = hz * 5 / 4 + 1) {
        uint32_t result = controller.spi.set_clock(&controller.spi, hz);
        uint32_t total = ((model.clock & 15) + 1) << (model.clock >> 8 & 3);

        assert_int_equal(result, CRYSTAL_HZ / total);
        assert_true((uint64_t)hz * total >= CRYSTAL_HZ || total == 128);
        /* The next faster one would be too fast. */
        if (total > 1 && total <= 16)
            assert_true((uint64_t)hz * (total - 1) < CRYSTAL_HZ);
    }
}

static void test_program_erase_read(void **state)
{
    (void)state;
    assert_int_equal(probe_over(&controller.spi, BLOCK), 0);
    rig_round_trip(&driver.flash, 17 * MIB + 100, 3000);
}

static void test_four_lanes(void **state)
{
    (void)state;
    assert_int_equal(probe_over(&controller.spi, BLOCK), 0);
    put_pattern(0, BLOCK);
    assert_true(spi_nor_try_quad(&driver));
    reads_pattern(0, 1000);
}

static void test_what_it_cannot_do_is_refused(void **state)
{
    uint8_t byte = 0;
    const struct spi_transaction quad_out = { .opcode = 0x32, .data_lanes = 4, .bytes = 1, .from = &byte };
    const struct spi_transaction dual = { .opcode = 0x3b, .data_lanes = 2, .bytes = 1, .into = &byte };
    const struct spi_transaction nowhere = { .opcode = 0x05, .data_lanes = 1, .bytes = 1 };

    (void)state;
    assert_int_equal(controller.spi.transact(&controller.spi, &quad_out), -ENOTSUP);
    assert_int_equal(controller.spi.transact(&controller.spi, &dual), -ENOTSUP);
    assert_int_equal(controller.spi.transact(&controller.spi, &nowhere), -ENOTSUP);
}

static void test_a_controller_that_does_not_move(void **state)
{
    uint8_t byte;
    const struct spi_transaction status = { .opcode = 0x05, .data_lanes = 1, .bytes = 1, .into = &byte };

    (void)state;
    model.dead = true;
    assert_int_equal(controller.spi.transact(&controller.spi, &status), -ETIMEDOUT);
    model.busy = 0;
    assert_int_equal(spi_sun6i_init(&controller, &spi_window, &clock_window, CRYSTAL_HZ), -ETIMEDOUT);
}

static void test_lost_bytes_are_noticed(void **state)
{
    uint8_t id[3];
    const struct spi_transaction read = { .opcode = 0x9f, .data_lanes = 1, .bytes = sizeof(id), .into = id };

    (void)state;
    model.loses_bytes = true;
    assert_int_equal(controller.spi.transact(&controller.spi, &read), -EIO);
    model.loses_bytes = false;
    assert_int_equal(controller.spi.transact(&controller.spi, &read), 0);
    assert_int_equal(id[0], 0x9d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_part_is_found_at_the_crystals_clock, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_clock_is_never_faster_than_asked, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_program_erase_read, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_four_lanes, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_what_it_cannot_do_is_refused, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_a_controller_that_does_not_move, start, rig_teardown),
        cmocka_unit_test_setup_teardown(test_lost_bytes_are_noticed, start, rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
