"""A running target: commands and their results over the checked console, power, reset, flash, and the way back to a known
state. Whatever goes wrong on the line is an exception, never a result."""

import errno
import random
import re
import time

from line import LineClosed
from wire import BOOT_ID, DAMAGED_ID, Answer, Noise, Part, Reader, Restart, command_line, parse_answer

INTERRUPT = b'\x03'
END_OF_FILE = b'\x04'
SENDS = 3                       # of a command that came damaged at the other end
RECOVER_S = 20
INTERRUPT_S = 1
DRAIN_S = 0.5


class TargetError(Exception):
    """Something that a test has not asked for."""


class TimedOut(TargetError):
    """No answer in time."""


class Damaged(TargetError):
    """Lines are missing or not whole: what has come is not a result."""


class UnexpectedReset(TargetError):
    """The machine has begun anew."""


class Panicked(TargetError):
    """The firmware has stopped by a bug of its own."""


class Gone(TargetError):
    """The console has been closed, or the machine is off."""


class Gathered:
    """What has come since the command before."""

    def __init__(self):
        self.streams = {'o': bytearray(), 'e': bytearray(), 'v': bytearray(), '=': bytearray()}
        self.troubles = []
        self.restarted = False
        self.answers = []
        self.panic = []         # lines of the boot before
        self.before = b''       # its standard output

    def add(self, event):
        if isinstance(event, Part):
            self.streams[event.stream] += event.data
            if event.stream == '=' and event.data.endswith(b'\n'):
                self._end_answer()
        elif isinstance(event, Restart):
            self._restart()
        elif not isinstance(event, Noise):
            self.troubles.append(event)

    def _restart(self):
        """What came before is of another boot."""
        self.restarted = True
        self.panic = self.panic_lines()
        self.before = bytes(self.streams['o'])
        self.answers.clear()
        for stream in self.streams.values():
            stream.clear()

    def panic_lines(self):
        return self.panic + [line for line in self.lines if line.startswith('panic')]

    def _end_answer(self):
        line = bytes(self.streams['='])
        self.streams['='].clear()
        answer = parse_answer(line)
        if answer:
            self.answers.append(answer)

    @property
    def lines(self):
        """The firmware's."""
        return self.streams['v'].decode('ascii', 'replace').splitlines()


class Output:
    """What a command has come to. `result` is 0, a negative errno value, or a wait status."""

    def __init__(self, words, answer, gathered):
        self.words = words
        self.result = answer.result
        self.out = bytes(gathered.streams['o'])
        self.err = bytes(gathered.streams['e'])
        self.lines = gathered.lines

    @property
    def text(self):
        return self.out.decode('utf-8', 'replace')

    @property
    def status(self):
        """The exit status of the program; None when it has none."""
        return self.result >> 8 if self.result >= 0 and self.result & 0x7f == 0 else None

    @property
    def signal(self):
        return self.result & 0x7f if self.result > 0 else 0

    @property
    def error(self):
        """The name of the error that the monitor answers; '' when there is none."""
        return errno.errorcode.get(-self.result, str(self.result)) if self.result < 0 else ''

    def line(self, pattern):
        """The first firmware line that matches."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f'{self.words}: no firmware line matches {pattern!r} in {self.lines}')

    def __repr__(self):
        return f'Output({self.words!r}: {self.result}, {self.text!r}, {self.err!r}, {self.lines!r})'


class Running:
    """A command that has been sent, and whose answer is still to come."""

    def __init__(self, target, name, words):
        self.target = target
        self.name = name
        self.words = words
        self.gathered = target.gathered = Gathered()

    def wait_for(self, pattern, timeout=None):
        """The match of a pattern of bytes in the standard output so far; TimedOut when it does not come."""
        deadline = self.target.deadline(timeout)
        while not (found := re.search(pattern, bytes(self.gathered.streams['o']))):
            if self._answer():
                raise TargetError(f'{self.words}: ended without {pattern!r}')
            self.target.pump(deadline, f'{self.words}: {pattern!r}')
        return found

    def type(self, data):
        """Input for the program in the foreground, through its terminal."""
        self.target.send(data)

    def interrupt(self, timeout=None):
        self.type(INTERRUPT)
        return self.finish(timeout)

    def _answer(self):
        return next((answer for answer in self.gathered.answers if answer.name == self.name), None)

    def came_damaged(self):
        return any(answer.name == DAMAGED_ID for answer in self.gathered.answers)

    def finish(self, timeout=None):
        """Waits for the answer: an Output."""
        deadline = self.target.deadline(timeout)
        while not (answer := self._answer()):
            if self.came_damaged():
                raise Damaged(f'{self.words}: did not arrive whole')
            self.target.pump(deadline, self.words)
        self.target.accept(answer)
        return Output(self.words, answer, self.gathered)

    def ask_again(self, timeout=None):
        """Sends the same command once more: the Answer alone, and nothing is executed twice."""
        again = Running(self.target, self.name, self.words)
        self.target.send(command_line(self.name, self.words))
        return again.finish(timeout)


class Target:
    def __init__(self, board, seed=1):
        self.board = board
        self.line = board.open_line()
        self.reader = Reader()
        self.gathered = Gathered()
        self.nonce = None
        self.boots = 0
        self.boot_lines = []
        self.last_words = b''           # the standard output of the boot before, up to its end
        # Names differ from those of an earlier session, whose last command the target may remember.
        self.next_name = random.Random(f'{seed} {time.time_ns()}').randrange(1 << 28)

    # ---- Logs ----

    def set_log(self, log):
        self.line.log = log

    def note(self, text):
        self.line.note(text)

    # ---- The line ----

    def deadline(self, timeout):
        return time.monotonic() + (self.board.limits['answer_s'] if timeout is None else timeout)

    def send(self, data, timeout=None):
        try:
            self.line.write(data, self.deadline(timeout))
        except LineClosed as error:
            raise Gone('the console is closed') from error
        except TimeoutError as error:
            raise TimedOut(str(error)) from error

    def pump(self, deadline, what):
        """Takes in one line of the console. Raises when something has happened that nobody asked for."""
        try:
            raw = self.line.read_line(deadline)
        except LineClosed as error:
            self._raise_if_panicked()
            raise Gone(f'{what}: the console was closed') from error
        if raw is None:
            self._raise_if_panicked()
            raise TimedOut(f'{what}: no answer in time; unfinished: {self.line.unfinished()!r}')
        for event in self.reader.line(raw):
            self.gathered.add(event)
        if self.gathered.restarted:
            self._raise_if_panicked()
            raise UnexpectedReset(f'{what}: the line numbers begin anew')
        if self.gathered.troubles:
            self._raise_if_panicked()   # what follows is the boot firmware's
            raise Damaged(f'{what}: {self.gathered.troubles}')

    def _raise_if_panicked(self):
        if panic := self.gathered.panic_lines():
            raise Panicked('\n'.join(panic))

    def accept(self, answer: Answer):
        """Compares the nonce. A target that was running when we came has told none yet."""
        if self.nonce is None:
            self.nonce = answer.nonce
        if answer.nonce != self.nonce:
            raise UnexpectedReset(f'another boot answers: {answer.nonce}, not {self.nonce}')

    # ---- Commands ----

    def begin(self, words):
        """Sends a command: a Running."""
        self.next_name += 1
        running = Running(self, f'{self.next_name & 0xfffffff:x}', words)
        self.send(command_line(running.name, words))
        return running

    def command(self, words, timeout=None):
        """Sends a command and waits for its answer: an Output. A command that comes damaged is sent again; it has not been
        executed then."""
        for left in reversed(range(SENDS)):
            try:
                return self.begin(words).finish(timeout)
            except Damaged:
                if left == 0 or self.gathered.troubles:
                    raise
        raise AssertionError

    def run(self, words, timeout=None):
        """A program in the foreground: `run WORDS`, with the time that programs have."""
        return self.command(f'run {words}', timeout or self.board.limits['program_s'])

    def good(self, words, timeout=None):
        """The text of a command that has to succeed."""
        output = self.command(words, timeout)
        assert output.result == 0, output
        return output.text

    def listen(self):
        """From here on what comes is gathered anew."""
        self.gathered = Gathered()

    def answers(self, count, timeout=None):
        """The next answers since listen(), whatever they are to."""
        deadline = self.deadline(timeout)
        while len(self.gathered.answers) < count:
            self.pump(deadline, f'{count} answers')
        return self.gathered.answers

    # ---- Power ----

    def can(self, ability):
        return ability in self.board.abilities

    def power_off(self):
        """The power is cut: nothing is told to anybody before."""
        self.note('power off')
        if self.board.is_process:
            self.line.kill()
        else:
            self.board.run('power_off')
        self._drain()
        self.last_words = bytes(self.gathered.streams['o'])
        if self.board.is_process:
            self.line.power_off()
        self.nonce = None

    def _drain(self):
        """Takes in what was on its way when the power went."""
        while True:
            try:
                self.pump(self.deadline(DRAIN_S), 'drain')
            except (Gone, TimedOut):
                return
            except Panicked:
                self.gathered = Gathered()
            except TargetError:
                self.gathered.troubles.clear()

    def power_on(self, bootargs=''):
        self.note(f'power on {bootargs}'.rstrip())
        self.reader = Reader()
        self.gathered = Gathered()
        if self.board.is_process:
            self.line.power_on(self.board.console_command(bootargs))
        else:
            self.board.run('power_on')
        self.wait_for_boot()

    def flash(self, image):
        """Writes an image of the whole flash, with the power off."""
        self.note(f'flash {image}')
        self.board.run('flash', image=image)

    def power_cycle(self, bootargs='', image=None):
        self.power_off()
        if image:
            self.flash(image)
        self.power_on(bootargs)

    def reset(self):
        self.note('reset')
        self.gathered.answers.clear()
        self.board.run('reset')
        self.wait_for_boot()
        self.last_words = self.gathered.before

    def restart(self, way, bootargs=''):
        """Another boot, with the flash as it is; `way` is the ability that does it. A reset keeps the boot arguments."""
        if way == 'power_cut':
            self.power_cycle(bootargs)
        else:
            self.reset()

    def wait_for_boot(self, timeout=None):
        """Until the monitor of another boot answers. What comes before, from the old boot, is of no interest."""
        deadline = self.deadline(timeout or self.board.limits['boot_s'])
        before = self.nonce
        while True:
            boot = [answer for answer in self.gathered.answers if answer.name == BOOT_ID and answer.nonce != before]
            if boot:
                break
            try:
                self.pump(deadline, 'boot')
            except (Damaged, UnexpectedReset):
                # The end of the old boot, and the boot firmware's text.
                self.gathered.restarted = False
                self.gathered.troubles.clear()
        self.nonce = boot[-1].nonce
        self.boots += 1
        self.boot_lines = self.gathered.lines
        gathered = self.gathered
        self.interrupt()                # what was typed before the boot, and came late, is forgotten
        self.gathered = gathered

    def wait_for_end(self):
        """Until the machine is off by itself: the firmware lines of its end."""
        deadline = self.deadline(None)
        try:
            while True:
                self.pump(deadline, 'power off')
        except Gone:
            return self.gathered.lines

    # ---- A known state ----

    def kill_tasks(self):
        """Ends what runs in the background."""
        deadline = self.deadline(RECOVER_S)
        while tasks := self.tasks():    # one that holds much memory takes its time
            for task in tasks:
                self.command(f'kill {task} 9')
            if time.monotonic() > deadline:
                raise TargetError(f'tasks do not end: {self.good("ps")}')

    def tasks(self):
        return [int(task) for task in re.findall(r'^ *(\d+) +\d+ (?:runs|waits|stopped|zombie) ', self.good('ps'), re.M)]

    def state(self):
        """What has to be the same before and after every test."""
        memory = re.search(r'(\d+) tables, (\d+) anonymous.*promised +(\d+) of.*pinned (\d+) of \d+ frames, (\d+) by',
                           self.good('mem'), re.S)
        files = [line.split()[1:] for line in self.good('files').splitlines()]
        tables, anonymous, promised, pinned, stores = map(int, memory.groups())
        # Programs that have ended are kept for the next run of them, each with a table.
        return {'anonymous': anonymous, 'promised': promised, 'pinned': pinned - stores - tables, 'tasks': self.tasks(),
                'files': sorted(files, key=lambda row: row[-1])}

    def interrupt(self):
        """Back to the monitor's prompt, whatever is in the foreground or half typed. Same boot, or an exception."""
        deadline = self.deadline(RECOVER_S)
        while True:
            self.gathered = Gathered()
            self.send(INTERRUPT + b'\n', RECOVER_S)
            try:
                self.command('uptime', INTERRUPT_S)     # the terminal of a program that is ending may swallow it
                return
            except (Damaged, TimedOut):
                if time.monotonic() > deadline:
                    raise
