#!/usr/bin/python3
"""Two serial devices with a cable between them: null_modem.py ONE OTHER. Both names are links to pseudo-terminals, which stay
when nobody has them open, as a board's serial port does when the board is off. Says `ready`, and runs until it is ended."""

import os
import pty
import select
import sys
import tty

CHUNK = 4096


def end(name):
    """A new pseudo-terminal under this name: our side of it. The other side stays open, or reading would fail."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    if os.path.lexists(name):
        os.unlink(name)
    os.symlink(os.ttyname(theirs), name)
    os.set_blocking(ours, False)
    return ours


def main(one, other):
    ends = end(one), end(other)
    peer = dict(zip(ends, reversed(ends)))
    waiting = {descriptor: b'' for descriptor in ends}      # bytes to be written there
    print('ready', flush=True)
    while True:
        readers = [descriptor for descriptor in ends if len(waiting[peer[descriptor]]) < CHUNK]
        writers = [descriptor for descriptor in ends if waiting[descriptor]]
        readable, writable, _ = select.select(readers, writers, [])
        for descriptor in readable:
            waiting[peer[descriptor]] += os.read(descriptor, CHUNK)
        for descriptor in writable:
            try:
                sent = os.write(descriptor, waiting[descriptor])
            except BlockingIOError:
                continue
            waiting[descriptor] = waiting[descriptor][sent:]


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
