/*
 * The end of the firmware by a bug of its own: what is known is printed once, and the machine powers off as
 * failed, or starts again (panic=reboot).
 * Whatever this code trips over itself only makes the report shorter.
 */
#include "firmware/kmap.h"
#include "firmware/report.h"
#include "firmware/task.h"
#include "firmware/trap.h"
#include "hal/cpu_riscv.h"
#include "mm/assert.h"

void panic_exception(const struct trap_frame *frame, uint64_t cause, uint64_t value) __attribute__((noreturn));

static unsigned panics;

/* The first time: go on. The second: a bug in the report. Later ones must not even print. */
static void panic_begin(void)
{
    panics++;
    if (panics == 1)
        report_keep();
    if (panics == 2)
        report_line("panic within the panic report");
    if (panics > 1)
        report_end_machine();
}

static void report_hart(void)
{
    const struct hart *hart = hart_current();

    if (!hart)
        return;
    report_line("panic hart=%u task=%u name=%s", hart->id, hart->current->id, hart->current->name);
}

static _Noreturn void panic_end(va_t sp)
{
    report_events("panic", 0);
    report_kernel_trace(sp);
    report_end_machine();
}

_Noreturn void assert_failed(const char *file, int line)
{
    panic_begin();
    report_line("panic %s:%d: called from 0x%lx", file, line, (uint64_t)__builtin_return_address(0));
    report_hart();
    panic_end((va_t)__builtin_frame_address(0));
}

void panic_exception(const struct trap_frame *frame, uint64_t cause, uint64_t value)
{
    panic_begin();
    report_line("panic exception in the kernel%s: scause=0x%lx stval=0x%lx pc=0x%lx sstatus=0x%lx",
                kmap_is_guard(value) ? ", a kernel stack has overflown" : "", cause, value, frame->pc, frame->status);
    report_hart();
    report_registers("panic", frame);
    panic_end(frame->sp);
}
