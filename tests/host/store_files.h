/*
 * What tests of the store do again and again: files of named pages made and compared, slots saved and loaded. Each ends
 * the test (cmocka) when the store does not answer as it should.
 */
#ifndef TESTS_HOST_STORE_FILES_H
#define TESTS_HOST_STORE_FILES_H

#include "mm/store/format.h"
#include "tests/host/store_rig.h"

/* The invariants hold. */
void sound(struct bed *bed);

/* A new committed file in the root; page i holds page_of(first + i). Its id. */
uint32_t file_make(struct bed *bed, const char *name, uint32_t pages, uint64_t first);
/* The file is there, of this size, and holds these pages. */
void file_is(struct bed *bed, const char *name, uint32_t pages, uint64_t first);
/* How many of its pages cannot be read; the others are what they should be. */
uint32_t file_lost(struct bed *bed, const char *name, uint32_t pages, uint64_t first);

/* Slots of random names, under the boot's key. */
void save_all(struct bed *bed, slot_t *slots, uint64_t *names, uint32_t count);
/* All are what was saved. How many came from flash. */
uint32_t load_all(struct bed *bed, const slot_t *slots, const uint64_t *names, uint32_t count);

/* What lies on flash, behind the store's back: at a place, a header there, and another with the check that belongs there. */
uint8_t *cells_at(struct bed *bed, uint32_t place);
struct record_header header_at(struct bed *bed, uint32_t place);
void header_put(struct bed *bed, uint32_t place, struct record_header header);

#endif
