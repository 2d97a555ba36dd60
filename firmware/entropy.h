/*
 * Where this boot's random bytes come from (firmware/random.h mixes them):
 *
 *   rng-seed   of the device tree, from the boot loader: strong from 32 bytes on
 *   Zkr        the processor's own source, where machine mode lets us have it: strong
 *   kept seed  left in the store by the boot before, and replaced by the pool's output before it is relied on: as strong as
 *              what it was made of, for who has never read the flash (firmware/THREATS.md)
 *   jitter     of processor and flash; counts for nothing, because an emulator's may be the same each time
 *
 * The store writes no swap before the next seed is committed (mm/store.h): with the first change of files, or when swap wants
 * to go out. Where a strong kept seed is all there is, at once, and the first program waits for it. A seed that cannot be
 * replaced is not relied on.
 *
 * Locking: the kernel lock.
 */
#ifndef FIRMWARE_ENTROPY_H
#define FIRMWARE_ENTROPY_H

#include "hal/flash.h"
#include "mm/store.h"
#include "platform/probe.h"

/* Stirs in what this boot has of its own, and forgets it in `platform`. `flash` may be NULL. */
void entropy_gather(struct platform *platform, struct flash *flash);
/* Stirs in the seed that the store has kept; gives the store its keys, and the seed for the next boot. */
void entropy_open(struct store *store);
/* The worker's part: commits that seed. Nothing when it is done. */
void entropy_step(void);
/* For the main thread, before the first program: waits if need be, and says what the keys are worth. */
void entropy_report(void);

#endif
