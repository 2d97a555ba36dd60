/*
 * /proc: files that are made when they are read. Each is a function that prints the whole text; a read takes the part
 * of it that was asked for, a page at a time. So the text is that of the moment of each page, as Linux's is.
 *
 *      proc_tree.c     names and inodes            proc_system.c    meminfo, vmstat, stat ...
 *      proc_process.c  status, stat, limits ...    proc_maps.c      maps, smaps, pagemap
 *      proc_vellum.c   /proc/vellum: our own figures
 *
 * Locking: the kernel lock. Printing does not sleep; reading may, and looks the process up again after each page.
 */
#ifndef FIRMWARE_LINUX_PROC_H
#define FIRMWARE_LINUX_PROC_H

#include <stdint.h>

#include "firmware/linux/file.h"
#include "firmware/process.h"

/* The window of the text that is wanted: `skip` bytes are dropped first, then `room` bytes kept. */
struct text {
    char *at;
    uint64_t skip, printed;
    uint32_t room, kept;
};

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Blanks up to that column of a line that began at `line`, a value of text->printed. */
void text_pad(struct text *text, uint64_t line, uint32_t column);
static inline bool text_is_full(const struct text *text)
{
    return text->kept == text->room;
}

typedef void proc_print(struct text *text, const struct process *process);

/* Of the system: `process` is NULL. */
proc_print proc_cpuinfo, proc_filesystems, proc_loadavg, proc_meminfo, proc_mounts, proc_stat, proc_swaps, proc_uptime,
    proc_version, proc_vmstat, proc_overcommit, proc_pid_max, proc_release;
proc_print proc_vellum_log, proc_vellum_frames, proc_vellum_faults, proc_vellum_check;
/* Of a process. */
proc_print proc_process_stat, proc_process_statm, proc_process_status, proc_process_comm, proc_process_limits;
proc_print proc_process_maps, proc_process_smaps;

/* Files that are read from the process's memory: as file_ops.read, and may sleep. The space is held. */
typedef int64_t proc_read(const struct process *process, struct space *space, struct span to, uint64_t offset);
proc_read proc_process_cmdline, proc_process_environ, proc_process_pagemap;

/* The device and inode that a region's object is told as, and its path into `path`; false: it has none. */
bool proc_object_path(const struct object *object, inode_t *inode, char *path, uint32_t room);

#endif
