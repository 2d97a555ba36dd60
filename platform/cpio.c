#include "platform/cpio.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* The header: a magic and 13 numbers of 8 hexadecimal digits. */
#define MAGIC        "070701"
#define MAGIC_BYTES  6u
#define DIGITS       8u
#define FIELDS       13u
#define HEADER_BYTES (MAGIC_BYTES + FIELDS * DIGITS)
#define TRAILER      "TRAILER!!!"
#define ALIGN        4u

enum field {
    INODE,
    MODE,
    UID,
    GID,
    LINKS,
    MODIFIED,
    BYTES,
    DEVICE_MAJOR,
    DEVICE_MINOR,
    NODE_MAJOR,
    NODE_MINOR,
    NAME_BYTES
};

static bool number(const uint8_t *header, enum field field, uint32_t *value)
{
    const uint8_t *digits = header + MAGIC_BYTES + field * DIGITS;

    *value = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        uint8_t digit = digits[i];

        if (digit >= '0' && digit <= '9')
            digit = (uint8_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            digit = (uint8_t)((digit | 0x20) - 'a' + 10);
        else
            return false;
        *value = *value << 4 | digit;
    }
    return true;
}

static uint64_t align(uint64_t value)
{
    return (value + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

int cpio_next(struct cpio *archive, struct cpio_member *member)
{
    const uint8_t *header = archive->start + archive->at;
    uint64_t left = archive->bytes - archive->at;
    uint32_t name_bytes;
    uint64_t data_at;

    if (left < HEADER_BYTES || memcmp(header, MAGIC, MAGIC_BYTES) != 0 || !number(header, MODE, &member->mode) ||
        !number(header, MODIFIED, &member->modified_s) || !number(header, BYTES, &member->bytes) ||
        !number(header, NAME_BYTES, &name_bytes))
        return -EINVAL;
    if (name_bytes == 0 || name_bytes > left - HEADER_BYTES || header[HEADER_BYTES + name_bytes - 1] != 0)
        return -EINVAL;
    member->name = (const char *)header + HEADER_BYTES;
    if (strcmp(member->name, TRAILER) == 0)
        return 0;
    data_at = align(archive->at + HEADER_BYTES + name_bytes);
    if (data_at > archive->bytes || member->bytes > archive->bytes - data_at)
        return -EINVAL;
    member->data = archive->start + data_at;
    archive->at = align(data_at + member->bytes);
    if (archive->at > archive->bytes)
        archive->at = archive->bytes;
    return 1;
}
