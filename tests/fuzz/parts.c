/* Tables that flash parts answer with: SFDP of SPI NOR, CFI of parallel NOR. The first byte says which. */
#include "hal/cfi_nor.h"
#include "hal/spi_nor_parts.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sim/nor_spi.h"

static bool is_power_of_two(uint64_t value)
{
    return value && !(value & (value - 1));
}

static void check_spi(uint32_t id, const uint8_t *image, uint32_t bytes)
{
    struct spi_nor_facts facts;

    (void)!sfdp_parse(image, bytes, &facts);
    if (spi_nor_facts(id, image, bytes, &facts) == 0)
        require(facts.size_bytes >= 65536 && is_power_of_two(facts.page_bytes) && facts.erase_64k.most_us &&
                facts.program.most_us);
}

static void check_cfi(const uint8_t *query, uint32_t bytes)
{
    struct cfi_facts facts;

    if (cfi_parse(query, bytes, &facts) == 0)
        require(is_power_of_two(facts.buffer_bytes) && facts.erase_bytes && facts.size_bytes % facts.erase_bytes == 0 &&
                facts.program_most_us && facts.erase_most_us);
}

/* The image that a known part answers, with the input's bytes over it. */
static void check_changed(struct input *input)
{
    uint8_t image[NOR_SPI_SFDP_BYTES];

    memset(image, 0xff, sizeof(image));
    (void)nor_spi_sfdp(image, 32u << 20);
    while (input->left >= 2) {
        uint64_t at = take(input, 1);

        image[at % sizeof(image)] = (uint8_t)take(input, 1);
    }
    check_spi(0x9d7019, image, sizeof(image));
    check_spi(0xef4019, image, sizeof(image));
    check_spi(0x123456, image, sizeof(image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = { data, size };
    uint64_t what = take(&input, 1);
    uint32_t id = (uint32_t)take(&input, 3), bytes = (uint32_t)input.left;
    uint8_t *copy = copy_of(input.at, input.left);

    if (what % 3 == 0)
        check_spi(id, copy, bytes);
    else if (what % 3 == 1)
        check_cfi(copy, bytes);
    else
        check_changed(&input);
    free(copy);
    return 0;
}
