/* Open files and the tables of them. */
#include "firmware/linux/file.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/lock.h"
#include "firmware/linux/memory_tree.h"
#include "firmware/linux/pipe.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

static struct pool file_pool = POOL_OF(struct file);
static struct pool files_pool = POOL_OF(struct files);

struct file *file_new(const struct file_ops *ops, uint32_t flags)
{
    struct file *file = pool_wait(&file_pool);

    if (!file)
        return NULL;
    file->ops = ops;
    file->flags = flags;
    file->references = 1;
    return file;
}

void file_end(struct file *file)
{
    lock_released(file);
    if (file->ops->release)
        file->ops->release(file);
    pool_put(&file_pool, file);
}

/* ---- Tables ---- */

struct files *files_new(void)
{
    struct files *files = pool_wait(&files_pool);

    if (files)
        files->references = 1;
    return files;
}

int files_copy(const struct files *from, struct files **to)
{
    struct files *files = files_new();

    if (!files)
        return -ENOMEM;
    files->close_on_exec = from->close_on_exec;
    for (unsigned i = 0; i < FILES_MAX; i++)
        if (from->of[i]) {
            files->of[i] = from->of[i];
            file_get(files->of[i]);
        }
    *to = files;
    return 0;
}

void files_get(struct files *files)
{
    files->references++;
}

static void slot_clear(struct files *files, unsigned descriptor)
{
    struct file *file = files->of[descriptor];

    files->of[descriptor] = NULL; /* first: closing may sleep */
    files->close_on_exec &= ~(1ull << descriptor);
    if (!file)
        return;
    lock_closed(files, file);
    file_put(file);
}

void files_put(struct files *files)
{
    if (--files->references)
        return;
    for (unsigned i = 0; i < FILES_MAX; i++)
        if (files->of[i])
            slot_clear(files, i);
    lock_abandoned(files);
    pool_put(&files_pool, files);
}

void files_close_on_exec(struct files *files)
{
    for (unsigned i = 0; i < FILES_MAX; i++)
        if (files->close_on_exec >> i & 1)
            slot_clear(files, i);
}

static void slot_set(struct files *files, unsigned descriptor, struct file *file, bool close_on_exec)
{
    files->of[descriptor] = file;
    files->close_on_exec |= (uint64_t)close_on_exec << descriptor;
}

unsigned files_limit(void)
{
    uint64_t limit = process_current() ? process_current()->limits[LIMIT_NOFILE].now : FILES_MAX;

    return limit < FILES_MAX ? (unsigned)limit : FILES_MAX;
}

int files_add(struct files *files, struct file *file, unsigned least, bool close_on_exec)
{
    unsigned limit = files_limit();

    for (unsigned i = least; i < limit; i++)
        if (!files->of[i]) {
            slot_set(files, i, file, close_on_exec);
            return (int)i;
        }
    return -EMFILE;
}

int files_add_or_put(struct file *file, unsigned least, bool close_on_exec)
{
    int descriptor = files_add(process_current()->files, file, least, close_on_exec);

    if (descriptor < 0)
        file_put(file);
    return descriptor;
}

int files_close(struct files *files, uint64_t descriptor)
{
    uint32_t index = (uint32_t)descriptor;

    if (index >= FILES_MAX || !files->of[index])
        return -EBADF;
    slot_clear(files, index);
    return 0;
}

int files_replace(struct files *files, unsigned descriptor, struct file *file, bool close_on_exec)
{
    if (descriptor >= files_limit())
        return -EBADF;
    slot_clear(files, descriptor);
    if (files->of[descriptor])
        return -EBUSY; /* another thread was faster while the old file was closed */
    slot_set(files, descriptor, file, close_on_exec);
    return (int)descriptor;
}

struct files *files_new_console(void)
{
    static const enum console_stream streams[] = { CONSOLE_OUT, CONSOLE_OUT, CONSOLE_ERROR };
    struct files *files = files_new();

    for (unsigned i = 0; files && i < 3; i++) {
        files->of[i] = file_of_console(streams[i]);
        if (!files->of[i]) {
            files_put(files);
            return NULL;
        }
    }
    return files;
}

const char *files_check(void)
{
    return files_pool.used_items  ? "a descriptor table is left"
           : file_pool.used_items ? "an open file is left"
           : pipe_count()         ? "a pipe is left"
           : lock_count()         ? "a lock is left"
           : memory_tree_clear()  ? "a file in memory is left"
                                  : NULL;
}
