/*
 * From the boot code to the first program, and from the last one to power off. Each step of firmware_main() needs those
 * before it; the order is the documentation.
 */
#include <errno.h>
#include <string.h>

#include "firmware/archive.h"
#include "firmware/board.h"
#include "firmware/boot.h"
#include "firmware/clock.h"
#include "firmware/command.h"
#include "firmware/console.h"
#include "firmware/entropy.h"
#include "firmware/job.h"
#include "firmware/inject.h"
#include "firmware/kmap.h"
#include "firmware/log.h"
#include "firmware/monitor.h"
#include "firmware/monitor_checked.h"
#include "firmware/process.h"
#include "firmware/report.h"
#include "firmware/statistics.h"
#include "firmware/storage.h"
#include "firmware/task.h"
#include "firmware/trap.h"
#include "firmware/worker.h"
#include "hal/cpu_riscv.h"
#include "hal/sbi.h"
#include "hal/timer.h"
#include "mm/mm.h"
#include "platform/errata.h"

static struct platform platform;
static uint64_t entry_instructions; /* what instret said at the entry */
static struct flash *flash;

static _Noreturn void refuse(const char *why)
{
    log_line("cannot run: %s", why);
    sbi_power_off(true);
}

/* ---- The main thread ---- */

static void show_statistics(void)
{
    statistics_print(flash);
    inject_report();
}

/* The command of the boot arguments, or the job of the store. The run's exit status. */
static int run_main_job(void)
{
    const char *command = platform_command(&platform);

    if (*command)
        return command_run(command);
    if (job_exists(JOB_PATH))
        return job_run(JOB_PATH, flash) ? 1 : 0;
    log_line("nothing to run: no command, and no file " JOB_PATH);
    return 0;
}

/* Who is at the console and gave no command goes on in the monitor. */
static bool wants_monitor(void)
{
    return console_form() != CONSOLE_FRAMED && !*platform_command(&platform);
}

static void main_thread(void *argument)
{
    static const struct monitor_host calls = {
        .statistics = show_statistics,
        .sync = storage_sync,
        .format = storage_format,
    };
    struct monitor_host host = calls;

    (void)argument;
    host.flash = flash;
    entropy_report();
    uint64_t instructions = cpu_instructions() - entry_instructions;

    if (cpu_counts_instructions())
        log_line("up: instructions=%lu", instructions);
    archive_unpack(platform.initrd);
    uint32_t tasks = task_count();
    int status = run_main_job();

    show_statistics();
    if (wants_monitor())
        (console_form() == CONSOLE_CHECKED ? monitor_run_checked : monitor_run)(&host);
    process_end_all();
    int error = storage_sync();

    if (error)
        log_line("sync: failed (error %d)", -error);
    bool sound = statistics_check();

    if (task_count() != tasks) {
        log_line("check failed: %u tasks, at first %u", task_count(), tasks);
        sound = false;
    }

    log_line("end status=%d", status);
    sbi_power_off(!sound);
}

/* ---- Bring-up ---- */

static void probe(uint32_t boot_hart, const void *device_tree, uint32_t device_tree_bytes)
{
    struct fdt fdt;
    int error = fdt_open(&fdt, device_tree, device_tree_bytes);

    if (error)
        refuse("there is no device tree, or it is broken");
    error = platform_probe(&platform, &fdt, boot_hart, kmap_image());
    if (error)
        refuse(error == -ENOMEM ? "no RAM is free" : "the device tree lacks this hart, its timebase or its RAM");
}

/*
 * What it takes to come up and run a small program: the memory code's own minimum, the kernel's stacks, the least tail, the
 * store's maps, page tables (tests/target/test_memory.py tries it, `make bench` finds the exact number).
 */
#define LEAST_FRAMES 80u

static void init_memory(void)
{
    struct mm_config config = {
        .pool = { platform.pool.start },
        .frames = (uint32_t)(platform.pool.bytes / PAGE_BYTES),
        .leaf_bits = kmap_memory_bits(),
        .share_kernel = kmap_share,
    };

    log_line("%s: %u hart%s, %u frames of memory at 0x%lx%s", platform.model, platform.harts,
             platform.harts == 1 ? "" : "s", config.frames, platform.pool.start,
             timer_is_direct() ? "" : ", timer by SBI");
    if (platform.pool_frames_wanted > config.frames)
        log_line("memory: frames=%lu is more than there is", platform.pool_frames_wanted);
    log_line("processor: hart %u, errata=%s, %u ASID bits, page attributes 0x%lx", platform.boot_hart,
             platform_errata_name(cpu_errata()), cpu_asid_bits(), config.leaf_bits);
    if (config.frames < LEAST_FRAMES || mm_init(&config)) {
        log_line("cannot run: %u frames are too few, at least %u are needed", config.frames, LEAST_FRAMES);
        sbi_power_off(true);
    }
}

static void start_threads(void)
{
    struct task *task;

    if (worker_start(flash) || task_create_kernel("main", main_thread, NULL, &task))
        refuse("no memory for the first threads");
    task_start(task);
}

_Noreturn void firmware_main(uint32_t boot_hart, const void *device_tree, uint32_t device_tree_bytes)
{
    entry_instructions = cpu_instructions();
    sbi_init(kmap_image_offset);
    probe(boot_hart, device_tree, device_tree_bytes);
    cpu_init(platform_errata(&platform));
    timer_init(platform.timebase_hz, platform.has_sstc);
    task_init(boot_hart, platform.has_float);
    trap_init();
    kmap_init(&platform);
    board_init_console(&platform);
    report_init(&platform);
    clock_init((int64_t)platform_argument_number(&platform, "time", 0));
    init_memory();
    board_init_interrupts(&platform);
    inject_init(&platform);
    flash = board_init_flash(&platform);
    entropy_gather(&platform, flash);
    if (storage_open(&platform, flash))
        refuse("no memory for the store");
    entropy_open(mm_store());
    start_threads();
    task_idle();
}
