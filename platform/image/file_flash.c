#define _GNU_SOURCE
#include "platform/image/file_flash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void program(uint8_t *at, const uint8_t *from, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        at[i] &= from[i];
}

static int start(struct flash *flash, struct flash_request *request)
{
    struct file_flash *file = flash->device;
    uint8_t *at = file->bytes + request->address;

    switch (request->operation) {
    case FLASH_READ:
        memcpy(request->into, at, request->bytes);
        break;
    case FLASH_PROGRAM:
        program(at, request->from, request->bytes);
        break;
    case FLASH_ERASE:
        memset(at, 0xff, request->bytes);
        break;
    }
    flash_finish(flash, request, 0);
    return 0;
}

static void poll(struct flash *flash)
{
    (void)flash; /* every request ends inside start() */
}

static const struct flash_driver file_driver = { .name = "file", .start = start, .poll = poll };

/* An emulator holds shared locks on some bytes of its images, so an exclusive one on all bytes tells. */
static int lock(int descriptor)
{
    struct flock everything = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (fcntl(descriptor, F_OFD_SETLK, &everything) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

static int map(struct file_flash *file, bool writable)
{
    struct stat status;

    if (fstat(file->descriptor, &status) != 0)
        return -errno;
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return -EINVAL;
    if (status.st_size > (off_t)UINT32_MAX)
        return -EFBIG;
    file->size_bytes = (uint32_t)status.st_size;
    void *bytes = mmap(NULL, file->size_bytes, PROT_READ | PROT_WRITE, writable ? MAP_SHARED : MAP_PRIVATE,
                       file->descriptor, 0);
    if (bytes == MAP_FAILED)
        return -errno;
    file->bytes = bytes;
    return 0;
}

static int open_and_map(struct file_flash *file, const char *path, int flags, uint32_t size_bytes)
{
    bool writable = (flags & O_ACCMODE) != O_RDONLY;
    int error = 0;

    *file = (struct file_flash){ .descriptor = open(path, flags | O_CLOEXEC, 0666) };
    if (file->descriptor < 0)
        return -errno;
    if (writable)
        error = lock(file->descriptor);
    if (error == 0 && size_bytes != 0 && ftruncate(file->descriptor, size_bytes) != 0)
        error = -errno;
    if (error == 0)
        error = map(file, writable);
    if (error != 0)
        close(file->descriptor);
    return error;
}

int file_flash_open(struct file_flash *file, const char *path, bool writable)
{
    return open_and_map(file, path, writable ? O_RDWR : O_RDONLY, 0);
}

int file_flash_create(struct file_flash *file, const char *path, uint32_t size_bytes)
{
    int error = open_and_map(file, path, O_RDWR | O_CREAT | O_EXCL, size_bytes);

    if (error == 0)
        memset(file->bytes, 0xff, file->size_bytes);
    else if (file->descriptor >= 0)
        (void)unlink(path);
    return error;
}

int file_flash_shape(struct file_flash *file, const struct flash_geometry *geometry, uint32_t start, uint32_t bytes)
{
    if (file->size_bytes != geometry->size_bytes)
        return -EINVAL;
    file->flash = (struct flash){ .driver = &file_driver, .device = file, .geometry = *geometry };
    return flash_open_window(&file->flash, start, bytes);
}

int file_flash_close(struct file_flash *file)
{
    int error = munmap(file->bytes, file->size_bytes) != 0 ? -errno : 0;

    file->bytes = NULL;
    if (close(file->descriptor) != 0 && error == 0)
        error = -errno;
    return error;
}
