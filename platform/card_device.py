"""Whether a device may be overwritten: what the kernel says about it in /sys and /proc.

A card is a whole disk that can be taken out of the host, is in use by nobody, and is no larger than cards are. A regular
file stands for a card, too.
"""

import os
import stat

SECTOR = 512
CARD_BYTES_MAX = 256 << 30
SD_TYPE = 'SD'                  # /sys/block/mmcblkN/device/type; MMC is a soldered chip


class Refused(Exception):
    """A sentence: why this device is not written."""


class Host:
    """The kernel's files; other roots stand for other hosts in tests."""

    def __init__(self, sys='/sys', proc='/proc'):
        self.sys = sys
        self.proc = proc

    def read(self, *path, otherwise=''):
        try:
            with open(os.path.join(*path), encoding='utf-8', errors='replace') as file:
                return file.read().strip()
        except OSError:
            return otherwise

    def list(self, *path):
        try:
            return sorted(os.listdir(os.path.join(*path)))
        except OSError:
            return []

    def folder(self, number):
        """The folder of a block device, by its `major:minor`."""
        return os.path.realpath(os.path.join(self.sys, 'dev', 'block', number))

    def mounts(self):
        """major:minor -> where it is mounted. File systems over several disks show up by the device they were mounted from."""
        found = {}
        for line in self.read(self.proc, 'self', 'mountinfo').splitlines():
            fields = line.split()
            source = fields[fields.index('-') + 2] if '-' in fields else ''
            for number in {fields[2], self._number_of(source)} - {None}:
                found.setdefault(number, fields[4])
        return found

    def swaps(self):
        lines = self.read(self.proc, 'swaps').splitlines()[1:]
        return {number for line in lines if (number := self._number_of(line.split()[0]))}

    def _number_of(self, path):
        name = os.path.basename(path)
        if not path.startswith('/dev/'):
            return None
        return self.read(self.sys, 'class', 'block', name, 'dev') or None


class Card:
    """What DEV= names, checked."""

    def __init__(self, path, host=None, status=None):
        self.path = path
        self.host = host or Host()
        try:
            status = status or os.stat(path)
        except OSError as error:
            raise Refused(f'{path}: {error.strerror}') from error
        self.is_file = stat.S_ISREG(status.st_mode)
        if self.is_file:
            self.bytes = status.st_size
            self.label = 'a file in place of a card'
        elif stat.S_ISBLK(status.st_mode):
            self._read_block_device(f'{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}')
        else:
            raise Refused(f'{path} is no block device')

    def _read_block_device(self, number):
        self.number = number
        self.folder = self.host.folder(number)
        self.name = os.path.basename(self.folder)
        self.bytes = int(self.host.read(self.folder, 'size', otherwise='0')) * SECTOR
        device = os.path.join(self.folder, 'device')
        words = (self.host.read(device, name) for name in ('vendor', 'model', 'name', 'serial'))
        self.label = ' '.join(word for word in words if word) or 'an unnamed device'

    def _users(self, folder, number, mounts, swaps):
        """In words, who uses a device, or a disk made of it."""
        name = os.path.basename(folder)
        if number in mounts:
            yield f'{name} is mounted at {mounts[number]}'
        if number in swaps:
            yield f'the host swaps to {name}'
        for holder in self.host.list(folder, 'holders'):
            yield f'{name} is a part of {holder}'
        for child in self.host.list(folder):
            inside = os.path.join(folder, child)
            if self.host.read(inside, 'partition'):
                yield from self._users(inside, self.host.read(inside, 'dev'), mounts, swaps)

    def check(self, image_bytes):
        """Raises Refused when the device is not to be written."""
        if not self.is_file:
            self._check_block_device()
        if self.bytes == 0:
            raise Refused(f'{self.path} is empty: no card is in it')
        if self.bytes > CARD_BYTES_MAX:
            raise Refused(f'{self.path} has {self.bytes >> 30} GiB: too large to be a card')
        if self.bytes < image_bytes:
            raise Refused(f'{self.path} has {self.bytes} bytes, the image {image_bytes}')

    def _check_block_device(self):
        if self.host.read(self.folder, 'partition'):
            raise Refused(f'{self.path} is a partition; name the whole card')
        mounts = self.host.mounts()
        for user in self._users(self.folder, self.number, mounts, self.host.swaps()):
            raise Refused(f'{self.path} is in use: {user}')
        if self.host.read(self.folder, 'ro') == '1':
            raise Refused(f'{self.path} is write-protected')
        if self.name.startswith('mtdblock'):
            raise Refused(f'{self.path} is a flash chip of this host, boot code and all (README, "The SPI flash")')
        is_sd = self.host.read(self.folder, 'device', 'type') == SD_TYPE
        if self.host.read(self.folder, 'removable') != '1' and not is_sd:
            raise Refused(f'{self.path} cannot be taken out: it looks like a disk of this host, not like a card')

    def describe(self):
        return f'{self.path}: {self.label}, {self.bytes / 1e9:.2f} GB'
