"""The reader of the console protocol, with what a bad line does to it. No target is needed."""

import random
import re

import pytest
from board import ROOT
from subset import chosen
from target import Gathered
from wire import Answer, Noise, Part, Reader, Restart, Trouble, command_line, crc, parse_answer, unescape

pytestmark = pytest.mark.quick


def line(number, stream, text):
    body = b'%08x%s%s' % (number, stream.encode(), text)
    return b'#%b*%08x' % (body, crc(body))


def session(count=6):
    """Lines as a target sends them, for a command with some output."""
    lines = [line(i, 'o', b'line %d\\0a' % i) for i in range(count - 1)]
    return [*lines, line(count - 1, '=', b'1a 0 0123456789abcdef\\0a')]


def read(lines):
    reader = Reader()
    return [event for raw in lines for event in reader.line(raw)]


def kinds(events):
    return [event.kind for event in events if isinstance(event, Trouble)]


def parts(events):
    return [event.number for event in events if isinstance(event, Part)]


@pytest.mark.parametrize('document', ['tests/hil/PROTOCOL.md', 'firmware/record.h'])
def test_the_line_of_the_documents(document):
    raw = re.search(rb'#0000002a.*', (ROOT / document).read_bytes())[0]
    assert read([raw]) == [Part(42, 'o', b'hello, world\n')] and raw == line(42, 'o', b'hello, world\\0a')


def test_a_whole_session():
    events = read(session())
    assert parts(events) == list(range(6)) and not kinds(events)


def test_escapes():
    every = bytes(range(256))
    text = b''.join(bytes([b]) if 0x20 <= b <= 0x7e and b != 0x5c else b'\\%02x' % b for b in every)
    assert unescape(text) == every
    assert read([line(0, 'e', text)]) == [Part(0, 'e', every)]


def test_carriage_return_is_the_lines():
    assert parts(read([raw + b'\r' for raw in session()])) == list(range(6))


def test_boot_firmware_is_noise():
    events = read([b'OpenSBI v1.1', b'', b'vellum: early', *session()])
    assert [type(event) for event in events[:3]] == [Noise] * 3 and parts(events) == list(range(6))


@pytest.mark.parametrize('at', range(1, 5))
def test_a_lost_line(at):
    lines = session()
    events = read(lines[:at] + lines[at + 1:])
    assert kinds(events) == ['lost'] and at not in parts(events)


@pytest.mark.parametrize('count', [2, 3, 4])
def test_several_lost_lines_are_one_trouble(count):
    lines = session()
    events = read(lines[:1] + lines[1 + count:])
    assert kinds(events) == ['lost'] and f'lines 1 to {count}' in events[1].what


@pytest.mark.parametrize('at', [1, 2, 4])
def test_a_repeated_line(at):
    lines = session()
    events = read(lines[:at + 1] + lines[at:])
    assert kinds(events) == ['repeated'] and parts(events) == list(range(6))


def test_an_older_line():
    lines = session()
    assert kinds(read(lines[:4] + lines[1:2])) == ['backwards']


def test_two_lines_changed_places():
    lines = session()
    lines[2], lines[3] = lines[3], lines[2]
    assert kinds(read(lines)) == ['lost', 'backwards']


def test_two_lines_in_one():
    lines = session()
    events = read([*lines[:2], lines[2] + lines[3], *lines[4:]])
    assert kinds(events) == ['damaged', 'lost'] and 2 not in parts(events) and 3 not in parts(events)


def test_a_line_in_the_middle_of_another():
    lines = session()
    events = read([lines[0], lines[1][:9] + lines[2] + lines[1][9:], *lines[3:]])
    assert kinds(events) == ['damaged', 'lost']


def test_a_reset_shows():
    events = read(session() + session())
    assert [event for event in events if isinstance(event, Restart)] == [Restart()] and not kinds(events)


@pytest.mark.parametrize('stream', ['o', 'e', 'v', '='])
def test_no_flipped_bit_passes(stream):
    raw = line(7, stream, b'frames 512: 17 free\\0a')
    for bit in range(8 * len(raw)):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        reader = Reader()
        reader.line(line(6, 'o', b''))
        events = [event for piece in bytes(damaged).split(b'\n') for event in reader.line(piece)]
        assert not parts(events) and kinds(events), f'bit {bit}'


def test_no_lost_byte_passes():
    raw = line(7, 'o', b'records on flash: 0 bad\\0a')
    for at in range(len(raw)):
        assert kinds(read([line(6, 'o', b''), raw[:at] + raw[at + 1:]])) == ['damaged']


def test_no_doubled_byte_passes():
    raw = line(7, 'o', b'records on flash: 0 bad\\0a')
    for at in range(len(raw)):
        assert kinds(read([line(6, 'o', b''), raw[:at] + raw[at:at + 1] + raw[at:]])) == ['damaged']


@pytest.mark.parametrize('seed', chosen(range(8), core=[0]))
def test_random_damage_never_passes(seed):
    """Bytes of a whole session are changed, lost and doubled: what is still believed is what was sent, and any loss shows."""
    drawn = random.Random(seed)
    for _ in range(300):
        sent = session(12)
        stream = bytearray(b'\n'.join(sent))
        for _ in range(drawn.randint(1, 4)):
            at = drawn.randrange(len(stream))
            stream[at:at + 1] = drawn.choice([b'', bytes([drawn.randrange(256)]), stream[at:at + 1] * 2])
        events = read(bytes(stream).split(b'\n'))
        for event in events:
            if isinstance(event, Part):
                assert event in read([sent[event.number]])
        whole = parts(events) == list(range(12))
        assert whole or kinds(events) or parts(events)[-1:] != [11] or isinstance(events[0], Noise)


def test_commands():
    assert command_line('1f', 'run hello') == b'#1f run hello*%08x\n' % crc(b'1f run hello')
    for name, words in (('', 'ps'), ('a b', 'ps'), ('123456789', 'ps'), ('1', 'x' * 120), ('1', 'a\nb')):
        with pytest.raises(ValueError):
            command_line(name, words)


def test_answers():
    assert parse_answer(b'1f -22 0123456789abcdef\n') == Answer('1f', -22, '0123456789abcdef')
    for wrong in (b'1f 0\n', b'1f x 0123456789abcdef\n', b'1f 0 0123456789abcde\n', b'1f 0 0123456789abcdef'):
        assert parse_answer(wrong) is None


def test_streams_are_put_together_again():
    gathered = Gathered()
    for event in read([line(0, 'o', b'half a '), line(1, 'v', b'fault task=1\\0a'), line(2, 'e', b'error'),
                       line(3, 'o', b'line\\0a'), line(4, '=', b'9 0 01234567'), line(5, '=', b'89abcdef\\0a')]):
        gathered.add(event)
    assert gathered.streams['o'] == b'half a line\n' and gathered.streams['e'] == b'error'
    assert gathered.lines == ['fault task=1'] and gathered.answers == [Answer('9', 0, '0123456789abcdef')]
