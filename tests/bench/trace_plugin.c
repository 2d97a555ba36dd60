/*
 * A plugin for QEMU's user mode: which pages a program reads and writes, in order.
 *
 *   qemu-ARCH -plugin trace_plugin.so program ...      writes $TRACE: 32-bit words, page number << 1 | was it a store
 *
 * Pages are numbered as they are first touched; the bytes of instructions count as read, block by block. What changes nothing
 * for a replacement policy is left out: an access to one of the last DEPTH pages is written only when it is that page's first
 * store since it was last written, or REFRESH words after that. (Smith, "Two Methods for the Efficient Analysis of Memory
 * Address Trace Data", 1977: stack deletion; the refresh keeps what is always in use from looking idle.)
 *
 * QEMU 7.2, docs/devel/tcg-plugins.rst, version 1 of the interface.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGE_SHIFT 12u
#define DEPTH      16u
#define REFRESH    128u
#define PLACES     (1u << 17) /* of the table of pages; more than half full is an error */

/* ---- What the emulator offers ---- */

typedef uint64_t plugin_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { PLUGIN_NO_REGISTERS = 0, PLUGIN_READS_AND_WRITES = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_t id, void (*call)(plugin_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*call)(unsigned, void *), int flags,
                                          void *context);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction,
                                      void (*call)(unsigned, uint32_t, uint64_t, void *), int flags, int which,
                                      void *context);
void qemu_plugin_register_atexit_cb(plugin_t id, void (*call)(plugin_t, void *), void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
bool qemu_plugin_mem_is_store(uint32_t info);

/* What it looks for in a plugin. */
extern int qemu_plugin_version;
int qemu_plugin_version = 1;
int qemu_plugin_install(plugin_t id, const void *about, int count, char **arguments);

/* ---- The trace ---- */

struct recent {
    uint64_t page;
    uint32_t written; /* how many words there were when it was last written */
    bool stored;      /* that word said so */
};

static struct recent recent[DEPTH]; /* the last used first */
static uint64_t places[PLACES];     /* page + 1; 0: free */
static uint32_t numbers[PLACES];
static uint32_t pages, words;
static FILE *out;

static uint32_t number_of(uint64_t page)
{
    uint32_t at = (uint32_t)((page * 0x9e3779b97f4a7c15u) >> 40) % PLACES;

    while (places[at] && places[at] != page + 1)
        at = (at + 1) % PLACES;
    if (!places[at]) {
        if (pages == PLACES / 2) {
            fputs("trace_plugin: the program touches too many pages\n", stderr);
            exit(1);
        }
        places[at] = page + 1;
        numbers[at] = pages++;
    }
    return numbers[at];
}

static void access_page(uint64_t page, bool store)
{
    unsigned at = 0;

    while (at < DEPTH && recent[at].page != page)
        at++;
    struct recent found = at < DEPTH ? recent[at] : (struct recent){ .page = page };

    if (at == DEPTH || (store && !found.stored) || words - found.written >= REFRESH) {
        uint32_t word = number_of(page) << 1 | store;

        fwrite(&word, sizeof(word), 1, out);
        found.stored = store;
        found.written = words++;
    }
    for (at = at < DEPTH ? at : DEPTH - 1; at > 0; at--)
        recent[at] = recent[at - 1];
    recent[0] = found;
}

static void on_access(unsigned hart, uint32_t info, uint64_t address, void *context)
{
    (void)hart, (void)context;
    access_page(address >> PAGE_SHIFT, qemu_plugin_mem_is_store(info));
}

static void on_block(unsigned hart, void *page)
{
    (void)hart;
    access_page((uint64_t)page, false);
}

static void on_translation(plugin_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, PLUGIN_NO_REGISTERS,
                                         (void *)(qemu_plugin_tb_vaddr(block) >> PAGE_SHIFT));
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, i), on_access, PLUGIN_NO_REGISTERS,
                                         PLUGIN_READS_AND_WRITES, NULL);
}

static void on_exit_of_program(plugin_t id, void *context)
{
    (void)id, (void)context;
    fclose(out);
}

int qemu_plugin_install(plugin_t id, const void *about, int count, char **arguments)
{
    const char *path = getenv("TRACE");

    (void)about, (void)count, (void)arguments;
    for (unsigned i = 0; i < DEPTH; i++)
        recent[i].page = UINT64_MAX;
    out = path ? fopen(path, "wb") : NULL;
    if (!out)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_atexit_cb(id, on_exit_of_program, NULL);
    return 0;
}
