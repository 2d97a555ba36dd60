/*
 * Which errata the boot hart needs. Forced by the boot argument errata=none|fu540|fu740; else what the hart's ids say
 * (SBI base extension), or, where they are 0, its name in the device tree.
 */
#ifndef PLATFORM_ERRATA_H
#define PLATFORM_ERRATA_H

#include "hal/cpu_riscv.h"
#include "platform/probe.h"

/* For cpu_init(). After sbi_init() and platform_probe(). */
enum cpu_errata platform_errata(const struct platform *platform);

/* The word of the boot argument. */
const char *platform_errata_name(enum cpu_errata errata);

#endif
