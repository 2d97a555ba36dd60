"""Programs that tell what Linux does, on Linux and on Vellum: what they say must be the same, byte for byte.

The reference for processes, signals, threads and timers is the Linux that the tests run on, with the program built for
it; for faults and signal frames, which depend on the processor, user emulation of riscv64. (Its execve, vfork, masks of
handlers and SA_NOCLDWAIT are not Linux's.)
"""

import shutil
import subprocess

import pytest
from conftest import PROGRAMS, ROOT, TIMEOUT_S

NATIVE = ('linux_process', 'linux_signal', 'linux_thread', 'linux_timer', 'linux_edges')
EMULATED = ('linux_fault',)
EMULATOR = 'qemu-riscv64'


def reference(program, folder):
    """What Linux says. The program runs in a folder of its own, as `./NAME`."""
    path = folder / program
    if program in EMULATED:
        if not shutil.which(EMULATOR):
            pytest.skip(f'no {EMULATOR}')
        shutil.copy(PROGRAMS / program, path)
        words = [EMULATOR, f'./{program}']
    else:
        subprocess.run(['make', '-s', '-C', ROOT, f'build/programs-host/{program}'], check=True)
        shutil.copy(ROOT / 'build' / 'programs-host' / program, path)
        words = [f'./{program}']
    done = subprocess.run(words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture(scope='module')
def linux(tmp_path_factory):
    """linux(program): its output on Linux, made once."""
    known = {}

    def call(program):
        if program not in known:
            known[program] = reference(program, tmp_path_factory.mktemp(program))
        return known[program]
    return call


@pytest.mark.parametrize('program', NATIVE + EMULATED)
def test_says_the_same_as_on_linux(vellum, linux, program):
    done = vellum(f'./{program}', FRAMES=2048)
    assert done.text == linux(program)
    assert done.status == 0


@pytest.mark.parametrize('program', NATIVE + EMULATED)
def test_with_few_frames(vellum, linux, program):
    done = vellum(f'./{program}', FRAMES=160)
    assert done.text == linux(program)
    assert done.status == 0


def test_processor_time_is_told_as_on_linux(vellum, linux):
    """By an emulator that counts instructions: a busy host takes its time from any program of a guest, also from one in the kernel."""
    done = vellum('./linux_times', FRAMES=512, ICOUNT=1)
    assert done.text == linux('linux_times')
    assert done.status == 0
