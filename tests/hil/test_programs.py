"""Programs whose results are known: from the same program under user emulation on the host, or from themselves."""

import shutil
import subprocess

import pytest
from board import PROGRAMS
from subset import chosen

EMULATOR = 'qemu-riscv64'

KNOWN = ('chase 2 10', 'chase 100 1000', 'chase 5000 5000', 'chase 20000 20000', 'stencil', 'usercopy', 'family', 'hello',
         'hello one two three', 'fill 10 3 7', 'stack', 'end exit 0', 'end exit 200', 'end abort', 'end raise 10')
GOOD = ('files 20', 'files 300', 'hostile 1', 'fill 1 1', 'fill 64 8', 'fill 200 4 99')


@pytest.fixture(scope='module')
def emulated():
    if not shutil.which(EMULATOR):
        pytest.skip(f'no {EMULATOR}')

    def call(words):
        name, *arguments = words.split()
        done = subprocess.run([EMULATOR, PROGRAMS / name, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120, check=False)
        return done.stdout, done.returncode
    return call


@pytest.mark.quick
@pytest.mark.parametrize('words', chosen(KNOWN, core=('chase 100 1000', 'family')))
def test_says_the_same_as_on_the_host(target, emulated, words):
    out, status = emulated(words)
    done = target.run(words)
    ended = done.text.rindex('task ') if done.result else len(done.text)
    assert done.out[:ended] == out
    assert (done.status if done.status is not None else 256 - done.signal) == status % 256 or -done.signal == status


@pytest.mark.parametrize('words', GOOD)
def test_finds_itself_good(target, tidy, words):
    done = target.run(words)
    if words.startswith('hostile'):
        assert done.signal == 11 and 'not contained' not in done.text
    else:
        assert done.result == 0 and done.text.endswith(' good\n')


@pytest.mark.parametrize('count', [2, 3, 5])
def test_side_by_side(target, count):
    """In the background, each with its own contents; all are told, and all are right."""
    said = ''.join(target.good(f'run fill 60 3 {seed} &') for seed in range(count))
    for _ in range(500):
        if said.count(': ended') == count:
            break
        said += target.good('ps')
    assert said.count(': ended') == count
    for seed in range(count):
        assert said.count(f'fill pages=60 rounds=3 seed={seed} good\n') == 1


@pytest.mark.parametrize('times', [10, 50])
def test_one_after_the_other(target, times):
    for i in range(times):
        assert target.run(f'end exit {i}').status == i
