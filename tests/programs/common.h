/*
 * What the test programs share. They are ordinary programs: the same source runs on the host and under Vellum, and the
 * line of results must be the same on both.
 */
#ifndef TESTS_PROGRAMS_COMMON_H
#define TESTS_PROGRAMS_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(2);
}

static inline void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);

    if (memory == NULL)
        die("no memory for %zu bytes", bytes);
    return memory;
}

static inline unsigned long number(int count, char **arguments, int index, unsigned long otherwise)
{
    return index < count ? strtoul(arguments[index], NULL, 0) : otherwise;
}

/* FNV-1a, 64 bits (the FNV authors' constants). */
#define HASH_START 0xcbf29ce484222325u

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ at[i]) * 0x100000001b3u;
    return hash;
}

/* xorshift64* (Vigna 2016); the state is never 0. */
static inline uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}

struct text {
    const char *at;
    size_t bytes;
};

static inline int open_text(const char *path, size_t *bytes)
{
    struct stat status;
    int file = open(path, O_RDONLY);

    if (file < 0 || fstat(file, &status) != 0)
        die("%s: %s", path, strerror(errno));
    *bytes = (size_t)status.st_size;
    return file;
}

static inline struct text map_text(const char *path)
{
    struct text text;
    int file = open_text(path, &text.bytes);

    text.at = mmap(NULL, text.bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (text.at == MAP_FAILED)
        die("%s: cannot map: %s", path, strerror(errno));
    close(file);
    return text;
}

#define TEXT_PAGE    4096u
#define TEXT_SOURCES 16u /* different pages of text, each copied so often that it stays in RAM */

/*
 * Pages of text, each different from the others by its number. They are copies of few pages from all over the file, so that
 * reading the file is not part of what is measured.
 */
static inline void fill_pages(const struct text *text, char *at, size_t first, size_t count)
{
    size_t all = text->bytes / TEXT_PAGE, sources = all < TEXT_SOURCES ? all : TEXT_SOURCES;

    if (sources == 0)
        die("needs `text FILE` of a page or more");
    for (size_t i = first; i < first + count; i++) {
        memcpy(at + i * TEXT_PAGE, text->at + i % sources * (all / sources) * TEXT_PAGE, TEXT_PAGE);
        memcpy(at + i * TEXT_PAGE, &i, sizeof i);
    }
}

#endif
