/* The main job: reads its description, starts its tasks, waits, and tells what came of them. */
#include "firmware/job.h"

#include <errno.h>
#include <string.h>

#include "firmware/job_output.h"
#include "firmware/linux/path.h"
#include "firmware/log.h"
#include "firmware/process.h"
#include "firmware/usercopy.h"

#define TASKS_MAX     16u
#define ARGUMENTS_MAX 15u

struct job_task {
    char *name, *command, *expected; /* in the description */
    struct process *process;         /* NULL: not begun, or ended */
    struct space *space;             /* a reference, so that its statistics outlive its process */
    struct space_statistics statistics;
    struct job_output output;
    const char *failure; /* why it could not begin, or NULL */
    int32_t status;
};

static struct pool task_pool = POOL_OF(struct job_task);

static struct {
    const struct flash *flash;
    pa_t page; /* holds the description */
    struct job_task *tasks[TASKS_MAX];
    unsigned count, done;
    uint64_t started;
} job;

/* ---- The description ---- */

bool job_exists(const char *path)
{
    uint32_t node;

    return mm_store() && path_find(NODE_ROOT, path, &node) == 0;
}

/* The text of the file, with a 0 behind it. */
static int read_description(const char *path, char **text)
{
    struct file *file;
    int error = file_open(NODE_ROOT, path, LINUX_O_RDONLY, 0, &file);

    if (error)
        return error;
    error = (int)MM_RETRY(mm_frame_get(&job.page));
    if (!error) {
        *text = cpu_direct(job.page);
        int64_t bytes = file_read(file, (struct span){ NULL, (va_t)*text, PAGE_BYTES }, 0);
        error = bytes < 0 ? (int)bytes : bytes == PAGE_BYTES ? -EFBIG : 0;
        if (error)
            mm_frame_put(job.page);
    }
    file_put(file);
    return error;
}

/* Cuts *text at the first of `separator`, moves *text behind it, and gives the piece without spaces around it. */
static char *cut(char **text, char separator)
{
    char *piece = *text + strspn(*text, " ");
    char *end = strchr(piece, separator);

    if (!end)
        end = piece + strlen(piece);
    *text = *end ? end + 1 : end;
    *end = 0;
    while (end > piece && end[-1] == ' ')
        *--end = 0;
    return piece;
}

static int parse(char *text)
{
    while (*text) {
        char *line = cut(&text, '\n');

        if (*line == 0 || *line == '#')
            continue;
        struct job_task *task = job.count < TASKS_MAX ? pool_wait(&task_pool) : NULL;
        if (!task)
            return job.count < TASKS_MAX ? -ENOMEM : -E2BIG;
        job.tasks[job.count++] = task;
        task->name = cut(&line, '|');
        task->command = cut(&line, '|');
        task->expected = cut(&line, '|');
        if (!*task->command || !*task->expected)
            return -EINVAL;
    }
    return job.count ? 0 : -EINVAL;
}

/* ---- Running ---- */

static void start(struct job_task *task)
{
    const char *arguments[ARGUMENTS_MAX + 1] = { 0 };
    struct files *files = job_output_files(&task->output);
    char *rest = task->command;

    for (unsigned i = 0; i < ARGUMENTS_MAX && *rest; i++)
        arguments[i] = cut(&rest, ' ');
    task->failure = *rest ? "too many words" : "no memory";
    if (!files)
        return;
    if (!*rest && process_spawn(arguments[0], arguments, files, &task->process, &task->failure) == 0) {
        task->failure = NULL;
        task->space = task->process->space;
        space_get(task->space);
    }
    files_put(files);
}

static void finish(struct job_task *task)
{
    task->status = process_wait(task->process);
    task->process = NULL;
    space_statistics(task->space, &task->statistics);
    space_put(task->space);
}

static bool as_expected(const struct job_task *task)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = { { "SIGILL", 4 }, { "SIGTRAP", 5 }, { "SIGABRT", 6 },
                    { "SIGBUS", 7 }, { "SIGKILL", 9 }, { "SIGSEGV", 11 } };

    if (task->failure)
        return false;
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(task->expected, signals[i].name) == 0)
            return task->status == STATUS_SIGNAL(signals[i].number);
    return task->status == STATUS_EXIT(0) && strcmp(task->expected, task->output.line) == 0;
}

static void show_progress(void)
{
    struct mm_statistics mm;
    uint64_t faults = 0;

    mm_statistics(&mm);
    for (unsigned kind = 0; kind < FAULT_KINDS; kind++)
        faults += mm.faults[kind];
    log_line("job %lu s: %u of %u tasks done, %lu faults (%lu from flash), %lu KiB written to flash",
             timer_ns_from_ticks(timer_now() - job.started) / 1000000000, job.done, job.count, faults,
             mm.faults[FAULT_FLASH], job.flash ? job.flash->counters.program_bytes >> 10 : 0);
}

/* Sleeps until a task ends or `deadline`. */
static void wait_for_any(uint64_t deadline)
{
    struct waiter waiters[TASKS_MAX];
    bool ended = false;

    for (unsigned i = 0; i < job.count; i++)
        if (job.tasks[i]->process) {
            waiter_add(&job.tasks[i]->process->ended, &waiters[i]);
            ended |= job.tasks[i]->process->state == PROCESS_ZOMBIE;
        }
    if (!ended)
        (void)task_block(deadline, false);
    for (unsigned i = 0; i < job.count; i++)
        if (job.tasks[i]->process)
            waiter_remove(&waiters[i]);
}

static void run_all(void)
{
    uint64_t second = timer_ticks_from_us(1000000), next;

    job.started = timer_now();
    next = job.started + second;
    for (unsigned i = 0; i < job.count; i++) {
        start(job.tasks[i]);
        job.done += job.tasks[i]->failure != NULL;
    }
    while (job.done < job.count) {
        wait_for_any(next);
        for (unsigned i = 0; i < job.count; i++)
            if (job.tasks[i]->process && job.tasks[i]->process->state == PROCESS_ZOMBIE) {
                finish(job.tasks[i]);
                job.done++;
            }
        if (timer_now() >= next) {
            show_progress();
            next = timer_now() + second;
        }
    }
}

/* ---- The table ---- */

static void show_task(const struct job_task *task)
{
    const struct space_statistics *s = &task->statistics;
    const uint64_t *faults = s->faults;

    log_begin();
    log_part("job %-10s %6u %6u %6lu %6lu %6lu %6lu %6lu  ", task->name, s->mapped_pages * 4,
             s->resident_peak_pages * 4, faults[FAULT_ZERO] + faults[FAULT_ZERO_READ], faults[FAULT_COPY],
             faults[FAULT_FILE], faults[FAULT_TAIL], faults[FAULT_FLASH]);
    if (task->failure)
        log_part("NOT BEGUN: %s", task->failure);
    else if (as_expected(task))
        log_part("%s", task->status == STATUS_EXIT(0) ? "result as on the host" : "stopped, as it has to be");
    else
        log_part("WRONG: status %u, \"%s\", not \"%s\"", (unsigned)process_shell_status(task->status),
                 task->output.line, task->expected);
    log_end();
}

static void show_flash(void)
{
    struct store_statistics s;

    if (!job.flash || !mm_store())
        return;
    store_statistics(mm_store(), &s);
    uint64_t out = s.payload_bytes_out ? s.payload_bytes_out : 1;
    log_line("job flash: %lu bytes written, %lu read, %lu erases; pages compressed %lu.%02lu to 1",
             job.flash->counters.program_bytes, job.flash->counters.read_bytes, job.flash->counters.erases,
             s.payload_bytes_in / out, s.payload_bytes_in % out * 100 / out);
}

static unsigned show_table(void)
{
    unsigned wrong = 0;

    log_line("job task       KiB:  size   peak faults:zero copy   file   tail  flash  result");
    for (unsigned i = 0; i < job.count; i++) {
        show_task(job.tasks[i]);
        wrong += !as_expected(job.tasks[i]);
    }
    show_flash();
    log_line("job ended: %u of %u tasks as expected", job.count - wrong, job.count);
    return wrong;
}

int job_run(const char *path, const struct flash *flash)
{
    char *text = NULL;
    int error = read_description(path, &text);

    job.flash = flash;
    job.count = job.done = 0;
    if (error) {
        log_line("job cannot be read from %s: error %d", path, -error);
        return error;
    }
    error = parse(text);
    if (error) {
        log_line("job description %s is wrong, or too long, in its line for task %u", path, job.count);
    } else {
        log_line("job of %u tasks", job.count);
        run_all();
        error = show_table() ? 1 : 0;
    }
    for (unsigned i = 0; i < job.count; i++)
        pool_put(&task_pool, job.tasks[i]);
    mm_frame_put(job.page);
    return error;
}
