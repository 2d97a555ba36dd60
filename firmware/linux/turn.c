/* Turns are one list, oldest first: of those for the same thing the first has it, the others sleep. */
#include "firmware/linux/turn.h"

#include "hal/timer.h"

static struct list turns = { &turns, &turns };

static bool is_first(const struct turn *turn)
{
    const struct list *link = turns.next;

    while (LIST_ENTRY(link, const struct turn, link)->thing != turn->thing)
        link = link->next;
    return link == &turn->link;
}

/* The next one for the same thing behind it. */
static struct turn *next_of(const struct turn *turn)
{
    for (struct list *link = turn->link.next; link != &turns; link = link->next)
        if (LIST_ENTRY(link, struct turn, link)->thing == turn->thing)
            return LIST_ENTRY(link, struct turn, link);
    return NULL;
}

int turn_take(struct turn *turn, const void *thing)
{
    turn->thing = thing;
    turn->waiter.task = task_current();
    list_init(&turn->waiter.link);
    list_append(&turns, &turn->link);
    while (!is_first(turn)) {
        int error = task_block_killable(TIMER_NEVER);

        if (error) {
            turn_end(turn);
            return error;
        }
    }
    return 0;
}

void turn_end(struct turn *turn)
{
    struct turn *next = is_first(turn) ? next_of(turn) : NULL;

    list_remove(&turn->link);
    if (next)
        waiter_wake(&next->waiter);
}
