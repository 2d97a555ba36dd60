/* Commands about memory: maps, pte, mem, free, check, panic. */
#include "firmware/monitor_commands.h"
#include "firmware/report.h"
#include "firmware/statistics.h"
#include "firmware/usercopy.h"

static void show_region(const struct region_info *region)
{
    monitor_print("%010lx-%010lx %c%c%c%c %6u %6u %6u %6u  %s", region->start, region->end,
                  region->protection & MAP_READ ? 'r' : '-', region->protection & MAP_WRITE ? 'w' : '-',
                  region->protection & MAP_EXECUTE ? 'x' : '-', region->flags & REGION_SHARED ? 's' : 'p',
                  region->resident, region->dirty, region->tail, region->flash,
                  region->name     ? region->name
                  : region->object ? ""
                                   : "anonymous");
    if (region->object && object_node(region->object))
        monitor_print("%sfile %u +0x%lx", region->name ? " " : "", object_node(region->object), region->offset);
    monitor_print("\n");
}

int monitor_maps(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct process *process = monitor_process(words[1]);
    struct region_info region;

    (void)host, (void)count;
    if (!process)
        return -ESRCH;
    monitor_print("address               access in RAM  dirty   tail  flash  (pages)\n");
    for (va_t above = 0; space_region(process->space, above, true, &region) == 0; above = region.end)
        show_region(&region);
    return 0;
}

/* A page-table entry in words (privileged specification 1.12, section 4.4.1; a V=0 entry is mm/DESIGN.md's). */
static void show_entry(unsigned level, uint64_t index, uint64_t pte, bool writable)
{
    static const char letters[] = "vrwxugad";

    monitor_print("level %u entry %3lu: %016lx ", level, index, pte);
    if (pte == 0) {
        monitor_print("nothing\n");
    } else if (!(pte & 1)) {
        monitor_print("slot %lu\n", pte >> 10);
    } else {
        for (unsigned bit = 0; letters[bit]; bit++)
            monitor_print("%c", pte >> bit & 1 ? letters[bit] : '-');
        monitor_print(" %s at 0x%lx%s\n", pte & 0xe ? "page" : "table", (pte >> 10 & 0xfffffffffff) << PAGE_SHIFT,
                      !(pte & 0x100) ? ""
                      : writable     ? ", copied at the first store"
                                     : ", shared");
    }
}

int monitor_pte(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct process *process = monitor_process(words[1]);
    struct region_info region;
    struct page_info page;
    uint64_t address;

    (void)host, (void)count;
    if (!process || !monitor_number(words[2], &address))
        return process ? -EINVAL : -ESRCH;
    space_page(process->space, address, &page);
    bool writable = space_region(process->space, address, false, &region) == 0 && region.protection & MAP_WRITE;

    for (int i = 0; i < page.levels; i++) {
        unsigned level = 2 - (unsigned)i;

        show_entry(level, address >> (PAGE_SHIFT + 9 * level) & 511, page.pte[i], writable);
    }
    monitor_print("%s", report_page_state(page.state));
    if (page.state == PAGE_RESIDENT)
        monitor_print(", frame at 0x%lx, mapped %u times", page.frame.raw, page.maps);
    if (page.slot)
        monitor_print(", slot %u", page.slot);
    monitor_print("\n");
    return 0;
}

int monitor_memory(const struct monitor_host *host, unsigned count, const char *const *words)
{
    static const char *const kinds[FAULT_KINDS] = {
        [FAULT_SPURIOUS] = "spurious", [FAULT_ZERO] = "zero",     [FAULT_ZERO_READ] = "zero-read",
        [FAULT_COPY] = "copy",         [FAULT_FILE] = "file",     [FAULT_TAIL] = "tail",
        [FAULT_FLASH] = "flash",       [FAULT_MAPPED] = "mapped",
    };
    struct mm_statistics s;

    (void)host, (void)count, (void)words;
    mm_statistics(&s);
    monitor_print("frames    %u: %u free, %u firmware, %u tables, %u anonymous, %u object; at most %u in use\n",
                  s.frames_total, s.frames_free, s.frames_firmware, s.frames_table, s.frames_anonymous, s.frames_object,
                  s.frames_peak);
    monitor_print("promised  %lu of %lu pages; pinned %u of %u frames, %u by the store\n", s.promised_pages,
                  s.promise_limit_pages, s.pinned_frames, s.pinned_limit_frames, s.pinned_store_frames);
    monitor_print("evicted   %lu clean, %lu dirty, %lu zero\nfaults   ", s.evict_clean, s.evict_dirty, s.evict_zero);
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        monitor_print(" %s %lu", kinds[kind], s.faults[kind]);
    monitor_print("\n");
    return 0;
}

int monitor_free(const struct monitor_host *host, unsigned count, const char *const *words)
{
    struct mm_statistics s;

    (void)host, (void)count, (void)words;
    mm_statistics(&s);
    monitor_print("RAM   %u KiB, %u KiB free\n", s.frames_total * 4, s.frames_free * 4);
    if (mm_store())
        monitor_print("swap  %lu KiB at least, %lu KiB of all memory promised\n", store_capacity_pages(mm_store()) * 4,
                      s.promised_pages * 4);
    return 0;
}

int monitor_check(const struct monitor_host *host, unsigned count, const char *const *words)
{
    const char *broken = statistics_check_memory();
    int error = broken ? -EIO : 0;

    (void)host, (void)words;
    monitor_print("memory: %s\n", broken ? broken : "good");
    if (!mm_store())
        return error;
    broken = store_check(mm_store());
    monitor_print("store: %s\n", broken ? broken : "good");
    if (count > 1)
        return broken ? -EIO : error;
    uint32_t bad = store_verify(mm_store());
    monitor_print("records on flash: %u bad\n", bad);
    return broken || bad ? -EIO : error;
}

int monitor_panic(const struct monitor_host *host, unsigned count, const char *const *words)
{
    (void)host, (void)count, (void)words;
    if (!report_show_last())
        monitor_print("there was none\n");
    return 0;
}
