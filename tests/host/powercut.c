/*
 * Power cuts: a workload runs, and at each program and erase of it the array is copied, torn in every way that
 * tests/sim/nor.h knows, opened again and compared with the model.
 *
 *   workload ----o----o----o----o----> goes on, untouched
 *                |    |    copy, tear, open, compare with the last commit or the one under way
 *                |    |       +--> some: go on there, cut again while it recovers, open, compare with what was found
 *
 * powercut WORKLOAD SEED FIRST COUNT: the operations to cut at, counted from the workload's begin; all tears of each.
 * With `faults EVERY` behind them, every so many of these operations meet, instead of cuts, each fault of campaign_faults.h in
 * turn: a process of its own goes on with the workload from there, for a while or until the store refuses something, and is
 * judged after the next boot.
 * WORKLOAD: files, swap, collect, retire, reboot, or all. Ends with "N passed, N failed". The partition has blocks of
 * somebody else's on either side, which are compared byte for byte after each cut.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/host/campaign_faults.h"

#define SECOND_CUT_ONE_IN   4u /* of the cuts */
#define LIFE_AFTER_ONE_IN   16u
#define RECOVERY_OPERATIONS 40u
#define FAULT_OPERATIONS    60u /* of the model, behind a fault */

struct workload {
    const char *name;
    struct bed_config bed;
    struct model_mix mix;
    uint32_t reboot_every; /* operations of the model */
    uint32_t failing;      /* units that will fail */
};

static const struct workload workloads[] = {
    { "files",
      { .blocks = 20, .block_bytes = 16384, .guard_blocks = 1, .tail_pages = 8 },
      { .tree = 250, .transactions = 300, .pages_most = 6, .files_most = 8, .file_pages_most = 8 },
      0,
      0 },
    { "swap",
      { .blocks = 20, .block_bytes = 16384, .guard_blocks = 1, .tail_pages = 12 },
      { .slots = 800,
        .slots_most = 90,
        .tree = 30,
        .transactions = 20,
        .pages_most = 4,
        .files_most = 4,
        .file_pages_most = 4 },
      0,
      0 },
    { "collect",
      { .blocks = 18, .block_bytes = 16384, .guard_blocks = 1, .tail_pages = 8 },
      { .tree = 100, .transactions = 600, .pages_most = 5, .files_most = 6, .file_pages_most = 6 },
      0,
      0 },
    { "retire",
      { .blocks = 28, .block_bytes = 16384, .guard_blocks = 1, .tail_pages = 12 },
      { .slots = 300,
        .slots_most = 60,
        .tree = 150,
        .transactions = 150,
        .pages_most = 6,
        .files_most = 6,
        .file_pages_most = 8 },
      0,
      3 },
    { "reboot",
      { .blocks = 18, .block_bytes = 16384, .guard_blocks = 1, .tail_pages = 8 },
      { .tree = 200, .transactions = 400, .pages_most = 4, .files_most = 6, .file_pages_most = 6 },
      7,
      0 },
};

#define WORKLOADS (sizeof workloads / sizeof workloads[0])

struct campaign {
    const struct workload *workload;
    uint64_t seed, first, count;
    struct bed bed, shadow, second;
    struct model *model;
    uint64_t operation; /* of the workload, 1 is the first */
    uint64_t seen;      /* by the array's count */
    uint64_t passed, failed, second_cuts, kept_new;
    uint32_t faults_every; /* 0: cuts */
    bool struck, hides;    /* this process is one that a fault has met */
    enum campaign_fault fault;
    uint32_t left; /* operations until it is judged */
    jmp_buf escape;
};

static void report(struct campaign *c, enum nor_tear tear, const char *what)
{
    c->failed++;
    printf("FAILED powercut %s %llu %llu 1  # tear %d: %s\n", c->workload->name, (unsigned long long)c->seed,
           (unsigned long long)c->operation, (int)tear, what);
    (void)fflush(stdout);
    if (c->failed > 20) {
        printf("%llu passed, %llu failed\n", (unsigned long long)c->passed, (unsigned long long)c->failed);
        exit(1);
    }
}

/* ---- One cut ---- */

static int reopen(struct bed *bed, const struct nor *from)
{
    bed_forget(bed);
    nor_copy(bed->nor, from);
    nor_triggers_clear(bed->nor);
    return bed_open(bed);
}

/* Which of the two trees is there: NULL and *found, or what is wrong. */
static const char *which(struct campaign *c, struct bed *bed, const struct model_tree **found)
{
    const struct model *model = c->model;
    const char *what = model_compare(bed, &model->committed);

    *found = &model->committed;
    if (what && model->committing) {
        what = model_compare(bed, &model->wanted);
        *found = &model->wanted;
        c->kept_new += !what;
    }
    if (!what)
        what = store_check(bed->store);
    return what;
}

/* The reopened store is used: a file more, and another boot. */
static const char *live_on(struct bed *bed, const struct model_tree *tree)
{
    uint32_t id;
    int error = bed_make(bed, NODE_ROOT, "after", 0100644, &id);
    const char *what;

    if (!error)
        error = bed_begin(bed, 1);
    if (error == -ENOSPC)
        return NULL;
    if (!error)
        error = bed_write(bed, id, 0, 77);
    if (!error)
        error = bed_commit(bed);
    if (error) {
        printf("# after the cut: error %d\n", error);
        return "the store does not go on after the cut";
    }
    if (!bed_settle(bed, 100000))
        return "the store does not come to rest after the cut";
    error = bed_remove(bed, id);
    if (!error)
        error = bed_commit(bed);
    if (error)
        return "a second commit after the cut";
    what = store_check(bed->store);
    if (what)
        return what;
    bed_reboot(bed);
    return model_compare(bed, tree);
}

/* In the first free place; false: there is none. */
static bool with_another(struct model_tree *tree)
{
    for (uint32_t i = 0; i < MODEL_FILES; i++) {
        if (tree->files[i].used)
            continue;
        tree->files[i] = (struct model_file){ .used = true, .name = "again", .pages = { 78 } };
        return true;
    }
    return false;
}

/*
 * Recovery begins to write and is cut. The next boot finds what this one found, or the file that came after: that
 * surely when its commit has answered. Before it, a commit record that the first cut left half written may read
 * differently.
 */
static const char *cut_again(struct campaign *c, const struct model_tree *found)
{
    static struct model_tree after;
    struct bed *bed = &c->shadow;
    const struct model_tree *other;
    const char *what;
    uint32_t id;
    int error;

    c->second_cuts++;
    bed->random = c->seed * 1000003 + c->operation;
    nor_cut_at(bed->nor, 1 + bed_below(bed, RECOVERY_OPERATIONS), (enum nor_tear)bed_below(bed, NOR_TEARS));
    error = bed_make(bed, NODE_ROOT, "again", 0100644, &id);
    if (!error)
        error = bed_begin(bed, 1);
    if (!error)
        error = bed_write(bed, id, 0, 78);
    if (!error)
        error = bed_commit(bed);
    if (!error)
        (void)bed_settle(bed, 200);
    if (reopen(&c->second, bed->nor))
        return "the second boot fails";
    after = *found;
    what = with_another(&after) ? model_compare(&c->second, &after) : NULL;
    if (what && error)
        what = model_compare(&c->second, found);
    if (what && error)
        what = which(c, &c->second, &other);
    if (!what && !bed_guards_stand(&c->second))
        what = "what lies around the partition has changed";
    return what ? what : store_check(c->second.store);
}

static void cut(struct campaign *c, enum nor_tear tear)
{
    const struct model_tree *found;
    const char *what;
    int error;

    bed_forget(&c->shadow);
    nor_copy(c->shadow.nor, c->bed.nor);
    nor_triggers_clear(c->shadow.nor);
    nor_seed(c->shadow.nor, c->operation * NOR_TEARS + tear);
    nor_power_cut(c->shadow.nor, tear);
    error = bed_open(&c->shadow);
    if (error) {
        printf("# store_open: %d\n", error);
        report(c, tear, "the store does not open");
        return;
    }
    what = which(c, &c->shadow, &found);
    if (!what && (c->operation + tear) % LIFE_AFTER_ONE_IN == 0)
        what = live_on(&c->shadow, found);
    else if (!what && (c->operation + tear) % SECOND_CUT_ONE_IN == 1)
        what = cut_again(c, found);
    if (!what && c->shadow.nor->violations)
        what = c->shadow.nor->violation_text;
    if (!what && !bed_guards_stand(&c->shadow))
        what = "what lies around the partition has changed";
    if (what)
        report(c, tear, what);
    else
        c->passed++;
}

/* ---- Faults ---- */

static void report_fault(const struct campaign *c, enum campaign_fault fault, const char *what)
{
    printf("FAILED powercut %s %llu %llu 1 faults 1  # fault %d: %s\n", c->workload->name, (unsigned long long)c->seed,
           (unsigned long long)c->operation, (int)fault, what);
    (void)fflush(stdout);
}

/* In the process that was struck: 0 is good. */
static _Noreturn void struck_end(struct campaign *c)
{
    const char *what = campaign_judge(&c->bed, c->model, c->fault, c->hides);

    if (what)
        report_fault(c, c->fault, what);
    _exit(what != NULL);
}

/* true: in the process that goes on from here. */
static bool strike(struct campaign *c, enum campaign_fault fault)
{
    int status = -1;
    pid_t child;

    (void)fflush(stdout);
    child = fork();
    if (!child) {
        c->struck = true;
        c->fault = fault;
        c->left = FAULT_OPERATIONS;
        c->bed.stepped = NULL;
        c->model->escape = &c->escape;
        c->bed.random += fault;
        if (!campaign_strike(&c->bed, c->model, fault, &c->hides))
            _exit(0);
        return true;
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        exit(2);
    if (WIFSIGNALED(status))
        report_fault(c, fault, "its process was ended");
    c->passed += !status;
    c->failed += status != 0;
    return false;
}

static void strike_all(struct campaign *c)
{
    for (int fault = 0; fault < CAMPAIGN_FAULTS; fault++)
        if (strike(c, (enum campaign_fault)fault))
            return;
}

/* ---- The workload ---- */

static void stepped(struct bed *bed)
{
    struct campaign *c = bed->observer;

    if (bed->nor->operation.kind == NOR_IDLE || bed->nor->operation.number == c->seen)
        return;
    c->seen = bed->nor->operation.number;
    c->operation++;
    if (c->operation < c->first || c->operation >= c->first + c->count)
        return;
    if (c->faults_every) {
        if ((c->operation - c->first) % c->faults_every == 0)
            strike_all(c);
        return;
    }
    for (int tear = 0; tear < NOR_TEARS; tear++)
        cut(c, (enum nor_tear)tear);
}

static void operate(struct campaign *c, uint32_t i)
{
    model_operate(c->model);
    if (c->struck && !c->left--)
        struck_end(c);
    if (c->struck || !c->workload->reboot_every || i % c->workload->reboot_every)
        return;
    nor_power_cut(c->bed.nor, NOR_TEAR_RANDOM);
    bed_reboot(&c->bed);
    model_reboot(c->model);
    c->model->now = c->model->committed;
    if (model_compare(&c->bed, &c->model->committed))
        report(c, NOR_TEAR_DONE, "a reboot of the workload");
    for (uint32_t f = 0; f < MODEL_FILES; f++)
        c->model->now.files[f].id = 0;
}

/* After a reboot the model's ids are those that names have now. */
static void ids_again(struct campaign *c)
{
    struct model_tree *tree = &c->model->now;

    for (uint32_t pass = 0; pass < MODEL_FILES; pass++) {
        for (uint32_t i = 0; i < MODEL_FILES; i++) {
            struct model_file *file = &tree->files[i];
            uint32_t parent = file->parent ? tree->files[file->parent - 1].id : NODE_ROOT;

            if (file->used && !file->id && parent && node_find(c->bed.store, parent, file->name, &file->id))
                file->id = 0;
        }
    }
    c->model->committed = *tree;
}

static void faults(struct campaign *c)
{
    static const unsigned kinds[] = { NOR_FAULT_ERASE_FAILS, NOR_FAULT_PROGRAM_FAILS, NOR_FAULT_PROGRAM_DENIED };

    for (uint32_t i = 0; i < c->workload->failing; i++) {
        uint32_t unit = bed_address(&c->bed, bed_below(&c->bed, c->workload->bed.blocks));

        nor_set_faults(c->bed.nor, unit, c->workload->bed.block_bytes, kinds[i % (sizeof kinds / sizeof kinds[0])]);
    }
    if (c->workload->failing)
        nor_fail_at(c->bed.nor, 200 + bed_below(&c->bed, 2000));
}

static void campaign_run(struct campaign *c)
{
    struct bed_config config = c->workload->bed;

    config.seed = c->seed;
    config.violations_continue = true;
    bed_start(&c->bed, &config);
    bed_prepare(&c->shadow, &config);
    bed_prepare(&c->second, &config);
    c->model = calloc(1, sizeof *c->model);
    if (!c->model)
        exit(2);
    model_start(c->model, &c->bed, &c->workload->mix);
    faults(c);
    c->bed.stepped = stepped;
    c->bed.observer = c;
    c->seen = c->bed.nor->operation.number;
    if (setjmp(c->escape))
        struck_end(c);
    for (uint32_t i = 1; c->struck || (c->operation + 1 < c->first + c->count && i < 10000000); i++) {
        operate(c, i);
        if (!c->struck && c->workload->reboot_every && i % c->workload->reboot_every == 0)
            ids_again(c);
    }
    if (c->bed.nor->violations)
        report(c, NOR_TEAR_DONE, c->bed.nor->violation_text);
    if (!bed_guards_stand(&c->bed))
        report(c, NOR_TEAR_DONE, "what lies around the partition has changed");
    c->bed.stepped = NULL;
    bed_forget(&c->shadow);
    bed_forget(&c->second);
    bed_stop(&c->bed);
    bed_stop(&c->shadow);
    bed_stop(&c->second);
    free(c->model);
}

int main(int argc, char **argv)
{
    uint64_t passed = 0, failed = 0, second = 0, kept_new = 0;
    const char *name = argc > 1 ? argv[1] : "all";

    for (uint32_t i = 0; i < WORKLOADS; i++) {
        struct campaign *c;

        if (strcmp(name, "all") && strcmp(name, workloads[i].name))
            continue;
        c = calloc(1, sizeof *c);
        if (!c)
            return 2;
        c->workload = &workloads[i];
        c->seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
        c->first = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
        c->count = argc > 4 ? strtoull(argv[4], NULL, 0) : 400;
        c->faults_every = argc > 6 && !strcmp(argv[5], "faults") ? (uint32_t)strtoul(argv[6], NULL, 0) : 0;
        campaign_run(c);
        passed += c->passed;
        failed += c->failed;
        second += c->second_cuts;
        kept_new += c->kept_new;
        free(c);
    }
    printf("# %llu cut again during recovery, %llu kept the commit that was under way\n", (unsigned long long)second,
           (unsigned long long)kept_new);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed || !passed;
}
