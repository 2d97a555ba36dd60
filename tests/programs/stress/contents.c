/* Stressors of what pages hold: vm, fork, madvise, msync. */
#include "stress.h"

#include <sys/wait.h>

static char *memory(const struct stress *stress, int kind, int file)
{
    char *at = mmap(NULL, stress->pages * PAGE, PROT_READ | PROT_WRITE, kind, file, 0);

    STRESS_CHECK(at != MAP_FAILED);
    return at;
}

static void verify_all(const struct stress *stress, const char *at, const uint32_t *versions, const char *what)
{
    for (size_t page = 0; page < stress->pages; page++)
        stress_verify(stress, at + page * PAGE, versions[page], what);
}

/* ---- vm: pages are written, copied, moved about and looked at ---- */

void stress_vm(struct stress *stress)
{
    char *at = memory(stress, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint32_t *versions = calloc(stress->pages, sizeof *versions), next = 0;

    STRESS_CHECK(versions);
    for (size_t i = 0; i < stress->operations; i++) {
        size_t page = stress_below(stress, stress->pages), other = stress_below(stress, stress->pages);

        stress_verify(stress, at + page * PAGE, versions[page], "vm");
        switch (stress_below(stress, 3)) {
        case 0:
            stress_fill(stress, at + page * PAGE, versions[page] = ++next);
            break;
        case 1:
            memmove(at + other * PAGE, at + page * PAGE, PAGE);
            versions[other] = versions[page];
            break;
        default:
            memset(at + page * PAGE, 0, PAGE);
            versions[page] = 0;
        }
    }
    verify_all(stress, at, versions, "vm");
}

/* ---- fork: children change their copy while the parent changes its own ---- */

static void fill_some(struct stress *stress, char *at, uint32_t *versions, uint32_t base)
{
    for (size_t page = stress_below(stress, 8); page < stress->pages; page += 1 + stress_below(stress, 16))
        stress_fill(stress, at + page * PAGE, versions[page] = base + (uint32_t)page);
}

static pid_t child(struct stress *stress, char *at, uint32_t *versions, uint32_t base)
{
    pid_t id = fork();

    STRESS_CHECK(id >= 0);
    if (id == 0) {
        stress->random ^= base;
        fill_some(stress, at, versions, base);
        verify_all(stress, at, versions, "fork: child");
        _exit(0);
    }
    return id;
}

void stress_fork(struct stress *stress)
{
    char *at = memory(stress, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint32_t *versions = calloc(stress->pages, sizeof *versions);

    STRESS_CHECK(versions);
    fill_some(stress, at, versions, 1);
    for (uint32_t i = 1; i <= stress->operations; i++) {
        pid_t one = child(stress, at, versions, i << 16), two = child(stress, at, versions, i << 16 | 0x4000);
        int first, second;

        fill_some(stress, at, versions, i << 16 | 0x8000);
        verify_all(stress, at, versions, "fork");
        STRESS_CHECK(waitpid(one, &first, 0) == one && waitpid(two, &second, 0) == two);
        if (first || second)
            die("stress fork: seed %lu: children ended with %x and %x", (unsigned long)stress->seed, first, second);
    }
}

/* ---- madvise ---- */

/* Freed memory holds what it held, or zeros, until it is stored to. */
static void advise_free(const struct stress *stress, char *at, uint32_t *version)
{
    STRESS_CHECK(madvise(at, PAGE, MADV_FREE) == 0);
    if (!stress_holds(stress, at, *version) && !stress_holds(stress, at, 0))
        die("stress madvise: seed %lu: a freed page holds something else", (unsigned long)stress->seed);
    stress_fill(stress, at, ++*version);
}

void stress_madvise(struct stress *stress)
{
    static const int harmless[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT };
    char *at = memory(stress, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    uint32_t *versions = calloc(stress->pages, sizeof *versions);

    STRESS_CHECK(versions);
    for (size_t i = 0; i < stress->operations; i++) {
        size_t page = stress_below(stress, stress->pages), most = stress->pages - page;
        size_t count = 1 + stress_below(stress, most < 16 ? most : 16);

        switch (stress_below(stress, 4)) {
        case 0:
            STRESS_CHECK(madvise(at + page * PAGE, count * PAGE, MADV_DONTNEED) == 0);
            memset(&versions[page], 0, count * sizeof *versions);
            break;
        case 1:
            advise_free(stress, at + page * PAGE, &versions[page]);
            break;
        case 2:
            STRESS_CHECK(madvise(at + page * PAGE, count * PAGE, harmless[stress_below(stress, 6)]) == 0);
            break;
        default:
            stress_fill(stress, at + page * PAGE, ++versions[page]);
        }
        stress_verify(stress, at + page * PAGE, versions[page], "madvise");
    }
    verify_all(stress, at, versions, "madvise");
}

/* ---- msync: a file by its mapping and by read and write ---- */

static void through_the_file(struct stress *stress, int file, char *at, size_t page, uint32_t *version)
{
    uint64_t buffer[PAGE / sizeof(uint64_t)];
    off_t offset = (off_t)(page * PAGE);

    STRESS_CHECK(pread(file, buffer, PAGE, offset) == (ssize_t)PAGE);
    stress_verify(stress, buffer, *version, "msync: read");
    stress_fill(stress, buffer, ++*version);
    STRESS_CHECK(pwrite(file, buffer, PAGE, offset) == (ssize_t)PAGE);
    stress_verify(stress, at + page * PAGE, *version, "msync");
}

void stress_msync(struct stress *stress)
{
    char name[] = "stress-XXXXXX", *at;
    int file = mkstemp(name);
    uint32_t *versions = calloc(stress->pages, sizeof *versions);

    STRESS_CHECK(versions && file >= 0 && unlink(name) == 0);
    STRESS_CHECK(ftruncate(file, (off_t)(stress->pages * PAGE)) == 0);
    at = memory(stress, MAP_SHARED, file);
    for (size_t i = 0; i < stress->operations; i++) {
        size_t page = stress_below(stress, stress->pages);

        if (stress_below(stress, 2))
            stress_fill(stress, at + page * PAGE, ++versions[page]);
        else
            through_the_file(stress, file, at, page, &versions[page]);
        if (stress_below(stress, 64) == 0)
            STRESS_CHECK(msync(at, stress->pages * PAGE, stress_below(stress, 2) ? MS_SYNC : MS_ASYNC) == 0);
    }
    STRESS_CHECK(msync(at, stress->pages * PAGE, MS_SYNC) == 0 && munmap(at, stress->pages * PAGE) == 0);
    at = memory(stress, MAP_SHARED, file);
    verify_all(stress, at, versions, "msync");
}
