/*
 * The simulated MMU itself: what the privileged specification (version 1.12, sections 4.2.1, 4.3, 4.4) says of each
 * access, each fence and each malformed entry, on page tables built by hand.
 *
 *   root (frame 0) --[index of va]--> middle (frame 1) --> last (frame 2) --> data frames 8, 9, ...
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/mmu.h"

#define RAM        0x80000000ull
#define FRAMES     2048u
#define ROOT       0u
#define MIDDLE     1u
#define LAST       2u
#define OTHER_ROOT 3u
#define DATA       8u
#define VA         0x40201000ull /* indices 1, 1, 1 */

enum { V = 1, R = 2, W = 4, X = 8, U = 16, G = 32, A = 64, D = 128 };
#define USER_RW (V | R | W | U | A | D)

static char last_report[512];
static unsigned reports;
static uint64_t identities[FRAMES];

static void report(void *context, const char *text)
{
    (void)context;
    (void)snprintf(last_report, sizeof(last_report), "%s", text);
    reports++;
}

static uint32_t frame_of(pa_t pa)
{
    return (uint32_t)((pa.raw - RAM) / PAGE_BYTES);
}

static const char *refuse(void *context, pa_t pa, enum mmu_use use)
{
    (void)context;
    if (use == MMU_USE_TABLE)
        return frame_of(pa) < DATA ? NULL : "not a table";
    return frame_of(pa) >= DATA ? NULL : "a page table";
}

static uint64_t identity(void *context, pa_t pa)
{
    (void)context;
    return identities[frame_of(pa)];
}

static struct mmu_config plain(void)
{
    return (struct mmu_config){ .base = RAM,
                                .frames = FRAMES,
                                .asid_bits = 16,
                                .hardware_ad = true,
                                .tlb_entries = 16,
                                .refuse = refuse,
                                .identity = identity,
                                .report = report };
}

static pa_t frame_pa(uint32_t frame)
{
    return (pa_t){ RAM + (uint64_t)frame * PAGE_BYTES };
}

static uint64_t entry(uint32_t frame, uint64_t bits)
{
    return (frame_pa(frame).raw >> 12) << 10 | bits;
}

static uint64_t *slot_at(uint32_t table, va_t va, unsigned level)
{
    return (uint64_t *)cpu_direct(frame_pa(table)) + ((va >> (12 + 9 * level)) & 511);
}

static uint64_t satp_of(uint32_t root, uint64_t asid)
{
    return 8ull << 60 | asid << 44 | frame_pa(root).raw >> 12;
}

/* Starts anew with one page at VA in frame DATA under `bits`; frame n is filled with the byte n. */
static void begin(const struct mmu_config *config, uint64_t bits)
{
    mmu_start(config);
    reports = 0;
    memset(identities, 0, sizeof(identities));
    for (uint32_t frame = 0; frame < FRAMES; frame++)
        memset(cpu_direct(frame_pa(frame)), frame < DATA ? 0 : (int)(frame & 0xff), PAGE_BYTES);
    *slot_at(ROOT, VA, 2) = entry(MIDDLE, V);
    *slot_at(OTHER_ROOT, VA, 2) = entry(MIDDLE, V);
    *slot_at(MIDDLE, VA, 1) = entry(LAST, V);
    *slot_at(LAST, VA, 0) = entry(DATA, bits);
}

static int load(uint64_t satp, va_t va, uint8_t *value)
{
    return mmu_access(satp, va, MMU_LOAD, value, 1);
}

static int store(uint64_t satp, va_t va, uint8_t value)
{
    return mmu_access(satp, va, MMU_STORE, &value, 1);
}

static int fetch(uint64_t satp, va_t va)
{
    uint8_t code[4];

    return mmu_access(satp, va, MMU_FETCH, code, sizeof(code));
}

static void assert_loads(uint64_t satp, va_t va, uint8_t expected)
{
    uint8_t value = 0;

    assert_int_equal(load(satp, va, &value), 0);
    assert_int_equal(value, expected);
}

static void assert_reported(const char *text)
{
    if (reports == 0 || !strstr(last_report, text))
        fail_msg("expected a report of \"%s\", have %u, the last: %s", text, reports, last_report);
}

/* ---- 4.3: the walk and its checks ---- */

static void test_permissions(void **state)
{
    static const struct {
        uint64_t bits;
        bool load, store, fetch;
    } cases[] = {
        { V | R | U, true, false, false },       { V | R | W | U, true, true, false },
        { V | X | U, false, false, true },       { V | R | X | U, true, false, true },
        { V | R | W | X | U, true, true, true }, { V | R | W | X, false, false, false },
        { V | W | U, false, false, false },      { V | W | X | U, false, false, false },
        { R | W | X | U, false, false, false },  { V | U, false, false, false },
    };
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin(&config, cases[i].bits);
        assert_int_equal(load(satp_of(ROOT, 1), VA, &value) == 0, cases[i].load);
        assert_int_equal(store(satp_of(ROOT, 1), VA, 1) == 0, cases[i].store);
        assert_int_equal(fetch(satp_of(ROOT, 1), VA) == 0, cases[i].fetch);
        assert_int_equal(reports, 0);
    }
}

static void test_reserved_bits_fault(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    for (unsigned bit = 54; bit < 64; bit++) {
        begin(&config, USER_RW | 1ull << bit);
        assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    }
    for (unsigned bit = 4; bit < 8; bit++) {
        begin(&config, USER_RW);
        *slot_at(MIDDLE, VA, 1) |= 1ull << bit; /* U, A and D are reserved in a pointer; G is not */
        assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1ull << bit == G ? 0 : 1);
    }
}

static void test_superpages(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    begin(&config, USER_RW);
    *slot_at(MIDDLE, VA, 1) = entry(512, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, (512 + 1) & 0xff);
    assert_loads(satp_of(ROOT, 1), VA + 0x5000, (512 + 6) & 0xff);
    assert_int_equal(mmu_figures()->fills, 1);
    begin(&config, USER_RW);
    *slot_at(MIDDLE, VA, 1) = entry(513, USER_RW);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    begin(&config, USER_RW);
    *slot_at(ROOT, VA, 2) = entry(512, USER_RW);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
}

static void test_canonical_addresses(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    assert_int_equal(load(satp_of(ROOT, 1), VA | 1ull << 39, &value), 1);
    assert_int_equal(load(satp_of(ROOT, 1), VA | 1ull << 38, &value), 1);
    assert_int_equal(load(satp_of(ROOT, 1), VA | 1ull << 63, &value), 1);
    *slot_at(ROOT, 0xffffffc000000000ull | VA, 2) = entry(MIDDLE, V);
    assert_loads(satp_of(ROOT, 1), 0xffffffc000000000ull | VA, DATA);
}

static void test_hardware_sets_marks(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    begin(&config, V | R | W | U);
    mmu_speculate(satp_of(ROOT, 1), VA);
    assert_int_equal(*slot_at(LAST, VA, 0), entry(DATA, V | R | W | U));
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    assert_int_equal(*slot_at(LAST, VA, 0), entry(DATA, V | R | W | U | A));
    assert_int_equal(store(satp_of(ROOT, 1), VA, 7), 0);
    assert_int_equal(*slot_at(LAST, VA, 0), entry(DATA, USER_RW));
    assert_loads(satp_of(ROOT, 1), VA, 7);
    assert_int_equal(mmu_figures()->hardware_updates, 2);
}

static void test_missing_marks_fault_until_fenced(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    config.hardware_ad = false;
    begin(&config, V | R | W | U);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    *slot_at(LAST, VA, 0) |= A;
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    assert_int_equal(mmu_figures()->spurious_faults, 1);
    cpu_tlb_flush_page(1, VA);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    assert_int_equal(store(satp_of(ROOT, 1), VA, 7), 1);
    *slot_at(LAST, VA, 0) |= D;
    cpu_tlb_flush_page(1, VA);
    assert_int_equal(store(satp_of(ROOT, 1), VA, 7), 0);
    assert_int_equal(mmu_figures()->hardware_updates, 0);
    assert_int_equal(reports, 0);
}

/* ---- 4.2.1: what each fence covers ---- */

static void test_entries_stay_until_fenced(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    config.no_audit = true;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    cpu_tlb_flush_page(1, VA + PAGE_BYTES);
    cpu_tlb_flush_page(2, VA);
    cpu_tlb_flush_asid(2);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    cpu_tlb_flush_page(1, VA + 0xfff);
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
    *slot_at(LAST, VA, 0) = 0;
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
    cpu_tlb_flush_asid(1);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
}

static void test_asids_and_global_pages(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    config.no_audit = true;
    begin(&config, USER_RW | G);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    assert_loads(satp_of(OTHER_ROOT, 2), VA, DATA);
    cpu_tlb_flush_page(1, VA);
    cpu_tlb_flush_asid(1);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    cpu_tlb_flush_all();
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
    *slot_at(LAST, VA, 0) = entry(DATA + 2, USER_RW);
    assert_loads(satp_of(OTHER_ROOT, 2), VA, DATA + 2);
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
}

static void test_asid_bits_that_do_not_exist(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    config.no_audit = true;
    config.asid_bits = 1;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    assert_loads(satp_of(OTHER_ROOT, 3), VA, DATA);
    assert_loads(satp_of(OTHER_ROOT, 2), VA, DATA + 1);
    config.asid_bits = 0;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 5), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    assert_loads(satp_of(OTHER_ROOT, 6), VA, DATA);
    assert_int_equal(reports, 0);
    cpu_tlb_flush_asid(1);
    assert_reported("names asid 1");
}

static void test_absences_are_kept(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    config.cache_invalid = true;
    begin(&config, 0);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    *slot_at(LAST, VA, 0) = entry(DATA, USER_RW);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    assert_int_equal(mmu_figures()->spurious_faults, 1);
    cpu_tlb_flush_page(1, VA);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
}

static void test_pointers_outlive_a_fence_by_address(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    config.pointer_entries = 8;
    config.no_audit = true;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(4, VA, 0) = entry(DATA + 1, USER_RW);
    *slot_at(MIDDLE, VA, 1) = entry(4, V);
    cpu_tlb_flush_page(1, VA);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    cpu_tlb_flush_asid(1);
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
}

static void test_speculation_after_a_fence(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    config.refill = true;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    cpu_tlb_flush_page(1, VA);
    cpu_tlb_flush_asid(1);
    cpu_tlb_flush_all();
    assert_int_equal(mmu_cached(satp_of(ROOT, 1), VA), 1);
    mmu_leave();
    cpu_tlb_flush_all();
    assert_int_equal(mmu_cached(satp_of(ROOT, 1), VA), 0);
}

static void test_broken_page_fence(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    config.page_fence_broken = true;
    config.no_audit = true;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    cpu_tlb_flush_page(1, VA);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    config.page_fence_widened = true;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(LAST, VA, 0) = entry(DATA + 1, USER_RW);
    cpu_tlb_flush_page(1, VA);
    assert_loads(satp_of(ROOT, 1), VA, DATA + 1);
}

static void test_replacement(void **state)
{
    struct mmu_config config = plain();
    uint64_t satp = satp_of(ROOT, 1);

    (void)state;
    for (int policy = MMU_ROUND_ROBIN; policy <= MMU_LEAST_RECENT; policy++) {
        config.replacement = (enum mmu_replacement)policy;
        config.tlb_entries = 4;
        begin(&config, USER_RW);
        for (uint32_t i = 0; i < 4; i++) {
            *slot_at(LAST, VA + i * PAGE_BYTES, 0) = entry(DATA + i, USER_RW);
            assert_loads(satp, VA + i * PAGE_BYTES, (uint8_t)(DATA + i));
        }
        assert_loads(satp, VA, DATA);
        *slot_at(LAST, VA + 4 * PAGE_BYTES, 0) = entry(DATA + 4, USER_RW);
        assert_loads(satp, VA + 4 * PAGE_BYTES, DATA + 4);
        assert_int_equal(mmu_figures()->fills, 5);
        if (config.replacement == MMU_LEAST_RECENT) {
            assert_int_equal(mmu_cached(satp, VA), 1);
            assert_int_equal(mmu_cached(satp, VA + PAGE_BYTES), 0);
        }
    }
}

/* ---- The audit ---- */

static void audit_case(uint64_t before, uint64_t after, enum mmu_access access, const char *expected)
{
    struct mmu_config config = plain();
    uint8_t byte[4] = { 0 };

    begin(&config, before);
    assert_int_equal(mmu_access(satp_of(ROOT, 1), VA, access, byte, 1), 0);
    *slot_at(LAST, VA, 0) = after;
    (void)mmu_access(satp_of(ROOT, 1), VA, access, byte, 1);
    if (expected) {
        assert_reported(expected);
    } else {
        assert_int_equal(reports, 0);
    }
}

static void test_audit_of_stale_entries(void **state)
{
    (void)state;
    audit_case(USER_RW, 0, MMU_LOAD, "not mapped any more");
    audit_case(USER_RW, entry(DATA + 1, USER_RW), MMU_LOAD, "another frame");
    audit_case(USER_RW, entry(DATA, V | R | U | A), MMU_STORE, "does not allow");
    audit_case(USER_RW, entry(DATA, V | R | W | U | A), MMU_STORE, "D was cleared");
    audit_case(USER_RW, entry(DATA, V | R | U | A), MMU_LOAD, NULL);
    audit_case(USER_RW, entry(DATA, V | R | W | U | D), MMU_LOAD, NULL);
    assert_int_equal(mmu_figures()->stale_accessed, 1);
}

static void test_audit_of_reused_frames(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    identities[DATA] = 1;
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    assert_reported("given to another page");
}

static void test_audit_of_pointers(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    config.pointer_entries = 8;
    begin(&config, USER_RW);
    assert_loads(satp_of(ROOT, 1), VA, DATA);
    *slot_at(MIDDLE, VA, 1) = 0;
    cpu_tlb_flush_page(1, VA);
    (void)load(satp_of(ROOT, 1), VA, &value);
    assert_reported("stale pointer used");
}

static void test_audit_of_physical_accesses(void **state)
{
    struct mmu_config config = plain();
    uint8_t value;

    (void)state;
    begin(&config, USER_RW);
    *slot_at(LAST, VA, 0) = entry(LAST, USER_RW);
    assert_int_equal(store(satp_of(ROOT, 1), VA, 1), 1);
    assert_reported("a page table");
    begin(&config, USER_RW);
    *slot_at(LAST, VA, 0) = entry(FRAMES, USER_RW);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    assert_reported("outside RAM");
    begin(&config, USER_RW);
    *slot_at(MIDDLE, VA, 1) = entry(DATA, V);
    assert_int_equal(load(satp_of(ROOT, 1), VA, &value), 1);
    assert_reported("not a table");
}

static void test_audit_of_instructions(void **state)
{
    struct mmu_config config = plain();

    (void)state;
    begin(&config, V | R | X | U | A);
    assert_int_equal(fetch(satp_of(ROOT, 1), VA), 0);
    memset(cpu_direct(frame_pa(DATA)), 0x13, PAGE_BYTES);
    cpu_icache_sync();
    assert_int_equal(fetch(satp_of(ROOT, 1), VA), 0);
    assert_int_equal(reports, 0);
    memset(cpu_direct(frame_pa(DATA)), 0x14, PAGE_BYTES);
    (void)fetch(satp_of(ROOT, 1), VA);
    assert_reported("fence.i");
}

/* ---- A task's accesses ---- */

static int faults_seen, fault_answer;

static uint64_t task_satp(void *context)
{
    (void)context;
    return satp_of(ROOT, 1);
}

/* Maps the next page of frame DATA + index on its fault, or answers fault_answer. */
static int task_fault(void *context, va_t va, enum mmu_access access)
{
    (void)context;
    (void)access;
    faults_seen++;
    if (fault_answer == 0)
        *slot_at(LAST, va, 0) = entry(DATA + (uint32_t)((va - VA) / PAGE_BYTES), USER_RW);
    return fault_answer;
}

static void test_task_accesses(void **state)
{
    struct mmu_config config = plain();
    struct mmu_task task = { .satp = task_satp, .fault = task_fault };
    uint8_t bytes[3 * PAGE_BYTES];

    (void)state;
    begin(&config, 0);
    faults_seen = 0;
    fault_answer = 0;
    assert_int_equal(sim_load(&task, VA + 100, bytes, 2 * PAGE_BYTES), 0);
    assert_int_equal(faults_seen, 3);
    assert_int_equal(bytes[0], DATA);
    assert_int_equal(bytes[2 * PAGE_BYTES - 1], DATA + 2);
    assert_int_equal(sim_store(&task, VA + PAGE_BYTES - 1, "ab", 2), 0);
    assert_int_equal(sim_load(&task, VA + PAGE_BYTES - 1, bytes, 2), 0);
    assert_memory_equal(bytes, "ab", 2);
    fault_answer = -14;
    assert_int_equal(sim_fetch(&task, VA, bytes, 4), -14);
    assert_int_equal(reports, 0);
    fault_answer = 0;
    assert_true(sim_fetch(&task, VA, bytes, 4) != 0);
    assert_reported("again and again");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_reserved_bits_fault),
        cmocka_unit_test(test_superpages),
        cmocka_unit_test(test_canonical_addresses),
        cmocka_unit_test(test_hardware_sets_marks),
        cmocka_unit_test(test_missing_marks_fault_until_fenced),
        cmocka_unit_test(test_entries_stay_until_fenced),
        cmocka_unit_test(test_asids_and_global_pages),
        cmocka_unit_test(test_asid_bits_that_do_not_exist),
        cmocka_unit_test(test_absences_are_kept),
        cmocka_unit_test(test_pointers_outlive_a_fence_by_address),
        cmocka_unit_test(test_speculation_after_a_fence),
        cmocka_unit_test(test_broken_page_fence),
        cmocka_unit_test(test_replacement),
        cmocka_unit_test(test_audit_of_stale_entries),
        cmocka_unit_test(test_audit_of_reused_frames),
        cmocka_unit_test(test_audit_of_pointers),
        cmocka_unit_test(test_audit_of_physical_accesses),
        cmocka_unit_test(test_audit_of_instructions),
        cmocka_unit_test(test_task_accesses),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    mmu_stop();
    return failed;
}
