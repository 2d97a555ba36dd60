"""The emulator: its command line, and a child process that does not outlive us."""

import ctypes
import os
import re
import shlex
import signal
import subprocess

from run_options import BUILD, RunError, built

# Before this version the boot firmware is told the lowest address of the image's file instead of its entry, and a pflash
# drive makes `virt` start in the flash; from it on, -kernel may not overlap a loader device.
BOOTS_KERNEL_ENTRY = (8, 1)
DEFAULT_FW_JUMP = '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin'

GDB_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'vellum_gdb.py')

PR_SET_PDEATHSIG = 1            # linux/prctl.h


def version(qemu):
    try:
        said = subprocess.run([qemu, '--version'], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise RunError(f'cannot run {qemu}: {error} (Debian, Ubuntu: apt-get install qemu-system-misc)') from error
    found = re.search(r'version (\d+)\.(\d+)', said)
    if not found:
        raise RunError(f'{qemu} --version says no version: {said.strip()}')
    return int(found[1]), int(found[2])


def flash_words(board, flash):
    if flash is None:
        return []
    file = f'/dev/fd/{flash}' if isinstance(flash, int) else flash.replace(',', ',,')
    bus = 'if=pflash,unit=1' if board == 'virt' else 'if=mtd'
    return ['-drive', f'{bus},format=raw,file={file}']


def boot_words(options, flash):
    """How OpenSBI and the firmware get into memory."""
    elf = options.firmware or built('vellum.elf')
    words = ['-kernel', elf, '-append', options.bootargs()]
    if version(options.qemu) >= BOOTS_KERNEL_ENTRY:
        return (['-bios', options.opensbi] if options.opensbi else []) + words
    # fw_jump goes to the image's address, whatever it is told.
    words = ['-bios', options.opensbi or DEFAULT_FW_JUMP, *words]
    if options.board == 'virt' and flash is not None:
        words += ['-device', 'loader,file=' + elf.replace(',', ',,')]
    return words


def command_line(options, flash, serial='stdio'):
    words = [options.qemu, '-M', options.board, '-m', options.ram, '-display', 'none', '-monitor', 'none',
             '-serial', serial, '-no-reboot']
    words += boot_words(options, flash) + flash_words(options.board, flash)
    if options.icount:
        # The same run every time: idle time passes at once, and entropy and clock are fixed.
        words += ['-icount', 'shift=0,sleep=off', '-seed', '1', '-rtc', 'base=2020-01-01,clock=vm']
    return words + options.qemu_arguments


def start(words, flash):
    """A child with pipes on its console; killed by the kernel if we die without a word."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def die_with_parent():
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    # Its own session: a Ctrl-C on the terminal is for us, or for the program inside.
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, start_new_session=True,
                            preexec_fn=die_with_parent, pass_fds=[flash] if isinstance(flash, int) else [])


def debug(options, flash):
    """gdb on the terminal, the machine stopped before its first instruction, the console in a file."""
    console = os.path.join(BUILD, 'debug-console')
    emulator = command_line(options, flash, f'file:{console}') + ['-S', '-gdb', 'stdio']
    print(f'run: the console goes to {console}; `help vellum` lists the commands that read the firmware', flush=True)
    gdb = ['gdb-multiarch', '-q', '-nx', options.firmware or built('vellum.elf'), '-x', GDB_SCRIPT,
           # The emulator may take longer than gdb's two seconds to come up: a question asked twice gets two answers.
           '-ex', 'set remotetimeout 60', '-ex', f'machine | exec {shlex.join(emulator)}']
    try:
        return subprocess.run(gdb, pass_fds=[flash] if isinstance(flash, int) else [], check=False).returncode
    except OSError as error:
        raise RunError(f'cannot run gdb-multiarch: {error}') from error
