/*
 * Names and inodes of /proc.
 *
 *      inode number:   29 ............ 15 | 14 ........... 0
 *                      process, or 0      | place in a table below, or FD_LINK + n, or FD_FILE + n
 */
#include <errno.h>
#include <string.h>

#include "firmware/linux/path.h"
#include "firmware/linux/proc.h"
#include "firmware/log.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define PROCESS_SHIFT 15
#define PLACE_MASK    ((1u << PROCESS_SHIFT) - 1)
#define FD_LINK       0x1000u /* /proc/PID/fd/n: the link */
#define FD_FILE       0x2000u /* what it leads to, when that has no inode of its own */
#define DIRECTORY     (LINUX_S_IFDIR | 0555u)
#define LINK          (LINUX_S_IFLNK | 0777u)
#define FILE_MODE     (LINUX_S_IFREG | 0444u)

struct proc_entry {
    const char *name;
    uint32_t mode;
    uint8_t parent; /* place of its directory */
    proc_print *print;
    proc_read *read;
};

/* Place 0 is the directory /proc itself. */
enum { SYSTEM_ROOT, SYSTEM_SELF, SYSTEM_VELLUM, SYSTEM_SYS, SYSTEM_SYS_VM, SYSTEM_SYS_KERNEL };
static const struct proc_entry of_system[] = {
    [SYSTEM_ROOT] = { .name = "", .mode = DIRECTORY },
    [SYSTEM_SELF] = { .name = "self", .mode = LINK },
    [SYSTEM_VELLUM] = { .name = "vellum", .mode = DIRECTORY },
    [SYSTEM_SYS] = { .name = "sys", .mode = DIRECTORY },
    [SYSTEM_SYS_VM] = { .name = "vm", .mode = DIRECTORY, .parent = SYSTEM_SYS },
    [SYSTEM_SYS_KERNEL] = { .name = "kernel", .mode = DIRECTORY, .parent = SYSTEM_SYS },
    { .name = "cpuinfo", .mode = FILE_MODE, .print = proc_cpuinfo },
    { .name = "filesystems", .mode = FILE_MODE, .print = proc_filesystems },
    { .name = "loadavg", .mode = FILE_MODE, .print = proc_loadavg },
    { .name = "meminfo", .mode = FILE_MODE, .print = proc_meminfo },
    { .name = "mounts", .mode = FILE_MODE, .print = proc_mounts },
    { .name = "stat", .mode = FILE_MODE, .print = proc_stat },
    { .name = "swaps", .mode = FILE_MODE, .print = proc_swaps },
    { .name = "uptime", .mode = FILE_MODE, .print = proc_uptime },
    { .name = "version", .mode = FILE_MODE, .print = proc_version },
    { .name = "vmstat", .mode = FILE_MODE, .print = proc_vmstat },
    { .name = "log", .mode = FILE_MODE, .parent = SYSTEM_VELLUM, .print = proc_vellum_log },
    { .name = "frames", .mode = FILE_MODE, .parent = SYSTEM_VELLUM, .print = proc_vellum_frames },
    { .name = "faults", .mode = FILE_MODE, .parent = SYSTEM_VELLUM, .print = proc_vellum_faults },
    { .name = "check", .mode = FILE_MODE, .parent = SYSTEM_VELLUM, .print = proc_vellum_check },
    { .name = "overcommit_memory", .mode = FILE_MODE, .parent = SYSTEM_SYS_VM, .print = proc_overcommit },
    { .name = "pid_max", .mode = FILE_MODE, .parent = SYSTEM_SYS_KERNEL, .print = proc_pid_max },
    { .name = "osrelease", .mode = FILE_MODE, .parent = SYSTEM_SYS_KERNEL, .print = proc_release },
};

/* Place 0 is the directory /proc/PID. */
enum { PROCESS_ROOT, PROCESS_FD, PROCESS_EXE, PROCESS_CWD, PROCESS_ROOT_LINK };
static const struct proc_entry of_process[] = {
    [PROCESS_ROOT] = { .name = "", .mode = DIRECTORY },
    [PROCESS_FD] = { .name = "fd", .mode = LINUX_S_IFDIR | 0500 },
    [PROCESS_EXE] = { .name = "exe", .mode = LINK },
    [PROCESS_CWD] = { .name = "cwd", .mode = LINK },
    [PROCESS_ROOT_LINK] = { .name = "root", .mode = LINK },
    { .name = "cmdline", .mode = FILE_MODE, .read = proc_process_cmdline },
    { .name = "comm", .mode = FILE_MODE, .print = proc_process_comm },
    { .name = "environ", .mode = LINUX_S_IFREG | 0400, .read = proc_process_environ },
    { .name = "limits", .mode = FILE_MODE, .print = proc_process_limits },
    { .name = "maps", .mode = FILE_MODE, .print = proc_process_maps },
    { .name = "mounts", .mode = FILE_MODE, .print = proc_mounts },
    { .name = "pagemap", .mode = LINUX_S_IFREG | 0400, .read = proc_process_pagemap },
    { .name = "smaps", .mode = FILE_MODE, .print = proc_process_smaps },
    { .name = "stat", .mode = FILE_MODE, .print = proc_process_stat },
    { .name = "statm", .mode = FILE_MODE, .print = proc_process_statm },
    { .name = "status", .mode = FILE_MODE, .print = proc_process_status },
};

#define ENTRIES(table) ((unsigned)(sizeof(table) / sizeof((table)[0])))

static inode_t inode_of(uint32_t process, uint32_t place)
{
    return INODE(TREE_PROC, process << PROCESS_SHIFT | place);
}

static uint32_t process_of(inode_t inode)
{
    return INODE_NUMBER(inode) >> PROCESS_SHIFT;
}

static uint32_t place_of(inode_t inode)
{
    return inode & PLACE_MASK;
}

static const struct proc_entry *entry_of(inode_t inode)
{
    return process_of(inode) ? &of_process[place_of(inode)] : &of_system[place_of(inode)];
}

/* NULL: none, or it has ended and has nothing to show but its name. */
static struct file *descriptor_file(inode_t inode)
{
    const struct process *process = process_find(process_of(inode));
    uint32_t number = place_of(inode) & (FD_LINK - 1);

    return process && process->files && number < FILES_MAX ? process->files->of[number] : NULL;
}

static bool is_descriptor(inode_t inode)
{
    return place_of(inode) >= FD_LINK;
}

static bool is_gone(inode_t inode)
{
    return process_of(inode) && !process_find(process_of(inode));
}

/* ---- Text ---- */

static void text_put_byte(void *context, char byte)
{
    struct text *text = context;

    if (text->printed++ >= text->skip && text->kept < text->room)
        text->at[text->kept++] = byte;
}

void text_add(struct text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    text_put(text_put_byte, text, format, arguments);
    va_end(arguments);
}

void text_pad(struct text *text, uint64_t line, uint32_t column)
{
    while (text->printed - line < column)
        text_put_byte(text, ' ');
}

/* ---- Open files ---- */

static int64_t read_page(inode_t inode, char *page, uint64_t bytes, uint64_t offset)
{
    struct text text = { .at = page, .skip = offset, .room = bytes < PAGE_BYTES ? (uint32_t)bytes : PAGE_BYTES };

    if (is_gone(inode))
        return -ESRCH;
    entry_of(inode)->print(&text, process_find(process_of(inode)));
    return text.kept;
}

static int64_t read_text(inode_t inode, struct span to, uint64_t offset)
{
    uint64_t done = 0;
    pa_t frame;
    int64_t bytes = MM_RETRY(mm_frame_get(&frame));

    if (bytes)
        return bytes;
    do {
        bytes = read_page(inode, cpu_direct(frame), to.bytes - done, offset + done);
        if (bytes > 0 && copy_out(to.space, to.at + done, cpu_direct(frame), (uint64_t)bytes))
            bytes = -EFAULT;
        done += bytes > 0 ? (uint64_t)bytes : 0;
    } while (bytes == PAGE_BYTES && done < to.bytes);
    mm_frame_put(frame);
    return done ? (int64_t)done : bytes;
}

static int64_t read_memory(inode_t inode, struct span to, uint64_t offset)
{
    const struct process *process = process_find(process_of(inode));
    struct space *space = process ? process->space : NULL;

    if (!space)
        return process ? 0 : -ESRCH;
    space_get(space);
    int64_t bytes = entry_of(inode)->read(process, space, to, offset);

    space_put(space);
    return bytes;
}

static int64_t proc_file_read(struct file *file, struct span to, uint64_t offset)
{
    if (to.bytes == 0)
        return 0;
    return entry_of(file->inode)->print ? read_text(file->inode, to, offset) : read_memory(file->inode, to, offset);
}

static int proc_file_status(struct file *file, struct linux_stat *status)
{
    return inode_status(file->inode, status);
}

static const struct file_ops proc_ops = { .read = proc_file_read, .status = proc_file_status };

/* A descriptor's file: opened anew where it has a place in the tree, otherwise shared. */
static int open_descriptor(inode_t inode, struct file **out)
{
    struct file *file = descriptor_file(inode);

    if (!file)
        return -ENOENT;
    file_get(file);
    *out = file;
    return 0;
}

static int proc_open(inode_t inode, uint32_t flags, struct file **out)
{
    if (is_descriptor(inode))
        return open_descriptor(inode, out);
    if (is_gone(inode))
        return -ENOENT;
    if ((flags & LINUX_O_ACCMODE) != LINUX_O_RDONLY)
        return -EACCES;
    struct file *file = file_new(&proc_ops, flags);

    if (!file)
        return -ENOMEM;
    file->inode = inode;
    file->seekable = true;
    *out = file;
    return 0;
}

/* ---- Directories ---- */

static int number_of(const char *name, uint32_t *number)
{
    uint32_t value = 0;

    for (const char *at = name; *at; at++) {
        if (*at < '0' || *at > '9' || value > PLACE_MASK)
            return -ENOENT;
        value = value * 10 + (uint32_t)(*at - '0');
    }
    *number = value;
    return *name ? 0 : -ENOENT;
}

static int find_in(const struct proc_entry *table, unsigned count, inode_t directory, const char *name, inode_t *inode)
{
    for (unsigned i = 1; i < count; i++)
        if (table[i].parent == place_of(directory) && !strcmp(table[i].name, name)) {
            *inode = inode_of(process_of(directory), i);
            return 0;
        }
    return -ENOENT;
}

static int find_number(inode_t directory, const char *name, inode_t *inode)
{
    bool descriptors = process_of(directory);
    uint32_t number;
    int error = number_of(name, &number);

    if (error)
        return error;
    *inode = descriptors ? inode_of(process_of(directory), FD_LINK + number) : inode_of(number, PROCESS_ROOT);
    if (descriptors)
        return descriptor_file(*inode) ? 0 : -ENOENT;
    return number && process_find(number) ? 0 : -ENOENT;
}

static int proc_find(inode_t directory, const char *name, inode_t *inode)
{
    uint32_t process = process_of(directory), place = place_of(directory);
    int error = -ENOENT;

    if (is_gone(directory))
        return -ENOENT;
    if (process ? place == PROCESS_FD : place == SYSTEM_ROOT)
        error = find_number(directory, name, inode);
    if (error && !(process && place == PROCESS_FD))
        error = process ? find_in(of_process, ENTRIES(of_process), directory, name, inode)
                        : find_in(of_system, ENTRIES(of_system), directory, name, inode);
    return error;
}

static void entry_fill(struct tree_entry *entry, inode_t inode, uint32_t mode, uint64_t next)
{
    *entry = (struct tree_entry){ .inode = inode, .mode = mode, .next = next };
}

static void entry_number(struct tree_entry *entry, uint32_t number)
{
    text_format(entry->name, sizeof(entry->name), "%u", number);
}

static int next_descriptor(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    for (uint64_t i = position; i < FILES_MAX; i++) {
        inode_t inode = inode_of(process_of(directory), FD_LINK + (uint32_t)i);

        if (!descriptor_file(inode))
            continue;
        entry_fill(entry, inode, LINK, i + 1);
        entry_number(entry, (uint32_t)i);
        return 0;
    }
    return -ENOENT;
}

/* Processes are told by their numbers, the lowest first: positions from `base` on. */
static int next_process(uint64_t position, uint64_t base, struct tree_entry *entry)
{
    const struct process *found = NULL;

    LIST_EACH(link, process_list())
    {
        const struct process *process = LIST_ENTRY(link, struct process, all);

        if (process->id + base >= position && (!found || process->id < found->id))
            found = process;
    }
    if (!found)
        return -ENOENT;
    entry_fill(entry, inode_of(found->id, PROCESS_ROOT), DIRECTORY, found->id + base + 1);
    entry_number(entry, found->id);
    return 0;
}

static int proc_next(inode_t directory, uint64_t position, struct tree_entry *entry)
{
    uint32_t process = process_of(directory), place = place_of(directory);
    const struct proc_entry *table = process ? of_process : of_system;
    unsigned count = process ? ENTRIES(of_process) : ENTRIES(of_system);

    if (is_gone(directory))
        return -ENOENT;
    if (process && place == PROCESS_FD)
        return next_descriptor(directory, position, entry);
    for (uint64_t i = position ? position : 1; i < count; i++) {
        if (table[i].parent != place)
            continue;
        entry_fill(entry, inode_of(process, (uint32_t)i), table[i].mode, i + 1);
        strcpy(entry->name, table[i].name);
        return 0;
    }
    return !process && place == SYSTEM_ROOT ? next_process(position, count, entry) : -ENOENT;
}

static int proc_place(inode_t inode, inode_t *directory, char name[TREE_NAME_MAX + 1])
{
    if (is_gone(inode))
        return -ENOENT;
    *directory = inode_of(process_of(inode), is_descriptor(inode) ? PROCESS_FD : entry_of(inode)->parent);
    if (is_descriptor(inode)) {
        text_format(name, TREE_NAME_MAX, "%u", place_of(inode) & (FD_LINK - 1));
    } else if (process_of(inode) && place_of(inode) == PROCESS_ROOT) {
        *directory = inode_of(0, SYSTEM_ROOT);
        text_format(name, TREE_NAME_MAX, "%u", process_of(inode));
    } else {
        strcpy(name, entry_of(inode)->name);
    }
    return 0;
}

static int proc_status(inode_t inode, struct linux_stat *status)
{
    if (is_gone(inode))
        return -ENOENT;
    if (!is_descriptor(inode)) {
        status->st_mode = entry_of(inode)->mode;
        return 0;
    }
    struct file *file = descriptor_file(inode);

    if (!file)
        return -ENOENT;
    if (place_of(inode) >= FD_FILE)
        return file->ops->status(file, status);
    status->st_mode = LINUX_S_IFLNK | 0700;
    return 0;
}

/* ---- Links: they lead to inodes, whatever their text says ---- */

static int follow_descriptor(inode_t inode, inode_t *target)
{
    const struct file *file = descriptor_file(inode);

    if (!file)
        return -ENOENT;
    *target = file->inode ? file->inode : inode_of(process_of(inode), FD_FILE + place_of(inode) - FD_LINK);
    return 0;
}

static int proc_follow(inode_t inode, inode_t *target)
{
    const struct process *process = process_find(process_of(inode));

    if (is_descriptor(inode))
        return follow_descriptor(inode, target);
    if (!process_of(inode)) {
        *target = inode_of(process_current() ? process_current()->id : 0, PROCESS_ROOT);
        return process_current() ? 0 : -ENOENT;
    }
    if (!process || process->state == PROCESS_ZOMBIE)
        return -ENOENT;
    *target = place_of(inode) == PROCESS_EXE   ? process->program
              : place_of(inode) == PROCESS_CWD ? process->directory
                                               : INODE_ROOT;
    return *target ? 0 : -ENOENT;
}

static int64_t describe_file(const struct file *file, char *text, uint32_t room)
{
    struct linux_stat status = { 0 };

    if (file->ops->status((struct file *)(uintptr_t)file, &status))
        return -ENOENT;
    if ((status.st_mode & LINUX_S_IFMT) == LINUX_S_IFIFO)
        return (int64_t)text_format(text, room, "pipe:[%lu]", status.st_ino);
    if ((status.st_mode & LINUX_S_IFMT) == LINUX_S_IFCHR)
        return (int64_t)text_format(text, room, "/dev/console");
    return (int64_t)text_format(text, room, "/memfd: (deleted)");
}

static int64_t proc_read_link(inode_t inode, char *text, uint32_t room)
{
    inode_t target;
    int64_t bytes = proc_follow(inode, &target);

    if (bytes)
        return bytes;
    if (is_descriptor(inode) && !descriptor_file(inode)->inode)
        return describe_file(descriptor_file(inode), text, room);
    if (!process_of(inode))
        return (int64_t)text_format(text, room, "%u", process_of(target));
    bytes = path_of_inode(target, text, room);
    return bytes > 0 ? bytes - 1 : bytes;
}

const struct tree_ops proc_tree = {
    .find = proc_find,
    .next = proc_next,
    .place = proc_place,
    .status = proc_status,
    .open = proc_open,
    .read_link = proc_read_link,
    .follow = proc_follow,
};
