#include "tests/host/store_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY_MODE 040755u
#define FILE_MODE      0100644u

static void differs(struct model *model, const char *what, int error)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "store model: seed %llu: %s: %d\n", (unsigned long long)model->bed->config.seed, what, error);
    abort();
}

static void must(struct model *model, int error, const char *what)
{
    if (model->escape && (error == -EIO || error == -ENOSPC || error == -ENOMEM))
        longjmp(*model->escape, 1);
    if (error < 0)
        differs(model, what, error);
}

void model_start(struct model *model, struct bed *bed, const struct model_mix *mix)
{
    *model = (struct model){ .bed = bed, .mix = *mix };
}

static uint32_t below(struct model *model, uint32_t limit)
{
    return bed_below(model->bed, limit);
}

/* ---- Slots ---- */

static store_key_t key_of(struct model *model, uint32_t index)
{
    if (index && !model->keys[index])
        model->keys[index] = store_key_open(model->bed->store);
    return model->keys[index];
}

static void slot_check(struct model *model, const struct model_slot *slot)
{
    uint64_t page[BED_PAGE / 8];
    int source = bed_load(model->bed, slot->slot, key_of(model, slot->key), page);

    must(model, source, "slot_load");
    if (!page_is(slot->name, page))
        differs(model, "a slot's contents", (int)slot->slot);
    if (slot_references(model->bed->store, slot->slot) != slot->references)
        differs(model, "a slot's references", (int)slot->slot);
}

static void slot_fill(struct model *model, struct model_slot *slot)
{
    uint64_t name = below(model, 12) ? ++model->names : 0;
    int error;

    if (slot->slot && slot->references != 1)
        return;
    if (!slot->slot)
        *slot = (struct model_slot){ .references = 1, .key = below(model, MODEL_KEYS) };
    error = bed_save(model->bed, &slot->slot, key_of(model, slot->key), name);
    if (error == -EDEADLK || error == -ENOSPC || error == -ENOMEM) {
        model->refused++;
        if (error == -EDEADLK && !slot->slot)
            return;
    } else {
        must(model, error, "slot_save");
        slot->name = name;
    }
}

static void slot_drop(struct model *model, struct model_slot *slot)
{
    slot_put(model->bed->store, slot->slot);
    if (!--slot->references)
        slot->slot = 0;
}

static void slots_operate(struct model *model)
{
    struct model_slot *slot = &model->slots[below(model, model->mix.slots_most)];
    uint32_t choice = below(model, 10);

    if (!slot->slot || choice < 4) {
        slot_fill(model, slot);
    } else if (choice < 7) {
        slot_check(model, slot);
    } else if (choice == 7 && slot->references < 4) {
        slot_share(model->bed->store, slot->slot);
        slot->references++;
    } else {
        slot_drop(model, slot);
    }
}

/* ---- Tree ---- */

static uint32_t id_of(const struct model_tree *tree, uint32_t index)
{
    return index ? tree->files[index - 1].id : NODE_ROOT;
}

static struct model_file *some(struct model *model, bool used)
{
    for (uint32_t i = 0; i < 8; i++) {
        struct model_file *file = &model->now.files[below(model, model->mix.files_most)];

        if (file->used == used)
            return file;
    }
    return NULL;
}

static uint32_t some_directory(struct model *model)
{
    const struct model_file *file = some(model, true);

    return file && file->directory ? (uint32_t)(file - model->now.files) + 1 : 0;
}

static void make_one(struct model *model)
{
    struct model_file *file = some(model, false);
    struct model_file made = { .used = true, .parent = some_directory(model) };
    int error;

    if (!file)
        return;
    made.directory = !below(model, 5);
    (void)snprintf(made.name, sizeof made.name, "n%llu", (unsigned long long)++model->names);
    error = bed_make(model->bed, id_of(&model->now, made.parent), made.name,
                     made.directory ? DIRECTORY_MODE : FILE_MODE, &made.id);
    must(model, error, "node_make");
    *file = made;
}

static bool has_children(const struct model *model, const struct model_file *directory)
{
    for (uint32_t i = 0; i < MODEL_FILES; i++)
        if (model->now.files[i].used && model->now.files[i].parent == (uint32_t)(directory - model->now.files) + 1)
            return true;
    return false;
}

static void ghost_make(struct model *model, const struct model_file *file)
{
    struct model_file *ghost = &model->ghosts[below(model, MODEL_GHOSTS)];

    if (ghost->used || file->directory)
        return;
    node_open(model->bed->store, file->id);
    *ghost = *file;
}

static void remove_one(struct model *model)
{
    struct model_file *file = some(model, true);
    int error;

    if (!file)
        return;
    if (has_children(model, file)) {
        if (bed_remove(model->bed, file->id) != -ENOTEMPTY)
            differs(model, "node_remove of a directory with entries", 0);
        return;
    }
    if (!below(model, 3))
        ghost_make(model, file);
    error = bed_remove(model->bed, file->id);
    must(model, error, "node_remove");
    file->used = false;
}

static void rename_one(struct model *model)
{
    struct model_file *file = some(model, true);
    uint32_t parent = some_directory(model);
    char name[24];
    int error;

    if (!file)
        return;
    (void)snprintf(name, sizeof name, "r%llu", (unsigned long long)++model->names);
    error = bed_rename(model->bed, file->id, id_of(&model->now, parent), name);
    if (error == -EINVAL && file->directory)
        return;
    must(model, error, "node_rename");
    file->parent = parent;
    memcpy(file->name, name, sizeof name);
}

static void resize_one(struct model *model)
{
    struct model_file *file = some(model, true);
    uint64_t bytes;
    uint32_t pages;
    int error;

    if (!file || file->directory)
        return;
    pages = below(model, 4) ? below(model, model->mix.file_pages_most + 1) : 0;
    bytes = pages && below(model, 2) ? (uint64_t)pages * BED_PAGE - below(model, BED_PAGE) : (uint64_t)pages * BED_PAGE;
    error = bed_resize(model->bed, file->id, bytes, (int64_t)++model->names);
    must(model, error, "node_resize");
    for (uint32_t i = pages; i < MODEL_PAGES && bytes < file->bytes; i++)
        file->pages[i] = 0;
    if (!bytes)
        memset(file->pages, 0, sizeof file->pages);
    file->bytes = bytes;
    file->modified_s = (int64_t)model->names;
}

static void ghost_operate(struct model *model)
{
    struct model_file *ghost = &model->ghosts[below(model, MODEL_GHOSTS)];
    uint64_t page[BED_PAGE / 8];
    uint32_t index = below(model, model->mix.file_pages_most);

    if (!ghost->used)
        return;
    must(model, bed_read(model->bed, ghost->id, index, page), "reading a removed file");
    if (!page_is(ghost->pages[index], page))
        differs(model, "a removed file's contents", (int)ghost->id);
    if (below(model, 3))
        return;
    node_close(model->bed->store, ghost->id);
    ghost->used = false;
}

static void read_one(struct model *model)
{
    const struct model_file *file = some(model, true);
    uint64_t page[BED_PAGE / 8];
    uint32_t index = below(model, model->mix.file_pages_most);

    if (!file || file->directory)
        return;
    must(model, bed_read(model->bed, file->id, index, page), "node_read_page");
    if (!page_is(file->pages[index], page) && !(model->escape && model->writing))
        differs(model, "a file's contents", (int)file->id);
}

static void tree_operate(struct model *model)
{
    switch (below(model, 8)) {
    case 0:
    case 1:
        make_one(model);
        break;
    case 2:
        remove_one(model);
        break;
    case 3:
        rename_one(model);
        break;
    case 4:
        resize_one(model);
        break;
    case 5:
        ghost_operate(model);
        break;
    default:
        read_one(model);
        break;
    }
}

/* ---- Transactions ---- */

static void write_one(struct model *model)
{
    struct model_file *file = some(model, true);
    uint32_t index = below(model, model->mix.file_pages_most);
    uint64_t name = below(model, 10) ? ++model->names : 0;

    if (!file || file->directory)
        return;
    must(model, bed_write(model->bed, file->id, index, name), "node_write_page");
    file->pages[index] = name;
    if (file->bytes >= (uint64_t)(index + 1) * BED_PAGE)
        return;
    must(model, bed_resize(model->bed, file->id, (uint64_t)(index + 1) * BED_PAGE, file->modified_s), "node_resize");
    file->bytes = (uint64_t)(index + 1) * BED_PAGE;
}

/* From the first call on, a cut may leave the new state. */
bool model_commit(struct model *model)
{
    int error;

    model->wanted = model->now;
    model->committing = true;
    error = bed_commit(model->bed);
    if (error == -ENOSPC) {
        model->refused++;
        model->committing = false;
        return false;
    }
    must(model, error, "store_commit");
    model->committed = model->now;
    model->committing = false;
    model->committed_count++;
    return true;
}

static void transaction_operate(struct model *model)
{
    uint32_t pages = 1 + below(model, model->mix.pages_most);
    int error = bed_begin(model->bed, pages);

    if (error == -ENOSPC) {
        model->refused++;
        return;
    }
    must(model, error, "store_begin");
    model->writing = true;
    for (uint32_t i = 0; i < pages; i++) {
        if (!below(model, 8))
            tree_operate(model);
        if (model->mix.slots && !below(model, 4))
            slots_operate(model);
        write_one(model);
    }
    (void)model_commit(model);
    model->writing = false;
}

/* ---- All ---- */

void model_operate(struct model *model)
{
    uint32_t choice = below(model, 1000);

    if (choice < model->mix.slots) {
        slots_operate(model);
    } else if (choice < model->mix.slots + model->mix.tree) {
        tree_operate(model);
    } else if (choice < model->mix.slots + model->mix.tree + model->mix.transactions) {
        transaction_operate(model);
    } else {
        (void)store_step(model->bed->store);
        if (model->bed->stepped)
            model->bed->stepped(model->bed);
    }
}

void model_reboot(struct model *model)
{
    memset(model->slots, 0, sizeof model->slots);
    memset(model->keys, 0, sizeof model->keys);
    memset(model->ghosts, 0, sizeof model->ghosts);
    for (uint32_t i = 0; i < MODEL_FILES; i++)
        model->committed.files[i].id = NODE_NUMBER(model->committed.files[i].id);
    model->committing = false;
}

static uint32_t tree_count(const struct model_tree *tree)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < MODEL_FILES; i++)
        count += tree->files[i].used;
    return count;
}

static uint32_t store_count(struct bed *bed, uint32_t parent)
{
    struct node_info info = { 0 };
    uint32_t count = 0;

    while (!node_next(bed->store, parent, info.id, &info)) {
        count++;
        if ((info.mode & 0170000u) == 0040000u)
            count += store_count(bed, info.id);
    }
    return count;
}

/* Ids are looked up by name, for they are the store's own. */
static bool find(struct bed *bed, const struct model_tree *tree, uint32_t index, uint32_t *id)
{
    const struct model_file *file = &tree->files[index];
    uint32_t parent = NODE_ROOT;

    if (file->parent && !find(bed, tree, file->parent - 1, &parent))
        return false;
    return !node_find(bed->store, parent, file->name, id);
}

static const char *file_compare(struct bed *bed, const struct model_tree *tree, uint32_t index, uint32_t *lost)
{
    const struct model_file *file = &tree->files[index];
    struct node_info info;
    uint32_t id;

    if (!find(bed, tree, index, &id) || node_get(bed->store, id, &info))
        return "a file is missing";
    if (info.bytes != file->bytes || info.modified_s != file->modified_s)
        return "a file's size or time";
    for (uint32_t i = 0; i < MODEL_PAGES && !file->directory; i++) {
        uint64_t page[BED_PAGE / 8];
        int error = bed_read(bed, id, i, page);

        if (error && (error != -EIO || !lost))
            return "a file's page cannot be read";
        if (error)
            ++*lost;
        else if (!page_is(file->pages[i], page))
            return "a file's page is not what was written";
    }
    return NULL;
}

const char *model_compare(struct bed *bed, const struct model_tree *tree)
{
    return model_compare_lossy(bed, tree, NULL);
}

const char *model_compare_lossy(struct bed *bed, const struct model_tree *tree, uint32_t *lost)
{
    const char *what = NULL;

    for (uint32_t i = 0; i < MODEL_FILES && !what; i++)
        if (tree->files[i].used)
            what = file_compare(bed, tree, i, lost);
    if (!what && tree_count(tree) != store_count(bed, NODE_ROOT))
        what = "there are more files";
    return what;
}

void model_verify(struct model *model)
{
    const char *what = model_compare(model->bed, &model->now);

    if (what)
        differs(model, what, 0);
    for (uint32_t i = 0; i < MODEL_SLOTS; i++)
        if (model->slots[i].slot)
            slot_check(model, &model->slots[i]);
    (void)bed_settle(model->bed, 100000);
    if (store_verify(model->bed->store))
        differs(model, "store_verify", 0);
}
