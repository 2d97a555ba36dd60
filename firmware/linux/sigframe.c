/*
 * The frame that a handler runs on top of, as Linux lays it out: a debugger, an unwinder and a user-level pager read
 * and change it, and rt_sigreturn takes everything back from it.
 *
 *      sp before  +---------------------------+
 *                 |  (aligned to 16)          |
 *                 |  floats, x1..x31, pc      |  ucontext
 *                 |  mask, alternate stack    |
 *                 |  siginfo                  |
 *      sp, a1 ->  +---------------------------+   a0 the signal, a2 the ucontext, ra SIGNAL_RETURN
 *
 * There is neither a vDSO nor a restorer in struct sigaction on this architecture, so every program has one page of
 * ours, read and execute only, with the two instructions that make the call. Unwinders know a frame by these bytes.
 */
#include <errno.h>
#include <string.h>

#include "firmware/fault.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/sigframe.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define LI_A7_139 0x08b00893u /* rt_sigreturn */
#define ECALL     0x00000073u

#define AT(place, member) ((place) + offsetof(struct linux_signal_frame, member))

#define REGISTERS 32u
#define FLOATS    33u
#define INFO_REST 10u
_Static_assert(sizeof(((struct linux_signal_frame *)0)->floats) == sizeof(struct float_state), "struct float_state");

/* ---- The page that handlers return to ---- */

static struct object *page; /* one for all programs, from the first one on */

static int make_page(struct object **made)
{
    static const uint32_t code[] = { LI_A7_139, ECALL };
    int error = (int)MM_RETRY(object_make(PAGE_BYTES, made));

    if (error)
        return error;
    int64_t bytes = MM_RETRY(object_write(*made, 0, NULL, (va_t)code, sizeof(code)));

    if (bytes == sizeof(code))
        return 0;
    object_put(*made);
    return -ENOMEM;
}

int signal_map_return(struct space *space)
{
    struct object *made = NULL;
    int error = page ? 0 : make_page(&made);

    if (error)
        return error;
    if (!page)
        page = made;
    else if (made)
        object_put(made); /* another task made one meanwhile */
    int64_t address = MM_RETRY(space_map(space, &(struct map_request){
                                                    .address = SIGNAL_RETURN,
                                                    .bytes = PAGE_BYTES,
                                                    .protection = MAP_READ | MAP_EXECUTE,
                                                    .flags = REGION_SHARED | REGION_FIXED | REGION_NOWRITE,
                                                    .object = page,
                                                    .name = "vdso",
                                                }));

    return address < 0 ? (int)address : 0;
}

void signal_drop_return(void)
{
    if (page)
        object_put(page);
    page = NULL;
}

/* ---- The alternate stack ---- */

static bool is_on_stack(const struct task *task, va_t sp)
{
    return !(task->signal_stack_flags & LINUX_SS_AUTODISARM) && sp > task->signal_stack &&
           sp - task->signal_stack <= task->signal_stack_bytes;
}

static uint32_t stack_state(const struct task *task, va_t sp)
{
    if (!task->signal_stack_bytes)
        return LINUX_SS_DISABLE;
    return is_on_stack(task, sp) ? LINUX_SS_ONSTACK : 0;
}

static void stack_reset(struct task *task)
{
    task->signal_stack = 0;
    task->signal_stack_bytes = 0;
    task->signal_stack_flags = LINUX_SS_DISABLE;
}

static int stack_set(struct task *task, va_t sp, const struct linux_stack *stack)
{
    uint32_t mode = stack->flags & ~LINUX_SS_AUTODISARM;

    if (is_on_stack(task, sp))
        return -EPERM;
    if (mode != LINUX_SS_DISABLE && mode != LINUX_SS_ONSTACK && mode != 0)
        return -EINVAL;
    if (mode == LINUX_SS_DISABLE) {
        stack_reset(task);
        return 0;
    }
    if (stack->bytes < LINUX_MINSIGSTKSZ)
        return -ENOMEM;
    task->signal_stack = stack->sp;
    task->signal_stack_bytes = stack->bytes;
    task->signal_stack_flags = stack->flags;
    return 0;
}

int64_t sys_sigaltstack(va_t new, va_t old)
{
    struct task *task = task_current();
    va_t sp = task->frame->sp;
    struct linux_stack before = {
        .sp = task->signal_stack,
        .flags = stack_state(task, sp) | (task->signal_stack_flags & LINUX_SS_AUTODISARM),
        .bytes = task->signal_stack_bytes,
    };
    struct linux_stack stack;

    if (new) {
        if (user_read(&stack, new, sizeof(stack)))
            return -EFAULT;
        int error = stack_set(task, sp, &stack);

        if (error)
            return error;
    }
    return old ? user_write(old, &before, sizeof(before)) : 0;
}

/* ---- Into the handler ---- */

/* Where the frame goes; 0: it would run over the end of the alternate stack. */
static va_t frame_place(const struct task *task, va_t sp, const struct signal_action *action)
{
    const va_t bytes = sizeof(struct linux_signal_frame);

    if (is_on_stack(task, sp) && !is_on_stack(task, sp - bytes))
        return 0;
    if (action->flags & LINUX_SA_ONSTACK && stack_state(task, sp) == 0)
        sp = task->signal_stack + task->signal_stack_bytes;
    return (sp - bytes) & ~15ull;
}

/* Keeps the compiler from folding a pointer's offset into each access, which then takes two bytes more. */
#define KEEP(pointer) __asm__("" : "+r"(pointer))

/* Word by word, in one go: this is most of what a signal costs. */
static inline void copy_words(uint64_t *to, const uint64_t *from, unsigned words)
{
    KEEP(to);
    KEEP(from);
#pragma GCC unroll 33
    for (unsigned i = 0; i < words; i++)
        to[i] = from[i];
}

/*
 * The parts that programs do not read (mask_rest, quad_rest) stay as they are. One copy for both of its callers: the
 * words are many.
 */
static __attribute__((noinline)) void fill_frame(struct linux_signal_frame *at, struct task *task,
                                                 const struct linux_siginfo *info, uint64_t saved_mask)
{
    at->head.info = *info;
    for (unsigned i = 0; i < INFO_REST; i++)
        at->head.info_rest[i] = 0;
    at->head.flags = 0;
    at->head.link = 0;
    at->head.stack = (struct linux_stack){ task->signal_stack, task->signal_stack_flags, 0, task->signal_stack_bytes };
    at->head.mask = saved_mask;
    copy_words(at->registers, task->frame->x, REGISTERS);
    copy_words(at->floats, task->floats.f, FLOATS);
    at->extension[0] = 0;
    at->extension[1] = 0;
}

static bool is_in_one_page(va_t place)
{
    return place % PAGE_BYTES <= PAGE_BYTES - sizeof(struct linux_signal_frame);
}

/* Over a page's end: by way of the kernel stack. */
static __attribute__((noinline)) int write_copy(va_t place, struct task *task, const struct linux_siginfo *info,
                                                uint64_t saved_mask)
{
    struct linux_signal_frame frame;

    memset(&frame, 0, sizeof(frame));
    fill_frame(&frame, task, info, saved_mask);
    return user_write(place, &frame, sizeof(frame));
}

static int write_frame(va_t place, struct task *task, const struct linux_siginfo *info, uint64_t saved_mask)
{
    uint8_t *at;

    if (!is_in_one_page(place))
        return write_copy(place, task, info, saved_mask);
    if (MM_RETRY(space_reach(task->space, place, ACCESS_STORE, &at)))
        return -EFAULT;
    fill_frame((struct linux_signal_frame *)(void *)at, task, info, saved_mask);
    return 0;
}

int signal_push_frame(struct trap_frame *frame, const struct signal_action *action, const struct linux_siginfo *info,
                      uint64_t saved_mask)
{
    struct task *task = task_current();
    va_t place = frame_place(task, frame->sp, action);

    task_float_flush(task);
    if (!place || write_frame(place, task, info, saved_mask))
        return -EFAULT;
    if (task->signal_stack_flags & LINUX_SS_AUTODISARM)
        stack_reset(task);
    frame->pc = action->handler;
    frame->ra = SIGNAL_RETURN;
    frame->sp = place;
    frame->a[0] = (uint64_t)info->signal;
    frame->a[1] = AT(place, head.info);
    frame->a[2] = AT(place, head.flags);
    return 0;
}

/* ---- And back ---- */

/* Registers that are the same as before, and that the handler has left alone, need not be loaded. */
static void take_floats(struct task *task, const uint64_t *floats)
{
    const uint64_t *now = task->floats.f;
    uint64_t difference = 0;

    KEEP(now);
    KEEP(floats);
#pragma GCC unroll 33
    for (unsigned i = 0; i < FLOATS; i++)
        difference |= floats[i] ^ now[i];
    if (!difference && (task->frame->status & SSTATUS_FS) != SSTATUS_FS_DIRTY)
        return;
    copy_words(task->floats.f, floats, FLOATS);
    task->float_saved = true;
    task_float_changed(task);
}

static __attribute__((noinline)) void take_frame(struct task *task, const struct linux_signal_frame *at)
{
    const struct linux_stack stack = at->head.stack;
    uint64_t mask = at->head.mask;

    take_floats(task, at->floats);
    copy_words(task->frame->x, at->registers, REGISTERS);
    signal_set_mask(mask);
    (void)!stack_set(task, task->frame->sp, &stack); /* as Linux: what it refuses stays as it is */
}

static __attribute__((noinline)) int read_copy(va_t place, struct task *task)
{
    struct linux_signal_frame frame;
    int error = user_read(&frame, place, sizeof(frame));

    if (!error)
        take_frame(task, &frame);
    return error;
}

static int read_frame(va_t place, struct task *task)
{
    uint8_t *at;

    if (place % sizeof(uint64_t))
        return -EFAULT;
    if (!is_in_one_page(place))
        return read_copy(place, task);
    if (MM_RETRY(space_reach(task->space, place, ACCESS_LOAD, &at)))
        return -EFAULT;
    take_frame(task, (const struct linux_signal_frame *)(const void *)at);
    return 0;
}

/* Does not return to its caller: every register is the frame's, a0 too. */
int64_t sys_rt_sigreturn(void)
{
    struct task *task = task_current();

    if (read_frame(task->frame->sp, task) && !signal_fault(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0, 0))
        fault_signal_frame(task->frame);
    trap_return_to_user(task->frame);
}
