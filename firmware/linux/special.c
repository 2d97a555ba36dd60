/* Devices that every program may expect. */
#include "firmware/linux/special.h"

#include <errno.h>
#include <string.h>

#include "firmware/random.h"
#include "firmware/usercopy.h"

#define CHUNK_BYTES 64u
#define MODE        (LINUX_S_IFCHR | 0666)

enum device { DEVICE_NULL, DEVICE_ZERO, DEVICE_FULL, DEVICE_RANDOM, DEVICE_CONSOLE };

static const struct {
    const char *path;
    enum device device;
    uint16_t number; /* Linux's major << 8 | minor */
} devices[] = {
    { "/dev/null", DEVICE_NULL, 0x103 },       { "/dev/zero", DEVICE_ZERO, 0x105 },
    { "/dev/full", DEVICE_FULL, 0x107 },       { "/dev/random", DEVICE_RANDOM, 0x108 },
    { "/dev/urandom", DEVICE_RANDOM, 0x109 },  { "/dev/tty", DEVICE_CONSOLE, 0x500 },
    { "/dev/console", DEVICE_CONSOLE, 0x501 },
};
#define DEVICES (sizeof(devices) / sizeof(devices[0]))

static int64_t fill_random(struct span to)
{
    uint8_t chunk[CHUNK_BYTES];
    uint64_t done = 0;

    while (done < to.bytes) {
        uint64_t here = to.bytes - done < CHUNK_BYTES ? to.bytes - done : CHUNK_BYTES;

        random_fill(chunk, here);
        if (copy_out(to.space, to.at + done, chunk, here))
            return done ? (int64_t)done : -EFAULT;
        done += here;
    }
    return (int64_t)done;
}

static int64_t device_read(struct file *file, struct span to, uint64_t offset)
{
    (void)offset;
    switch (devices[file->kind].device) {
    case DEVICE_NULL:
        return 0;
    case DEVICE_RANDOM:
        return fill_random(to);
    default:
        return MM_RETRY(space_zero(to.space, to.at, to.bytes)) ? -EFAULT : (int64_t)to.bytes;
    }
}

static int64_t device_write(struct file *file, struct span from, uint64_t offset)
{
    (void)offset;
    return devices[file->kind].device == DEVICE_FULL ? -ENOSPC : (int64_t)from.bytes;
}

static int device_status(struct file *file, struct linux_stat *status)
{
    status->st_mode = MODE;
    status->st_rdev = devices[file->kind].number;
    return 0;
}

static const struct file_ops device_ops = {
    .read = device_read,
    .write = device_write,
    .status = device_status,
};

int special_open(const char *path, uint32_t flags, struct file **file)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        if (strcmp(path, devices[i].path))
            continue;
        *file = devices[i].device == DEVICE_CONSOLE ? file_of_console(CONSOLE_OUT) : file_new(&device_ops, flags);
        if (!*file)
            return -ENOMEM;
        if (devices[i].device != DEVICE_CONSOLE)
            (*file)->kind = (uint8_t)i;
        return 0;
    }
    return -ENOENT;
}
