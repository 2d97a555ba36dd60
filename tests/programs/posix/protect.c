/* mprotect(2), mremap(2), brk(2). */
#include "posix.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void to_read_only(void)
{
    char *at = pages(1);

    *at = 4;
    CHECK(mprotect(at, PAGE, PROT_READ) == 0 && *at == 4);
    SIGNALS(SIGSEGV, *at = 5);
}

static void to_none_and_back(void)
{
    char *at = pages(2);

    memset(at, 6, 2 * PAGE);
    CHECK(mprotect(at, 2 * PAGE, PROT_NONE) == 0);
    SIGNALS(SIGSEGV, (void)*(volatile char *)at);
    CHECK(mprotect(at, 2 * PAGE, PROT_READ | PROT_WRITE) == 0 && at[0] == 6 && at[2 * PAGE - 1] == 6);
    at[0] = 7;
}

static void part(void)
{
    char *at = pages(5);

    CHECK(mprotect(at + 2 * PAGE, PAGE, PROT_READ) == 0);
    at[PAGE] = at[3 * PAGE] = 1;
    SIGNALS(SIGSEGV, at[2 * PAGE] = 1);
    CHECK(mprotect(at, 5 * PAGE, PROT_READ | PROT_WRITE) == 0);
    memset(at, 2, 5 * PAGE);
}

static void protect_not_of_a_page(void)
{
    FAILS(mprotect(pages(1) + 1, PAGE, PROT_READ), EINVAL);
}

static void protect_a_hole(void)
{
    char *at = pages(3);

    CHECK(munmap(at + PAGE, PAGE) == 0);
    FAILS(mprotect(at, 3 * PAGE, PROT_READ), ENOMEM);
}

/* Above user space, below what can be mapped, and around the end of all addresses: nothing is mapped there. */
static void protect_out_of_reach(void)
{
    static const struct {
        uintptr_t start;
        size_t bytes;
    } ranges[] = { { (uintptr_t)1 << 62, PAGE },
                   { (uintptr_t)-PAGE, PAGE },
                   { (uintptr_t)-PAGE, 2 * PAGE },
                   { (uintptr_t) - (1ul << 31), PAGE },
                   { PAGE, (size_t)-1 },
                   { PAGE, (size_t)-PAGE },
                   { 0, PAGE } };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        FAILS(syscall(SYS_mprotect, ranges[i].start, ranges[i].bytes, PROT_READ), ENOMEM);
    WORKS(syscall(SYS_mprotect, (uintptr_t)-PAGE, 0, PROT_READ));
    FAILS(syscall(SYS_mprotect, (uintptr_t)1 << 62, PAGE, 0x1000), EINVAL);
}

static void protect_nothing(void)
{
    CHECK(mprotect(pages(1), 0, PROT_READ) == 0);
}

static void protect_bad_bits(void)
{
    FAILS(mprotect(pages(1), PAGE, 0x1000), EINVAL);
}

static void write_of_read_only_file(void)
{
    char name[] = "posix-XXXXXX", *at;
    int first = mkstemp(name), file;

    CHECK(first >= 0 && ftruncate(first, (off_t)PAGE) == 0);
    file = open(name, O_RDONLY);
    CHECK(file >= 0 && unlink(name) == 0);
    at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
    CHECK(at != MAP_FAILED);
    FAILS(mprotect(at, PAGE, PROT_READ | PROT_WRITE), EACCES);
}

static void no_execute(void)
{
    static const uint32_t nothing[] = { 0 };
    char *at = pages(1);

    memcpy(at, nothing, sizeof nothing);
    SIGNALS(SIGSEGV, ((void (*)(void))(uintptr_t)at)());
}

static const struct test_case protect_cases[] = { CASE(to_read_only),
                                                  CASE(to_none_and_back),
                                                  CASE(part),
                                                  CASE(protect_not_of_a_page),
                                                  CASE(protect_a_hole),
                                                  CASE(protect_out_of_reach),
                                                  CASE(protect_nothing),
                                                  CASE(protect_bad_bits),
                                                  CASE(write_of_read_only_file),
                                                  CASE(no_execute),
                                                  { 0 } };
const struct test_group protect_group = { "mprotect", protect_cases };

/* ---- mremap ---- */

static void shrink(void)
{
    char *at = pages(4);

    memset(at, 3, 4 * PAGE);
    CHECK(mremap(at, 4 * PAGE, 2 * PAGE, 0) == at && at[2 * PAGE - 1] == 3);
    SIGNALS(SIGSEGV, at[2 * PAGE] = 1);
}

static void grow_in_place(void)
{
    char *at = pages(4);

    CHECK(munmap(at + 2 * PAGE, 2 * PAGE) == 0);
    at[PAGE] = 9;
    CHECK(mremap(at, 2 * PAGE, 4 * PAGE, 0) == at && at[PAGE] == 9 && at[3 * PAGE] == 0);
}

static void no_room(void)
{
    char *at = pages(3);

    FAILS(mremap(at, PAGE, 2 * PAGE, 0), ENOMEM);
}

static void grow_elsewhere(void)
{
    char *at = pages(3), *new;

    memset(at, 8, PAGE);
    new = mremap(at, PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    CHECK(new != MAP_FAILED &&new != at &&new[PAGE - 1] == 8 && new[PAGE] == 0 && new[5 * PAGE - 1] == 0);
    SIGNALS(SIGSEGV, (void)*(volatile char *)at);
    CHECK(at[PAGE] == 0);
}

static void to_a_place(void)
{
    char *at = pages(2), *to = pages(4);

    memset(at, 1, 2 * PAGE);
    memset(to, 2, 4 * PAGE);
    CHECK(mremap(at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + PAGE) == to + PAGE);
    CHECK(to[0] == 2 && to[PAGE] == 1 && to[3 * PAGE - 1] == 1 && to[3 * PAGE] == 2);
}

static void remap_not_of_a_page(void)
{
    FAILS(mremap(pages(2) + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);
}

static void new_length_zero(void)
{
    FAILS(mremap(pages(2), PAGE, 0, MREMAP_MAYMOVE), EINVAL);
}

static void remap_bad_flags(void)
{
    FAILS(mremap(pages(2), PAGE, PAGE, 0x100), EINVAL);
    FAILS(mremap(pages(2), PAGE, PAGE, MREMAP_FIXED, pages(1)), EINVAL);
}

static void remap_a_hole(void)
{
    char *at = pages(2);

    CHECK(munmap(at, 2 * PAGE) == 0);
    FAILS(mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

static void remap_over_itself(void)
{
    char *at = pages(4);

    FAILS(mremap(at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at + PAGE), EINVAL);
}

static void remap_place_not_of_a_page(void)
{
    FAILS(mremap(pages(1), PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, pages(2) + 1), EINVAL);
}

static void remap_several_mappings(void)
{
    char *at = pages(4);

    CHECK(mprotect(at + PAGE, PAGE, PROT_READ) == 0);
    FAILS(mremap(at, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE), EFAULT);
}

static void shared_file_moves(void)
{
    int file = file_of(2);
    char *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), byte;

    CHECK(at != MAP_FAILED);
    at = mremap(at, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
    CHECK(at != MAP_FAILED && at[0] == 'a' && at[PAGE] == 'b');
    at[PAGE] = 'Q';
    CHECK(pread(file, &byte, 1, PAGE) == 1 && byte == 'Q');
}

static void moved_after_fork(void)
{
    char *at = pages(2);

    memset(at, 5, 2 * PAGE);
    SIGNALS(0, at = mremap(at, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE); CHECK(at != MAP_FAILED && at[PAGE] == 5);
            at[0] = 6);
    CHECK(at[0] == 5 && at[2 * PAGE - 1] == 5);
}

static void keep_the_old(void)
{
    char *at = pages(2), *new;

    memset(at, 5, 2 * PAGE);
    new = mremap(at, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    if (new == MAP_FAILED && errno == EINVAL)
        case_not_supported("MREMAP_DONTUNMAP (Linux 5.7)");
    CHECK(new != MAP_FAILED &&new != at &&new[PAGE] == 5 && at[PAGE] == 0);
}

static const struct test_case remap_cases[] = { CASE(shrink),
                                                CASE(grow_in_place),
                                                CASE(no_room),
                                                CASE(grow_elsewhere),
                                                CASE(to_a_place),
                                                CASE(remap_not_of_a_page),
                                                CASE(new_length_zero),
                                                CASE(remap_bad_flags),
                                                CASE(remap_a_hole),
                                                CASE(remap_over_itself),
                                                CASE(remap_place_not_of_a_page),
                                                CASE(remap_several_mappings),
                                                CASE(shared_file_moves),
                                                CASE(moved_after_fork),
                                                CASE(keep_the_old),
                                                { 0 } };
const struct test_group remap_group = { "mremap", remap_cases };

/* ---- brk: the call itself, which answers where the heap ends now ---- */

static char *heap_end(char *wanted)
{
    return (char *)syscall(SYS_brk, wanted);
}

static void heap_grows_zeroed(void)
{
    char *end = heap_end(NULL), *new = end + 8 * PAGE;

    CHECK(heap_end(new) == new);
    for (char *at = end; at < new; at++)
        CHECK(*at == 0);
    memset(end, 1, 8 * PAGE);
    CHECK(heap_end(NULL) == new);
}

static void heap_shrinks(void)
{
    char *end = heap_end(NULL);

    end = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
    CHECK(heap_end(end + 4 * PAGE) == end + 4 * PAGE);
    memset(end, 1, 4 * PAGE);
    CHECK(heap_end(end + PAGE) == end + PAGE && end[PAGE - 1] == 1);
    SIGNALS(SIGSEGV, end[PAGE] = 1);
    CHECK(heap_end(end + 4 * PAGE) == end + 4 * PAGE && end[PAGE] == 0);
}

static void heap_below_its_start(void)
{
    char *end = heap_end(NULL);

    CHECK(heap_end((char *)8) == end && heap_end(NULL) == end);
}

static void heap_too_far(void)
{
    char *end = heap_end(NULL);

    CHECK(heap_end((char *)((uintptr_t)1 << 60)) == end);
}

static void heap_limit(void)
{
    struct rlimit limit = { 1 << 20, 1 << 20 };
    char *end = heap_end(NULL);

    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0 && heap_end(end + (2 << 20)) == end);
    FAILS(brk(end + (2 << 20)), ENOMEM);
}

static void heap_stops_at_a_mapping(void)
{
    char *end = heap_end(NULL), *page = (char *)(((uintptr_t)end + PAGE - 1) & ~(PAGE - 1));
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

    CHECK(mmap(page + 4 * PAGE, PAGE, PROT_READ, flags, -1, 0) == page + 4 * PAGE);
    CHECK(heap_end(page + 8 * PAGE) == end);
}

static const struct test_case heap_cases[] = { CASE(heap_grows_zeroed),
                                               CASE(heap_shrinks),
                                               CASE(heap_below_its_start),
                                               CASE(heap_too_far),
                                               CASE(heap_limit),
                                               CASE(heap_stops_at_a_mapping),
                                               { 0 } };
const struct test_group heap_group = { "brk", heap_cases };
