/*
 * hold frame|tail|flash [PAGES]: puts pages there, tells where they are, and waits for SIGUSR1. Then it looks at them: "hold
 * good", or which byte is wrong. So that somebody else can do something to them meanwhile.
 */
#include "common.h"

#include <signal.h>

#define PAGE 4096u

/* Documentation/admin-guide/mm/pagemap.rst: swapped, and the swap type: 0 is the tail, 1 the flash. */
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_TYPE    31u

#define PAGES_MOST 64u
#define PUSH_PAGES 32u
#define PUSHES     40u

static uint8_t byte_of(size_t page, size_t at)
{
    return (uint8_t)(at % 97 < 60 ? at % 97 + page : (at * at >> 5) + 31 * page);
}

static const char *place_of(const uint8_t *page)
{
    uint64_t word = 0;
    int file = open("/proc/self/pagemap", O_RDONLY);

    if (file < 0 || pread(file, &word, sizeof word, (off_t)((uintptr_t)page / PAGE * sizeof word)) != sizeof word)
        die("hold: pagemap: %s", strerror(errno));
    close(file);
    if (!(word & PAGEMAP_SWAPPED))
        return "frame";
    return word & PAGEMAP_TYPE ? "flash" : "tail";
}

/* What is behind a page in the tail has to live, or it would make room by dying there. */
static void push(const uint8_t *page)
{
    uint64_t state = 0x401d;

    for (unsigned i = 0; i < PUSHES && strcmp(place_of(page), "tail") == 0; i++) {
        uint64_t *filler = mmap(NULL, PUSH_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (filler == MAP_FAILED)
            die("hold: no memory to push with");
        for (size_t word = 0; word < PUSH_PAGES * PAGE / sizeof *filler; word++)
            filler[word] = random_next(&state);
        madvise(filler, PUSH_PAGES * PAGE, MADV_PAGEOUT);
    }
}

static void check(const uint8_t *memory, size_t pages)
{
    for (size_t i = 0; i < pages * PAGE; i++)
        if (memory[i] != byte_of(i / PAGE, i % PAGE))
            die("hold WRONG byte %zu: %02x, not %02x", i, memory[i], byte_of(i / PAGE, i % PAGE));
    printf("hold good\n");
}

int main(int count, char **arguments)
{
    const char *where = count > 1 ? arguments[1] : "frame";
    size_t pages = number(count, arguments, 2, 4);
    uint8_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigset_t wanted;
    int got;

    if (memory == MAP_FAILED || pages == 0 || pages > PAGES_MOST)
        die("hold: so many pages cannot be had");
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGUSR1);
    sigprocmask(SIG_BLOCK, &wanted, NULL);
    for (size_t i = 0; i < pages * PAGE; i++)
        memory[i] = byte_of(i / PAGE, i % PAGE);
    if (strcmp(where, "frame") != 0)
        madvise(memory, pages * PAGE, MADV_PAGEOUT);
    if (strcmp(where, "flash") == 0)
        push(memory + (pages - 1) * PAGE);
    printf("hold %s %p\n", place_of(memory), (void *)memory);
    fflush(stdout);
    sigwait(&wanted, &got);
    check(memory, pages);
    return 0;
}
