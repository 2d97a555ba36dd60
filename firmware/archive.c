#include "firmware/archive.h"

#include <errno.h>
#include <string.h>

#include "firmware/kmap.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/log.h"
#include "firmware/usercopy.h"
#include "mm/mm.h"
#include "platform/cpio.h"

#define COMPARE_BYTES 256u

static struct {
    unsigned files, written;
} unpacked;

/* Whether the open file holds exactly this. */
static bool is_same(struct file *file, const struct cpio_member *member)
{
    uint8_t part[COMPARE_BYTES];

    for (uint32_t at = 0; at < member->bytes; at += COMPARE_BYTES) {
        uint32_t left = member->bytes - at;
        uint32_t bytes = left < COMPARE_BYTES ? left : COMPARE_BYTES;

        if (file_read(file, (struct span){ NULL, (va_t)part, bytes }, at) != bytes ||
            memcmp(part, member->data + at, bytes) != 0)
            return false;
    }
    return file_read(file, (struct span){ NULL, (va_t)part, 1 }, member->bytes) == 0;
}

static bool is_there(const struct cpio_member *member)
{
    struct file *file;

    if (file_open(NODE_ROOT, member->name, LINUX_O_RDONLY, 0, &file))
        return false;
    bool same = is_same(file, member);

    file_put(file);
    return same;
}

static int write_file(const struct cpio_member *member)
{
    const struct span from = { NULL, (va_t)member->data, member->bytes };
    struct file *file;
    int error = file_open(NODE_ROOT, member->name, LINUX_O_WRONLY | LINUX_O_CREAT | LINUX_O_TRUNC, member->mode & 0777,
                          &file);

    if (error)
        return error;
    int64_t bytes = member->bytes ? file_write(file, from, 0) : 0;

    file_put(file);
    if (bytes == member->bytes)
        unpacked.written++;
    return bytes < 0 ? (int)bytes : bytes == member->bytes ? 0 : -ENOSPC;
}

static int make_directory(const struct cpio_member *member)
{
    struct path_end end;
    uint32_t node;
    int error = path_walk(INODE_ROOT, member->name, LAST_NAME, &end);

    if (error || end.inode)
        return error;
    return inode_make(end.directory, end.name, LINUX_S_IFDIR | (member->mode & 0777), &node);
}

static int unpack(const struct cpio_member *member)
{
    if ((member->mode & LINUX_S_IFMT) == LINUX_S_IFDIR)
        return make_directory(member);
    if ((member->mode & LINUX_S_IFMT) != LINUX_S_IFREG)
        return -EINVAL;
    unpacked.files++;
    return is_there(member) ? 0 : write_file(member);
}

void archive_unpack(struct fdt_range archive)
{
    struct cpio_member member;
    struct cpio cpio = { .bytes = archive.bytes };
    int found;

    if (!archive.bytes)
        return;
    cpio.start = kmap_ram(archive.start, archive.bytes);
    if (!cpio.start) {
        log_line("files: %lu bytes at 0x%lx cannot be mapped", archive.bytes, archive.start);
        return;
    }
    while ((found = cpio_next(&cpio, &member)) > 0) {
        int error = unpack(&member);

        if (error)
            log_line("files: %s is left out (error %d)", member.name, -error);
    }
    if (found < 0)
        log_line("files: the archive at 0x%lx is broken at byte %lu", archive.start, cpio.at);
    log_line("files: %u came with the firmware, %u of them new", unpacked.files, unpacked.written);
}
