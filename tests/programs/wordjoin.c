/*
 * wordjoin LEFT RIGHT: a hash join of the words of two texts. Builds a table of LEFT's words with their counts, probes
 * it with each word of RIGHT, and prints the size of the join (pairs of equal words) and the word with the most pairs.
 */
#include <ctype.h>

#include "common.h"

#define SLOTS     (1u << 15) /* of 32 bytes: 1 MiB */
#define WORDS_MAX (SLOTS / 4 * 3)

struct entry {
    uint64_t hash;
    const char *word;
    uint32_t bytes;
    uint32_t left, right; /* occurrences */
    uint32_t reserved;
};

static struct entry *table;
static unsigned used;

/* The next run of letters, digits and _ at or after *at; 0 bytes: none. */
static struct text next_word(const struct text *text, size_t *at)
{
    size_t start = *at, end;

    while (start < text->bytes && !isalnum((unsigned char)text->at[start]) && text->at[start] != '_')
        start++;
    for (end = start; end < text->bytes && (isalnum((unsigned char)text->at[end]) || text->at[end] == '_'); end++)
        ;
    *at = end;
    return (struct text){ text->at + start, end - start };
}

static struct entry *look_up(const struct text *word)
{
    uint64_t hash = hash_bytes(HASH_START, word->at, word->bytes);
    uint32_t i = (uint32_t)(hash >> 20) % SLOTS;

    while (table[i].bytes != 0 && (table[i].hash != hash || table[i].bytes != word->bytes ||
                                   memcmp(table[i].word, word->at, word->bytes) != 0))
        i = (i + 1) % SLOTS;
    table[i].hash = hash;
    return &table[i];
}

static void build(const struct text *text)
{
    struct text word;

    for (size_t at = 0; (word = next_word(text, &at)).bytes > 0;) {
        struct entry *entry = look_up(&word);
        if (entry->bytes == 0) {
            if (used == WORDS_MAX)
                continue;
            used++;
            entry->word = word.at;
            entry->bytes = (uint32_t)word.bytes;
        }
        entry->left++;
    }
}

static size_t probe(const struct text *text)
{
    struct text word;
    size_t words = 0;

    for (size_t at = 0; (word = next_word(text, &at)).bytes > 0; words++) {
        struct entry *entry = look_up(&word);
        if (entry->bytes != 0)
            entry->right++;
    }
    return words;
}

static uint64_t pairs(const struct entry *entry)
{
    return (uint64_t)entry->left * entry->right;
}

/* Ties go to the word that comes first in the alphabet, so that the answer does not depend on addresses. */
static int better(const struct entry *a, const struct entry *b)
{
    if (b->bytes == 0 || pairs(a) != pairs(b))
        return b->bytes == 0 || pairs(a) > pairs(b);
    int order = memcmp(a->word, b->word, a->bytes < b->bytes ? a->bytes : b->bytes);
    return order != 0 ? order < 0 : a->bytes < b->bytes;
}

int main(int count, char **arguments)
{
    uint64_t join = 0;
    struct entry none = { 0 };
    const struct entry *best = &none;

    if (count != 3)
        die("usage: wordjoin LEFT RIGHT");
    struct text left = map_text(arguments[1]), right = map_text(arguments[2]);
    table = calloc(SLOTS, sizeof *table);
    if (table == NULL)
        die("no memory for the table");
    build(&left);
    size_t words = probe(&right);
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (table[i].bytes == 0)
            continue;
        join += pairs(&table[i]);
        if (better(&table[i], best))
            best = &table[i];
    }
    printf("wordjoin distinct=%u words=%zu pairs=%llu most=%.*s:%llu\n", used, words, (unsigned long long)join,
           (int)best->bytes, best->word, (unsigned long long)pairs(best));
    return 0;
}
