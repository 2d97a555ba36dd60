/* Program files that are made to deceive: this program's own file with a field changed, and scripts. */
#include "tests/programs/attack/attack.h"

#include <elf.h>
#include <stddef.h>
#include <sys/stat.h>

#define NAME "attack.elf"

/* Where a field of the ELF header, or of the first segment to load, lies in the file. */
#define HEADER(field) ((uint32_t)offsetof(Elf64_Ehdr, field) | (uint32_t)sizeof(((Elf64_Ehdr *)0)->field) << 16)
#define SEGMENT(field) \
    ((uint32_t)offsetof(Elf64_Phdr, field) | (uint32_t)sizeof(((Elf64_Phdr *)0)->field) << 16 | 1u << 24)

static const struct change {
    uint32_t field;
    uint64_t value;
} changes[] = {
    { HEADER(e_entry), 0 },
    { HEADER(e_entry), KERNEL_IMAGE },
    { HEADER(e_entry), USER_END },
    { HEADER(e_phoff), ~0ul },
    { HEADER(e_phoff), 1ul << 40 },
    { HEADER(e_phoff), 4090 },
    { HEADER(e_phnum), 0xffff },
    { HEADER(e_phnum), 0 },
    { HEADER(e_phentsize), 1 },
    { HEADER(e_machine), EM_X86_64 },
    { HEADER(e_type), ET_REL },
    { SEGMENT(p_vaddr), 0 },
    { SEGMENT(p_vaddr), KERNEL_IMAGE },
    { SEGMENT(p_vaddr), KERNEL_DIRECT + RAM_START },
    { SEGMENT(p_vaddr), USER_END - PAGE },
    { SEGMENT(p_vaddr), ~0ul & ~(PAGE - 1) },
    { SEGMENT(p_memsz), ~0ul },
    { SEGMENT(p_memsz), 1ul << 46 },
    { SEGMENT(p_memsz), 1 },
    { SEGMENT(p_filesz), ~0ul },
    { SEGMENT(p_filesz), 1ul << 40 },
    { SEGMENT(p_offset), ~0ul & ~(PAGE - 1) },
    { SEGMENT(p_offset), 1 },
    { SEGMENT(p_flags), PF_R | PF_W | PF_X },
    { SEGMENT(p_flags), PF_W | PF_X },
    { SEGMENT(p_flags), PF_R },
    { SEGMENT(p_type), PT_INTERP },
};

static void copy_own(int to)
{
    static char block[16 * PAGE];
    int from = open(own_path, O_RDONLY);
    ssize_t got;

    expect(from >= 0, own_path);
    while ((got = read(from, block, sizeof(block))) > 0)
        expect(write(to, block, (size_t)got) == got, "write");
    close(from);
}

static off_t place_of(int file, uint32_t field)
{
    Elf64_Ehdr header;
    Elf64_Phdr segment;

    if (!(field >> 24))
        return field & 0xffff;
    expect(pread(file, &header, sizeof(header), 0) == sizeof(header), "read");
    for (unsigned i = 0; i < header.e_phnum; i++) {
        off_t at = (off_t)(header.e_phoff + i * sizeof(segment));

        expect(pread(file, &segment, sizeof(segment), at) == sizeof(segment), "read");
        if (segment.p_type == PT_LOAD)
            return at + (field & 0xffff);
    }
    broken("no segment to load");
}

/* A program that is refused leaves its caller as it was; one that is not, is a program that ends by itself. */
static void execute(const char *name)
{
    char *vector[] = { (char *)(uintptr_t)name, (char *)(uintptr_t) "probe-nothing", NULL };
    pid_t id = fork();

    expect(id >= 0, "fork");
    if (id == 0) {
        execv(name, vector);
        _exit(99);
    }
    waitpid(id, NULL, 0);
}

static void changed_fields(char *page, uintptr_t with)
{
    int file = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0700);

    (void)page, (void)with;
    expect(file >= 0, "open");
    copy_own(file);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        size_t bytes = changes[i].field >> 16 & 0xff;
        off_t at = place_of(file, changes[i].field);
        uint64_t before = 0;

        expect(pread(file, &before, bytes, at) == (ssize_t)bytes, "read");
        expect(pwrite(file, &changes[i].value, bytes, at) == (ssize_t)bytes, "write");
        execute(NAME);
        expect(pwrite(file, &before, bytes, at) == (ssize_t)bytes, "write");
    }
    close(file);
    unlink(NAME);
}

/* Random bytes of the first page changed, seeded. */
static void changed_bytes(char *page, uintptr_t seed)
{
    uint64_t state = seed;
    int file = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0700);

    (void)page;
    expect(file >= 0, "open");
    copy_own(file);
    for (unsigned i = 0; i < 60; i++) {
        uint8_t before, after = (uint8_t)random_next(&state);
        off_t at = (off_t)(random_next(&state) % 400);

        expect(pread(file, &before, 1, at) == 1 && pwrite(file, &after, 1, at) == 1, "a byte");
        execute(NAME);
        expect(pwrite(file, &before, 1, at) == 1, "write");
    }
    close(file);
    unlink(NAME);
}

static void cut_short(char *page, uintptr_t with)
{
    static const off_t lengths[] = { 0, 1, 4, 63, 64, 65, 400, 4095, 4096, 4097, 65536 };
    int file = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0700);

    (void)page, (void)with;
    expect(file >= 0, "open");
    copy_own(file);
    for (size_t i = sizeof(lengths) / sizeof(lengths[0]); i > 0; i--) {
        expect(ftruncate(file, lengths[i - 1]) == 0, "ftruncate");
        execute(NAME);
    }
    close(file);
    unlink(NAME);
}

/* The file changes and shrinks under a program that runs from it: it may end, nobody else. */
static void changed_while_running(char *page, uintptr_t with)
{
    int file = open(NAME, O_RDWR | O_CREAT | O_TRUNC, 0700);

    (void)page, (void)with;
    expect(file >= 0, "open");
    copy_own(file);
    for (unsigned i = 0; i < 6; i++) {
        pid_t id = fork();

        if (id == 0) {
            execl(NAME, NAME, "probe-nothing", NULL);
            _exit(99);
        }
        for (unsigned turns = 0; turns < i; turns++)
            sched_yield();
        (void)!ftruncate(file, PAGE);
        waitpid(id, NULL, 0);
        (void)!ftruncate(file, 0);
        lseek(file, 0, SEEK_SET);
        copy_own(file);
    }
    close(file);
    unlink(NAME);
}

static void script(const char *text, size_t bytes)
{
    int file = open("attack.sh", O_RDWR | O_CREAT | O_TRUNC, 0700);

    expect(file >= 0 && write(file, text, bytes) == (ssize_t)bytes, "write");
    close(file);
    execute("attack.sh");
    unlink("attack.sh");
}

static void scripts(char *page, uintptr_t with)
{
    static char longest[8192];

    (void)page, (void)with;
    script("#!", 2);
    script("#!\n", 3);
    script("#!   \n", 6);
    script("#!/nothing here\n", 16);
    script("#!attack.sh\n", 12); /* itself */
    script("#!attack.sh x\n", 14);
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "#!/", 3);
    script(longest, sizeof(longest));
    script("#!\0/bin\n", 8);
}

static void other_things(char *page, uintptr_t with)
{
    (void)page, (void)with;
    execute("/");
    execute("/dev/zero");
    execute("/dev/null");
    execute("/proc/self/maps");
    execute("");
    execute("/proc/self/exe/x");
}

#define NO(what, run, with, ends)    \
    {                                \
        what, run, with, ends, false \
    }

const struct attack file_attacks[] = {
    NO("ELF fields that deceive", changed_fields, 0, 0),
    NO("ELF bytes changed at random", changed_bytes, 0xe1f, 0),
    NO("ELF files cut short", cut_short, 0, 0),
    NO("a program's file changes while it runs", changed_while_running, 0, 0),
    NO("scripts", scripts, 0, 0),
    NO("programs that are none", other_things, 0, 0),
    { 0 },
};
