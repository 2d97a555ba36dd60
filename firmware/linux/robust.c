/* Robust futexes: a list in the program's memory of the locks that a thread holds (Documentation/locking/robust-futex-ABI). */
#include <errno.h>

#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/futex.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

int64_t sys_set_robust_list(va_t head, uint64_t bytes)
{
    if (bytes != sizeof(struct linux_robust_list_head))
        return -EINVAL;
    task_current()->robust_list = head;
    return 0;
}

int64_t sys_get_robust_list(uint64_t thread, va_t head, va_t bytes)
{
    const struct task *task = (uint32_t)thread ? process_find_thread((uint32_t)thread) : task_current();

    if (!task)
        return -ESRCH;
    const va_t list = task->robust_list; /* the task may be gone after a sleep */

    if (user_write(bytes, &(uint64_t){ sizeof(struct linux_robust_list_head) }, sizeof(uint64_t)))
        return -EFAULT;
    return user_write(head, &list, sizeof(list));
}

/* One lock. False: the list cannot be read on. */
static bool leave_lock(va_t entry, int64_t offset, bool was_pending)
{
    struct task *task = task_current();
    va_t at = (entry & ~(va_t)LINUX_ROBUST_LIST_PI) + (uint64_t)offset;
    uint32_t value, seen;

    if (at % sizeof(uint32_t) || user_read(&value, at, sizeof(value)))
        return false;
    if (was_pending && !value) { /* it died between letting go and waking */
        (void)futex_wake(at, 1);
        return true;
    }
    while ((value & LINUX_FUTEX_TID_MASK) == task->id) {
        uint32_t dead = (value & LINUX_FUTEX_WAITERS) | LINUX_FUTEX_OWNER_DIED;

        if (MM_RETRY(space_compare_swap(task->space, at, value, dead, &seen)))
            return false;
        if (seen == value) {
            if (value & LINUX_FUTEX_WAITERS)
                (void)futex_wake(at, 1);
            return true;
        }
        value = seen;
    }
    return true;
}

void robust_list_exit(void)
{
    va_t list = task_current()->robust_list, entry;
    struct linux_robust_list_head head;

    task_current()->robust_list = 0;
    if (!list || user_read(&head, list, sizeof(head)))
        return;
    entry = head.first;
    for (unsigned i = 0; i < LINUX_ROBUST_LIST_LIMIT && (entry & ~(va_t)LINUX_ROBUST_LIST_PI) != list; i++) {
        va_t next;
        /* Before the lock is left: then it is somebody else's, and may be gone. */
        bool more = user_read(&next, entry & ~(va_t)LINUX_ROBUST_LIST_PI, sizeof(next)) == 0;

        if (entry != head.pending && !leave_lock(entry, head.futex_offset, false))
            return;
        if (!more)
            return;
        entry = next;
    }
    if (head.pending)
        (void)leave_lock(head.pending, head.futex_offset, true);
}
