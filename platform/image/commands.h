/*
 * What `vellum-image IMAGE COMMAND` does, one function a command. Each gets the image opened (and mounted, if its table
 * entry says so) and its own arguments, prints what is wrong itself, and answers whether all went well.
 */
#ifndef PLATFORM_IMAGE_COMMANDS_H
#define PLATFORM_IMAGE_COMMANDS_H

#include <stdbool.h>

#include "platform/image/image.h"

/* files.c */
bool command_put(struct image *image, int count, char **arguments);
bool command_get(struct image *image, int count, char **arguments);
bool command_ls(struct image *image, int count, char **arguments);
bool command_rm(struct image *image, int count, char **arguments);

/* seed.c */
bool command_seed(struct image *image, int count, char **arguments);

/* report.c */
bool command_check(struct image *image, int count, char **arguments);
bool command_wear(struct image *image, int count, char **arguments);
bool command_dump(struct image *image, int count, char **arguments);

/* explain.c */
/* Prints what is unusual in the mounted store. How many pages of the table of files cannot be read. */
uint32_t image_explain(const struct image *image);
/* Whether a stamp tells the block's erases; else the store's count is an estimate. */
bool image_erases_known(const struct image *image, uint32_t block);

/*
 * Walks all nodes below the root, parents first. Starts with *walk zeroed; false at the end. `path` is the node's own,
 * without a leading /.
 */
#define IMAGE_DEPTH_MAX 16u
#define IMAGE_PATH_MAX  (IMAGE_DEPTH_MAX * (NODE_NAME_MAX + 1u))

struct tree_walk {
    struct {
        uint32_t directory, after, path_bytes;
    } level[IMAGE_DEPTH_MAX];
    unsigned depth;
    bool started;
    char path[IMAGE_PATH_MAX + 1];
    struct node_info info;
};

bool tree_next(struct image *image, struct tree_walk *walk);

#endif
