/*
 * Pipes as pairs of open files.
 *
 * Copies between a pipe and a program do not sleep: what has to wait begins again from the top, with nothing taken or
 * given yet. So a write of LINUX_PIPE_BUF bytes or fewer is whole, and two readers never get the same byte.
 */
#include "firmware/linux/pipe.h"

#include <errno.h>

#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/signal.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define PIPE_DEVICE 0x0du

enum { END_READ, END_WRITE }; /* file->kind */

struct pipe {
    uint8_t *pages[PIPE_PAGES]; /* of position p: pages[p / PAGE_BYTES % PIPE_PAGES] */
    uint64_t read, written;     /* positions ever */
    struct wait_queue queues[2];
    bool open[2];
    uint32_t id;
};

static struct pool pipe_pool = POOL_OF(struct pipe);

uint32_t pipe_count(void)
{
    return pipe_pool.used_items;
}

/* ---- Pages ---- */

static uint8_t **page_of(struct pipe *pipe, uint64_t position)
{
    return &pipe->pages[position / PAGE_BYTES % PIPE_PAGES];
}

static int page_get(uint8_t **page)
{
    pa_t frame;
    int error = mm_frame_get(&frame);

    if (!error)
        *page = cpu_direct(frame);
    return error;
}

static void page_put(uint8_t **page)
{
    mm_frame_put(cpu_direct_pa(*page));
    *page = NULL;
}

static bool fits(const struct pipe *pipe, uint64_t bytes)
{
    return (pipe->written + bytes + PAGE_BYTES - 1) / PAGE_BYTES - pipe->read / PAGE_BYTES <= PIPE_PAGES;
}

/* Whether there are pages for `bytes` more; only an empty pipe can be sure of one page, its own. */
static bool make_room(struct pipe *pipe, uint64_t bytes)
{
    uint64_t end = pipe->written + bytes;

    if (pipe->written % PAGE_BYTES + bytes <= PAGE_BYTES && *page_of(pipe, pipe->written) &&
        end - pipe->read < PIPE_BYTES - PAGE_BYTES)
        return true; /* the usual case, in few instructions */
    if (!fits(pipe, bytes))
        return false;
    for (uint64_t at = pipe->written; at < end; at = (at / PAGE_BYTES + 1) * PAGE_BYTES)
        if (!*page_of(pipe, at) && page_get(page_of(pipe, at)))
            return false;
    return true;
}

/* Pages that have been read go. An empty pipe begins anew with the last one. */
static void move_read(struct pipe *pipe, uint64_t bytes)
{
    bool empty = pipe->read + bytes == pipe->written;
    uint64_t page = pipe->read / PAGE_BYTES, last = (pipe->read + bytes - empty) / PAGE_BYTES;

    pipe->read += bytes;
    for (; page < last; page++)
        page_put(&pipe->pages[page % PIPE_PAGES]);
    if (!empty)
        return;
    pipe->read = pipe->written = 0;
    if (last % PIPE_PAGES == 0)
        return;
    uint8_t **kept = &pipe->pages[last % PIPE_PAGES];

    if (pipe->pages[0]) {
        page_put(kept);
    } else {
        pipe->pages[0] = *kept;
        *kept = NULL;
    }
}

/* ---- Moving ---- */

static inline void wake(struct pipe *pipe, int end)
{
    if (!list_empty(&pipe->queues[end].waiters))
        wait_wake(&pipe->queues[end], WAKE_ALL);
}

/* `bytes` between the pipe, from the position on, and `span`; moves nothing on. -EAGAIN: memory is written back. */
static int copy(struct pipe *pipe, uint64_t position, struct span span, uint64_t bytes, int end)
{
    while (bytes) {
        uint64_t in_page = position % PAGE_BYTES;
        uint64_t part = bytes < PAGE_BYTES - in_page ? bytes : PAGE_BYTES - in_page;
        uint8_t *at = *page_of(pipe, position) + in_page;
        int error = 0;

        if (!span.space && end == END_READ)
            memcpy((void *)span.at, at, part);
        else if (!span.space)
            memcpy(at, (const void *)span.at, part);
        else
            error = end == END_READ ? space_write(span.space, span.at, at, part)
                                    : space_read(span.space, at, span.at, part);
        if (error)
            return error == -EAGAIN ? error : -EFAULT;
        position += part;
        span.at += part;
        bytes -= part;
    }
    return 0;
}

static int wait_at(struct file *file, int end)
{
    struct pipe *pipe = file->data;

    return file->flags & LINUX_O_NONBLOCK ? -EWOULDBLOCK : task_sleep(&pipe->queues[end], TIMER_NEVER);
}

static int64_t pipe_read(struct file *file, struct span to, uint64_t offset)
{
    struct pipe *pipe = file->data;
    unsigned patience = 0;
    int error = 0;

    (void)offset;
    if (to.bytes == 0)
        return 0;
    while (!error) {
        uint64_t bytes = pipe->written - pipe->read;

        if (bytes == 0) {
            if (!pipe->open[END_WRITE])
                return 0;
            error = wait_at(file, END_READ);
            continue;
        }
        bytes = bytes < to.bytes ? bytes : to.bytes;
        error = copy(pipe, pipe->read, to, bytes, END_READ);
        if (!error) {
            move_read(pipe, bytes);
            wake(pipe, END_WRITE);
            return (int64_t)bytes;
        }
        if (error == -EAGAIN)
            error = mm_wait(&patience);
    }
    return error;
}

/* How much goes in now, of `bytes`: all of it or nothing when that is to be whole. */
static uint64_t room_for(struct pipe *pipe, uint64_t bytes, bool whole)
{
    uint64_t in_page = PAGE_BYTES - pipe->written % PAGE_BYTES;

    if (whole || bytes <= in_page)
        return make_room(pipe, bytes) ? bytes : 0;
    return make_room(pipe, in_page) ? in_page : 0;
}

static int64_t broken(uint64_t done)
{
    signal_send_thread(task_current(), LINUX_SIGPIPE);
    return done ? (int64_t)done : -EPIPE;
}

static int64_t pipe_write(struct file *file, struct span from, uint64_t offset)
{
    struct pipe *pipe = file->data;
    bool whole = from.bytes <= LINUX_PIPE_BUF;
    uint64_t done = 0;
    unsigned patience = 0;
    int error = 0;

    (void)offset;
    while (!error && done < from.bytes) {
        if (!pipe->open[END_READ])
            return broken(done);
        uint64_t bytes = room_for(pipe, from.bytes - done, whole);

        if (bytes == 0) {
            error = pipe->read == pipe->written ? mm_wait(&patience) : wait_at(file, END_WRITE);
            continue;
        }
        error = copy(pipe, pipe->written, (struct span){ from.space, from.at + done, bytes }, bytes, END_WRITE);
        if (error == -EAGAIN) {
            error = mm_wait(&patience);
            continue;
        }
        if (error)
            break;
        pipe->written += bytes;
        done += bytes;
        wake(pipe, END_READ);
    }
    return done ? (int64_t)done : error;
}

/* ---- Questions ---- */

static uint32_t pipe_ready(struct file *file)
{
    const struct pipe *pipe = file->data;

    if (file->kind == END_READ)
        return (pipe->written > pipe->read ? LINUX_POLLIN : 0) | (pipe->open[END_WRITE] ? 0 : LINUX_POLLHUP);
    return (fits(pipe, LINUX_PIPE_BUF) ? LINUX_POLLOUT : 0) | (pipe->open[END_READ] ? 0 : LINUX_POLLERR);
}

static struct wait_queue *pipe_queue(struct file *file)
{
    struct pipe *pipe = file->data;

    return &pipe->queues[file->kind];
}

static int pipe_status(struct file *file, struct linux_stat *status)
{
    const struct pipe *pipe = file->data;

    status->st_dev = PIPE_DEVICE;
    status->st_ino = pipe->id;
    status->st_mode = LINUX_S_IFIFO | 0600;
    return 0;
}

static int pipe_control(struct file *file, uint32_t request, va_t argument)
{
    const struct pipe *pipe = file->data;
    uint32_t bytes = (uint32_t)(pipe->written - pipe->read);

    return request == LINUX_FIONREAD ? user_write(argument, &bytes, sizeof(bytes)) : -ENOTTY;
}

/* ---- Beginning and end ---- */

static void pipe_free(struct pipe *pipe)
{
    for (unsigned i = 0; i < PIPE_PAGES; i++)
        if (pipe->pages[i])
            page_put(&pipe->pages[i]);
    pool_put(&pipe_pool, pipe);
}

static void pipe_release(struct file *file)
{
    struct pipe *pipe = file->data;
    int other = file->kind == END_READ ? END_WRITE : END_READ;

    pipe->open[file->kind] = false;
    if (pipe->open[other])
        wake(pipe, other);
    else
        pipe_free(pipe);
}

static const struct file_ops read_ops = {
    .read = pipe_read,
    .status = pipe_status,
    .control = pipe_control,
    .ready = pipe_ready,
    .queue = pipe_queue,
    .release = pipe_release,
};

static const struct file_ops write_ops = {
    .write = pipe_write,
    .status = pipe_status,
    .control = pipe_control,
    .ready = pipe_ready,
    .queue = pipe_queue,
    .release = pipe_release,
};

bool file_is_pipe(const struct file *file)
{
    return file->ops->release == pipe_release;
}

static struct pipe *pipe_new(void)
{
    static uint32_t last_id;
    struct pipe *pipe = pool_wait(&pipe_pool);

    if (!pipe)
        return NULL;
    if (MM_RETRY(page_get(&pipe->pages[0]))) {
        pool_put(&pipe_pool, pipe);
        return NULL;
    }
    wait_init(&pipe->queues[END_READ]);
    wait_init(&pipe->queues[END_WRITE]);
    pipe->id = ++last_id;
    return pipe;
}

static struct file *end_new(struct pipe *pipe, int end, uint32_t flags)
{
    struct file *file = file_new(end == END_READ ? &read_ops : &write_ops,
                                 flags | (end == END_READ ? LINUX_O_RDONLY : LINUX_O_WRONLY));

    if (!file)
        return NULL;
    file->data = pipe;
    file->kind = (uint8_t)end;
    pipe->open[end] = true;
    return file;
}

/* Both or none. */
static int make_ends(struct file *ends[2], uint32_t flags)
{
    struct pipe *pipe = pipe_new();

    if (!pipe)
        return -ENOMEM;
    ends[END_READ] = end_new(pipe, END_READ, flags);
    ends[END_WRITE] = ends[END_READ] ? end_new(pipe, END_WRITE, flags) : NULL;
    if (ends[END_WRITE])
        return 0;
    if (ends[END_READ])
        file_put(ends[END_READ]);
    else
        pipe_free(pipe);
    return -ENOMEM;
}

int64_t sys_pipe2(va_t out, uint64_t flags)
{
    struct files *files = process_current()->files;
    bool close_on_exec = flags & LINUX_O_CLOEXEC;
    struct file *ends[2];
    int32_t descriptors[2];

    if (flags & ~(uint64_t)(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK))
        return -EINVAL;
    int error = make_ends(ends, (uint32_t)flags & LINUX_O_NONBLOCK);

    if (error)
        return error;
    descriptors[1] = -1;
    descriptors[0] = (int32_t)files_add_or_put(ends[0], 0, close_on_exec);
    if (descriptors[0] >= 0)
        descriptors[1] = (int32_t)files_add_or_put(ends[1], 0, close_on_exec);
    else
        file_put(ends[1]);
    if (descriptors[1] >= 0 && user_write(out, descriptors, sizeof(descriptors)) == 0)
        return 0;
    error = descriptors[0] < 0 || descriptors[1] < 0 ? -EMFILE : -EFAULT;
    for (unsigned i = 0; i < 2; i++)
        if (descriptors[i] >= 0)
            (void)files_close(files, (uint64_t)descriptors[i]);
    return error;
}
