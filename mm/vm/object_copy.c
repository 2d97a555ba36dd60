/*
 * Reading and writing objects. The page of the memory is reached first, then the object's page is brought in from frames
 * that were made sure of before both, so neither leaves while the other is looked for.
 */
#include <string.h>

#include "mm/vm/object.h"
#include "mm/vm/space.h"

struct transfer {
    struct object *object;
    struct space *space; /* NULL: the firmware's own memory */
    uint64_t offset;
    va_t memory;
    uint64_t bytes; /* still to go */
};

static uint64_t in_page(uint64_t at)
{
    return at & (PAGE_BYTES - 1);
}

/* As much as lies in one page on both sides. */
static uint64_t part_of(const struct transfer *transfer)
{
    uint64_t part = PAGE_BYTES - in_page(transfer->offset);

    if (transfer->space && part > PAGE_BYTES - in_page(transfer->memory))
        part = PAGE_BYTES - in_page(transfer->memory);
    return part < transfer->bytes ? part : transfer->bytes;
}

static void advance(struct transfer *transfer, uint64_t part)
{
    transfer->offset += part;
    transfer->memory += part;
    transfer->bytes -= part;
}

/* What a fault of the memory's side leaves of these and the reserve is enough for a page of the object and its nodes. */
static int reach_memory(const struct transfer *transfer, enum access access, uint8_t **memory)
{
    int error = frames_ensure(COPY_FRAMES);

    if (error)
        return error;
    if (transfer->space)
        return space_reach(transfer->space, transfer->memory, access, memory);
    *memory = (uint8_t *)(uintptr_t)transfer->memory;
    return 0;
}

static int read_part(const struct transfer *transfer, uint64_t part)
{
    enum fault_kind kind;
    uint32_t number;
    uint8_t *memory;
    int error = reach_memory(transfer, ACCESS_STORE, &memory);

    if (!error)
        error = object_frame(transfer->object, (uint32_t)(transfer->offset >> PAGE_SHIFT), OBJECT_LOAD, &number, &kind);
    if (error)
        return error;
    memcpy(memory, (uint8_t *)frame_view(number) + in_page(transfer->offset), part);
    return 0;
}

int64_t object_read(struct object *object, uint64_t offset, struct space *space, va_t memory, uint64_t bytes)
{
    struct transfer transfer = { .object = object, .space = space, .offset = offset, .memory = memory, .bytes = bytes };
    int error = 0;

    if (offset >= object->bytes)
        return 0;
    if (transfer.bytes > object->bytes - offset)
        bytes = transfer.bytes = object->bytes - offset;
    while (transfer.bytes && !error) {
        uint64_t part = part_of(&transfer);

        error = read_part(&transfer, part);
        if (!error)
            advance(&transfer, part);
    }
    return transfer.bytes == bytes ? error : (int64_t)(bytes - transfer.bytes);
}

/*
 * A page of a file that becomes dirty is promised for. Where that is refused, what is dirty already is made durable, and
 * asks for nothing any more.
 */
static int promise_page(struct object *object, uint32_t index)
{
    const entry_t *entry = tree_find(&object->tree, index);
    int error;

    if (entry && object_page_unsynced(*entry))
        return 0;
    error = object_promise(object, object->bytes, object->writers, object->unsynced + 1);
    if (error != -ENOMEM || !object->node || !object->unsynced)
        return error;
    error = object_sync(object);
    return error ? error : object_promise(object, object->bytes, object->writers, object->unsynced + 1);
}

static int write_part(const struct transfer *transfer, uint64_t part)
{
    struct object *object = transfer->object;
    uint32_t index = (uint32_t)(transfer->offset >> PAGE_SHIFT), number;
    enum fault_kind kind;
    uint8_t *memory;
    int error = promise_page(object, index);

    if (!error)
        error = reach_memory(transfer, ACCESS_LOAD, &memory);
    if (!error)
        error = object_frame(object, index, part == PAGE_BYTES ? OBJECT_OVERWRITE : OBJECT_LOAD, &number, &kind);
    if (error)
        return error;
    object_dirty(object, number);
    memcpy((uint8_t *)frame_view(number) + in_page(transfer->offset), memory, part);
    if (frame_at(number)->maps)
        cpu_icache_sync();
    return 0;
}

/* The size grows with each part, so that nothing that could not be written is ever read. */
static int write_and_grow(const struct transfer *transfer, uint64_t part)
{
    struct object *object = transfer->object;
    uint64_t before = object->bytes, end = transfer->offset + part;
    int error = end > before ? object_resize(object, end) : 0;

    if (error)
        return error;
    error = write_part(transfer, part);
    if (error && end > before)
        object_ungrow(object, before);
    return error;
}

int64_t object_write(struct object *object, uint64_t offset, struct space *space, va_t memory, uint64_t bytes)
{
    struct transfer transfer = { .object = object, .space = space, .offset = offset, .memory = memory, .bytes = bytes };
    int error = 0;

    if (offset + bytes < offset)
        return -EINVAL;
    while (transfer.bytes && !error) {
        uint64_t part = part_of(&transfer);

        error = write_and_grow(&transfer, part);
        if (!error)
            advance(&transfer, part);
    }
    return transfer.bytes == bytes ? error : (int64_t)(bytes - transfer.bytes);
}
