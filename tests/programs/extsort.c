/*
 * extsort FILE ...: sorts the lines of all files as a sort does whose data do not fit: sorted runs of bounded size, and
 * one merge of all runs. Prints how many lines there are and a hash of the sorted text.
 */
#include "common.h"

#define RUN_BYTES (64u * 1024)
#define RUNS_MAX  256
#define LINES_MAX RUN_BYTES /* of one run */

struct run {
    const char *at, *end;
    uint64_t key; /* of the line at `at` */
};

static char *text, *sorted;
static size_t text_bytes;
static struct run runs[RUNS_MAX];
static unsigned run_count;
static const char *lines[LINES_MAX];

/* Lines end in '\n' and are compared with it, so that the order is total up to equal lines. */
static int compare(const char *a, const char *b)
{
    while (*a == *b && *a != '\n') {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static int compare_lines(const void *a, const void *b)
{
    return compare(*(const char *const *)a, *(const char *const *)b);
}

static size_t line_bytes(const char *line)
{
    return (size_t)((const char *)memchr(line, '\n', (size_t)(text + text_bytes - line)) + 1 - line);
}

static void read_file(const char *path)
{
    size_t bytes;
    int file = open_text(path, &bytes);

    text = realloc(text, text_bytes + bytes + 1);
    if (text == NULL)
        die("no memory for %zu bytes", text_bytes + bytes + 1);
    for (size_t done = 0; done < bytes;) {
        ssize_t got = read(file, text + text_bytes + done, bytes - done);
        if (got <= 0)
            die("%s: %s", path, got == 0 ? "ends early" : strerror(errno));
        done += (size_t)got;
    }
    close(file);
    text_bytes += bytes;
    if (text_bytes > 0 && text[text_bytes - 1] != '\n')
        text[text_bytes++] = '\n';
}

/* One run from `start` to the last line end within RUN_BYTES, at least one line; returns its length. */
static size_t sort_run(size_t start)
{
    size_t bytes = 0, count = 0;

    while (start + bytes < text_bytes && (count == 0 || bytes < RUN_BYTES)) {
        lines[count] = text + start + bytes;
        bytes += (size_t)((char *)memchr(lines[count], '\n', text_bytes - start - bytes) + 1 - lines[count]);
        if (++count == LINES_MAX)
            break;
    }
    qsort(lines, count, sizeof lines[0], compare_lines);
    char *to = sorted + start;
    for (size_t i = 0; i < count; i++) {
        size_t length = line_bytes(lines[i]);
        memcpy(to, lines[i], length);
        to += length;
    }
    return bytes;
}

/* The first eight bytes as a number that compares as the line does: most lines are told apart without their text. */
static uint64_t key_of(const char *line)
{
    uint64_t key = 0;

    for (unsigned i = 0, end = 0; i < 8; i++) {
        key = key << 8 | (end ? 0 : (unsigned char)line[i]);
        end |= end ? 0 : line[i] == '\n';
    }
    return key;
}

static void sort_runs(void)
{
    for (size_t start = 0; start < text_bytes;) {
        size_t bytes = sort_run(start);
        if (run_count == RUNS_MAX)
            die("more than %d runs", RUNS_MAX);
        runs[run_count++] = (struct run){ sorted + start, sorted + start + bytes, key_of(sorted + start) };
        start += bytes;
    }
}

static int before(const struct run *a, const struct run *b)
{
    return a->key != b->key ? a->key < b->key : compare(a->at, b->at) < 0;
}

static struct run *smallest(void)
{
    struct run *best = NULL;

    for (unsigned i = 0; i < run_count; i++)
        if (runs[i].at < runs[i].end && (best == NULL || before(&runs[i], best)))
            best = &runs[i];
    return best;
}

/* Merges the runs back into `text`, which is no longer needed, and hashes it. */
static uint64_t merge(size_t *count)
{
    uint64_t hash = HASH_START;
    struct run *run;
    char *to = text;

    for (*count = 0; (run = smallest()) != NULL; ++*count) {
        size_t length = (size_t)((char *)memchr(run->at, '\n', (size_t)(run->end - run->at)) + 1 - run->at);
        memcpy(to, run->at, length);
        hash = hash_bytes(hash, to, length);
        run->at += length;
        if (run->at < run->end)
            run->key = key_of(run->at);
        to += length;
    }
    return hash;
}

static void check_order(void)
{
    const char *line = text;
    const char *next;

    for (; (next = line + line_bytes(line)) < text + text_bytes; line = next)
        if (compare(line, next) > 0)
            die("not in order at byte %zu", (size_t)(next - text));
}

int main(int count, char **arguments)
{
    size_t found;

    for (int i = 1; i < count; i++)
        read_file(arguments[i]);
    if (text_bytes == 0)
        die("usage: extsort FILE ...");
    sorted = allocate(text_bytes);
    sort_runs();
    uint64_t hash = merge(&found);
    check_order();
    printf("extsort lines=%zu bytes=%zu hash=%016llx\n", found, text_bytes, (unsigned long long)hash);
    return 0;
}
