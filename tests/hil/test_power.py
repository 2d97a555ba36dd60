"""Power and reset at awkward moments: the machine comes up, says so with another nonce, and is sound."""

import pytest
from subset import WAYS, chosen
from target import Damaged, Gone, UnexpectedReset

BOOTS = 5                       # in a row
BUSY = {
    'idle': None,
    'half a line': b'#12 run hel',
    'a program': 'run end loop',
    'swapping': 'run fill 1000 100000',
    'files': 'run ledger files 5',
    'much output': 'run attack leaks',
    'attacks': 'run attack ranges',
    'a task behind': 'run end loop &',
}


def start(target, name, rng):
    """Gets the target busy, and a random number of answers or lines further."""
    busy = BUSY[name]
    if isinstance(busy, bytes):
        target.send(busy)
    elif busy:
        running = target.begin(busy)
        if busy.endswith('&'):
            running.finish()
        elif name not in ('swapping',):
            running.wait_for(rb'(?s).{%d}' % rng.randrange(1, 11))
    return target.nonce


def is_sound(target):
    assert target.run('hello').text == 'hello, world\n'
    target.good('check quick')
    assert target.run('fill 300 1').text.endswith(' good\n')


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('name', chosen(BUSY, quick=('files', 'swapping'), core=('a program',)))
def test_another_boot(target, tidy, rng, way, name):
    before = start(target, name, rng)
    target.restart(way)
    assert target.nonce != before
    is_sound(target)


@pytest.mark.needs('power_cut')
def test_nonces_differ(target):
    seen = {target.nonce}
    for _ in range(BOOTS):
        target.power_cycle()
        seen.add(target.nonce)
    assert len(seen) == 1 + BOOTS


@pytest.mark.needs('reset')
def test_a_reset_that_nobody_asked_for_shows(target):
    target.board.run('reset')
    with pytest.raises((UnexpectedReset, Damaged)):
        while True:
            target.command('uptime')
    target.wait_for_boot()
    assert target.run('hello').result == 0


@pytest.mark.needs('reset')
def test_a_reset_while_a_program_runs_is_no_result(target):
    running = target.begin('run end loop')
    running.wait_for(rb'end loop')
    target.board.run('reset')
    with pytest.raises((UnexpectedReset, Damaged)):
        running.finish()
    target.wait_for_boot()


@pytest.mark.needs('power_cut')
def test_a_machine_that_is_off_is_no_result(target):
    target.power_off()
    with pytest.raises(Gone):
        target.command('ps')
    target.power_on()


@pytest.mark.parametrize('way', WAYS)
def test_boots_in_a_row(target, way):
    for _ in range(BOOTS):
        target.restart(way)
    is_sound(target)


@pytest.mark.needs('power_cut', 'bootargs')
@pytest.mark.parametrize('frames', [160, 200, 1000])
def test_other_boot_arguments(target, frames):
    target.power_cycle(bootargs=f'frames={frames}')
    assert f'frames    {frames}:' in target.good('mem')
    assert target.run('fill 400 2').text.endswith(' good\n')
    target.power_cycle()


def test_boot_lines(target):
    """What a boot says is there, whole, and has no error in it."""
    if not target.can('power_cut') and not target.can('reset'):
        pytest.skip(f'{target.board.name} cannot: power_cut, reset')
    target.power_cycle() if target.can('power_cut') else target.reset()
    text = '\n'.join(target.boot_lines)
    for wanted in ('frames of memory', 'entropy=', 'flash: ', 'store: ', 'stats '):
        assert wanted in text
    assert 'panic' not in text and 'failed' not in text
