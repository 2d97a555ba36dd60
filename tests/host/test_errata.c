/*
 * Which SiFive cores have which errata, by the ids that they report, and what their fault addresses mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hal/cpu_errata.c"

#define U74_ID 0x8000000000000007u

static void test_cores_by_their_ids(void **state)
{
    static const struct {
        uint64_t vendor, architecture, implementation;
        enum cpu_errata errata;
    } cores[] = {
        { 0x489, 1, 0x20180718, CPU_ERRATA_FU540 },
        { 0x489, U74_ID, 0x20181004, CPU_ERRATA_FU740 },
        { 0x489, U74_ID, 0x20200630, CPU_ERRATA_FU740 },
        { 0x489, U74_ID, 0x20200701, CPU_ERRATA_NONE },
        { 0x489, U74_ID, 0x01200626, CPU_ERRATA_NONE },
        { 0x489, 0x8000000000000008u, 0x20181004, CPU_ERRATA_NONE },
        { 0x5b7, 0, 0, CPU_ERRATA_NONE },
        { 0, 0, 0, CPU_ERRATA_NONE },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cores) / sizeof(cores[0]); i++)
        assert_int_equal(cpu_errata_of(cores[i].vendor, cores[i].architecture, cores[i].implementation),
                         cores[i].errata);
}

/* CIP-453: 39 bits come, whose highest is the sign; other faults and other cores tell the whole address. */
static void test_addresses_without_their_sign(void **state)
{
    static const enum cpu_errata with[] = { CPU_ERRATA_FU540, CPU_ERRATA_FU740 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_FETCH_PAGE, 0x7f80200000), 0xffffffff80200000);
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_FETCH_ACCESS, 0x4000000000), 0xffffffc000000000);
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_FETCH_PAGE, 0xffffffff80200000), 0xffffffff80200000);
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_FETCH_PAGE, 0x3fffffffff), 0x3fffffffff);
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_LOAD_PAGE, 0x4000000000), 0x4000000000);
        assert_int_equal(cpu_fault_address_with(with[i], CAUSE_STORE_PAGE, 0x7f80200000), 0x7f80200000);
    }
    assert_int_equal(cpu_fault_address_with(CPU_ERRATA_NONE, CAUSE_FETCH_PAGE, 0x7f80200000), 0x7f80200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores_by_their_ids),
        cmocka_unit_test(test_addresses_without_their_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
