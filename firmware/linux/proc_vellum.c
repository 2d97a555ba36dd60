/* /proc/vellum: our own figures, a key and a value on each line. */
#include "firmware/linux/proc.h"
#include "firmware/statistics.h"
#include "hal/cpu.h"

static void add(struct text *text, const char *key, uint64_t value)
{
    text_add(text, "%s %lu\n", key, value);
}

static void add_blocks(struct text *text)
{
    static const char *const states[] = { "dirty", "erased", "open", "full", "bad" };
    static const char *const streams[STREAM_COUNT] = { "hot", "cold", "durable", "settled" };
    struct block_info info;

    for (uint32_t i = 0; !text_is_full(text) && store_block(mm_store(), i, &info) == 0; i++)
        text_add(text, "block %u %s %s erases %u live %u used %u sequence %u\n", i, states[info.state],
                 info.state == BLOCK_OPEN || info.state == BLOCK_FULL ? streams[info.stream] : "-", info.erases,
                 info.live_bytes, info.used_bytes, info.sequence);
}

void proc_vellum_log(struct text *text, const struct process *process)
{
    struct store_statistics store;

    (void)process;
    store_statistics(mm_store(), &store);
    add(text, "tail_saves", store.tail_saves);
    add(text, "tail_loads", store.tail_loads);
    add(text, "tail_records", store.tail_records);
    add(text, "tail_bytes", store.tail_bytes);
    add(text, "tail_peak_bytes", store.tail_peak_bytes);
    add(text, "tail_pages", store.tail_pages);
    add(text, "flash_loads", store.flash_loads);
    add(text, "records_to_flash", store.records_to_flash);
    add(text, "durable_records", store.durable_records);
    add(text, "gc_moved_records", store.gc_moved_records);
    add(text, "gc_moved_bytes", store.gc_moved_bytes);
    add(text, "payload_bytes_in", store.payload_bytes_in);
    add(text, "payload_bytes_out", store.payload_bytes_out);
    add(text, "bad_records", store.bad_records);
    add(text, "retired_blocks", store.retired_blocks);
    add(text, "slots_used", store.slots_used);
    add(text, "slots_peak", store.slots_peak);
    add(text, "wear_min", store.wear_min);
    add(text, "wear_max", store.wear_max);
    add(text, "wear_total", store.wear_total);
    add_blocks(text);
}

void proc_vellum_frames(struct text *text, const struct process *process)
{
    struct mm_statistics mm;

    (void)process;
    mm_statistics(&mm);
    add(text, "total", mm.frames_total);
    add(text, "free", mm.frames_free);
    add(text, "peak", mm.frames_peak);
    add(text, "firmware", mm.frames_firmware);
    add(text, "table", mm.frames_table);
    add(text, "anonymous", mm.frames_anonymous);
    add(text, "object", mm.frames_object);
    add(text, "evict_clean", mm.evict_clean);
    add(text, "evict_dirty", mm.evict_dirty);
    add(text, "evict_zero", mm.evict_zero);
    add(text, "promised_pages", mm.promised_pages);
    add(text, "promise_limit_pages", mm.promise_limit_pages);
    add(text, "pinned_frames", mm.pinned_frames);
    add(text, "pinned_store_frames", mm.pinned_store_frames);
    add(text, "pinned_limit_frames", mm.pinned_limit_frames);
}

static const char *const fault_names[FAULT_KINDS] = {
    [FAULT_SPURIOUS] = "spurious", [FAULT_ZERO] = "zero", [FAULT_ZERO_READ] = "zero_read", [FAULT_COPY] = "copy",
    [FAULT_FILE] = "file",         [FAULT_TAIL] = "tail", [FAULT_FLASH] = "flash",         [FAULT_MAPPED] = "mapped",
};

/* The sums since boot, then each process that lives. */
void proc_vellum_faults(struct text *text, const struct process *process)
{
    struct mm_statistics mm;
    struct space_statistics space;

    (void)process;
    mm_statistics(&mm);
    for (unsigned i = 0; i < FAULT_KINDS; i++)
        add(text, fault_names[i], mm.faults[i]);
    LIST_EACH(link, process_list())
    {
        const struct process *each = LIST_ENTRY(link, struct process, all);

        if (!each->space)
            continue;
        space_statistics(each->space, &space);
        text_add(text, "process %u %s", each->id, each->name);
        for (unsigned i = 0; i < FAULT_KINDS; i++)
            text_add(text, " %s %lu", fault_names[i], space.faults[i]);
        text_add(text, "\n");
    }
}

static void add_verdict(struct text *text, const char *key, const char *broken)
{
    add(text, key, broken != NULL);
    if (broken)
        text_add(text, "why %s\n", broken);
}

/* What `check` of the monitor says, for tests that run inside. Walks everything; so bounded, but not cheap. */
void proc_vellum_check(struct text *text, const struct process *process)
{
    uint64_t processes = 0;

    (void)process;
    LIST_EACH(link, process_list())
    processes++;
    add_verdict(text, "memory_broken", statistics_check_memory());
    add_verdict(text, "store_broken", store_check(mm_store()));
    add(text, "processes", processes);
}
