/* The witness: a task that has to go on and to compute rightly, whatever its neighbours do. */
#include "tests/programs/attack/attack.h"

#define WITNESS_PAGES 24u
#define OUT_EVERY     7u

static uint64_t word_of(uint64_t version, size_t page, size_t i)
{
    return version * 0x9e3779b97f4a7c15u + page * 1000003u + i / 8;
}

static void write_page(uint64_t *memory, size_t page, uint64_t version)
{
    for (size_t i = 0; i < PAGE / 8; i++)
        memory[page * PAGE / 8 + i] = word_of(version, page, i);
}

static uint64_t wrong_words(const uint64_t *memory, size_t page, uint64_t version)
{
    uint64_t wrong = 0;

    for (size_t i = 0; i < PAGE / 8; i++)
        wrong += memory[page * PAGE / 8 + i] != word_of(version, page, i);
    return wrong;
}

/* The harmonic sum, kept in registers: the same bits every time. */
static double harmonic(void)
{
    double sum = 0;

    for (unsigned i = 1; i < 500; i++)
        sum += 1.0 / i;
    return sum;
}

static void witness(struct witness *shared)
{
    uint64_t *memory = (uint64_t *)pages_new(WITNESS_PAGES, PROT_READ | PROT_WRITE);
    volatile double first = harmonic();
    uint64_t round = 0;

    for (size_t page = 0; page < WITNESS_PAGES; page++)
        write_page(memory, page, 0);
    for (; !shared->stop; round++) {
        for (size_t page = 0; page < WITNESS_PAGES; page++) {
            shared->wrong += wrong_words(memory, page, round);
            write_page(memory, page, round + 1);
            if ((page + round) % OUT_EVERY == 0)
                madvise(memory + page * PAGE / 8, PAGE, MADV_PAGEOUT);
        }
        shared->wrong += harmonic() != first;
        shared->rounds = round + 1;
        sched_yield();
    }
    _exit(0);
}

pid_t witness_start(struct witness *shared)
{
    pid_t id = fork();

    if (id == 0)
        witness(shared);
    if (id < 0)
        die("fork: %s", strerror(errno));
    while (shared->rounds == 0)
        sched_yield();
    return id;
}
