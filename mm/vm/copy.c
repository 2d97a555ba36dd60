/*
 * Copies between spaces and the firmware. Each page is reached through the space's own table, with the rights of the task:
 * what its loads and stores could not do, the firmware does not do for it.
 */
#include <string.h>

#include "mm/vm/space.h"

/* The page as it is; false: an access of the task would fault. */
static inline bool look(const struct space *space, va_t va, enum access access, uint8_t **at)
{
    entry_t right = access == ACCESS_STORE ? ENTRY_W | ENTRY_D : ENTRY_R;
    entry_t wanted = ENTRY_V | ENTRY_A | right;
    const entry_t *entry = space_walk(space, (uint32_t)(va >> PAGE_SHIFT));
    entry_t value = entry ? entry_load(entry) : 0;

    if ((value & wanted) != wanted)
        return false;
    *at = (uint8_t *)leaf_view(value) + (va & (PAGE_BYTES - 1));
    return true;
}

/* Each turn brings the page further (missing, clean, copied at a store), so there are few. */
static __attribute__((noinline)) int reach_slowly(struct space *space, va_t va, enum access access, uint8_t **at)
{
    if (va - USER_BASE >= USER_TOP - USER_BASE || (mm.refuse && mm.refuse(MM_COPY)))
        return -EFAULT;
    while (!look(space, va, access, at)) {
        int error = fault(space, va, access);

        if (error)
            return error;
    }
    return 0;
}

int space_reach(struct space *space, va_t va, enum access access, uint8_t **at)
{
    return va - USER_BASE < mm.copied && look(space, va, access, at) ? 0 : reach_slowly(space, va, access, at);
}

static uint64_t to_page_end(va_t va, uint64_t bytes)
{
    uint64_t rest = PAGE_BYTES - (va & (PAGE_BYTES - 1));

    return rest < bytes ? rest : bytes;
}

int space_read(struct space *space, void *to, va_t from, uint64_t bytes)
{
    uint8_t *out = to, *at;

    while (bytes) {
        uint64_t part = to_page_end(from, bytes);
        int error = space_reach(space, from, ACCESS_LOAD, &at);

        if (error)
            return error;
        memcpy(out, at, part);
        out += part;
        from += part;
        bytes -= part;
    }
    return 0;
}

int space_write(struct space *space, va_t to, const void *from, uint64_t bytes)
{
    const uint8_t *in = from;
    uint8_t *at;

    while (bytes) {
        uint64_t part = to_page_end(to, bytes);
        int error = space_reach(space, to, ACCESS_STORE, &at);

        if (error)
            return error;
        memcpy(at, in, part);
        in += part;
        to += part;
        bytes -= part;
    }
    return 0;
}

int space_zero(struct space *space, va_t to, uint64_t bytes)
{
    uint8_t *at;

    while (bytes) {
        uint64_t part = to_page_end(to, bytes);
        int error = space_reach(space, to, ACCESS_STORE, &at);

        if (error)
            return error;
        memset(at, 0, part);
        to += part;
        bytes -= part;
    }
    return 0;
}

int64_t space_read_string(struct space *space, char *to, va_t from, uint64_t room)
{
    uint64_t done = 0;
    uint8_t *at;

    while (done < room) {
        uint64_t part = to_page_end(from + done, room - done);
        int error = space_reach(space, from + done, ACCESS_LOAD, &at);
        const uint8_t *end;

        if (error)
            return error;
        end = memchr(at, 0, part);
        memcpy(to + done, at, end ? (size_t)(end - at) + 1 : part);
        if (end)
            return (int64_t)(done + (uint64_t)(end - at));
        done += part;
    }
    return -ENAMETOOLONG;
}

int space_compare_swap(struct space *space, va_t at, uint32_t expected, uint32_t wanted, uint32_t *old)
{
    uint8_t *view;
    int error;

    if (at & 3)
        return -EINVAL;
    error = space_reach(space, at, ACCESS_STORE, &view);
    if (error)
        return error;
    *old = expected;
    __atomic_compare_exchange_n((uint32_t *)(void *)view, old, wanted, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return 0;
}
