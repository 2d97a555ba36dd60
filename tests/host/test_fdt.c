/*
 * The device-tree reader and the board facts: on trees made by dtc, on QEMU's own, and on broken ones. A broken tree may
 * give any facts that make sense in themselves, and must never be read outside its bytes (the address sanitizer looks).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/fdt.h"
#include "platform/probe.h"

#define BLOB_MAX             (2u << 20)
#define IMAGE                ((struct fdt_range){ 0x80200000, 0x40000 })
#define SEED                 0x5eed0fd7u
#define CORRUPTIONS_PER_TREE 25000u

struct blob {
    uint8_t *data;
    uint32_t bytes;
};

/* A copy in its own allocation of exactly this size, so that a read past its end is seen. */
static struct blob blob_copy(const uint8_t *data, uint32_t bytes)
{
    struct blob blob = { malloc(bytes ? bytes : 1), bytes };

    assert_non_null(blob.data);
    memcpy(blob.data, data, bytes);
    return blob;
}

static uint32_t header_word(const uint8_t *blob, unsigned index)
{
    const uint8_t *word = blob + 4 * index;

    return (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
}

/* Without the room that some producers leave behind the last block. */
static uint32_t used_bytes(const uint8_t *blob)
{
    uint32_t structure = header_word(blob, 2) + header_word(blob, 9);
    uint32_t strings = header_word(blob, 3) + header_word(blob, 8);

    return structure > strings ? structure : strings;
}

static struct blob blob_from(FILE *file)
{
    static uint8_t buffer[BLOB_MAX];
    size_t bytes = fread(buffer, 1, sizeof(buffer), file);

    assert_true(bytes >= 40);
    return blob_copy(buffer, used_bytes(buffer));
}

static struct blob tree_compile(const char *name)
{
    char command[256];
    FILE *pipe;
    struct blob blob;

    (void)snprintf(command, sizeof(command), "dtc -q -I dts -O dtb tests/host/trees/%s.dts", name);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    blob = blob_from(pipe);
    assert_int_equal(pclose(pipe), 0);
    return blob;
}

static struct blob tree_of_qemu(const char *machine, unsigned harts)
{
    char path[] = "/tmp/vellum-tree-XXXXXX";
    char command[256];
    struct blob blob;
    FILE *file;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    (void)snprintf(command, sizeof(command),
                   "qemu-system-riscv64 -M %s,dumpdtb=%s -smp %u -m 128M -nographic 2>&1 >/dev/null", machine, path,
                   harts);
    assert_int_equal(system(command), 0);
    file = fopen(path, "r"); /* the emulator has put another file in this one's place */
    assert_non_null(file);
    (void)close(fd);
    blob = blob_from(file);
    (void)fclose(file);
    (void)unlink(path);
    return blob;
}

static void probe_tree(const struct blob *blob, uint32_t hart, struct platform *platform)
{
    struct fdt fdt;

    assert_int_equal(fdt_open(&fdt, blob->data, blob->bytes), 0);
    assert_int_equal(platform_probe(platform, &fdt, hart, IMAGE), 0);
}

static void assert_range(struct fdt_range range, uint64_t start, uint64_t bytes)
{
    assert_int_equal(range.start, start);
    assert_int_equal(range.bytes, bytes);
}

/* ---- Facts of known trees ---- */

static void test_qemu_virt(void **state)
{
    struct blob blob = tree_of_qemu("virt", 2);
    struct platform platform;

    (void)state;
    probe_tree(&blob, 1, &platform);
    assert_string_equal(platform.compatible, "riscv-virtio");
    assert_int_equal(platform.harts, 2);
    assert_int_equal(platform.timebase_hz, 10000000);
    assert_true(platform.has_float);
    assert_int_equal(platform.ram_ranges, 1);
    assert_range(platform.ram[0], 0x80000000, 128 << 20);
    assert_range(platform.pool, 0x80240000, 0x88000000 - 0x80240000);
    assert_int_equal(platform.uart.kind, PLATFORM_UART_16550);
    assert_range(platform.uart.registers, 0x10000000, 0x100);
    assert_int_equal(platform.uart.interrupt, 10);
    assert_range(platform.plic.registers, 0xc000000, 0x600000);
    assert_int_equal(platform.plic.context, 3);
    assert_int_equal(platform.flash.kind, PLATFORM_FLASH_CFI);
    assert_range(platform.flash.registers, 0x22000000, 0x2000000);
    assert_int_equal(platform.flash.bank, 1);
    assert_int_equal(platform.flash.bank_width, 4);
    assert_int_equal(platform.seed_bytes, 32);
    assert_string_equal(platform.bootargs, "");
    free(blob.data);
}

static void test_qemu_sifive_u(void **state)
{
    struct blob blob = tree_of_qemu("sifive_u", 5);
    struct platform platform;

    (void)state;
    probe_tree(&blob, 4, &platform);
    assert_string_equal(platform.compatible, "sifive,hifive-unleashed-a00");
    assert_int_equal(platform.harts, 4);
    assert_int_equal(platform.timebase_hz, 1000000);
    assert_false(platform.has_sstc);
    assert_int_equal(platform.uart.kind, PLATFORM_UART_SIFIVE);
    assert_range(platform.uart.registers, 0x10010000, 0x1000);
    assert_int_equal(platform.uart.interrupt, 4);
    assert_int_equal(platform.plic.context, 8);
    assert_int_equal(platform.plic.sources, 53);
    assert_int_equal(platform.flash.kind, PLATFORM_FLASH_SPI);
    assert_range(platform.flash.registers, 0x10040000, 0x1000);
    assert_int_equal(platform.flash.max_hz, 50000000);
    assert_int_equal(platform.flash.clock, PLATFORM_CLOCK_FU540);
    assert_range(platform.flash.clock_unit, 0x10000000, 0x1000);
    assert_int_equal(platform.flash.clock_hz, 33333333);
    assert_int_equal(platform.flash.lanes, 4);
    assert_int_equal(platform.flash.marked.bytes, 0);
    assert_int_equal(platform.seed_bytes, 0);
    /* Hart 0 has no S-mode context. */
    probe_tree(&blob, 0, &platform);
    assert_int_equal(platform.plic.registers.bytes, 0);
    assert_int_equal(platform.uart.interrupt, 0);
    free(blob.data);
}

static void test_unleashed(void **state)
{
    static const uint8_t seed[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct blob blob = tree_compile("unleashed");
    struct platform platform;

    (void)state;
    probe_tree(&blob, 2, &platform);
    assert_string_equal(platform.model, "SiFive HiFive Unleashed A00");
    assert_string_equal(platform.cpu_compatible, "sifive,u54-mc");
    assert_int_equal(platform.harts, 2);
    assert_int_equal(platform.plic.context, 4);
    assert_range(platform.uart.registers, 0x10010000, 0x1000);
    assert_int_equal(platform.uart.interrupt, 4);
    assert_range(platform.flash.marked, 0x600000, 0x1900000);
    assert_int_equal(platform.flash.clock, PLATFORM_CLOCK_FU540);
    assert_int_equal(platform.flash.clock_hz, 33333333);
    assert_range(platform.initrd, 0x84000000, 0x123);
    assert_int_equal(platform.seed_bytes, sizeof(seed));
    assert_memory_equal(platform.seed, seed, sizeof(seed));
    /* The largest gap lies behind the last reservation; it is cut to the last frames= before `--`. */
    assert_int_equal(platform.pool_frames_wanted, 2048);
    assert_range(platform.pool, 0x90800000, 2048 << 12);
    assert_string_equal(platform_command(&platform), "sort --reverse frames=1");
    free(blob.data);
}

/* The same tree with another chip's clock unit, and with one that nobody knows. */
static void test_clock_units(void **state)
{
    static const struct {
        char name[16]; /* in place of fu540-c000-prci */
        enum platform_clock_kind clock;
        uint32_t hz;
    } units[] = {
        { "fu740-c000-prci", PLATFORM_CLOCK_FU740, 33333333 },
        { "fu999-c000-prci", PLATFORM_CLOCK_FIXED, PLATFORM_CLOCK_HZ_UNKNOWN },
    };
    struct platform platform;

    (void)state;
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct blob blob = tree_compile("unleashed");
        uint32_t at = 0;

        while (at < blob.bytes - 15 && memcmp(blob.data + at, "fu540-c000-prci", 15) != 0)
            at++;
        memcpy(blob.data + at, units[i].name, 15);
        probe_tree(&blob, 2, &platform);
        assert_int_equal(platform.flash.clock, units[i].clock);
        assert_int_equal(platform.flash.clock_hz, units[i].hz);
        free(blob.data);
    }
}

static void test_odd(void **state)
{
    struct blob blob = tree_compile("odd");
    struct platform platform;
    struct fdt fdt;

    (void)state;
    assert_int_equal(fdt_open(&fdt, blob.data, blob.bytes), 0);
    assert_int_equal(platform_probe(&platform, &fdt, 0x10, (struct fdt_range){ 0x40200000, 0x31000 }), 0);
    assert_string_equal(platform.model, "unknown board");
    assert_true(platform.has_sstc);
    assert_false(platform.has_float);
    assert_int_equal(platform.ram_ranges, 2);
    assert_range(platform.pool, 0x40231000, 0x41000000 - 0x40231000);
    assert_int_equal(platform.uart.kind, PLATFORM_UART_16550);
    assert_range(platform.uart.registers, 0x2500000, 0x400);
    assert_int_equal(platform.uart.reg_shift, 2);
    assert_int_equal(platform.uart.reg_io_width, 4);
    assert_int_equal(platform.uart.interrupt, 18);
    assert_range(platform.plic.registers, 0x14000000, 0x4000000);
    assert_int_equal(platform.plic.context, 1);
    assert_int_equal(platform.flash.kind, PLATFORM_FLASH_NONE);
    assert_int_equal(platform_probe(&platform, &fdt, 0, IMAGE), -22);
    free(blob.data);
}

static void test_d1s(void **state)
{
    struct blob blob = tree_compile("d1s");
    struct platform platform;
    struct fdt fdt;

    (void)state;
    assert_int_equal(fdt_open(&fdt, blob.data, blob.bytes), 0);
    assert_int_equal(platform_probe(&platform, &fdt, 0, (struct fdt_range){ 0x40200000, 0x31000 }), 0);
    assert_string_equal(platform.cpu_compatible, "thead,c906");
    assert_int_equal(platform.timebase_hz, 24000000);
    assert_range(platform.pool, 0x40231000, 0x44000000 - 0x40231000);
    assert_int_equal(platform.uart.kind, PLATFORM_UART_16550);
    assert_range(platform.uart.registers, 0x2500000, 0x400);
    assert_int_equal(platform.uart.interrupt, 18);
    assert_int_equal(platform.uart.reg_shift, 2);
    assert_int_equal(platform.uart.reg_io_width, 4);
    assert_range(platform.plic.registers, 0x10000000, 0x4000000);
    assert_int_equal(platform.plic.context, 1);
    assert_int_equal(platform.flash.kind, PLATFORM_FLASH_SPI);
    assert_int_equal(platform.flash.controller, PLATFORM_SPI_SUN6I);
    assert_range(platform.flash.registers, 0x4025000, 0x1000);
    assert_range(platform.flash.clock_unit, 0x2001000, 0x1000);
    assert_int_equal(platform.flash.clock_hz, 24000000);
    assert_int_equal(platform.flash.max_hz, 100000000);
    assert_int_equal(platform.flash.lanes, 4);
    assert_range(platform.flash.marked, 0x100000, 0xf00000);
    free(blob.data);
}

/* What the page for new boards starts from has all that is read, but for the driver that is to be written. */
static void test_template(void **state)
{
    struct blob blob = tree_compile("../../../platform/TEMPLATE/board");
    struct platform platform;

    (void)state;
    probe_tree(&blob, 0, &platform);
    assert_string_equal(platform.compatible, "maker,board");
    assert_int_equal(platform.harts, 1);
    assert_true(platform.has_float);
    assert_int_equal(platform.uart.kind, PLATFORM_UART_16550);
    assert_int_equal(platform.uart.interrupt, 10);
    assert_int_equal(platform.plic.context, 1);
    assert_int_equal(platform.flash.kind, PLATFORM_FLASH_NONE);
    free(blob.data);
}

/* ---- The reader's own calls ---- */

static void test_paths(void **state)
{
    struct blob blob = tree_compile("unleashed");
    struct fdt_node node;
    struct fdt_range range;
    uint64_t number;
    struct fdt fdt;

    (void)state;
    assert_int_equal(fdt_open(&fdt, blob.data, blob.bytes), 0);
    assert_true(fdt_find(&fdt, "/", &node));
    assert_int_equal(node.depth, 0);
    assert_true(fdt_find(&fdt, "/soc/serial@10010000", &node));
    assert_string_equal(fdt_name(&fdt, &node), "serial@10010000");
    assert_true(fdt_find(&fdt, "/soc/spi/flash/partitions/partition@600000", &node));
    assert_true(fdt_reg_local(&fdt, &node, 0, &range));
    assert_range(range, 0x600000, 0x1900000);
    /* A SPI bus does not pass addresses through. */
    assert_false(fdt_reg(&fdt, &node, 0, &range));
    assert_false(fdt_find(&fdt, "/soc/serial@1001000", &node));
    assert_false(fdt_find(&fdt, "/soc/serial@10010000/x", &node));
    assert_false(fdt_find(&fdt, "soc", &node));
    assert_false(fdt_find(&fdt, "", &node));
    assert_true(fdt_find_alias(&fdt, "serial1", &node));
    assert_string_equal(fdt_name(&fdt, &node), "serial@10011000");
    assert_false(fdt_find_alias(&fdt, "serial", &node));
    assert_false(fdt_find_alias(&fdt, "serial10", &node));
    assert_false(fdt_find_phandle(&fdt, 0, &node));
    assert_true(fdt_find(&fdt, "/chosen", &node));
    assert_true(fdt_number(&fdt, &node, "linux,initrd-end", &number));
    assert_int_equal(number, 0x84000123);
    assert_false(fdt_number(&fdt, &node, "bootargs", &number));
    assert_true(fdt_reservation(&fdt, 0, &range));
    assert_range(range, 0x88000000, 0x10000);
    assert_false(fdt_reservation(&fdt, 1, &range));
    free(blob.data);
}

static void test_arguments(void **state)
{
    struct platform platform = {
        .bootargs = "  a=1 frames=0x10 b= c d=--  e=18446744073709551616 f=12x  --  run a=2 -- x "
    };
    uint32_t bytes;

    (void)state;
    assert_int_equal(platform_argument_number(&platform, "a", 7), 1);
    assert_int_equal(platform_argument_number(&platform, "frames", 7), 16);
    assert_int_equal(platform_argument_number(&platform, "b", 7), 7);
    assert_int_equal(platform_argument_number(&platform, "c", 7), 7);
    assert_int_equal(platform_argument_number(&platform, "e", 7), 7);
    assert_int_equal(platform_argument_number(&platform, "f", 7), 7);
    assert_true(platform_argument_is(&platform, "d", "--"));
    assert_true(platform_argument_is(&platform, "b", ""));
    assert_false(platform_argument_is(&platform, "d", "-"));
    assert_null(platform_argument(&platform, "rame", &bytes));
    assert_string_equal(platform_command(&platform), "run a=2 -- x ");
    platform.bootargs = "frames=5";
    assert_string_equal(platform_command(&platform), "");
    platform.bootargs = "";
    assert_string_equal(platform_command(&platform), "");
    platform.bootargs = "-- only";
    assert_string_equal(platform_command(&platform), "only");
    assert_int_equal(platform_argument_number(&platform, "only", 7), 7);
}

/* ---- Broken trees ---- */

static uint64_t random_state = SEED;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static void assert_pool_makes_sense(const struct platform *platform)
{
    struct fdt_range pool = platform->pool;
    bool inside = false;

    assert_true(pool.bytes != 0 && (pool.start | pool.bytes) % 4096 == 0);
    for (unsigned i = 0; i < platform->ram_ranges; i++)
        inside |= pool.start >= platform->ram[i].start &&
                  pool.start + pool.bytes <= platform->ram[i].start + platform->ram[i].bytes;
    assert_true(inside);
    assert_true(pool.start + pool.bytes <= IMAGE.start || pool.start >= IMAGE.start + IMAGE.bytes);
}

/* Calls everything there is on a tree that was accepted. Returns whether it also gave facts. */
static bool exercise(const struct fdt *fdt, uint32_t hart)
{
    struct fdt_node node = FDT_BEGIN, found;
    struct platform platform;
    struct fdt_range range;
    uint64_t number;
    uint32_t bytes;

    while (fdt_next(fdt, &node)) {
        assert_true(node.depth >= 0 && node.depth < FDT_DEPTH_MAX);
        assert_true(strlen(fdt_name(fdt, &node)) < BLOB_MAX);
        for (uint32_t i = 0; i < 3; i++)
            (void)(fdt_reg(fdt, &node, i, &range) && fdt_cell(fdt, &node, "interrupts", i, 0));
        (void)fdt_compatible(fdt, &node, "jedec,spi-nor");
        (void)fdt_number(fdt, &node, "phandle", &number);
    }
    (void)fdt_find_alias(fdt, "serial0:9600", &found);
    for (uint32_t i = 0; fdt_reservation(fdt, i, &range); i++)
        ;
    if (platform_probe(&platform, fdt, hart, IMAGE) != 0)
        return false;
    assert_pool_makes_sense(&platform);
    (void)platform_argument(&platform, "frames", &bytes);
    assert_true(strlen(platform_command(&platform)) < BLOB_MAX);
    return true;
}

static bool try_tree(const struct blob *blob, uint32_t hart, unsigned *facts)
{
    struct fdt fdt;

    if (fdt_open(&fdt, blob->data, blob->bytes) != 0)
        return false;
    *facts += exercise(&fdt, hart);
    return true;
}

static void mutate(struct blob *blob)
{
    static const uint32_t words[] = { 0, 1, 2, 3, 4, 9, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff };
    unsigned count = 1 + random32() % 4;

    while (count--) {
        uint32_t at = random32() % blob->bytes;

        if (random32() % 16 == 0)
            at = random32() % 40;
        switch (random32() % 3) {
        case 0:
            blob->data[at] = (uint8_t)random32();
            break;
        case 1:
            blob->data[at] ^= (uint8_t)(1u << random32() % 8);
            break;
        default:
            at &= ~3u;
            for (unsigned i = 0, word = words[random32() % 10]; i < 4 && at + i < blob->bytes; i++)
                blob->data[at + i] = (uint8_t)(word >> (24 - 8 * i));
        }
    }
}

static void break_tree(const char *name, struct blob good, uint32_t hart)
{
    unsigned opened = 0, facts = 0;

    for (uint32_t bytes = 0; bytes < good.bytes; bytes++) {
        struct blob cut = blob_copy(good.data, bytes);

        assert_false(try_tree(&cut, hart, &facts));
        free(cut.data);
    }
    for (unsigned i = 0; i < CORRUPTIONS_PER_TREE; i++) {
        struct blob bad = blob_copy(good.data, good.bytes);

        mutate(&bad);
        opened += try_tree(&bad, hart, &facts);
        free(bad.data);
    }
    print_message("%s: %u bytes, cut at each; of %u corrupted trees %u were accepted, %u gave facts (seed %#x)\n", name,
                  good.bytes, CORRUPTIONS_PER_TREE, opened, facts, SEED);
    assert_true(opened > 0 && facts > 0);
    free(good.data);
}

static void test_broken(void **state)
{
    (void)state;
    break_tree("virt", tree_of_qemu("virt", 2), 0);
    break_tree("sifive_u", tree_of_qemu("sifive_u", 5), 1);
    break_tree("unleashed", tree_compile("unleashed"), 1);
    break_tree("odd", tree_compile("odd"), 0x10);
    break_tree("d1s", tree_compile("d1s"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_qemu_virt),   cmocka_unit_test(test_qemu_sifive_u), cmocka_unit_test(test_unleashed),
        cmocka_unit_test(test_clock_units), cmocka_unit_test(test_odd),           cmocka_unit_test(test_d1s),
        cmocka_unit_test(test_template),    cmocka_unit_test(test_paths),         cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_broken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
