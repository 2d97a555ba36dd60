/*
 * populate PAGES: a file's pages, all copied at once by MAP_POPULATE into a private mapping. Where they are more than the
 * frames, some are out again before the last is in: the call ends all the same, and each page holds what the file holds.
 */
#include "common.h"

#define PAGE 4096ul

static unsigned char page[PAGE];

static void fill(unsigned long i)
{
    uint64_t random = i + 1;

    for (unsigned long j = 0; j < PAGE; j++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        page[j] = (unsigned char)(random >> 56);
    }
}

int main(int count, char **arguments)
{
    unsigned long pages = number(count, arguments, 1, 100);
    int file = open("populated", O_RDWR | O_CREAT | O_TRUNC, 0600);

    for (unsigned long i = 0; i < pages; i++) {
        fill(i);
        if (write(file, page, PAGE) != (ssize_t)PAGE)
            die("populate: page %lu is not written", i);
    }
    unsigned char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (at == MAP_FAILED)
        die("populate: %s", strerror(errno));
    for (unsigned long i = 0; i < pages; i++) {
        fill(i);
        if (memcmp(at + i * PAGE, page, PAGE) != 0)
            die("populate: page %lu is another", i);
    }
    puts("populate good");
    return unlink("populated");
}
