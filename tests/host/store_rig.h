/*
 * The bed that store tests stand on: a simulated NOR array, a partition on it, the store, and counted pages of RAM.
 *
 * Everything random comes from one seed. Page contents are made from a 64-bit name, so that a model need only keep
 * names.
 */
#ifndef TESTS_HOST_STORE_RIG_H
#define TESTS_HOST_STORE_RIG_H

#include "mm/store.h"
#include "tests/sim/nor_flash.h"

#define BED_PAGE 4096u

struct bed_config {
    uint32_t blocks, block_bytes; /* 0 blocks: no flash */
    uint32_t guard_blocks;        /* of somebody else's, on either side of the partition */
    uint32_t tail_pages;
    uint32_t page_limit; /* of RAM; 0: none */
    uint64_t life_erases_per_day;
    uint64_t seed;
    bool manual_time;
    bool cannot_suspend; /* the part */
    bool violations_continue;
};

struct bed {
    struct bed_config config;
    struct nor *nor;
    struct nor_flash front;
    struct store *store;
    struct store_config store_config;
    uint32_t pages, pages_peak; /* given to the store now, at most */
    uint64_t pages_asked;       /* ever */
    uint32_t page_refused;      /* pages until the one that is refused; 0: none is */
    uint32_t asked;             /* pages that were asked for first and not unasked; none at the end */
    bool ask_refused;           /* of what is asked for from now on */
    uint64_t seconds;           /* the store's clock */
    uint64_t random;
    uint32_t idle_most; /* steps that an idle store may go on with -EAGAIN; 3, more where others use the part */
    void (*stepped)(struct bed *bed); /* called after every step while a call waits; may be NULL */
    void *observer;
};

/* An array with a formatted store, opened. Ends the test on failure. */
void bed_start(struct bed *bed, const struct bed_config *config);
/* Without format and open: `config` and a blank array. */
void bed_prepare(struct bed *bed, const struct bed_config *config);
/* store_open() and the boot's seed. */
int bed_mount(struct bed *bed);
/* The same after power on, with a driver that knows nothing. */
int bed_open(struct bed *bed);
/* As a reboot: the store is forgotten, not closed, and its RAM with it. */
void bed_forget(struct bed *bed);
void bed_reboot(struct bed *bed);
void bed_stop(struct bed *bed);
/* Of a block of the partition, in the array. */
uint32_t bed_address(const struct bed *bed, uint32_t block);
/* Every byte around the partition is what it was, and no erase has been there. */
bool bed_guards_stand(const struct bed *bed);
/*
 * Asks the flash for programs and erases around the partition's edges, the array's end and the end of 32 bits. How many of
 * `count` that do not lie in the partition were taken, or made the array do something.
 */
uint32_t bed_trespass(struct bed *bed, uint32_t count);

uint64_t bed_random(struct bed *bed);
uint32_t bed_below(struct bed *bed, uint32_t limit);

/* The page that `name` stands for; 0: zeros. One in 16 does not compress, one in 16 is one pattern. */
void page_of(uint64_t name, void *page);
bool page_is(uint64_t name, const void *page);

/* Steps until nothing is to be done; at most `most` times. false: it went on. */
bool bed_settle(struct bed *bed, uint32_t most);

/*
 * These repeat what answers -EAGAIN, with steps between; other errors are returned. -EDEADLK: the store does nothing.
 */
int bed_save(struct bed *bed, slot_t *slot, store_key_t key, uint64_t name);
int bed_load(struct bed *bed, slot_t slot, store_key_t key, void *page);
int bed_begin(struct bed *bed, uint32_t pages);
int bed_write(struct bed *bed, uint32_t id, uint32_t index, uint64_t name);
int bed_commit(struct bed *bed);
int bed_read(struct bed *bed, uint32_t id, uint32_t index, void *page);
int bed_remove(struct bed *bed, uint32_t id);
int bed_resize(struct bed *bed, uint32_t id, uint64_t bytes, int64_t modified_s);
int bed_make(struct bed *bed, uint32_t parent, const char *name, uint32_t mode, uint32_t *id);
int bed_rename(struct bed *bed, uint32_t id, uint32_t parent, const char *name);

#endif
