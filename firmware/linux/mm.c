/* Calls about a program's memory: Linux's arguments in, requests of mm.h out. */
#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/limit.h"
#include "firmware/linux/mm.h"
#include "firmware/pages.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define PROTECTION_BITS (LINUX_PROT_READ | LINUX_PROT_WRITE | LINUX_PROT_EXEC)

/* RISC-V has no pages that can be written and not read. */
static uint32_t protection_of(uint64_t linux)
{
    uint32_t protection = 0;

    if (linux & (LINUX_PROT_READ | LINUX_PROT_WRITE))
        protection |= MAP_READ;
    if (linux & LINUX_PROT_WRITE)
        protection |= MAP_WRITE;
    if (linux & LINUX_PROT_EXEC)
        protection |= MAP_EXECUTE;
    return protection;
}

/* ---- The heap ---- */

static int heap_resize(struct process *process, va_t end)
{
    const struct space_heap *heap = space_heap(process->space);
    va_t old_pages = page_up(heap->end);
    va_t new_pages = page_up(end);

    if (new_pages < old_pages)
        return (int)MM_RETRY(space_unmap(process->space, new_pages, old_pages - new_pages));
    if (new_pages == old_pages)
        return 0;
    if (!limit_allows_data(new_pages - old_pages) || (heap->locks_future && limit_check_locked(new_pages - old_pages)))
        return -ENOMEM;
    int64_t address = MM_RETRY(space_map(
        process->space, &(struct map_request){
                            .address = old_pages,
                            .bytes = new_pages - old_pages,
                            .protection = MAP_READ | MAP_WRITE,
                            .flags = REGION_FIXED | REGION_NOREPLACE | (heap->locks_future ? REGION_LOCKED : 0),
                            .name = "heap",
                        }));

    return address < 0 ? (int)address : 0;
}

/* Answers where the heap ends now: the old end when it could not be moved. */
int64_t sys_brk(va_t end)
{
    struct process *process = process_current();
    struct space_heap *heap = space_heap(process->space);

    if (end >= heap->start && end < USER_TOP && heap_resize(process, end) == 0)
        heap->end = end;
    return (int64_t)heap->end;
}

/* ---- Mapping ---- */

static uint32_t region_flags(uint64_t flags)
{
    uint32_t region = 0;

    if ((flags & LINUX_MAP_TYPE) != LINUX_MAP_PRIVATE)
        region |= REGION_SHARED;
    if (flags & (LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE))
        region |= REGION_FIXED;
    if (flags & LINUX_MAP_FIXED_NOREPLACE)
        region |= REGION_NOREPLACE;
    /* C libraries ask for as much as the main stack may grow to for each thread, and use a page or two of it. */
    if (flags & (LINUX_MAP_NORESERVE | LINUX_MAP_STACK))
        region |= REGION_NORESERVE;
    if (flags & LINUX_MAP_LOCKED || space_heap(own_space())->locks_future)
        region |= REGION_LOCKED;
    if (flags & LINUX_MAP_GROWSDOWN)
        region |= REGION_GROWSDOWN;
    return region;
}

/* The file behind a mapping may be mapped so. */
static int check_file(const struct file *file, const struct map_request *request)
{
    uint32_t access = file->flags & LINUX_O_ACCMODE;

    if (!file->ops->object && !file->ops->maps_zeros)
        return -ENODEV;
    if (access == LINUX_O_WRONLY)
        return -EACCES;
    if (request->flags & REGION_SHARED && request->protection & MAP_WRITE && access != LINUX_O_RDWR)
        return -EACCES;
    return 0;
}

static int64_t map_shared_memory(struct map_request *request)
{
    int64_t result = MM_RETRY(object_make(request->bytes, &request->object));

    if (result)
        return result;
    result = MM_RETRY(space_map(own_space(), request));
    object_put(request->object);
    return result;
}

static int64_t map_zeros(struct map_request *request)
{
    request->offset = 0;
    return request->flags & REGION_SHARED ? map_shared_memory(request) : MM_RETRY(space_map(own_space(), request));
}

static int64_t map_file(struct file *file, struct map_request *request)
{
    int64_t error = check_file(file, request);

    if (error)
        return error;
    if (file->ops->maps_zeros)
        return map_zeros(request);
    if (request->flags & REGION_SHARED && (file->flags & LINUX_O_ACCMODE) == LINUX_O_RDONLY)
        request->flags |= REGION_NOWRITE;
    request->object = file->ops->object(file);
    return MM_RETRY(space_map(own_space(), request));
}

static int64_t map_descriptor(uint64_t descriptor, struct map_request *request)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = map_file(file, request);

    file_put(file);
    return result;
}

/*
 * Page by page, so that what has been put out again meanwhile is not begun anew. What does not succeed now is tried again at
 * the first access, as on Linux.
 */
static void populate(va_t address, uint64_t bytes)
{
    for (va_t end = address + bytes; address < end && !task_pause(); address += PAGE_BYTES)
        if (MM_RETRY(space_advise(own_space(), address, PAGE_BYTES, ADVICE_POPULATE)))
            return;
}

int64_t sys_mmap(va_t address, uint64_t bytes, uint64_t protection, uint64_t flags, uint64_t descriptor,
                 uint64_t offset)
{
    uint64_t type = flags & LINUX_MAP_TYPE;
    struct map_request request = {
        .address = address,
        .bytes = page_up(bytes),
        .protection = protection_of(protection),
        .flags = region_flags(flags),
        .limit_bytes = process_current()->limits[LIMIT_STACK].now,
    };
    int64_t result;

    if (bytes == 0 || type == 0 ||
        type > (flags & LINUX_MAP_ANONYMOUS ? LINUX_MAP_PRIVATE : LINUX_MAP_SHARED_VALIDATE) ||
        !is_page_aligned(offset) || protection & ~(uint64_t)PROTECTION_BITS)
        return -EINVAL;
    if (request.bytes < bytes || request.bytes > USER_TOP)
        return -ENOMEM;
    if (request.flags & REGION_FIXED && !is_page_aligned(address))
        return -EINVAL;
    if (!(request.flags & REGION_FIXED))
        request.address = page_up(address);
    if (request.protection & MAP_WRITE && !(request.flags & REGION_SHARED) && !limit_allows_data(request.bytes))
        return -ENOMEM;
    result = request.flags & REGION_LOCKED ? limit_check_locked(request.bytes) : 0;
    if (result)
        return result == -ENOMEM ? -EAGAIN : result;
    if (type == LINUX_MAP_SHARED_VALIDATE && flags & ~(uint64_t)LINUX_MAP_LEGACY)
        return -EOPNOTSUPP;
    request.offset = offset;
    result = flags & LINUX_MAP_ANONYMOUS ? map_zeros(&request) : map_descriptor(descriptor, &request);
    if (result >= 0 && (flags & LINUX_MAP_POPULATE || request.flags & REGION_LOCKED))
        populate((va_t)result, request.bytes);
    return result;
}

int mm_check_range(va_t address, uint64_t *bytes)
{
    uint64_t pages = page_up(*bytes);

    if (!is_page_aligned(address) || pages < *bytes || address + pages < address)
        return -EINVAL;
    *bytes = pages;
    return 0;
}

int64_t sys_munmap(va_t address, uint64_t bytes)
{
    int error = mm_check_range(address, &bytes);

    if (error || bytes == 0)
        return -EINVAL;
    return MM_RETRY(space_unmap(own_space(), address, bytes));
}

int64_t sys_mprotect(va_t address, uint64_t bytes, uint64_t protection)
{
    if (!is_page_aligned(address))
        return -EINVAL;
    if (bytes == 0)
        return 0;
    if (protection & ~(uint64_t)PROTECTION_BITS)
        return -EINVAL;
    int64_t result = MM_RETRY(space_protect(own_space(), address, bytes, protection_of(protection)));

    /* Where no task can map anything, nothing is mapped. */
    return result == -EFAULT || result == -EINVAL ? -ENOMEM : result;
}
