/*
 * fill PAGES ROUNDS [SEED]: writes to every page a pattern that nothing else has, and checks every byte in each round,
 * forwards and backwards. A page of another task, of another time, or of zeros does not pass.
 */
#include "common.h"

#define WORDS 512u /* of 8 bytes, in a page */

static uint64_t word_of(uint64_t seed, uint64_t page, uint64_t round, unsigned i)
{
    uint64_t state = (seed << 40 ^ page << 16 ^ round) + 0x9e3779b97f4a7c15u;

    /* A half that compresses and a half that does not. */
    return i % 2 == 0 ? state : (random_next(&state), state * (i + 1));
}

static void write_page(uint64_t *at, uint64_t seed, uint64_t page, uint64_t round)
{
    for (unsigned i = 0; i < WORDS; i++)
        at[i] = word_of(seed, page, round, i);
}

static void check_page(const uint64_t *at, uint64_t seed, uint64_t page, uint64_t round)
{
    for (unsigned i = 0; i < WORDS; i++)
        if (at[i] != word_of(seed, page, round, i))
            die("fill: page %llu word %u in round %llu: %016llx, not %016llx", (unsigned long long)page, i,
                (unsigned long long)round, (unsigned long long)at[i],
                (unsigned long long)word_of(seed, page, round, i));
}

int main(int count, char **arguments)
{
    uint64_t pages = number(count, arguments, 1, 64), rounds = number(count, arguments, 2, 2);
    uint64_t seed = number(count, arguments, 3, 1);
    uint64_t *memory = mmap(NULL, pages * WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        printf("fill: refused: %s\n", strerror(errno));
        return 3;
    }
    for (uint64_t page = 0; page < pages; page++)
        write_page(memory + page * WORDS, seed, page, 0);
    for (uint64_t round = 0; round < rounds; round++)
        for (uint64_t i = 0; i < pages; i++) {
            uint64_t page = round % 2 == 0 ? i : pages - 1 - i;
            check_page(memory + page * WORDS, seed, page, round);
            write_page(memory + page * WORDS, seed, page, round + 1);
        }
    printf("fill pages=%llu rounds=%llu seed=%llu good\n", (unsigned long long)pages, (unsigned long long)rounds,
           (unsigned long long)seed);
    return 0;
}
