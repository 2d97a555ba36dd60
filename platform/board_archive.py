"""Files for the firmware in one piece: a cpio archive of the kind that Linux takes as an initial ramdisk ("newc";
Documentation/driver-api/early-userspace/buffer-format.rst of Linux). firmware/archive.h says what becomes of it.
"""

import os
import stat

TRAILER = 'TRAILER!!!'


def _member(number, name, mode, time, data):
    fields = (number, mode, 0, 0, 1, time, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0)
    head = b'070701' + b''.join(b'%08x' % field for field in fields) + name.encode() + b'\0'
    return head.ljust(-(-len(head) // 4) * 4, b'\0') + data.ljust(-(-len(data) // 4) * 4, b'\0')


def archive(files, time):
    """`files`: (host path, name). No bytes at all when there is none."""
    if not files:
        return b''
    names = [(path, os.path.normpath(name).strip('/')) for path, name in files]
    folders = {name[:at] for _, name in names for at, letter in enumerate(name) if letter == '/'}
    members = [(folder, stat.S_IFDIR | 0o755, b'') for folder in sorted(folders)]
    for path, name in names:
        with open(path, 'rb') as file:
            members.append((name, stat.S_IFREG | stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o777, file.read()))
    packed = [_member(number, name, mode, time, data) for number, (name, mode, data) in enumerate(members, 1)]
    return b''.join(packed) + _member(0, TRAILER, 0, 0, b'')
