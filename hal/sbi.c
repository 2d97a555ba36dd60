/*
 * Calls into the machine-mode firmware. Which extensions there are is asked once; see hal/sbi.h.
 */
#include "hal/sbi.h"

/* "RISC-V Supervisor Binary Interface Specification" 2.0: extension and function numbers, by section */
#define SBI_BASE             0x10 /* 4. Base Extension */
#define SBI_BASE_VERSION     0
#define SBI_BASE_PROBE       3
#define SBI_BASE_MVENDORID   4
#define SBI_BASE_MARCHID     5
#define SBI_BASE_MIMPID      6
#define SBI_LEGACY_SET_TIMER 0x00 /* 5. Legacy Extensions: the number is in a7, the answer in a0 */
#define SBI_LEGACY_PUTCHAR   0x01
#define SBI_LEGACY_GETCHAR   0x02
#define SBI_LEGACY_SHUTDOWN  0x08
#define SBI_TIME             0x54494d45 /* 6. Timer Extension */
#define SBI_TIME_SET         0
#define SBI_SRST             0x53525354 /* 10. System Reset Extension */
#define SBI_SRST_RESET       0
#define SBI_SRST_SHUTDOWN    0
#define SBI_SRST_COLD_REBOOT 1
#define SBI_SRST_WARM_REBOOT 2
#define SBI_SRST_NO_REASON   0
#define SBI_SRST_FAILURE     1
#define SBI_DBCN             0x4442434e /* 12. Debug Console Extension */
#define SBI_DBCN_READ        1
#define SBI_DBCN_WRITE_BYTE  2

static uint32_t version;
static bool has_time, has_reset, has_console;
static uint64_t image_offset;

struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t first, uint64_t second, uint64_t third)
{
    register uint64_t a0 __asm__("a0") = first;
    register uint64_t a1 __asm__("a1") = second;
    register uint64_t a2 __asm__("a2") = third;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){ (int64_t)a0, a1 };
}

static uint64_t base_get(uint64_t function, uint64_t argument)
{
    struct sbi_result result = sbi_call(SBI_BASE, function, argument, 0, 0);

    return result.error == SBI_SUCCESS ? result.value : 0;
}

void sbi_init(uint64_t offset)
{
    uint32_t told = (uint32_t)base_get(SBI_BASE_VERSION, 0);

    version = told ? told : 1;
    image_offset = offset;
    has_time = told && base_get(SBI_BASE_PROBE, SBI_TIME);
    has_reset = told && base_get(SBI_BASE_PROBE, SBI_SRST);
    has_console = told && base_get(SBI_BASE_PROBE, SBI_DBCN);
}

uint32_t sbi_version(void)
{
    return version;
}

uint64_t sbi_vendor_id(void)
{
    return base_get(SBI_BASE_MVENDORID, 0);
}

uint64_t sbi_architecture_id(void)
{
    return base_get(SBI_BASE_MARCHID, 0);
}

uint64_t sbi_implementation_id(void)
{
    return base_get(SBI_BASE_MIMPID, 0);
}

void sbi_console_put(char byte)
{
    if (has_console)
        sbi_call(SBI_DBCN, SBI_DBCN_WRITE_BYTE, (uint8_t)byte, 0, 0);
    else
        sbi_call(SBI_LEGACY_PUTCHAR, 0, (uint8_t)byte, 0, 0);
}

int sbi_console_get(void)
{
    static volatile uint8_t byte;
    struct sbi_result result;

    if (!has_console) {
        int64_t got = sbi_call(SBI_LEGACY_GETCHAR, 0, 0, 0, 0).error;

        return got >= 0 && got <= UINT8_MAX ? (int)got : -1;
    }
    result = sbi_call(SBI_DBCN, SBI_DBCN_READ, 1, (uint64_t)&byte - image_offset, 0);
    return result.error == SBI_SUCCESS && result.value == 1 ? byte : -1;
}

void sbi_timer_set(uint64_t deadline)
{
    if (has_time)
        sbi_call(SBI_TIME, SBI_TIME_SET, deadline, 0, 0);
    else
        sbi_call(SBI_LEGACY_SET_TIMER, 0, deadline, 0, 0);
}

_Noreturn void sbi_power_off(bool failed)
{
    uint64_t reason = failed ? SBI_SRST_FAILURE : SBI_SRST_NO_REASON;

    if (has_reset) {
        sbi_call(SBI_SRST, SBI_SRST_RESET, SBI_SRST_SHUTDOWN, reason, 0);
        sbi_call(SBI_SRST, SBI_SRST_RESET, SBI_SRST_COLD_REBOOT, reason, 0);
    }
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
    for (const char *text = "vellum: this board cannot be switched off\r\n"; *text; text++)
        sbi_console_put(*text);
    for (;;)
        __asm__ volatile("csrw sie, zero\n\twfi" ::: "memory");
}

_Noreturn void sbi_reboot(void)
{
    for (uint64_t kind = SBI_SRST_WARM_REBOOT; has_reset && kind >= SBI_SRST_COLD_REBOOT; kind--)
        sbi_call(SBI_SRST, SBI_SRST_RESET, kind, SBI_SRST_FAILURE, 0);
    sbi_power_off(true);
}
