#include "tests/host/spi_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct nor_spi chip;
struct spi_nor driver;
uint8_t pattern[BLOCK];

void part_new(uint32_t id)
{
    uint32_t size = (id & 0x0f) == 9 ? 32 * MIB : 16 * MIB;
    struct nor_config config = nor_config_is25wp256((id >> 16) ? size : MIB);

    if (id >> 16 == 0xef) /* Winbond */
        config.suspend_us = config.resume_gap_us = 20;
    rig_part(&config);
    nor_spi_open(&chip, nor, id);
}

int probe_over(struct spi *spi, uint32_t erase_bytes)
{
    const struct spi_nor_setup with = {
        .spi = spi, .now_us = rig_clock_us, .hz = 50000000, .erase_bytes = erase_bytes
    };
    int error = spi_nor_init(&driver, &with);

    if (!error)
        assert_int_equal(flash_open_window(&driver.flash, 0, driver.flash.geometry.size_bytes), 0);
    return error;
}

int probe_with(uint32_t erase_bytes)
{
    return probe_over(&chip.spi, erase_bytes);
}

int probe(void)
{
    return probe_with(BLOCK);
}

int setup(void **state)
{
    (void)state;
    part_new(IS25WP128);
    return 0;
}

int setup_probed(void **state)
{
    setup(state);
    return probe();
}

int program(uint32_t address, const void *from, uint32_t bytes)
{
    return rig_program(&driver.flash, address, from, bytes);
}

int erase(uint32_t address)
{
    return rig_erase(&driver.flash, address);
}

void put_pattern(uint32_t address, uint32_t bytes)
{
    rig_pattern(pattern, sizeof(pattern));
    nor_load(nor, address, pattern, bytes);
}

void reads_pattern(uint32_t address, uint32_t bytes)
{
    static uint8_t image[BLOCK];

    assert_int_equal(flash_read(&driver.flash, address, image, bytes), 0);
    assert_memory_equal(image, pattern, bytes);
}
