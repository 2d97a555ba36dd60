/* Instructions that programs may not use, that do not exist, and environment calls that are not Linux's. */
#include "tests/programs/attack/attack.h"

#define INSTRUCTION(name, text)                    \
    static void name(char *page, uintptr_t with)   \
    {                                              \
        (void)page, (void)with;                    \
        __asm__ volatile(text ::: "t0", "memory"); \
    }

INSTRUCTION(read_sstatus, "csrr t0, 0x100")
INSTRUCTION(write_sstatus, "csrw 0x100, zero")
INSTRUCTION(set_sum, "li t0, 0x40000\n\tcsrs 0x100, t0")
INSTRUCTION(write_sie, "csrw 0x104, zero")
INSTRUCTION(write_stvec, "csrw 0x105, zero")
INSTRUCTION(read_sscratch, "csrr t0, 0x140")
INSTRUCTION(write_sscratch, "csrw 0x140, zero")
INSTRUCTION(read_sepc, "csrr t0, 0x141")
INSTRUCTION(read_scause, "csrr t0, 0x142")
INSTRUCTION(read_satp, "csrr t0, 0x180")
INSTRUCTION(write_satp, "csrw 0x180, zero")
INSTRUCTION(write_scounteren, "csrw 0x106, t0")
INSTRUCTION(read_mstatus, "csrr t0, 0x300")
INSTRUCTION(write_mtvec, "csrw 0x305, zero")
INSTRUCTION(write_pmpaddr, "csrw 0x3b0, zero")
INSTRUCTION(read_mhartid, "csrr t0, 0xf14")
INSTRUCTION(write_cycle, "csrw 0xc00, zero")
INSTRUCTION(write_time, "csrw 0xc01, zero")
INSTRUCTION(no_such_csr, "csrr t0, 0x5c0")
INSTRUCTION(debug_csr, "csrr t0, 0x7b0")
INSTRUCTION(hypervisor_csr, "csrr t0, 0x600")
INSTRUCTION(do_sret, "sret")
INSTRUCTION(do_mret, ".4byte 0x30200073")
INSTRUCTION(do_uret, ".4byte 0x00200073")
INSTRUCTION(do_dret, ".4byte 0x7b200073")
INSTRUCTION(do_wfi, "wfi")
INSTRUCTION(fence_all, "sfence.vma")
INSTRUCTION(fence_one, "sfence.vma t0, t0")
INSTRUCTION(fence_hypervisor, ".4byte 0x62000073")
INSTRUCTION(invalidate, ".4byte 0x16000073") /* sinval.vma */
INSTRUCTION(hypervisor_load, ".4byte 0x60004073")
INSTRUCTION(all_ones, ".4byte 0xffffffff")
INSTRUCTION(all_zeros, ".2byte 0")
INSTRUCTION(reserved_compressed, ".2byte 0x8000")
INSTRUCTION(reserved_lui, ".2byte 0x6081") /* c.lui with an immediate of 0 */
INSTRUCTION(long_48, ".4byte 0x0000001f, 0")
INSTRUCTION(long_64, ".4byte 0x0000003f, 0")
INSTRUCTION(reserved_opcode, ".4byte 0x0000006b")
INSTRUCTION(vector, ".4byte 0x0d0072d7")                         /* vsetvli */
INSTRUCTION(quad_float, ".4byte 0x06007053")                     /* fadd.q */
INSTRUCTION(bad_rounding, "csrwi 0x002, 7\n\t.4byte 0x0000f053") /* fadd.s with the rounding mode of frm */
INSTRUCTION(cache_block, ".4byte 0x0002a00f")                    /* cbo.inval (t0) */
INSTRUCTION(do_ebreak, "ebreak")
INSTRUCTION(do_c_ebreak, "c.ebreak")

/* SBI extensions and functions, and SBI's own registers: to us all of them are numbers of system calls. */
static void firmware_call(char *page, uintptr_t extension)
{
    (void)page;
    for (unsigned function = 0; function < 8; function++) {
        register long a0 __asm__("a0") = 0;
        register long a1 __asm__("a1") = 0;
        register long a6 __asm__("a6") = function;
        register long a7 __asm__("a7") = (long)extension;

        __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
        expect(a0 == -ENOSYS, "an SBI call answers");
        expect(a1 == 0, "an SBI call changes a1");
    }
}

/* fence.i and fences are everyone's; pause and hints do nothing. */
INSTRUCTION(harmless, "fence.i\n\tfence\n\tfence.tso\n\t.4byte 0x0100000f\n\tslti zero, zero, 1")

/* A page of random instructions, run many times: whatever they do, they do it to their own task. */
static void spray(char *page, uintptr_t seed)
{
    uint64_t state = seed;

    (void)page;
    for (unsigned round = 0; round < 40; round++) {
        pid_t id = fork();

        for (unsigned i = 0; id != 0 && i < 512; i++)
            random_next(&state);
        if (id == 0) {
            uint64_t *code = (uint64_t *)pages_new(1, PROT_READ | PROT_WRITE);
            void (*function)(void);

            for (unsigned i = 0; i < 512; i++)
                code[i] = random_next(&state);
            /* ecall becomes ebreak: the calls have a fuzzer of their own, and exit with 0 is not the point */
            for (unsigned i = 0; i < 1024; i++)
                if (((uint32_t *)code)[i] == 0x73)
                    ((uint32_t *)code)[i] = 0x00100073;
            mprotect(code, PAGE, PROT_READ | PROT_EXEC);
            memcpy(&function, &code, sizeof(function));
            struct timespec limit = { 1, 0 };
            timer_t timer;
            struct itimerspec once = { .it_value = limit };

            if (timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0)
                timer_settime(timer, 0, &once, NULL);
            function();
            _exit(0);
        }
        expect(id > 0, "fork");
        waitpid(id, NULL, 0);
    }
}

/* Code that rewrites itself the legal way: each version has to be the one that runs. */
static void rewritten(char *page, uintptr_t with)
{
    uint32_t (*function)(void);

    (void)with;
    memcpy(&function, &page, sizeof(function));
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t code[2] = { 0x00000513 | i << 20, 0x00008067 }; /* li a0, i; ret */

        mprotect(page, PAGE, PROT_READ | PROT_WRITE);
        memcpy(page, code, sizeof(code));
        if (i % 7 == 3)
            madvise(page, PAGE, MADV_PAGEOUT);
        mprotect(page, PAGE, PROT_READ | PROT_EXEC);
        __builtin___clear_cache(page, page + sizeof(code));
        expect(function() == i, "an old version of the code runs");
    }
}

#define ILLEGAL(what, run)          \
    {                               \
        what, run, 0, SIGILL, false \
    }

const struct attack instruction_attacks[] = {
    ILLEGAL("read of sstatus", read_sstatus),
    ILLEGAL("write of sstatus", write_sstatus),
    ILLEGAL("sstatus.SUM", set_sum),
    ILLEGAL("write of sie", write_sie),
    ILLEGAL("write of stvec", write_stvec),
    ILLEGAL("read of sscratch", read_sscratch),
    ILLEGAL("write of sscratch", write_sscratch),
    ILLEGAL("read of sepc", read_sepc),
    ILLEGAL("read of scause", read_scause),
    ILLEGAL("read of satp", read_satp),
    ILLEGAL("write of satp", write_satp),
    ILLEGAL("write of scounteren", write_scounteren),
    ILLEGAL("read of mstatus", read_mstatus),
    ILLEGAL("write of mtvec", write_mtvec),
    ILLEGAL("write of pmpaddr0", write_pmpaddr),
    ILLEGAL("read of mhartid", read_mhartid),
    ILLEGAL("write of cycle", write_cycle),
    ILLEGAL("write of time", write_time),
    ILLEGAL("CSR that does not exist", no_such_csr),
    ILLEGAL("CSR of the debugger", debug_csr),
    ILLEGAL("CSR of the hypervisor", hypervisor_csr),
    ILLEGAL("sret", do_sret),
    ILLEGAL("mret", do_mret),
    ILLEGAL("uret", do_uret),
    ILLEGAL("dret", do_dret),
    { "wfi", do_wfi, 0, ENDS_EITHER, false },
    ILLEGAL("sfence.vma", fence_all),
    ILLEGAL("sfence.vma of an address", fence_one),
    ILLEGAL("hfence.gvma", fence_hypervisor),
    ILLEGAL("sinval.vma", invalidate),
    ILLEGAL("hlv.b", hypervisor_load),
    ILLEGAL("instruction of ones", all_ones),
    ILLEGAL("instruction of zeros", all_zeros),
    ILLEGAL("reserved compressed instruction", reserved_compressed),
    ILLEGAL("reserved c.lui", reserved_lui),
    ILLEGAL("instruction of 48 bits", long_48),
    ILLEGAL("instruction of 64 bits", long_64),
    ILLEGAL("reserved opcode", reserved_opcode),
    ILLEGAL("vector instruction", vector),
    ILLEGAL("quad precision", quad_float),
    ILLEGAL("reserved rounding mode", bad_rounding),
    { "cbo.inval", cache_block, 0, ENDS_EITHER, false },
    { "ebreak", do_ebreak, 0, SIGTRAP, false },
    { "c.ebreak", do_c_ebreak, 0, SIGTRAP, false },
    { "SBI timer", firmware_call, 0x54494d45, 0, false },
    { "SBI IPI", firmware_call, 0x735049, 0, false },
    { "SBI remote fence", firmware_call, 0x52464e43, 0, false },
    { "SBI hart state", firmware_call, 0x48534d, 0, false },
    { "SBI reset", firmware_call, 0x53525354, 0, false },
    { "SBI counters", firmware_call, 0x504d55, 0, false },
    { "SBI console", firmware_call, 0x4442434e, 0, false },
    { "SBI vendor", firmware_call, 0x9000000, 0, false },
    { "hints and fences", harmless, 0, 0, false },
    { "random instructions", spray, 0x5b4a1, 0, false },
    { "code that rewrites itself", rewritten, 0, 0, true },
    { 0 },
};
