"""The runner itself, over a stand-in for the emulator that says what no firmware would."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import ROOT, RUN

FAKE = Path(__file__).with_name('fake_emulator.py')


def words(script, **keys):
    return [str(RUN), f'QEMU={FAKE}', 'FLASH=none', f'CMD={script}', *(f'{key}={value}' for key, value in keys.items())]


def run(script, stdin=b'', **keys):
    return subprocess.run(words(script, **keys), input=stdin, capture_output=True, cwd=ROOT, timeout=60, check=False)


def test_streams_are_kept_apart():
    done = run(r'raw:4f70656e0a line:boot out:one\n err:two\n out:three\x10\n end:0')
    assert done.stdout == b'one\nthree\x10\n'
    assert done.stderr == b'vellum: boot\ntwo\nvellum: end status=0\n'


def test_a_line_may_come_in_the_middle_of_output():
    done = run(r'line:boot out:be line:between out:fore\n end:0')
    assert done.stdout == b'before\n'


@pytest.mark.parametrize('ram', ['35M', '8', '0G', 'much', '-1G'])
def test_memory_that_the_boot_firmware_hangs_in_is_refused(ram):
    done = subprocess.run([RUN, f'RAM={ram}', 'CMD=hello'], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 125 and f'RAM={ram}: 36M or more' in done.stderr


@pytest.mark.parametrize('status', [0, 1, 77, 139, 255])
def test_status_is_the_programs_own(status):
    assert run(f'line:boot end:{status}').returncode == status


def test_no_end_line_is_a_failure():
    done = run('raw:6f6f7073 line:boot')
    assert done.returncode == 125


def test_what_the_boot_firmware_said_is_shown_when_nothing_else_came():
    done = run('raw:6f6f7073')
    assert done.returncode == 125
    assert b'oops' in done.stderr and done.stdout == b''


def test_panic_counts_more_than_the_end_line():
    assert run('line:panic_here end:0').returncode == 125


def test_the_source_says_what_does_not_hold():
    name, rule = 'mm/vm/check.c', 'a frame in the free list is in use'
    lines = (ROOT / name).read_text().splitlines()
    number = next(i for i, line in enumerate(lines, 1) if rule in line)
    for said in f'check_failed:_{name}:{number}', f'panic_{name}:{number}:_called_from_0x0':
        assert rule in run(f'line:{said} end:0').stderr.decode()


def test_time_limit():
    done = run('line:boot out:so_far sleep', TIMEOUT=1)
    assert done.returncode == 124
    assert done.stdout == b'so_far'


def test_input_is_passed_on_as_it_is():
    data = os.urandom(1 << 20)
    done = run('line:boot echo end:0', stdin=data)
    assert done.stdout == data


def test_wrong_words():
    for word in ('BOARD=pc', 'FRAMES=many', 'FRAMES=-1', 'COLOUR=red', 'virt'):
        done = subprocess.run([RUN, word], capture_output=True, timeout=60, check=False)
        assert done.returncode == 125 and word.encode() in done.stderr, word


def children_of(script):
    """Processes whose command line holds this script."""
    found = []
    for entry in Path('/proc').glob('[0-9]*'):
        try:
            if script.encode() in (entry / 'cmdline').read_bytes() and b'fake_emulator' in (entry / 'cmdline').read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_running(number):
    mark = f'line:mark-{os.getpid()}-{number} sleep'
    runner = subprocess.Popen(words(mark), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert b'mark' in runner.stderr.readline()
    assert any(True for pid in children_of(mark) if pid != runner.pid)
    runner.send_signal(number)
    runner.wait(30)
    deadline = time.monotonic() + 30
    while children_of(mark) and time.monotonic() < deadline:
        os.sched_yield()
    assert not children_of(mark)


def test_a_trace_of_nothing_needs_no_input():
    """With our standard input held open: nobody but the program reads it."""
    with subprocess.Popen(words('line:panic_trace_vellum_0_0_0_0 line:panic_mm/vm/check.c:999999: end:0'), cwd=ROOT,
                          stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as runner:
        assert runner.wait(60) == 125
