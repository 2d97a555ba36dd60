/* The pool that random bytes come from, against libsodium's ChaCha20. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "firmware/random.h"

static uint8_t pool[32]; /* what it must hold now */

static void expect(uint8_t *out, size_t bytes)
{
    static const uint8_t nonce[12];
    uint8_t stream[32 + 300];

    crypto_stream_chacha20_ietf(stream, sizeof(stream), nonce, pool);
    memcpy(pool, stream, sizeof(pool));
    memcpy(out, stream + sizeof(pool), bytes);
}

static void fill_is_the_erased_stream(void **state)
{
    uint8_t got[300], wanted[300];

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(got); bytes++) {
        random_fill(got, bytes);
        expect(wanted, bytes);
        assert_memory_equal(got, wanted, bytes);
    }
}

static void stir_rekeys(void **state)
{
    uint8_t input[100], got[32], wanted[32], none;

    (void)state;
    for (size_t bytes = 0; bytes < sizeof(input); bytes++) {
        memset(input, (int)bytes, sizeof(input));
        random_stir(input, bytes);
        for (size_t at = 0; at < bytes; at += sizeof(pool)) {
            for (size_t i = at; i < bytes && i < at + sizeof(pool); i++)
                pool[i - at] ^= input[i];
            expect(&none, 0);
        }
        random_fill(got, sizeof(got));
        expect(wanted, sizeof(wanted));
        assert_memory_equal(got, wanted, sizeof(got));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fill_is_the_erased_stream),
        cmocka_unit_test(stir_rekeys),
    };

    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
