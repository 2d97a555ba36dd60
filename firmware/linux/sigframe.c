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

#include "firmware/linux/calls.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/sigframe.h"
#include "firmware/usercopy.h"

#define LI_A7_139 0x08b00893u /* rt_sigreturn */
#define ECALL     0x00000073u

#define AT(place, member) ((place) + offsetof(struct linux_signal_frame, member))

typedef __typeof__(((struct linux_signal_frame *)0)->head) frame_head;

/* ---- The page that handlers return to ---- */

static int make_page(struct object **page)
{
    static const uint32_t code[] = { LI_A7_139, ECALL };
    int error = (int)MM_RETRY(object_make(PAGE_BYTES, page));

    if (error)
        return error;
    int64_t bytes = MM_RETRY(object_write(*page, 0, NULL, (va_t)code, sizeof(code)));

    if (bytes == sizeof(code))
        return 0;
    object_put(*page);
    return -ENOMEM;
}

int signal_map_return(struct space *space)
{
    static struct object *page; /* one for all programs, from the first one on */
    struct object *made;
    int error = page ? 0 : make_page(&made);

    if (error)
        return error;
    if (!page)
        page = made;
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

static int write_frame(struct task *task, va_t place, const frame_head *head)
{
    static const uint64_t no_extension[2];

    task_float_flush(task);
    if (user_write(AT(place, head), head, sizeof(*head)) ||
        user_write(AT(place, registers), task->frame->x, sizeof(task->frame->x)) ||
        user_write(AT(place, floats), &task->floats, sizeof(task->floats)) ||
        user_write(AT(place, extension), no_extension, sizeof(no_extension)))
        return -EFAULT;
    return 0;
}

int signal_push_frame(struct trap_frame *frame, const struct signal_action *action, const struct linux_siginfo *info,
                      uint64_t saved_mask)
{
    struct task *task = task_current();
    va_t place = frame_place(task, frame->sp, action);
    frame_head head;

    memset(&head.info_rest, 0, sizeof(head.info_rest));
    head.info = *info;
    head.flags = 0;
    head.link = 0;
    head.stack = (struct linux_stack){ task->signal_stack, task->signal_stack_flags, 0, task->signal_stack_bytes };
    head.mask = saved_mask;
    if (!place || write_frame(task, place, &head))
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

static int read_frame(struct task *task, va_t place)
{
    frame_head head;

    if (user_read(&head.flags, AT(place, head.flags), sizeof(head) - offsetof(frame_head, flags)) ||
        user_read(&task->floats, AT(place, floats), sizeof(task->floats)) ||
        user_read(task->frame->x, AT(place, registers), sizeof(task->frame->x)))
        return -EFAULT;
    task->float_saved = true;
    task_float_changed(task);
    signal_set_mask(head.mask);
    (void)!stack_set(task, task->frame->sp, &head.stack); /* as Linux: what it refuses stays as it is */
    return 0;
}

/* Does not return to its caller: every register is the frame's, a0 too. */
int64_t sys_rt_sigreturn(void)
{
    struct task *task = task_current();

    if (read_frame(task, task->frame->sp) && !signal_fault(LINUX_SIGSEGV, LINUX_SI_KERNEL, 0, 0))
        process_end(task->process, STATUS_SIGNAL(LINUX_SIGSEGV));
    trap_return_to_user(task->frame);
}
