/* Walking paths. */
#include "firmware/linux/path.h"

#include <errno.h>
#include <string.h>

#include "firmware/linux/file.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

static bool is_directory(uint32_t node)
{
    struct node_info info;

    return node_get(mm_store(), node, &info) == 0 && (info.mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
}

static uint32_t parent_of(uint32_t node)
{
    struct node_info info;

    return node_get(mm_store(), node, &info) == 0 && info.parent ? info.parent : NODE_ROOT;
}

/* Takes the next name off the path; its length. 0 at the end, and `name` stays as it is. */
static size_t next_name(const char **path, char name[NODE_NAME_MAX + 1])
{
    size_t length;

    while (**path == '/')
        (*path)++;
    length = strcspn(*path, "/");
    if (length && length <= NODE_NAME_MAX) {
        memcpy(name, *path, length);
        name[length] = 0;
    }
    *path += length;
    return length;
}

static int find_child(uint32_t directory, const char *name, uint32_t *node)
{
    int error = (int)MM_RETRY(node_find(mm_store(), directory, name, node));

    if (error == -ENOENT)
        *node = 0;
    return error == -ENOENT ? 0 : error;
}

/* One name further: end->node is the directory at hand before, and what the name stands for afterwards. */
static int step(struct path_end *end)
{
    uint32_t directory = end->node;

    if (!is_directory(directory))
        return -ENOTDIR;
    if (!strcmp(end->name, ".") || !strcmp(end->name, "..")) {
        end->node = end->name[1] ? parent_of(directory) : directory;
        end->name[0] = 0;
        return 0;
    }
    end->directory = directory;
    return find_child(directory, end->name, &end->node);
}

int path_walk(uint32_t at, const char *path, struct path_end *end)
{
    size_t length;

    if (!mm_store() || !*path)
        return -ENOENT;
    *end = (struct path_end){ .node = *path == '/' ? NODE_ROOT : at };
    end->directory = end->node;
    while ((length = next_name(&path, end->name)) != 0) {
        if (length > NODE_NAME_MAX)
            return -ENAMETOOLONG;
        if (!end->node)
            return -ENOENT;
        int error = step(end);

        if (error)
            return error;
        end->must_be_directory = *path == '/';
    }
    if (end->must_be_directory && end->node && !is_directory(end->node))
        return -ENOTDIR;
    return 0;
}

int path_find(uint32_t at, const char *path, uint32_t *node)
{
    struct path_end end;
    int error = path_walk(at, path, &end);

    if (error)
        return error;
    *node = end.node;
    return end.node ? 0 : -ENOENT;
}

int path_find_program(const char *path, uint32_t *node)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    uint32_t directory;
    int error = path_find(NODE_ROOT, path, node);

    if (error)
        error = path_find(NODE_ROOT, base, node);
    if (error && path_find(NODE_ROOT, "/bin", &directory) == 0)
        error = path_find(directory, base, node);
    if (!error && is_directory(*node))
        error = -EACCES;
    return error;
}

int path_of_node(uint32_t node, char *path, uint32_t room)
{
    struct node_info info;
    uint32_t at = room;

    if (room < 2)
        return -ENAMETOOLONG;
    path[--at] = 0;
    while (node != NODE_ROOT) {
        if (!mm_store() || node_get(mm_store(), node, &info) || !info.parent)
            return -ENOENT;
        uint32_t length = (uint32_t)strlen(info.name);

        if (length + 1 > at)
            return -ENAMETOOLONG;
        at -= length;
        memcpy(path + at, info.name, length);
        path[--at] = '/';
        node = info.parent;
    }
    if (at == room - 1)
        path[--at] = '/';
    memmove(path, path + at, room - at);
    return (int)(room - at);
}

static int directory_of(int64_t descriptor, uint32_t *node)
{
    if (descriptor == LINUX_AT_FDCWD) {
        *node = process_current()->directory;
        return 0;
    }
    struct file *file = files_get_file((uint64_t)descriptor);

    if (!file)
        return -EBADF;
    *node = file->node;
    file_put(file);
    return *node && is_directory(*node) ? 0 : -ENOTDIR;
}

int path_get(int64_t descriptor, uint64_t user_path, struct path_argument *argument)
{
    pa_t frame;
    int64_t error = MM_RETRY(mm_frame_get(&frame));

    if (error)
        return (int)error;
    argument->path = cpu_direct(frame);
    argument->at = 0;
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
