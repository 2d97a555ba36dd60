"""The console protocol of PROTOCOL.md, seen from the host: lines with a number and a CRC, commands, answers.

Nothing here waits or knows what a console is: bytes go in, events come out, so that damage can be tested without a target.
"""

import re
import zlib
from dataclasses import dataclass

LINE = re.compile(rb'#(?P<body>(?P<number>[0-9a-f]{8})(?P<stream>[oev=])(?P<text>[ -~]*))\*(?P<crc>[0-9a-f]{8})\r?')
ANSWER = re.compile(rb'(\S+) (-?\d+) ([0-9a-f]{16})\n')
COMMAND_MOST = 127              # firmware/monitor_line.h: MONITOR_LINE_BYTES, without its end
ID_MOST = 8

BOOT_ID = 'boot'                # of the answer that the monitor begins with
DAMAGED_ID = '-'                # of the answer to a line that is not whole


def crc(data):
    return zlib.crc32(data) & 0xffffffff


def command_line(name, words):
    """The bytes of a command; ValueError when the target could not take them."""
    body = f'{name} {words}'.encode('ascii')
    line = b'#%b*%08x' % (body, crc(body))
    if not 0 < len(name) <= ID_MOST or ' ' in name or not words.isprintable() or len(line) > COMMAND_MOST:
        raise ValueError(f'not a command: {name} {words}')
    return line + b'\n'


def unescape(text):
    return re.sub(rb'\\([0-9a-f]{2})', lambda found: bytes([int(found[1], 16)]), text)


@dataclass(frozen=True)
class Part:
    """A line that is whole and in its place: some bytes of a stream."""
    number: int
    stream: str
    data: bytes


@dataclass(frozen=True)
class Trouble:
    """What must not be taken for a result. kind: damaged (a line that is not whole), lost (numbers are missing), repeated
    (the line before has come again), backwards (an older one has)."""
    kind: str
    what: str


@dataclass(frozen=True)
class Restart:
    """The line numbers begin anew: the machine has been reset, whoever did it."""


@dataclass(frozen=True)
class Noise:
    """A line before the first one of the firmware: boot firmware, or the rest of a line that was cut."""
    data: bytes


class Reader:
    """Takes whole lines of the console and says what each is."""

    def __init__(self):
        self.next = None        # the number of the next line; None: none has come yet

    def line(self, raw):
        """The events of one line, without its end."""
        found = LINE.fullmatch(raw)
        if not found or int(found['crc'], 16) != crc(found['body']):
            return [Trouble('damaged', repr(raw)) if self.next is not None else Noise(raw)]
        part = Part(int(found['number'], 16), found['stream'].decode(), unescape(found['text']))
        return [*self._place(part.number), part] if self._is_new(part.number) else [self._stale(part)]

    def _is_new(self, number):
        return self.next is None or number == 0 or number >= self.next

    def _place(self, number):
        """What has happened before a new line with this number."""
        events = []
        if number == 0 and self.next is not None:
            events.append(Restart())
        elif self.next is not None and number > self.next:
            events.append(Trouble('lost', f'lines {self.next} to {number - 1}'))
        self.next = number + 1
        return events

    def _stale(self, part):
        return Trouble('repeated' if part.number == self.next - 1 else 'backwards', f'line {part.number} {part.data!r}')


@dataclass(frozen=True)
class Answer:
    """The terminal answer to a command. result: 0, a negative errno value, or a wait status."""
    name: str
    result: int
    nonce: str


def parse_answer(data):
    """The Answer in a line of the stream of answers; None when it is none."""
    found = ANSWER.fullmatch(data)
    return Answer(found[1].decode(), int(found[2]), found[3].decode()) if found else None
