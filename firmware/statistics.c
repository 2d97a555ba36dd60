/* `vellum: stats` and the checks at the end of a run. */
#include "firmware/statistics.h"

#include "firmware/linux/file.h"
#include "firmware/linux/signal.h"
#include "firmware/log.h"
#include "firmware/process.h"
#include "mm/mm.h"

static void print(const char *key, uint64_t value)
{
    log_part(" %s=%lu", key, value);
}

static void print_memory(void)
{
    struct mm_statistics mm;

    mm_statistics(&mm);
    print("faults_zero", mm.faults[FAULT_ZERO]);
    print("faults_zero_read", mm.faults[FAULT_ZERO_READ]);
    print("faults_cow", mm.faults[FAULT_COPY]);
    print("faults_file", mm.faults[FAULT_FILE]);
    print("faults_tail", mm.faults[FAULT_TAIL]);
    print("faults_flash", mm.faults[FAULT_FLASH]);
    print("faults_mapped", mm.faults[FAULT_MAPPED]);
    print("faults_spurious", mm.faults[FAULT_SPURIOUS]);
    print("evict_clean", mm.evict_clean);
    print("evict_dirty", mm.evict_dirty);
    print("evict_zero", mm.evict_zero);
    print("frames_total", mm.frames_total);
    print("frames_peak", mm.frames_peak);
}

static void print_store(void)
{
    struct store_statistics store = { 0 };

    if (mm_store())
        store_statistics(mm_store(), &store);
    print("tail_records", store.tail_saves);
    print("tail_peak_bytes", store.tail_peak_bytes);
    print("records_to_flash", store.records_to_flash);
    print("gc_moved_bytes", store.gc_moved_bytes);
    print("payload_bytes_in", store.payload_bytes_in);
    print("payload_bytes_out", store.payload_bytes_out);
    print("bad_records", store.bad_records);
    print("wear_min", store.wear_min);
    print("wear_max", store.wear_max);
}

static void print_flash(const struct flash *flash)
{
    const struct flash_counters *counters = flash ? &flash->counters : &(struct flash_counters){ 0 };

    print("flash_reads", counters->reads);
    print("flash_read_bytes", counters->read_bytes);
    print("flash_programs", counters->programs);
    print("flash_program_bytes", counters->program_bytes);
    print("flash_erases", counters->erases);
    print("flash_failures", counters->failures);
}

void statistics_print(const struct flash *flash)
{
    log_begin();
    log_part("stats");
    print_memory();
    print_store();
    print_flash(flash);
    log_end();
}

const char *statistics_check_memory(void)
{
    static char place[32];
    int line = mm_check();

    text_format(place, sizeof(place), "mm/vm/check.c:%d", line);
    return line ? place : NULL;
}

bool statistics_check(void)
{
    const char *broken = statistics_check_memory();

    if (!broken && mm_store())
        broken = store_check(mm_store());
    if (!broken)
        broken = process_check();
    if (!broken)
        broken = files_check();
    signal_drop_return();
    if (!broken)
        broken = mm_check_idle();
    if (broken)
        log_line("check failed: %s", broken);
    return !broken;
}
