/* The scheduler: one queue a hart, round robin, and sleeping with and without deadlines. */
#include "firmware/task.h"

#include <errno.h>
#include <string.h>

#include "firmware/boot.h"
#include "firmware/console.h"
#include "firmware/event.h"
#include "firmware/kmap.h"
#include "firmware/process.h"
#include "firmware/stack.h"
#include "firmware/task_offsets.h"
#include "firmware/timeout.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"
#include "mm/assert.h"
#include "mm/mm.h"

_Static_assert(offsetof(struct hart, current) == HART_CURRENT, "trap.S");
_Static_assert(offsetof(struct task, attention) == TASK_ATTENTION, "trap.S");

/* Registers as task_switch_stacks() keeps them. */
struct switch_frame {
    uint64_t ra, s[12], reserved;
};
_Static_assert(sizeof(struct switch_frame) == SWITCH_BYTES, "trap.S");

void task_switch_stacks(uint64_t *keep_sp, uint64_t new_sp);
void task_switched(void);
extern char task_begin[];

static struct hart boot_hart;
static struct task idle_task;
static struct pool task_pool = POOL_OF(struct task);

void task_init(uint32_t hart_id, bool has_float)
{
    struct hart *hart = &boot_hart;

    *hart = (struct hart){
        .current = &idle_task,
        .idle = &idle_task,
        .alarm = TIMER_NEVER,
        .id = hart_id,
        .has_float = has_float,
        .float_owner = &idle_task,
    };
    list_init(&hart->ready);
    list_init(&hart->timed);
    memcpy(idle_task.name, "idle", sizeof("idle"));
    idle_task.state = TASK_RUNNING;
    list_init(&idle_task.queue);
    list_init(&idle_task.timed);
    __asm__ volatile("mv tp, %0" : : "r"(hart));
}

/* ---- The alarm ---- */

static void alarm_at(struct hart *hart, uint64_t deadline)
{
    if (deadline < hart->alarm) {
        hart->alarm = deadline;
        timer_set(deadline);
    }
}

void task_alarm_by(uint64_t deadline)
{
    alarm_at(hart_current(), deadline);
}

/*
 * What the running task did when the tick was due is what it does from then on, for those who ask for its times.
 */
static void take_tick(struct hart *hart, uint64_t now, bool in_kernel)
{
    const uint64_t slice = timer_ticks_from_us(TASK_SLICE_US);
    struct task *task = hart->current;

    if (task->in_system != in_kernel) {
        task->other_ticks = task->ran_ticks + hart->tick - task->began - task->other_ticks;
        task->in_system = in_kernel;
    }
    hart->tick = now + slice;
    if (!in_kernel)
        hart->user_ticks += slice;
}

static void make_ready(struct task *task)
{
    task->state = TASK_READY;
    list_append(&hart_current()->ready, &task->queue);
}

static bool wake(struct task *task, int outcome)
{
    if (task->state != TASK_BLOCKED)
        return false;
    task->outcome = (int16_t)outcome;
    list_remove(&task->timed);
    make_ready(task);
    return true;
}

static void wake_expired(struct hart *hart, uint64_t now)
{
    while (!list_empty(&hart->timed)) {
        struct task *first = LIST_ENTRY(hart->timed.next, struct task, timed);

        if (first->deadline > now)
            break;
        wake(first, -ETIMEDOUT);
    }
}

/* With a user task running, or none at all. */
static void look_at_running(struct hart *hart, uint64_t now, bool late)
{
    if (hart->current == hart->idle) {
        hart->tick = 0;
        return;
    }
    if (now >= hart->tick) {
        take_tick(hart, now, late);
        hart->current->attention |= ATTENTION_RESCHEDULE;
    }
    alarm_at(hart, hart->tick);
}

void task_alarm(bool late)
{
    struct hart *hart = hart_current();
    uint64_t now = timer_now();

    console_poll();
    hart->alarm = TIMER_NEVER;
    look_at_running(hart, now, late);
    wake_expired(hart, now);
    timeout_run(now);
    alarm_at(hart, timeout_next());
    if (!list_empty(&hart->timed))
        alarm_at(hart, LIST_ENTRY(hart->timed.next, struct task, timed)->deadline);
    if (hart->alarm == TIMER_NEVER)
        timer_set(TIMER_NEVER);
}

/* ---- Switching ---- */

/* The FPU changes hands: the leaving task's registers are kept if it wrote them, the next one finds its own or zeros. */
static void float_switch(struct hart *hart, struct task *from, struct task *to)
{
    if (!hart->has_float)
        return;
    if (from->process)
        task_float_flush(from);
    if (!to->process)
        return;
    struct task *owner = to->float_saved ? to : NULL;

    if (hart->float_owner != owner) {
        float_load(&to->floats);
        hart->float_owner = owner;
    }
}

static uint64_t kernel_satp(void)
{
    return (uint64_t)SATP_MODE_SV39 << SATP_MODE_SHIFT | kmap_root().raw >> PAGE_SHIFT;
}

static void space_show(struct hart *hart, struct space *space)
{
    if (hart->space == space)
        return;
    hart->space = space;
    if (space && space_recycles(space))
        cpu_space_switch(kernel_satp());
    cpu_space_switch(space ? space_activate(space) : kernel_satp());
}

uint32_t task_count(void)
{
    return task_pool.used_items;
}

static void task_free(struct task *task)
{
    stack_put(task->stack_slot, task->stack_frames, task->frame + 1);
    pool_put(&task_pool, task);
}

/* What is left to do on the new task's stack; also the first thing that a new task does. */
void task_switched(void)
{
    struct hart *hart = hart_current();

    if (hart->dead) {
        task_free(hart->dead);
        hart->dead = NULL;
    }
}

static void switch_to(struct hart *hart, struct task *next)
{
    struct task *from = hart->current;
    uint64_t now = timer_now();

    if (now >= hart->tick) {
        take_tick(hart, now, true);
        alarm_at(hart, hart->tick);
    }
    from->ran_ticks += now - from->began;
    next->began = now;
    next->state = TASK_RUNNING;
    float_switch(hart, from, next);
    if (next->space) /* kernel threads run in whatever space there is */
        space_show(hart, next->space);
    hart->current = next;
    if (next->process) /* kernel threads come and go all the time */
        event_note_run(next->id);
    task_switch_stacks(&from->stack_pointer, next->stack_pointer);
    task_switched();
}

/* The hart goes to the next one in the queue; the caller is in a queue already, or dead. */
static void schedule(void)
{
    struct hart *hart = hart_current();
    struct task *next = hart->idle;

    if (list_empty(&hart->ready) && hart->resting)
        wake(hart->resting, 0);
    if (!list_empty(&hart->ready)) {
        next = LIST_ENTRY(hart->ready.next, struct task, queue);
        list_remove(&next->queue);
    }
    if (next == hart->current)
        next->state = TASK_RUNNING;
    else
        switch_to(hart, next);
}

void task_yield(void)
{
    struct hart *hart = hart_current();

    if (list_empty(&hart->ready))
        return;
    make_ready(hart->current);
    schedule();
}

int task_pause(void)
{
    struct task *task = task_current();

    trap_poll_interrupts(true);
    if (task->attention & ATTENTION_RESCHEDULE) {
        task->attention &= ~(uint32_t)ATTENTION_RESCHEDULE;
        task_yield();
    }
    return task->attention & ATTENTION_END ? -EINTR : 0;
}

_Noreturn void task_idle(void)
{
    struct hart *hart = hart_current();

    ASSERT(hart->current == hart->idle);
    for (;;) {
        trap_poll_interrupts(false);
        console_poll();
        if (!list_empty(&hart->ready)) {
            schedule();
            continue;
        }
        if (console_is_polled())
            alarm_at(hart, timer_now() + timer_ticks_from_us(TASK_SLICE_US));
        cpu_wait();
    }
}

/* ---- Waiting ---- */

void wait_init(struct wait_queue *queue)
{
    list_init(&queue->waiters);
}

void waiter_add(struct wait_queue *queue, struct waiter *waiter)
{
    waiter->task = task_current();
    list_append(&queue->waiters, &waiter->link);
}

void waiter_remove(struct waiter *waiter)
{
    list_remove(&waiter->link);
}

bool waiter_wake(struct waiter *waiter)
{
    list_remove(&waiter->link); /* the same call never counts one twice */
    return wake(waiter->task, 0);
}

unsigned wait_wake(struct wait_queue *queue, unsigned count)
{
    unsigned woken = 0;

    while (woken < count && !list_empty(&queue->waiters))
        woken += waiter_wake(LIST_ENTRY(queue->waiters.next, struct waiter, link));
    return woken;
}

static void timed_insert(struct hart *hart, struct task *task)
{
    struct list *place = hart->timed.next;

    while (place != &hart->timed && LIST_ENTRY(place, struct task, timed)->deadline <= task->deadline)
        place = place->next;
    list_insert_before(place, &task->timed);
    alarm_at(hart, task->deadline);
}

static bool is_interrupted(const struct task *task)
{
    return task->attention & task->interrupted_by;
}

static int block(uint64_t deadline, uint8_t interrupted_by)
{
    struct hart *hart = hart_current();
    struct task *task = hart->current;

    ASSERT(task != hart->idle);
    task->interrupted_by = interrupted_by;
    if (is_interrupted(task))
        return -EINTR;
    task->deadline = deadline;
    task->state = TASK_BLOCKED;
    if (deadline != TIMER_NEVER)
        timed_insert(hart, task);
    schedule();
    return task->outcome;
}

int task_block(uint64_t deadline, bool interruptible)
{
    return block(deadline, interruptible ? ATTENTION_SIGNAL | ATTENTION_END : 0);
}

int task_block_killable(uint64_t deadline)
{
    return block(deadline, ATTENTION_END);
}

static int wait_in(struct wait_queue *queue, uint64_t deadline, bool interruptible)
{
    struct waiter waiter;

    list_init(&waiter.link);
    if (queue)
        waiter_add(queue, &waiter);
    int outcome = task_block(deadline, interruptible);

    waiter_remove(&waiter);
    return outcome;
}

int task_sleep(struct wait_queue *queue, uint64_t deadline)
{
    return wait_in(queue, deadline, true);
}

int task_wait(struct wait_queue *queue, uint64_t deadline)
{
    return wait_in(queue, deadline, false);
}

int task_wait_idle(struct wait_queue *queue, uint64_t deadline)
{
    struct hart *hart = hart_current();

    hart->resting = hart->current;
    int outcome = wait_in(queue, deadline, false);

    hart->resting = NULL;
    return outcome;
}

void task_notify(struct task *task, uint32_t attention)
{
    task->attention |= attention;
    if (is_interrupted(task))
        wake(task, -EINTR);
}

/* ---- Beginning and ending ---- */

static int task_create(const char *name, struct task **out)
{
    struct task *task = pool_wait(&task_pool);
    void *top;

    if (!task)
        return -ENOMEM;
    int error = (int)MM_RETRY(stack_get(&task->stack_slot, task->stack_frames, &top));

    if (error) {
        pool_put(&task_pool, task);
        return error;
    }
    task->frame = (struct trap_frame *)top - 1;
    task->state = TASK_BLOCKED;
    list_init(&task->queue);
    list_init(&task->timed);
    list_init(&task->in_process);
    strncpy(task->name, name, sizeof(task->name) - 1);
    *out = task;
    return 0;
}

static void begin_in(struct task *task, void (*entry)(void *), void *argument)
{
    struct switch_frame *first = (struct switch_frame *)(void *)task->frame - 1;

    *first = (struct switch_frame){ .ra = (uint64_t)task_begin, .s = { (uint64_t)entry, (uint64_t)argument } };
    task->stack_pointer = (uint64_t)first;
}

int task_create_kernel(const char *name, void (*entry)(void *argument), void *argument, struct task **task)
{
    int error = task_create(name, task);

    if (!error)
        begin_in(*task, entry, argument);
    return error;
}

int task_create_user(struct process *process, struct task **out)
{
    struct task *task;
    int error = task_create(process->name, &task);

    if (error)
        return error;
    task->process = process;
    task->space = process->space;
    trap_frame_init(task->frame, 0, 0);
    begin_in(task, trap_return_to_user, task->frame);
    *out = task;
    return 0;
}

void task_start(struct task *task)
{
    make_ready(task);
}

void task_discard(struct task *task)
{
    task_free(task);
}

_Noreturn void task_exit(void)
{
    struct hart *hart = hart_current();
    struct task *task = hart->current;

    hart->float_owner = hart->idle; /* what it left in the FPU is nobody's: the next one loads its own */
    task->process = NULL;
    task->state = TASK_DEAD;
    hart->dead = task;
    schedule();
    assert_failed(__FILE__, __LINE__); /* a dead task runs */
}

void task_enter_space(struct space *space)
{
    struct hart *hart = hart_current();

    hart->current->space = space;
    space_show(hart, space);
}

void task_float_flush(struct task *task)
{
    struct hart *hart = hart_current();

    if (hart->current != task || (task->frame->status & SSTATUS_FS) != SSTATUS_FS_DIRTY)
        return;
    float_save(&task->floats);
    task->frame->status = (task->frame->status & ~(uint64_t)SSTATUS_FS) | SSTATUS_FS_CLEAN;
    task->float_saved = true;
    hart->float_owner = task;
}

void task_float_changed(struct task *task)
{
    struct hart *hart = hart_current();

    if (!hart->has_float)
        return;
    task->frame->status = (task->frame->status & ~(uint64_t)SSTATUS_FS) |
                          (task->float_saved ? SSTATUS_FS_CLEAN : SSTATUS_FS_INITIAL);
    if (hart->current == task) {
        float_load(&task->floats);
        hart->float_owner = task->float_saved ? task : NULL;
    }
}

uint64_t task_ran_ticks(const struct task *task)
{
    return task->ran_ticks + (task->state == TASK_RUNNING ? timer_now() - task->began : 0);
}

uint64_t task_system_ticks(const struct task *task)
{
    const struct hart *hart = hart_current();
    uint64_t now;

    if (task == hart->current && !task->in_system && (now = timer_now()) > hart->tick)
        return task->other_ticks + now - hart->tick; /* as the next look at it will tell */
    return task->in_system ? task_ran_ticks(task) - task->other_ticks : task->other_ticks;
}
