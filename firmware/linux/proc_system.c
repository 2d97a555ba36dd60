/* /proc: what is known of the machine, in Linux's formats. */
#include "firmware/clock.h"
#include "firmware/linux/proc.h"
#include "firmware/linux/times.h"
#include "hal/timer.h"

#define KIB_PER_PAGE (PAGE_BYTES / 1024)
#define NS_PER_TICK  (NS_PER_S / LINUX_CLOCK_TICKS_HZ)
#define NS_PER_CENTI 10000000u

void proc_version(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, "Linux version " LINUX_RELEASE " (vellum) #1 SMP Vellum\n");
}

void proc_release(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, LINUX_RELEASE "\n");
}

/* As mode 2: what is promised is there. */
void proc_overcommit(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, "2\n");
}

void proc_pid_max(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, "%u\n", PROCESS_ID_MAX + 1);
}

void proc_filesystems(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, "\tvellum\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tproc\n");
}

void proc_mounts(struct text *text, const struct process *process)
{
    (void)process;
    text_add(text, "/dev/flash / vellum rw 0 0\n"
                   "devtmpfs /dev devtmpfs rw 0 0\n"
                   "tmpfs /dev/shm tmpfs rw 0 0\n"
                   "proc /proc proc rw 0 0\n"
                   "tmpfs /tmp tmpfs rw 0 0\n");
}

void proc_cpuinfo(struct text *text, const struct process *process)
{
    const struct hart *hart = hart_current();

    (void)process;
    text_add(text, "processor\t: 0\nhart\t\t: %u\nisa\t\t: rv64ima%sc\nmmu\t\t: sv39\n\n", hart->id,
             hart->has_float ? "fd" : "");
}

/* ---- Time and processes ---- */

static void add_seconds(struct text *text, uint64_t ns)
{
    uint64_t hundredths = ns / NS_PER_CENTI;

    text_add(text, "%lu.%02lu", hundredths / 100, hundredths % 100);
}

void proc_uptime(struct text *text, const struct process *process)
{
    (void)process;
    add_seconds(text, clock_monotonic_ns());
    text_add(text, " ");
    add_seconds(text, timer_ns_from_ticks(task_ran_ticks(hart_current()->idle)));
    text_add(text, "\n");
}

struct census {
    unsigned processes, threads, running, blocked;
    uint32_t last;
};

static struct census count_tasks(void)
{
    struct census census = { 0 };

    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        census.processes++;
        census.last = process->id > census.last ? process->id : census.last;
        LIST_EACH(thread, &process->threads)
        {
            const struct task *task = LIST_ENTRY(thread, struct task, in_process);

            census.threads++;
            census.running += task->state != TASK_BLOCKED;
        }
    }
    return census;
}

/* There is no history of the load: the load of now is told three times. */
void proc_loadavg(struct text *text, const struct process *process)
{
    struct census census = count_tasks();

    (void)process;
    for (unsigned i = 0; i < 3; i++)
        text_add(text, "%u.00 ", census.running);
    text_add(text, "%u/%u %u\n", census.running, census.threads, census.last);
}

void proc_stat(struct text *text, const struct process *process)
{
    const struct hart *hart = hart_current();
    int64_t user = times_clock(hart->user_ticks), idle = times_clock(task_ran_ticks(hart->idle));
    int64_t system = (int64_t)(clock_monotonic_ns() / NS_PER_TICK) - user - idle;
    struct census census = count_tasks();

    (void)process;
    text_add(text, "cpu  %ld 0 %ld %ld 0 0 0 0 0 0\n", user, system, idle);
    text_add(text, "cpu0 %ld 0 %ld %ld 0 0 0 0 0 0\n", user, system, idle);
    text_add(text, "intr 0\nctxt 0\nbtime %ld\n", clock_real_s() - (int64_t)(clock_monotonic_ns() / NS_PER_S));
    text_add(text, "processes %u\nprocs_running %u\nprocs_blocked %u\n", census.last, census.running, census.blocked);
}

/* ---- Memory ---- */

struct memory {
    struct mm_statistics mm;
    struct store_statistics store;
    uint64_t swap_pages, swap_free_pages;
};

static struct memory memory_now(void)
{
    struct memory memory;

    mm_statistics(&memory.mm);
    store_statistics(mm_store(), &memory.store);
    memory.swap_pages = store_capacity_pages(mm_store());
    memory.swap_free_pages = memory.swap_pages > memory.store.slots_used ? memory.swap_pages - memory.store.slots_used
                                                                         : 0;
    return memory;
}

static void add_kib(struct text *text, const char *name, uint64_t pages)
{
    uint64_t line = text->printed;

    text_add(text, "%s:", name);
    text_pad(text, line, 16);
    text_add(text, "%8lu kB\n", pages * KIB_PER_PAGE);
}

void proc_meminfo(struct text *text, const struct process *process)
{
    struct memory now = memory_now();

    (void)process;
    add_kib(text, "MemTotal", now.mm.frames_total);
    add_kib(text, "MemFree", now.mm.frames_free);
    add_kib(text, "MemAvailable", (uint64_t)now.mm.frames_free + now.mm.frames_object);
    add_kib(text, "Buffers", 0);
    add_kib(text, "Cached", now.mm.frames_object);
    add_kib(text, "SwapCached", 0);
    add_kib(text, "Active", now.mm.frames_anonymous);
    add_kib(text, "Inactive", now.mm.frames_object);
    add_kib(text, "Unevictable", now.mm.pinned_frames);
    add_kib(text, "Mlocked", 0);
    add_kib(text, "SwapTotal", now.swap_pages);
    add_kib(text, "SwapFree", now.swap_free_pages);
    add_kib(text, "Zswap", (now.store.tail_bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    add_kib(text, "Zswapped", now.store.tail_records);
    add_kib(text, "AnonPages", now.mm.frames_anonymous);
    add_kib(text, "Mapped", now.mm.frames_object);
    add_kib(text, "Slab", now.mm.frames_firmware);
    add_kib(text, "PageTables", now.mm.frames_table);
    add_kib(text, "CommitLimit", now.mm.promise_limit_pages);
    add_kib(text, "Committed_AS", now.mm.promised_pages);
    text_add(text, "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
}

void proc_vmstat(struct text *text, const struct process *process)
{
    struct memory now = memory_now();
    uint64_t faults = 0, major = now.mm.faults[FAULT_FLASH] + now.mm.faults[FAULT_FILE];

    (void)process;
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        faults += now.mm.faults[i];
    text_add(text, "nr_free_pages %u\nnr_anon_pages %u\nnr_file_pages %u\nnr_page_table_pages %u\n", now.mm.frames_free,
             now.mm.frames_anonymous, now.mm.frames_object, now.mm.frames_table);
    text_add(text, "nr_zspages %u\n", (now.store.tail_bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    text_add(text, "pgfault %lu\npgmajfault %lu\n", faults, major);
    text_add(text, "pswpin %lu\npswpout %lu\nzswpin %lu\nzswpout %lu\n", now.store.flash_loads,
             now.store.records_to_flash, now.store.tail_loads, now.store.tail_saves);
    text_add(text, "pgsteal_direct %lu\n", now.mm.evict_clean + now.mm.evict_dirty + now.mm.evict_zero);
}

void proc_swaps(struct text *text, const struct process *process)
{
    struct memory now = memory_now();

    (void)process;
    text_add(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    if (now.swap_pages)
        text_add(text, "/dev/flash                              partition\t%lu\t\t%lu\t\t-2\n",
                 now.swap_pages * KIB_PER_PAGE, (now.swap_pages - now.swap_free_pages) * KIB_PER_PAGE);
}
