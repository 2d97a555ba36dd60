#!/usr/bin/env python3
"""Stands in for QEMU, so that the runner can be tested with a line that does what no real firmware would.

The boot arguments' command is a script of words: out:TEXT err:TEXT line:TEXT raw:HEX sleep echo end:STATUS.
"""

import os
import signal
import sys

LINE = 1


def put(data):
    os.write(LINE, data)


def escape(text):
    return text.encode().decode('unicode_escape').encode('latin-1').replace(b'\x10', b'\x10\x10')


def echo():
    """Sends standard input back until its end."""
    escaped = False
    while data := os.read(0, 4096):
        back = bytearray()
        for byte in data:
            if escaped and byte == ord('q'):
                put(bytes(back))
                return
            if escaped or byte != 0x10:
                back += bytes([byte]) if byte != 0x10 else b'\x10\x10'
                escaped = False
            else:
                escaped = True
        put(bytes(back))


def act(word):
    verb, _, text = word.partition(':')
    if verb == 'out':
        put(escape(text))
    elif verb == 'err':
        put(b'\x10E' + escape(text) + b'\x10O')
    elif verb == 'line':
        put(b'\x10v' + text.replace('_', ' ').encode() + b'\n')
    elif verb == 'raw':
        put(bytes.fromhex(text))
    elif verb == 'echo':
        echo()
    elif verb == 'sleep':
        signal.pause()
    elif verb == 'end':
        put(f'\x10vend status={text}\n'.encode())


def main():
    if '--version' in sys.argv:
        print('QEMU emulator version 10.0.2')
        return
    bootargs = sys.argv[sys.argv.index('-append') + 1]
    for word in bootargs.split(' -- ', 1)[1].split():
        act(word)


main()
