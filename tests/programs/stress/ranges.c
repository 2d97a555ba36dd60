/* Stressors of mappings as a whole: mmap, mremap, brk, stack. */
#include "stress.h"

#define SLOTS 24u

/* ---- mmap: mappings of all kinds come and go; parts are unmapped and protected ---- */

struct mapping {
    char *at; /* NULL: none */
    size_t pages;
    uint32_t version; /* page i holds version + i, unless it is gone */
    size_t gone;      /* a page that was unmapped, or pages */
};

static int a_file(size_t pages)
{
    char name[] = "stress-XXXXXX";
    int file = mkstemp(name);

    STRESS_CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, (off_t)(pages * PAGE)) == 0);
    return file;
}

static void make(struct stress *stress, struct mapping *mapping, uint32_t *versions)
{
    static const int kinds[] = { MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED, MAP_PRIVATE };
    int kind = kinds[stress_below(stress, 4)], file = -1;

    mapping->pages = 1 + stress_below(stress, 2 * stress->pages / SLOTS);
    mapping->version = *versions + 1;
    mapping->gone = mapping->pages;
    *versions += (uint32_t)mapping->pages;
    if (!(kind & MAP_ANONYMOUS))
        file = a_file(mapping->pages);
    mapping->at = mmap(NULL, mapping->pages * PAGE, PROT_READ | PROT_WRITE, kind, file, 0);
    STRESS_CHECK(mapping->at != MAP_FAILED);
    if (file >= 0)
        close(file);
    for (size_t i = 0; i < mapping->pages; i++) {
        stress_verify(stress, mapping->at + i * PAGE, 0, "mmap");
        stress_fill(stress, mapping->at + i * PAGE, mapping->version + (uint32_t)i);
    }
}

static void look(const struct stress *stress, const struct mapping *mapping)
{
    for (size_t i = 0; i < mapping->pages; i++)
        if (i != mapping->gone)
            stress_verify(stress, mapping->at + i * PAGE, mapping->version + (uint32_t)i, "mmap");
}

static void change(struct stress *stress, struct mapping *mapping)
{
    size_t page = stress_below(stress, mapping->pages);

    if (mapping->gone == mapping->pages && stress_below(stress, 2)) {
        STRESS_CHECK(munmap(mapping->at + page * PAGE, PAGE) == 0);
        mapping->gone = page;
    } else if (page != mapping->gone) {
        STRESS_CHECK(mprotect(mapping->at + page * PAGE, PAGE, PROT_READ) == 0);
        stress_verify(stress, mapping->at + page * PAGE, mapping->version + (uint32_t)page, "mmap");
        STRESS_CHECK(mprotect(mapping->at + page * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
    }
}

/* Where a page is gone, another mapping may be by now. */
static void drop(struct mapping *mapping)
{
    if (mapping->gone)
        STRESS_CHECK(munmap(mapping->at, mapping->gone * PAGE) == 0);
    if (mapping->gone + 1 < mapping->pages)
        STRESS_CHECK(munmap(mapping->at + (mapping->gone + 1) * PAGE, (mapping->pages - mapping->gone - 1) * PAGE) ==
                     0);
}

void stress_mmap(struct stress *stress)
{
    struct mapping mappings[SLOTS] = { 0 };
    uint32_t versions = 0;

    for (size_t i = 0; i < stress->operations; i++) {
        struct mapping *mapping = &mappings[stress_below(stress, SLOTS)];

        if (!mapping->at) {
            make(stress, mapping, &versions);
            continue;
        }
        if (stress_below(stress, 3)) {
            change(stress, mapping);
            continue;
        }
        look(stress, mapping);
        drop(mapping);
        mapping->at = NULL;
    }
    for (size_t i = 0; i < SLOTS; i++)
        if (mappings[i].at)
            look(stress, &mappings[i]);
}

/* ---- mremap: one mapping grows, shrinks and moves ---- */

void stress_mremap(struct stress *stress)
{
    size_t pages = 1;
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    STRESS_CHECK(at != MAP_FAILED);
    stress_fill(stress, at, 1);
    for (size_t i = 0; i < stress->operations; i++) {
        size_t new = 1 + stress_below(stress, stress->pages);
        char *moved = mremap(at, pages * PAGE, new *PAGE, MREMAP_MAYMOVE);

        STRESS_CHECK(moved != MAP_FAILED);
        at = moved;
        for (size_t page = pages; page < new; page++) {
            stress_verify(stress, at + page * PAGE, 0, "mremap");
            stress_fill(stress, at + page * PAGE, (uint32_t)page + 1);
        }
        pages = new;
        for (size_t page = stress_below(stress, pages); page < pages; page += 1 + stress_below(stress, 16))
            stress_verify(stress, at + page * PAGE, (uint32_t)page + 1, "mremap");
    }
    for (size_t page = 0; page < pages; page++)
        stress_verify(stress, at + page * PAGE, (uint32_t)page + 1, "mremap");
}

/* ---- brk: the heap goes up and down ---- */

void stress_brk(struct stress *stress)
{
    char *start = (char *)(((uintptr_t)sbrk(0) + PAGE - 1) & ~(PAGE - 1));
    size_t pages = 0;

    STRESS_CHECK(brk(start) == 0);
    for (size_t i = 0; i < stress->operations; i++) {
        size_t new = stress_below(stress, stress->pages);

        STRESS_CHECK(brk(start + new *PAGE) == 0);
        for (size_t page = pages; page < new; page++) {
            stress_verify(stress, start + page * PAGE, 0, "brk");
            stress_fill(stress, start + page * PAGE, (uint32_t)page + 1);
        }
        pages = new;
        for (size_t page = 0; page < pages; page += 1 + stress_below(stress, 16))
            stress_verify(stress, start + page * PAGE, (uint32_t)page + 1, "brk");
    }
}

/* ---- stack: deep calls, each with a page of its own ---- */

static void __attribute__((noinline)) deeper(struct stress *stress, uint32_t depth)
{
    _Alignas(8) unsigned char page[PAGE];

    stress_fill(stress, page, depth);
    __asm__ volatile("" : : "r"(page) : "memory");
    if (depth > 1)
        deeper(stress, depth - 1);
    stress_verify(stress, page, depth, "stack");
}

void stress_stack(struct stress *stress)
{
    for (size_t i = 0; i < stress->operations; i++)
        deeper(stress, (uint32_t)(1 + stress_below(stress, stress->pages)));
}
