/*
 * Inside the array model (nor.h): what its three files share.
 *
 *      nor.c          operations, time, power, triggers
 *      nor_cells.c    the part's life, contents, wear and faults
 *      nor_tear.c     what an operation does to the cells when it ends, well or badly
 */
#ifndef TESTS_SIM_NOR_CELLS_H
#define TESTS_SIM_NOR_CELLS_H

#include "tests/sim/nor.h"

uint32_t nor_random_below(struct nor *nor, uint32_t limit);

struct nor_unit *nor_unit_of(const struct nor *nor, uint32_t address);
bool nor_in_part(const struct nor *nor, uint32_t address, uint32_t bytes);

/* Every change of cells is followed by this. */
void nor_range_changed(struct nor *nor, uint32_t address, uint32_t bytes);

/* Was the granule at `address` programmed since its last erase? */
bool nor_once_get(const struct nor *nor, uint32_t address);
void nor_once_set(struct nor *nor, uint32_t address, bool programmed);

/* All faults that the units of a range have. */
unsigned nor_range_faults(const struct nor *nor, uint32_t address, uint32_t bytes);

/* Carry out nor->operation, as far as `tear` says; NOR_TEAR_DONE is a whole one. 0, or the error the status tells. */
int nor_finish_program(struct nor *nor, enum nor_tear tear);
int nor_finish_erase(struct nor *nor, enum nor_tear tear);

#endif
