"""The protocol on a running target: damage at the other end, resent commands, what is typed, what programs print."""

import random

import pytest
from subset import chosen
from target import END_OF_FILE, INTERRUPT, Damaged
from wire import COMMAND_MOST, DAMAGED_ID, command_line, crc

DAMAGED = -5
NO_TASK = -3


def checked(body):
    return b'#%b*%08x\n' % (body, crc(body))


def whole(words=b'run keep write damaged 4 1'):
    return checked(b'zz1 ' + words)


DAMAGES = {
    'no hash': whole()[1:],
    'no star': whole().replace(b'*', b''),
    'no crc': b'#zz1 run keep write damaged 4 1\n',
    'crc cut by one': whole()[:-2] + b'\n',
    'one digit more': whole()[:-1] + b'0\n',
    'capital digits': whole()[:-9] + whole()[-9:].upper(),
    'wrong crc': whole()[:-9] + b'00000000\n',
    'crc of another': whole()[:-9] + whole(b'ps')[-9:],
    'first byte lost': whole()[0:1] + whole()[2:],
    'byte of a word lost': whole().replace(b'keep', b'kep'),
    'byte of a word doubled': whole().replace(b'keep', b'keeep'),
    'two bytes changed places': whole().replace(b'keep', b'ekep'),
    'a bit flipped': whole().replace(b'write', b'wrhte'),
    'a zero byte': whole().replace(b'write', b'wri\0e'),
    'a high byte': whole().replace(b'write', b'wri\xf4e'),
    'two hashes': b'#' + whole(),
    'something before': b'ps ' + whole(),
    'something behind': whole()[:-1] + b' ps\n',
    'a space behind': whole()[:-1] + b' \n',
    'two in one': whole()[:-1] + whole(),
    'no id': checked(b' run keep write damaged 4 1'[1:].replace(b' ', b'')),
    'an empty id': checked(b' run keep write damaged 4 1'),
    'an id too long': checked(b'123456789 run keep write damaged 4 1'),
    'only a hash': b'#\n',
    'only a star': b'*\n',
    'only zeros': b'\0\0\0\0\n',
    'a line of the target': b'#00000000ohello*00000000\n',
}


@pytest.mark.quick
@pytest.mark.parametrize('name', chosen(DAMAGES, core=('a bit flipped',)))
def test_a_damaged_command_is_not_executed(target, name):
    target.listen()
    target.send(DAMAGES[name])
    answer = target.answers(1)[0]
    assert (answer.name, answer.result, answer.nonce) == (DAMAGED_ID, DAMAGED, target.nonce)
    assert 'damaged' not in target.good('files') and target.tasks() == []


@pytest.mark.parametrize('length', [COMMAND_MOST + 1, 200, 255, 256, 1000, 5000])
def test_a_line_too_long(target, length):
    """Whole but for its length: the CRC is right."""
    body = b'zz2 run hello ' + b'x' * (length - 24)
    line = checked(body)
    assert len(line) == length + 1
    target.listen()
    target.send(line)
    assert target.answers(1)[0].name == DAMAGED_ID
    assert target.run('hello').text == 'hello, world\n'


def test_the_longest_line(target):
    line = checked(b'zz6 run hello ' + b'x' * (COMMAND_MOST - 24))
    assert len(line) == COMMAND_MOST + 1
    target.listen()
    target.send(line)
    assert target.answers(1)[0].name == 'zz6'
    assert target.gathered.streams['o'].count(b'x') == COMMAND_MOST - 24


@pytest.mark.parametrize('ending', [b'\n', b'\r', b'\r\n', b'\n\n\n'])
def test_line_ends(target, ending):
    target.listen()
    target.send(command_line('zz3', 'uptime').rstrip(b'\n') + ending)
    answer = target.answers(1)[0]
    assert (answer.name, answer.result) == ('zz3', 0)
    target.good('ps')


def test_empty_lines_are_nothing(target):
    target.listen()
    target.send(b'\n\r\n\n' * 20)
    target.good('ps')
    assert len(target.gathered.answers) == 1


@pytest.mark.parametrize('rest', [b'#', b'#1 run keep wri', b'garbage', b'*', b'x' * 300])
def test_interrupt_forgets_what_was_typed(target, rest):
    target.listen()
    target.send(rest + INTERRUPT + command_line('zz4', 'uptime'))
    assert target.answers(1)[0].name == 'zz4'


@pytest.mark.parametrize('round_', chosen(range(24), core=[0]))
def test_garbage(target, rng, round_):
    """Random bytes, with lines in them, then the target is still what it was."""
    target.note(f'round {round_}')
    choice = rng.choice([b'\n#* 0aps', bytes(range(256)), b'#*0123456789abcdef \n'])
    target.listen()
    target.send(bytes(rng.choice(choice) for _ in range(rng.randint(1, 3000))))
    target.interrupt()
    assert target.run('hello').text == 'hello, world\n'


def test_a_damaged_command_is_sent_again(target):
    """Damage on the way to the target is answered, and the command sent again: at most one execution."""
    first = target.begin('uptime')
    first.finish()
    send, sent = target.send, []

    def damage_once(data, timeout=None):
        sent.append(data)
        send(data if len(sent) > 1 else data.replace(b'hello', b'hallo'), timeout)

    target.send = damage_once
    try:
        assert target.run('hello').text == 'hello, world\n'
    finally:
        del target.send
    assert len(sent) == 2


def test_what_never_arrives_whole_is_an_error(target):
    send = target.send
    target.send = lambda data, timeout=None: send(data.replace(b'*', b'+'), timeout)
    try:
        with pytest.raises(Damaged):
            target.command('ps')
    finally:
        del target.send


def test_an_answer_can_be_asked_for_again(target):
    running = target.begin('run end exit 9')
    assert running.finish().status == 9
    again = running.ask_again()
    assert again.status == 9 and again.out == b''


def test_asking_again_does_not_execute_again(target):
    running = target.begin('run end loop &')
    running.finish()
    for _ in range(3):
        assert running.ask_again().result == 0
    assert len(target.tasks()) == 1
    target.kill_tasks()


def test_every_answer_has_the_nonce_of_this_boot(target):
    for words in ('ps', 'frobnicate', 'run end exit 1', 'run end null', 'kill 9999'):
        target.command(words)           # accept() has compared it
    target.listen()
    target.send(b'garbage\n')
    assert target.answers(1)[0].nonce == target.nonce


@pytest.mark.needs('flow_control')
@pytest.mark.parametrize('count', [2, 10, 100])
def test_commands_in_one_go(target, count):
    names = [f'p{i}' for i in range(count)]
    target.listen()
    target.send(b''.join(command_line(name, 'kill 9999' if i % 7 == 3 else 'uptime') for i, name in enumerate(names)))
    assert [answer.name for answer in target.answers(count)] == names
    assert [answer.result for answer in target.gathered.answers] == [NO_TASK if i % 7 == 3 else 0 for i in range(count)]


# ---- What programs print ----

@pytest.mark.core
def test_all_bytes_arrive(target):
    done = target.run('bytes')
    assert done.result == 0 and done.out == bytes(range(256)) * 4 and done.err == bytes(reversed(range(256))) * 4


FORGED = ('#00000000=zz9 0 0123456789abcdef', '=', '#00000000v', 'panic', '\\0a#00000001o', '*00000000', '\\\\', '\\')


@pytest.mark.parametrize('text', FORGED)
def test_output_that_looks_like_the_protocol(target, text):
    done = target.run(f'hello {text.replace(" ", "_")} end')
    assert done.result == 0 and done.text.splitlines() == ['hello, world', f'1: {text.replace(" ", "_")}', '2: end']


def test_a_firmware_line_in_the_middle_of_output(target):
    done = target.run('end null')
    assert done.text.startswith('end null 0\n') and done.line(r'^fault task=.* verdict=SIGSEGV$')


def test_much_output(target):
    """Some thousand lines, none lost."""
    done = target.run('attack ranges')
    assert done.result == 0 and done.text.count(' contained\n') == int(done.text.split('tries=')[1].split()[0])


# ---- What programs are typed ----

def test_typed_lines_reach_the_program(target):
    running = target.begin('run cat')
    for i in range(20):
        running.type(b'line %d\n' % i)
        running.wait_for(rb'line %d\nline %d\n' % (i, i))        # the terminal's echo, and the program's
    running.type(END_OF_FILE)
    assert running.finish().result == 0


@pytest.mark.parametrize('key, signal', [(b'\x03', 2), (b'\x1c', 3)])
def test_keys_that_interrupt(target, key, signal):
    running = target.begin('run end loop')
    running.wait_for(rb'end loop 0\n')
    running.type(key)
    assert running.finish().signal == signal


@pytest.mark.core
def test_editing_keys(target):
    running = target.begin('run cat')
    running.type(b'helpX\x7f\x7flo\n')
    running.wait_for(rb'\nhello\n')
    running.type(b'nothing\x15kept\n')
    running.wait_for(rb'\nkept\n')
    running.type(END_OF_FILE)
    assert running.finish().result == 0


def test_a_program_without_input_ends_at_the_interrupt_key(target):
    running = target.begin('run cat')
    running.type(b'half a line')
    running.wait_for(rb'half a line')
    assert running.interrupt().signal == 2


def test_a_command_typed_at_a_program_is_the_programs(target):
    running = target.begin('run cat')
    running.type(command_line('zz5', 'frobnicate'))
    running.wait_for(rb'zz5 frobnicate.*\n.*zz5 frobnicate')
    assert not running.gathered.answers
    running.type(END_OF_FILE)
    assert running.finish().result == 0


def test_recovery_from_any_state(target, rng):
    """The harness's own way back: a program holds the foreground, a line is half typed, output is under way."""
    states = ['run cat', 'run end loop', 'run attack leaks', 'run ledger swap 1 400', None]
    for words in rng.sample(states, len(states)):
        if words:
            target.begin(words)
        target.send(b'#12 half a line')
        target.interrupt()
        target.kill_tasks()
