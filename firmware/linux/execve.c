/*
 * execve: the calling process goes on with another program.
 *
 * The new space is built beside the old one, out of which the arguments are copied; until that has succeeded nothing has
 * happened. Then the other threads end, and the rest cannot fail.
 *
 * A file that begins with #! is run by the program named there: `#!NAME ARGUMENT` and a call of SCRIPT A B become
 * NAME ARGUMENT SCRIPT A B.
 */
#include <errno.h>
#include <string.h>

#include "firmware/event.h"
#include "firmware/exec.h"
#include "firmware/linux/calls.h"
#include "firmware/linux/file.h"
#include "firmware/linux/path.h"
#include "firmware/linux/signal.h"
#include "firmware/linux/timer.h"
#include "firmware/usercopy.h"
#include "hal/cpu_riscv.h"

#define SCRIPT_LINE   256u /* BINPRM_BUF_SIZE of linux/binfmts.h: what is longer is cut off */
#define SCRIPTS_MAX   4u   /* a script's interpreter may be a script, so often */
#define OWN_PROGRAM   "/proc/self/exe"
#define SCRIPT_SPACES " \t"

/* In a frame on loan. */
struct script {
    char lines[SCRIPTS_MAX][SCRIPT_LINE];
    const char *words[2 * SCRIPTS_MAX + 2]; /* filled from the end; the last is NULL */
    unsigned depth, first;
};
_Static_assert(sizeof(struct script) <= PAGE_BYTES, "one frame");

static int open_program(uint32_t at, const char *path, struct object **object)
{
    struct file *file;

    if (!strcmp(path, OWN_PROGRAM) && process_current()->program)
        return inode_object(process_current()->program, object);
    struct linux_stat status = { 0 };
    int error = file_open(at, path, LINUX_O_RDONLY, 0, &file);

    if (error)
        return error;
    if (file->ops->status(file, &status) || !(status.st_mode & 0111) || !file->ops->object) {
        file_put(file);
        return -EACCES;
    }
    *object = file->ops->object(file);
    object_get(*object);
    file_put(file);
    return 0;
}

/* Takes the first line apart and puts its words before the others. `*name`: the interpreter's. -ENOEXEC: no script. */
static int read_script(struct script *script, struct object *object, const char *path, const char **name)
{
    if (script->depth == SCRIPTS_MAX)
        return -ELOOP;
    char *line = script->lines[script->depth++];
    int64_t bytes = MM_RETRY(object_read(object, 0, NULL, (va_t)line, SCRIPT_LINE - 1));

    if (bytes < 2 || line[0] != '#' || line[1] != '!')
        return bytes < 0 ? (int)bytes : -ENOEXEC;
    line[bytes] = 0;
    line[strcspn(line, "\n")] = 0;
    char *word = line + 2 + strspn(line + 2, SCRIPT_SPACES);
    char *rest = word + strcspn(word, SCRIPT_SPACES);

    if (!*word)
        return -ENOEXEC;
    if (*rest)
        *rest++ = 0;
    rest += strspn(rest, SCRIPT_SPACES);
    for (size_t end = strlen(rest); end && strchr(SCRIPT_SPACES, rest[end - 1]); end--)
        rest[end - 1] = 0;
    /* The path of the script itself stands first, or is the name that an outer script gave. */
    if (script->depth == 1)
        script->words[--script->first] = path;
    if (*rest)
        script->words[--script->first] = rest;
    script->words[--script->first] = word;
    *name = word;
    return 0;
}

/* `at` and `path` name the file; the words of scripts go into `script`. */
static int load(struct script *script, uint32_t at, const char *path, struct exec_strings *strings,
                struct exec_program *program)
{
    const char *name = path, *why;

    for (;;) {
        struct object *object;
        int error = open_program(at, name, &object);

        if (error)
            return error;
        error = exec_load(process_current(), object, name, strings, program, &why);
        if (error == -ENOEXEC) {
            error = read_script(script, object, path, &name);
            strings->before = &script->words[script->first];
            error = error ? error : -EAGAIN;
        }
        object_put(object);
        if (error != -EAGAIN)
            return error;
    }
}

static int load_with_scripts(uint32_t at, const char *path, struct exec_strings *strings, struct exec_program *program)
{
    pa_t frame;
    int error = (int)MM_RETRY(mm_frame_get(&frame));

    if (error)
        return error;
    struct script *script = cpu_direct(frame);

    script->first = sizeof(script->words) / sizeof(script->words[0]) - 1;
    error = load(script, at, path, strings, program);
    mm_frame_put(frame);
    return error;
}

/* ---- From the old program to the new one ---- */

/* What is shared with other processes becomes the caller's own, while that can still fail. */
static int unshare(struct process *process)
{
    struct signal_actions *actions = process->actions;
    struct files *files = process->files;

    if (files->references > 1) {
        int error = files_copy(files, &process->files);

        if (error)
            return error;
        files_put(files);
    }
    if (actions->references > 1) {
        process->actions = signal_actions_copy(actions);
        if (!process->actions) {
            process->actions = actions;
            return -ENOMEM;
        }
        signal_actions_put(actions);
    }
    return 0;
}

static void reset_signals(struct task *task)
{
    struct signal_actions *actions = task->process->actions;

    for (unsigned i = 0; i < SIGNALS; i++)
        actions->of[i] = (struct signal_action){
            .handler = actions->of[i].handler == LINUX_SIG_IGN ? LINUX_SIG_IGN : LINUX_SIG_DFL,
        };
    task->signal_stack = 0;
    task->signal_stack_bytes = 0;
    task->signal_stack_flags = LINUX_SS_DISABLE;
}

static void begin_program(struct task *task, const struct exec_program *program)
{
    struct process *process = task->process;

    process_release_words();
    reset_signals(task);
    timer_delete_created(process);
    process_change_space(process, program->space);
    process_take_program(process, program);
    memcpy(task->name, program->name, sizeof(task->name));
    memset(&task->floats, 0, sizeof(task->floats));
    task->float_saved = false;
    trap_frame_init(task->frame, program->entry, program->stack);
    event_note(EVENT_PROGRAM, task->id, program->entry);
    task_float_changed(task);
    process->exit_signal = LINUX_SIGCHLD;
    files_close_on_exec(process->files);
}

static int64_t exec(uint32_t at, const char *path, va_t arguments, va_t environment)
{
    struct task *task = task_current();
    struct exec_strings strings = { task->space, arguments, environment, NULL };
    struct exec_program program;
    int error = load_with_scripts(at, path, &strings, &program);

    if (error)
        return error;
    error = process_become_single();
    if (!error)
        error = unshare(task->process);
    if (error)
        space_put(program.space);
    else
        begin_program(task, &program);
    return error;
}

/* On success it does not return to its caller: every register is the new program's. */
int64_t sys_execve(va_t path, va_t arguments, va_t environment)
{
    struct path_argument argument;
    int64_t error = path_get(LINUX_AT_FDCWD, path, &argument);

    if (error)
        return error;
    error = exec(argument.at, argument.path, arguments, environment);
    path_release(&argument);
    if (error)
        return error;
    trap_return_to_user(task_current()->frame);
}
