/*
 * The machine that the memory code runs on in host tests: the simulated hart (tests/sim/mmu.h), the frame pool, the store
 * with or without a simulated flash, and the little that the firmware adds: handling faults, waiting for the store.
 *
 * Everything follows from one seed. The last operations are remembered as text and printed when anything goes wrong,
 * be it a failed expectation, an ASSERT or a sanitizer's finding.
 */
#ifndef TESTS_HOST_VM_RIG_H
#define TESTS_HOST_VM_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mm/mm.h"
#include "tests/sim/mmu.h"

struct rig_config {
    uint64_t seed;
    bool hardware_ad;
    unsigned asid_bits;
    unsigned tlb_entries, pointer_entries;
    bool cache_invalid, refill, page_fence_broken;
    bool silent;          /* stale translations are used as silicon would, and are no finding: for figures */
    bool manual_time;     /* of the flash: an operation stays in flight until time is moved */
    uint32_t spare_pages; /* evictable frames beyond the tail and mm_minimum_frames() */
    uint32_t tail_pages;
    uint32_t flash_blocks; /* of 4 KiB times 16; 0: no flash */
};

/* The configuration of a seed; each field is drawn. */
struct rig_config rig_config_of(uint64_t seed);
void rig_describe(const struct rig_config *config, char *text, uint32_t bytes);

void rig_start(const struct rig_config *config);
/* Closes the store, opens it again on the same flash: what was synced is there. False: there is no flash. */
bool rig_reopen(struct store **store);
void rig_stop(void);

/* ---- Randomness of the sequence ---- */

uint64_t rig_random(void);
/* Choices come from these bytes, which the caller keeps, as long as there are any; then from the seed again. */
void rig_feed(const uint8_t *bytes, size_t count);
bool rig_fed(void);
uint32_t rig_below(uint32_t bound);
bool rig_chance(unsigned percent);

/* ---- The record of what was done ---- */

void rig_operation(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rig_result(int64_t result);
_Noreturn void rig_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void rig_print_operations(void);

/* ---- Running ---- */

/* One step of the store's worker, as the write-back thread makes it. */
void rig_step(void);
/* After -EAGAIN: lets the store work. Fails when it has nothing to do, so that nothing could ever change. */
void rig_wait(void);
/* An operation has ended: the bounds of rig_wait begin anew. */
void rig_progress(void);
/* Called within rig_wait: what other tasks do while one sleeps. */
void rig_while_waiting(void (*others)(void));
/* Until the store is idle. */
void rig_drain(void);
/* Asserts mm_check() and store_check(). */
void rig_check(void);
/* The words of a rule that mm_check() found broken; overwritten by the next call. */
const char *rig_rule(int line);

/* Repeats an expression that may answer -EAGAIN. */
#define RIG_WAIT(expression)                                                     \
    ({                                                                           \
        __typeof__(expression) rig_answer_;                                      \
        while ((rig_answer_ = (expression)) == (__typeof__(rig_answer_))-EAGAIN) \
            rig_wait();                                                          \
        rig_progress();                                                          \
        rig_answer_;                                                             \
    })

/* A durable file of that many pages, each full of the byte 'a' + its number, and none of them in RAM. Its node. */
uint32_t rig_file(const char *name, uint32_t pages);

/* ---- Accesses of a task in `space` ---- */

int rig_load(struct space *space, va_t va, void *to, uint32_t bytes);
int rig_store(struct space *space, va_t va, const void *from, uint32_t bytes);
int rig_fetch(struct space *space, va_t va, void *to, uint32_t bytes);
/* One attempt at a load, and one fault if it comes to that, whatever they answer. */
void rig_touch(struct space *space, va_t va);
/* Lets the hart read any translation of the space into its TLB. */
void rig_speculate(struct space *space, va_t va);
/* The hart leaves the space's tables: before its last reference goes. */
void rig_leave(struct space *space);

#endif
