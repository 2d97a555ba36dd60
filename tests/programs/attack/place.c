/* Where a page is, and how it gets there. */
#include "tests/programs/attack/attack.h"

/* Documentation/admin-guide/mm/pagemap.rst: swap type 0 is the tail, 1 the flash. */
#define PAGEMAP_PRESENT   (1ull << 63)
#define PAGEMAP_SWAPPED   (1ull << 62)
#define PAGEMAP_SWAP_TYPE 31u

#define PUSH_PAGES 32u
#define PUSHES_MAX 40u

void page_fill(char *page, uint64_t seed)
{
    /* c.ret, so that what is executed by mistake returns and is noticed; the seed is at the end */
    for (size_t i = 0; i < PAGE / 2; i++)
        memcpy(page + 2 * i, "\x82\x80", 2);
    memcpy(page + PAGE - sizeof(seed), &seed, sizeof(seed));
}

bool page_is_filled(const char *page, uint64_t seed)
{
    char expected[PAGE];

    page_fill(expected, seed);
    return memcmp(page, expected, PAGE) == 0;
}

enum place page_where(const char *page)
{
    uint64_t word = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);

    if (file < 0 || pread(file, &word, sizeof(word), (off_t)((uintptr_t)page / PAGE * sizeof(word))) != sizeof(word))
        broken("pagemap: %s", strerror(errno));
    close(file);
    if (!(word & PAGEMAP_SWAPPED))
        return PLACE_FRAME;
    return word & PAGEMAP_SWAP_TYPE ? PLACE_FLASH : PLACE_TAIL;
}

/* Pages that do not compress, out of their frames. */
static char *push(unsigned pages)
{
    static uint64_t state = 0x7a11;
    uint64_t *filler = (uint64_t *)pages_new(pages, PROT_READ | PROT_WRITE);

    for (size_t i = 0; i < pages * PAGE / sizeof(*filler); i++)
        filler[i] = random_next(&state);
    madvise(filler, pages * PAGE, MADV_PAGEOUT);
    return (char *)filler;
}

void tail_push(unsigned pages)
{
    munmap(push(pages), pages * PAGE);
}

/* What is behind the page in the tail has to live, or it would make room by dying there. */
static void push_to_flash(const char *page)
{
    char *fillers[PUSHES_MAX];
    unsigned count = 0;

    while (page_where(page) == PLACE_TAIL && count < PUSHES_MAX)
        fillers[count++] = push(PUSH_PAGES);
    while (count > 0)
        munmap(fillers[--count], PUSH_PAGES * PAGE);
}

void page_place(char *page, enum place place)
{
    if (place == PLACE_FRAME || (place == PLACE_TAIL && page_where(page) == PLACE_FLASH)) {
        *(volatile char *)page = *(volatile char *)page;
        if (place == PLACE_FRAME)
            return;
    }
    if (page_where(page) == PLACE_FRAME)
        madvise(page, PAGE, MADV_PAGEOUT);
    if (place == PLACE_FLASH)
        push_to_flash(page);
}
