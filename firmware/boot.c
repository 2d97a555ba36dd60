/*
 * The ends that a boot can come to before there is a console. boot_without_sv39() runs untranslated, at physical
 * addresses: it may use nothing that holds an absolute address (tables of pointers, switch tables).
 */
#include "firmware/boot.h"

#include "hal/sbi.h"

static void say(const char *text)
{
    while (*text)
        sbi_console_put(*text++);
}

static void say_number(const char *name, uint64_t number)
{
    say(name);
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = (unsigned)(number >> shift) & 15;

        sbi_console_put((char)(digit < 10 ? '0' + digit : 'a' + digit - 10));
    }
}

_Noreturn void boot_without_sv39(void)
{
    sbi_init(0);
    say("vellum: this hart has no Sv39 translation\r\n");
    sbi_power_off(true);
}

_Noreturn void boot_trapped(uint64_t scause, uint64_t sepc, uint64_t stval)
{
    say("vellum: trap during boot:");
    say_number(" scause=0x", scause);
    say_number(" sepc=0x", sepc);
    say_number(" stval=0x", stval);
    say("\r\n");
    sbi_power_off(true);
}
