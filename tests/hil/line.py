"""The line to a target's console: a process with pipes or a pseudo-terminal, or a serial device. Never a socket: the
emulated UART of `sifive_u` loses bytes there.

All reading and writing has a deadline; what passes is written to a log with time stamps.
"""

import ctypes
import os
import pty
import select
import shlex
import signal
import subprocess
import time
import tty

import pexpect
import pexpect.fdpexpect
import serial

PR_SET_PDEATHSIG = 1            # linux/prctl.h
KILL_S = 20
CHUNK = 65536


class LineClosed(Exception):
    """Nobody is at the other end any more."""


class Log:
    """Lines with the seconds since the log was opened: `<` from the target, `>` to it, `!` about it."""

    def __init__(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.started = time.monotonic()
        self.file = open(path, 'w', encoding='utf-8', buffering=1)

    def write(self, mark, text):
        self.file.write(f'{time.monotonic() - self.started:12.6f} {mark} {text}\n')

    def close(self):
        self.file.close()


class Line:
    """Reads by lines and writes; `log` may be changed at any time."""

    def __init__(self):
        self.log = None
        self.reader = None
        self.write_fd = None

    def _connect(self, read_fd, write_fd):
        self.write_fd = write_fd
        os.set_blocking(write_fd, False)
        self.reader = pexpect.fdpexpect.fdspawn(read_fd, maxread=CHUNK, use_poll=True)

    def note(self, text):
        if self.log:
            self.log.write('!', text)

    def read_line(self, deadline):
        """One line without its end; None when none has come until the deadline. Raises LineClosed."""
        if self.reader is None:
            raise LineClosed
        left = max(deadline - time.monotonic(), 0)
        found = self.reader.expect_exact([b'\n', pexpect.TIMEOUT, pexpect.EOF], timeout=left)
        if found == 2:
            self._show(self.reader.before)
            self.reader = None
            raise LineClosed
        if found == 1:
            return None
        self._show(self.reader.before)
        return self.reader.before

    def _show(self, data):
        if self.log and data:
            self.log.write('<', data.decode('ascii', 'backslashreplace').replace('\r', '\\r'))

    def unfinished(self):
        """What has come of a line whose end has not."""
        return bytes(self.reader.buffer) if self.reader is not None else b''

    def write(self, data, deadline):
        """All of it, or TimeoutError or LineClosed."""
        if self.log:
            self.log.write('>', repr(data if len(data) < 200 else data[:200] + b'...')[1:])
        while data:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError('the target takes no input')
            if self.write_fd is None:
                raise LineClosed
            if not select.select([], [self.write_fd], [], min(left, 1))[1]:
                continue
            try:
                data = data[os.write(self.write_fd, data):]
            except BlockingIOError:
                continue
            except OSError as error:
                raise LineClosed from error


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class ProcessLine(Line):
    """The standard streams of a process are the console, and the process is the machine's power."""

    def __init__(self, via):
        super().__init__()
        self.via = via
        self.process = None

    def power_on(self, command):
        if self.via == 'pty':
            ours, theirs = pty.openpty()
            tty.setraw(theirs)
            self.process = self._start(command, theirs, theirs)
            os.close(theirs)
            self._connect(ours, ours)
        else:
            self.process = self._start(command, subprocess.PIPE, subprocess.PIPE)
            self._connect(self.process.stdout.fileno(), self.process.stdin.fileno())

    def _start(self, command, stdin, stdout):
        errors = open(self.log.path.with_suffix('.stderr'), 'ab') if self.log else subprocess.DEVNULL
        try:
            return subprocess.Popen(shlex.split(command), stdin=stdin, stdout=stdout, stderr=errors, bufsize=0,
                                    start_new_session=True, preexec_fn=die_with_parent)
        finally:
            if self.log:
                errors.close()

    def kill(self):
        """As when the plug is pulled: nothing is told to the guest. What was on the line can still be read.

        The emulator is asked to end, for it is no part of the board: killed, it loses a program of the flash that the part
        had said was done, and a file that was synced is not there."""
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(KILL_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(KILL_S)

    def power_off(self):
        if self.process is None:
            return
        self.kill()
        for end in (self.process.stdin, self.process.stdout):
            if end:
                end.close()
        if self.via == 'pty' and self.write_fd is not None:
            os.close(self.write_fd)
        self.process = self.reader = self.write_fd = None

    def close(self):
        self.power_off()


class SerialLine(Line):
    """A serial device, which the command `start`, if any, makes; it says a line when it is there. Power is somebody else's."""

    def __init__(self, device, speed, start=None):
        super().__init__()
        self.maker = None
        if start:
            self.maker = subprocess.Popen(shlex.split(start), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          start_new_session=True, preexec_fn=die_with_parent)
            if not select.select([self.maker.stdout], [], [], KILL_S)[0] or not self.maker.stdout.readline():
                raise LineClosed(f'`{start}` makes no {device}')
        self.port = serial.Serial(device, speed, timeout=0, exclusive=True)
        self._connect(self.port.fileno(), self.port.fileno())

    def close(self):
        self.port.close()
        if self.maker:
            self.maker.kill()
            self.maker.wait(KILL_S)
            self.maker.stdout.close()
