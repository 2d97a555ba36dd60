/*
 * What the store should hold, in plain memory; and random sequences of every call, checked against it.
 *
 * Three trees: as it is now, as it was at the last commit that answered 0, and, while a commit is under way, as it
 * would be after it. After a cut the store must hold one of the last two, whole.
 */
#ifndef TESTS_HOST_STORE_MODEL_H
#define TESTS_HOST_STORE_MODEL_H

#include <setjmp.h>

#include "tests/host/store_rig.h"

#define MODEL_FILES  24u
#define MODEL_PAGES  40u
#define MODEL_SLOTS  256u
#define MODEL_KEYS   4u
#define MODEL_GHOSTS 4u

struct model_file {
    bool used, directory;
    char name[24];
    uint32_t parent; /* index + 1; 0: the root */
    uint32_t id;     /* in the store */
    uint64_t bytes;
    int64_t modified_s;
    uint64_t pages[MODEL_PAGES]; /* names; 0: zeros */
};

struct model_tree {
    struct model_file files[MODEL_FILES];
};

struct model_slot {
    slot_t slot; /* 0: free */
    uint32_t references;
    uint32_t key; /* index */
    uint64_t name;
};

/* How likely each kind of operation is, in 1/1000; the rest are steps. */
struct model_mix {
    uint32_t slots; /* saves, loads, shares, puts */
    uint32_t slots_most;
    uint32_t tree; /* makes, removes, renames, resizes */
    uint32_t transactions;
    uint32_t pages_most; /* of a transaction */
    uint32_t files_most, file_pages_most;
};

struct model {
    struct bed *bed;
    struct model_mix mix;
    struct model_tree now, committed, wanted;
    bool committing; /* `wanted` may be what a cut leaves */
    struct model_slot slots[MODEL_SLOTS];
    store_key_t keys[MODEL_KEYS];
    struct model_file ghosts[MODEL_GHOSTS]; /* removed, still open */
    uint64_t names;
    uint32_t refused, committed_count, failed;
    bool writing;    /* in a transaction, which a fault may take back before anybody is told */
    jmp_buf *escape; /* where an answer leads that a fault of the part may cause; NULL: it ends the test */
};

void model_start(struct model *model, struct bed *bed, const struct model_mix *mix);
/* One random operation. Ends the test at the first difference. */
void model_operate(struct model *model);
/* A commit of everything. false: refused for want of room. */
bool model_commit(struct model *model);
/* Everything that is kept in RAM alone is gone. */
void model_reboot(struct model *model);
/* NULL, or what differs. */
const char *model_compare(struct bed *bed, const struct model_tree *tree);
/* The same, but pages that answer -EIO are counted. */
const char *model_compare_lossy(struct bed *bed, const struct model_tree *tree, uint32_t *lost);
/* All slots, all files. */
void model_verify(struct model *model);

#endif
