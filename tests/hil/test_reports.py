"""What is told of a task that was stopped and of a firmware that panicked: at once, and by the boot that follows."""

import pytest
from target import Panicked


@pytest.mark.quick
@pytest.mark.needs('bootargs')
def test_a_stopped_task_is_told_of_at_length(target):
    target.power_cycle('reports=full')
    output = target.run('stack')
    found = output.line(r'fault task=\d+ name=stack .* addr=0x(\w+) pc=0x(\w+) ')
    address, pc = (int(number, 16) for number in found.groups())
    assert int(output.line(r'^fault x0 (\w+) ')[1], 16) == pc
    assert output.line(r'^fault walk \w+ \w+ \w+: not mapped slot=0$')
    start, end = (int(number, 16) for number in output.line(r'^fault region 0x(\w+)-0x(\w+) ').groups())
    assert address < end and start < end
    assert output.line(rf'^fault event task=\d+ fault 1[35] 0x{address:x}$')
    assert int(output.line(r'^fault trace stack (\w+) ')[1], 16) == pc
    target.power_cycle()
    assert not [line for line in target.run('stack').lines if line.startswith('fault x')]


@pytest.mark.quick
@pytest.mark.core
@pytest.mark.needs('faults', 'bootargs', 'reset')
def test_a_panic_is_told_again_by_the_next_boot(target):
    target.power_cycle('panic=reboot')
    target.run('hello')
    with pytest.raises(Panicked) as panic:
        target.command('inject panic')
    target.listen()
    target.wait_for_boot()
    said = str(panic.value).splitlines()
    assert said[0].startswith('panic firmware/inject.c:')
    assert [line for line in said if line.startswith('panic event ')] and [line for line in said if ' trace vellum ' in line]
    again = [line.removeprefix('last ') for line in target.boot_lines if line.startswith('last ')]
    assert again[:len(said)] == said
    assert target.good('panic') == ''
    target.reset()
    assert not [line for line in target.boot_lines if line.startswith('last ')], 'told once'
    assert target.good('panic') == 'there was none\n'
