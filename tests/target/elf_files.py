"""Small ELF files for riscv64, made from numbers: a program that ends with status 7, and what is wrong with others."""

import struct
from dataclasses import dataclass, field, replace

PAGE = 4096
HEADER_BYTES, PROGRAM_HEADER_BYTES = 64, 56
LOAD, DYNAMIC, INTERPRETER = 1, 2, 3
EXECUTE, WRITE, READ = 1, 2, 4
EXECUTABLE, SHARED, OBJECT_FILE = 2, 3, 1
X86_64, RISCV = 62, 243
BASE = 0x10000
USER_TOP = 0x3f_ffff_f000
KERNEL = 0xffff_ffc0_8000_0000
STATUS = 7

# li a0, 7; li a7, 93 (exit); ecall
CODE = struct.pack('<3I', 0x00000513 | STATUS << 20, 0x05d00893, 0x00000073)
# DT_NEEDED, DT_STRTAB, DT_NULL
NEEDS_LIBC = struct.pack('<6Q', 1, 1, 5, 0, 0, 0)


@dataclass(frozen=True)
class Segment:
    kind: int = LOAD
    flags: int = READ
    offset: int = 0
    address: int = BASE
    file_bytes: int = PAGE
    memory_bytes: int = PAGE

    def pack(self):
        return struct.pack('<IIQQQQQQ', self.kind, self.flags, self.offset, self.address, self.address, self.file_bytes,
                           self.memory_bytes, PAGE)


TEXT = Segment(flags=READ | EXECUTE)
DATA = Segment(flags=READ | WRITE, offset=PAGE, address=BASE + PAGE, memory_bytes=3 * PAGE)


@dataclass(frozen=True)
class Elf:
    """A page with the headers and the code at its end, a page of data behind it."""

    segments: tuple = (TEXT, DATA)
    header: dict = field(default_factory=dict)  # fields that are otherwise than they should be
    data: bytes = b''
    bytes_kept: int = 2 * PAGE
    bits: int = 64
    order: str = '<'

    def head(self):
        fields = {'class': self.bits // 32, 'encoding': 1 if self.order == '<' else 2, 'identification': 1,
                  'type': EXECUTABLE, 'machine': RISCV, 'version': 1, 'entry': BASE + PAGE - len(CODE),
                  'program_offset': HEADER_BYTES, 'program_bytes': PROGRAM_HEADER_BYTES, 'count': len(self.segments), 'flags': 0}
        fields |= self.header
        words = 'Q' if self.bits == 64 else 'I'
        return (b'\x7fELF' + bytes([fields['class'], fields['encoding'], fields['identification']]) + bytes(9) +
                struct.pack(f'{self.order}HHI{words}{words}{words}IHHHHHH', fields['type'], fields['machine'], fields['version'],
                            fields['entry'], fields['program_offset'], 0, fields['flags'], HEADER_BYTES,
                            fields['program_bytes'], fields['count'], 0, 0, 0))

    def pack(self):
        head = (self.head() + b''.join(segment.pack() for segment in self.segments)).ljust(PAGE - len(CODE), b'\0')
        return (head + CODE + self.data.ljust(PAGE, b'\0'))[:self.bytes_kept]


GOOD = Elf()


def with_text(**changes):
    return Elf(segments=(replace(TEXT, **changes), DATA))


def with_data(**changes):
    return Elf(segments=(TEXT, replace(DATA, **changes)))


def with_header(**changes):
    return Elf(header=changes)


PIE = {'type': SHARED, 'entry': PAGE - len(CODE)}
PIE_SEGMENTS = (replace(TEXT, address=0), replace(DATA, address=PAGE))

# Name: the file, and why it is refused (None: it runs). Each differs in one respect from one that runs.
CASES = {
    'good': (GOOD, None),
    'good-pie': (Elf(segments=PIE_SEGMENTS, header=PIE), None),
    'good-top': (with_data(address=USER_TOP - 64 * PAGE), None),
    'empty': (Elf(bytes_kept=0), 'not an ELF file'),
    'three-bytes': (Elf(bytes_kept=3), 'not an ELF file'),
    'text': (b'no program\n' * 1000, 'not an ELF file'),
    'script': (b'#!/bin/sh\nexit 7\n', 'not an ELF file'),
    'cut-magic': (Elf(bytes_kept=4), 'truncated: the ELF header is not complete'),
    'cut-header': (Elf(bytes_kept=HEADER_BYTES - 1), 'truncated: the ELF header is not complete'),
    'cut-no-programs': (Elf(bytes_kept=HEADER_BYTES), 'truncated: the program headers are not complete'),
    'cut-programs': (Elf(bytes_kept=HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES - 1),
                     'truncated: the program headers are not complete'),
    'cut-text': (Elf(bytes_kept=PAGE - 1), 'truncated: a segment goes on beyond the end of the file'),
    'cut-data': (Elf(bytes_kept=2 * PAGE - 1), 'truncated: a segment goes on beyond the end of the file'),
    'foreign': (with_header(machine=X86_64), 'a program for another machine than RISC-V'),
    'rv32': (Elf(bits=32), 'not a 64-bit program'),
    'big-endian': (Elf(order='>'), 'not a little-endian program'),
    'version': (with_header(version=2), 'an unknown version of ELF'),
    'object-file': (with_header(type=OBJECT_FILE), 'not a program (an object file?)'),
    'rve': (with_header(flags=8), 'a program for the embedded (RVE) register set'),
    'no-programs': (with_header(count=0), 'no program headers of a size that is known'),
    'odd-programs': (with_header(program_bytes=32), 'no program headers of a size that is known'),
    'many-programs': (with_header(count=0xffff), "the program headers are not in the file's first page"),
    'far-programs': (with_header(program_offset=PAGE), "the program headers are not in the file's first page"),
    'wrapped-programs': (with_header(program_offset=2**64 - 8), "the program headers are not in the file's first page"),
    'interpreter': (Elf(segments=(Segment(kind=INTERPRETER, memory_bytes=0), TEXT, DATA)),
                    'dynamically linked: link it with -static'),
    'needs-libraries': (Elf(segments=(*PIE_SEGMENTS, Segment(kind=DYNAMIC, offset=PAGE, file_bytes=len(NEEDS_LIBC))),
                            header=PIE, data=NEEDS_LIBC), 'dynamically linked: link it with -static'),
    'no-text': (Elf(segments=(DATA,)), 'the entry is not in the code'),
    'entry-in-data': (with_header(entry=BASE + PAGE), 'the entry is not in the code'),
    'entry-odd': (with_header(entry=BASE + 1), 'the entry is not in the code'),
    'entry-in-kernel': (with_header(entry=KERNEL), 'the entry is not in the code'),
    'writable-text': (with_text(flags=READ | WRITE | EXECUTE), 'a segment is writable and executable'),
    'zeros-in-text': (with_text(memory_bytes=PAGE + 1), 'a segment has zeros behind its bytes but is not writable'),
    'overlap': (with_data(address=BASE), 'segments overlap, share a page, or are not in order'),
    'shared-page': (with_data(offset=PAGE - 16, address=BASE + PAGE - 16),
                    'segments overlap, share a page, or are not in order'),
    'order': (Elf(segments=(DATA, TEXT)), 'segments overlap, share a page, or are not in order'),
    'unaligned': (with_data(offset=PAGE - 16), 'a segment is not aligned to pages'),
    'kernel': (with_data(address=KERNEL), 'a segment reaches beyond user space'),
    'top': (with_data(address=USER_TOP - 2 * PAGE), 'a segment reaches beyond user space'),
    'high-pie': (Elf(segments=(PIE_SEGMENTS[0], replace(DATA, address=USER_TOP - 8 * PAGE)), header=PIE),
                 'a segment reaches beyond user space'),
    'null-page': (with_text(address=0), 'a segment lies below the lowest user address'),
    'wrapped-memory': (with_data(memory_bytes=2**64 - PAGE), 'a segment reaches beyond user space'),
    'wrapped-pie': (Elf(segments=(PIE_SEGMENTS[0], replace(DATA, address=2**64 - 4 * PAGE)), header=PIE),
                    'a segment reaches beyond user space'),
    'wrapped-offset': (with_data(offset=2**64 - PAGE), 'truncated: a segment goes on beyond the end of the file'),
    'wrapped-file': (with_data(file_bytes=2**64 - 1, memory_bytes=2**64 - 1),
                     'truncated: a segment goes on beyond the end of the file'),
    'file-above-memory': (with_data(memory_bytes=PAGE - 1), 'a segment has more bytes in the file than in memory'),
    'many-segments': (Elf(segments=(TEXT, *(replace(DATA, address=BASE + i * 4 * PAGE) for i in range(1, 9)))),
                      'too many segments'),
}


def write_all(folder):
    """Every case as a file of its name."""
    for name, (made, _) in CASES.items():
        (folder / name).write_bytes(made if isinstance(made, bytes) else made.pack())
