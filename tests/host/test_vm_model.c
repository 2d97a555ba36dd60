/*
 * The memory code against a model, by random operations: maps, faults, copies, forks, files, under pressure and waiting.
 *
 * Each sequence runs in a process of its own and follows from its seed. VELLUM_SEED=n runs that one alone, in this
 * process; VELLUM_SEQUENCES and VELLUM_STEPS set how many and how long; VELLUM_VERBOSE=1 says what was reached;
 * VELLUM_CHECK=1 compares all regions at every step, to find the step that went wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "mm/vm/object.h"
#include "mm/vm/vm.h"
#include "tests/host/vm_operations.h"
#include "tests/host/vm_rig.h"

#define SEQUENCES      72u
#define STEPS          1500u
#define FIRST_SEED     1u
#define MACHINE_KINDS  0x3fu
#define OPERATIONS_MAX 40u
/* Every so many steps all regions and all contents are compared. */
#define CHECK_REGIONS  20u
#define CHECK_CONTENTS 150u

static const struct vm_operation *const groups[] = { vm_accesses, vm_shapes, vm_objects };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

/* What all sequences together have reached; shared between processes. */
struct reached {
    uint64_t tried[OPERATIONS_MAX], succeeded[OPERATIONS_MAX];
    uint64_t faults[FAULT_KINDS];
    uint64_t evict_clean, evict_dirty, evict_zero;
    uint64_t mmu_fills, mmu_spurious;
};
static struct reached *reached;

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);

    return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

/* ---- One sequence ---- */

static const struct vm_operation *draw_operation(unsigned *index)
{
    unsigned total = 0, drawn;

    for (unsigned g = 0; g < GROUPS; g++)
        for (const struct vm_operation *operation = groups[g]; operation->run; operation++)
            total += operation->weight;
    drawn = rig_below(total);
    *index = 0;
    for (unsigned g = 0; g < GROUPS; g++)
        for (const struct vm_operation *operation = groups[g]; operation->run; operation++, (*index)++) {
            if (drawn < operation->weight)
                return operation;
            drawn -= operation->weight;
        }
    return NULL;
}

static void others_run(void)
{
    struct model_space *space = rig_chance(50) ? draw_space() : NULL;
    uint64_t number, pages;

    if (!space)
        return;
    draw_range(space, 85, 1, &number, &pages);
    if (!model_grows(space, number))
        rig_touch(space->real, number << PAGE_SHIFT);
}

static void step(unsigned number)
{
    struct model_space *space = draw_space();
    const struct vm_operation *operation;
    unsigned index;

    for (unsigned i = rig_chance(30) ? rig_below(6) : 0; i > 0; i--)
        rig_step();
    rig_progress();
    operation = draw_operation(&index);
    reached->tried[index]++;
    if (operation->run())
        reached->succeeded[index]++;
    rig_check();
    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (model_spaces()[i].real && number % setting("VELLUM_CHECK", CHECK_REGIONS) == 0)
            check_regions(&model_spaces()[i]);
    if (space && space->real && number % CHECK_CONTENTS == 0)
        check_contents(space);
}

struct counters {
    struct mm_statistics mm;
    struct store_statistics store;
    uint32_t store_frames, store_share;
};

static struct counters counters_now(void)
{
    struct counters now;

    mm_statistics(&now.mm);
    store_statistics(mm_store(), &now.store);
    now.store_frames = mm.store_frames;
    now.store_share = mm.store_share;
    return now;
}

static void same(const char *what, uint64_t before, uint64_t after)
{
    if (before != after)
        rig_fail("after everything was put, %s: %llu, at the start %llu", what, (unsigned long long)after,
                 (unsigned long long)before);
}

/* Only the store may hold more than at the start: its maps have grown, and what was synced is in them. */
static void counters_check(const struct counters *before)
{
    struct counters now = counters_now();

    same("page tables", before->mm.frames_table, now.mm.frames_table);
    same("anonymous frames", before->mm.frames_anonymous, now.mm.frames_anonymous);
    same("frames of objects", before->mm.frames_object, now.mm.frames_object);
    same("frames of the firmware without the store's", before->mm.frames_firmware - before->store_frames,
         now.mm.frames_firmware - now.store_frames);
    same("free frames and the store's", before->mm.frames_free + before->store_frames,
         now.mm.frames_free + now.store_frames);
    same("promised pages", before->mm.promised_pages, now.mm.promised_pages);
    same("pinned frames without the store's share", before->mm.pinned_frames - before->store_share,
         now.mm.pinned_frames - now.store_share);
    same("slots", before->store.slots_used, now.store.slots_used);
}

static void reached_add(void)
{
    struct mm_statistics statistics;

    mm_statistics(&statistics);
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        reached->faults[kind] += statistics.faults[kind];
    reached->evict_clean += statistics.evict_clean;
    reached->evict_dirty += statistics.evict_dirty;
    reached->evict_zero += statistics.evict_zero;
    reached->mmu_fills += mmu_figures()->fills;
    reached->mmu_spurious += mmu_figures()->spurious_faults;
}

static void sequence_end(const struct counters *before)
{
    struct store *store;
    int error;

    for (unsigned i = 0; i < MODEL_SPACES; i++)
        if (model_spaces()[i].real)
            check_contents(&model_spaces()[i]);
    put_everything();
    error = RIG_WAIT(object_sync_all());
    if (error != 0 && error != -ENOSPC)
        rig_fail("object_sync_all answers %d", error);
    if (error == 0)
        files_synced();
    while (error == 0 && object_drop_idle())
        continue;
    rig_drain();
    rig_check();
    if (error == 0)
        counters_check(before);
    reached_add();
    if (rig_reopen(&store)) {
        check_files(store);
        store_close(store);
    }
}

static void sequence(const struct rig_config *config)
{
    unsigned steps = setting("VELLUM_STEPS", STEPS);
    struct counters before;

    rig_start(config);
    before = counters_now();
    rig_while_waiting(others_run);
    for (unsigned i = 1; i <= steps; i++)
        step(i);
    rig_while_waiting(NULL);
    sequence_end(&before);
    model_reset();
    rig_stop();
}

/* ---- Many ---- */

/* False: it has failed, and said how. */
static bool sequence_apart(const struct rig_config *config)
{
    int status = -1;
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        sequence(config);
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void test_drawn_machines(void **state)
{
    unsigned count = setting("VELLUM_SEQUENCES", SEQUENCES), failed = 0, kinds = 0;

    (void)state;
    for (unsigned i = 0; i < count; i++) {
        struct rig_config config = rig_config_of(FIRST_SEED + i);

        failed += !sequence_apart(&config);
        kinds |= 1u << (2 * ((config.asid_bits > 0) + (config.asid_bits > 1)) + config.hardware_ad);
    }
    if (failed)
        fail_msg("%u of %u sequences have failed; what each says is above", failed, count);
    /* 0, 1 and 16 ASID bits, with both ways of A and D */
    if (count >= SEQUENCES && kinds != MACHINE_KINDS)
        fail_msg("the seeds have not drawn every kind of machine");
}

static void test_one_seed(void **state)
{
    struct rig_config config = rig_config_of(setting("VELLUM_SEED", FIRST_SEED));

    (void)state;
    sequence(&config);
}

/* A sequence that never evicts, or an operation that never succeeds, tests nothing. */
static void test_everything_was_reached(void **state)
{
    static const char *const kinds[FAULT_KINDS] = { "spurious", "zero", "zero read", "copy",
                                                    "file",     "tail", "flash",     "mapped" };
    unsigned index = 0;

    (void)state;
    if (setting("VELLUM_SEQUENCES", SEQUENCES) < SEQUENCES)
        skip();
    for (unsigned g = 0; g < GROUPS; g++)
        for (const struct vm_operation *operation = groups[g]; operation->run; operation++, index++) {
            if (setting("VELLUM_VERBOSE", 0))
                (void)printf("%-20s %8llu of %8llu\n", operation->name, (unsigned long long)reached->succeeded[index],
                             (unsigned long long)reached->tried[index]);
            if (reached->succeeded[index] == 0)
                fail_msg("%s has never succeeded", operation->name);
        }
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++) {
        if (setting("VELLUM_VERBOSE", 0))
            (void)printf("fault %-14s %8llu\n", kinds[kind], (unsigned long long)reached->faults[kind]);
        if (reached->faults[kind] == 0)
            fail_msg("no fault of kind \"%s\"", kinds[kind]);
    }
    if (setting("VELLUM_VERBOSE", 0))
        (void)printf("evicted %llu clean, %llu dirty, %llu zero; TLB filled %llu times, %llu faults were spurious\n",
                     (unsigned long long)reached->evict_clean, (unsigned long long)reached->evict_dirty,
                     (unsigned long long)reached->evict_zero, (unsigned long long)reached->mmu_fills,
                     (unsigned long long)reached->mmu_spurious);
    assert_true(reached->evict_clean && reached->evict_dirty && reached->evict_zero);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_drawn_machines),
        cmocka_unit_test(test_everything_was_reached),
    };
    const struct CMUnitTest one[] = { cmocka_unit_test(test_one_seed) };

    reached = mmap(NULL, sizeof(*reached), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reached == MAP_FAILED)
        return 1;
    return getenv("VELLUM_SEED") ? cmocka_run_group_tests(one, NULL, NULL) : cmocka_run_group_tests(all, NULL, NULL);
}
