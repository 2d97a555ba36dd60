"""What platform/run was asked to do."""

import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, 'build')

KEYS = ('BOARD', 'FRAMES', 'FILES', 'CMD', 'FLASH', 'TIMEOUT', 'BOOTARGS', 'QEMU', 'QEMU_ARGS', 'OPENSBI', 'ICOUNT',
        'RAM', 'DEBUG', 'FIRMWARE')
BOARDS = ('virt', 'sifive_u')

MAIN_JOB_FRAMES = 512
TIMEOUT_S = 600
RAM_MIB = 128
# Below this OpenSBI's fw_jump, which puts the device tree at 0x82200000, says nothing at all.
RAM_LEAST_MIB = 36
# RAM beside the frames: boot firmware, our image, the device tree.
RAM_SPARE_MIB = 16


class RunError(Exception):
    """A sentence for the user; the run cannot be made."""


def built(name):
    """The path of a build product, made if it is missing."""
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        made = subprocess.run(['make', '-s', '-C', ROOT, os.path.join('build', name)], stdout=sys.stderr, check=False)
        if made.returncode != 0 or not os.path.exists(path):
            raise RunError(f'`make build/{name}` failed')
    return path


def number(given, key):
    """The positive whole number in given[key], or None."""
    text = given.get(key)
    if text is None:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        value = 0
    if value <= 0:
        raise RunError(f'{key}={text}: not a positive number')
    return value


def parse_words(words, keys):
    """KEY=value words as a dictionary; an empty value is none."""
    given = {}
    for word in words:
        key, equals, value = word.partition('=')
        if not equals or key not in keys:
            raise RunError(f'{word}: not one of {"=, ".join(keys)}=; --help explains them')
        if value:
            given[key] = value
    return given


class Options:
    """The KEY=value words, checked, with defaults filled in."""

    def __init__(self, arguments):
        given = parse_words(arguments, KEYS)
        self.board = given.get('BOARD', 'virt')
        if self.board not in BOARDS:
            raise RunError(f'BOARD={self.board}: not one of {", ".join(BOARDS)}')
        self.command = given.get('CMD')
        # With only one end on a terminal, the host's own line editing serves.
        self.interactive = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
        self.frames = number(given, 'FRAMES') or (None if self.command else MAIN_JOB_FRAMES)
        self.files = shlex.split(given.get('FILES', ''))
        self.flash = given.get('FLASH')
        self.timeout_s = number(given, 'TIMEOUT') or (None if self.interactive else TIMEOUT_S)
        self.extra_bootargs = given.get('BOOTARGS', '')
        self.qemu = given.get('QEMU', 'qemu-system-riscv64')
        self.qemu_arguments = shlex.split(given.get('QEMU_ARGS', ''))
        self.opensbi = given.get('OPENSBI')
        self.firmware = given.get('FIRMWARE')
        self.icount = given.get('ICOUNT', '0') not in ('', '0')
        self.debug = given.get('DEBUG', '0') not in ('', '0')
        self.ram = self._ram(given.get('RAM'))

    def _ram(self, given):
        """As the emulator takes it."""
        if not given:
            return f'{max(RAM_MIB, (self.frames or 0) * 4 // 1024 + RAM_SPARE_MIB)}M'
        size = re.fullmatch(r'(\d+)([MG]?)', given)
        if not size or int(size[1]) * (1024 if size[2] == 'G' else 1) < RAM_LEAST_MIB:
            raise RunError(f'RAM={given}: {RAM_LEAST_MIB}M or more, in M or G')
        return given

    def bootargs(self):
        """The firmware's words: platform/probe.h says how they are read."""
        words = ['console=plain' if self.interactive or self.debug else 'console=framed']
        if self.interactive:
            size = os.get_terminal_size(sys.stdout.fileno())
            words += [f'rows={size.lines}', f'columns={size.columns}'] if size.lines and size.columns else []
        if self.frames:
            words.append(f'frames={self.frames}')
        if self.extra_bootargs:
            words.append(self.extra_bootargs)
        if self.command:
            words += ['reports=full', '--', self.command]
        return ' '.join(words)
