/* /proc/PID/maps, smaps, pagemap: regions and pages, in Linux's formats. */
#include <errno.h>
#include <string.h>

#include "firmware/linux/memory_tree.h"
#include "firmware/linux/path.h"
#include "firmware/linux/proc.h"
#include "firmware/usercopy.h"

#define KIB_PER_PAGE (PAGE_BYTES / 1024)
#define PATH_COLUMN  73u
#define PATH_ROOM    256u
#define WORDS        32u

/* Documentation/admin-guide/mm/pagemap.rst of Linux 6.1 */
#define PAGEMAP_PRESENT   (1ull << 63)
#define PAGEMAP_SWAPPED   (1ull << 62)
#define PAGEMAP_FILE      (1ull << 61)
#define PAGEMAP_EXCLUSIVE (1ull << 56)
/* Of a swapped page: which "swap file" in bits 0 to 4, 0 for the tail and 1 for the flash, and its slot above. */
#define PAGEMAP_SLOT 5u

bool proc_object_path(const struct object *object, inode_t *inode, char *path, uint32_t room)
{
    *inode = inode_of_object(object);
    return *inode && path_of_inode(*inode, path, room) > 0;
}

static void add_path(struct text *text, const struct region_info *region, const char *path)
{
    if (region->object)
        text_add(text, "%s", path);
    else if (region->name && (!strcmp(region->name, "stack") || !strcmp(region->name, "heap")))
        text_add(text, "[%s]", region->name);
}

/* The line of maps; smaps begins each region with the same one. */
static void add_region(struct text *text, const struct region_info *region)
{
    uint64_t line = text->printed;
    char path[PATH_ROOM] = "/dev/zero (deleted)";
    inode_t inode = 0;

    if (region->object && !proc_object_path(region->object, &inode, path, sizeof(path)))
        strcpy(path, inode ? "(deleted)" : "/dev/zero (deleted)");
    text_add(text, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %u ", region->start, region->end,
             region->protection & MAP_READ ? 'r' : '-', region->protection & MAP_WRITE ? 'w' : '-',
             region->protection & MAP_EXECUTE ? 'x' : '-', region->flags & REGION_SHARED ? 's' : 'p', region->offset, 0,
             region->object ? 1u + (unsigned)inode_kind(inode) : 0, inode);
    if (region->object || region->name)
        text_pad(text, line, PATH_COLUMN);
    add_path(text, region, path);
    text_add(text, "\n");
}

void proc_process_maps(struct text *text, const struct process *process)
{
    struct region_info region;

    for (va_t at = 0; process->space && !text_is_full(text); at = region.end) {
        if (space_region(process->space, at, false, &region))
            break;
        add_region(text, &region);
    }
}

static void add_kib(struct text *text, const char *name, uint64_t pages)
{
    uint64_t line = text->printed;

    text_add(text, "%s:", name);
    text_pad(text, line, 16);
    text_add(text, "%8lu kB\n", pages * KIB_PER_PAGE);
}

static void add_flags(struct text *text, const struct region_info *region)
{
    text_add(text, "VmFlags: %s%s%s%smr mw me %s%s%s%s\n", region->protection & MAP_READ ? "rd " : "",
             region->protection & MAP_WRITE ? "wr " : "", region->protection & MAP_EXECUTE ? "ex " : "",
             region->flags & REGION_SHARED ? "sh " : "", region->flags & REGION_GROWSDOWN ? "gd " : "",
             region->flags & REGION_LOCKED ? "lo " : "", region->flags & REGION_NORESERVE ? "nr " : "",
             region->flags & REGION_DONTFORK ? "dc " : "");
}

static void add_counts(struct text *text, const struct region_info *region)
{
    uint64_t shared = region->shared, only = region->resident - shared;
    uint64_t shared_dirty = region->shared_dirty, dirty = region->dirty - shared_dirty;

    add_kib(text, "Size", (region->end - region->start) / PAGE_BYTES);
    add_kib(text, "KernelPageSize", 1);
    add_kib(text, "MMUPageSize", 1);
    add_kib(text, "Rss", region->resident);
    text_add(text, "Pss:            %8lu kB\n", region->share_bytes / 1024);
    add_kib(text, "Shared_Clean", shared - shared_dirty);
    add_kib(text, "Shared_Dirty", shared_dirty);
    add_kib(text, "Private_Clean", only - dirty);
    add_kib(text, "Private_Dirty", dirty);
    add_kib(text, "Referenced", region->referenced);
    add_kib(text, "Anonymous", region->anonymous);
    add_kib(text, "LazyFree", 0);
    add_kib(text, "AnonHugePages", 0);
    add_kib(text, "Swap", (uint64_t)region->tail + region->flash);
    add_kib(text, "SwapPss", (uint64_t)region->tail + region->flash);
    add_kib(text, "Locked", region->flags & REGION_LOCKED ? region->resident : 0);
    text_add(text, "THPeligible:    0\n");
    add_flags(text, region);
}

void proc_process_smaps(struct text *text, const struct process *process)
{
    struct region_info region;

    for (va_t at = 0; process->space && !text_is_full(text); at = region.end) {
        if (space_region(process->space, at, true, &region))
            break;
        add_region(text, &region);
        add_counts(text, &region);
    }
}

/* ---- pagemap: 64 bits for each page from address 0 on ---- */

static uint64_t pagemap_word(struct space *space, va_t at)
{
    struct page_info page;

    space_page(space, at, &page);
    bool mapped = page.levels == 3 && page.pte[2];

    switch (page.state) {
    case PAGE_ZERO:
    case PAGE_RESIDENT:
        if (!mapped)
            return 0; /* in a frame, but nobody here has touched it */
        return PAGEMAP_PRESENT | page.frame.raw / PAGE_BYTES | (page.maps == 1 ? PAGEMAP_EXCLUSIVE : 0);
    case PAGE_TAIL:
    case PAGE_FLASH:
        return mapped ? PAGEMAP_SWAPPED | (uint64_t)page.slot << PAGEMAP_SLOT | (page.state == PAGE_FLASH) : 0;
    default:
        return 0;
    }
}

int64_t proc_process_pagemap(const struct process *process, struct space *space, struct span to, uint64_t offset)
{
    uint64_t words[WORDS], done = 0;

    (void)process;
    if ((offset | to.bytes) % sizeof(words[0]))
        return -EINVAL;
    while (done < to.bytes && (offset + done) / sizeof(words[0]) < USER_TOP / PAGE_BYTES) {
        unsigned count = 0;

        for (; count < WORDS && done + count * sizeof(words[0]) < to.bytes; count++)
            words[count] = pagemap_word(space, ((offset + done) / sizeof(words[0]) + count) * PAGE_BYTES);
        if (copy_out(to.space, to.at + done, words, count * sizeof(words[0])))
            return done ? (int64_t)done : -EFAULT;
        done += count * sizeof(words[0]);
    }
    return (int64_t)done;
}
