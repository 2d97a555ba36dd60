/* stress NAME SEED PAGES OPERATIONS: one stressor; prints "stress NAME ... good", the same for the same words. */
#include "stress.h"

static const struct {
    const char *name;
    stressor run;
} stressors[] = {
    { "vm", stress_vm },       { "mmap", stress_mmap },     { "fork", stress_fork },       { "brk", stress_brk },
    { "stack", stress_stack }, { "mremap", stress_mremap }, { "madvise", stress_madvise }, { "msync", stress_msync },
};

size_t stress_below(struct stress *stress, size_t count)
{
    return (size_t)(random_next(&stress->random) >> 16) % count;
}

static uint64_t word_at(const struct stress *stress, uint32_t version, size_t index)
{
    uint64_t mixed = (stress->seed + version * 0x9e3779b97f4a7c15u) ^ index * 0xbf58476d1ce4e5b9u;

    if (version == 0)
        return 0;
    if (index % 3)
        return version;
    mixed = (mixed ^ mixed >> 31) * 0x94d049bb133111ebu; /* the mixing of splitmix64 (Steele, Lea, Flood 2014) */
    return mixed ^ mixed >> 29;
}

void stress_fill(const struct stress *stress, void *page, uint32_t version)
{
    uint64_t *words = page;

    for (size_t i = 0; i < PAGE / sizeof *words; i++)
        words[i] = word_at(stress, version, i);
}

static size_t first_wrong(const struct stress *stress, const void *page, uint32_t version)
{
    const uint64_t *words = page;
    size_t i = 0;

    while (i < PAGE / sizeof *words && words[i] == word_at(stress, version, i))
        i++;
    return i;
}

bool stress_holds(const struct stress *stress, const void *page, uint32_t version)
{
    return first_wrong(stress, page, version) == PAGE / sizeof(uint64_t);
}

void stress_verify(const struct stress *stress, const void *page, uint32_t version, const char *what)
{
    size_t wrong = first_wrong(stress, page, version);

    if (wrong < PAGE / sizeof(uint64_t))
        die("stress %s: seed %lu: word %zu of the page at %p is not that of version %u", what,
            (unsigned long)stress->seed, wrong, page, version);
}

int main(int count, char **arguments)
{
    struct stress stress = { .seed = number(count, arguments, 2, 1),
                             .pages = number(count, arguments, 3, 256),
                             .operations = number(count, arguments, 4, 1000) };

    stress.random = stress.seed * 0x9e3779b97f4a7c15u | 1;
    for (size_t i = 0; count > 1 && i < sizeof stressors / sizeof stressors[0]; i++) {
        if (strcmp(stressors[i].name, arguments[1]) != 0)
            continue;
        stressors[i].run(&stress);
        printf("stress %s seed=%lu pages=%zu operations=%zu good, %016lx\n", arguments[1], (unsigned long)stress.seed,
               stress.pages, stress.operations, (unsigned long)stress.random);
        return 0;
    }
    die("usage: stress vm|mmap|fork|brk|stack|mremap|madvise|msync SEED PAGES OPERATIONS");
}
