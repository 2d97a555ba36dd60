/*
 * scatter PAGES WRITES: pages that do not compress, written anew in random order, each checked before. Then all blocks that
 * they went to are partly dead. Says "scatter good" and waits to be killed.
 */
#include "common.h"

#define WORDS 512u /* of 8 bytes, in a page */

static uint64_t state = 1;

/* The words of a page follow from its first one. */
static void page_write(uint64_t *page)
{
    page[0] = random_next(&state);
    for (uint64_t i = 1, follow = page[0]; i < WORDS; i++)
        page[i] = random_next(&follow);
}

static void page_check(const uint64_t *page, uint64_t number)
{
    for (uint64_t i = 1, follow = page[0]; i < WORDS; i++)
        if (page[i] != random_next(&follow))
            die("scatter: page %llu is wrong", (unsigned long long)number);
}

int main(int count, char **arguments)
{
    uint64_t pages = number(count, arguments, 1, 1000), writes = number(count, arguments, 2, 3000);
    uint64_t *memory = mmap(NULL, pages * WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        die("scatter: refused: %s", strerror(errno));
    for (uint64_t i = 0; i < pages; i++)
        page_write(memory + i * WORDS);
    for (uint64_t i = 0; i < writes; i++) {
        uint64_t page = random_next(&state) % pages;

        page_check(memory + page * WORDS, page);
        page_write(memory + page * WORDS);
    }
    for (uint64_t i = 0; i < pages; i++)
        page_check(memory + i * WORDS, i);
    printf("scatter good\n");
    fflush(stdout);
    for (;;)
        pause();
}
