/*
 * Operations on objects: anonymous ones and files, read, written, resized and synced beside the mappings of them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/host/vm_operations.h"
#include "tests/host/vm_rig.h"

#define FILES_MAX    3u
#define TRANSFER_MAX (3u * PAGE_BYTES)

static unsigned number_of(const struct model_object *object)
{
    return (unsigned)(object - model_objects());
}

/* An object with a handle; of files only, if asked for. */
static struct model_object *draw_with_handle(bool files)
{
    struct model_object *all = model_objects(), *there[MODEL_OBJECTS];
    uint32_t count = 0;

    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (all[i].handle && (!files || all[i].node))
            there[count++] = &all[i];
    return count ? there[rig_below(count)] : NULL;
}

struct model_object *draw_object(void)
{
    return draw_with_handle(false);
}

static bool refused(int64_t answer)
{
    rig_result(answer);
    if (answer < 0 && answer != -ENOMEM && answer != -ENOSPC)
        rig_fail("an object operation answers %lld", (long long)answer);
    return answer < 0;
}

/* ---- Life ---- */

static bool make_run(void)
{
    uint64_t bytes = rig_below(MODEL_OBJECT_BYTES / 2);
    struct object *real;
    unsigned used = 0;

    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        used += model_objects()[i].used;
    if (used + FILES_MAX >= MODEL_OBJECTS)
        return false;
    rig_operation("object_make 0x%llx", (unsigned long long)bytes);
    if (refused(RIG_WAIT(object_make(bytes, &real))))
        return false;
    return model_object_new(real, 0, bytes) != NULL;
}

/* Bytes that are drawn by a fuzzer come twice. */
static bool name_is_taken(const char *name)
{
    uint32_t node;
    int answer = RIG_WAIT(node_make(mm_store(), NODE_ROOT, name, S_IFREG | 0644, &node));

    rig_result(answer);
    if (answer != -EEXIST)
        rig_fail("node_make of a name that is taken answers %d", answer);
    return false;
}

static bool file_make(void)
{
    struct object *real;
    unsigned files = 0;
    uint32_t node;
    char name[16];

    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        files += model_objects()[i].used && model_objects()[i].node;
    if (files >= FILES_MAX)
        return false;
    (void)snprintf(name, sizeof(name), "file%u", rig_below(1u << 30));
    rig_operation("node_make %s, object_of_node", name);
    if (RIG_WAIT(node_find(mm_store(), NODE_ROOT, name, &node)) == 0)
        return name_is_taken(name);
    if (refused(RIG_WAIT(node_make(mm_store(), NODE_ROOT, name, S_IFREG | 0644, &node))) ||
        refused(RIG_WAIT(object_of_node(node, &real))))
        return false;
    return model_object_new(real, node, 0) != NULL;
}

/* Opens a file again that has no handle: the same object if something still maps it, else what it held before. */
static bool file_open(void)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++) {
        struct model_object *object = &model_objects()[i];
        struct object *real;

        if (!object->node || object->handle)
            continue;
        rig_operation("object_of_node %u", object->node);
        if (refused(RIG_WAIT(object_of_node(object->node, &real))))
            return false;
        if (object->real && object->real != real)
            rig_fail("a second object for node %u", object->node);
        object->real = real;
        object->handle = true;
        return true;
    }
    return false;
}

static bool file_run(void)
{
    struct store_statistics statistics;

    store_statistics(mm_store(), &statistics);
    if (statistics.blocks == 0)
        return false;
    return rig_chance(50) ? file_open() : file_make();
}

static bool put_run(void)
{
    struct model_object *object = draw_object();

    if (!object)
        return false;
    rig_operation("object_put %u", number_of(object));
    object->handle = false;
    object_put(object->real);
    model_objects_collect();
    return true;
}

/* ---- Size and durability ---- */

static bool resize_run(void)
{
    struct model_object *object = draw_object();
    uint64_t bytes = rig_chance(20) ? 0 : rig_below(MODEL_OBJECT_BYTES);

    if (!object)
        return false;
    if (rig_chance(30))
        bytes &= ~(uint64_t)(PAGE_BYTES - 1);
    rig_operation("object_resize %u, 0x%llx to 0x%llx", number_of(object), (unsigned long long)object->bytes,
                  (unsigned long long)bytes);
    if (refused(RIG_WAIT(object_resize(object->real, bytes))))
        return false;
    model_object_resize(object, bytes);
    if (object_bytes(object->real) != bytes)
        rig_fail("object_bytes after object_resize");
    return true;
}

static void synced(struct model_object *object)
{
    memcpy(object->synced, object->data, MODEL_OBJECT_BYTES);
    object->synced_bytes = object->bytes;
}

void files_synced(void)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (model_objects()[i].node)
            synced(&model_objects()[i]);
}

static bool sync_run(void)
{
    struct model_object *object = draw_with_handle(true);

    if (!object)
        return false;
    rig_operation("object_sync %u", number_of(object));
    if (refused(RIG_WAIT(object_sync(object->real))))
        return false;
    synced(object);
    return true;
}

/* msync of a range; each file that is mapped shared in it is durable afterwards. */
static bool space_sync_run(void)
{
    struct model_space *space = draw_space();
    uint64_t number, pages, mapped;
    int answer;

    if (!space)
        return false;
    draw_range(space, 85, 8, &number, &pages);
    if (number + pages > USER_TOP >> PAGE_SHIFT)
        return false;
    rig_operation("%s: sync 0x%llx, 0x%llx", space->name, (unsigned long long)number << PAGE_SHIFT,
                  (unsigned long long)pages << PAGE_SHIFT);
    answer = RIG_WAIT(space_sync(space->real, number << PAGE_SHIFT, pages << PAGE_SHIFT));
    rig_result(answer);
    mapped = model_mapped(space, number, pages);
    if (answer != 0 && answer != -ENOSPC && !(mapped < pages && (answer == -ENOMEM || answer == -EFAULT)))
        rig_fail("%s: space_sync answers %d", space->name, answer);
    if (answer != 0)
        return false;
    for (uint64_t i = 0; i < pages; i++) {
        const struct model_page *page = model_page(space, number + i);

        if (page && page->object && page->object->node && (page->flags & REGION_SHARED))
            synced(page->object);
    }
    return true;
}

static void check_file(struct store *store, const struct model_object *object)
{
    uint8_t page[PAGE_BYTES];
    struct node_info info;
    int error;

    rig_operation("check file %u on flash", number_of(object));
    if (node_get(store, object->node, &info) != 0 || info.bytes != object->synced_bytes)
        rig_fail("file %u was synced with %llu bytes and is not as long on flash", number_of(object),
                 (unsigned long long)object->synced_bytes);
    for (uint32_t index = 0; (uint64_t)index * PAGE_BYTES < object->synced_bytes; index++) {
        while ((error = node_read_page(store, object->node, index, page)) == -EAGAIN)
            (void)store_step(store);
        if (error || memcmp(page, object->synced + (size_t)index * PAGE_BYTES, PAGE_BYTES) != 0)
            rig_fail("file %u: page %u on flash is not as it was synced, error %d", number_of(object), index, error);
    }
}

void check_files(struct store *store)
{
    for (unsigned i = 0; i < MODEL_OBJECTS; i++)
        if (model_objects()[i].node && model_objects()[i].synced_bytes)
            check_file(store, &model_objects()[i]);
}

/* ---- Transfers ---- */

/* A transfer's memory in a space: mapped so far as the model can judge, and not of the same object. */
static bool memory_draw(const struct model_object *object, struct model_space **space, va_t *va, uint32_t bytes)
{
    uint64_t number, pages;

    *space = rig_chance(50) ? draw_space() : NULL;
    if (!*space)
        return true;
    draw_range(*space, 85, 1, &number, &pages);
    *va = (number << PAGE_SHIFT) + rig_below(PAGE_BYTES);
    for (uint64_t n = *va >> PAGE_SHIFT; n <= (*va + bytes) >> PAGE_SHIFT; n++) {
        const struct model_page *page = model_page(*space, n);

        if (page ? page->object || page->doubtful || (page->flags & REGION_NORESERVE) : model_grows(*space, n))
            return false;
    }
    return object->bytes <= MODEL_OBJECT_BYTES;
}

/* How many bytes of the space's memory can be used before the first page that refuses; *error says why it does. */
static uint32_t usable_bytes(struct model_space *space, va_t va, uint32_t bytes, enum access access, int *error)
{
    *error = 0;
    for (uint32_t done = 0; done < bytes; done += PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES)) {
        *error = model_access(space, (va + done) >> PAGE_SHIFT, access);
        if (*error)
            return done;
    }
    return bytes;
}

static void memory_bytes(struct model_space *space, va_t va, uint8_t *to, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        to[i] = model_bytes(model_page(space, (va + i) >> PAGE_SHIFT))[(va + i) % PAGE_BYTES];
}

/* Makes the transfer in as many calls as the partial answers need. Returns the bytes, *error the last answer below 0. */
static uint32_t transfer(struct model_object *object, uint64_t offset, struct space *space, va_t memory, uint32_t bytes,
                         bool write, int *error)
{
    uint32_t done = 0;

    *error = 0;
    while (done < bytes) {
        int64_t answer = RIG_WAIT(write ? object_write(object->real, offset + done, space, memory + done, bytes - done)
                                        : object_read(object->real, offset + done, space, memory + done, bytes - done));

        if (answer > (int64_t)(bytes - done))
            rig_fail("a transfer of %u bytes answers %lld", bytes - done, (long long)answer);
        if (answer < 0)
            *error = (int)answer;
        if (answer <= 0)
            break;
        done += (uint32_t)answer;
    }
    rig_result(*error ? *error : (int64_t)done);
    return done;
}

static void transfer_error_check(const char *name, uint32_t done, uint32_t expected, int error, int space_error,
                                 bool may_refuse)
{
    if (may_refuse && (error == -ENOMEM || error == -ENOSPC))
        return;
    if (done != expected || (error != 0 && error != space_error && !(space_error == -ENXIO && error == -EFAULT)))
        rig_fail("%s: %u bytes of %u, error %d, expected %d", name, done, expected, error, space_error);
}

static bool write_run(void)
{
    struct model_object *object = draw_object();
    uint32_t bytes = 1 + rig_below(rig_chance(50) ? 200 : TRANSFER_MAX), expected, done;
    uint64_t offset = rig_below(MODEL_OBJECT_BYTES - TRANSFER_MAX);
    struct model_space *space;
    uint8_t data[TRANSFER_MAX];
    va_t va = (va_t)(uintptr_t)data;
    int error, space_error = 0;

    if (!object || !memory_draw(object, &space, &va, bytes))
        return false;
    rig_operation("object_write %u, 0x%llx, %s 0x%llx, %u", number_of(object), (unsigned long long)offset,
                  space ? space->name : "kernel", space ? (unsigned long long)va : 0, bytes);
    draw_bytes(data, bytes);
    expected = space ? usable_bytes(space, va, bytes, ACCESS_LOAD, &space_error) : bytes;
    if (space)
        memory_bytes(space, va, data, expected);
    done = transfer(object, offset, space ? space->real : NULL, va, bytes, true, &error);
    transfer_error_check("object_write", done, expected, error, space_error, true);
    if (done && offset + done > object->bytes)
        model_object_resize(object, offset + done);
    memcpy(object->data + offset, data, done);
    if (object_bytes(object->real) != object->bytes)
        rig_fail("object_bytes is 0x%llx after object_write, expected 0x%llx",
                 (unsigned long long)object_bytes(object->real), (unsigned long long)object->bytes);
    return done > 0;
}

static void received(struct model_space *space, va_t va, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t done = 0, part; done < bytes; done += part) {
        uint32_t room = PAGE_BYTES - (uint32_t)((va + done) % PAGE_BYTES);

        part = bytes - done < room ? bytes - done : room;
        (void)model_stored(model_page(space, (va + done) >> PAGE_SHIFT), (uint32_t)((va + done) % PAGE_BYTES),
                           data + done, part, NULL, false);
    }
}

static bool read_run(void)
{
    struct model_object *object = draw_object();
    uint32_t bytes = 1 + rig_below(rig_chance(50) ? 200 : TRANSFER_MAX), there, expected, done;
    uint64_t offset = rig_below(MODEL_OBJECT_BYTES - TRANSFER_MAX);
    struct model_space *space;
    uint8_t data[TRANSFER_MAX];
    va_t va = (va_t)(uintptr_t)data;
    int error, space_error = 0;

    if (!object || !memory_draw(object, &space, &va, bytes))
        return false;
    rig_operation("object_read %u, 0x%llx, %s 0x%llx, %u", number_of(object), (unsigned long long)offset,
                  space ? space->name : "kernel", space ? (unsigned long long)va : 0, bytes);
    there = offset >= object->bytes ? 0 : object->bytes - offset < bytes ? (uint32_t)(object->bytes - offset) : bytes;
    expected = space ? usable_bytes(space, va, there, ACCESS_STORE, &space_error) : there;
    done = transfer(object, offset, space ? space->real : NULL, va, bytes, false, &error);
    transfer_error_check("object_read", done, expected, error, space_error, false);
    if (space)
        received(space, va, object->data + offset, done);
    else if (memcmp(data, object->data + offset, done) != 0)
        rig_fail("object_read %u sees other bytes than were written", number_of(object));
    return done > 0;
}

const struct vm_operation vm_objects[] = {
    { "object_make", 2, make_run },     { "file", 3, file_run },        { "object_put", 1, put_run },
    { "object_resize", 3, resize_run }, { "object_sync", 2, sync_run }, { "space_sync", 2, space_sync_run },
    { "object_write", 6, write_run },   { "object_read", 4, read_run }, { 0 },
};
