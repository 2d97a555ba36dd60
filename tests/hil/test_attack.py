"""Hostile tasks: every class of tests/programs/attack, with the page that it aims at in a frame, in the tail and on flash. Each
try is one command; the program looks itself at its page, a witness, the checks and the counters, and the harness after it."""

import re
import subprocess

import pytest
from board import PROGRAMS

EMULATOR = 'qemu-riscv64'
PLACES = ('frame', 'tail', 'flash')
# Fills the whole flash, which takes many minutes on a board: tests/target/test_hostile.py does it.
LEFT_OUT = ('overcommit',)
LEAST_CLASSES = 250
# In the quick subset: one class in so many.
QUICK_EVERY = 20
CORE = 'store to a read-only page'

SUMS = re.compile(r'^attacks group=(\w+) classes=1 tries=(\d+) contained=(\d+) witness_rounds=(\d+) witness_wrong=0$', re.M)


def tries():
    """GROUP NAME PLACE of each try. The program tells them; user emulation on the host can run that much of it."""
    done = subprocess.run([EMULATOR, PROGRAMS / 'attack', 'list'], capture_output=True, text=True, timeout=60, check=True)
    for number, line in enumerate(done.stdout.splitlines()):
        group, places, name = line.split(' ', 2)
        if group not in LEFT_OUT:
            marks = [*([pytest.mark.quick] if number % QUICK_EVERY == 0 else []), *([pytest.mark.core] if name == CORE else [])]
            for place in PLACES if int(places) > 1 else ('none',):
                yield pytest.param(group, re.sub(r'[^\w.]', '-', name), place, id=f'{group} {name} {place}', marks=marks)


TRIES = list(tries())


def test_there_are_enough():
    assert len({(param.values[0], param.values[1]) for param in TRIES}) >= LEAST_CLASSES


@pytest.mark.parametrize('group, name, place', TRIES)
def test_is_contained(target, group, name, place):
    done = target.run(f'attack {group} {name}' + ('' if place == 'none' else f' {place}'))
    found = SUMS.search(done.text)
    assert done.result == 0 and found and found[2] == found[3] == '1', done
    assert f' place={place} ' in done.text and ' contained\n' in done.text


def test_a_class_that_is_none_is_no_success(target):
    assert target.run('attack ranges nothing-of-this-name').status == 1
