/*
 * What the tests of flash drivers share: the simulated part below, a clock that goes by its time, requests run to their
 * end, and random use against a plain array.
 */
#ifndef TESTS_HOST_FLASH_RIG_H
#define TESTS_HOST_FLASH_RIG_H

#include "hal/flash.h"
#include "tests/sim/nor.h"

#define RIG_BLOCK      65536u
#define RIG_PLAY_BYTES (4 * RIG_BLOCK) /* what random use stays in: the begin of the part */

extern struct nor *nor;

/* A new part, in place of the last one. */
void rig_part(const struct nor_config *config);
int rig_teardown(void **state);

/* Looking at the clock costs a microsecond, so that a loop that only looks at it ends. */
uint64_t rig_clock_us(void);

struct flash_request rig_request(enum flash_operation operation, uint32_t address, uint32_t bytes);
int rig_program(struct flash *flash, uint32_t address, const void *from, uint32_t bytes);
int rig_erase(struct flash *flash, uint32_t address);
/* In microseconds, of 256 bytes. */
uint64_t rig_read_us(struct flash *flash, uint32_t address);

/* Bytes in which a place, a lane or a page that is mistaken for another one shows. */
void rig_pattern(uint8_t *bytes, uint32_t count);

/* Programs `bytes` at `address`, reads them, erases the block and reads that. */
void rig_round_trip(struct flash *flash, uint32_t address, uint32_t bytes);

/* All erased: begins anew. */
void rig_play_begin(void);
/* Programs of up to `most_bytes`, erases, and reads in between and after each; every read is checked. Seed: srand(). */
void rig_play(struct flash *flash, unsigned operations, uint32_t most_bytes);
/* The cells below are what was written. */
void rig_play_end(void);

#endif
