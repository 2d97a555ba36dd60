/*
 * usercopy PAGES: system calls that copy to and from memory that is not there yet, no more, or only in part: pages never
 * touched, pages that have been evicted since, the edge of a mapping, the end of a mapped file.
 */
#include "common.h"

#define PAGE 4096u

static unsigned failed;

static void expect(int good, const char *what, long got)
{
    if (good)
        return;
    failed++;
    printf("usercopy: %s: %ld, %s\n", what, got, strerror(errno));
}

static char *map_pages(size_t pages)
{
    char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        die("usercopy: no memory for %zu pages", pages);
    return at;
}

static char letter(size_t at)
{
    return (char)('a' + at / 7 % 26);
}

/* More than fits: when the last page is written the first ones have gone, and come back under the copy. */
static void copy_evicted(const char *path, size_t pages)
{
    size_t bytes = pages * PAGE;
    char *from = map_pages(pages), *to = map_pages(pages);

    for (size_t i = 0; i < bytes; i++)
        from[i] = letter(i);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        die("usercopy: %s: %s", path, strerror(errno));
    ssize_t got = write(file, from, bytes);
    expect(got == (ssize_t)bytes, "write of evicted pages", got);
    got = pread(file, to, bytes, 0);
    expect(got == (ssize_t)bytes, "read into pages never touched", got);
    expect(memcmp(from, to, bytes) == 0, "the bytes", 0);
    munmap(from, bytes);
    munmap(to, bytes);
    close(file);
}

static void copy_across_edge(const char *path)
{
    char *two = map_pages(2);
    int file = open(path, O_RDWR);

    if (file < 0)
        die("usercopy: %s: %s", path, strerror(errno));
    munmap(two + PAGE, PAGE);
    errno = 0;
    ssize_t got = pread(file, two + PAGE - 100, 4096, 0);
    expect(got == 100 || (got == -1 && errno == EFAULT), "read across the edge", got);
    for (unsigned i = 0; got == 100 && i < 100; i++)
        expect(two[PAGE - 100 + i] == letter(i), "the part before the edge", i);
    errno = 0;
    got = pread(file, two + PAGE, 4096, 0);
    expect(got == -1 && errno == EFAULT, "read behind the edge", got);
    errno = 0;
    got = pwrite(file, two + PAGE, 4096, 0);
    expect(got == -1 && errno == EFAULT, "write from behind the edge", got);
    close(file);
}

/* Pages of a mapping that lie wholly behind the end of its file. */
static void copy_behind_end(const char *path)
{
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644), ends[2];
    char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (file < 0 || map == MAP_FAILED || ftruncate(file, 100) != 0 || pipe(ends) != 0)
        die("usercopy: %s: %s", path, strerror(errno));
    map[0] = 'm';
    errno = 0;
    ssize_t got = write(ends[1], map + 2 * PAGE, 16);
    expect(got == -1 && errno == EFAULT, "write from behind the end of a file", got);
    got = write(ends[1], map, 16);
    expect(got == 16, "write from a mapped file", got);
    got = read(ends[0], map + 50, 16);
    expect(got == 16 && map[50] == 'm', "read into a mapped file", got);
    munmap(map, 4 * PAGE);
    close(file);
}

static void copy_protected(void)
{
    char *page = map_pages(1);
    int ends[2];

    if (pipe(ends) != 0 || write(ends[1], "abcd", 4) != 4)
        die("usercopy: pipe: %s", strerror(errno));
    mprotect(page, PAGE, PROT_READ);
    errno = 0;
    ssize_t got = read(ends[0], page, 4);
    expect(got == -1 && errno == EFAULT, "read into a page that is read only", got);
    mprotect(page, PAGE, PROT_NONE);
    errno = 0;
    got = write(ends[1], page, 4);
    expect(got == -1 && errno == EFAULT, "write from a page without access", got);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    got = read(ends[0], page, 4);
    expect(got == 4 && memcmp(page, "abcd", 4) == 0, "read into the page that is writable again", got);
}

int main(int count, char **arguments)
{
    size_t pages = number(count, arguments, 1, 64);
    const char *path = count > 2 ? arguments[2] : "usercopy.tmp";

    copy_evicted(path, pages);
    copy_across_edge(path);
    copy_behind_end(path);
    copy_protected();
    unlink(path);
    printf("usercopy pages=%zu failed=%u\n", pages, failed);
    return failed != 0;
}
