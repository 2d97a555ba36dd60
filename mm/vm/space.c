/* Spaces: making and ending. */
#include "mm/vm/object.h"
#include "mm/vm/space.h"

static void free_root(struct space *space)
{
    uint32_t root = entry_frame(space->tree.root);

    frame_at(root)->maps = 0;
    frame_free(root);
    promise_return(0, 1);
}

/* The root node: promised, cleared, with the kernel's half filled in. */
static int make_root(struct space *space)
{
    int error = promise_change(0, 1);
    uint32_t number;

    if (error)
        return error;
    error = frames_ensure(1);
    if (error) {
        promise_return(0, 1);
        return error;
    }
    space->tree.owner = handle_of(space);
    space->tree.levels = 3;
    space->tree.nodes = 1;
    number = frame_take_zeroed(FRAME_TABLE, space->tree.owner, 0);
    frame_at(number)->bits = 3;
    space->tree.root = entry_of_frame(number) | ENTRY_V;
    if (mm.share_kernel)
        mm.share_kernel(frame_view(number));
    return 0;
}

static int make(const char *name, struct space **out)
{
    struct space *space;
    int error = pool_ready(&mm.spaces, 1);

    if (error)
        return error;
    space = pool_get(&mm.spaces);
    error = make_root(space);
    if (error) {
        pool_put(&mm.spaces, space);
        return error;
    }
    for (size_t at = 0; name && name[at] && at + 1 < sizeof(space->name); at++)
        space->name[at] = name[at];
    space->references = 1;
    space->limit = USER_TOP_PAGE;
    *out = space;
    return 0;
}

struct space *space_create(const char *name)
{
    struct space *space;
    struct family *family;

    if (make(name, &space))
        return NULL;
    family = family_make();
    if (!family) {
        free_root(space);
        pool_put(&mm.spaces, space);
        return NULL;
    }
    family_join(family, space);
    return space;
}

int space_create_like(const struct space *parent, struct space **child)
{
    int error = make(parent->name, child);

    if (error)
        return error;
    (*child)->limit = parent->limit;
    (*child)->heap = (struct space_heap){ .start = parent->heap.start, .end = parent->heap.end };
    family_join(parent->family, *child);
    return 0;
}

struct space_heap *space_heap(struct space *space)
{
    return &space->heap;
}

void space_get(struct space *space)
{
    space->references++;
}

void space_put(struct space *space)
{
    ASSERT(space->references);
    if (--space->references)
        return;
    unmap_range(space, USER_BASE_PAGE, USER_TOP_PAGE);
    ASSERT(space->tree.nodes == 1 && !space->regions && !space->resident && !space->swapped && !space->extra);
    space_flush(space);
    if (mm.active == space)
        mm.active = NULL;
    family_leave(space);
    free_root(space);
    pool_put(&mm.spaces, space);
    pool_trim(&mm.regions);
}
