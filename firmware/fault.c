/* From an exception to a signal, and the line about it. */
#include "firmware/fault.h"

#include <errno.h>

#include "firmware/linux/abi.h"
#include "firmware/linux/signal.h"
#include "firmware/log.h"
#include "firmware/process.h"
#include "firmware/report.h"
#include "hal/csr.h"
#include "mm/mm.h"

/* A fault this far below a stack, the guard included, is taken for its overflow. */
#define STACK_REACH_PAGES 32u

struct verdict {
    int signal;
    int code; /* si_code */
    const char *reason;
};

/* Names by scause; those of page faults and the others alike. */
static const char *cause_name(uint64_t cause)
{
    static const char *const names[] = {
        [CAUSE_FETCH_MISALIGNED] = "fetch-misaligned",
        [CAUSE_FETCH_ACCESS] = "fetch-access",
        [CAUSE_ILLEGAL_INSTRUCTION] = "illegal",
        [CAUSE_BREAKPOINT] = "breakpoint",
        [CAUSE_LOAD_MISALIGNED] = "load-misaligned",
        [CAUSE_LOAD_ACCESS] = "load-access",
        [CAUSE_STORE_MISALIGNED] = "store-misaligned",
        [CAUSE_STORE_ACCESS] = "store-access",
        [CAUSE_FETCH_PAGE] = "fetch-page",
        [CAUSE_LOAD_PAGE] = "load-page",
        [CAUSE_STORE_PAGE] = "store-page",
    };

    return cause < sizeof(names) / sizeof(names[0]) && names[cause] ? names[cause] : "unknown";
}

static const char *verdict_name(int signal)
{
    switch (signal) {
    case LINUX_SIGILL:
        return "SIGILL";
    case LINUX_SIGTRAP:
        return "SIGTRAP";
    case LINUX_SIGBUS:
        return "SIGBUS";
    case LINUX_SIGKILL:
        return "SIGKILL";
    default:
        return "SIGSEGV";
    }
}

static struct verdict judge_page(int error)
{
    switch (error) {
    case -EACCES:
        return (struct verdict){ LINUX_SIGSEGV, LINUX_SEGV_ACCERR, "the region does not allow it" };
    case -ENXIO:
        return (struct verdict){ LINUX_SIGBUS, LINUX_BUS_ADRERR, "beyond the end of the file" };
    case -EIO:
        return (struct verdict){ LINUX_SIGBUS, LINUX_BUS_OBJERR, "the page could not be read back" };
    case -ENOMEM:
        return (struct verdict){ LINUX_SIGKILL, 0, "no memory is left for it" };
    default:
        return (struct verdict){ LINUX_SIGSEGV, LINUX_SEGV_MAPERR, "nothing is mapped there" };
    }
}

static struct verdict judge(uint64_t cause, int error)
{
    switch (cause) {
    case CAUSE_FETCH_PAGE:
    case CAUSE_LOAD_PAGE:
    case CAUSE_STORE_PAGE:
        return judge_page(error);
    case CAUSE_ILLEGAL_INSTRUCTION:
        return (struct verdict){ LINUX_SIGILL, LINUX_ILL_ILLOPC, "no such instruction, or not for programs" };
    case CAUSE_BREAKPOINT:
        return (struct verdict){ LINUX_SIGTRAP, LINUX_TRAP_BRKPT, "breakpoint" };
    case CAUSE_FETCH_ACCESS:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_ACCESS:
        return (struct verdict){ LINUX_SIGSEGV, LINUX_SEGV_ACCERR, "the machine does not allow it" };
    default:
        return (struct verdict){ LINUX_SIGBUS, LINUX_BUS_ADRALN, "misaligned" };
    }
}

/* Whether the address is where a stack would have to grow to. */
static bool is_below_stack(const struct region_info *region, va_t address)
{
    return region->flags & REGION_GROWSDOWN && region->start > address &&
           region->start - address <= STACK_REACH_PAGES * PAGE_BYTES;
}

static const char *region_name(va_t address, struct verdict *verdict)
{
    struct region_info region;

    if (space_region(task_current()->space, address, false, &region))
        return "none";
    if (is_below_stack(&region, address) && verdict->signal == LINUX_SIGSEGV) {
        verdict->reason = "the stack is at its limit";
        return "stack";
    }
    if (region.start > address)
        return "none";
    return region.name ? region.name : region.object ? "file" : "anonymous";
}

static void report(const struct trap_frame *frame, uint64_t cause, va_t address, struct verdict *verdict)
{
    const struct task *task = task_current();
    const char *region = region_name(address, verdict);

    log_line("fault task=%u name=%s cause=%s addr=0x%lx pc=0x%lx region=\"%s\" reason=\"%s\" verdict=%s", task->id,
             task->name, cause_name(cause), address, frame->pc, region, verdict->reason, verdict_name(verdict->signal));
}

void fault_signal_frame(const struct trap_frame *frame)
{
    struct verdict verdict = { LINUX_SIGSEGV, LINUX_SI_KERNEL, "a signal's frame is out of reach" };

    if (task_current()->attention & ATTENTION_END)
        return; /* as below */
    report(frame, CAUSE_STORE_PAGE, frame->sp, &verdict);
    report_task(frame, frame->sp);
    process_end(process_current(), STATUS_SIGNAL(LINUX_SIGSEGV));
}

void fault_task(struct trap_frame *frame, uint64_t cause, va_t address, int error)
{
    struct verdict verdict = judge(cause, error);

    if (task_current()->attention & ATTENTION_END)
        return; /* it is on its way out, and somebody else's reason stands */
    if (verdict.signal != LINUX_SIGKILL && signal_fault(verdict.signal, verdict.code, address, cause))
        return;
    report(frame, cause, address, &verdict);
    report_task(frame, address);
    process_end(process_current(), STATUS_SIGNAL(verdict.signal));
}
