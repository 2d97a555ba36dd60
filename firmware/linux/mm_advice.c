/* Calls about a program's memory beside mapping it: moving, advice, questions, writing back, locking. */
#include <errno.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/limit.h"
#include "firmware/linux/mm.h"
#include "firmware/pages.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define MINCORE_CHUNK 64u

int64_t sys_mremap(va_t old, uint64_t old_bytes, uint64_t new_bytes, uint64_t flags, va_t to)
{
    uint32_t remap = 0;

    if (!is_page_aligned(old) || flags & ~(uint64_t)(LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED))
        return -EINVAL;
    if (page_up(old_bytes) < old_bytes || page_up(new_bytes) < new_bytes || new_bytes == 0)
        return -EINVAL;
    if (flags & LINUX_MREMAP_MAYMOVE)
        remap |= REMAP_MAYMOVE;
    if (flags & LINUX_MREMAP_FIXED)
        remap |= REMAP_FIXED;
    if (remap == REMAP_FIXED || (remap & REMAP_FIXED && !is_page_aligned(to)))
        return -EINVAL;
    return MM_RETRY(space_remap(own_space(), old, page_up(old_bytes), page_up(new_bytes), remap, to));
}

/* ---- Advice and questions ---- */

/* What Linux's numbers mean here, and one more; 0: nothing. */
#define IDLE 127 /* advice that changes nothing here */
static const uint8_t advices[] = {
    [LINUX_MADV_NORMAL] = IDLE,
    [LINUX_MADV_RANDOM] = IDLE,
    [LINUX_MADV_SEQUENTIAL] = IDLE,
    [LINUX_MADV_WILLNEED] = 1 + ADVICE_NEED,
    [LINUX_MADV_DONTNEED] = 1 + ADVICE_DROP,
    [LINUX_MADV_FREE] = 1 + ADVICE_FREE,
    [LINUX_MADV_DONTFORK] = 1 + ADVICE_DONTFORK,
    [LINUX_MADV_DOFORK] = 1 + ADVICE_DOFORK,
    [LINUX_MADV_HUGEPAGE] = IDLE,
    [LINUX_MADV_NOHUGEPAGE] = IDLE,
    [LINUX_MADV_COLD] = 1 + ADVICE_COLD,
    [LINUX_MADV_PAGEOUT] = 1 + ADVICE_OUT,
};

/* What a call does with one region, or the part of it in [start, end). */
typedef int region_call(const struct region_info *region, va_t start, va_t end, uint64_t how);

/* All that is mapped of a range, in order, to the first error; -ENOMEM if some of it is not, at once unless `over_holes`. */
static int each_region(va_t start, va_t end, bool over_holes, region_call *call, uint64_t how)
{
    struct region_info region;
    int result = 0;

    for (va_t at = start; at < end; at = region.end) {
        bool none = space_region(own_space(), at, false, &region) || region.start >= end;

        if (none || region.start > at)
            result = -ENOMEM;
        if (none || (result && !over_holes))
            return result;
        int error = (int)MM_RETRY(
            call(&region, at > region.start ? at : region.start, region.end < end ? region.end : end, how));

        if (error)
            return error == -EFAULT ? -ENOMEM : error; /* another thread has unmapped it meanwhile */
    }
    return result;
}

static int advise_region(const struct region_info *region, va_t start, va_t end, uint64_t advice)
{
    (void)region;
    return advice == IDLE ? 0 : space_advise(own_space(), start, end - start, (enum advice)(advice - 1));
}

int64_t sys_madvise(va_t address, uint64_t bytes, uint64_t linux)
{
    uint8_t advice = (uint32_t)linux < sizeof(advices) ? advices[(uint32_t)linux] : 0;

    if (!advice || mm_check_range(address, &bytes))
        return -EINVAL;
    return each_region(address, address + bytes, true, advise_region, advice);
}

int64_t sys_mincore(va_t address, uint64_t bytes, va_t vector)
{
    uint8_t chunk[MINCORE_CHUNK];

    if (!is_page_aligned(address))
        return -EINVAL;
    if (mm_check_range(address, &bytes))
        return -ENOMEM;
    for (uint64_t page = 0; page < bytes / PAGE_BYTES && !task_pause(); page += MINCORE_CHUNK) {
        uint64_t count = bytes / PAGE_BYTES - page < MINCORE_CHUNK ? bytes / PAGE_BYTES - page : MINCORE_CHUNK;

        for (uint64_t i = 0; i < count; i++) {
            struct page_info info;

            space_page(own_space(), address + (page + i) * PAGE_BYTES, &info);
            if (info.state == PAGE_UNMAPPED)
                return -ENOMEM;
            chunk[i] = info.state == PAGE_RESIDENT || info.state == PAGE_ZERO;
        }
        if (user_write(vector + page, chunk, count))
            return -EFAULT;
    }
    return 0;
}

static int sync_region(const struct region_info *region, va_t start, va_t end, uint64_t flags)
{
    return flags & LINUX_MS_INVALIDATE && region->flags & REGION_LOCKED ? -EBUSY
                                                                        : space_sync(own_space(), start, end - start);
}

int64_t sys_msync(va_t address, uint64_t bytes, uint64_t flags)
{
    if (mm_check_range(address, &bytes) || flags & ~(uint64_t)(LINUX_MS_ASYNC | LINUX_MS_INVALIDATE | LINUX_MS_SYNC) ||
        (flags & LINUX_MS_ASYNC && flags & LINUX_MS_SYNC))
        return -EINVAL;
    return each_region(address, address + bytes, flags != LINUX_MS_ASYNC, sync_region, flags);
}

static int lock_region(const struct region_info *region, va_t start, va_t end, uint64_t on)
{
    (void)region;
    return space_lock(own_space(), start, end - start, on);
}

static int64_t lock(va_t address, uint64_t bytes, bool on)
{
    va_t start = page_down(address);
    int error;

    bytes += address - start;
    if (mm_check_range(start, &bytes))
        return -EINVAL;
    error = on ? limit_check_locked(bytes) : 0;
    return error ? error : each_region(start, start + bytes, false, lock_region, on);
}

int64_t sys_mlock(va_t address, uint64_t bytes)
{
    return lock(address, bytes, true);
}

int64_t sys_munlock(va_t address, uint64_t bytes)
{
    return lock(address, bytes, false);
}

/* What is locked at the first access on Linux is locked at once here. */
int64_t sys_mlock2(va_t address, uint64_t bytes, uint64_t flags)
{
    return flags & ~(uint64_t)LINUX_MLOCK_ONFAULT ? -EINVAL : lock(address, bytes, true);
}

/* All regions, as far as it goes: -EAGAIN is for what the frames do not suffice for (POSIX, mlockall). */
static int lock_regions(bool on)
{
    struct region_info region;
    int result = 0;

    for (va_t at = 0; space_region(own_space(), at, false, &region) == 0; at = region.end)
        if (MM_RETRY(space_lock(own_space(), region.start, region.end - region.start, on)))
            result = -EAGAIN;
    return result;
}

int64_t sys_mlockall(uint64_t flags)
{
    uint64_t what = flags & (LINUX_MCL_CURRENT | LINUX_MCL_FUTURE);
    int error;

    if (!what || flags & ~(uint64_t)(LINUX_MCL_CURRENT | LINUX_MCL_FUTURE | LINUX_MCL_ONFAULT))
        return -EINVAL;
    error = limit_check_locked(flags & LINUX_MCL_CURRENT ? limit_mapped_bytes() : 0);
    if (error)
        return error;
    space_heap(own_space())->locks_future = flags & LINUX_MCL_FUTURE;
    return flags & LINUX_MCL_CURRENT ? lock_regions(true) : 0;
}

int64_t sys_munlockall(void)
{
    space_heap(own_space())->locks_future = false;
    return lock_regions(false);
}
