/*
 * Open files and descriptor tables.
 *
 *      process->files --> struct files --+--> struct file --> ops, and what they work on: a file's object, the console,
 *      (shared by CLONE_FILES)           |    (shared by dup and fork)        a directory, a pipe ...
 *                                        +--> ...
 *
 * A kind of file is a struct file_ops and the fields it uses of struct file. Ops run in the calling task and may sleep;
 * a missing one answers the errno beside it.
 *
 * Memory of a transfer is a struct span: a space's, or (space NULL) the firmware's own.
 *
 * Locking: the kernel lock. A file is kept by a reference over every sleep.
 */
#ifndef FIRMWARE_LINUX_FILE_H
#define FIRMWARE_LINUX_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/console.h"
#include "firmware/linux/tree.h"
#include "firmware/process.h"
#include "mm/mm.h"

#define FILES_MAX 64 /* descriptors of one table; also RLIMIT_NOFILE */

struct span {
    struct space *space; /* NULL: `at` is a pointer of the firmware's */
    va_t at;
    uint64_t bytes;
};

struct file;

struct file_ops {
    /* Bytes moved, fewer at the end of file, or an errno. `offset` is the caller's or the file's own. -EINVAL */
    int64_t (*read)(struct file *file, struct span to, uint64_t offset);
    int64_t (*write)(struct file *file, struct span from, uint64_t offset);
    /* Fills everything but times it does not know. Never missing. */
    int (*status)(struct file *file, struct linux_stat *status);
    int (*resize)(struct file *file, uint64_t bytes);                   /* -EINVAL */
    int (*sync)(struct file *file);                                     /* -EINVAL */
    int64_t (*list)(struct file *file, struct span to);                 /* getdents64; -ENOTDIR */
    int (*control)(struct file *file, uint32_t request, va_t argument); /* ioctl; -ENOTTY */
    /* The object to map; no reference. mmap: -ENODEV */
    struct object *(*object)(struct file *file);
    /* Which of LINUX_POLL* hold now; and the queue that is woken when that changes. Always ready. */
    uint32_t (*ready)(struct file *file);
    struct wait_queue *(*queue)(struct file *file);
    /* The last reference is gone. May sleep. Nothing to do. */
    void (*release)(struct file *file);
    bool maps_zeros; /* /dev/zero: mmap of it is anonymous memory */
};

struct file {
    const struct file_ops *ops;
    uint32_t references;
    uint32_t flags; /* LINUX_O_...: access mode and status flags */
    uint64_t offset;
    bool seekable;
    uint8_t kind;          /* free for the ops: which of several */
    inode_t inode;         /* its place in the tree; 0: none */
    struct object *object; /* regular files */
    void *data;            /* free for the ops */
};

struct files {
    uint32_t references;
    uint64_t close_on_exec; /* bit n: descriptor n */
    struct file *of[FILES_MAX];
};

/* ---- Files ---- */

struct file *file_new(const struct file_ops *ops, uint32_t flags); /* NULL: no memory; one reference */
void file_end(struct file *file);                                  /* nobody has it any more; may sleep */

static inline void file_get(struct file *file)
{
    file->references++;
}

static inline void file_put(struct file *file)
{
    if (--file->references == 0)
        file_end(file);
}

static inline int64_t file_read(struct file *file, struct span to, uint64_t offset)
{
    if ((file->flags & LINUX_O_ACCMODE) == LINUX_O_WRONLY)
        return -EBADF;
    return file->ops->read ? file->ops->read(file, to, offset) : -EINVAL;
}

static inline int64_t file_write(struct file *file, struct span from, uint64_t offset)
{
    if ((file->flags & LINUX_O_ACCMODE) == LINUX_O_RDONLY)
        return -EBADF;
    return file->ops->write ? file->ops->write(file, from, offset) : -EINVAL;
}

/* Between two writes (firmware/linux/turn.h). -EINVAL: what it is of has no size; -EINTR: the process ends. */
int64_t file_resize(struct file *file, uint64_t bytes, bool grow_only) MUST_CHECK;

/* Opens by path (firmware/linux/path.h), `at` a directory's inode. The file has one reference. */
int file_open(inode_t at, const char *path, uint32_t flags, uint32_t mode, struct file **file) MUST_CHECK;
/* The permissions of something new that is made with `mode`: without the calling process's umask. */
uint32_t file_new_mode(uint32_t mode);
struct file *file_of_console(enum console_stream stream); /* NULL: no memory */

/* ---- Descriptor tables ---- */

struct files *files_new(void);                                          /* NULL: no memory; one reference, empty */
int files_copy(const struct files *from, struct files **to) MUST_CHECK; /* fork */
void files_get(struct files *files);
void files_put(struct files *files); /* the last one closes all; may sleep */
void files_close_on_exec(struct files *files);

/* Which descriptors the calling process may have: those below. */
unsigned files_limit(void);
/* The lowest free descriptor from `least` on gets the caller's reference. -EMFILE: the reference stays the caller's. */
int files_add(struct files *files, struct file *file, unsigned least, bool close_on_exec) MUST_CHECK;
/* The same for the calling process; on an error the reference is given up. */
int files_add_or_put(struct file *file, unsigned least, bool close_on_exec) MUST_CHECK;
/* The file behind a descriptor of the calling process, with a reference; NULL: -EBADF. */
static inline struct file *files_get_file(uint64_t descriptor)
{
    struct files *files = process_current()->files;
    uint32_t index = (uint32_t)descriptor; /* Linux looks at an int */

    if (index >= FILES_MAX || !files->of[index])
        return NULL;
    file_get(files->of[index]);
    return files->of[index];
}
int files_close(struct files *files, uint64_t descriptor);
/* The descriptor (dup3) gets the caller's reference, what it was is closed. -EBADF, -EBUSY: it stays the caller's. */
int files_replace(struct files *files, unsigned descriptor, struct file *file, bool close_on_exec) MUST_CHECK;

/* Descriptors 0, 1, 2 as a program on the console finds them. NULL: no memory. */
struct files *files_new_console(void);

/* NULL, or what is still open although every program has ended, or held by what was. */
const char *files_check(void);

#endif
