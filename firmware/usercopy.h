/*
 * Copies between the kernel and a program's memory, and every other call of mm.h that may answer -EAGAIN: they sleep
 * until memory was written back and ask again. So all of these may sleep, and what was looked up before is to be looked
 * up again afterwards.
 *
 * `space` NULL means the firmware's own memory, so that files can be read and written for the firmware too.
 */
#ifndef FIRMWARE_USERCOPY_H
#define FIRMWARE_USERCOPY_H

#include <errno.h>
#include <string.h>

#include "firmware/task.h"
#include "firmware/worker.h"
#include "mm/mm.h"

/* The value of `call`, repeated while that is -EAGAIN; -ENOMEM when waiting does not help. */
#define MM_RETRY(call)                             \
    __extension__({                                \
        int64_t mm_result_;                        \
        unsigned mm_patience_ = 0;                 \
        while ((mm_result_ = (call)) == -EAGAIN) { \
            mm_result_ = mm_wait(&mm_patience_);   \
            if (mm_result_)                        \
                break;                             \
        }                                          \
        mm_result_;                                \
    })

/* pool_get() with patience; NULL: no memory. */
MUST_CHECK static inline void *pool_wait(struct pool *pool)
{
    unsigned patience = 0;
    void *item;

    while (!(item = pool_get(pool)) && mm_wait(&patience) == 0)
        continue;
    return item;
}

/* 0, -EFAULT, -EACCES, -ENOMEM, -EIO; -EFAULT is what Linux's calls answer for all of them. */
MUST_CHECK static inline int copy_in(struct space *space, void *to, va_t from, uint64_t bytes)
{
    if (!space) {
        memcpy(to, (const void *)from, bytes);
        return 0;
    }
    return MM_RETRY(space_read(space, to, from, bytes)) ? -EFAULT : 0;
}

MUST_CHECK static inline int copy_out(struct space *space, va_t to, const void *from, uint64_t bytes)
{
    if (!space) {
        memcpy((void *)to, from, bytes);
        return 0;
    }
    return MM_RETRY(space_write(space, to, from, bytes)) ? -EFAULT : 0;
}

/* The calling task's own memory. */
MUST_CHECK static inline int user_read(void *to, va_t from, uint64_t bytes)
{
    return copy_in(task_current()->space, to, from, bytes);
}

MUST_CHECK static inline int user_write(va_t to, const void *from, uint64_t bytes)
{
    return copy_out(task_current()->space, to, from, bytes);
}

/* The length without the final 0; -ENAMETOOLONG, -EFAULT. */
MUST_CHECK static inline int64_t user_read_string(char *to, va_t from, uint64_t room)
{
    int64_t length = MM_RETRY(space_read_string(task_current()->space, to, from, room));

    return length < 0 && length != -ENAMETOOLONG ? -EFAULT : length;
}

#endif
