/*
 * The 16550 driver on a model of its registers, as they lie on a PC-like bus, and on the D1 (DesignWare APB UART: spread
 * by four, 32-bit accesses only).
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

/* In place of hal/timer.h, whose clock is a register of the hart: one tick is one look, and one microsecond. */
#define HAL_TIMER_H
static uint64_t now;

static uint64_t timer_now(void)
{
    return now++;
}

static uint64_t timer_ticks_from_us(uint64_t us)
{
    return us;
}

#include "hal/uart_16550.c"

static struct {
    unsigned shift, width;
    uint8_t reg[8];
    char line[64]; /* what came out */
    unsigned sent;
    const char *input;
    bool stuck;
} model;

static struct uart uart;
static uint8_t window;
static char got[64];
static unsigned got_count;

static unsigned register_of(mmio_t registers, uint32_t offset, unsigned width)
{
    assert_ptr_equal(registers, &window);
    assert_int_equal(width, model.width);
    assert_int_equal(offset % (1u << model.shift), 0);
    assert_true(offset >> model.shift < 8);
    return offset >> model.shift;
}

uint32_t mmio_model_read(mmio_t registers, uint32_t offset, unsigned width)
{
    switch (register_of(registers, offset, width)) {
    case UART_RBR:
        assert_true(*model.input);
        return (uint8_t)*model.input++;
    case UART_LSR:
        return (*model.input ? UART_LSR_DATA_READY : 0u) | (model.stuck ? 0u : UART_LSR_THR_EMPTY);
    default:
        return model.reg[offset >> model.shift];
    }
}

void mmio_model_write(mmio_t registers, uint32_t offset, unsigned width, uint32_t value)
{
    unsigned reg = register_of(registers, offset, width);

    assert_true(reg != UART_LSR && reg != 3); /* the line's speed and format are the boot stage's */
    if (reg == UART_THR) {
        assert_false(model.stuck);
        model.line[model.sent++] = (char)value;
    } else {
        model.reg[reg] = (uint8_t)value;
    }
}

static void open_line(unsigned shift, unsigned width)
{
    memset(&model, 0, sizeof(model));
    model.shift = shift;
    model.width = width;
    model.input = "";
    got_count = 0;
    now = 0;
    uart_16550_init(&uart, &window, shift, width);
}

static void received(struct uart *from, uint8_t byte)
{
    assert_ptr_equal(from, &uart);
    got[got_count++] = (char)byte;
}

static void test_both_layouts(void **state)
{
    static const struct {
        unsigned shift, width;
    } layouts[] = { { 0, 1 }, { 2, 4 } };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        open_line(layouts[i].shift, layouts[i].width);
        assert_int_equal(model.reg[UART_IER], 0);
        for (const char *at = "hello\xff"; *at; at++)
            assert_true(uart_put(&uart, (uint8_t)*at));
        assert_memory_equal(model.line, "hello\xff", 6);
        assert_int_equal(model.sent, 6);

        uart_listen(&uart, received);
        assert_int_equal(model.reg[UART_IER], UART_IER_RECEIVED);
        model.input = "input \x80\xff";
        uart_interrupt(&uart);
        assert_int_equal(got_count, 8);
        assert_memory_equal(got, "input \x80\xff", 8);
    }
}

/* One byte waits out the line's patience, those behind it do not; it is used again when it moves. */
static void test_a_stuck_line_costs_its_patience_once(void **state)
{
    (void)state;
    open_line(2, 4);
    model.stuck = true;
    for (unsigned i = 0; i < 1000; i++)
        assert_false(uart_put(&uart, 'x'));
    assert_true(now >= UART_PATIENCE_US && now < 2 * UART_PATIENCE_US);
    assert_int_equal(uart.lost, 1000);
    model.stuck = false;
    assert_true(uart_put(&uart, 'y'));
    assert_int_equal(model.line[0], 'y');
}

/* A line that never stops sending does not keep the hart. */
static void test_one_interrupt_takes_a_bounded_number(void **state)
{
    static char flood[4 * UART_RECEIVE_MAX];

    (void)state;
    open_line(0, 1);
    memset(flood, 'f', sizeof(flood) - 1);
    model.input = flood;
    uart_interrupt(&uart);
    assert_int_equal(model.input - flood, UART_RECEIVE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_layouts),
        cmocka_unit_test(test_a_stuck_line_costs_its_patience_once),
        cmocka_unit_test(test_one_interrupt_takes_a_bounded_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
