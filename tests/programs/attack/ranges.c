/* Calls about ranges: that wrap, overlap, reach into the firmware, or are of a size that nobody has. */
#include "tests/programs/attack/attack.h"

static const struct range {
    uintptr_t start, bytes;
} ranges[] = {
    { 0, ~0ul },
    { 0, 1ul << 63 },
    { PAGE, ~0ul - PAGE + 1 },
    { 0x10000, ~0ul - 0xffff },
    { KERNEL_DATA, PAGE },
    { KERNEL_DIRECT, 1ul << 38 },
    { USER_END - PAGE, 2 * PAGE },
    { USER_END - PAGE, 1ul << 63 },
    { ~0ul - PAGE + 1, PAGE },
    { ~0ul - PAGE + 1, 2 * PAGE },
    { 0x8000000000000000, PAGE },
};
#define RANGES (sizeof(ranges) / sizeof(ranges[0]))

static void refused(char *page, uintptr_t number)
{
    (void)page;
    for (size_t i = 0; i < RANGES; i++) {
        long result = call((long)number, (long)ranges[i].start, (long)ranges[i].bytes, 0, 0, 0, 0);

        expect(result < 0, "a range of others");
    }
}

static void protect_all(char *page, uintptr_t with)
{
    (void)page, (void)with;
    for (size_t i = 0; i < RANGES; i++)
        for (int protection = 0; protection < 8; protection++)
            expect(call(SYS_mprotect, (long)ranges[i].start, (long)ranges[i].bytes, protection, 0, 0, 0) < 0,
                   "mprotect");
}

static void advise_all(char *page, uintptr_t with)
{
    static const int advices[] = { MADV_WILLNEED, MADV_DONTNEED, MADV_FREE,    MADV_DONTFORK,
                                   MADV_DOFORK,   MADV_COLD,     MADV_PAGEOUT, 99 };

    (void)page, (void)with;
    for (size_t i = 0; i < RANGES; i++)
        for (size_t j = 0; j < sizeof(advices) / sizeof(advices[0]); j++)
            expect(call(SYS_madvise, (long)ranges[i].start, (long)ranges[i].bytes, advices[j], 0, 0, 0) < 0, "madvise");
}

static void map_fixed(char *page, uintptr_t flags)
{
    (void)page;
    for (size_t i = 0; i < RANGES; i++)
        expect(mmap((void *)ranges[i].start, ranges[i].bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | (int)flags, -1, 0) == MAP_FAILED,
               "mmap at a fixed place");
}

static void map_sizes(char *page, uintptr_t with)
{
    (void)page, (void)with;
    for (unsigned bit = 39; bit < 64; bit++)
        expect(mmap(NULL, 1ul << bit, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
               "mmap of very much");
    expect(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, "mmap of nothing");
    expect(mmap(NULL, ~0ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, "mmap of everything");
    expect(mmap(NULL, ~0ul - PAGE + 2, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, "mmap that wraps");
}

static void map_offsets(char *page, uintptr_t with)
{
    int file = open(own_path, O_RDONLY);

    (void)page, (void)with;
    expect(file >= 0, "open");
    expect(call(SYS_mmap, 0, PAGE, PROT_READ, MAP_PRIVATE, file, 1) < 0, "an offset that is not aligned");
    expect(call(SYS_mmap, 0, 2 * PAGE, PROT_READ, MAP_PRIVATE, file, (long)(~0ul - PAGE + 1)) < 0,
           "an offset that wraps");
    expect(call(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) < 0,
           "writable, of a file opened for reading");
    char *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);

    expect(map != MAP_FAILED && mprotect(map, PAGE, PROT_READ | PROT_WRITE) == -1, "made writable later");
}

static void file_end(char *page, uintptr_t access)
{
    int file = open("attack.short", O_RDWR | O_CREAT | O_TRUNC, 0600);

    (void)page;
    expect(file >= 0 && write(file, "short", 5) == 5, "write");
    unlink("attack.short");
    volatile char *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, access == 2 ? MAP_PRIVATE : MAP_SHARED, file, 0);

    expect(map != MAP_FAILED, "mmap");
    for (size_t i = 5; i < PAGE; i++)
        expect(map[i] == 0, "behind a file's end is not zero");
    if (access == 0)
        (void)map[PAGE];
    else
        map[PAGE] = 1;
}

static void file_shrinks(char *page, uintptr_t with)
{
    int file = open("attack.shrinks", O_RDWR | O_CREAT | O_TRUNC, 0600);

    (void)page, (void)with;
    expect(file >= 0 && ftruncate(file, 4 * PAGE) == 0, "ftruncate");
    unlink("attack.shrinks");
    volatile char *map = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    expect(map != MAP_FAILED, "mmap");
    map[3 * PAGE] = 1;
    expect(ftruncate(file, PAGE) == 0, "ftruncate");
    map[3 * PAGE] = 2;
}

static void remaps(char *page, uintptr_t with)
{
    char *four = pages_new(4, PROT_READ | PROT_WRITE);

    (void)page, (void)with;
    memset(four, 7, 4 * PAGE);
    expect(mremap(four, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, four + PAGE) == MAP_FAILED, "onto itself");
    expect(mremap(four, PAGE, 1ul << 46, MREMAP_MAYMOVE) == MAP_FAILED, "to 64 TiB");
    expect(mremap(four, PAGE, ~0ul, MREMAP_MAYMOVE) == MAP_FAILED, "to everything");
    expect(mremap(four, ~0ul, PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "from everything");
    expect(mremap(four, PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED, "to nothing");
    expect(mremap((void *)KERNEL_DATA, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "of the firmware");
    expect(mremap(four, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, KERNEL_DATA & ~(PAGE - 1)) == MAP_FAILED,
           "to the firmware");
    expect(mremap(four + 1, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "misaligned");
    for (size_t i = 0; i < 4 * PAGE; i++)
        expect(four[i] == 7, "a refused mremap changed something");
}

static void breaks(char *page, uintptr_t with)
{
    static const uintptr_t places[] = { 0, 1, 0x10000, USER_END - 1, USER_END, KERNEL_DATA, ~0ul, 1ul << 63 };
    long now = call(SYS_brk, 0, 0, 0, 0, 0, 0);

    (void)page, (void)with;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        expect(call(SYS_brk, (long)places[i], 0, 0, 0, 0, 0) == now, "brk to where it cannot go");
}

static void unmap_all(char *page, uintptr_t with)
{
    (void)page, (void)with;
    call(SYS_munmap, 0x10000, 0x3ffffff000 - 0x10000, 0, 0, 0, 0);
}

static void unmap_text(char *page, uintptr_t with)
{
    (void)page, (void)with;
    call(SYS_munmap, (long)((uintptr_t)&unmap_text & ~(PAGE - 1)), PAGE, 0, 0, 0, 0);
    __asm__ volatile("nop"); /* is no more */
}

/* Its own stack without permission: the signal finds no place for its frame. */
static void forbid_stack(char *page, uintptr_t with)
{
    uintptr_t here = (uintptr_t)&page & ~(PAGE - 1);

    (void)with;
    call(SYS_mprotect, (long)here, PAGE, 0, 0, 0, 0);
    *(volatile char *)here = 0;
}

static void write_text(char *page, uintptr_t with)
{
    uintptr_t text = (uintptr_t)&write_text & ~(PAGE - 1);
    int file = open("/dev/zero", O_RDONLY);

    (void)page, (void)with;
    expect(read(file, (void *)text, PAGE) == -1 && errno == EFAULT, "read(2) into running text");
    expect(mprotect((void *)text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == -1, "text made writable as well");
    expect(*(volatile unsigned char *)&write_text != 0, "text is gone");
}

/* The text of the program itself: the stores must not turn its pages into others. */
static void store_running_text(char *page, uintptr_t with)
{
    (void)page, (void)with;
    *(volatile char *)&write_text = 0;
}

static void store_constants(char *page, uintptr_t with)
{
    (void)page, (void)with;
    *(volatile uintptr_t *)&ranges[0].start = 1;
}

static void write_program_file(char *page, uintptr_t with)
{
    (void)page, (void)with;
    int file = open(own_path, O_WRONLY);

    expect(file == -1 || write(file, "x", 0) == 0, "the program's own file");
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack range_attacks[] = {
    NO("munmap of others' ranges", refused, SYS_munmap, ENDS_EITHER),
    NO("mprotect of others' ranges", protect_all, 0, 0),
    NO("madvise of others' ranges", advise_all, 0, ENDS_EITHER), /* its own pages lie there too, and are dropped */
    NO("msync of others' ranges", refused, SYS_msync, 0),
    NO("mlock of others' ranges", refused, SYS_mlock, 0),
    NO("mincore of others' ranges", refused, SYS_mincore, 0),
    NO("mmap fixed over others' ranges", map_fixed, MAP_FIXED, 0),
    NO("mmap fixed, not replacing", map_fixed, 0x100000, 0),
    NO("mmap of sizes nobody has", map_sizes, 0, 0),
    NO("mmap at odd offsets of a file", map_offsets, 0, 0),
    NO("load behind a file's end", file_end, 0, SIGBUS),
    NO("store behind a file's end", file_end, 1, SIGBUS),
    NO("private store behind a file's end", file_end, 2, SIGBUS),
    NO("store where a file has shrunk", file_shrinks, 0, SIGBUS),
    NO("mremap of all kinds", remaps, 0, 0),
    NO("brk to everywhere", breaks, 0, 0),
    NO("munmap of all memory", unmap_all, 0, SIGSEGV),
    NO("munmap of the running text", unmap_text, 0, SIGSEGV),
    NO("the stack without permission", forbid_stack, 0, SIGSEGV),
    NO("calls that would write text", write_text, 0, 0),
    NO("store to the running text", store_running_text, 0, SIGSEGV),
    NO("store to constants", store_constants, 0, SIGSEGV),
    NO("writing the running program", write_program_file, 0, 0),
    { 0 },
};
