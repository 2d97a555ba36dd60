/* The input clock of the SPI controllers from the registers of the clock unit, as the known boot stages leave them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hal/prci_sifive.h"

#define LOCK   (1u << 31)
#define FSE    (1u << 25)
#define BYPASS (1u << 24)

static uint32_t registers[0x100 / 4];

static uint32_t pll(uint32_t divr, uint32_t divf, uint32_t divq)
{
    return LOCK | FSE | divq << 15 | divf << 6 | divr;
}

static int clear(void **state)
{
    (void)state;
    memset(registers, 0, sizeof(registers));
    return 0;
}

/* SiFive's first stage and U-Boot: 33.333 MHz * 2 * 60 / 4 is a core of 1 GHz, and TLCLK half of it. */
static void test_fu540_as_u_boot_leaves_it(void **state)
{
    (void)state;
    registers[0x04 / 4] = pll(0, 59, 2);
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 499999995);
    registers[0x2c / 4] = 2; /* CLKMUXSTATUSREG: TLCLK is not divided */
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 999999990);
}

static void test_fu540_after_reset(void **state)
{
    (void)state;
    registers[0x04 / 4] = pll(0, 59, 2);
    registers[0x24 / 4] = 1; /* CORECLKSEL: the crystal */
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 16666666);
}

/* 26 MHz * 2 * 40 / 8 is 260 MHz, and PCLK half of it; or 500.5 MHz and a quarter. */
static void test_fu740(void **state)
{
    (void)state;
    registers[0x50 / 4] = pll(0, 39, 3);
    assert_int_equal(prci_sifive_spi_hz(registers, 26000000, true), 130000000);
    registers[0x50 / 4] = pll(0, 76, 3);
    registers[0x5c / 4] = 2; /* HFPCLKPLLDIV */
    assert_int_equal(prci_sifive_spi_hz(registers, 26000000, true), 125125000);
    registers[0x58 / 4] = 1; /* HFPCLKPLLSEL: the crystal */
    assert_int_equal(prci_sifive_spi_hz(registers, 26000000, true), 6500000);
}

static void test_a_pll_out_of_its_ways(void **state)
{
    (void)state;
    registers[0x04 / 4] = pll(3, 59, 2) | BYPASS;
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 16666666);
    registers[0x04 / 4] = pll(1, 59, 2) & ~FSE;
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 124999998);
    registers[0x04 / 4] = pll(0, 59, 2) & ~LOCK;
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 0);
}

/* A bus that answers nothing but ones, or nonsense: some number, without dividing by zero. */
static void test_nonsense(void **state)
{
    (void)state;
    memset(registers, 0xff, sizeof(registers));
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, true), 0);
    registers[0x24 / 4] = 0;
    registers[0x04 / 4] = pll(0, 511, 0);
    assert_int_equal(prci_sifive_spi_hz(registers, 33333333, false), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fu540_as_u_boot_leaves_it, clear),
        cmocka_unit_test_setup(test_fu540_after_reset, clear),
        cmocka_unit_test_setup(test_fu740, clear),
        cmocka_unit_test_setup(test_a_pll_out_of_its_ways, clear),
        cmocka_unit_test_setup(test_nonsense, clear),
    };

    return cmocka_run_group_tests_name("PRCI", tests, NULL, NULL);
}
