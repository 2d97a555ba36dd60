"""Between the emulator's serial line and our own standard streams, until the machine powers off.

The line has two forms, which firmware/console.h describes: `framed` for pipes, where standard output, standard error and
firmware lines can be told apart byte by byte, and `plain` for a terminal.
"""

import os
import re
import selectors
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

from run_options import built
from symbols import Traces

ESCAPE = 0x10
END_OF_INPUT = b'\x10q'
LINE_PREFIX = b'vellum: '
END_LINE = re.compile(rb'^end status=(\d+)')
FAILED_LINE = re.compile(rb'^(panic|check failed)(?::? (\S+\.c):(\d+))?')

# A statement that says what has to hold, and the lines that it may take.
STATEMENT = re.compile(r'CHECK\(|BROKEN\(|ASSERT\(|assert_failed\(')
STATEMENT_LINES = 8

ROOT = Path(__file__).resolve().parents[1]

STATUS_TIMEOUT = 124
STATUS_FAILED = 125

CHUNK = 65536
# Input that waits for the line. Small, so that our own reader is held back too.
INPUT_MOST = 4096
# How long the emulator may take to end after the firmware's last line, and after it was asked to.
ENDING_S = 20
TERMINATE_S = 5

CTRL_A = 0x01


def show_source(name, number):
    """What has to hold there: the image has no room for the words."""
    try:
        lines = (ROOT / name).read_text(encoding='utf-8').splitlines()
    except OSError:
        return
    if not 0 < number <= len(lines):
        return                          # another build's, or edited since
    first = last = number - 1
    while first > 0 and last - first < STATEMENT_LINES and not STATEMENT.search(lines[first]):
        first -= 1
    while last + 1 < len(lines) and not lines[last].rstrip().endswith(';'):
        last += 1
    print(f'run: {name}:{number}: {" ".join(line.strip() for line in lines[first:last + 1])}', file=sys.stderr, flush=True)


class Verdict:
    """What the firmware lines say about how the run ended."""

    def __init__(self, traces):
        self.status = None
        self.failed = False
        self.seen = False
        self.traces = traces

    def line(self, text):
        self.seen = True
        for call in self.traces.take(text.decode('ascii', 'replace')):
            print(f'run:     in {call}', file=sys.stderr, flush=True)
        if ended := END_LINE.match(text):
            self.status = int(ended[1])
        elif failed := FAILED_LINE.match(text):
            self.failed = True
            if failed[2]:
                show_source(failed[2].decode(), int(failed[3]))


class FramedOutput:
    """Takes the framed line apart. Bytes before the first frame are the boot firmware's."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.stream = sys.stdout.buffer
        self.early = bytearray()
        self.line = None                # the firmware line that is being read
        self.escaped = False

    def feed(self, data):
        at = 0
        while at < len(data):
            if self.escaped:
                self._escape(data[at])
                at += 1
                continue
            stop = b'\n' if self.line is not None else b'\x10'
            found = data.find(stop, at)
            self._plain(data[at:found if found >= 0 else len(data)])
            if found < 0:
                break
            if self.line is not None:
                self._end_line()
            else:
                self.escaped = True
            at = found + 1
        sys.stdout.buffer.flush()
        sys.stderr.buffer.flush()

    def _plain(self, data):
        if self.line is not None:
            self.line += data
        elif not self.verdict.seen:
            self.early += data
        else:
            self.stream.write(data)

    def _escape(self, code):
        self.escaped = False
        if code == ord('v'):
            self.line = bytearray()
            self.verdict.seen = True
        elif code == ord('E'):
            self.stream = sys.stderr.buffer
        elif code == ord('O'):
            self.stream = sys.stdout.buffer
        else:
            self._plain(bytes([code]))

    def _end_line(self):
        sys.stderr.buffer.write(LINE_PREFIX + bytes(self.line) + b'\n')
        sys.stderr.buffer.flush()
        self.verdict.line(bytes(self.line))
        self.line = None

    def finish(self):
        """A machine that never spoke, or stopped in the middle of a line: what it said is all there is to go by."""
        if not self.verdict.seen:
            sys.stderr.buffer.write(bytes(self.early))
        if self.line:
            sys.stderr.buffer.write(LINE_PREFIX + bytes(self.line) + b'\n')
        sys.stderr.buffer.flush()


class PlainOutput:
    """Passes everything on, and reads the firmware lines in passing."""

    def __init__(self, verdict):
        self.verdict = verdict
        self.column = bytearray()       # the line so far

    def feed(self, data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        *whole, rest = data.split(b'\n')
        for part in whole:
            self._end_line(bytes(self.column + part).rstrip(b'\r'))
            self.column.clear()
        self.column = (self.column + rest)[-CHUNK:]

    def _end_line(self, line):
        if line.startswith(LINE_PREFIX):
            self.verdict.line(line[len(LINE_PREFIX):])

    def finish(self):
        pass


class RawTerminal:
    """Keys come as they are pressed; what is printed keeps its newlines."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.before = termios.tcgetattr(descriptor)

    def __enter__(self):
        mode = termios.tcgetattr(self.descriptor)
        mode[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON)
        mode[3] &= ~(termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, mode)
        return self

    def __exit__(self, *_):
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self.before)


class Leave(Exception):
    """The user or a signal ends the run; carries the exit status."""


class FramedInput:
    END = END_OF_INPUT

    @staticmethod
    def encode(data):
        return data.replace(b'\x10', b'\x10\x10')


class KeyInput:
    """Keys of a terminal: Ctrl-A x leaves, Ctrl-A Ctrl-A is a Ctrl-A."""

    END = b''

    def __init__(self):
        self.prefix = False

    def encode(self, data):
        keys = bytearray()
        for key in data:
            if self.prefix:
                self.prefix = False
                if key in b'xX':
                    raise Leave(0)
                keys.append(key)
            elif key == CTRL_A:
                self.prefix = True
            else:
                keys.append(key)
        return bytes(keys)


def stop(emulator):
    """Asked first, so that a kept image is written back."""
    if emulator.poll() is None:
        emulator.terminate()
        try:
            emulator.wait(TERMINATE_S)
        except subprocess.TimeoutExpired:
            emulator.kill()
    return emulator.wait()


class Console:
    def __init__(self, emulator, options):
        self.emulator = emulator
        self.interactive = options.interactive
        self.deadline = time.monotonic() + options.timeout_s if options.timeout_s else None
        self.verdict = Verdict(Traces(options.firmware or built('vellum.elf'), options.files))
        self.output = PlainOutput(self.verdict) if self.interactive else FramedOutput(self.verdict)
        self.input = KeyInput() if self.interactive else FramedInput()
        self.pending = b''              # input that the line has not taken yet
        self.input_open = True
        self.selector = selectors.DefaultSelector()
        self.watched = {}

    def relay(self):
        """Returns the run's exit status; nothing is left running."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._signalled)
        try:
            if not self.interactive:
                return self._relay()
            with RawTerminal(sys.stdin.fileno()):
                return self._relay()
        except Leave as leave:
            return leave.args[0]
        except BrokenPipeError:         # nobody reads our output any more
            sys.stdout = None
            return 128 + signal.SIGPIPE
        finally:
            stop(self.emulator)

    @staticmethod
    def _signalled(number, _frame):
        raise Leave(128 + number)

    def _relay(self):
        os.set_blocking(self.emulator.stdin.fileno(), False)
        self._watch(self.emulator.stdout, selectors.EVENT_READ)
        while True:
            self._watch_input()
            left = None if self.deadline is None else self.deadline - time.monotonic()
            if left is not None and left <= 0:
                self.output.finish()
                return self._at_deadline()
            for key, _ in self.selector.select(left):
                if key.fileobj is self.emulator.stdout:
                    data = os.read(self.emulator.stdout.fileno(), CHUNK)
                    if not data:
                        return self._ended()
                    self._take(data)
                elif key.fileobj is self.emulator.stdin:
                    self._send()
                else:
                    self._read_input()

    def _take(self, data):
        self.output.feed(data)
        if self.verdict.status is not None or self.verdict.failed:
            ending = time.monotonic() + ENDING_S
            self.deadline = min(self.deadline or ending, ending)

    def _at_deadline(self):
        if self.verdict.status is None and not self.verdict.failed:
            print('run: stopped at the time limit', file=sys.stderr)
            return STATUS_TIMEOUT
        return self._status()

    def _ended(self):
        self.output.finish()
        status = self.emulator.wait()
        if self.verdict.status is None and not self.verdict.failed:
            print(f'run: the emulator ended (status {status}) without the firmware\'s end line', file=sys.stderr)
        return self._status()

    def _status(self):
        if self.verdict.failed or self.verdict.status is None:
            return STATUS_FAILED
        return self.verdict.status

    def _watch(self, file, events):
        """Changes what is waited for: events 0 is nothing."""
        if self.watched.get(file, 0) == events:
            return
        if self.watched.get(file, 0) == 0:
            self.selector.register(file, events)
        elif events == 0:
            self.selector.unregister(file)
        self.watched[file] = events

    def _watch_input(self):
        """Input waits until the firmware has spoken: a line that is still being set up would lose it."""
        if self.verdict.seen and self.input_open and len(self.pending) < INPUT_MOST:
            self._watch_standard_input()
        elif sys.stdin is not None:
            self._watch(sys.stdin, 0)
        self._watch(self.emulator.stdin, selectors.EVENT_WRITE if self.pending else 0)

    def _watch_standard_input(self):
        if sys.stdin is None:
            self._close_input()
            return
        try:
            self._watch(sys.stdin, selectors.EVENT_READ)
        except PermissionError:         # a regular file: always ready, and epoll refuses it
            self._read_input()

    def _read_input(self):
        data = os.read(sys.stdin.fileno(), INPUT_MOST)
        if data:
            self.pending += self.input.encode(data)
        else:
            self._close_input()

    def _close_input(self):
        self.input_open = False
        self.pending += self.input.END

    def _send(self):
        try:
            sent = os.write(self.emulator.stdin.fileno(), self.pending)
        except BlockingIOError:
            return
        except BrokenPipeError:         # the machine is off; its output tells how that came
            self.input_open = False
            sent = len(self.pending)
        self.pending = self.pending[sent:]
