/*
 * Faults made on purpose, in the image that everybody runs: what fails, is delayed, damaged or lost, and when. Nothing
 * happens without the boot argument `faults=on`, which a line at boot repeats.
 *
 *      flash driver, its bus ----+
 *      frames, copies (mm.h) ----+--- a request ---> the rules, in order ---> the first that hits does its effect
 *      interrupts ---------------+
 *
 * A rule is `EFFECT TARGET [KEY N ...]`, in the monitor after `inject`, or in the boot argument `inject=` with `,` for
 * spaces and `+` between rules. Keys:
 *
 *      nth N       the N-th request, once                          from A, bytes B   of flash, only what touches this range
 *      every N     each N-th                                       us T              how long, or how far apart
 *      share P     P in a hundred, at random, after `seed S`       times K           not more often than that
 *
 * The first rule that hits decides; those behind it do not see the request. What comes of each kind of fault is stated in
 * tests/hil/faults.toml, and tried there.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_INJECT_H
#define FIRMWARE_INJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "hal/cfi_nor.h"
#include "hal/flash.h"
#include "hal/spi.h"
#include "platform/probe.h"

/* The first three are flash operations, in the order of enum flash_operation. */
enum inject_target {
    INJECT_READ,
    INJECT_PROGRAM,
    INJECT_ERASE,
    INJECT_ID,    /* what the part says that it is */
    INJECT_FRAME, /* making sure of frames */
    INJECT_PAGE,  /* a frame for the store */
    INJECT_COPY,  /* reaching a task's page for a copy */
    INJECT_TIMER, /* interrupts */
    INJECT_EXTERNAL,
    INJECT_TARGETS
};

enum inject_effect {
    INJECT_FAIL,     /* refused or -EIO, nothing is done */
    INJECT_DELAY,    /* `us` later */
    INJECT_CORRUPT,  /* done and said to be well, but for one bit */
    INJECT_TEAR,     /* done in part, then -EIO */
    INJECT_BUSY,     /* the part stays busy for `us`, without it for ever */
    INJECT_CUT,      /* done in part, then the machine stops */
    INJECT_MISPLACE, /* done and said to be well, but elsewhere in the partition */
    INJECT_LOSE,     /* not served this time */
    INJECT_STORM,    /* so many that nobody asked for, `us` apart */
    INJECT_EFFECTS
};

enum inject_key {
    INJECT_NTH,
    INJECT_EVERY,
    INJECT_SHARE,
    INJECT_SEED,
    INJECT_TIMES,
    INJECT_FROM,
    INJECT_BYTES,
    INJECT_US,
    INJECT_KEYS
};

struct inject_rule {
    uint8_t effect, target;
    uint32_t key[INJECT_KEYS]; /* 0: not given */
    uint32_t seen, hits;
    uint64_t random;
};

/* Before board_init_flash(). */
void inject_init(const struct platform *platform);
bool inject_is_on(void);
/* One line each, with what they came to. */
void inject_report(void);

/* The rule that hits this request, or NULL; both counted. Other than flash: start and bytes are 0. */
struct inject_rule *inject_hit(enum inject_target target, uint32_t start, uint32_t bytes);
uint32_t inject_random(struct inject_rule *rule);

/* inject_flash.c: these put themselves before what they are given; nothing without `faults=on`. */
void inject_spi(struct spi *spi);
void inject_cfi(struct cfi_bus *bus);
void inject_flash(struct flash *flash);
/* The part is no longer busy by a fault. */
void inject_flash_clear(void);
/* Programs the first bit that is set, from `bit` of `address` on, to 0; the part is idle. -ENOENT: none in `bytes`. */
int inject_flash_flip(struct flash *flash, uint32_t address, uint32_t bit, uint32_t bytes)
    __attribute__((warn_unused_result));

/* Interrupts as `sip` says they are pending, less those that get lost, with those that are made up. */
uint64_t inject_interrupts(uint64_t pending);

/* inject_flip.c: `flip WHAT ...` of the monitor, the words behind `flip`. 0, or a negative errno value, and says which. */
int inject_flip(struct flash *flash, unsigned count, const char *const *words) __attribute__((warn_unused_result));

#endif
