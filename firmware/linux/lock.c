/* Advisory locks: one list, short as a rule. A lock is split and joined as its owner sets others over it. */
#include "firmware/linux/lock.h"

#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/list.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

/* Of one owner. Every call walks the list, so nobody may make it long. */
#define LOCKS_MAX 128u

enum sort { SORT_RANGE, SORT_WHOLE /* flock's */ };

struct lock {
    struct list link;
    const struct object *object;
    const void *owner; /* a descriptor table, or an open file */
    uint64_t first, last;
    uint32_t process; /* 0: an open file's */
    uint8_t sort;
    bool exclusive;
};

static struct pool lock_pool = POOL_OF(struct lock);
static struct list locks = { &locks, &locks };
static struct wait_queue unlocked = WAIT_QUEUE_INIT(unlocked);

uint32_t lock_count(void)
{
    return lock_pool.used_items;
}

/* ---- The list ---- */

static bool overlap(const struct lock *a, const struct lock *b)
{
    return a->first <= b->last && b->first <= a->last;
}

static bool same_owner(const struct lock *a, const struct lock *b)
{
    return a->object == b->object && a->sort == b->sort && a->owner == b->owner;
}

static const struct lock *conflict(const struct lock *wanted)
{
    LIST_EACH(link, &locks)
    {
        const struct lock *lock = LIST_ENTRY(link, struct lock, link);

        if (lock->object == wanted->object && lock->sort == wanted->sort && lock->owner != wanted->owner &&
            overlap(lock, wanted) && (lock->exclusive || wanted->exclusive))
            return lock;
    }
    return NULL;
}

static void lock_free(struct lock *lock)
{
    list_remove(&lock->link);
    pool_put(&lock_pool, lock);
}

static void put(struct lock *at, const struct lock *value)
{
    *at = *value;
    list_append(&locks, &at->link);
}

/* Takes the range out of the owner's locks. A lock with the range in its middle becomes two: `*spare` is the second. */
static void cut(const struct lock *range, struct lock **spare)
{
    LIST_EACH(link, &locks)
    {
        struct lock *lock = LIST_ENTRY(link, struct lock, link);
        struct lock above = *lock;

        if (!same_owner(lock, range) || !overlap(lock, range))
            continue;
        if (lock->last > range->last && lock->first < range->first) {
            above.first = range->last + 1;
            lock->last = range->first - 1;
            put(*spare, &above);
            *spare = NULL;
        } else if (lock->last > range->last) {
            lock->first = range->last + 1;
        } else if (lock->first < range->first) {
            lock->last = range->first - 1;
        } else {
            lock_free(lock);
        }
    }
}

/* What is needed is taken first, so that a refusal changes nothing; taking may sleep, so before any looking. */
static int spares_get(struct lock *spares[2])
{
    for (unsigned i = 0; i < 2; i++) {
        spares[i] = pool_wait(&lock_pool);
        if (!spares[i]) {
            if (i)
                pool_put(&lock_pool, spares[0]);
            return -ENOLCK;
        }
    }
    return 0;
}

static void spares_put(struct lock *spares[2])
{
    for (unsigned i = 0; i < 2; i++)
        if (spares[i])
            pool_put(&lock_pool, spares[i]);
}

static bool has_many(const void *owner)
{
    unsigned count = 0;

    LIST_EACH(link, &locks)
    count += LIST_ENTRY(link, struct lock, link)->owner == owner;
    return count >= LOCKS_MAX;
}

/* Sets the lock, or (`release`) takes away what the owner has in its range. */
static int lock_set(const struct lock *wanted, bool release)
{
    struct lock *spares[2];
    int error = spares_get(spares);

    if (error)
        return error;
    if (!release && conflict(wanted)) {
        error = -EAGAIN;
    } else if (!release && has_many(wanted->owner)) {
        error = -ENOLCK;
    } else {
        cut(wanted, &spares[1]);
        if (!release) {
            put(spares[0], wanted);
            spares[0] = NULL;
        }
        wait_wake(&unlocked, WAKE_ALL);
    }
    spares_put(spares);
    return error;
}

/* Two processes that wait for each other's locks sleep until a signal comes: that is not looked for. */
static int lock_wait(const struct lock *wanted)
{
    for (;;) {
        int error = lock_set(wanted, false);

        if (error == -EAGAIN)
            error = task_sleep(&unlocked, TIMER_NEVER);
        else
            return error;
        if (error)
            return error;
    }
}

/* `object` NULL: of every one. */
static void release_all(const struct object *object, const void *owner)
{
    LIST_EACH(link, &locks)
    {
        struct lock *lock = LIST_ENTRY(link, struct lock, link);

        if (lock->owner == owner && (!object || lock->object == object))
            lock_free(lock);
    }
    wait_wake(&unlocked, WAKE_ALL);
}

void lock_closed(const struct files *files, const struct file *file)
{
    if (!list_empty(&locks) && file->object)
        release_all(file->object, files);
}

void lock_abandoned(const struct files *files)
{
    if (!list_empty(&locks))
        release_all(NULL, files);
}

void lock_released(const struct file *file)
{
    if (!list_empty(&locks) && file->object)
        release_all(file->object, file);
}

/* ---- fcntl ---- */

static int64_t base_of(const struct file *file, int16_t whence)
{
    switch (whence) {
    case LINUX_SEEK_SET:
        return 0;
    case LINUX_SEEK_CUR:
        return (int64_t)file->offset;
    case LINUX_SEEK_END:
        return (int64_t)object_bytes(file->object);
    default:
        return -EINVAL;
    }
}

static int range_of(const struct file *file, const struct linux_flock *asked, struct lock *lock)
{
    int64_t base = base_of(file, asked->whence), first;

    if (base < 0 || __builtin_add_overflow(base, asked->start, &first))
        return base < 0 ? -EINVAL : -EOVERFLOW;
    if (asked->bytes < 0) {
        lock->last = (uint64_t)first - 1;
        first += asked->bytes;
    } else {
        lock->last = asked->bytes ? (uint64_t)first + (uint64_t)asked->bytes - 1 : INT64_MAX;
    }
    if (first < 0)
        return -EINVAL;
    lock->first = (uint64_t)first;
    return lock->last > INT64_MAX ? -EOVERFLOW : 0;
}

static bool may_lock(const struct file *file, int16_t type)
{
    uint32_t access = file->flags & LINUX_O_ACCMODE;

    return (type != LINUX_F_RDLCK || access != LINUX_O_WRONLY) && (type != LINUX_F_WRLCK || access != LINUX_O_RDONLY);
}

static int64_t tell_conflict(const struct lock *wanted, struct linux_flock *asked, va_t argument)
{
    const struct lock *found = conflict(wanted);

    asked->type = LINUX_F_UNLCK;
    if (found)
        *asked = (struct linux_flock){
            .type = found->exclusive ? LINUX_F_WRLCK : LINUX_F_RDLCK,
            .start = (int64_t)found->first,
            .bytes = found->last == INT64_MAX ? 0 : (int64_t)(found->last - found->first + 1),
            .pid = found->process ? (int32_t)found->process : -1,
        };
    return user_write(argument, asked, sizeof(*asked));
}

/*
 * While it slept another thread may have closed the descriptor, and with it given up all locks that the process has on the
 * file: this one came too late for that.
 */
static int keep_if_open(const struct lock *set, const struct file *file, uint32_t descriptor)
{
    struct lock *no_spare = NULL; /* the range is one lock, as it was just set */

    if (!set->process || process_current()->files->of[descriptor] == file)
        return 0;
    cut(set, &no_spare);
    wait_wake(&unlocked, WAKE_ALL);
    return -EBADF;
}

int64_t lock_control(uint32_t descriptor, struct file *file, uint64_t command, va_t argument)
{
    bool of_file = command >= LINUX_F_OFD_GETLK;
    struct linux_flock asked;
    struct lock wanted = { .object = file->object, .owner = file };

    if (user_read(&asked, argument, sizeof(asked)))
        return -EFAULT;
    if (!file->object || asked.type < LINUX_F_RDLCK || asked.type > LINUX_F_UNLCK || (of_file && asked.pid))
        return -EINVAL;
    int error = range_of(file, &asked, &wanted);

    if (error)
        return error;
    if (!of_file) {
        wanted.owner = process_current()->files;
        wanted.process = process_current()->id;
    }
    wanted.exclusive = asked.type == LINUX_F_WRLCK;
    if (command == LINUX_F_GETLK || command == LINUX_F_OFD_GETLK)
        return asked.type == LINUX_F_UNLCK ? -EINVAL : tell_conflict(&wanted, &asked, argument);
    if (!may_lock(file, asked.type))
        return -EBADF;
    if (asked.type == LINUX_F_UNLCK)
        return lock_set(&wanted, true);
    error = command == LINUX_F_SETLK || command == LINUX_F_OFD_SETLK ? lock_set(&wanted, false) : lock_wait(&wanted);
    return error ? error : keep_if_open(&wanted, file, descriptor);
}

/* ---- flock ---- */

static int64_t flock_file(struct file *file, uint64_t operation)
{
    struct lock wanted = { .object = file->object, .owner = file, .last = INT64_MAX, .sort = SORT_WHOLE };
    uint64_t what = operation & ~(uint64_t)LINUX_LOCK_NB;

    if (what != LINUX_LOCK_SH && what != LINUX_LOCK_EX && what != LINUX_LOCK_UN)
        return -EINVAL;
    if (!file->object)
        return 0; /* nobody else can have it */
    wanted.exclusive = what == LINUX_LOCK_EX;
    if (what == LINUX_LOCK_UN)
        return lock_set(&wanted, true);
    return operation & LINUX_LOCK_NB ? lock_set(&wanted, false) : lock_wait(&wanted);
}

int64_t sys_flock(uint64_t descriptor, uint64_t operation)
{
    struct file *file = files_get_file(descriptor);

    if (!file)
        return -EBADF;
    int64_t result = flock_file(file, (uint32_t)operation);

    file_put(file);
    return result;
}
