/*
 * The facts of the board, read out of its device tree: plain numbers for the code that has drivers to start and RAM to
 * map. Strings point into the device tree's copy, which stays where it is.
 *
 * Nothing here touches a device: the same code runs on the host over any tree (tests/host/test_fdt.c).
 */
#ifndef PLATFORM_PROBE_H
#define PLATFORM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/fdt.h"

#define PLATFORM_RAM_RANGES     8
#define PLATFORM_SEED_BYTES_MAX 64

/* An input clock as fast as any of a known board: taken too fast, a clock only comes out slower. */
#define PLATFORM_CLOCK_HZ_UNKNOWN 500000000u

enum platform_uart_kind { PLATFORM_UART_SBI, PLATFORM_UART_16550, PLATFORM_UART_SIFIVE };

struct platform_uart {
    enum platform_uart_kind kind; /* SBI: no line that we have a driver for */
    struct fdt_range registers;
    uint32_t interrupt; /* source of the PLIC; 0: none, the line has to be polled */
    uint8_t reg_shift, reg_io_width;
};

struct platform_plic {
    struct fdt_range registers; /* bytes == 0: no controller */
    uint32_t sources;
    uint32_t context; /* S-mode of the boot hart */
};

enum platform_spi_kind { PLATFORM_SPI_SIFIVE, PLATFORM_SPI_SUN6I };
enum platform_clock_kind { PLATFORM_CLOCK_FIXED, PLATFORM_CLOCK_FU540, PLATFORM_CLOCK_FU740 };
enum platform_flash_kind { PLATFORM_FLASH_NONE, PLATFORM_FLASH_CFI, PLATFORM_FLASH_SPI };

struct platform_flash {
    enum platform_flash_kind kind;
    struct fdt_range registers; /* CFI: the bank itself; SPI: the controller's registers */
    uint32_t bank;              /* CFI: which `reg` entry; the first bank may be what the board boots from */
    uint32_t bank_width;        /* CFI: bytes on the bus */
    enum platform_spi_kind controller;
    enum platform_clock_kind
        clock;                   /* SPI_SIFIVE: where the input clock of the controller is to be read; FIXED: nowhere */
    struct fdt_range clock_unit; /* SPI: the registers that it is set in */
    uint32_t clock_hz;    /* SPI: the input clock, or an upper bound of it; where there is a clock unit: its crystal */
    uint32_t max_hz;      /* SPI: what part and board stand */
    uint32_t chip_select; /* SPI */
    uint32_t lanes;       /* SPI: 1, 2 or 4 wired for reading */
    struct fdt_range marked; /* the fixed partition labelled "vellum"; bytes == 0: none */
};

struct platform {
    const char *model;      /* for people; never NULL */
    const char *compatible; /* the first string of the root's; never NULL */
    const char *bootargs;   /* never NULL */
    uint32_t boot_hart;
    uint32_t harts; /* enabled ones with an MMU */
    uint32_t timebase_hz;
    bool has_sstc;              /* the boot hart's ISA string lists it */
    bool has_zkr;               /* ... */
    bool has_float;             /* F and D */
    const char *cpu_compatible; /* the first string of the boot hart's; never NULL */

    unsigned ram_ranges;
    struct fdt_range ram[PLATFORM_RAM_RANGES];
    struct fdt_range image;      /* where the firmware lies */
    struct fdt_range initrd;     /* bytes == 0: none */
    struct fdt_range pool;       /* whole frames: all that the firmware may use besides its image */
    uint64_t pool_frames_wanted; /* frames=N, or 0; the pool is smaller when RAM is */

    struct platform_uart uart;
    struct platform_plic plic;
    struct platform_flash flash;

    uint8_t seed[PLATFORM_SEED_BYTES_MAX]; /* /chosen/rng-seed or kaslr-seed */
    uint32_t seed_bytes;                   /* 0: the board gives none */
};

/*
 * Fills `platform`. `image`: the physical range of the firmware, with its .bss.
 * -EINVAL: no node for the boot hart, no timebase or no RAM. -ENOMEM: no frame is free.
 * Whatever else is missing is marked as missing.
 */
int platform_probe(struct platform *platform, const struct fdt *fdt, uint32_t boot_hart, struct fdt_range image)
    __attribute__((warn_unused_result));

/*
 * Boot arguments: words `key=value` separated by spaces; everything after the first word `--` is the command line of
 * the first programs.
 */
/* The value of the last `key=` word, `*bytes` long and not terminated; NULL when there is none. */
const char *platform_argument(const struct platform *platform, const char *key, uint32_t *bytes);

/* The same as a number, decimal or 0x hexadecimal; `otherwise` when there is none or it is not a number. */
uint64_t platform_argument_number(const struct platform *platform, const char *key, uint64_t otherwise);

/* Whether the value of `key=` is exactly this word. */
bool platform_argument_is(const struct platform *platform, const char *key, const char *word);

/* The text after ` -- `, or an empty string. */
const char *platform_command(const struct platform *platform);

#endif
