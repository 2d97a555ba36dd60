/*
 * Paths: from names to inodes of the tree. Symbolic links are followed, 40 at the most as in Linux.
 *
 * There are no users but root, so nothing is forbidden but to run what nobody may execute.
 *
 * Locking: the kernel lock; everything here may sleep.
 */
#ifndef FIRMWARE_LINUX_PATH_H
#define FIRMWARE_LINUX_PATH_H

#include <stdint.h>

#include "firmware/linux/tree.h"

/* The end of a walk: the last name of a path and the directory it is in, and its inode if there is one. */
struct path_end {
    inode_t directory;
    inode_t inode;                /* 0: the name does not exist */
    bool must_be_directory;       /* the path ends in '/' */
    char name[TREE_NAME_MAX + 1]; /* empty: the path is the directory `inode` itself, with no last name */
};

/* What a link at the very end stands for: what it leads to; itself, unless a '/' is behind it; always itself. */
enum path_last { LAST_FOLLOWED, LAST_LINK, LAST_NAME };
/*
 * `at`: the directory that relative paths begin in. -ENOENT: a directory on the way, or an empty path; -ENOTDIR, but
 * not for a name with '/' behind it in LAST_NAME; -ELOOP; -ENAMETOOLONG.
 */
int path_walk(inode_t at, const char *path, enum path_last last, struct path_end *end) MUST_CHECK;

/* The inode at the path, links followed. -ENOENT and path_walk's. */
int path_find(inode_t at, const char *path, inode_t *inode) MUST_CHECK;

/* A program by path, or by its base name in the root or in /bin. */
int path_find_program(const char *path, inode_t *inode) MUST_CHECK;

/* The absolute path of a directory or file; the length with the final 0, or -ENAMETOOLONG; -ENOENT when it has none. */
int path_of_inode(inode_t inode, char *path, uint32_t room) MUST_CHECK;

/*
 * A system call's directory descriptor and path: the directory's inode, and the path in `path` (LINUX_PATH_MAX bytes on
 * loan from the frame pool, given back by path_release()).
 */
struct path_argument {
    inode_t at;
    char *path;
};
int path_get(int64_t descriptor, uint64_t user_path, struct path_argument *argument) MUST_CHECK;
void path_release(struct path_argument *argument);
/* Both and a walk in one, for calls that need no more of the path. */
int path_walk_argument(int64_t descriptor, uint64_t user_path, enum path_last last, struct path_end *end) MUST_CHECK;

#endif
