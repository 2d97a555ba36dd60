/* From facts of the device tree to drivers. */
#include "firmware/board.h"

#include <errno.h>

#include "firmware/console.h"
#include "firmware/inject.h"
#include "firmware/kmap.h"
#include "firmware/linux/tty.h"
#include "firmware/log.h"
#include "firmware/trap.h"
#include "hal/cfi_nor.h"
#include "hal/plic.h"
#include "hal/prci_sifive.h"
#include "hal/spi_nor.h"
#include "hal/spi_sifive.h"
#include "hal/spi_sun6i.h"
#include "hal/timer.h"
#include "hal/uart.h"

#define NS_PER_US       1000u
#define SPI_ERASE_BYTES 65536u

static struct uart uart;
static struct plic plic;

static union {
    struct {
        struct cfi_bus bus;
        struct cfi_nor nor;
    } cfi;
    struct {
        union {
            struct spi_sifive sifive;
            struct spi_sun6i sun6i;
        } controller;
        struct spi_nor nor;
    } spi;
} flash;

static uint64_t now_us(void)
{
    return timer_ns_from_ticks(timer_now()) / NS_PER_US;
}

void board_init_console(const struct platform *platform)
{
    const struct platform_uart *facts = &platform->uart;
    void *registers = facts->kind == PLATFORM_UART_SBI ? NULL
                                                       : kmap_device(facts->registers.start, facts->registers.bytes);

    if (!registers)
        uart_sbi_init(&uart);
    else if (facts->kind == PLATFORM_UART_16550)
        uart_16550_init(&uart, registers, facts->reg_shift, facts->reg_io_width);
    else
        uart_sifive_init(&uart, registers);
    console_init(&uart, platform_argument_is(platform, "console", "framed")    ? CONSOLE_FRAMED
                        : platform_argument_is(platform, "console", "checked") ? CONSOLE_CHECKED
                                                                               : CONSOLE_PLAIN);
    tty_set_size((uint16_t)platform_argument_number(platform, "rows", TTY_ROWS),
                 (uint16_t)platform_argument_number(platform, "columns", TTY_COLUMNS));
}

void board_init_interrupts(const struct platform *platform)
{
    const struct platform_plic *facts = &platform->plic;
    void *registers = facts->registers.bytes ? kmap_device(facts->registers.start, plic_window_bytes(facts->context))
                                             : NULL;

    if (registers) {
        plic_init(&plic, registers, facts->sources, facts->context);
        trap_set_plic(&plic);
    }
    console_listen(registers && uart.registers ? platform->uart.interrupt : 0);
}

static int init_cfi(const struct platform_flash *facts)
{
    volatile uint32_t *bank = kmap_device(facts->registers.start, facts->registers.bytes);

    if (!bank || facts->bank_width != sizeof(*bank))
        return -ENODEV;
    cfi_bus_mmio(&flash.cfi.bus, bank);
    inject_cfi(&flash.cfi.bus);
    return cfi_nor_init(&flash.cfi.nor, &flash.cfi.bus, now_us);
}

static uint32_t sifive_clock_hz(const struct platform_flash *facts)
{
    const volatile uint32_t *unit;
    uint32_t hz;

    if (facts->clock == PLATFORM_CLOCK_FIXED)
        return facts->clock_hz;
    unit = kmap_device(facts->clock_unit.start, facts->clock_unit.bytes);
    hz = unit ? prci_sifive_spi_hz(unit, facts->clock_hz, facts->clock == PLATFORM_CLOCK_FU740) : 0;
    return hz ? hz : PLATFORM_CLOCK_HZ_UNKNOWN;
}

/* NULL: it does not answer. */
static struct spi *init_spi_controller(const struct platform_flash *facts)
{
    void *registers = kmap_device(facts->registers.start, facts->registers.bytes);
    void *clock_unit;

    if (!registers)
        return NULL;
    if (facts->controller == PLATFORM_SPI_SIFIVE) {
        spi_sifive_init(&flash.spi.controller.sifive, registers, sifive_clock_hz(facts));
        return &flash.spi.controller.sifive.spi;
    }
    clock_unit = kmap_device(facts->clock_unit.start, facts->clock_unit.bytes);
    if (!clock_unit || spi_sun6i_init(&flash.spi.controller.sun6i, registers, clock_unit, facts->clock_hz))
        return NULL;
    return &flash.spi.controller.sun6i.spi;
}

static int init_spi(const struct platform_flash *facts)
{
    struct spi_nor_setup setup = {
        .spi = facts->chip_select == 0 ? init_spi_controller(facts) : NULL,
        .now_us = now_us,
        .hz = facts->max_hz,
        .erase_bytes = SPI_ERASE_BYTES,
    };

    if (!setup.spi)
        return -ENODEV;
    inject_spi(setup.spi);
    int error = spi_nor_init(&flash.spi.nor, &setup);

    if (error)
        return error;
    if (facts->lanes == 4)
        (void)spi_nor_try_quad(&flash.spi.nor);
    log_line("flash: part 0x%x at %u kHz, read by %u lanes", flash.spi.nor.id, flash.spi.nor.hz / 1000,
             flash.spi.nor.read_lanes);
    return 0;
}

struct flash *board_init_flash(const struct platform *platform)
{
    const struct platform_flash *facts = &platform->flash;
    int error;

    if (facts->kind == PLATFORM_FLASH_NONE) {
        log_line("flash: this board has none that we know");
        return NULL;
    }
    error = facts->kind == PLATFORM_FLASH_CFI ? init_cfi(facts) : init_spi(facts);
    if (error) {
        log_line("flash: none that answers (error %d)", -error);
        return NULL;
    }
    struct flash *found = facts->kind == PLATFORM_FLASH_CFI ? &flash.cfi.nor.flash : &flash.spi.nor.flash;

    inject_flash(found);
    return found;
}

bool board_flash_is_protected(const struct platform *platform, uint32_t start, uint32_t bytes)
{
    return platform->flash.kind == PLATFORM_FLASH_SPI && spi_nor_writable(&flash.spi.nor, start, bytes) != 0;
}
