/* The write-back thread around store_step(). */
#include "firmware/worker.h"

#include <errno.h>

#include "firmware/task.h"
#include "hal/timer.h"
#include "mm/mm.h"

/* How often a caller of mm_wait() may find that nothing has moved. */
#define PATIENCE 200u
/* After so many steps in a row others get their turn. */
#define STEPS_AT_ONCE 16u
/* A waiter looks again after this long even if nobody woke it. */
#define WAIT_US       100000u
#define POLL_LEAST_US 20u

static struct {
    struct flash *flash;
    struct task *task;
    bool work;               /* somebody has asked since the last look */
    uint64_t progress;       /* steps that were not idle */
    struct wait_queue asked; /* the worker itself */
    struct wait_queue moved; /* callers of mm_wait() */
} worker = { .asked = WAIT_QUEUE_INIT(worker.asked), .moved = WAIT_QUEUE_INIT(worker.moved) };

/* When to look at the flash again: an eighth of what the operation in flight takes as a rule. */
static uint64_t poll_deadline(void)
{
    uint32_t us = POLL_LEAST_US;

    if (worker.flash && worker.flash->in_flight) {
        const struct flash_geometry *geometry = &worker.flash->geometry;
        bool erase = worker.flash->in_flight->operation == FLASH_ERASE;

        us = (erase ? geometry->erase_typical_us : geometry->program_typical_us) / 8;
    }
    return timer_now() + timer_ticks_from_us(us < POLL_LEAST_US ? POLL_LEAST_US : us);
}

static enum store_work steps(void)
{
    enum store_work work = STORE_MORE;

    for (unsigned i = 0; i < STEPS_AT_ONCE && work == STORE_MORE; i++) {
        work = store_step(mm_store());
        worker.progress += work != STORE_IDLE;
    }
    return work;
}

static void run(void *argument)
{
    (void)argument;
    for (;;) {
        worker.work = false;
        enum store_work work = steps();

        wait_wake(&worker.moved, WAKE_ALL);
        if (work == STORE_MORE)
            task_yield();
        else if (work == STORE_BUSY)
            task_wait(&worker.asked, poll_deadline());
        else if (!worker.work)
            task_wait(&worker.asked, TIMER_NEVER);
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
    struct store *store = mm_store();

    if (store && store_wants_step(store))
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
        (void)steps();
    }
    *patience = worker.progress == before ? *patience + 1 : 0;
    return *patience < PATIENCE ? 0 : -ENOMEM;
}
