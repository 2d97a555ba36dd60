/*
 * ledger files SEED: writes and syncs files for ever, and says what it did, for a judge who cuts the power.
 * ledger swap SEED KIB: overwrites memory at random and checks it, for ever.
 *
 * A step has a sequence number, the same for all files that it writes, and ends with a sync: overwriting in place,
 * a new file renamed over the old one, or two files at once. What is read at the start must be whole; lines tell the
 * judge of it ("found FILE SEQUENCE", then "start SEQUENCE") and of what follows ("step SEQUENCE FILE COUNT", a dot for
 * every page, "synced SEQUENCE"). A name can be durable from its making on, and contents from their close on: so the new
 * file may be found under its first name, empty or whole.
 */
#include <sched.h>

#include "common.h"

#define PAGE       4096u
#define FILES      6u
#define PAGES_MOST 12u
#define TEMPORARY  "ledger.new"

struct page {
    uint32_t file, index;
    uint64_t sequence;
    uint64_t noise[(PAGE - 16) / 8];
};

static void make_page(struct page *page, uint32_t file, uint32_t index, uint64_t sequence)
{
    uint64_t state = (sequence << 16 | file << 8 | index) + 1;

    page->file = file;
    page->index = index;
    page->sequence = sequence;
    for (unsigned i = 0; i < sizeof page->noise / 8; i++)
        page->noise[i] = i % 4 == 0 ? random_next(&state) : sequence;
}

static uint32_t pages_of(uint32_t file, uint64_t sequence)
{
    uint64_t state = sequence << 8 | (file + 1);

    return 1 + (uint32_t)(random_next(&state) >> 32) % PAGES_MOST;
}

static void name_of(char name[16], uint32_t file)
{
    snprintf(name, 16, "ledger.%u", file);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[80];
    va_list arguments;

    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (write(1, line, (size_t)bytes) != bytes)
        _exit(3);
}

/* The sequence number that all of the file has; 0: there is none, or it is empty. Dies of a mix. `file` FILES: any file's. */
static uint64_t find_file(const char *name, uint32_t file)
{
    static struct page got, wanted;
    uint32_t pages = 0;
    uint64_t sequence = 0;

    int descriptor = open(name, O_RDONLY);
    if (descriptor < 0 && errno == ENOENT)
        return 0;
    if (descriptor < 0)
        die("mix: %s: %s", name, strerror(errno));
    for (ssize_t bytes; (bytes = read(descriptor, &got, PAGE)) != 0; pages++) {
        if (bytes != (ssize_t)PAGE)
            die("mix: %s: page %u: %zd bytes: %s", name, pages, bytes, bytes < 0 ? strerror(errno) : "cut");
        if (pages == 0)
            sequence = got.sequence;
        if (file == FILES)
            file = got.file;
        make_page(&wanted, file, pages, sequence);
        if (memcmp(&got, &wanted, PAGE) != 0)
            die("mix: %s: page %u is of %llu, the first of %llu", name, pages, (unsigned long long)got.sequence,
                (unsigned long long)sequence);
    }
    close(descriptor);
    if (pages != 0 && pages != pages_of(file, sequence))
        die("mix: %s: %u pages of %llu", name, pages, (unsigned long long)sequence);
    return sequence;
}

static void write_pages(const char *name, uint32_t file, uint64_t sequence, bool synced)
{
    static struct page page;
    uint32_t pages = pages_of(file, sequence);
    int descriptor = open(name, O_WRONLY | O_CREAT, 0644);

    if (descriptor < 0)
        die("ledger: %s: %s", name, strerror(errno));
    for (uint32_t i = 0; i < pages; i++) {
        make_page(&page, file, i, sequence);
        if (pwrite(descriptor, &page, PAGE, (off_t)i * PAGE) != (ssize_t)PAGE)
            die("ledger: %s: %s", name, strerror(errno));
        say(".");
    }
    if (ftruncate(descriptor, (off_t)pages * PAGE) != 0 || (synced && fsync(descriptor) != 0))
        die("ledger: %s: %s", name, strerror(errno));
    close(descriptor);
}

static void step(uint64_t sequence, uint64_t random)
{
    char name[16];
    uint32_t file = (uint32_t)(random >> 8) % FILES, kind = (uint32_t)(random & 255) % 3;

    say("step %llu %u %u\n", (unsigned long long)sequence, file, kind == 2 ? 2 : 1);
    name_of(name, file);
    if (kind == 1) {
        write_pages(TEMPORARY, file, sequence, false);
        if (rename(TEMPORARY, name) != 0)
            die("ledger: rename: %s", strerror(errno));
        sync();
    } else if (kind == 2) {
        write_pages(name, file, sequence, false);
        file = (file + 1) % FILES;
        name_of(name, file);
        write_pages(name, file, sequence, false);
        sync();
    } else {
        write_pages(name, file, sequence, true);
    }
    say("\nsynced %llu\n", (unsigned long long)sequence);
}

__attribute__((noreturn)) static void keep_files(uint64_t seed)
{
    uint64_t last = 0, state;

    (void)find_file(TEMPORARY, FILES);
    for (uint32_t file = 0; file < FILES; file++) {
        char name[16];

        name_of(name, file);
        uint64_t found = find_file(name, file);

        say("found %u %llu\n", file, (unsigned long long)found);
        last = found > last ? found : last;
    }
    say("start %llu\n", (unsigned long long)last + 1);
    state = (seed << 32 | last) + 1;
    while (true)
        step(++last, random_next(&state));
}

__attribute__((noreturn)) static void swap(uint64_t seed, uint64_t kib)
{
    uint64_t pages = kib / 4, state = seed + 1, *told = allocate(pages * sizeof *told);
    struct page *memory = allocate(pages * PAGE), wanted;

    for (uint64_t i = 0; i < pages; i++) {
        told[i] = i;
        make_page(&memory[i], 0, 0, i);
    }
    while (true) {
        uint64_t i = random_next(&state) % pages;

        make_page(&wanted, 0, 0, told[i]);
        if (memcmp(&wanted, &memory[i], PAGE) != 0)
            die("mix: a page of memory");
        told[i] = random_next(&state) >> 16;
        make_page(&memory[i], 0, 0, told[i]);
        sched_yield(); /* the files come first */
    }
}

int main(int count, char **arguments)
{
    if (count >= 3 && strcmp(arguments[1], "files") == 0)
        keep_files(number(count, arguments, 2, 1));
    if (count >= 3 && strcmp(arguments[1], "swap") == 0)
        swap(number(count, arguments, 2, 1), number(count, arguments, 3, 512));
    die("usage: ledger files SEED, ledger swap SEED KIB");
}
