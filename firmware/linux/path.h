/*
 * Paths: from names to nodes of the store, and to the few files that are not in it (firmware/linux/special.c).
 *
 * There are no symbolic links, and no permissions: every program may do what the store can do.
 */
#ifndef FIRMWARE_LINUX_PATH_H
#define FIRMWARE_LINUX_PATH_H

#include <stdint.h>

#include "mm/store.h"

/* The end of a walk: the last name of a path and the directory it is in, and its node if there is one. */
struct path_end {
    uint32_t directory;
    uint32_t node;                /* 0: the name does not exist */
    bool must_be_directory;       /* the path ends in '/' */
    char name[NODE_NAME_MAX + 1]; /* empty: the path is the directory `node` itself, with no last name */
};

/* `at`: the directory that relative paths begin in. -ENOENT: a directory on the way, or an empty path; -ENOTDIR. */
int path_walk(uint32_t at, const char *path, struct path_end *end) MUST_CHECK;

/* The node at the path. -ENOENT and path_walk's. */
int path_find(uint32_t at, const char *path, uint32_t *node) MUST_CHECK;

/* A program by path, or by its base name in the root or in /bin. */
int path_find_program(const char *path, uint32_t *node) MUST_CHECK;

/* The absolute path of a directory or file; the length with the final 0, or -ENAMETOOLONG; -ENOENT when it has none. */
int path_of_node(uint32_t node, char *path, uint32_t room) MUST_CHECK;

/*
 * A system call's directory descriptor and path: the directory's node, and the path in `path` (LINUX_PATH_MAX bytes on
 * loan from the frame pool, given back by path_release()).
 */
struct path_argument {
    uint32_t at;
    char *path;
};
int path_get(int64_t descriptor, uint64_t user_path, struct path_argument *argument) MUST_CHECK;
void path_release(struct path_argument *argument);

#endif
