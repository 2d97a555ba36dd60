/*
 * Stressors that verify: each works on pages whose contents follow from the seed, the page and its version, and looks at
 * every word again before it lets a page go.
 */
#ifndef TESTS_PROGRAMS_STRESS_STRESS_H
#define TESTS_PROGRAMS_STRESS_STRESS_H

#include "tests/programs/common.h"

#define PAGE 4096ul

struct stress {
    uint64_t random; /* state of random_next() */
    uint64_t seed;
    size_t pages; /* as much memory as it works on */
    size_t operations;
};
typedef void (*stressor)(struct stress *stress);

void stress_vm(struct stress *stress);
void stress_mmap(struct stress *stress);
void stress_fork(struct stress *stress);
void stress_brk(struct stress *stress);
void stress_stack(struct stress *stress);
void stress_mremap(struct stress *stress);
void stress_madvise(struct stress *stress);
void stress_msync(struct stress *stress);

/* From 0 to below `count`. */
size_t stress_below(struct stress *stress, size_t count);
/* Fills a page with the contents of `version`, 0 being zeros; about one word of three does not compress. */
void stress_fill(const struct stress *stress, void *page, uint32_t version);
/* Ends the program unless the page holds that version. */
void stress_verify(const struct stress *stress, const void *page, uint32_t version, const char *what);
bool stress_holds(const struct stress *stress, const void *page, uint32_t version);
/* Ends the program unless the condition holds. */
#define STRESS_CHECK(condition) \
    ((condition) ? (void)0 : die("%s:%d: %s: %s", __FILE__, __LINE__, #condition, strerror(errno)))

#endif
