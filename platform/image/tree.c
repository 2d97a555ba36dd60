#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "platform/image/commands.h"

static void enter(struct tree_walk *walk, uint32_t directory, uint32_t path_bytes)
{
    walk->level[walk->depth].directory = directory;
    walk->level[walk->depth].after = 0;
    walk->level[walk->depth].path_bytes = path_bytes;
    walk->depth++;
}

/* Deeper directories than the walk holds are listed, but not entered. */
bool tree_next(struct image *image, struct tree_walk *walk)
{
    if (!walk->started)
        enter(walk, NODE_ROOT, 0);
    else if (S_ISDIR(walk->info.mode) && walk->depth < IMAGE_DEPTH_MAX)
        enter(walk, walk->info.id, (uint32_t)strlen(walk->path));
    walk->started = true;

    while (walk->depth > 0) {
        uint32_t *after = &walk->level[walk->depth - 1].after;
        uint32_t start = walk->level[walk->depth - 1].path_bytes;
        if (node_next(image->store, walk->level[walk->depth - 1].directory, *after, &walk->info) == 0) {
            *after = walk->info.id;
            snprintf(walk->path + start, sizeof walk->path - start, "%s%s", start == 0 ? "" : "/", walk->info.name);
            return true;
        }
        walk->depth--;
    }
    return false;
}
