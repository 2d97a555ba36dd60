/*
 * eventfd(2): a counter that is read and written like a file. It is the file's position, which nothing else moves, since such
 * a file cannot be sought in.
 */
#include <errno.h>

#include "firmware/linux/abi_files.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/task.h"
#include "firmware/usercopy.h"
#include "hal/timer.h"

#define COUNT_MOST (UINT64_MAX - 1)

enum { COUNTER, SEMAPHORE };

/* Everybody who waits for any: there are few. */
static struct wait_queue changed = WAIT_QUEUE_INIT(changed);

static int wait_change(const struct file *file)
{
    return file->flags & LINUX_O_NONBLOCK ? -EAGAIN : task_sleep(&changed, TIMER_NEVER);
}

static int64_t eventfd_read(struct file *file, struct span to, uint64_t offset)
{
    (void)offset;
    if (to.bytes < sizeof(uint64_t))
        return -EINVAL;
    while (!file->offset) {
        int error = wait_change(file);

        if (error)
            return error;
    }
    uint64_t value = file->kind == SEMAPHORE ? 1 : file->offset;

    file->offset -= value;
    (void)wait_wake(&changed, WAKE_ALL);
    int error = copy_out(to.space, to.at, &value, sizeof(value));

    return error ? error : (int64_t)sizeof(value);
}

static int64_t eventfd_write(struct file *file, struct span from, uint64_t offset)
{
    uint64_t value;

    (void)offset;
    if (from.bytes < sizeof(value))
        return -EINVAL;
    int error = copy_in(from.space, &value, from.at, sizeof(value));

    if (!error && value > COUNT_MOST)
        error = -EINVAL;
    while (!error && value > COUNT_MOST - file->offset)
        error = wait_change(file);
    if (error)
        return error;
    file->offset += value;
    (void)wait_wake(&changed, WAKE_ALL);
    return sizeof(value);
}

static int eventfd_status(struct file *file, struct linux_stat *status)
{
    (void)file;
    status->st_mode = 0600;
    return 0;
}

static uint32_t eventfd_ready(struct file *file)
{
    return (file->offset ? LINUX_POLLIN : 0) | (file->offset < COUNT_MOST ? LINUX_POLLOUT : 0);
}

static struct wait_queue *eventfd_queue(struct file *file)
{
    (void)file;
    return &changed;
}

static const struct file_ops eventfd_ops = {
    .read = eventfd_read,
    .write = eventfd_write,
    .status = eventfd_status,
    .ready = eventfd_ready,
    .queue = eventfd_queue,
};

int64_t sys_eventfd2(uint64_t count, uint64_t flags)
{
    if (flags & ~(uint64_t)(LINUX_EFD_SEMAPHORE | LINUX_O_CLOEXEC | LINUX_O_NONBLOCK))
        return -EINVAL;
    struct file *file = file_new(&eventfd_ops, ((uint32_t)flags & LINUX_O_NONBLOCK) | LINUX_O_RDWR);

    if (!file)
        return -ENOMEM;
    file->offset = (uint32_t)count;
    file->kind = flags & LINUX_EFD_SEMAPHORE ? SEMAPHORE : COUNTER;
    return files_add_or_put(file, 0, flags & LINUX_O_CLOEXEC);
}
