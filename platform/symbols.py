"""From the words of a stack, as the firmware shows them, to the calls that put them there.

The firmware shows what points into code (firmware/report.h). A word is a return address when a call ends right before it;
what is left behind by earlier calls looks the same, so a line can be one too many, never one too few.
"""

import os
import re
import struct
import subprocess

TRACE_LINE = re.compile(r'^(?:last )?(fault|panic) trace (\S+) ([0-9a-f ]+)$')
ADDR2LINE = 'riscv64-unknown-elf-addr2line'
COMM_BYTES = 15                 # of a file's name in a task's


class Code:
    """The segments of an ELF file (System V ABI, "Program Header")."""

    def __init__(self, path):
        with open(path, 'rb') as file:
            self.bytes = file.read()
        start, = struct.unpack_from('<Q', self.bytes, 32)
        size, count = struct.unpack_from('<HH', self.bytes, 54)
        self.segments = []
        for at in range(start, start + size * count, size):
            kind, _flags, offset, address, _physical, file_bytes = struct.unpack_from('<IIQQQQ', self.bytes, at)
            if kind == 1:
                self.segments.append((address, offset, file_bytes))

    def half(self, address):
        for start, offset, count in self.segments:
            if start <= address and address + 2 <= start + count:
                return struct.unpack_from('<H', self.bytes, offset + address - start)[0]
        return 0

    def is_return(self, address):
        """RISC-V unprivileged specification: jal and jalr to ra or t0, c.jalr."""
        low, before = self.half(address - 4), self.half(address - 2)
        full = low & 0x7f in (0x6f, 0x67) and low >> 7 & 0x1f in (1, 5)
        return full or (before & 0xf07f == 0x9002 and before & 0xf80 != 0)


def calls(path, words):
    """Lines `function (file:line)` for the words that matter; none without symbols."""
    if not words:
        return []               # the tool would read them from our standard input
    try:
        code = Code(path)
        addresses = words[:1] + [word - 1 for word in words[1:] if code.is_return(word)]
        said = subprocess.run([ADDR2LINE, '-f', '-s', '-e', path, *map(hex, addresses)], capture_output=True, text=True,
                              check=True, stdin=subprocess.DEVNULL).stdout.splitlines()
    except (OSError, struct.error, IndexError, subprocess.CalledProcessError):
        return []
    lines = [f'{name} ({place.split(" ")[0]})' for name, place in zip(said[::2], said[1::2]) if name != '??']
    return [line for line, before in zip(lines, [None, *lines]) if line != before]


class Traces:
    """Reads firmware lines in passing; `take` answers what to say behind one."""

    def __init__(self, firmware, files):
        self.firmware = firmware
        self.paths = {}
        for file in files:
            path, _, name = file.partition('=')
            self.paths[os.path.basename(name or path)[:COMM_BYTES]] = path
        self.words = []

    def take(self, line):
        found = TRACE_LINE.match(line)
        if not found:
            return []
        words = [int(word, 16) for word in found[3].split()]
        self.words += [word for word in words if word]
        if words[-1]:
            return []
        path = self.firmware if found[1] == 'panic' else self.paths.get(found[2])
        gathered, self.words = self.words, []
        return calls(path, gathered) if path else []
