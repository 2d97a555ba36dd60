"""Swap on flash switched, grown and shrunk while tasks that check every byte run."""

import re

import pytest

from conftest import PROGRAMS
from test_monitor import Monitor

BLOCKS = {'virt': 128, 'sifive_u': 428}
FEW = {'virt': 30, 'sifive_u': 112}  # some 7 MiB


@pytest.fixture
def monitor(board, image):
    image('put', PROGRAMS / 'fill', PROGRAMS / 'hello', PROGRAMS / 'scatter')
    shell = Monitor(BOARD=board, FRAMES=512, FLASH=image.path)
    yield shell
    shell.terminal.close(force=True)


# Prompts until a task that was killed is gone.
ASKED_AGAIN = 50


def room(monitor):
    return int(re.search(r'^capacity +(\d+) pages', monitor('log'), re.M)[1])


def test_grow_and_shrink_under_a_task(monitor, board):
    blocks, few = BLOCKS[board], FEW[board]
    at_first = room(monitor)
    assert f'nothing to change: swap on: {blocks} of {blocks} blocks' in monitor('swapon')
    assert 'good' in monitor('run fill 2500 1')
    task = re.search(r'task (\d+)', monitor('run fill 900 1000 &'))[1]
    for _ in range(ASKED_AGAIN):        # it asks for its pages when it has been loaded
        if re.search(r': 0 promised', monitor('log')) is None:
            break
    # What it has out does not fit the tail, nor a block or two.
    for command in ('swapoff', 'swapon 0', 'swapon 2'):
        refused = re.search(r'refused: (\d+) pages that are out or promised would have no room', monitor(command))
        assert int(refused[1]) > 0
    assert f'swap on: {few} of {blocks} blocks' in monitor(f'swapon {few}')
    assert room(monitor) < at_first
    assert 'good' in monitor('run fill 700 2 7')
    assert f'nothing to change: swap on: {few} of' in monitor(f'swapon {few}')
    assert 'refused' in monitor('run fill 20000 1')
    assert f'swap on: {few + 9} of {blocks} blocks' in monitor(f'swapon {few + 9}')
    assert f'swap on: {blocks} of {blocks} blocks' in monitor(f'swapon {blocks + 1}')
    # It runs on, and nothing that it wrote has changed.
    assert re.search(rf'^ *{task} .*(runs|waits) .*fill$', monitor('ps'), re.M)
    said = monitor(f'kill {task} 2')
    for _ in range(ASKED_AGAIN):        # it ends when what it waits for has come from flash
        said += monitor('')
    assert 'signal 2' in said
    checked = monitor('check')
    assert 'memory: good' in checked and 'store: good' in checked and ' 0 bad' in checked
    assert monitor.halt() == 0


def out(monitor):
    """Blocks with swap in them, and all erases."""
    return (len(re.findall(r'(?:open|full) +(?:hot|cold)', monitor('blocks'))),
            int(re.search(r', (\d+) erases', monitor('log'))[1]))


def test_what_is_out_moves_together(monitor, board):
    """Blocks that are partly dead, and more of them than swap may take from now on."""
    blocks = {'virt': 20, 'sifive_u': 72}[board]
    assert 'task' in monitor('run scatter 1000 1000 &')
    monitor.terminal.expect_exact('scatter good')
    before, erases = out(monitor)
    assert before > blocks
    assert f'swap on: {blocks} of {BLOCKS[board]} blocks' in monitor(f'swapon {blocks}')
    after, erased = out(monitor)
    assert after <= blocks and erased - erases < before
    checked = monitor('check')
    assert 'memory: good' in checked and 'store: good' in checked and ' 0 bad' in checked
    assert monitor.halt() == 0


def test_off_and_on(monitor, board):
    assert 'good' in monitor('run fill 900 2')
    assert 'swap off: 0 of' in monitor('swapoff')
    assert f'blocks    {BLOCKS[board]}: 0 bad' in monitor('log') and 'swap may take 0' in monitor('log')
    assert 'nothing to change: swap off' in monitor('swapoff')
    assert 'refused' in monitor('run fill 20000 1')
    assert 'hello, world' in monitor('run hello')
    assert 'good' in monitor('run fill 300 3')
    assert 'swap on' in monitor('swapon')
    assert 'good' in monitor('run fill 900 2')
    assert monitor.halt() == 0


def test_without_flash(board):
    shell = Monitor(BOARD=board, FRAMES=512, FLASH='none')
    for command in ('swapon', 'swapoff', 'swapon 5'):
        assert 'refused: no store on flash' in shell(command)
    assert re.search(r'^capacity +\d+ pages', shell('log'), re.M)
    assert shell.halt() == 0


def test_a_declared_life_is_shown(board, image):
    shell = Monitor(BOARD=board, FRAMES=512, FLASH=image.path, BOOTARGS='life=10y')
    assert re.search(r'^life +\d+ erases may be spent now$', shell('log').replace('\r', ''), re.M)
    assert shell.halt() == 0


def test_retired_blocks_are_seen(board, image):
    """Blocks that fail under swap are given up: the capacity goes down by them, and contents stay."""
    image('put', PROGRAMS / 'fill')
    shell = Monitor(BOARD=board, FRAMES=512, FLASH=image.path, BOOTARGS='faults=on')
    before = room(shell)
    shell('inject fail program every 300 times 3')
    assert 'good' in shell('run fill 900 6')
    bad, = map(int, re.search(r'^blocks +\d+: (\d+) bad', shell('log'), re.M).groups())
    assert 1 <= bad <= 3
    per_block = {'virt': 62, 'sifive_u': 15}[board]  # pages of whatever contents
    assert before - room(shell) >= bad * per_block
    assert 'store: good' in shell('check')
    assert shell.halt() == 0
