/* Walking paths. */
#include "firmware/linux/path.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define LINKS_MAX 40u

/* A walk: what is left of the path. After the first link that lies in a page of its own. */
struct walk {
    const char *rest;
    char *page; /* LINUX_PATH_MAX bytes, or NULL */
    unsigned links;
    enum path_last last;
    struct path_end *end;
};

/* Takes the next name off the path; its length. 0 at the end, and `name` stays as it is. */
static size_t next_name(const char **path, char name[TREE_NAME_MAX + 1])
{
    size_t length;

    while (**path == '/')
        (*path)++;
    length = strcspn(*path, "/");
    if (length && length <= TREE_NAME_MAX) {
        memcpy(name, *path, length);
        name[length] = 0;
    }
    *path += length;
    return length;
}

static int walk_page(struct walk *walk)
{
    pa_t frame;
    int error = walk->page ? 0 : (int)MM_RETRY(mm_frame_get(&frame));

    if (!error && !walk->page)
        walk->page = cpu_direct(frame);
    return error;
}

/* The link's text goes before the rest of the path, and the walk goes on with both from where the link is. */
static int splice_link(struct walk *walk, inode_t link, uint64_t text_bytes)
{
    size_t rest_bytes = strlen(walk->rest) + 1;
    int error = walk_page(walk);

    if (error)
        return error;
    if (text_bytes == 0 || text_bytes + rest_bytes > LINUX_PATH_MAX)
        return text_bytes ? -ENAMETOOLONG : -ENOENT;
    memmove(walk->page + text_bytes, walk->rest, rest_bytes); /* which is empty or begins with '/' */
    int64_t bytes = inode_read_link(link, walk->page, (uint32_t)text_bytes);

    if (bytes != (int64_t)text_bytes)
        return bytes < 0 ? (int)bytes : -EIO;
    walk->rest = walk->page;
    walk->end->inode = walk->page[0] == '/' ? INODE_ROOT : walk->end->directory;
    walk->end->name[0] = 0;
    return 0;
}

static bool is_at_end(const struct walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == 0;
}

static int follow_link(struct walk *walk)
{
    struct linux_stat status;
    inode_t link = walk->end->inode;
    int error = inode_status(link, &status);

    if (error || (status.st_mode & LINUX_S_IFMT) != LINUX_S_IFLNK)
        return error;
    if (is_at_end(walk) && (walk->last == LAST_NAME || (walk->last == LAST_LINK && !*walk->rest)))
        return 0;
    if (walk->links++ == LINKS_MAX)
        return -ELOOP;
    error = inode_follow(link, &walk->end->inode);
    return error == -EINVAL ? splice_link(walk, link, (uint64_t)status.st_size) : error;
}

/* One name further: end->inode is the directory at hand before, and what the name stands for afterwards. */
static int step(struct walk *walk)
{
    struct path_end *end = walk->end;
    inode_t directory = end->inode;
    int error = inode_find(directory, end->name, &end->inode);

    if (!strcmp(end->name, ".") || !strcmp(end->name, "..")) {
        end->name[0] = 0;
        return error;
    }
    end->directory = directory;
    if (error == -ENOENT) {
        end->inode = 0;
        return 0;
    }
    return error ? error : follow_link(walk);
}

static int walk_all(struct walk *walk)
{
    struct path_end *end = walk->end;
    size_t length;

    while ((length = next_name(&walk->rest, end->name)) != 0) {
        if (!end->inode)
            return -ENOENT;
        if (length > TREE_NAME_MAX)
            return -ENAMETOOLONG;
        int error = step(walk);

        if (error)
            return error;
        end->must_be_directory = *walk->rest == '/';
    }
    if (walk->last != LAST_NAME && end->must_be_directory && end->inode && !inode_is_directory(end->inode))
        return -ENOTDIR;
    return 0;
}

int path_walk(inode_t at, const char *path, enum path_last last, struct path_end *end)
{
    struct walk walk = { .rest = path, .last = last, .end = end };

    if (!*path)
        return -ENOENT;
    *end = (struct path_end){ .inode = *path == '/' ? INODE_ROOT : at };
    end->directory = end->inode;
    int error = walk_all(&walk);

    if (walk.page)
        mm_frame_put(cpu_direct_pa(walk.page));
    return error;
}

int path_find(inode_t at, const char *path, inode_t *inode)
{
    struct path_end end;
    int error = path_walk(at, path, LAST_FOLLOWED, &end);

    if (error)
        return error;
    *inode = end.inode;
    return end.inode ? 0 : -ENOENT;
}

int path_find_program(const char *path, inode_t *inode)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    inode_t directory;
    int error = path_find(INODE_ROOT, path, inode);

    if (error)
        error = path_find(INODE_ROOT, base, inode);
    if (error && path_find(INODE_ROOT, "/bin", &directory) == 0)
        error = path_find(directory, base, inode);
    if (!error && inode_is_directory(*inode))
        error = -EACCES;
    return error;
}

int path_of_inode(inode_t inode, char *path, uint32_t room)
{
    char name[TREE_NAME_MAX + 1];
    uint32_t at = room;

    if (room < 2)
        return -ENAMETOOLONG;
    path[--at] = 0;
    while (inode != INODE_ROOT) {
        int error = inode_place(inode, &inode, name);

        if (error)
            return error;
        uint32_t length = (uint32_t)strlen(name);

        if (length + 1 > at)
            return -ENAMETOOLONG;
        at -= length;
        memcpy(path + at, name, length);
        path[--at] = '/';
    }
    if (at == room - 1)
        path[--at] = '/';
    memmove(path, path + at, room - at);
    return (int)(room - at);
}

/* ---- Arguments of system calls ---- */

static int directory_of(int64_t descriptor, inode_t *inode)
{
    if (descriptor == LINUX_AT_FDCWD) {
        *inode = process_current()->directory;
        return 0;
    }
    struct file *file = files_get_file((uint64_t)descriptor);

    if (!file)
        return -EBADF;
    *inode = file->inode;
    bool is_directory = file->ops->list;

    file_put(file);
    return is_directory ? 0 : -ENOTDIR;
}

int path_get(int64_t descriptor, uint64_t user_path, struct path_argument *argument)
{
    pa_t frame;
    int64_t error = MM_RETRY(mm_frame_get(&frame));

    if (error)
        return (int)error;
    argument->path = cpu_direct(frame);
    argument->at = INODE_ROOT;
    error = user_read_string(argument->path, user_path, LINUX_PATH_MAX);
    if (error >= 0)
        error = argument->path[0] == '/' ? 0 : directory_of(descriptor, &argument->at);
    if (error)
        path_release(argument);
    return (int)error;
}

void path_release(struct path_argument *argument)
{
    mm_frame_put(cpu_direct_pa(argument->path));
}

int path_walk_argument(int64_t descriptor, uint64_t user_path, enum path_last last, struct path_end *end)
{
    struct path_argument argument;
    int error = path_get(descriptor, user_path, &argument);

    if (error)
        return error;
    error = path_walk(argument.at, argument.path, last, end);
    path_release(&argument);
    return error;
}
