/* Waiting for several files: ppoll and pselect6. */
#include <errno.h>

#include "firmware/clock.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/times.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

/* What is told unasked. */
#define ALWAYS (LINUX_POLLERR | LINUX_POLLHUP | LINUX_POLLNVAL)

struct entry {
    struct waiter waiter;
    struct file *file; /* NULL: not waited for */
    uint32_t events, ready;
};

/* In a page on loan. */
struct poll {
    uint32_t count;
    struct entry entries[FILES_MAX];
};
_Static_assert(sizeof(struct poll) <= PAGE_BYTES, "struct poll");

static int poll_new(struct poll **poll)
{
    pa_t frame;
    int error = (int)MM_RETRY(mm_frame_get(&frame));

    if (!error)
        *poll = cpu_direct(frame);
    return error;
}

static void poll_free(struct poll *poll)
{
    for (uint32_t i = 0; i < poll->count; i++)
        if (poll->entries[i].file)
            file_put(poll->entries[i].file);
    mm_frame_put(cpu_direct_pa(poll));
}

/* Whether there is such a descriptor. */
static bool poll_add(struct poll *poll, uint64_t descriptor, uint32_t events)
{
    struct entry *entry = &poll->entries[poll->count++];

    list_init(&entry->waiter.link);
    entry->events = events;
    entry->file = files_get_file(descriptor);
    return entry->file;
}

/* ---- Waiting ---- */

static uint32_t ready_now(struct file *file)
{
    uint32_t ready = file->ops->ready ? file->ops->ready(file) : LINUX_POLLIN | LINUX_POLLOUT;

    if (ready & LINUX_POLLIN)
        ready |= LINUX_POLLRDNORM;
    if (ready & LINUX_POLLOUT)
        ready |= LINUX_POLLWRNORM;
    return ready;
}

static unsigned scan(struct poll *poll)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < poll->count; i++) {
        struct entry *entry = &poll->entries[i];

        if (entry->file)
            entry->ready = ready_now(entry->file) & entry->events;
        count += entry->ready != 0;
    }
    return count;
}

static int sleep_in_all(struct poll *poll, uint64_t deadline)
{
    for (uint32_t i = 0; i < poll->count; i++) {
        struct entry *entry = &poll->entries[i];

        if (entry->file && entry->file->ops->queue)
            waiter_add(entry->file->ops->queue(entry->file), &entry->waiter);
    }
    int outcome = task_block(deadline, true);

    for (uint32_t i = 0; i < poll->count; i++)
        waiter_remove(&poll->entries[i].waiter);
    return outcome;
}

/* How many are ready, 0 at the deadline (0: do not wait), -EINTR. */
static int64_t poll_wait(struct poll *poll, uint64_t deadline)
{
    int outcome = deadline ? 0 : -ETIMEDOUT;

    for (;;) {
        unsigned ready = scan(poll);

        if (ready)
            return ready;
        if (outcome)
            return outcome == -ETIMEDOUT ? 0 : outcome;
        outcome = sleep_in_all(poll, deadline);
    }
}

/* How long to wait, and where the caller is told what is left of it: so a call that begins again waits for the rest. */
struct limit {
    va_t told; /* 0: nowhere */
    uint64_t end_ns;
    uint64_t deadline; /* for poll_wait() */
};

static int limit_begin(struct limit *limit, va_t timeout)
{
    uint64_t ns;

    *limit = (struct limit){ .deadline = TIMER_NEVER };
    if (!timeout)
        return 0;
    int error = times_read(timeout, &ns);

    if (error)
        return error;
    limit->told = ns ? timeout : 0;
    limit->end_ns = times_add(clock_monotonic_ns(), ns);
    limit->deadline = ns ? clock_tick_at(limit->end_ns) : 0;
    return 0;
}

/* Memory that cannot be written is none of the call's concern (select(2), "C library/kernel differences"). */
static void limit_end(const struct limit *limit)
{
    uint64_t now = clock_monotonic_ns();
    struct linux_timespec left = times_spec(limit->end_ns > now ? limit->end_ns - now : 0);

    if (limit->told)
        (void)!user_write(limit->told, &left, sizeof(left));
}

/* ---- ppoll ---- */

static int read_pollfds(struct poll *poll, va_t at, uint32_t count)
{
    struct linux_pollfd item;

    for (uint32_t i = 0; i < count; i++) {
        if (user_read(&item, at + i * sizeof(item), sizeof(item)))
            return -EFAULT;
        if (!poll_add(poll, (uint64_t)item.descriptor, item.events | ALWAYS) && item.descriptor >= 0)
            poll->entries[i].ready = LINUX_POLLNVAL;
    }
    return 0;
}

static int write_pollfds(const struct poll *poll, va_t at)
{
    for (uint32_t i = 0; i < poll->count; i++) {
        uint16_t ready = (uint16_t)poll->entries[i].ready;

        if (user_write(at + i * sizeof(struct linux_pollfd) + offsetof(struct linux_pollfd, revents), &ready,
                       sizeof(ready)))
            return -EFAULT;
    }
    return 0;
}

static int64_t poll_files(va_t files, uint32_t count, uint64_t deadline)
{
    struct poll *poll;
    int64_t result = poll_new(&poll);

    if (result)
        return result;
    result = read_pollfds(poll, files, count);
    if (!result)
        result = poll_wait(poll, deadline);
    if (result >= 0 && write_pollfds(poll, files))
        result = -EFAULT;
    poll_free(poll);
    return result;
}

int64_t sys_ppoll(va_t files, uint64_t count, va_t timeout, va_t mask, uint64_t mask_bytes)
{
    struct limit limit;
    int error = (uint32_t)count > FILES_MAX ? -EINVAL : limit_begin(&limit, timeout);

    if (!error)
        error = signal_mask_begin(mask, mask_bytes);
    if (error)
        return error;
    int64_t result = poll_files(files, (uint32_t)count, limit.deadline);

    limit_end(&limit);
    return signal_mask_end(result);
}

/* ---- pselect6 ---- */

/* Sets of read, write, except. Descriptors are below FILES_MAX, and so lie in the first word. */
#define SETS 3u
static const uint32_t set_events[SETS] = { LINUX_POLLIN | LINUX_POLLHUP | LINUX_POLLERR, LINUX_POLLOUT | LINUX_POLLERR,
                                           LINUX_POLLPRI };

_Static_assert(FILES_MAX == 64, "a set of descriptors is one word");

static uint64_t set_bytes(uint32_t count)
{
    return (count + 63) / 64 * sizeof(uint64_t);
}

static int read_set(va_t at, uint32_t count, uint64_t *set)
{
    uint64_t words[LINUX_FD_SETSIZE / 64] = { 0 };
    uint64_t beyond = 0;

    *set = 0;
    if (!at)
        return 0;
    if (user_read(words, at, set_bytes(count)))
        return -EFAULT;
    for (uint32_t i = 1; i < (count + 63) / 64; i++)
        beyond |= i == count / 64 ? words[i] & ((1ull << count % 64) - 1) : words[i];
    *set = count >= 64 ? words[0] : words[0] & ((1ull << count) - 1);
    return beyond ? -EBADF : 0;
}

static int write_set(va_t at, uint32_t count, uint64_t set)
{
    uint64_t words[LINUX_FD_SETSIZE / 64] = { set };

    return at && count ? user_write(at, words, set_bytes(count)) : 0;
}

static int add_sets(struct poll *poll, const uint64_t wanted[SETS])
{
    for (unsigned descriptor = 0; descriptor < FILES_MAX; descriptor++) {
        uint32_t events = 0;

        for (unsigned i = 0; i < SETS; i++)
            if (wanted[i] >> descriptor & 1)
                events |= set_events[i];
        if (events && !poll_add(poll, descriptor, events))
            return -EBADF;
    }
    return 0;
}

/* The sets as they are to be told; how many bits are set. */
static int64_t collect(const struct poll *poll, const uint64_t wanted[SETS], uint64_t found[SETS])
{
    uint64_t any = wanted[0] | wanted[1] | wanted[2];
    int64_t bits = 0;
    unsigned entry = 0;

    for (unsigned descriptor = 0; descriptor < FILES_MAX; descriptor++) {
        if (!(any >> descriptor & 1))
            continue;
        for (unsigned i = 0; i < SETS; i++)
            if (wanted[i] >> descriptor & 1 && poll->entries[entry].ready & set_events[i]) {
                found[i] |= 1ull << descriptor;
                bits++;
            }
        entry++;
    }
    return bits;
}

static int64_t select_files(const uint64_t wanted[SETS], uint64_t found[SETS], uint64_t deadline)
{
    struct poll *poll;
    int64_t result = poll_new(&poll);

    if (result)
        return result;
    result = add_sets(poll, wanted);
    if (!result)
        result = poll_wait(poll, deadline);
    if (result >= 0)
        result = collect(poll, wanted, found);
    poll_free(poll);
    return result;
}

/* The sixth argument: a pointer to the mask's address and size. */
static int begin_mask(va_t argument)
{
    struct {
        va_t mask;
        uint64_t bytes;
    } both = { 0, 0 };

    if (argument && user_read(&both, argument, sizeof(both)))
        return -EFAULT;
    return signal_mask_begin(both.mask, both.bytes);
}

int64_t sys_pselect6(uint64_t count, va_t read, va_t write, va_t except, va_t timeout, va_t mask)
{
    const va_t at[SETS] = { read, write, except };
    uint64_t wanted[SETS], found[SETS] = { 0 };
    struct limit limit;
    uint32_t most = (uint32_t)count < LINUX_FD_SETSIZE ? (uint32_t)count : LINUX_FD_SETSIZE;
    int error = (int32_t)count < 0 ? -EINVAL : limit_begin(&limit, timeout);

    for (unsigned i = 0; i < SETS && !error; i++)
        error = read_set(at[i], most, &wanted[i]);
    if (!error)
        error = begin_mask(mask);
    if (error)
        return error;
    int64_t result = select_files(wanted, found, limit.deadline);

    limit_end(&limit);
    for (unsigned i = 0; i < SETS && result >= 0; i++)
        if (write_set(at[i], most, found[i]))
            result = -EFAULT;
    return signal_mask_end(result);
}
