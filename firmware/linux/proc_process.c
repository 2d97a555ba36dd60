/* /proc/PID: what is known of a process, in Linux's formats. */
#include <errno.h>

#include "firmware/linux/proc.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/times.h"
#include "firmware/usercopy.h"

#define KIB_PER_PAGE (PAGE_BYTES / 1024)
#define CONSOLE_TTY  1281u /* major 5, minor 1 */

static struct space_statistics space_now(const struct process *process)
{
    struct space_statistics statistics = { 0 };

    if (process->space)
        space_statistics(process->space, &statistics);
    return statistics;
}

static char state_of(const struct process *process)
{
    if (process->state == PROCESS_ZOMBIE)
        return 'Z';
    if (process->state == PROCESS_STOPPED)
        return 'T';
    LIST_EACH(link, &process->threads)
    if (LIST_ENTRY(link, struct task, in_process)->state != TASK_BLOCKED)
        return 'R';
    return 'S';
}

static uint32_t parent_of(const struct process *process)
{
    return process->parent ? process->parent->id : PROCESS_FIRMWARE;
}

void proc_process_comm(struct text *text, const struct process *process)
{
    text_add(text, "%s\n", process->name);
}

/* ---- Signals ---- */

struct signal_sets {
    uint64_t thread_pending, pending, blocked, ignored, caught;
};

static struct signal_sets signal_sets(const struct process *process)
{
    struct signal_sets sets = { .pending = process->signals.pending };

    if (!list_empty(&process->threads)) {
        const struct task *task = LIST_ENTRY(process->threads.next, struct task, in_process);

        sets.thread_pending = task->signals.pending;
        sets.blocked = task->signals_blocked;
    }
    for (int i = 1; process->actions && i <= SIGNALS; i++) {
        va_t handler = process->actions->of[i - 1].handler;

        if (handler == LINUX_SIG_IGN)
            sets.ignored |= SIGNAL_BIT(i);
        else if (handler != LINUX_SIG_DFL)
            sets.caught |= SIGNAL_BIT(i);
    }
    return sets;
}

/* ---- Memory, by what it is for ---- */

struct sizes {
    uint64_t text, data, stack, file_resident, shared_resident, locked, swapped;
};

static struct sizes sizes_of(const struct process *process)
{
    struct sizes sizes = { 0 };
    struct region_info region;

    for (va_t at = 0; process->space && space_region(process->space, at, true, &region) == 0; at = region.end) {
        uint64_t pages = (region.end - region.start) / PAGE_BYTES;

        if (region.protection & MAP_EXECUTE)
            sizes.text += pages;
        else if (region.flags & REGION_GROWSDOWN)
            sizes.stack += pages;
        else if (region.protection & MAP_WRITE && !(region.flags & REGION_SHARED))
            sizes.data += pages;
        if (region.flags & REGION_SHARED && region.object && !object_node(region.object))
            sizes.shared_resident += region.resident;
        else if (region.object)
            sizes.file_resident += region.resident;
        if (region.flags & REGION_LOCKED)
            sizes.locked += pages;
        sizes.swapped += region.tail + region.flash;
    }
    return sizes;
}

static void add_kib(struct text *text, const char *name, uint64_t pages)
{
    text_add(text, "%s:\t%8lu kB\n", name, pages * KIB_PER_PAGE);
}

static void add_memory(struct text *text, const struct process *process)
{
    struct space_statistics space = space_now(process);
    struct sizes sizes = sizes_of(process);
    uint64_t peak = process_usage(process).resident_peak_pages;

    add_kib(text, "VmPeak", space.mapped_pages);
    add_kib(text, "VmSize", space.mapped_pages);
    add_kib(text, "VmLck", sizes.locked);
    add_kib(text, "VmPin", 0);
    add_kib(text, "VmHWM", peak);
    add_kib(text, "VmRSS", space.resident_pages);
    add_kib(text, "RssAnon", space.resident_pages - sizes.file_resident - sizes.shared_resident);
    add_kib(text, "RssFile", sizes.file_resident);
    add_kib(text, "RssShmem", sizes.shared_resident);
    add_kib(text, "VmData", sizes.data);
    add_kib(text, "VmStk", sizes.stack);
    add_kib(text, "VmExe", sizes.text);
    add_kib(text, "VmLib", 0);
    add_kib(text, "VmPTE", space.table_frames);
    add_kib(text, "VmSwap", space.swapped_pages);
}

static void add_identity(struct text *text, const struct process *process)
{
    static const struct {
        char letter;
        const char *word;
    } states[] = { { 'R', "running" }, { 'S', "sleeping" }, { 'T', "stopped" }, { 'Z', "zombie" } };
    char state = state_of(process);

    text_add(text, "Name:\t%s\nUmask:\t%c%c%c%c\n", process->name, '0', '0' + (process->umask >> 6 & 7),
             '0' + (process->umask >> 3 & 7), '0' + (process->umask & 7));
    for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (states[i].letter == state)
            text_add(text, "State:\t%c (%s)\n", state, states[i].word);
    text_add(text, "Tgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n", process->id, process->id,
             parent_of(process));
    text_add(text, "Uid:\t%u\t%u\t%u\t%u\n", process->uid, process->euid, process->suid, process->euid);
    text_add(text, "Gid:\t%u\t%u\t%u\t%u\n", process->gid, process->egid, process->sgid, process->egid);
    text_add(text, "FDSize:\t%u\nGroups:\t \n", FILES_MAX);
}

void proc_process_status(struct text *text, const struct process *process)
{
    struct signal_sets sets = signal_sets(process);

    add_identity(text, process);
    if (process->space)
        add_memory(text, process);
    text_add(text, "Threads:\t%u\nSigQ:\t%u/128\n", process->thread_count, process->signal_records);
    text_add(text, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
             sets.thread_pending, sets.pending, sets.blocked, sets.ignored, sets.caught);
    text_add(text, "Cpus_allowed:\t1\nCpus_allowed_list:\t0\n");
}

void proc_process_statm(struct text *text, const struct process *process)
{
    struct space_statistics space = space_now(process);
    struct sizes sizes = sizes_of(process);

    text_add(text, "%u %u %lu %lu 0 %lu 0\n", space.mapped_pages, space.resident_pages,
             sizes.file_resident + sizes.shared_resident, sizes.text, sizes.data + sizes.stack);
}

/* The 52 fields of proc(5), in its order. */
void proc_process_stat(struct text *text, const struct process *process)
{
    struct process_usage own = process_usage(process), children = process->children_used;
    struct space_statistics space = space_now(process);
    struct signal_sets sets = signal_sets(process);

    text_add(text, "%u (%s) %c %u %u %u %u -1 0 ", process->id, process->name, state_of(process), parent_of(process),
             process->group, process->session, CONSOLE_TTY);
    text_add(text, "%lu %lu %lu %lu ", own.faults_minor, children.faults_minor, own.faults_major,
             children.faults_major);
    text_add(text, "%ld %ld %ld %ld ", times_clock(own.ran_ticks - own.system_ticks), times_clock(own.system_ticks),
             times_clock(children.ran_ticks - children.system_ticks), times_clock(children.system_ticks));
    text_add(text, "%d %d %u 0 %ld ", 20 + process->nice, process->nice, process->thread_count,
             times_clock(process->started));
    text_add(text, "%lu %u %lu ", (uint64_t)space.mapped_pages * PAGE_BYTES, space.resident_pages,
             process->limits[LIMIT_AS].now);
    text_add(text, "0 0 %lu 0 0 ", process->stack_start);
    text_add(text, "%lu %lu %lu %lu ", sets.thread_pending | sets.pending, sets.blocked, sets.ignored, sets.caught);
    text_add(text, "0 0 0 %u 0 0 0 0 0 0 0 0 %lu 0 0 0 0 %d\n", process->exit_signal,
             process->space ? space_heap(process->space)->start : 0, process->status);
}

/* ---- Limits ---- */

static void add_limit(struct text *text, uint64_t value)
{
    uint64_t from = text->printed;

    if (value == LIMIT_INFINITY)
        text_add(text, "unlimited");
    else
        text_add(text, "%lu", value);
    text_pad(text, from, 21);
}

void proc_process_limits(struct text *text, const struct process *process)
{
    static const struct {
        const char *name, *unit;
    } limits[LIMITS] = {
        { "Max cpu time", "seconds" },    { "Max file size", "bytes" },      { "Max data size", "bytes" },
        { "Max stack size", "bytes" },    { "Max core file size", "bytes" }, { "Max resident set", "bytes" },
        { "Max processes", "processes" }, { "Max open files", "files" },     { "Max locked memory", "bytes" },
        { "Max address space", "bytes" }, { "Max file locks", "locks" },     { "Max pending signals", "signals" },
        { "Max msgqueue size", "bytes" }, { "Max nice priority", "" },       { "Max realtime priority", "" },
        { "Max realtime timeout", "us" },
    };

    text_add(text, "Limit                     Soft Limit           Hard Limit           Units     \n");
    for (unsigned i = 0; i < LIMITS; i++) {
        uint64_t line = text->printed;

        text_add(text, "%s", limits[i].name);
        text_pad(text, line, 26);
        add_limit(text, process->limits[i].now);
        add_limit(text, process->limits[i].most);
        text_add(text, "%s", limits[i].unit);
        text_pad(text, line, 26 + 21 + 21 + 10);
        text_add(text, "\n");
    }
}

/* ---- Arguments and environment: as they lie on the stack now ---- */

/*
 *      stack_start:  count | argument pointers | NULL | environment pointers | NULL | ...      strings, in that order
 *
 * The strings end where the next group's begin; the environment's with the last one's end.
 */
static int read_word(struct space *space, va_t at, uint64_t *word)
{
    return copy_in(space, word, at, sizeof(*word));
}

static int find_end(struct space *space, va_t pointers, va_t *end)
{
    va_t last = 0, next;
    char byte;

    for (; read_word(space, pointers, &next) == 0 && next; pointers += sizeof(next))
        last = next;
    if (!last)
        return -ENOENT;
    do
        if (copy_in(space, &byte, last++, 1))
            return -EFAULT;
    while (byte);
    *end = last;
    return 0;
}

static int64_t copy_strings(struct space *space, va_t pointers, struct span to, uint64_t offset)
{
    uint8_t chunk[64];
    va_t start, end;
    uint64_t done = 0;

    if (read_word(space, pointers, &start) || find_end(space, pointers, &end) || start + offset >= end)
        return 0;
    if (to.bytes > end - start - offset)
        to.bytes = end - start - offset;
    while (done < to.bytes) {
        uint64_t part = to.bytes - done < sizeof(chunk) ? to.bytes - done : sizeof(chunk);

        if (copy_in(space, chunk, start + offset + done, part) || copy_out(to.space, to.at + done, chunk, part))
            return done ? (int64_t)done : -EFAULT;
        done += part;
    }
    return (int64_t)done;
}

int64_t proc_process_cmdline(const struct process *process, struct space *space, struct span to, uint64_t offset)
{
    return copy_strings(space, process->stack_start + sizeof(uint64_t), to, offset);
}

int64_t proc_process_environ(const struct process *process, struct space *space, struct span to, uint64_t offset)
{
    va_t at = process->stack_start;
    uint64_t count;

    if (read_word(space, at, &count) || count > UINT32_MAX)
        return 0;
    return copy_strings(space, at + (count + 2) * sizeof(uint64_t), to, offset);
}
