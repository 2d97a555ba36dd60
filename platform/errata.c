/*
 * Which errata the boot hart needs: by boot argument, by its own ids, or by the names in the device tree.
 */
#include "platform/errata.h"

#include <string.h>

#include "hal/sbi.h"

static enum cpu_errata errata_by_name(const struct platform *platform)
{
    /* The emulated Unleashed calls its harts just "riscv"; it stands for the chip, so it gets the chip's errata. */
    if (strncmp(platform->cpu_compatible, "sifive,u54", strlen("sifive,u54")) == 0 ||
        strcmp(platform->compatible, "sifive,hifive-unleashed-a00") == 0)
        return CPU_ERRATA_FU540;
    /* "bullet" is what trees of the Unmatched call its U74 cores. */
    if (strncmp(platform->cpu_compatible, "sifive,u74", strlen("sifive,u74")) == 0 ||
        strcmp(platform->cpu_compatible, "sifive,bullet0") == 0)
        return CPU_ERRATA_FU740;
    return CPU_ERRATA_NONE;
}

static const char *const names[] = {
    [CPU_ERRATA_NONE] = "none", [CPU_ERRATA_FU540] = "fu540", [CPU_ERRATA_FU740] = "fu740"
};

const char *platform_errata_name(enum cpu_errata errata)
{
    return names[errata];
}

enum cpu_errata platform_errata(const struct platform *platform)
{
    uint64_t vendor = sbi_vendor_id();

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (platform_argument_is(platform, "errata", names[i]))
            return (enum cpu_errata)i;
    }
    if (vendor == 0)
        return errata_by_name(platform);
    return cpu_errata_of(vendor, sbi_architecture_id(), sbi_implementation_id());
}
