"""Every fault of faults.toml, and that what comes of it is what the table says: no hang, no panic without a report, no wrong
bytes that nobody noticed."""

import re
import signal
import tomllib
from pathlib import Path

import pytest

from target import Damaged, Gone, Panicked, UnexpectedReset

with open(Path(__file__).with_name('faults.toml'), 'rb') as file:
    TABLE = tomllib.load(file)

FLIPS = 6                       # bits that one run of a row tries
POLLS = 2000                    # commands until a task in the background must have ended
SIGNALS = {'SIGBUS', 'SIGKILL', 'SIGSEGV'}
PAGE = 4096


def rows(kind):
    """Those of the table that have this key, as parameters."""
    def marks(row):
        return [mark for mark in (pytest.mark.quick, pytest.mark.core) if row.get(mark.name)]
    return [pytest.param(row, id=row['name'], marks=marks(row)) for row in TABLE['fault']
            if kind == next((key for key in ('boot', 'flip') if key in row), 'cut' if 'cut' in row['outcome'] else 'run')]


def restart(target, bootargs=''):
    target.restart('power_cut' if target.can('power_cut') else 'reset', bootargs)


def outcome_of(output):
    """In the table's words."""
    if output.result == 0:
        return 'good'
    if output.signal:
        return signal.Signals(output.signal).name
    text = output.text + output.err.decode('utf-8', 'replace')
    return 'wrong' if re.search(r'(?i)\bwrong\b|is not what|, not [0-9a-f]{2}', text) else 'refused'


def hits(target):
    """How often the rules have hit, in all."""
    return sum(int(hit) for hit in re.findall(r'hit (\d+)', '\n'.join(target.command('inject').lines)))


def good(target, commands):
    for command in commands:
        output = target.command(command, target.board.limits['program_s'])
        assert output.result == 0, output


def aftermath(target, row):
    good(target, row.get('after', TABLE['after']))
    for boot in (False, True) if 'detected' in row else ():
        if boot:
            restart(target)
        for command in row['detected']:
            output = target.command(command, target.board.limits['program_s'])
            assert output.error or outcome_of(output) in ('good', 'refused', 'SIGBUS'), output


def inject(target, row):
    good(target, row.get('before', []))
    for rule in row['inject']:
        output = target.command(f'inject {rule}')
        assert output.result == 0 and output.line(f'^inject: {rule.split()[0]}'), output


def reported(row, lines):
    assert 'report' not in row or any(re.search(row['report'], line) for line in lines), lines


@pytest.fixture
def spoiled(bench, target):
    """The target, which has to begin anew with a fresh flash afterwards."""
    yield target
    bench.dirty = bench.dirty or 'a fault was injected'


@pytest.mark.needs('faults')
@pytest.mark.parametrize('row', rows('run'))
def test_while_it_runs(spoiled, row):
    target = spoiled
    inject(target, row)
    output = target.run(row['run'])
    assert outcome_of(output) in row['outcome'], output
    if output.signal:
        assert output.line(rf'^fault task=\d+ name={row["run"].split()[0]} .* verdict={outcome_of(output)}'), output
    reported(row, output.lines)
    assert hits(target) > 0, 'the fault did not come up'
    assert target.command('inject clear').result == 0
    aftermath(target, row)


@pytest.mark.needs('faults', 'bootargs', 'power_cut')
@pytest.mark.parametrize('row', rows('boot'))
def test_at_boot(spoiled, row):
    target = spoiled
    restart(target, row['boot'])
    assert any(line.startswith('inject: faults=on') for line in target.boot_lines), target.boot_lines
    reported(row, target.boot_lines)
    assert hits(target) > 0, 'the fault did not come up'
    assert target.command('inject clear').result == 0
    output = target.run(row['run'])
    assert outcome_of(output) in row['outcome'], output
    aftermath(target, row)


@pytest.mark.needs('faults')
@pytest.mark.parametrize('row', rows('cut'))
def test_power_cut(spoiled, row):
    target = spoiled
    inject(target, row)
    running = target.begin(f'run {row["run"]}')
    # The console is closed, or the boot firmware speaks, or the machine already begins anew.
    with pytest.raises((Gone, Damaged, UnexpectedReset)):
        running.finish(target.board.limits['program_s'])
    assert any('inject: power is cut' in line for line in running.gathered.lines), running.gathered.lines
    restart(target)
    aftermath(target, row)


class Held:
    """A `hold` in the background: its task, the address of a page, and what it says in the end."""

    def __init__(self, target, place):
        self.target = target
        self.text = target.good(f'run hold {place} &')
        self.lines = []
        self.task = int(re.search(r'task (\d+)', self.text)[1])
        where, address = self._poll(r'hold (\w+) (0x\w+)').groups()
        assert where == place
        self.page = int(address, 16) + PAGE

    def _poll(self, pattern):
        for _ in range(POLLS):
            if found := re.search(pattern, self.text):
                return found
            said = self.target.command('ps')
            self.text += said.text
            self.lines += said.lines
        raise AssertionError(f'hold does not come to {pattern}: {self.text}')

    def finish(self):
        ended = self.target.command(f'kill {self.task} 10')
        self.text += ended.text
        self.lines += ended.lines
        how = self._poll(rf'task {self.task} hold: ended(?: by signal (\d+))?')[1]
        if how:
            return signal.Signals(int(how)).name
        return 'good' if 'hold good' in self.text else 'wrong'


def flip(target, row, bit):
    """What comes of one bit, as a set of the table's words."""
    restart(target)
    seen = set()
    try:
        held = Held(target, row['place'])
        done = target.command(f'inject flip {row["flip"][0]} {held.task} {held.page:#x} {bit}')
        assert done.result == 0 and done.line('^inject: flipped'), done
        seen |= {'found'} if target.command('check').result else set()
        seen.add(held.finish())
        if seen & SIGNALS:
            reported(row, held.lines)
        assert target.run('hello').result == 0
        seen |= {'found'} if target.command('check').result else set()
    except Panicked as panic:
        assert re.search(r'panic (\S+:\d+|exception in the kernel)', str(panic)), panic
        seen.add('panic')
    return seen


@pytest.mark.needs('faults')
@pytest.mark.parametrize('row', rows('flip'))
def test_a_bit(spoiled, row, rng):
    target = spoiled
    _what, first, last = row['flip']
    for bit in sorted(rng.sample(range(first, last + 1), FLIPS)):
        seen = flip(target, row, bit)
        assert seen <= set(row['outcome']), (bit, seen)
        assert 'wrong' not in seen or 'found' in seen or 'panic' in seen, f'bit {bit}: wrong bytes, and nobody noticed'


@pytest.mark.needs('faults')
def test_rules_that_make_no_sense_are_refused(target):
    """And without rules nothing is injected."""
    for words in ('fail', 'fail nothing', 'delay frame', 'lose timer', 'storm timer', 'fail read every', 'fail read every x',
                  'fail read sometimes 3', 'fail read nth 4294967297',
                  'flip', 'flip pte 1', 'flip pte 9999 0 0', 'flip flash 0', 'flip flash 0x100000000 0'):
        assert target.command(f'inject {words}').result < 0, words
    assert target.command('inject').lines == []
    assert target.command('inject clear').result == 0


@pytest.mark.needs('bootargs', 'power_cut')
def test_locked_unless_asked_for(spoiled):
    target = spoiled
    restart(target, 'faults=off')
    assert not any(line.startswith('inject') for line in target.boot_lines), target.boot_lines
    refused = target.command('inject fail read')
    assert refused.error == 'EPERM' and 'faults=on' in refused.text
