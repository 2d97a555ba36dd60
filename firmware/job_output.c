/* What a task of a job prints: only its last line is kept. */
#include "firmware/job_output.h"

#include <errno.h>

#include "firmware/usercopy.h"

static void put(struct job_output *output, char byte)
{
    if (byte == '\n') {
        output->ended = true;
        return;
    }
    if (output->ended)
        output->length = 0;
    output->ended = false;
    if (output->length + 1 < JOB_LINE_BYTES)
        output->line[output->length++] = byte;
    output->line[output->length] = 0;
}

static int64_t output_write(struct file *file, struct span from, uint64_t offset)
{
    char part[64];

    (void)offset;
    for (uint64_t done = 0; done < from.bytes;) {
        uint64_t bytes = from.bytes - done < sizeof(part) ? from.bytes - done : sizeof(part);
        int error = copy_in(from.space, part, from.at + done, bytes);

        if (error)
            return done ? (int64_t)done : error;
        for (uint64_t i = 0; i < bytes; i++)
            put(file->data, part[i]);
        done += bytes;
    }
    return (int64_t)from.bytes;
}

static int64_t output_read(struct file *file, struct span to, uint64_t offset)
{
    (void)file, (void)to, (void)offset;
    return 0;
}

static int output_status(struct file *file, struct linux_stat *status)
{
    (void)file;
    status->st_mode = LINUX_S_IFIFO | 0600;
    return 0;
}

static const struct file_ops output_ops = { .read = output_read, .write = output_write, .status = output_status };

static struct file *open_output(struct job_output *output, uint32_t flags)
{
    struct file *file = file_new(&output_ops, flags);

    if (file)
        file->data = output;
    return file;
}

struct files *job_output_files(struct job_output *output)
{
    struct files *files = files_new();

    if (!files)
        return NULL;
    files->of[0] = open_output(output, LINUX_O_RDONLY);
    files->of[1] = open_output(output, LINUX_O_WRONLY);
    files->of[2] = file_of_console(CONSOLE_ERROR);
    if (files->of[0] && files->of[1] && files->of[2])
        return files;
    files_put(files);
    return NULL;
}
