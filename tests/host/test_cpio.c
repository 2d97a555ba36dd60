/*
 * Archives of files from the boot stages, whole, cut and corrupted. Whatever is in one, names and data that are returned
 * lie inside it; the sanitizers watch every byte of them being read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/cpio.h"

#define ARCHIVE_MOST 4096u
#define CORRUPTIONS  20000u
#define SEED         0xc910u

static uint8_t made[ARCHIVE_MOST];
static size_t made_bytes;

static void put(const char *name, unsigned mode, const char *data, size_t bytes)
{
    char *at = (char *)made + made_bytes;
    int head = sprintf(at, "070701%08x%08x%08x%08x%08x%08x%08zX%08x%08x%08x%08x%08zx%08x%s", 1, mode, 0, 0, 1, 77,
                       bytes, 0, 0, 0, 0, strlen(name) + 1, 0, name);
    size_t start = made_bytes;

    made_bytes = (start + (size_t)head + 1 + 3) & ~3ul;
    memcpy(made + made_bytes, data, bytes);
    made_bytes = (made_bytes + bytes + 3) & ~3ul;
    assert_true(made_bytes < sizeof(made));
}

static void make(void)
{
    memset(made, 0, sizeof(made));
    made_bytes = 0;
    put("text", 040755, "", 0);
    put("text/code", 0100644, "int main", 8);
    put("empty", 0100600, "", 0);
    put("odd", 0100755, "12345", 5);
    put("TRAILER!!!", 0, "", 0);
}

/* Walks a copy that ends where the archive ends; returns the last answer. */
static int walk(const uint8_t *bytes, size_t count, unsigned *members)
{
    uint8_t *copy = malloc(count ? count : 1);
    struct cpio archive = { copy, count, 0 };
    struct cpio_member member;
    unsigned sum = 0;
    int found;

    memcpy(copy, bytes, count);
    *members = 0;
    while ((found = cpio_next(&archive, &member)) > 0) {
        assert_true(++*members < ARCHIVE_MOST / 110 + 1);
        sum += (unsigned)strlen(member.name);
        for (uint32_t i = 0; i < member.bytes; i++)
            sum += member.data[i];
        assert_true(archive.at <= count);
    }
    free(copy);
    assert_true(sum != 1); /* keeps the reads above */
    return found;
}

static void test_members(void **state)
{
    struct cpio archive;
    struct cpio_member member;

    (void)state;
    make();
    archive = (struct cpio){ made, made_bytes, 0 };
    assert_int_equal(cpio_next(&archive, &member), 1);
    assert_string_equal(member.name, "text");
    assert_int_equal(member.mode, 040755);
    assert_int_equal(cpio_next(&archive, &member), 1);
    assert_string_equal(member.name, "text/code");
    assert_int_equal(member.bytes, 8);
    assert_int_equal(member.modified_s, 77);
    assert_memory_equal(member.data, "int main", 8);
    assert_int_equal(cpio_next(&archive, &member), 1);
    assert_int_equal(member.bytes, 0);
    assert_int_equal(cpio_next(&archive, &member), 1);
    assert_memory_equal(member.data, "12345", 5);
    assert_int_equal(cpio_next(&archive, &member), 0);
    assert_int_equal(cpio_next(&archive, &member), 0);
}

static void test_cut_anywhere(void **state)
{
    unsigned members;

    (void)state;
    make();
    for (size_t bytes = 0; bytes < made_bytes; bytes++) {
        int last = walk(made, bytes, &members);

        assert_true(last == -22 || (last == 0 && members == 4));
    }
}

static void test_corrupted(void **state)
{
    unsigned members, broken = 0;

    (void)state;
    srand(SEED);
    for (unsigned i = 0; i < CORRUPTIONS; i++) {
        make();
        for (int hits = rand() % 4 + 1; hits > 0; hits--)
            made[(size_t)rand() % made_bytes] = (uint8_t)(rand() % 3 ? "0123456789abcdefF"[rand() % 17] : rand());
        broken += walk(made, made_bytes, &members) != 0;
    }
    printf("%u corrupted archives, %u broken (seed 0x%x)\n", CORRUPTIONS, broken, SEED);
    assert_true(broken > CORRUPTIONS / 10 && broken < CORRUPTIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_corrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
