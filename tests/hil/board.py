"""A target's file: what its console is, the commands that power, reset and flash it, and what it can do. README.md
explains every key."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from line import ProcessLine, SerialLine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / 'build'
PROGRAMS = BUILD / 'programs'

# What the flash, or the card, holds when the tests begin.
FILES = ('attack', 'bytes', 'callfuzz', 'cat', 'chase', 'end', 'family', 'files', 'fill', 'hello', 'hold', 'hostile', 'keep',
         'ledger', 'linux_signal', 'names', 'stack', 'stencil', 'terminal', 'usercopy')

KEYS = {'name', 'about', 'board', 'can', 'bootargs', 'off_at_end', 'console', 'commands', 'limits'}
CONSOLE_KEYS = {'kind', 'via', 'command', 'start', 'device', 'speed'}
COMMANDS = {'power_on', 'power_off', 'reset', 'flash'}
LIMITS = {'boot_s': 60, 'answer_s': 60, 'program_s': 300, 'command_s': 120}


def program_files():
    return [PROGRAMS / name for name in FILES]


class BoardError(Exception):
    """The target's file is wrong, or one of its commands has failed."""


def check_keys(given, known, where):
    if unknown := set(given) - known:
        raise BoardError(f'{where}: unknown {", ".join(sorted(unknown))}; known are {", ".join(sorted(known))}')


def find_file(target):
    """`virt` is the file of that name beside this one; anything with a slash or an ending is a path."""
    path = Path(target) if '/' in target or target.endswith('.toml') else HERE / f'{target}.toml'
    if not path.is_file():
        raise BoardError(f'{target}: no such target file ({path})')
    return path


class Board:
    def __init__(self, target):
        path = find_file(target)
        with open(path, 'rb') as file:
            facts = tomllib.load(file)
        check_keys(facts, KEYS, path)
        check_keys(facts['console'], CONSOLE_KEYS, f'{path} [console]')
        check_keys(facts.get('commands', {}), COMMANDS, f'{path} [commands]')
        check_keys(facts.get('limits', {}), set(LIMITS), f'{path} [limits]')
        self.name = facts['name']
        self.kind = facts.get('board', self.name)
        self.console = facts['console']
        self.commands = facts.get('commands', {})
        self.limits = LIMITS | facts.get('limits', {})
        self.bootargs = facts.get('bootargs', '')
        self.off_at_end = facts.get('off_at_end', self.is_process)
        self.folder = BUILD / 'hil' / self.name
        self.flash_file = self.folder / 'flash.img'
        self.abilities = self._abilities(facts)

    def _abilities(self, facts):
        can = set(facts.get('can', []))
        if self.is_process or {'power_on', 'power_off'} <= set(self.commands):
            can.add('power_cut')
        can |= {name for name in ('reset', 'flash') if name in self.commands}
        return can

    @property
    def is_process(self):
        return self.console['kind'] == 'process'

    def open_line(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.is_process:
            return ProcessLine(self.console.get('via', 'pipe'))
        if self.console['kind'] == 'serial':
            start = self.console.get('start')
            device = self.console['device'].format(folder=self.folder)
            return SerialLine(device, self.console['speed'], start and self.fill(start))
        raise BoardError(f'{self.console["kind"]}: a console is a `process` or `serial`')

    def fill(self, command, **more):
        """A command with its {names} filled in, each as one word of a shell."""
        names = {'python': sys.executable, 'root': ROOT, 'here': HERE, 'folder': self.folder, 'flash': self.flash_file, **more}
        return command.format(**{name: shlex.quote(str(value)) for name, value in names.items()})

    def console_command(self, bootargs):
        return self.fill(self.console['command'], bootargs=' '.join(filter(None, [self.bootargs, bootargs])))

    def run(self, name, **more):
        """Runs a command of the target's file; it has to succeed, in time."""
        command = self.fill(self.commands[name], **more)
        try:
            done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=self.limits['command_s'], check=False)
        except subprocess.TimeoutExpired as error:
            raise BoardError(f'{name}: `{command}` does not end') from error
        if done.returncode != 0:
            raise BoardError(f'{name}: `{command}` failed: {done.stdout}{done.stderr}')
