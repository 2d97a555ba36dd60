/* Device trees: every function of the reader on every node, and the probe of a board that it describes. */
#include "platform/fdt.h"
#include "platform/probe.h"
#include "tests/fuzz/fuzz.h"

#define NODES_MOST 20000u

static volatile uint8_t seen;

static void read_all(const void *bytes, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        seen ^= ((const uint8_t *)bytes)[i];
}

static void read_node(const struct fdt *fdt, const struct fdt_node *node)
{
    static const char *const names[] = { "reg", "compatible", "ranges", "status", "phandle", "", "label" };
    struct fdt_range range;
    uint64_t number;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint32_t bytes = 0;
        const void *value = fdt_property(fdt, node, names[i], &bytes);

        if (value)
            read_all(value, bytes);
        (void)fdt_number(fdt, node, names[i], &number);
        (void)fdt_cell(fdt, node, names[i], 3, 0);
        const char *string = fdt_string(fdt, node, names[i]);

        if (string)
            read_all(string, (uint32_t)strlen(string));
    }
    for (uint32_t i = 0; i < 3; i++) {
        (void)fdt_reg(fdt, node, i, &range);
        (void)fdt_reg_local(fdt, node, i, &range);
    }
    (void)fdt_compatible(fdt, node, "ns16550a");
    read_all(fdt_name(fdt, node), (uint32_t)strlen(fdt_name(fdt, node)));
}

static void read_tree(const struct fdt *fdt)
{
    struct fdt_node node = FDT_BEGIN;
    struct fdt_range range;
    unsigned nodes = 0;

    while (nodes++ < NODES_MOST && fdt_next(fdt, &node))
        read_node(fdt, &node);
    require(nodes < NODES_MOST);
    for (uint32_t i = 0; i < 3; i++)
        (void)fdt_reservation(fdt, i, &range);
    (void)fdt_find(fdt, "/soc/serial@10000000", &node);
    (void)fdt_find_alias(fdt, "serial0:115200", &node);
    (void)fdt_find_phandle(fdt, 1, &node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform platform;
    struct fdt_range image = { 0x80200000, 0x100000 };
    struct fdt fdt;
    void *blob = copy_of(data, size);

    if (fdt_open(&fdt, blob, (uint32_t)size) == 0) {
        read_tree(&fdt);
        if (platform_probe(&platform, &fdt, data[size - 1] & 7u, image) == 0) {
            require(platform.pool.start % 4096 == 0 && platform.pool.bytes % 4096 == 0);
            require(platform.pool.start + platform.pool.bytes <= image.start ||
                    platform.pool.start >= image.start + image.bytes);
            (void)platform_argument_number(&platform, "frames", 0);
            read_all(platform_command(&platform), (uint32_t)strlen(platform_command(&platform)));
        }
    }
    free(blob);
    return 0;
}
