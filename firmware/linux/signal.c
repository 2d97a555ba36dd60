/*
 * Sending signals, and the queues they wait in.
 *
 * A queue is a set of bits and a list of records, oldest first, for what a handler is told beside the number. A signal
 * below SIGRTMIN waits once at most; the others as often as they were sent. A bit without a record is a signal of which
 * nothing is known but its number: there was no memory for more.
 */
#include "firmware/linux/signal.h"

#include <errno.h>

#include "firmware/event.h"
#include "firmware/linux/timer.h"
#include "firmware/usercopy.h"

/* What one process can have waiting. */
#define RECORDS_MAX 128u

#define IGNORED \
    (SIGNAL_BIT(LINUX_SIGCHLD) | SIGNAL_BIT(LINUX_SIGCONT) | SIGNAL_BIT(LINUX_SIGURG) | SIGNAL_BIT(LINUX_SIGWINCH))

struct signal_record {
    struct signal_record *next;
    struct linux_siginfo info;
};

static struct pool record_pool = POOL_OF(struct signal_record);

uint32_t signal_records(void)
{
    return record_pool.used_items;
}

/* ---- Queues ---- */

static bool is_queued(int signal)
{
    return signal >= LINUX_SIGRTMIN;
}

static void record_add(struct signal_queue *queue, struct signal_record *record)
{
    struct signal_record **end = &queue->first;

    while (*end)
        end = &(*end)->next;
    record->next = NULL;
    *end = record;
}

static void record_free(struct process *process, struct signal_record *record)
{
    process->signal_records--;
    pool_put(&record_pool, record);
}

void signal_queue_clear(struct process *process, struct signal_queue *queue, uint64_t signals)
{
    queue->pending &= ~signals;
    for (struct signal_record **at = &queue->first; *at;) {
        struct signal_record *record = *at;

        if (SIGNAL_BIT(record->info.signal) & signals) {
            *at = record->next;
            record_free(process, record);
        } else {
            at = &record->next;
        }
    }
}

static int queue_add(struct process *process, struct signal_queue *queue, const struct linux_siginfo *info)
{
    uint64_t bit = SIGNAL_BIT(info->signal);
    struct signal_record *record;

    if (queue->pending & bit && !is_queued(info->signal))
        return 0;
    record = process->signal_records < RECORDS_MAX ? pool_get(&record_pool) : NULL;
    if (record) {
        process->signal_records++;
        record->info = *info;
        record_add(queue, record);
    } else if (is_queued(info->signal) && info->code < 0) {
        return -EAGAIN;
    }
    queue->pending |= bit;
    return 0;
}

/* The oldest record of the signal, its last one taking the bit along. */
static void queue_take(struct process *process, struct signal_queue *queue, int signal, struct linux_siginfo *info)
{
    struct signal_record **at = &queue->first, *record;
    bool more = false;

    while (*at && (*at)->info.signal != signal)
        at = &(*at)->next;
    record = *at;
    *info = (struct linux_siginfo){ .signal = signal, .code = LINUX_SI_USER };
    if (record) {
        *info = record->info;
        *at = record->next;
        for (const struct signal_record *other = record->next; other && !more; other = other->next)
            more = other->info.signal == signal;
        record_free(process, record);
    }
    if (!more)
        queue->pending &= ~SIGNAL_BIT(signal);
}

/* The compiler's own way brings a table along. */
static int lowest(uint64_t signals)
{
    int signal = 1;

    for (; !(signals & 0xff); signals >>= 8)
        signal += 8;
    for (; !(signals & 1); signals >>= 1)
        signal++;
    return signal;
}

/* Linux's order: what a thread did itself (linux/signalfd.h calls them synchronous) before all others. */
static int first_signal(uint64_t pending)
{
    uint64_t synchronous = SIGNAL_BIT(LINUX_SIGSEGV) | SIGNAL_BIT(LINUX_SIGBUS) | SIGNAL_BIT(LINUX_SIGILL) |
                           SIGNAL_BIT(LINUX_SIGTRAP);

    if (pending & synchronous)
        pending &= synchronous;
    return lowest(pending);
}

int signal_take(uint64_t wanted, struct linux_siginfo *info)
{
    struct task *task = task_current();
    struct process *process = task->process;
    struct signal_queue *queue = task->signals.pending & wanted ? &task->signals : &process->signals;

    if (!(queue->pending & wanted))
        return 0;
    int signal = first_signal(queue->pending & wanted);

    queue_take(process, queue, signal, info);
    if (info->code == LINUX_SI_TIMER)
        timer_taken(process, info);
    return signal;
}

uint64_t signal_pending(void)
{
    const struct task *task = task_current();

    return task->signals.pending | task->process->signals.pending;
}

/* ---- Sending ---- */

bool signal_is_ignored(const struct process *process, int signal)
{
    va_t handler = process->actions ? process->actions->of[signal - 1].handler : LINUX_SIG_DFL;

    return handler == LINUX_SIG_IGN || (handler == LINUX_SIG_DFL && SIGNAL_BIT(signal) & IGNORED);
}

static bool is_blocked(const struct task *task, int signal)
{
    return task->signals_blocked & SIGNAL_BIT(signal);
}

/* The thread that a signal to its process is for: one that does not block it, rather the first; NULL: none. */
static struct task *find_taker(struct process *process, int signal)
{
    LIST_EACH(link, &process->threads)
    {
        struct task *task = LIST_ENTRY(link, struct task, in_process);

        if (!is_blocked(task, signal))
            return task;
    }
    return NULL;
}

static void clear_everywhere(struct process *process, uint64_t signals)
{
    signal_queue_clear(process, &process->signals, signals);
    LIST_EACH(link, &process->threads)
    signal_queue_clear(process, &LIST_ENTRY(link, struct task, in_process)->signals, signals);
}

/* What a signal does at once, whether or not it is handled, blocked or ignored. */
static void take_effect(struct process *process, int signal)
{
    if (SIGNAL_BIT(signal) & SIGNALS_STOP)
        clear_everywhere(process, SIGNAL_BIT(LINUX_SIGCONT));
    if (signal == LINUX_SIGCONT) {
        clear_everywhere(process, SIGNALS_STOP);
        signal_continue(process);
    }
}

int signal_queue_info(struct process *process, struct task *task, const struct linux_siginfo *info)
{
    if (process->state == PROCESS_ZOMBIE)
        return 0;
    struct task *taker = task ? task : find_taker(process, info->signal);
    bool blocked = !taker || is_blocked(taker, info->signal);

    if (!blocked && !(taker->signals_held & SIGNAL_BIT(info->signal)) && signal_is_ignored(process, info->signal))
        return 0;
    int error = queue_add(process, task ? &task->signals : &process->signals, info);

    if (!error && !blocked)
        task_notify(taker, ATTENTION_SIGNAL);
    return error;
}

int signal_send_info(struct process *process, struct task *task, const struct linux_siginfo *info)
{
    if (process->state == PROCESS_ZOMBIE)
        return 0;
    event_note(EVENT_SIGNAL, (unsigned)info->signal, process->id);
    if (info->signal == LINUX_SIGKILL) {
        process_end(process, STATUS_SIGNAL(LINUX_SIGKILL));
        return 0;
    }
    take_effect(process, info->signal);
    return signal_queue_info(process, task, info);
}

void signal_send(struct process *process, int signal)
{
    (void)signal_send_info(process, NULL, &(struct linux_siginfo){ .signal = signal, .code = LINUX_SI_KERNEL });
}

void signal_send_thread(struct task *task, int signal)
{
    const struct linux_siginfo info = {
        .signal = signal,
        .code = LINUX_SI_USER,
        .sent = { .pid = (int32_t)task->process->id, .uid = task->process->uid },
    };

    (void)signal_send_info(task->process, task, &info);
}

unsigned signal_send_group(uint32_t group, int signal)
{
    unsigned count = 0;

    LIST_EACH(link, process_list())
    {
        struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->group != group)
            continue;
        signal_send(process, signal);
        count++;
    }
    return count;
}

/* ---- Masks ---- */

/* Signals to the process that this thread was chosen for and now blocks are somebody else's. */
static __attribute__((noinline)) void pass_on(struct task *task, uint64_t left)
{
    while (left && task->process->thread_count > 1) {
        struct task *taker = find_taker(task->process, lowest(left));

        left &= left - 1;
        if (taker)
            task_notify(taker, ATTENTION_SIGNAL);
    }
}

void signal_set_mask(uint64_t blocked)
{
    struct task *task = task_current();
    uint64_t of_process = task->process->signals.pending, newly_blocked = blocked & ~task->signals_blocked;

    blocked &= ~SIGNALS_UNBLOCKABLE;
    task->signals_blocked = blocked;
    if ((task->signals.pending | of_process) & ~blocked)
        task->attention |= ATTENTION_SIGNAL;
    if (of_process & newly_blocked)
        pass_on(task, of_process & newly_blocked);
}

int signal_read_mask(va_t from, uint64_t bytes, uint64_t *mask)
{
    if (bytes != sizeof(*mask))
        return -EINVAL;
    return user_read(mask, from, sizeof(*mask));
}

int signal_mask_begin(va_t from, uint64_t bytes)
{
    struct task *task = task_current();
    uint64_t mask;

    if (!from)
        return 0;
    int error = signal_read_mask(from, bytes, &mask);

    if (error)
        return error;
    task->signals_saved = task->signals_blocked;
    task->mask_saved = true;
    signal_set_mask(mask);
    return 0;
}

int64_t signal_mask_end(int64_t result)
{
    struct task *task = task_current();

    if (task->mask_saved && result != -EINTR) {
        task->mask_saved = false;
        signal_set_mask(task->signals_saved);
    }
    return result;
}
