"""Tasks that attack the firmware and each other: tests/programs/attack.

Each group of attacks is one boot. The program places the page that is aimed at, forks the attacker, and afterwards looks
at its own copy of the page, at a witness task that has to go on computing rightly, at the memory's and the store's checks,
and at the counters; it prints a line for each try.
"""

import os
import re
from pathlib import Path

import pytest

from conftest import ROOT

FRAMES = 512
TIMEOUT_S = 600
PLACES = ('frame', 'tail', 'flash')
GROUPS = ('addresses', 'pages', 'instructions', 'pointers', 'ranges', 'exhaustion', 'overcommit', 'races', 'leaks', 'files')
LEAST_CLASSES = {'addresses': 70, 'pages': 40, 'instructions': 50, 'pointers': 30, 'ranges': 20, 'exhaustion': 25, 'overcommit': 1,
                 'races': 28, 'leaks': 10, 'files': 6}

NUMBERS_OF_LINUX = Path('/usr/riscv64-linux-gnu/include/asm-generic/unistd.h')

TRY = re.compile(r'^attack (.+) place=(\w+) ended=(\w+) page=(\w+) witness=(\w+) checks=(\w+) counters=(\w+) ms=\d+ (\w+)$', re.M)
SUMS = re.compile(r'^attacks group=(\w+) classes=(\d+) tries=(\d+) contained=(\d+) witness_rounds=(\d+) witness_wrong=(\d+)$',
                  re.M)


@pytest.mark.parametrize('group', GROUPS)
def test_attacks(vellum, board, group):
    if group == 'overcommit' and board == 'sifive_u' and 'VELLUM_LONG' not in os.environ:
        pytest.skip('fills 32 MiB of flash, byte by byte on this board; VELLUM_LONG=1 runs it')
    done = vellum(f'attack {group}', FRAMES=FRAMES, TIMEOUT=TIMEOUT_S)
    tries = TRY.findall(done.text)
    failed = [found for found in tries if found[-1] != 'contained']
    assert not failed, failed
    aimed = {found[0] for found in tries if found[1] != 'none'}
    assert {found[:2] for found in tries if found[1] != 'none'} == {(name, place) for name in aimed for place in PLACES}
    name, classes, count, contained, rounds, wrong = SUMS.search(done.text).groups()
    assert name == group
    assert int(count) == int(contained) == len(tries)
    assert int(classes) >= LEAST_CLASSES[group]
    assert int(rounds) > int(count) and int(wrong) == 0
    assert done.status == 0
    assert done.line('^end status=0$')


def test_every_system_call_is_fuzzed():
    """What the firmware's table has, callfuzz knows."""
    table = (ROOT / 'firmware' / 'linux' / 'table.S').read_text()
    numbers = {int(number) for number in re.findall(r'^ +(?:call|late) (\d+), ', table, re.M)}
    source = (ROOT / 'tests' / 'programs' / 'callfuzz' / 'call.c').read_text()
    known = {int(number) for number in re.findall(r'^    \{ (\d+),', source, re.M)}
    for name in re.findall(r'^    \{ SYS_(\w+),', source, re.M):
        name = {'newfstatat': 'fstatat'}.get(name, name)
        known.add(int(re.search(rf'^#define __NR(?:3264)?_{name} (\d+)$', NUMBERS_OF_LINUX.read_text(), re.M)[1]))
    assert len(numbers) > 150 and numbers <= known, sorted(numbers - known)


@pytest.mark.parametrize('seed', [1, 2])
def test_random_system_calls(vellum, seed):
    """The seed makes the calls: `callfuzz SEED 1 BATCH` replays one batch alone. Half of the frames, and another task, for one."""
    frames, beside = ((FRAMES, ''), (200, ' & fill 80 4'))[seed - 1]
    done = vellum(f'callfuzz {seed} 30{beside}', FRAMES=frames, TIMEOUT=TIMEOUT_S)
    found = re.search(r'^callfuzz seed=(\d+) batches=(\d+) calls=(\d+) kinds=(\d+) wrong=(\d+) good$', done.text, re.M)
    assert found and found[1] == str(seed) and found[2] == '30' and int(found[3]) > 5000 and found[5] == '0'
    assert int(found[4]) > 120
    assert done.status == 0
    assert done.line('^end status=0$')


def test_random_system_calls_side_by_side(vellum):
    """Half of them about the same files, where memory is short: `callfuzz 1 1 BATCH 3` replays one batch."""
    done = vellum('callfuzz 1 4 0 3', FRAMES=160, TIMEOUT=TIMEOUT_S)
    found = re.search(r'^callfuzz seed=1 batches=4 calls=(\d+) kinds=\d+ wrong=0 good$', done.text, re.M)
    assert found and int(found[1]) > 500
    assert done.status == 0
    assert done.line('^end status=0$')


def test_random_system_calls_again(vellum):
    """With instructions for a clock a batch of several threads goes the same way twice."""
    runs = [vellum('callfuzz 3 3', FRAMES=200, ICOUNT=1, TIMEOUT=TIMEOUT_S) for _ in range(2)]
    assert runs[0].text == runs[1].text and ' good\n' in runs[0].text
    counts = [re.search(r'^stats (.*)$', '\n'.join(run.lines), re.M)[1] for run in runs]
    assert counts[0] == counts[1]
