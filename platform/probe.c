/*
 * From device tree to board facts. Each probe_*() fills one part of struct platform and marks it as missing when the
 * tree has nothing usable; only what no board can run without is an error.
 */
#include "platform/probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define FRAME_BYTES    4096ull
#define MEGAPAGE_BYTES 0x200000ull

/* Used pieces of RAM; known boards have 3 to 8. */
#define TAKEN_MAX 24

/* "cpu-intc" binding: the number of the S-mode external interrupt on a hart's own controller is its scause code */
#define HART_INTERRUPT_S_EXTERNAL 9u

/* "RISC-V Platform-Level Interrupt Controller Specification" 1.0.0, section 3 "Memory Map" */
#define PLIC_SOURCES_MAX  1023u
#define PLIC_CONTEXTS_MAX 15872u

#define SPI_HZ_UNKNOWN 10000000u /* of the part: slower than any SPI NOR */
#define CRYSTAL_HZ     24000000u /* of every board of the sun6i family */

/* ---- Harts ---- */

/* Whether an ISA string like rv64imafdc_zicsr_sstc, or a list of such, names a multi-letter extension. */
static bool isa_has(const char *isa, uint32_t bytes, const char *extension)
{
    size_t length = strlen(extension);

    for (uint32_t at = 0; at + length <= bytes; at++) {
        bool starts = at == 0 || isa[at - 1] == '_' || isa[at - 1] == '\0';
        bool ends = at + length == bytes || isa[at + length] == '_' || isa[at + length] == '\0';

        if (starts && ends && memcmp(isa + at, extension, length) == 0)
            return true;
    }
    return false;
}

/* Whether the single letters behind rv64 have this one; `d` includes `f`. */
static bool isa_has_letter(const char *isa, char letter)
{
    if (strncmp(isa, "rv64", 4) != 0)
        return false;
    for (isa += 4; *isa && *isa != '_'; isa++) {
        if (*isa == letter || (*isa == 'g' && letter == 'd'))
            return true;
    }
    return false;
}

static void probe_isa(struct platform *platform, const struct fdt *fdt, const struct fdt_node *cpu)
{
    const char *isa = fdt_string(fdt, cpu, "riscv,isa");
    uint32_t bytes;
    const char *list = fdt_property(fdt, cpu, "riscv,isa-extensions", &bytes);
    const char *compatible = fdt_string(fdt, cpu, "compatible");

    platform->cpu_compatible = compatible ? compatible : "";
    if (list) {
        platform->has_float = isa_has(list, bytes, "d");
    } else if (isa) {
        platform->has_float = isa_has_letter(isa, 'd');
        list = isa;
        bytes = (uint32_t)strlen(isa);
    } else {
        return;
    }
    platform->has_sstc = isa_has(list, bytes, "sstc");
    platform->has_zkr = isa_has(list, bytes, "zkr");
}

/* Also finds the boot hart's own interrupt controller, which the PLIC refers to. */
static bool probe_harts(struct platform *platform, const struct fdt *fdt, uint32_t *hart_controller)
{
    struct fdt_node cpus, cpu;
    bool found = false;

    if (!fdt_find(fdt, "/cpus", &cpus))
        return false;
    platform->timebase_hz = fdt_cell(fdt, &cpus, "timebase-frequency", 0, 0);
    for (cpu = cpus; fdt_next_child(fdt, &cpus, &cpu);) {
        struct fdt_node controller = cpu;
        struct fdt_range id;

        if (!fdt_reg_local(fdt, &cpu, 0, &id) || !fdt_enabled(fdt, &cpu))
            continue;
        platform->harts += fdt_property(fdt, &cpu, "mmu-type", NULL) != NULL;
        if (id.start != platform->boot_hart)
            continue;
        found = true;
        probe_isa(platform, fdt, &cpu);
        if (fdt_next_child(fdt, &cpu, &controller))
            *hart_controller = fdt_cell(fdt, &controller, "phandle", 0, 0);
    }
    return found && platform->timebase_hz != 0;
}

/* ---- RAM ---- */

struct taken {
    unsigned count;
    bool overflow;
    struct fdt_range range[TAKEN_MAX];
};

static void taken_add(struct taken *taken, struct fdt_range range)
{
    if (range.bytes == 0)
        return;
    if (taken->count == TAKEN_MAX)
        taken->overflow = true;
    else
        taken->range[taken->count++] = range;
}

static uint64_t range_end(struct fdt_range range)
{
    return range.start + range.bytes;
}

static void probe_ram(struct platform *platform, const struct fdt *fdt)
{
    struct fdt_node node = FDT_BEGIN;

    while (fdt_next(fdt, &node)) {
        const char *type = fdt_string(fdt, &node, "device_type");
        struct fdt_range range;

        if (node.depth != 1 || !type || strcmp(type, "memory") != 0 || !fdt_enabled(fdt, &node))
            continue;
        for (uint32_t i = 0; platform->ram_ranges < PLATFORM_RAM_RANGES && fdt_reg(fdt, &node, i, &range); i++) {
            if (range.bytes)
                platform->ram[platform->ram_ranges++] = range;
        }
    }
}

static void probe_chosen(struct platform *platform, const struct fdt *fdt)
{
    struct fdt_node chosen;
    const char *bootargs;
    const void *seed;
    uint64_t start, end;

    platform->bootargs = "";
    if (!fdt_find(fdt, "/chosen", &chosen))
        return;
    bootargs = fdt_string(fdt, &chosen, "bootargs");
    if (bootargs)
        platform->bootargs = bootargs;
    seed = fdt_property(fdt, &chosen, "rng-seed", &platform->seed_bytes);
    if (!seed)
        seed = fdt_property(fdt, &chosen, "kaslr-seed", &platform->seed_bytes);
    if (!seed)
        platform->seed_bytes = 0;
    else if (platform->seed_bytes > PLATFORM_SEED_BYTES_MAX)
        platform->seed_bytes = PLATFORM_SEED_BYTES_MAX;
    if (seed)
        memcpy(platform->seed, seed, platform->seed_bytes);
    if (fdt_number(fdt, &chosen, "linux,initrd-start", &start) && fdt_number(fdt, &chosen, "linux,initrd-end", &end) &&
        start < end)
        platform->initrd = (struct fdt_range){ start, end - start };
}

/*
 * Whatever is not ours: reservations of both kinds, the initrd, the image. RAM below the image belongs to the
 * machine-mode firmware, whose older versions do not say how much of it they use.
 */
static void taken_collect(struct taken *taken, const struct platform *platform, const struct fdt *fdt)
{
    struct fdt_node reserved, child;
    struct fdt_range range;

    taken_add(taken, platform->image);
    taken_add(taken, platform->initrd);
    for (unsigned i = 0; i < platform->ram_ranges; i++) {
        struct fdt_range ram = platform->ram[i];

        if (ram.start < platform->image.start && platform->image.start < range_end(ram))
            taken_add(taken, (struct fdt_range){ ram.start, platform->image.start - ram.start });
    }
    for (uint32_t i = 0; fdt_reservation(fdt, i, &range); i++)
        taken_add(taken, range);
    if (!fdt_find(fdt, "/reserved-memory", &reserved))
        return;
    for (child = reserved; fdt_next_child(fdt, &reserved, &child);) {
        for (uint32_t i = 0; fdt_reg_local(fdt, &child, i, &range); i++)
            taken_add(taken, range);
    }
}

/* The free range that begins at `start` inside `ram`; empty when `start` is taken. */
static struct fdt_range free_from(const struct taken *taken, struct fdt_range ram, uint64_t start)
{
    uint64_t end = range_end(ram);

    for (unsigned i = 0; i < taken->count; i++) {
        struct fdt_range range = taken->range[i];

        if (range.start <= start && start < range_end(range))
            end = start;
        else if (range.start > start && range.start < end)
            end = range.start;
    }
    start = (start + FRAME_BYTES - 1) & ~(FRAME_BYTES - 1);
    end &= ~(FRAME_BYTES - 1);
    return (struct fdt_range){ start, start != 0 && end > start ? end - start : 0 };
}

static void keep_larger(struct fdt_range *best, struct fdt_range candidate)
{
    if (candidate.bytes > best->bytes)
        *best = candidate;
}

/* A free range begins where RAM begins or where something taken ends. */
static struct fdt_range largest_free(const struct taken *taken, const struct platform *platform)
{
    struct fdt_range best = { 0 };

    for (unsigned i = 0; i < platform->ram_ranges; i++) {
        struct fdt_range ram = platform->ram[i];

        keep_larger(&best, free_from(taken, ram, ram.start));
        for (unsigned j = 0; j < taken->count; j++) {
            uint64_t end = range_end(taken->range[j]);

            if (end > ram.start && end < range_end(ram))
                keep_larger(&best, free_from(taken, ram, end));
        }
    }
    return best;
}

/*
 * The pool, cut to frames=N. Where RAM is ample it begins at a megapage, so that its direct map needs few TLB entries.
 */
static bool probe_pool(struct platform *platform, const struct fdt *fdt)
{
    struct taken taken = { 0 };
    struct fdt_range pool;
    uint64_t aligned, wanted;

    taken_collect(&taken, platform, fdt);
    if (taken.overflow)
        return false;
    pool = largest_free(&taken, platform);
    wanted = platform_argument_number(platform, "frames", 0);
    platform->pool_frames_wanted = wanted;
    aligned = (pool.start + MEGAPAGE_BYTES - 1) & ~(MEGAPAGE_BYTES - 1);
    if (wanted && wanted < pool.bytes / FRAME_BYTES) {
        if (aligned - pool.start <= pool.bytes && wanted <= (pool.bytes - (aligned - pool.start)) / FRAME_BYTES)
            pool.start = aligned;
        pool.bytes = wanted * FRAME_BYTES;
    }
    platform->pool = pool;
    return pool.bytes != 0;
}

/* ---- Devices ---- */

/* The PLIC's number of a node's first interrupt, or 0. The interrupt parent may be named by any ancestor. */
static uint32_t interrupt_of(const struct fdt *fdt, const struct fdt_node *node, uint32_t controller)
{
    uint32_t parent = 0;

    if (controller == 0)
        return 0;
    if (fdt_cell(fdt, node, "interrupts-extended", 0, 0) == controller)
        return fdt_cell(fdt, node, "interrupts-extended", 1, 0);
    for (struct fdt_node above = *node; above.depth >= 0 && parent == 0; above.depth--)
        parent = fdt_cell(fdt, &above, "interrupt-parent", 0, 0);
    return parent == controller ? fdt_cell(fdt, node, "interrupts", 0, 0) : 0;
}

/*
 * Finds the S-mode context: the index of the entry <hart's controller, 9> in the list of all contexts. Returns the PLIC's
 * phandle, 0: none.
 */
static uint32_t probe_plic(struct platform *platform, const struct fdt *fdt, uint32_t hart_controller)
{
    static const char *const compatible[] = { "sifive,plic-1.0.0", "riscv,plic0", "thead,c900-plic" };
    struct fdt_node node;
    struct platform_plic plic = { 0 };
    bool found = false;

    for (unsigned i = 0; i < sizeof(compatible) / sizeof(compatible[0]) && !found; i++) {
        node = FDT_BEGIN;
        found = fdt_next_compatible(fdt, compatible[i], &node);
    }
    if (!found || hart_controller == 0 || !fdt_reg(fdt, &node, 0, &plic.registers))
        return 0;
    plic.sources = fdt_cell(fdt, &node, "riscv,ndev", 0, 0);
    if (plic.sources > PLIC_SOURCES_MAX)
        plic.sources = PLIC_SOURCES_MAX;
    for (uint32_t i = 0; i < PLIC_CONTEXTS_MAX; i++) {
        uint32_t phandle = fdt_cell(fdt, &node, "interrupts-extended", 2 * i, 0);

        if (phandle == 0)
            break;
        if (phandle == hart_controller &&
            fdt_cell(fdt, &node, "interrupts-extended", 2 * i + 1, 0) == HART_INTERRUPT_S_EXTERNAL) {
            plic.context = i;
            platform->plic = plic;
            return fdt_cell(fdt, &node, "phandle", 0, 0);
        }
    }
    return 0;
}

static enum platform_uart_kind uart_kind(const struct fdt *fdt, const struct fdt_node *node)
{
    if (fdt_compatible(fdt, node, "ns16550a") || fdt_compatible(fdt, node, "ns16550") ||
        fdt_compatible(fdt, node, "snps,dw-apb-uart"))
        return PLATFORM_UART_16550;
    return fdt_compatible(fdt, node, "sifive,uart0") ? PLATFORM_UART_SIFIVE : PLATFORM_UART_SBI;
}

/* Takes a node as our line, if there is a driver for it and it can be reached. */
static bool uart_take(struct platform *platform, const struct fdt *fdt, const struct fdt_node *node, uint32_t plic)
{
    struct platform_uart uart = {
        .kind = uart_kind(fdt, node),
        .interrupt = interrupt_of(fdt, node, plic),
        .reg_shift = (uint8_t)fdt_cell(fdt, node, "reg-shift", 0, 0),
        .reg_io_width = (uint8_t)fdt_cell(fdt, node, "reg-io-width", 0, 1),
    };

    if (uart.kind == PLATFORM_UART_SBI || !fdt_enabled(fdt, node) || !fdt_reg(fdt, node, 0, &uart.registers) ||
        uart.reg_shift > 2 || (uart.reg_io_width != 1 && uart.reg_io_width != 4))
        return false;
    if (uart.interrupt > platform->plic.sources)
        uart.interrupt = 0;
    platform->uart = uart;
    return true;
}

/* The line that /chosen/stdout-path names, or else the first one that can be used. */
static void probe_uart(struct platform *platform, const struct fdt *fdt, uint32_t plic)
{
    struct fdt_node node;
    const char *path = fdt_find(fdt, "/chosen", &node) ? fdt_string(fdt, &node, "stdout-path") : NULL;

    if (path && fdt_find_alias(fdt, path, &node) && uart_take(platform, fdt, &node, plic))
        return;
    node = FDT_BEGIN;
    while (fdt_next(fdt, &node) && !uart_take(platform, fdt, &node, plic))
        ;
}

/* The partition labelled "vellum" below a flash node, if any: a child, or in the `partitions` node. */
static struct fdt_range marked_partition(const struct fdt *fdt, const struct fdt_node *flash)
{
    struct fdt_range range = { 0 };

    for (struct fdt_node node = *flash; fdt_next(fdt, &node) && node.depth > flash->depth;) {
        const char *label = fdt_string(fdt, &node, "label");

        if (label && strcmp(label, "vellum") == 0 && fdt_reg_local(fdt, &node, 0, &range))
            return range;
    }
    return (struct fdt_range){ 0 };
}

/* Of two banks the second is ours: the first may be what the board boots from. */
static bool probe_cfi(struct platform_flash *flash, const struct fdt *fdt)
{
    struct fdt_node node = FDT_BEGIN;

    if (!fdt_next_compatible(fdt, "cfi-flash", &node))
        return false;
    flash->kind = PLATFORM_FLASH_CFI;
    flash->bank_width = fdt_cell(fdt, &node, "bank-width", 0, 1);
    flash->marked = marked_partition(fdt, &node);
    flash->bank = fdt_reg(fdt, &node, 1, &flash->registers) ? 1 : 0;
    return flash->bank || fdt_reg(fdt, &node, 0, &flash->registers);
}

/*
 * A tree names the clock unit of a controller, and the crystal as the first of that unit's own clocks; not the rate that
 * the boot stages have set up. clock_hz 0: the crystal's is not said.
 */
static bool probe_clock_unit(struct platform_flash *flash, const struct fdt *fdt, const struct fdt_node *controller)
{
    struct fdt_node unit, crystal;

    if (!fdt_find_phandle(fdt, fdt_cell(fdt, controller, "clocks", 0, 0), &unit) ||
        !fdt_reg(fdt, &unit, 0, &flash->clock_unit))
        return false;
    flash->clock_hz = 0;
    if (fdt_find_phandle(fdt, fdt_cell(fdt, &unit, "clocks", 0, 0), &crystal))
        flash->clock_hz = fdt_cell(fdt, &crystal, "clock-frequency", 0, 0);
    if (fdt_compatible(fdt, &unit, "sifive,fu540-c000-prci"))
        flash->clock = PLATFORM_CLOCK_FU540;
    else if (fdt_compatible(fdt, &unit, "sifive,fu740-c000-prci"))
        flash->clock = PLATFORM_CLOCK_FU740;
    return true;
}

/* The clock unit of a known chip; else the rate, of the controller or of the clock that it names. */
static void probe_sifive_clock(struct platform_flash *flash, const struct fdt *fdt, const struct fdt_node *controller)
{
    struct fdt_node clock;

    if (probe_clock_unit(flash, fdt, controller) && flash->clock_hz && flash->clock != PLATFORM_CLOCK_FIXED)
        return;
    flash->clock = PLATFORM_CLOCK_FIXED;
    flash->clock_hz = fdt_cell(fdt, controller, "clock-frequency", 0, 0);
    if (!flash->clock_hz && fdt_find_phandle(fdt, fdt_cell(fdt, controller, "clocks", 0, 0), &clock))
        flash->clock_hz = fdt_cell(fdt, &clock, "clock-frequency", 0, 0);
    if (!flash->clock_hz)
        flash->clock_hz = PLATFORM_CLOCK_HZ_UNKNOWN;
}

/* Kind, clock and registers of a controller that we have a driver for. */
static bool probe_spi_controller(struct platform_flash *flash, const struct fdt *fdt, const struct fdt_node *controller)
{
    if (!fdt_enabled(fdt, controller) || !fdt_reg(fdt, controller, 0, &flash->registers))
        return false;
    if (fdt_compatible(fdt, controller, "sifive,spi0")) {
        flash->controller = PLATFORM_SPI_SIFIVE;
        probe_sifive_clock(flash, fdt, controller);
        return true;
    }
    flash->controller = PLATFORM_SPI_SUN6I;
    if (!fdt_compatible(fdt, controller, "allwinner,sun50i-r329-spi") || !probe_clock_unit(flash, fdt, controller))
        return false;
    if (!flash->clock_hz)
        flash->clock_hz = CRYSTAL_HZ;
    return true;
}

static bool probe_spi(struct platform_flash *flash, const struct fdt *fdt)
{
    struct fdt_node node = FDT_BEGIN;

    while (fdt_next_compatible(fdt, "jedec,spi-nor", &node)) {
        struct fdt_node controller = fdt_parent(&node);

        if (controller.depth < 0 || !probe_spi_controller(flash, fdt, &controller))
            continue;
        flash->kind = PLATFORM_FLASH_SPI;
        flash->chip_select = fdt_cell(fdt, &node, "reg", 0, 0);
        flash->max_hz = fdt_cell(fdt, &node, "spi-max-frequency", 0, SPI_HZ_UNKNOWN);
        flash->lanes = fdt_cell(fdt, &node, "spi-rx-bus-width", 0, 1);
        flash->marked = marked_partition(fdt, &node);
        return true;
    }
    return false;
}

static void probe_flash(struct platform *platform, const struct fdt *fdt)
{
    struct platform_flash spi = { 0 }, cfi = { 0 };

    if (probe_spi(&spi, fdt))
        platform->flash = spi;
    else if (probe_cfi(&cfi, fdt))
        platform->flash = cfi;
}

int platform_probe(struct platform *platform, const struct fdt *fdt, uint32_t boot_hart, struct fdt_range image)
{
    struct fdt_node root = FDT_BEGIN;
    const char *model, *compatible;
    uint32_t hart_controller = 0;
    uint32_t plic;

    if (!fdt_next(fdt, &root))
        return -EINVAL;
    compatible = fdt_string(fdt, &root, "compatible");
    model = fdt_string(fdt, &root, "model");
    *platform = (struct platform){
        .compatible = compatible ? compatible : "",
        .model = model ? model : "unknown board",
        .cpu_compatible = "",
        .boot_hart = boot_hart,
        .image = image,
    };
    probe_chosen(platform, fdt);
    probe_ram(platform, fdt);
    if (!probe_harts(platform, fdt, &hart_controller) || platform->ram_ranges == 0)
        return -EINVAL;
    plic = probe_plic(platform, fdt, hart_controller);
    probe_uart(platform, fdt, plic);
    probe_flash(platform, fdt);
    return probe_pool(platform, fdt) ? 0 : -ENOMEM;
}
