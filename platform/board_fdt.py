"""Flattened device trees, read, changed and written: "Devicetree Specification", release v0.4, chapter 5.

Boards' trees and FIT images are both in this format. Only well-formed trees of packages are read here, so anything odd is
an exception and not a verdict; the firmware's own reader (platform/fdt.h) is the one that trusts nothing.
"""

import struct

MAGIC = 0xd00dfeed
VERSION, LAST_COMPATIBLE = 17, 16
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
HEADER = struct.Struct('>10I')
RESERVATION = struct.Struct('>QQ')


def align(value, to):
    return -(-value // to) * to


class Node:
    """A node: properties and children in the order of the blob."""

    def __init__(self, name=''):
        self.name = name
        self.properties = {}
        self.children = []

    def child(self, name):
        """The child with this name, made if there is none."""
        for node in self.children:
            if node.name == name:
                return node
        node = Node(name)
        self.children.append(node)
        return node

    def find(self, path):
        node = self
        for name in path.strip('/').split('/'):
            matches = [child for child in node.children if child.name == name]
            if not matches:
                raise KeyError(path)
            node = matches[0]
        return node

    def walk(self):
        yield self
        for node in self.children:
            yield from node.walk()

    def string(self, name):
        return self.properties[name].split(b'\0')[0].decode()

    def cells(self, name):
        value = self.properties[name]
        return struct.unpack(f'>{len(value) // 4}I', value)

    def number(self, name):
        return int.from_bytes(self.properties[name], 'big')

    def set_string(self, name, text):
        self.properties[name] = text.encode() + b'\0'

    def set_cells(self, name, *cells):
        self.properties[name] = struct.pack(f'>{len(cells)}I', *cells)

    def set_address(self, name, value):
        """Two cells."""
        self.properties[name] = struct.pack('>Q', value)


class Tree:
    def __init__(self, root, reservations=(), boot_hart=0):
        self.root = root
        self.reservations = list(reservations)
        self.boot_hart = boot_hart

    @classmethod
    def parse(cls, blob):
        magic, total, structure, strings, reservations, version, _, hart, _, _ = HEADER.unpack_from(blob)
        if magic != MAGIC or version < LAST_COMPATIBLE or total > len(blob):
            raise ValueError('not a flattened device tree')
        kept = []
        while any(entry := RESERVATION.unpack_from(blob, reservations)):
            kept.append(entry)
            reservations += RESERVATION.size
        return cls(cls._parse_structure(blob, structure, strings), kept, hart)

    @staticmethod
    def _text(blob, at):
        return blob[at:blob.index(0, at)].decode()

    @classmethod
    def _parse_structure(cls, blob, at, strings):
        top = Node('')
        open_nodes = [top]
        while True:
            token, = struct.unpack_from('>I', blob, at)
            at += 4
            if token == BEGIN_NODE:
                name = cls._text(blob, at)
                at = align(at + len(name) + 1, 4)
                open_nodes.append(open_nodes[-1].child(name) if name else Node(''))
            elif token == PROP:
                length, name_at = struct.unpack_from('>II', blob, at)
                open_nodes[-1].properties[cls._text(blob, strings + name_at)] = blob[at + 8:at + 8 + length]
                at = align(at + 8 + length, 4)
            elif token == END_NODE:
                top = open_nodes.pop()
            elif token == END:
                return top
            elif token != NOP:
                raise ValueError(f'token {token} in a device tree')

    def render(self, alignment=8):
        """The blob, padded with zeros to whole multiples of `alignment`; its own size says so, too."""
        strings, offsets = bytearray(), {}
        structure = bytearray()

        def offset_of(name):
            if name not in offsets:
                offsets[name] = len(strings)
                strings.extend(name.encode() + b'\0')
            return offsets[name]

        def put(node):
            structure.extend(struct.pack('>I', BEGIN_NODE) + node.name.encode() + b'\0')
            structure.extend(bytes(-len(structure) % 4))
            for name, value in node.properties.items():
                structure.extend(struct.pack('>III', PROP, len(value), offset_of(name)) + value)
                structure.extend(bytes(-len(structure) % 4))
            for child in node.children:
                put(child)
            structure.extend(struct.pack('>I', END_NODE))

        put(self.root)
        structure.extend(struct.pack('>I', END))
        reservations = b''.join(RESERVATION.pack(*entry) for entry in [*self.reservations, (0, 0)])
        structure_at = align(HEADER.size, 8) + len(reservations)
        strings_at = structure_at + len(structure)
        total = align(strings_at + len(strings), alignment)
        header = HEADER.pack(MAGIC, total, structure_at, strings_at, align(HEADER.size, 8), VERSION, LAST_COMPATIBLE,
                             self.boot_hart, len(strings), len(structure))
        return (header + reservations + bytes(structure + strings)).ljust(total, b'\0')
