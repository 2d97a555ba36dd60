/*
 * elf_why FILE ...: what the firmware's decoder says of each file, as "NAME: program" or "NAME: refused: WHY". The file's
 * bytes are in a buffer of just their size, so that a read beyond it is found.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "firmware/elf.h"

#define FILE_BYTES_MAX (4u << 20)

static uint8_t *part_of(const uint8_t *file, uint64_t bytes, uint64_t offset, uint64_t *part)
{
    if (offset > bytes)
        offset = bytes;
    if (*part > bytes - offset)
        *part = bytes - offset;
    uint8_t *copy = malloc(*part ? *part : 1);

    if (!copy)
        exit(2);
    memcpy(copy, file + offset, *part);
    return copy;
}

/* As exec_load() does it. NULL: a program. */
static const char *judge(const uint8_t *file, uint64_t bytes)
{
    uint64_t part = ELF_HEADER_BYTES;
    void *copy = part_of(file, bytes, 0, &part);
    struct elf_image image;
    const char *why;
    int error = elf_decode(copy, bytes, &image, &why);

    free(copy);
    if (!error && image.dynamic_bytes) {
        part = image.dynamic_bytes < PAGE_BYTES ? image.dynamic_bytes : PAGE_BYTES;
        copy = part_of(file, bytes, image.dynamic_offset, &part);
        error = elf_check_dynamic(copy, part, &why);
        free(copy);
    }
    return error ? why : NULL;
}

int main(int count, char **arguments)
{
    uint8_t *file = malloc(FILE_BYTES_MAX);

    for (int i = 1; i < count && file; i++) {
        FILE *stream = fopen(arguments[i], "rb");

        if (!stream) {
            perror(arguments[i]);
            return 2;
        }
        const char *why = judge(file, fread(file, 1, FILE_BYTES_MAX, stream));

        (void)fclose(stream);
        printf("%s: %s%s\n", arguments[i], why ? "refused: " : "program", why ? why : "");
    }
    free(file);
    return 0;
}
