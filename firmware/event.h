/*
 * The last things that happened, newest over oldest: written in a few instructions, read by reports (firmware/report.h).
 *
 * Locking: the kernel lock; a panic reads it at any time.
 */
#ifndef FIRMWARE_EVENT_H
#define FIRMWARE_EVENT_H

#include <stdint.h>

#include "firmware/task.h"

#define EVENTS 64u

enum event_kind {
    EVENT_NONE,
    EVENT_RUN,     /* the hart went to this one, which is no kernel thread */
    EVENT_FAULT,   /* code: scause, value: address */
    EVENT_SIGNAL,  /* code: its number, value: the process it was sent to */
    EVENT_PROGRAM, /* code: the task that begins it, value: where */
    EVENT_END,     /* code: the process that is to end, value: its wait status */
    EVENT_KINDS
};

struct event {
    uint64_t value;
    uint32_t task;
    uint16_t kind; /* enum event_kind */
    uint16_t code;
};

struct event_ring {
    uint32_t next; /* counts all there ever were */
    struct event of[EVENTS];
};
extern struct event_ring event_ring;

/* Of the running task. */
static inline void event_note(enum event_kind kind, unsigned code, uint64_t value)
{
    struct event *event = &event_ring.of[event_ring.next++ % EVENTS];

    event->value = value;
    event->task = task_current()->id;
    event->kind = (uint16_t)kind;
    event->code = (uint16_t)code;
}

/* The hart went to `task`; once, when that was what happened last anyway. */
static inline void event_note_run(uint32_t task)
{
    const struct event *last = &event_ring.of[(event_ring.next - 1) % EVENTS];

    if (last->kind != EVENT_RUN || last->task != task)
        event_note(EVENT_RUN, 0, 0);
}

#endif
