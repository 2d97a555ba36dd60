/* Sources of entropy, and the seed that goes from boot to boot. */
#include "firmware/entropy.h"

#include <errno.h>
#include <string.h>

#include "firmware/log.h"
#include "firmware/random.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"
#include "hal/timer.h"
#include "mm/mm.h"

#define STRONG_BYTES  32u /* of rng-seed, for a key of 256 bits */
#define ZKR_WORDS     32u /* of 16 bits that hold 8 or more of entropy each */
#define JITTER_ROUNDS 32u
#define KEEP_ATTEMPTS 3u /* a block may fail under the commit */

static struct {
    uint32_t board_bytes; /* rng-seed */
    bool zkr, kept, kept_strong;
    bool begun; /* a commit, by entropy_step() */
    unsigned failed;
    int error; /* of keeping the seed; -EAGAIN: not known yet */
} entropy;

static bool own_is_strong(void)
{
    return entropy.zkr || entropy.board_bytes >= STRONG_BYTES;
}

/* The kept seed is all there is: it has to be replaced before anybody gets what was drawn from it. */
static bool rests_on_kept(void)
{
    return entropy.kept_strong && !own_is_strong();
}

/* ---- Sources ---- */

static void stir_zkr(void)
{
    uint16_t words[ZKR_WORDS] = { 0 };

    entropy.zkr = cpu_entropy(words, ZKR_WORDS);
    random_stir(words, sizeof(words));
    memset(words, 0, sizeof(words));
}

/* How long reads of the flash take, to the cycle, and how that stands to the clock. */
static void stir_jitter(struct flash *flash)
{
    uint32_t times[2 * JITTER_ROUNDS];
    uint64_t word;

    for (uint32_t i = 0; i < JITTER_ROUNDS; i++) {
        if (flash && flash_read(flash, i * (uint32_t)sizeof(word), &word, sizeof(word)))
            flash = NULL;
        times[2 * i] = (uint32_t)cpu_cycles();
        times[2 * i + 1] = (uint32_t)timer_now();
    }
    random_stir(times, sizeof(times));
}

void entropy_gather(struct platform *platform, struct flash *flash)
{
    entropy.board_bytes = platform->seed_bytes;
    random_stir(platform->seed, platform->seed_bytes);
    memset(platform->seed, 0, sizeof(platform->seed));
    if (platform->has_zkr)
        stir_zkr();
    stir_jitter(flash);
}

/* ---- The kept seed ---- */

void entropy_open(struct store *store)
{
    struct store_seed seed;
    uint8_t now[STORE_SEED_BYTES];

    entropy.kept = store_seed_kept(store, &seed);
    entropy.kept_strong = entropy.kept && seed.strong;
    if (entropy.kept)
        random_stir(seed.bytes, sizeof(seed.bytes));
    random_fill(now, sizeof(now));
    random_fill(seed.bytes, sizeof(seed.bytes));
    seed.strong = own_is_strong() || entropy.kept_strong;
    store_seed_set(store, now, &seed);
    entropy.error = store_seed_state(store) == STORE_SEED_DONE ? 0 : -EAGAIN;
    memset(now, 0, sizeof(now));
    memset(&seed, 0, sizeof(seed));
}

/* In a commit of our own, unless another's has come first or may still do so. */
static int keep(void)
{
    enum store_seed_state state = store_seed_state(mm_store());
    int error = 0;

    if (!entropy.begun && state == STORE_SEED_DONE)
        return 0;
    if (!entropy.begun && state == STORE_SEED_DUE && !rests_on_kept())
        return -EAGAIN;
    if (!entropy.begun)
        error = store_begin(mm_store(), 0);
    if (error)
        return error;
    entropy.begun = true;
    return store_commit(mm_store());
}

/* Without the kept seed the keys are what this boot's own sources make them. */
static void give_up(int error)
{
    uint8_t now[STORE_SEED_BYTES];

    if (entropy.begun)
        store_abort(mm_store());
    entropy.begun = false;
    entropy.error = error;
    entropy.kept_strong = false;
    random_fill(now, sizeof(now));
    store_seed_set(mm_store(), now, NULL);
    memset(now, 0, sizeof(now));
    log_line("entropy: no seed can be kept for the next boot (error %d)", -error);
}

void entropy_step(void)
{
    if (entropy.error != -EAGAIN)
        return;
    int error = keep();

    if (error == -EAGAIN)
        return;
    entropy.begun = false;
    if (!error)
        entropy.error = 0;
    else if (++entropy.failed == KEEP_ATTEMPTS)
        give_up(error);
}

static int seed_is_kept(void)
{
    return entropy.error;
}

void entropy_report(void)
{
    if (rests_on_kept() && MM_RETRY(seed_is_kept()) == -ENOMEM && entropy.error == -EAGAIN)
        give_up(-ENOMEM);
    log_line("entropy=%s, from%s%s%s jitter", own_is_strong() || entropy.kept_strong ? "strong" : "weak",
             entropy.board_bytes ? " rng-seed," : "", entropy.zkr ? " Zkr," : "", entropy.kept ? " kept seed," : "");
}
