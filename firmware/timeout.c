/* One list of all timeouts, the first to end first. */
#include "firmware/timeout.h"

#include "firmware/task.h"

static struct list timeouts = { &timeouts, &timeouts };

static struct timeout *first(void)
{
    return list_empty(&timeouts) ? NULL : LIST_ENTRY(timeouts.next, struct timeout, link);
}

void timeout_init(struct timeout *timeout, void (*expired)(struct timeout *timeout))
{
    list_init(&timeout->link);
    timeout->expired = expired;
}

void timeout_set(struct timeout *timeout, uint64_t deadline)
{
    struct list *place;

    list_remove(&timeout->link);
    timeout->deadline = deadline;
    if (deadline == TIMER_NEVER)
        return;
    place = timeouts.next;
    while (place != &timeouts && LIST_ENTRY(place, struct timeout, link)->deadline <= deadline)
        place = place->next;
    list_insert_before(place, &timeout->link);
    task_alarm_by(deadline);
}

void timeout_cancel(struct timeout *timeout)
{
    list_remove(&timeout->link);
}

void timeout_run(uint64_t now)
{
    struct timeout *timeout;

    while ((timeout = first()) != NULL && timeout->deadline <= now) {
        list_remove(&timeout->link);
        timeout->expired(timeout);
    }
}

uint64_t timeout_next(void)
{
    const struct timeout *timeout = first();

    return timeout ? timeout->deadline : TIMER_NEVER;
}
