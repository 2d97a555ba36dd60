/* The rules: how they are written, when they hit; and what they do to memory and to interrupts. */
#include "firmware/inject.h"

#include <errno.h>
#include <string.h>

#include "firmware/log.h"
#include "firmware/monitor_commands.h"
#include "mm/assert.h"
#include "firmware/timeout.h"
#include "hal/cpu_riscv.h"
#include "mm/mm.h"

#define RULES_MAX     8u
#define PERCENT_MOST  100u
#define ARGUMENT_MOST 256u

static const char effects[INJECT_EFFECTS][9] = { "fail", "delay",    "corrupt", "tear", "busy",
                                                 "cut",  "misplace", "lose",    "storm" };
static const char targets[INJECT_TARGETS][9] = { "read", "program", "erase", "id",      "frame",
                                                 "page", "copy",    "timer", "external" };

#define OPERATIONS (1u << INJECT_READ | 1u << INJECT_PROGRAM | 1u << INJECT_ERASE)
#define WRITES     (1u << INJECT_PROGRAM | 1u << INJECT_ERASE)
#define INTERRUPTS (1u << INJECT_TIMER | 1u << INJECT_EXTERNAL)
#define MEMORY     (1u << INJECT_FRAME | 1u << INJECT_PAGE | 1u << INJECT_COPY)

/* What each effect can be had on. */
static const uint16_t allowed[INJECT_EFFECTS] = {
    [INJECT_FAIL] = OPERATIONS | MEMORY | 1u << INJECT_ID,
    [INJECT_DELAY] = OPERATIONS,
    [INJECT_CORRUPT] = OPERATIONS,
    [INJECT_TEAR] = WRITES,
    [INJECT_BUSY] = OPERATIONS,
    [INJECT_CUT] = OPERATIONS,
    [INJECT_MISPLACE] = WRITES,
    [INJECT_LOSE] = INTERRUPTS,
    [INJECT_STORM] = INTERRUPTS,
};

/* Longer than any operation of a part may take, and yet nobody waits for the machine for ever. */
#define US_MOST 10000000u

static const char keys[INJECT_KEYS][6] = { "nth", "every", "share", "seed", "times", "from", "bytes", "us" };

static struct {
    bool on;
    unsigned count;
    struct inject_rule rules[RULES_MAX];
    struct inject_rule *storm; /* the one that runs */
    struct timeout storm_next;
    bool external; /* to be made up at the next look */
} inject;

bool inject_is_on(void)
{
    return inject.on;
}

/* ---- When ---- */

/* xorshift64* (Vigna 2016); the state is never 0. */
uint32_t inject_random(struct inject_rule *rule)
{
    rule->random ^= rule->random >> 12;
    rule->random ^= rule->random << 25;
    rule->random ^= rule->random >> 27;
    return (uint32_t)(rule->random * 0x2545f4914f6cdd1dull >> 32);
}

static bool touches(const uint32_t *keys_of, uint32_t start, uint32_t bytes)
{
    uint64_t end = keys_of[INJECT_BYTES] ? (uint64_t)keys_of[INJECT_FROM] + keys_of[INJECT_BYTES] : UINT64_MAX;

    return start < end && (!keys_of[INJECT_FROM] || (uint64_t)start + bytes > keys_of[INJECT_FROM]);
}

static bool hits(struct inject_rule *rule)
{
    const uint32_t *key = rule->key;

    rule->seen++;
    if (key[INJECT_TIMES] && rule->hits == key[INJECT_TIMES])
        return false;
    if (key[INJECT_NTH] && rule->seen != key[INJECT_NTH])
        return false;
    if (key[INJECT_EVERY] && rule->seen % key[INJECT_EVERY] != 0)
        return false;
    if (key[INJECT_SHARE] && inject_random(rule) % PERCENT_MOST >= key[INJECT_SHARE])
        return false;
    rule->hits++;
    return true;
}

struct inject_rule *inject_hit(enum inject_target target, uint32_t start, uint32_t bytes)
{
    for (struct inject_rule *rule = inject.rules; rule < inject.rules + inject.count; rule++)
        if (rule->target == target && rule->effect != INJECT_STORM && touches(rule->key, start, bytes) && hits(rule))
            return rule;
    return NULL;
}

/* ---- Memory and interrupts ---- */

static bool refuse(enum mm_request request)
{
    return inject_hit(INJECT_FRAME + (enum inject_target)request, 0, 0) != NULL;
}

/* Timer interrupts are had by asking for them; of the others only the look can be made up. */
static void storm(struct timeout *timeout)
{
    struct inject_rule *rule = inject.storm;

    rule->seen++;
    rule->hits++;
    inject.external = rule->target == INJECT_EXTERNAL;
    if (rule->hits < rule->key[INJECT_TIMES])
        timeout_set(timeout, timer_now() + timer_ticks_from_us(rule->key[INJECT_US]));
}

uint64_t inject_interrupts(uint64_t pending)
{
    if (!inject.count)
        return pending;
    if ((pending & SIE_STIE) && inject_hit(INJECT_TIMER, 0, 0))
        pending &= ~(uint64_t)SIE_STIE;
    if ((pending & SIE_SEIE) && inject_hit(INJECT_EXTERNAL, 0, 0))
        pending &= ~(uint64_t)SIE_SEIE;
    if (inject.external)
        pending |= SIE_SEIE;
    inject.external = false;
    return pending;
}

/* ---- How they are written ---- */

static int find(const char *word, const char *names, unsigned count, size_t each)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(word, names + i * each) == 0)
            return (int)i;
    return -1;
}
#define FIND(word, names) find(word, names[0], sizeof(names) / sizeof(names[0]), sizeof(names[0]))

/* Interrupts that are always lost, and storms that never end, would leave nobody to take them back. */
static bool ends(const struct inject_rule *rule)
{
    const uint32_t *key = rule->key;

    if (rule->effect == INJECT_STORM)
        return key[INJECT_TIMES] != 0;
    return rule->effect != INJECT_LOSE || key[INJECT_TIMES] || key[INJECT_NTH] || key[INJECT_EVERY] > 1 ||
           (key[INJECT_SHARE] && key[INJECT_SHARE] < PERCENT_MOST);
}

static bool parse(struct inject_rule *rule, unsigned count, const char *const *words)
{
    int effect = count < 2 || count % 2 ? -1 : FIND(words[0], effects);
    int target = effect < 0 ? -1 : FIND(words[1], targets);

    if (target < 0 || !(allowed[effect] >> target & 1))
        return false;
    *rule = (struct inject_rule){ .effect = (uint8_t)effect, .target = (uint8_t)target };
    for (unsigned i = 2; i < count; i += 2) {
        int key = FIND(words[i], keys);
        uint64_t value;

        if (key < 0 || !monitor_number(words[i + 1], &value) || value > (key == INJECT_US ? US_MOST : UINT32_MAX))
            return false;
        rule->key[key] = (uint32_t)value;
    }
    rule->random = rule->key[INJECT_SEED] + 0x9e3779b97f4a7c15ull;
    return ends(rule);
}

static bool add(unsigned count, const char *const *words)
{
    struct inject_rule *rule = &inject.rules[inject.count];

    if (inject.count == RULES_MAX || !parse(rule, count, words) || (rule->effect == INJECT_STORM && inject.storm))
        return false;
    inject.count++;
    if (MEMORY >> rule->target & 1)
        mm_refuse(refuse);
    if (rule->effect == INJECT_STORM) {
        inject.storm = rule;
        timeout_set(&inject.storm_next, timer_now());
    }
    return true;
}

static void clear(void)
{
    inject.count = 0;
    inject.storm = NULL;
    timeout_cancel(&inject.storm_next);
    mm_refuse(NULL);
    inject_flash_clear();
}

void inject_report(void)
{
    for (const struct inject_rule *rule = inject.rules; rule < inject.rules + inject.count; rule++) {
        log_begin();
        log_part("inject: %s %s", effects[rule->effect], targets[rule->target]);
        for (unsigned key = 0; key < INJECT_KEYS; key++)
            if (rule->key[key])
                log_part(" %s %u", keys[key], rule->key[key]);
        log_part(": seen %u, hit %u", rule->seen, rule->hits);
        log_end();
    }
}

/* ---- At boot ---- */

/* The words of one rule; what is behind it. */
static char *split(char *at, const char *words[MONITOR_WORDS_MAX], unsigned *count)
{
    for (*count = 0; *at && *count < MONITOR_WORDS_MAX;) {
        words[(*count)++] = at;
        at += strcspn(at, ",+");
        char separator = *at;

        if (separator)
            *at++ = 0;
        if (separator == '+')
            break;
    }
    return at;
}

void inject_init(const struct platform *platform)
{
    char text[ARGUMENT_MOST] = { 0 };
    const char *words[MONITOR_WORDS_MAX];
    uint32_t bytes = 0;
    const char *value = platform_argument(platform, "inject", &bytes);

    timeout_init(&inject.storm_next, storm);
    inject.on = platform_argument_is(platform, "faults", "on");
    if (inject.on)
        log_line("inject: faults=on: this machine may be told to fail");
    if (!inject.on || !value)
        return;
    memcpy(text, value, bytes < sizeof(text) ? bytes : sizeof(text) - 1);
    for (char *at = text; *at;) {
        unsigned count;

        at = split(at, words, &count);
        if (!add(count, words))
            log_line("inject: no such rule, or us over 10000000: %s ...", words[0]);
    }
    inject_report();
}

/* ---- In the monitor ---- */

int monitor_inject(const struct monitor_host *host, unsigned count, const char *const *words)
{
    if (!inject.on) {
        monitor_print("refused: the boot argument faults=on allows it\n");
        return -EPERM;
    }
    if (count > 1 && strcmp(words[1], "panic") == 0)
        assert_failed(__FILE__, __LINE__); /* as a bug of ours would */
    if (count > 1 && strcmp(words[1], "flip") == 0)
        return inject_flip(host->flash, count - 2, words + 2);
    if (count > 1 && strcmp(words[1], "clear") == 0) {
        clear();
    } else if (count > 1 && !add(count - 1, words + 1)) {
        monitor_print("no such rule, no room for it, or `us` over 10000000; `help inject`\n");
        return -EINVAL;
    }
    inject_report();
    return 0;
}
