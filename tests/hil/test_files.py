"""Files: what was synced is there after power cuts and resets at any moment, and nothing is half."""

import re
import sys

import pytest
from board import ROOT
from subset import WAYS, chosen

sys.path.insert(0, str(ROOT / 'tests' / 'target'))
from ledger_judge import FILES, Ledger      # noqa: E402  (their folder is no package)

CUTS = 3
BYTES_MOST = 250                # of the program's output, after which the power is cut: up to some ten syncs


def write(target, name, kib, seed):
    assert target.run(f'keep write {name} {kib} {seed}').text == f'keep write {name} good\n'


def check(target, name, kib, seed):
    assert target.run(f'keep check {name} {kib} {seed}').text == f'keep check {name} good\n'


@pytest.mark.needs('power_cut')
@pytest.mark.parametrize('kib', chosen([4, 60, 252, 1024], quick=[60], core=[4]))
def test_a_synced_file_survives_a_cut(target, tidy, kib):
    write(target, 'kept', kib, 1)
    target.power_cycle()
    check(target, 'kept', kib, 1)


@pytest.mark.needs('reset')
@pytest.mark.parametrize('kib', [4, 252])
def test_a_synced_file_survives_a_reset(target, tidy, kib):
    write(target, 'kept', kib, 2)
    target.reset()
    check(target, 'kept', kib, 2)


@pytest.mark.needs('power_cut')
def test_the_last_version_survives(target, tidy):
    for seed in range(1, 6):
        write(target, 'kept', 40 + 4 * seed, seed)
    target.power_cycle()
    check(target, 'kept', 60, 5)


@pytest.mark.needs('power_cut')
def test_a_removed_file_stays_removed(target):
    write(target, 'gone', 64, 1)
    assert target.run('keep remove gone').result == 0
    target.power_cycle()
    assert target.command('files gone').error == 'ENOENT'


@pytest.mark.needs('power_cut')
def test_many_files(target, tidy):
    for i in range(20):
        write(target, f'many.{i}', 4 + 4 * (i % 5), i)
    target.power_cycle()
    for i in range(20):
        check(target, f'many.{i}', 4 + 4 * (i % 5), i)


@pytest.mark.parametrize('kib', chosen([4, 400, 2000], core=[4]))
def test_written_and_read_back(target, tidy, kib):
    write(target, 'there', kib, 9)
    check(target, 'there', kib, 9)


def test_what_is_not_there_is_told(target, tidy):
    assert target.run('keep check nothing').status == 2
    write(target, 'other', 8, 1)
    done = target.run('keep check other 8 2')
    assert done.status == 2 and b'is not what was written' in done.err + done.out


@pytest.mark.needs('power_cut')
def test_directories_and_links_survive(target, leaves_files):
    assert target.run('names make').result == 0
    target.power_cycle()
    assert target.run('names check').result == 0


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('round_', range(4))
def test_cut_while_files_are_written(target, tidy, rng, way, round_):
    """As of a sync, whole, and not older than the last sync that was told (but for what the emulator may lose)."""
    ledger = Ledger()
    seed = rng.randrange(1, 1 << 16)
    for cut in range(CUTS + 1):         # one more: the next boot judges a cut
        target.note(f'round {round_} cut {cut} seed {seed}')
        running = target.begin(f'run ledger files {seed}')
        began = running.wait_for(rb'start \d+\n').end()
        length = rng.randrange(BYTES_MOST)
        running.wait_for(rb'(?s)^.{%d}' % (began + length))
        target.restart(way)
        lines = [line.strip('.') for line in target.last_words.decode().split('\n')[:-1]]
        found = [int(line.split()[2]) for line in lines if re.fullmatch(r'found \d+ \d+', line)]
        assert len(found) == FILES
        ledger.judge(found)
        for line in lines:
            ledger.take(line)
        target.good('check')


@pytest.mark.needs('power_cut')
@pytest.mark.parametrize('round_', range(3))
def test_cut_while_swapping(target, tidy, rng, round_):
    """Swap is forgotten, files stay."""
    write(target, 'kept', 100, round_)
    target.good('run ledger swap 1 4000 &')
    moved = rng.randrange(200, 2000)
    while int(target.command('stats').line(r'evict_dirty=(\d+)')[1]) < moved:
        pass
    target.power_cycle()
    check(target, 'kept', 100, round_)
    assert re.search(r'to flash +0 swap records', target.good('log'))
    target.good('check')
