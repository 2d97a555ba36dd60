#!/usr/bin/env python3
"""Becomes the emulator of a target, with the console on its standard streams: emulator.py BOARD= FLASH= BOOTARGS=

SERIAL=device: the console is on this device instead. MONITOR=path: the emulator's own monitor reads commands from the named
pipe path.in. A reset starts the machine again; the flash image stays what it is. All other KEY=value words are those of
platform/run.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'platform'))

from run_options import Options, RunError      # noqa: E402
from run_qemu import command_line              # noqa: E402


OURS = ('MONITOR=', 'SERIAL=')


def make_pipes(path):
    for name in (f'{path}.in', f'{path}.out'):
        if not os.path.exists(name):
            os.mkfifo(name)


def main(words):
    ours = dict(word.split('=', 1) for word in words if word.startswith(OURS))
    for name in ('QEMU', 'OPENSBI'):
        if name in os.environ:
            words.append(f'{name}={os.environ[name]}')
    options = Options([word for word in words if not word.startswith(OURS)])
    command = [word for word in command_line(options, options.flash) if word != '-no-reboot']
    if 'MONITOR' in ours:
        make_pipes(ours['MONITOR'])
        at = command.index('-monitor')
        command[at + 1] = f'pipe:{ours["MONITOR"]}'
    if 'SERIAL' in ours:
        device = os.open(ours['SERIAL'], os.O_RDWR | os.O_NOCTTY)
        os.dup2(device, 0)
        os.dup2(device, 1)
    os.execvp(command[0], command)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (RunError, OSError) as error:
        sys.exit(f'emulator: {error}')
