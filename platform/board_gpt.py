"""GUID partition tables: UEFI Specification 2.10, section 5.2.3 "Protective MBR" and 5.3 "GUID Partition Table Format".

Every identifier is derived from names, so that the same table has the same bytes each time.
"""

import struct
import uuid
import zlib
from dataclasses import dataclass

SECTOR = 512
ENTRIES, ENTRY_BYTES = 128, 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
HEADER = struct.Struct('<8sIIIIQQQQ16sQIII')
ENTRY = struct.Struct('<16s16sQQQ72s')
SIGNATURE, REVISION = b'EFI PART', 0x10000
FIRST_USABLE = 2 + TABLE_SECTORS

# What the boot ROM of FU540 and FU740 looks for, U-Boot's own two, and Vellum's (platform/partition.h).
TYPE_FIRST_STAGE = '5b193300-fc78-40cd-8002-e86c45580b47'
TYPE_PAYLOAD = '2e54b353-1271-4842-806f-e436d6af6985'
TYPE_ENVIRONMENT = '3de21764-95bd-54bd-a5c3-4abe786f38a8'
TYPE_VELLUM = '5ed02dab-d05b-489a-a784-369f30908573'
NAMES = uuid.UUID(TYPE_VELLUM)


@dataclass
class Partition:
    name: str
    type: str
    first: int                      # sectors, both inclusive
    last: int
    id: str = None                  # of this one partition; None: derived

    @property
    def start(self):
        return self.first * SECTOR

    @property
    def bytes(self):
        return (self.last - self.first + 1) * SECTOR


class TableError(Exception):
    """Not a table, or one that cannot be made."""


class Table:
    def __init__(self, name, partitions, disk_id=None):
        self.disk_id = disk_id or str(uuid.uuid5(NAMES, name))
        self.partitions = partitions
        for partition in partitions:
            partition.id = partition.id or str(uuid.uuid5(NAMES, f'{name}/{partition.name}'))

    def _entries(self):
        packed = b''.join(ENTRY.pack(uuid.UUID(p.type).bytes_le, uuid.UUID(p.id).bytes_le, p.first, p.last, 0,
                                     p.name.encode('utf-16-le')) for p in self.partitions)
        return packed.ljust(ENTRIES * ENTRY_BYTES, b'\0')

    def _header(self, entries, sectors, mine, other, entries_at):
        def pack(crc):
            return HEADER.pack(SIGNATURE, REVISION, HEADER.size, crc, 0, mine, other, FIRST_USABLE,
                               sectors - TABLE_SECTORS - 2, uuid.UUID(self.disk_id).bytes_le, entries_at, ENTRIES,
                               ENTRY_BYTES, zlib.crc32(entries))
        return pack(zlib.crc32(pack(0))).ljust(SECTOR, b'\0')

    def head(self, sectors):
        """Sectors 0 to 33 of a medium with so many sectors."""
        self._check(sectors)
        entries = self._entries()
        record = struct.pack('<B3sB3sII', 0, b'\0\2\0', 0xee, b'\xff\xff\xff', 1, min(sectors - 1, 0xffffffff))
        boot_sector = bytes(446) + record + bytes(48) + b'\x55\xaa'
        return boot_sector + self._header(entries, sectors, 1, sectors - 1, 2) + entries

    def tail(self, sectors):
        """The last 33 sectors: the backup."""
        entries = self._entries()
        return entries + self._header(entries, sectors, sectors - 1, 1, sectors - 1 - TABLE_SECTORS)

    def _check(self, sectors):
        end = FIRST_USABLE
        for partition in sorted(self.partitions, key=lambda p: p.first):
            if partition.first < end or partition.last < partition.first or \
                    partition.last > sectors - TABLE_SECTORS - 2:
                raise TableError(f'partition {partition.name} does not fit')
            end = partition.last + 1

    @classmethod
    def parse(cls, data):
        """From the first 34 sectors of a medium."""
        header = data[SECTOR:SECTOR + HEADER.size]
        if len(data) < FIRST_USABLE * SECTOR or header[:8] != SIGNATURE:
            raise TableError('no partition table')
        fields = HEADER.unpack(header)
        if zlib.crc32(header[:16] + bytes(4) + header[20:]) != fields[3] or fields[11:13] != (ENTRIES, ENTRY_BYTES):
            raise TableError('a damaged partition table')
        partitions = []
        for index in range(ENTRIES):
            kind, own, first, last, _, name = ENTRY.unpack_from(data, fields[10] * SECTOR + index * ENTRY_BYTES)
            if any(kind):
                partitions.append(Partition(name.decode('utf-16-le').rstrip('\0'), str(uuid.UUID(bytes_le=kind)),
                                            first, last, str(uuid.UUID(bytes_le=own))))
        return cls('', partitions, str(uuid.UUID(bytes_le=fields[9])))
