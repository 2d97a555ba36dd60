/* The write-back thread around store_step(). */
#include "firmware/worker.h"

#include <errno.h>

#include "firmware/entropy.h"
#include "firmware/task.h"
#include "hal/timer.h"
#include "mm/mm.h"

/* How often a caller of mm_wait() may find that nothing has moved. */
#define PATIENCE 200u
/* After so many steps in a row others get their turn: when somebody waits for them, and when nobody does. */
#define STEPS_AT_ONCE 16u
#define STEPS_AHEAD   4u
/* A waiter looks again after this long even if nobody woke it. */
#define WAIT_US       100000u
#define POLL_LEAST_US 20u
/* So many page faults may pass before the store is asked what it wants: asking costs as much as a third of one. */
#define LOOK_EVERY 8u

static struct {
    struct flash *flash;
    struct task *task;
    bool work;               /* somebody has asked since the last look */
    uint32_t poll_us;        /* how long it slept last while the flash was busy */
    uint64_t operations;     /* of the flash, ever, at the last look */
    uint64_t progress;       /* looks that found something moved */
    struct wait_queue asked; /* the worker itself */
    struct wait_queue moved; /* callers of mm_wait() */
} worker = { .asked = WAIT_QUEUE_INIT(worker.asked), .moved = WAIT_QUEUE_INIT(worker.moved) };

/* Whether the flash has begun something since the last look; then it has also ended what was before. */
static bool flash_moved(void)
{
    uint64_t before = worker.operations;

    if (worker.flash)
        worker.operations = worker.flash->counters.programs + worker.flash->counters.erases;
    return worker.operations != before;
}

/* Somebody waits, or the tail fills. What is done ahead of need is left to times when no task runs, or to one look a slice. */
static bool is_urgent(void)
{
    return worker.work || !list_empty(&worker.moved.waiters) || store_wants_step(mm_store());
}

/* Lets the store work. `*moved`: it has got on, rather than found everything as it was. */
static enum store_work look(bool *moved)
{
    enum store_work work = STORE_MORE;
    unsigned steps = 0, most = is_urgent() ? STEPS_AT_ONCE : STEPS_AHEAD;
    bool began = false;

    for (; steps < most && work == STORE_MORE; steps++) {
        entropy_step();
        work = store_step(mm_store());
        /* What has just begun is looked at once before anybody sleeps: sleeping costs more than a part that is ready. */
        if (work == STORE_BUSY && flash_moved()) {
            began = true;
            work = store_step(mm_store());
        }
        mm_step();
    }
    *moved = began || flash_moved() || steps > 1 || work == STORE_MORE;
    worker.progress += *moved;
    return work;
}

/*
 * When to look at the flash again: soon after an operation began, then less and less often, but at least eight times in
 * what it takes as a rule. Parts that are faster than their data sheet (an emulator's) are not waited for.
 */
static uint64_t poll_deadline(bool moved)
{
    const struct flash_request *request = worker.flash ? worker.flash->in_flight : NULL;
    uint32_t most = POLL_LEAST_US;

    if (request) {
        const struct flash_geometry *geometry = &worker.flash->geometry;

        most = (request->operation == FLASH_ERASE ? geometry->erase_typical_us : geometry->program_typical_us) / 8;
    }
    worker.poll_us = moved ? POLL_LEAST_US : worker.poll_us + worker.poll_us / 2;
    if (worker.poll_us > most && !moved)
        worker.poll_us = most;
    return timer_now() + timer_ticks_from_us(worker.poll_us);
}

static void run(void *argument)
{
    (void)argument;
    for (;;) {
        bool moved;

        worker.work = false;
        enum store_work work = look(&moved);

        if (moved || work == STORE_IDLE)
            wait_wake(&worker.moved, WAKE_ALL);
        if (work == STORE_MORE && is_urgent())
            task_yield();
        else if (work == STORE_MORE)
            (void)task_wait_idle(&worker.asked, timer_now() + timer_ticks_from_us(TASK_SLICE_US));
        else if (work == STORE_BUSY)
            (void)task_wait(NULL, poll_deadline(moved)); /* nobody can hurry the flash */
        else if (!worker.work)
            (void)task_wait(&worker.asked, TIMER_NEVER);
    }
}

int worker_start(struct flash *flash)
{
    struct task *task;
    int error = task_create_kernel("worker", run, NULL, &task);

    if (error)
        return error;
    worker.flash = flash;
    worker.task = task;
    task_start(task);
    return 0;
}

void worker_wake(void)
{
    worker.work = true;
    wait_wake(&worker.asked, 1);
}

void worker_look(void)
{
    static unsigned looks;

    if (++looks % LOOK_EVERY == 0 && mm_store() && store_wants_step(mm_store()))
        worker_wake();
}

static bool may_sleep(void)
{
    return worker.task && task_current() != hart_current()->idle && task_current() != worker.task;
}

int mm_wait(unsigned *patience)
{
    uint64_t before = worker.progress;

    if (!mm_store())
        return -ENOMEM;
    if (may_sleep()) {
        worker_wake();
        (void)task_wait(&worker.moved, timer_now() + timer_ticks_from_us(WAIT_US));
    } else {
        bool moved;

        (void)look(&moved);
    }
    *patience = worker.progress == before ? *patience + 1 : 0;
    return *patience < PATIENCE ? 0 : -ENOMEM;
}
