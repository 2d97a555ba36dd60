/*
 * Futexes: sleeping on a word of memory until somebody says that it has changed (futex(2)).
 *
 * A word is named by its object and the place in it where it is in a shared mapping, else by its space and its address,
 * so that all who see the same word name it alike. Sleepers hang in buckets by their name.
 *
 * Between reading the word and sleeping nothing else runs on the hart, so no waking is lost.
 */
#include "firmware/linux/futex.h"

#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/abi_process.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/times.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define BUCKETS 32u

struct futex_name {
    const void *source; /* object or space */
    uint64_t place;
};

struct sleeper {
    struct waiter waiter; /* its link is in a bucket */
    struct futex_name name;
    struct object *object; /* a reference that keeps the name from being used again */
    uint32_t bits;
};

static struct wait_queue buckets[BUCKETS];

static struct wait_queue *bucket_of(const struct futex_name *name)
{
    uint64_t mixed = name->place >> 2 ^ name->place >> 12 ^ (uint64_t)(uintptr_t)name->source >> 6;
    struct wait_queue *bucket = &buckets[mixed % BUCKETS];

    if (!bucket->waiters.next)
        wait_init(bucket);
    return bucket;
}

/* -EFAULT: nothing is mapped there; -EINVAL: not aligned. `*object` (no reference): whose it is, or NULL. */
static int name_of(va_t at, bool is_private, struct futex_name *name, struct object **object)
{
    struct region_info region;

    if (at % sizeof(uint32_t))
        return -EINVAL;
    *object = NULL;
    *name = (struct futex_name){ task_current()->space, at };
    if (is_private)
        return at < USER_TOP ? 0 : -EFAULT;
    if (space_region(task_current()->space, at, false, &region) || region.start > at)
        return -EFAULT;
    if (region.flags & REGION_SHARED && region.object) {
        *object = region.object;
        *name = (struct futex_name){ region.object, region.offset + (at - region.start) };
    }
    return 0;
}

static bool is_named(const struct sleeper *sleeper, const struct futex_name *name)
{
    return sleeper->name.source == name->source && sleeper->name.place == name->place;
}

/* ---- Sleeping ---- */

static void name_sleeper(struct sleeper *sleeper, const struct futex_name *name, struct object *object)
{
    if (object)
        object_get(object);
    if (sleeper->object)
        object_put(sleeper->object);
    sleeper->object = object;
    sleeper->name = *name;
}

static int64_t sleep_on(const struct futex_name *name, struct object *object, uint32_t bits, uint64_t deadline)
{
    struct sleeper sleeper = { .bits = bits };

    name_sleeper(&sleeper, name, object);
    waiter_add(bucket_of(name), &sleeper.waiter);
    int outcome = task_block(deadline, true);

    waiter_remove(&sleeper.waiter);
    if (sleeper.object)
        object_put(sleeper.object);
    return outcome;
}

/* `end_ns` UINT64_MAX: no limit. */
static int64_t wait(va_t at, bool is_private, uint32_t expected, uint32_t bits, uint64_t end_ns)
{
    struct futex_name name;
    struct object *object;
    uint32_t value;

    if (!bits)
        return -EINVAL;
    if (user_read(&value, at, sizeof(value)))
        return -EFAULT;
    int error = name_of(at, is_private, &name, &object);

    if (error)
        return error;
    if (value != expected)
        return -EAGAIN;
    int64_t outcome = sleep_on(&name, object, bits, end_ns == UINT64_MAX ? TIMER_NEVER : clock_tick_at(end_ns));

    if (outcome == -EINTR)
        times_keep(end_ns);
    return outcome;
}

/* A span for FUTEX_WAIT, a point in time for FUTEX_WAIT_BITSET. */
static int64_t wait_command(va_t at, uint32_t operation, uint32_t expected, va_t timeout, uint32_t bits)
{
    bool is_span = (operation & LINUX_FUTEX_COMMANDS) == LINUX_FUTEX_WAIT;
    bool is_private = operation & LINUX_FUTEX_PRIVATE_FLAG;
    uint64_t ns;

    if (!timeout)
        return wait(at, is_private, expected, bits, UINT64_MAX);
    int error = times_read(timeout, &ns);

    if (error)
        return error;
    uint64_t end = is_span
                       ? times_add(clock_monotonic_ns(), ns)
                       : times_absolute(
                             operation & LINUX_FUTEX_CLOCK_REALTIME ? LINUX_CLOCK_REALTIME : LINUX_CLOCK_MONOTONIC, ns);

    return wait(at, is_private, expected, bits, times_restarted(end));
}

/* ---- Waking ---- */

static int64_t wake_named(const struct futex_name *name, uint32_t count, uint32_t bits)
{
    int64_t woken = 0;

    LIST_EACH(link, &bucket_of(name)->waiters)
    {
        struct sleeper *sleeper = LIST_ENTRY(link, struct sleeper, waiter.link);

        if (woken >= count)
            break;
        if (is_named(sleeper, name) && sleeper->bits & bits)
            woken += waiter_wake(&sleeper->waiter);
    }
    return woken;
}

static int64_t wake(va_t at, bool is_private, uint32_t count, uint32_t bits)
{
    struct futex_name name;
    struct object *object;
    int error = name_of(at, is_private, &name, &object);

    if (error)
        return error;
    return bits ? wake_named(&name, count, bits) : -EINVAL;
}

int64_t futex_wake(va_t at, uint32_t count)
{
    return wake(at, false, count, LINUX_FUTEX_BITSET_ANY);
}

/* Wakes `count`, and lets up to `moved` others sleep on the second word from now on. */
static int64_t requeue(va_t at, va_t to, bool is_private, uint32_t count, uint32_t moved, const uint32_t *expected)
{
    struct futex_name name, to_name;
    struct object *object, *to_object;
    uint32_t value;

    if ((int32_t)count < 0 || (int32_t)moved < 0)
        return -EINVAL;
    if (expected && user_read(&value, at, sizeof(value)))
        return -EFAULT;
    int error = name_of(at, is_private, &name, &object);

    if (!error)
        error = name_of(to, is_private, &to_name, &to_object);
    if (error)
        return error;
    if (expected && value != *expected)
        return -EAGAIN;
    int64_t woken = wake_named(&name, count, LINUX_FUTEX_BITSET_ANY);
    struct list *from = &bucket_of(&name)->waiters, *into = &bucket_of(&to_name)->waiters, kept;
    uint32_t done = 0;

    list_init(&kept); /* those that have moved, until the walk is over: both words may be in one bucket */
    LIST_EACH(link, from)
    {
        struct sleeper *sleeper = LIST_ENTRY(link, struct sleeper, waiter.link);

        if (done == moved)
            break;
        if (!is_named(sleeper, &name))
            continue;
        name_sleeper(sleeper, &to_name, to_object);
        list_remove(link);
        list_append(&kept, link);
        done++;
    }
    while (!list_empty(&kept)) {
        struct list *link = kept.next;

        list_remove(link);
        list_append(into, link);
    }
    return woken + done;
}

/* ---- FUTEX_WAKE_OP: change the second word, wake at the first, and at the second if its old value says so ---- */

static bool change(uint32_t operation, uint32_t value, uint32_t argument, uint32_t *result)
{
    switch (operation) {
    case 0:
        *result = argument;
        return true;
    case 1:
        *result = value + argument;
        return true;
    case 2:
        *result = value | argument;
        return true;
    case 3:
        *result = value & ~argument;
        return true;
    case 4:
        *result = value ^ argument;
        return true;
    default:
        return false;
    }
}

static bool compare(uint32_t comparison, int32_t value, int32_t with, bool *result)
{
    const bool results[] = { value == with, value != with, value<with, value <= with, value> with, value >= with };

    if (comparison >= sizeof(results))
        return false;
    *result = results[comparison];
    return true;
}

/* The word's old value by an atomic change. -EFAULT, -ENOSYS: no such operation. */
static int change_word(va_t at, uint32_t code, uint32_t *old)
{
    uint32_t argument = (uint32_t)((int32_t)(code << 8) >> 20), seen, wanted;

    if (code >> 31)
        argument = 1u << (argument & 31);
    if (user_read(old, at, sizeof(*old)))
        return -EFAULT;
    for (;;) {
        if (!change(code >> 28 & 7, *old, argument, &wanted))
            return -ENOSYS;
        if (MM_RETRY(space_compare_swap(task_current()->space, at, *old, wanted, &seen)))
            return -EFAULT;
        if (seen == *old)
            return 0;
        *old = seen;
    }
}

static int64_t wake_and_change(va_t at, va_t other, bool is_private, uint32_t count, uint32_t other_count,
                               uint32_t code)
{
    struct futex_name name, other_name;
    struct object *object;
    uint32_t old;
    bool also;

    if (other % sizeof(uint32_t))
        return -EINVAL;
    int error = change_word(other, code, &old);

    if (!error)
        error = name_of(at, is_private, &name, &object);
    if (!error)
        error = name_of(other, is_private, &other_name, &object);
    if (error)
        return error;
    if (!compare(code >> 24 & 15, (int32_t)old, (int32_t)(code << 20) >> 20, &also))
        return -ENOSYS;
    int64_t woken = wake_named(&name, count, LINUX_FUTEX_BITSET_ANY);

    return also ? woken + wake_named(&other_name, other_count, LINUX_FUTEX_BITSET_ANY) : woken;
}

/* Priority inheritance is not there: -ENOSYS, and C libraries do without. */
int64_t sys_futex(va_t at, uint64_t flags, uint64_t value, uint64_t timeout, va_t other, uint64_t last)
{
    uint32_t operation = (uint32_t)flags, count = (uint32_t)value;
    bool is_private = operation & LINUX_FUTEX_PRIVATE_FLAG;
    const uint32_t expected = (uint32_t)last;

    switch (operation & LINUX_FUTEX_COMMANDS) {
    case LINUX_FUTEX_WAIT:
        if (operation & LINUX_FUTEX_CLOCK_REALTIME)
            return -ENOSYS;
        return wait_command(at, operation, count, timeout, LINUX_FUTEX_BITSET_ANY);
    case LINUX_FUTEX_WAIT_BITSET:
        return wait_command(at, operation, count, timeout, (uint32_t)last);
    case LINUX_FUTEX_WAKE:
        return wake(at, is_private, count ? count : 1, LINUX_FUTEX_BITSET_ANY); /* Linux wakes one at least */
    case LINUX_FUTEX_WAKE_BITSET:
        return wake(at, is_private, count ? count : 1, (uint32_t)last);
    case LINUX_FUTEX_REQUEUE:
        return requeue(at, other, is_private, count, (uint32_t)timeout, NULL);
    case LINUX_FUTEX_CMP_REQUEUE:
        return requeue(at, other, is_private, count, (uint32_t)timeout, &expected);
    case LINUX_FUTEX_WAKE_OP:
        return wake_and_change(at, other, is_private, count, (uint32_t)timeout, (uint32_t)last);
    default:
        return -ENOSYS;
    }
}
