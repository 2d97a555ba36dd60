"""Memory that is larger than RAM: right results under pressure, counters that move and come back, swapon and swapoff."""

import re

import pytest
from subset import chosen


def figures(target):
    """The frames there are, and the counters."""
    return {key: int(value) for key, value in re.findall(r'(\w+)=(\d+)', target.command('stats').line('^stats (.*)')[1])}


@pytest.fixture
def swap_on(target):
    """Swap in all blocks again, whatever the test has done."""
    yield
    target.kill_tasks()
    target.good('swapon')


@pytest.mark.parametrize('percent', chosen([20, 50, 90, 110, 150, 300], quick=[110], core=[90]))
def test_pages_come_back_right(target, percent):
    before = figures(target)
    pages = before['frames_total'] * percent // 100
    done = target.run(f'fill {pages} 2 {percent}')
    assert done.result == 0 and done.text == f'fill pages={pages} rounds=2 seed={percent} good\n'
    after = figures(target)
    assert after['faults_zero'] - before['faults_zero'] >= pages
    if percent > 100:
        out = after['evict_dirty'] - before['evict_dirty']
        assert out >= pages - before['frames_total']
        assert after['faults_tail'] + after['faults_flash'] > before['faults_tail'] + before['faults_flash']
    assert after['bad_records'] == 0 and after['flash_failures'] == 0


@pytest.mark.parametrize('rounds', [1, 4, 8])
def test_rounds_of_pressure(target, rounds):
    pages = figures(target)['frames_total'] * 3 // 2
    assert target.run(f'fill {pages} {rounds}').text == f'fill pages={pages} rounds={rounds} seed=1 good\n'


@pytest.mark.parametrize('count', [2, 4])
def test_several_under_pressure(target, count):
    pages = figures(target)['frames_total'] // 2
    said = ''.join(target.good(f'run fill {pages} 2 {seed} &') for seed in range(count))
    for _ in range(20000):
        if said.count(': ended') == count:
            break
        said += target.good('uptime')
    for seed in range(count):
        assert said.count(f'fill pages={pages} rounds=2 seed={seed} good\n') == 1


@pytest.mark.parametrize('signal', [2, 9, 15])
def test_killed_while_swapping(target, signal):
    pages = figures(target)['frames_total'] * 3 // 2
    before = figures(target)['evict_dirty']
    task = re.search(r'task (\d+)', target.good(f'run fill {pages} 100000 &'))[1]
    while figures(target)['evict_dirty'] < before + pages // 4:
        pass
    said = target.good(f'kill {task} {signal}')
    for _ in range(1000):               # its pages go first
        if 'ended by signal' in said:
            break
        said += target.good('ps')
    assert f'task {task} fill: ended by signal {signal}\n' in said


def test_interrupted_while_swapping(target):
    running = target.begin('run ledger swap 1 4000')
    assert running.interrupt().signal == 2


@pytest.mark.parametrize('pages', [100_000, 1_000_000, 100_000_000])
def test_more_than_there_is_is_refused(target, pages):
    done = target.run(f'fill {pages} 1')
    assert done.status == 3 and 'refused: Cannot allocate memory' in done.text


def test_swapoff_and_on_when_idle(target, swap_on):
    for _ in range(5):
        target.good('swapoff')
        assert 'swap off' in target.command('swapoff').text
        assert 'swap on' in target.good('swapon')


def test_swapoff_makes_the_limit_smaller(target, swap_on):
    def limit():
        """With what is pinned: programs that are kept for their next run go when memory is short."""
        return sum(map(int, re.search(r'promised +\d+ of (\d+) pages; pinned (\d+)', target.good('mem')).groups()))

    before = limit()
    target.good('swapoff')
    small = limit()
    assert small < before
    pages = small + 100
    assert target.run(f'fill {pages} 1').status == 3
    target.good('swapon')
    assert limit() == before
    assert target.run(f'fill {pages} 1').result == 0


@pytest.mark.parametrize('blocks', [4, 8, 16, 1000])
def test_swapon_in_so_many_blocks(target, swap_on, blocks):
    target.good('swapoff')
    target.good(f'swapon {blocks}')
    pages = figures(target)['frames_total'] * 5 // 4
    done = target.run(f'fill {pages} 2')
    assert done.text == f'fill pages={pages} rounds=2 seed=1 good\n' or done.status == 3


def test_swapoff_while_pages_are_out(target, swap_on):
    """It brings them back or is refused, and the task goes on rightly."""
    pages = figures(target)['frames_total'] * 2
    before = figures(target)['evict_dirty']
    task = re.search(r'task (\d+)', target.good(f'run fill {pages} 100000 &'))[1]
    while figures(target)['evict_dirty'] < before + pages // 2:
        pass
    done = target.command('swapoff', target.board.limits['program_s'])
    assert done.error in ('', 'ENOSPC', 'ENOMEM')
    target.good('swapon')
    moved = figures(target)['evict_dirty']
    while figures(target)['evict_dirty'] < moved + 100:
        pass
    assert int(task) in target.tasks()          # nothing wrong was read: it would have ended
    target.good('check')
