#include "platform/image/image.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of swap nothing is written here, so the tail only has to exist. */
#define TAIL_PAGES 16u

static const struct image_board boards[] = {
    {
        .name = "virt",
        .geometry = { .size_bytes = 32u << 20, .erase_bytes = 256u << 10, .program_bytes = 256 },
        .start = 0,
        .bytes = 32u << 20,
    },
    {
        .name = "sifive_u",
        .geometry = { .size_bytes = 32u << 20, .erase_bytes = 64u << 10, .program_bytes = 256 },
        .start = 0x530000,
        .bytes = 0x1ff0000 - 0x530000,
    },
};

const struct image_board *image_board_at(unsigned index)
{
    return index < sizeof boards / sizeof boards[0] ? &boards[index] : NULL;
}

const struct image_board *image_board_named(const char *name)
{
    const struct image_board *board;

    for (unsigned i = 0; (board = image_board_at(i)) != NULL; i++)
        if (strcmp(board->name, name) == 0)
            return board;
    return NULL;
}

bool image_fail(const char *format, ...)
{
    va_list arguments;

    fputs("vellum-image: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

static void *page_get(void *context)
{
    (void)context;
    void *page = aligned_alloc(4096, 4096);
    return page == NULL ? NULL : memset(page, 0, 4096);
}

static void page_put(void *context, void *page)
{
    (void)context;
    free(page);
}

/* `board` may be image->board itself. */
static int use_board(struct image *image, const struct image_board *board)
{
    struct image_board *shape = &image->board;

    *shape = *board;
    if (shape->geometry.size_bytes == 0)
        shape->geometry.size_bytes = image->file.size_bytes;
    if (shape->bytes == 0 && shape->start < shape->geometry.size_bytes)
        shape->bytes = (shape->geometry.size_bytes - shape->start) / shape->geometry.erase_bytes *
                       shape->geometry.erase_bytes;
    image->config = (struct store_config){
        .flash = &image->file.flash,
        .base = shape->start,
        .bytes = shape->bytes,
        .tail_pages = TAIL_PAGES,
        .page_get = page_get,
        .page_put = page_put,
    };
    return file_flash_shape(&image->file, &shape->geometry, shape->start, shape->bytes);
}

/* Leaves the image shaped for the board whose store it holds. */
static int detect_board(struct image *image, enum image_access access)
{
    const struct image_board *board;
    enum store_content content;

    for (unsigned i = 0; (board = image_board_at(i)) != NULL; i++) {
        int error = use_board(image, board);
        if (error == -EINVAL)
            continue;
        if (error == 0)
            error = store_probe(&image->config, &content);
        if (error != 0)
            return error;
        if (content == STORE_OURS || content == STORE_NEWER)
            return 0;
    }
    struct image_board found;
    if (access == IMAGE_READ && image_find_shape(&image->file, &found))
        return use_board(image, &found);
    return use_board(image, image_board_at(0));
}

static const char *open_error_text(int error)
{
    if (error == -EINVAL)
        return "empty, or not a regular file";
    return error == -EAGAIN ? "in use: an emulator runs on it" : strerror(-error);
}

bool image_open(struct image *image, const char *path, const struct image_board *board, enum image_access access)
{
    *image = (struct image){ .path = path };
    int error = file_flash_open(&image->file, path, access == IMAGE_WRITE);
    if (error != 0)
        return image_fail("%s: %s", path, open_error_text(error));

    error = board != NULL ? use_board(image, board) : detect_board(image, access);
    if (error == 0)
        return true;
    if (error == -EINVAL)
        image_fail("%s: %u bytes do not hold the partition of a known board (32 MiB) or the one named; other chips: "
                   "--erase-size, --start, --bytes",
                   path, image->file.size_bytes);
    else
        image_fail("%s: %s", path, strerror(-error));
    (void)image_close(image);
    return false;
}

bool image_create(struct image *image, const char *path, const struct image_board *board)
{
    *image = (struct image){ .path = path };
    uint32_t size_bytes = board->geometry.size_bytes != 0 ? board->geometry.size_bytes : board->start + board->bytes;
    if (size_bytes == 0)
        return image_fail("a new image needs --board or --bytes");
    int error = file_flash_create(&image->file, path, size_bytes);
    if (error == -EEXIST)
        return image_fail("%s: exists already (`format` empties it)", path);
    if (error != 0)
        return image_fail("%s: %s", path, open_error_text(error));

    error = use_board(image, board);
    if (error == 0 && image_format(image))
        return true;
    if (error != 0)
        image_fail("%s: %s", path, strerror(-error));
    (void)image_close(image);
    (void)unlink(path);
    return false;
}

bool image_format(struct image *image)
{
    enum store_content content;
    int error = store_probe(&image->config, &content);

    if (error == 0 && content == STORE_NEWER)
        image_fail("%s: held %s", image->path, image_content_text(content));
    if (error == 0)
        error = store_format(&image->config);
    if (error != 0)
        return image_fail("%s: cannot format: %s", image->path, strerror(-error));
    if (!image_mount(image))
        return false;
    image_settle(image);
    return true;
}

const char *image_content_text(enum store_content content)
{
    switch (content) {
    case STORE_OURS:
        return "a store";
    case STORE_BLANK:
        return "erased flash, no store";
    case STORE_FOREIGN:
        return "something else, no store";
    case STORE_NEWER:
        return "a store of a newer version";
    }
    return "nothing known";
}

bool image_mount(struct image *image)
{
    enum store_content content;
    int error = store_open(&image->config, &image->store);

    if (error == 0)
        return true;
    if ((error == -ENODATA || error == -EPROTONOSUPPORT) && store_probe(&image->config, &content) == 0)
        return image_fail("%s: the partition of %s holds %s", image->path, image->board.name,
                          image_content_text(content));
    return image_fail("%s: cannot open the store: %s", image->path, strerror(-error));
}

void image_settle(struct image *image)
{
    while (store_step(image->store) != STORE_IDLE)
        ;
}

bool image_close(struct image *image)
{
    if (image->store != NULL)
        store_close(image->store);
    image->store = NULL;
    int error = file_flash_close(&image->file);
    return error == 0 || image_fail("%s: %s", image->path, strerror(-error));
}

/* The next component of *path into `name`; 0 bytes: there is none. */
static int next_component(const char **path, char name[NODE_NAME_MAX + 1])
{
    const char *start = *path + strspn(*path, "/");
    size_t bytes = strcspn(start, "/");

    if (bytes > NODE_NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, start, bytes);
    name[bytes] = '\0';
    *path = start + bytes + strspn(start + bytes, "/");
    return (int)bytes;
}

int image_find(struct image *image, const char *path, struct node_info *info)
{
    char name[NODE_NAME_MAX + 1];
    uint32_t id = NODE_ROOT;
    int bytes;

    while ((bytes = next_component(&path, name)) > 0) {
        int error = node_find(image->store, id, name, &id);
        if (error != 0)
            return error;
    }
    return bytes < 0 ? bytes : node_get(image->store, id, info);
}

static int enter_directory(struct image *image, uint32_t *id, const char *name, bool make)
{
    struct node_info info;
    uint32_t parent = *id;
    int error = node_find(image->store, parent, name, id);

    if (error == -ENOENT && make)
        return IMAGE_RETRY(image, node_make(image->store, parent, name, S_IFDIR | 0755, id));
    if (error == 0)
        error = node_get(image->store, *id, &info);
    if (error == 0 && !S_ISDIR(info.mode))
        error = -ENOTDIR;
    return error;
}

int image_find_parent(struct image *image, const char *path, bool make, uint32_t *parent, const char **name)
{
    char component[NODE_NAME_MAX + 1];

    *parent = NODE_ROOT;
    for (;;) {
        *name = path + strspn(path, "/");
        int bytes = next_component(&path, component);
        if (bytes < 0)
            return bytes;
        if (*path == '\0')
            return bytes == 0 ? -EINVAL : 0;
        int error = enter_directory(image, parent, component, make);
        if (error != 0)
            return error;
    }
}
