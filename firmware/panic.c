/*
 * The end of the firmware by a bug of its own: what is known is printed once, and the machine powers off as failed.
 * Whatever this code trips over itself only makes the report shorter.
 */
#include "firmware/kmap.h"
#include "firmware/log.h"
#include "firmware/task.h"
#include "firmware/trap.h"
#include "hal/cpu_riscv.h"
#include "hal/sbi.h"
#include "mm/assert.h"

void panic_exception(const struct trap_frame *frame, uint64_t cause, uint64_t value) __attribute__((noreturn));

static unsigned panics;

/* The first time: go on. The second: a bug in the report. Later ones must not even print. */
static void panic_begin(void)
{
    panics++;
    if (panics == 2)
        log_line("panic within the panic report");
    if (panics > 1)
        sbi_power_off(true);
}

static void report_task(void)
{
    const struct hart *hart = hart_current();

    if (!hart)
        return;
    log_line("panic hart=%u task=%u name=%s", hart->id, hart->current->id, hart->current->name);
}

static void report_registers(const struct trap_frame *frame)
{
    for (unsigned i = 0; i < 32; i += 4)
        log_line("panic x%-2u %016lx %016lx %016lx %016lx", i, frame->x[i], frame->x[i + 1], frame->x[i + 2],
                 frame->x[i + 3]);
}

_Noreturn void assert_failed(const char *file, int line)
{
    panic_begin();
    log_line("panic %s:%d: called from 0x%lx", file, line, (uint64_t)__builtin_return_address(0));
    report_task();
    sbi_power_off(true);
}

void panic_exception(const struct trap_frame *frame, uint64_t cause, uint64_t value)
{
    panic_begin();
    log_line("panic exception in the kernel%s: scause=0x%lx stval=0x%lx pc=0x%lx sstatus=0x%lx",
             kmap_is_guard(value) ? ", a kernel stack has overflown" : "", cause, value, frame->pc, frame->status);
    report_task();
    report_registers(frame);
    sbi_power_off(true);
}
