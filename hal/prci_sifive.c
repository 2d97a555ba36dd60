#include "hal/prci_sifive.h"

/* Linux 6.12, drivers/clk/sifive/sifive-prci.h: offsets, spelled as there. */
enum {
    COREPLLCFG0 = 0x04,
    CORECLKSEL = 0x24,
    CLKMUXSTATUSREG = 0x2c,
    HFPCLKPLLCFG0 = 0x50,
    HFPCLKPLLSEL = 0x58,
    HFPCLKPLLDIV = 0x5c,
};

#define PLL_DIVR(config) ((config)&0x3f)
#define PLL_DIVF(config) ((config) >> 6 & 0x1ff)
#define PLL_DIVQ(config) ((config) >> 15 & 7)
#define PLL_BYPASS       (1u << 24)
#define PLL_FSE          (1u << 25) /* feedback inside, which doubles */
#define PLL_LOCK         (1u << 31)
#define SELECT_CRYSTAL   1u
#define TLCLKSEL_WHOLE   (1u << 1)

static uint64_t pll_hz(uint32_t config, uint32_t crystal_hz)
{
    uint64_t vco = (uint64_t)crystal_hz * (PLL_DIVF(config) + 1) / (PLL_DIVR(config) + 1);

    if (config & PLL_BYPASS)
        return crystal_hz;
    return config & PLL_LOCK ? vco * (config & PLL_FSE ? 2 : 1) >> PLL_DIVQ(config) : 0;
}

/* What a PLL, or the crystal past it, gives on. */
static uint64_t selected_hz(const volatile uint32_t *registers, uint32_t select, uint32_t config, uint32_t crystal_hz)
{
    return registers[select / 4] & SELECT_CRYSTAL ? crystal_hz : pll_hz(registers[config / 4], crystal_hz);
}

uint32_t prci_sifive_spi_hz(const volatile uint32_t *registers, uint32_t crystal_hz, bool fu740)
{
    uint64_t hz;

    if (fu740)
        hz = selected_hz(registers, HFPCLKPLLSEL, HFPCLKPLLCFG0, crystal_hz) /
             ((uint64_t)registers[HFPCLKPLLDIV / 4] + 2);
    else
        hz = selected_hz(registers, CORECLKSEL, COREPLLCFG0, crystal_hz) /
             (registers[CLKMUXSTATUSREG / 4] & TLCLKSEL_WHOLE ? 1 : 2);
    return hz <= UINT32_MAX ? (uint32_t)hz : 0;
}
