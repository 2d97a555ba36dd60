"""An ELF core file from the RAM of a machine, so that a debugger sees what the firmware saw.

The RAM is a raw file (QEMU's pmemsave, a debug probe's dump) or what QEMU's dump-guest-memory writes. The firmware's image is
found by its first bytes, its page tables by their symbol, and every piece of RAM that they map goes into the core at its
virtual address: image, direct map, kernel stacks (firmware/layout.h). Device windows are not RAM and stay out.
"""

import bisect
import mmap
import struct

PAGE = 4096
ENTRIES = 512
PT_LOAD, ET_CORE, EM_RISCV = 1, 4, 243
HEADER = struct.Struct('<16sHHIQQQIHHHHHH')      # System V ABI, "ELF Header"
SEGMENT = struct.Struct('<IIQQQQQQ')             # "Program Header"

# Privileged specification 1.12, "Sv39: Page-Based 39-bit Virtual-Memory System".
PTE_V, PTE_RWX = 1, 0xe
PTE_PPN_SHIFT, PTE_PPN_MASK = 10, (1 << 44) - 1
LEVELS, VA_SIGN, LEVEL_BITS = 3, 1 << 38, 9

IMAGE_STEP = 2 << 20            # the image lies at a multiple of this (linker/firmware.ld)
IMAGE_LOOK = 1024               # bytes by which it is known: code, which does not change


class DumpError(Exception):
    """A sentence for the user; there is nothing to be read."""


def segments(data):
    """(virtual, physical, offset, bytes) of an ELF file's loadable segments."""
    head = HEADER.unpack_from(data)
    each = (SEGMENT.unpack_from(data, head[5] + i * head[9]) for i in range(head[10]))
    return [(virtual, physical, offset, size) for kind, _, offset, virtual, physical, size, _, _ in each if kind == PT_LOAD]


class Ram:
    """Pieces of physical memory in a file."""

    def __init__(self, path, base):
        with open(path, 'rb') as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if self.data[:4] == b'\x7fELF':
            self.pieces = sorted((physical, offset, size) for _, physical, offset, size in segments(self.data) if size)
        else:
            self.pieces = [(base, 0, len(self.data))]
        self.starts = [piece[0] for piece in self.pieces]

    def read(self, physical, count):
        """Fewer bytes, or none, where the file ends."""
        at = bisect.bisect_right(self.starts, physical) - 1
        if at < 0:
            return b''
        start, offset, size = self.pieces[at]
        inside = physical - start
        return self.data[offset + inside:offset + min(inside + count, size)] if inside < size else b''

    def find_image(self, start):
        """Where the firmware lies whose first bytes are `start`."""
        for first, _, size in self.pieces:
            for physical in range((first + IMAGE_STEP - 1) // IMAGE_STEP * IMAGE_STEP, first + size, IMAGE_STEP):
                if self.read(physical, len(start)) == start:
                    return physical
        raise DumpError('this build of the firmware is not in that memory: another vellum.elf, or another BASE')


def leaves(ram, table, level=LEVELS - 1, start=0):
    """(virtual, physical, bytes) of what a table maps, from the kernel's half on; three levels, whatever the tables say."""
    for index, entry in enumerate(struct.unpack(f'<{ENTRIES}Q', ram.read(table, PAGE).ljust(PAGE, b'\0'))):
        virtual = start | index << 12 + LEVEL_BITS * level
        physical = (entry >> PTE_PPN_SHIFT & PTE_PPN_MASK) << 12
        if not entry & PTE_V or not virtual & VA_SIGN:
            continue
        if entry & PTE_RWX:
            yield virtual | -(2 * VA_SIGN) & (1 << 64) - 1, physical, PAGE << LEVEL_BITS * level
        elif level:
            yield from leaves(ram, physical, level - 1, virtual)


def joined(pieces):
    """Neighbours in both kinds of address as one."""
    whole = None
    for virtual, physical, size in pieces:
        if whole and virtual == whole[0] + whole[2] and physical == whole[1] + whole[2]:
            whole[2] += size
            continue
        if whole:
            yield tuple(whole)
        whole = [virtual, physical, size]
    if whole:
        yield tuple(whole)


def write_core(path, ram, pieces):
    offset = HEADER.size + SEGMENT.size * len(pieces)
    with open(path, 'wb') as core:
        core.write(HEADER.pack(b'\x7fELF\2\1\1', ET_CORE, EM_RISCV, 1, 0, HEADER.size, 0, 0, HEADER.size, SEGMENT.size,
                               len(pieces), 0, 0, 0))
        for virtual, physical, size in pieces:
            core.write(SEGMENT.pack(PT_LOAD, 7, offset, virtual, physical, size, size, PAGE))
            offset += size
        for _, physical, size in pieces:
            core.write(ram.read(physical, size))


def make_core(memory, base, firmware, tables, core):
    """From the file `memory`; `firmware` is the ELF file, `tables` the address of its root table. The image's place."""
    ram = Ram(memory, base)
    with open(firmware, 'rb') as file:
        elf = file.read()
    virtual, _, offset, size = segments(elf)[0]
    image = ram.find_image(elf[offset:offset + min(size, IMAGE_LOOK)])
    mapped = ((v, p, len(ram.read(p, size))) for v, p, size in leaves(ram, tables - virtual + image))
    pieces = list(joined(piece for piece in mapped if piece[2]))
    if not pieces:
        raise DumpError('the firmware had not turned translation on: there is nothing to see')
    write_core(core, ram, pieces)
    return image
