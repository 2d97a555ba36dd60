/*
 * Named files between the host and an image.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "platform/image/commands.h"

#define PAGE 4096u

/* The time to record: SOURCE_DATE_EPOCH makes images that are the same each time they are made. */
static int64_t modified_time(const struct stat *status)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");

    return epoch != NULL ? strtoll(epoch, NULL, 10) : (int64_t)status->st_mtime;
}

static uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + PAGE - 1) / PAGE);
}

/* The node that will hold the file: a new one, or the old one emptied. */
static int open_node(struct image *image, const char *path, uint32_t mode, uint32_t *id)
{
    struct node_info info;
    uint32_t parent;
    const char *name;
    int error = image_find_parent(image, path, true, &parent, &name);

    if (error == 0)
        error = node_find(image->store, parent, name, id);
    if (error == -ENOENT)
        return IMAGE_RETRY(image, node_make(image->store, parent, name, mode, id));
    if (error == 0)
        error = node_get(image->store, *id, &info);
    if (error == 0 && S_ISDIR(info.mode))
        error = -EISDIR;
    return error != 0 ? error : IMAGE_RETRY(image, node_resize(image->store, *id, 0, 0));
}

static int write_pages(struct image *image, uint32_t id, FILE *from, uint64_t bytes)
{
    uint8_t page[PAGE] __attribute__((aligned(8)));

    for (uint32_t index = 0; index < pages_of(bytes); index++) {
        memset(page, 0, sizeof page);
        if (fread(page, 1, sizeof page, from) == 0)
            return ferror(from) ? -EIO : -ENODATA;
        int error = IMAGE_RETRY(image, node_write_page(image->store, id, index, page));
        if (error != 0)
            return error;
    }
    return 0;
}

static int put_file(struct image *image, const char *path, FILE *from, const struct stat *status)
{
    uint64_t bytes = (uint64_t)status->st_size;
    uint32_t id;
    int error = IMAGE_RETRY(image, store_begin(image->store, pages_of(bytes)));

    if (error == 0)
        error = open_node(image, path, S_IFREG | (status->st_mode & 0777), &id);
    if (error == 0)
        error = IMAGE_RETRY(image, node_resize(image->store, id, bytes, modified_time(status)));
    if (error == 0)
        error = write_pages(image, id, from, bytes);
    if (error == 0)
        error = IMAGE_RETRY(image, store_commit(image->store));
    if (error != 0)
        store_abort(image->store);
    return error;
}

static bool put_opened(struct image *image, const char *host, const char *path, FILE *from)
{
    struct stat status;

    if (fstat(fileno(from), &status) != 0)
        return image_fail("%s: %s", host, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return image_fail("%s: not a regular file", host);
    int error = put_file(image, path, from, &status);
    if (error == -ENOSPC)
        return image_fail("%s: no room in the partition for its %lld bytes", host, (long long)status.st_size);
    return error == 0 || image_fail("%s: cannot write %s: %s", host, path, strerror(-error));
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* `argument` is host-path or host-path=name; a host path that holds a = is written with its name behind it. */
static bool put_argument(struct image *image, char *argument)
{
    char *equals = strrchr(argument, '=');
    const char *path = equals != NULL ? equals + 1 : base_name(argument);

    if (equals != NULL)
        *equals = '\0';
    FILE *from = fopen(argument, "rb");
    if (from == NULL)
        return image_fail("%s: %s", argument, strerror(errno));
    bool good = put_opened(image, argument, path, from);
    fclose(from);
    return good;
}

bool command_put(struct image *image, int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (!put_argument(image, arguments[i]))
            return false;
    image_settle(image);
    return true;
}

static int read_pages(struct image *image, const struct node_info *info, FILE *to)
{
    uint8_t page[PAGE] __attribute__((aligned(8)));
    uint64_t left = info->bytes;

    for (uint32_t index = 0; left > 0; index++) {
        size_t part = left < PAGE ? (size_t)left : PAGE;
        int error = IMAGE_RETRY(image, node_read_page(image->store, info->id, index, page));
        if (error != 0)
            return error;
        if (fwrite(page, 1, part, to) != part)
            return errno == 0 ? -EIO : -errno;
        left -= part;
    }
    return 0;
}

bool command_get(struct image *image, int count, char **arguments)
{
    const char *name = arguments[0];
    const char *host = count > 1 ? arguments[1] : base_name(name);
    struct node_info info;
    int error = image_find(image, name, &info);

    if (error == 0 && !S_ISREG(info.mode))
        error = -EISDIR;
    if (error != 0)
        return image_fail("%s: %s", name, strerror(-error));
    FILE *to = strcmp(host, "-") == 0 ? stdout : fopen(host, "wb");
    if (to == NULL)
        return image_fail("%s: %s", host, strerror(errno));
    error = read_pages(image, &info, to);
    if ((to == stdout ? fflush(to) : fclose(to)) != 0 && error == 0)
        error = -errno;
    return error == 0 || image_fail("%s: cannot copy it out: %s", name, strerror(-error));
}

static void print_entry(const char *path, const struct node_info *info)
{
    time_t modified = (time_t)info->modified_s;
    struct tm parts;
    char date[32] = "?";

    if (gmtime_r(&modified, &parts) != NULL)
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts);
    printf("%06o %10llu %s %s%s\n", info->mode, (unsigned long long)info->bytes, date, path,
           S_ISDIR(info->mode) ? "/" : "");
}

bool command_ls(struct image *image, int count, char **arguments)
{
    struct tree_walk walk = { 0 };
    const char *name = count > 0 ? arguments[0] : "";
    const char *below = name + strspn(name, "/");
    size_t bytes = strlen(below);

    while (bytes > 0 && below[bytes - 1] == '/')
        bytes--;
    bool found = bytes == 0;

    while (tree_next(image, &walk)) {
        if (strncmp(walk.path, below, bytes) != 0)
            continue;
        if (bytes > 0 && walk.path[bytes] != '/' && walk.path[bytes] != '\0')
            continue;
        print_entry(walk.path, &walk.info);
        found = true;
    }
    return found || image_fail("%s: %s", name, strerror(ENOENT));
}

static int remove_one(struct image *image, const char *path)
{
    struct node_info info, child;
    int error = image_find(image, path, &info);

    if (error != 0)
        return error;
    if (info.id == NODE_ROOT)
        return -EBUSY;
    if (S_ISDIR(info.mode) && node_next(image->store, info.id, 0, &child) == 0)
        return -ENOTEMPTY;
    error = IMAGE_RETRY(image, node_remove(image->store, info.id));
    return error != 0 ? error : IMAGE_RETRY(image, store_commit(image->store));
}

bool command_rm(struct image *image, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        int error = remove_one(image, arguments[i]);
        if (error != 0)
            return image_fail("%s: %s", arguments[i], strerror(-error));
    }
    image_settle(image);
    return true;
}
