/*
 * What the fuzz targets share. Each is one file with a LLVMFuzzerTestOneInput(), which has to return whatever the bytes
 * are: sanitizers, ASSERT and require() tell what is wrong. libFuzzer draws the bytes, led by coverage and from a seed.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define require(condition)                                                                \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

struct input {
    const uint8_t *at;
    size_t left;
};

/* Little-endian, `bytes` of them; what is not there is 0. */
static inline uint64_t take(struct input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->left > 0; i++, input->left--)
        value |= (uint64_t)*input->at++ << (8 * i);
    return value;
}

/* A copy that ends where its memory ends, so that a read behind it is found. For free(). */
static inline void *copy_of(const uint8_t *data, size_t size)
{
    void *copy = NULL;

    require(posix_memalign(&copy, 16, size ? size : 1) == 0);
    memcpy(copy, data, size);
    return copy;
}

#endif
