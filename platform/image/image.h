/*
 * A flash image: a board's part in a file, and the store in the part's partition. What the commands of `vellum-image`
 * work on.
 *
 * Every function here that can fail prints why and answers false: the host's errno alone tells a user nothing.
 */
#ifndef PLATFORM_IMAGE_IMAGE_H
#define PLATFORM_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "mm/store.h"
#include "platform/image/file_flash.h"

/* The same facts as the board tables of platform/partition.c and of the flash drivers; or what the user says. */
struct image_board {
    const char *name;
    struct flash_geometry geometry; /* size_bytes 0: the file's */
    uint32_t start, bytes;          /* the partition; 0 bytes: to the part's end */
};

const struct image_board *image_board_named(const char *name); /* NULL: there is none */
const struct image_board *image_board_at(unsigned index);      /* NULL: past the last one */

struct image {
    const char *path;
    struct image_board board;
    struct file_flash file;
    struct store_config config;
    struct store *store; /* NULL until it is mounted */
};

enum image_access { IMAGE_READ, IMAGE_WRITE };

/* Where a store is, by the first stamp that is found. Its end is a guess: enough to read it, not to write. */
bool image_find_shape(const struct file_flash *file, struct image_board *shape) MUST_CHECK;

/*
 * Opens the file. `board` NULL: the board whose partition holds a store; for reading, wherever one is found; none: the
 * first board.
 */
bool image_open(struct image *image, const char *path, const struct image_board *board, enum image_access access);

/* A new file, erased; and the same for a partition that exists. Each block has its erase stamp afterwards. */
bool image_create(struct image *image, const char *path, const struct image_board *board);
bool image_format(struct image *image);

bool image_mount(struct image *image);

/* Unmounts and writes back. */
bool image_close(struct image *image);

/* What the partition holds, in words for a user. */
const char *image_content_text(enum store_content content);

/* Runs the store's own work until it needs none. */
void image_settle(struct image *image);

/* `path` is a/b/c under the root; a leading / is allowed. 0, or the store's error; nothing is printed. */
int image_find(struct image *image, const char *path, struct node_info *info) MUST_CHECK;

/* The same for the last component's directory; makes the directories that are missing when `make` is set. */
int image_find_parent(struct image *image, const char *path, bool make, uint32_t *parent, const char **name) MUST_CHECK;

/* Prints "vellum-image: ..." on standard error; always false. */
bool image_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Tries the expression until the store no longer asks to come again, letting it work in between. Nothing here takes
 * time, so this ends.
 */
#define IMAGE_RETRY(image, expression)              \
    ({                                              \
        int result_;                                \
        while ((result_ = (expression)) == -EAGAIN) \
            (void)store_step((image)->store);       \
        result_;                                    \
    })

#endif
