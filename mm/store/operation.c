/*
 * One flash operation at a time: begun here, and its end given to whom it concerns.
 */
#include <errno.h>
#include <string.h>

#include "mm/store/state.h"

/* A part that does not come back from what it did before has begun nothing: that says nothing about this block. */
static enum store_work begin(struct store *store, enum operation_kind kind, uint32_t block, uint32_t bytes)
{
    struct operation *operation = &store->operation;
    int error;

    operation->kind = kind;
    operation->block = block;
    operation->bytes = bytes;
    error = flash_start(store->flash, &operation->request);
    store->silent = operation->request.status == -ETIMEDOUT;
    if (error == -EBUSY || store->silent)
        operation->kind = OPERATION_NONE;
    else if (error)
        operation->request.status = error;
    return STORE_BUSY;
}

static uint32_t address_of(const struct store *store, uint32_t block, uint32_t offset)
{
    return store->config.base + block * store->block_bytes + offset;
}

enum store_work operation_program(struct store *store, enum operation_kind kind, uint32_t block, uint32_t offset,
                                  const void *from, uint32_t bytes)
{
    ASSERT(store->operation.kind == OPERATION_NONE && offset + bytes <= store->block_bytes);
    store->operation.request = (struct flash_request){
        .operation = FLASH_PROGRAM, .address = address_of(store, block, offset), .bytes = bytes, .from = from
    };
    return begin(store, kind, block, bytes);
}

bool operation_erase(struct store *store, uint32_t block)
{
    ASSERT(store->operation.kind == OPERATION_NONE);
    store->operation.request = (struct flash_request){ .operation = FLASH_ERASE,
                                                       .address = address_of(store, block, 0),
                                                       .bytes = store->block_bytes };
    (void)begin(store, OPERATION_ERASE, block, store->block_bytes);
    return store->operation.kind != OPERATION_NONE;
}

static void ended(struct store *store, struct operation operation)
{
    int status = operation.request.status;

    switch (operation.kind) {
    case OPERATION_ERASE:
        eraser_erased(store, status);
        break;
    case OPERATION_STAMP:
        eraser_stamped(store, status);
        break;
    case OPERATION_OPEN:
        stream_opened(store, operation.stream, operation.block, status);
        break;
    case OPERATION_DATA:
        stream_programmed(store, operation.stream, operation.bytes, status);
        break;
    default: /* OPERATION_SUMMARY */
        stream_summarised(store, operation.stream, operation.bytes, status);
        break;
    }
}

enum store_work operation_poll(struct store *store)
{
    struct operation operation;

    if (store->operation.kind == OPERATION_NONE)
        return STORE_IDLE;
    if (store->operation.request.status == FLASH_PENDING)
        flash_poll(store->flash);
    if (store->operation.request.status == FLASH_PENDING)
        return STORE_BUSY;
    operation = store->operation;
    store->operation.kind = OPERATION_NONE;
    ended(store, operation);
    return STORE_MORE;
}

/* -EAGAIN: the part is at something that a read may not overtake. */
int read_block(struct store *store, uint32_t block, uint32_t offset, void *into, uint32_t bytes)
{
    int error = flash_read(store->flash, address_of(store, block, offset), into, bytes);

    if (error == -EBUSY)
        return -EAGAIN;
    return error ? -EIO : 0;
}
