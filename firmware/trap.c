/*
 * What user mode can stop for: page faults, other exceptions, interrupts; and the slow way back. System calls go
 * straight from trap.S to their functions.
 */
#include "firmware/trap.h"

#include <errno.h>

#include "firmware/console.h"
#include "firmware/event.h"
#include "firmware/fault.h"
#include "firmware/inject.h"
#include "firmware/linux/signal.h"
#include "firmware/process.h"
#include "firmware/task.h"
#include "firmware/task_offsets.h"
#include "firmware/usercopy.h"
#include "firmware/worker.h"
#include "hal/cpu_riscv.h"
#include "hal/plic.h"

#define LISTENERS 4u
#define SPP_USER  0

_Static_assert(offsetof(struct trap_frame, pc) == FRAME_PC && offsetof(struct trap_frame, a) == FRAME_X(10) &&
                   offsetof(struct trap_frame, t6) == FRAME_X(31),
               "trap.S");
_Static_assert(offsetof(struct trap_frame, status) == FRAME_STATUS && offsetof(struct trap_frame, hart) == FRAME_HART &&
                   offsetof(struct trap_frame, call_a0) == FRAME_CALL_A0 && sizeof(struct trap_frame) == FRAME_BYTES,
               "trap.S");
_Static_assert(offsetof(struct float_state, fcsr) == FLOAT_FCSR, "trap.S");

extern char trap_entry[];
void trap_user(struct trap_frame *frame, uint64_t cause, uint64_t value, uint64_t left_for);
void trap_attention(struct trap_frame *frame);

static struct {
    struct plic *plic;
    struct {
        uint32_t source;
        void (*serve)(void);
    } of[LISTENERS];
    unsigned count;
} listeners;

void trap_frame_init(struct trap_frame *frame, va_t entry, va_t stack)
{
    struct hart *hart = hart_current();

    *frame = (struct trap_frame){ .pc = entry, .hart = hart };
    frame->sp = stack;
    frame->status = SSTATUS_SPIE | SPP_USER | (hart->has_float ? SSTATUS_FS_INITIAL : SSTATUS_FS_OFF);
}

void trap_init(void)
{
    csr_write(sscratch, 0);
    csr_write(stvec, (uint64_t)trap_entry);
    if (hart_current()->has_float)
        csr_set(sstatus, SSTATUS_FS_INITIAL);
    csr_write(sie, SIE_STIE | SIE_SEIE);
}

void trap_set_plic(struct plic *plic)
{
    listeners.plic = plic;
}

void trap_listen(uint32_t source, void (*serve)(void))
{
    if (!listeners.plic || listeners.count == LISTENERS)
        return;
    listeners.of[listeners.count].source = source;
    listeners.of[listeners.count++].serve = serve;
    plic_enable(listeners.plic, source);
}

static void serve_external(void)
{
    uint32_t source;

    while (listeners.plic && (source = plic_claim(listeners.plic)) != 0) {
        for (unsigned i = 0; i < listeners.count; i++)
            if (listeners.of[i].source == source)
                listeners.of[i].serve();
        plic_complete(listeners.plic, source);
    }
}

void trap_poll_interrupts(bool late)
{
    uint64_t pending = inject_interrupts(csr_read(sip) & csr_read(sie));

    if (pending & SIE_STIE)
        task_alarm(late);
    if (pending & SIE_SEIE)
        serve_external();
}

/* The fault asked for patience. Apart, to keep the usual case short. */
static __attribute__((noinline)) int page_fault_wait(va_t va, enum access access)
{
    return (int)MM_RETRY(fault(task_current()->space, va, access));
}

static void page_fault(struct trap_frame *frame, uint64_t cause, va_t va)
{
    enum access access = cause == CAUSE_STORE_PAGE  ? ACCESS_STORE
                         : cause == CAUSE_LOAD_PAGE ? ACCESS_LOAD
                                                    : ACCESS_FETCH;

    event_note(EVENT_FAULT, (unsigned)cause, va);
    int error = fault(task_current()->space, va, access);

    if (__builtin_expect(error == -EAGAIN, 0))
        error = page_fault_wait(va, access);
    if (error)
        fault_task(frame, cause, va, error);
    worker_look();
}

/*
 * The kernel takes no interrupts: what comes meanwhile is taken on the way out, before the program's first instruction.
 * So does one that comes where the last one came, in a loop; which that one tells.
 */
static bool came_late(struct trap_frame *frame, uint64_t left_for)
{
    bool late = left_for == frame->pc && frame->interrupted_pc != frame->pc;

    frame->interrupted_pc = late ? 0 : frame->pc;
    return late;
}

/* From trap.S, with everything but a system call. `left_for`: where the kernel was last left for. */
void trap_user(struct trap_frame *frame, uint64_t cause, uint64_t value, uint64_t left_for)
{
    if (cause >> CAUSE_INTERRUPT_BIT)
        trap_poll_interrupts(came_late(frame, left_for));
    else if (cause == CAUSE_STORE_PAGE || cause == CAUSE_LOAD_PAGE || cause == CAUSE_FETCH_PAGE)
        page_fault(frame, cause, cpu_fault_address(cause, value));
    else
        fault_task(frame, cause, frame->pc, 0); /* as Linux: what the instruction is at, whatever stval holds */
}

/* From trap.S, on the way to user mode, when task->attention is not 0; afterwards it is. */
void trap_attention(struct trap_frame *frame)
{
    struct task *task = task_current();

    while (task->attention) {
        if (task->attention & ATTENTION_END)
            process_leave();
        task->attention &= ~(uint32_t)ATTENTION_FRAME;
        if (task->attention & ATTENTION_SIGNAL)
            signal_deliver(frame);
        if (task->attention & ATTENTION_RESCHEDULE) {
            task->attention &= ~(uint32_t)ATTENTION_RESCHEDULE;
            task_yield();
        }
    }
}
