#!/usr/bin/env python3
"""make bench: prints one line for each figure, `bench NAME VALUE UNIT`, the same on every run of the same source.

Three sources: programs measured from inside under an emulator that counts instructions (tests/programs/bench.c), host
programs over the simulated flash (tests/host/bench_*.c, which print such lines themselves), and the built image. The
policy's figures are over traces of the host's own programs (traces.py): the same on every run on one host.
"""

import ctypes
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests'))
import pages  # noqa: E402
import size  # noqa: E402
import traces  # noqa: E402
BUILD = ROOT / 'build'
PROGRAMS = BUILD / 'programs'
TEXT = BUILD / 'job' / 'text' / 'code'

CROSS = os.environ.get('CROSS', 'riscv64-unknown-elf-')
LIMIT_S = 600
PAGE = 4096

INSIDE = ('syscall_null', 'fault_zero', 'fault_readzero', 'fault_cow', 'map_touch_unmap', 'protect_toggle',
          'switch_yield', 'pipe_oneway', 'signal_segv', 'fork_exit_wait')
# Frames for the figures without pressure, and for those with.
ROOMY_FRAMES = 4096
TIGHT_FRAMES = 256
TAIL_PAGES = 64
SWAP_PAGES = 2000
# What a guess at the least number of frames begins with.
LEAST_FRAMES = (1, 1024)

failures = []


def fail(what):
    failures.append(what)
    print(f'bench: {what}', file=sys.stderr, flush=True)


def show(name, value, unit):
    text = f'{value:.1f}'.removesuffix('.0') if isinstance(value, float) else value
    print(f'bench {name} {text} {unit}', flush=True)


def vellum(command, stdin=subprocess.DEVNULL, **keys):
    """A run that counts instructions. Its image is always the same: file times are not the host's."""
    keys = {'ICOUNT': 1, 'TIMEOUT': LIMIT_S, 'CMD': command, 'FILES': f'{PROGRAMS}/bench {TEXT}=text', **keys}
    keys.update({key: os.environ[key] for key in ('QEMU', 'OPENSBI') if os.environ.get(key)})
    return subprocess.run([ROOT / 'platform' / 'run', *(f'{key}={value}' for key, value in keys.items())], text=True,
                          capture_output=True, stdin=stdin, check=False,
                          env={**os.environ, 'SOURCE_DATE_EPOCH': '0'})


def inside(command, **keys):
    done = vellum(command, **keys)
    for name, value, unit in re.findall(r'^bench (\S+) (\S+) (\S+)$', done.stdout, re.M):
        show(name, float(value) if unit == 'insn' else value, unit)
    if done.returncode != 0:
        fail(f'{command} ended with status {done.returncode}:\n{done.stderr[-2000:]}')
    return {key: int(value) for key, value in re.findall(r'(\w+)=(\d+)', done.stderr.rpartition('vellum: stats')[2])}


def measure_inside():
    # One boot each: a figure that fails does not take the others with it.
    for name in INSIDE:
        inside(f'bench {name}', FRAMES=ROOMY_FRAMES)
    inside(f'bench text text pages {TAIL_PAGES} fault_tail', FRAMES=ROOMY_FRAMES)
    # What of it is the codec's: the rest is what a page costs that comes back from the tail.
    inside(f'codec text text pages {TAIL_PAGES}', FRAMES=ROOMY_FRAMES, FILES=f'{PROGRAMS}/codec {TEXT}=text')
    stats = inside(f'bench text text pages {SWAP_PAGES} swap_out_insn swap_in_insn', FRAMES=TIGHT_FRAMES)
    if stats.get('evict_dirty'):
        show('target_program_bytes', stats['flash_program_bytes'] / stats['evict_dirty'], 'byte/eviction')


def lz4_ratio(files):
    """What liblz4 makes of the same pages; like ours, it may keep a page as it is."""
    lz4 = ctypes.CDLL('liblz4.so.1')
    out = ctypes.create_string_buffer(2 * PAGE)
    pages = [data[at:at + PAGE] for data in (file.read_bytes() for file in files)
             for at in range(0, len(data) - PAGE + 1, PAGE)]
    return len(pages) * PAGE / sum(min(PAGE, lz4.LZ4_compress_default(page, out, PAGE, len(out))) for page in pages)


def measure_codec():
    mix = BUILD / 'job' / 'pages'
    mix.write_bytes(pages.gather((TEXT, TEXT.with_name('prose')), ROOT / 'mm' / 'vm' / 'fault.c', ROOT))
    inside(f'codec {mix.name}', FRAMES=ROOMY_FRAMES, FILES=f'{PROGRAMS}/codec {mix}')
    show('codec_ratio_of_lz4', f'{lz4_ratio([mix]):.2f}', 'ratio')


def measure_boot():
    """Instructions from the firmware's first to the first task's, as the firmware counted them."""
    # Input that never ends: its end is two bytes on the console, which the host sends while the firmware starts or later.
    read_end, write_end = os.pipe()
    done = vellum('bench', read_end, FRAMES=ROOMY_FRAMES)
    os.close(write_end)
    os.close(read_end)
    found = re.search(r'^vellum: up: instructions=(\d+)', done.stderr, re.M)
    if found:
        show('boot_insn', int(found[1]), 'insn')
    else:
        fail('the firmware does not tell how many instructions its start took')


def measure_least_frames():
    """Halving: the fewest frames with which a program runs."""
    low, high = LEAST_FRAMES
    while low < high:
        middle = (low + high) // 2
        if vellum('hello', FRAMES=middle, FILES=f'{PROGRAMS}/hello').returncode == 0:
            high = middle
        else:
            low = middle + 1
    show('least_frames', low, 'frame')


def measure_image():
    elf = BUILD / 'vellum.elf'
    sizes = subprocess.run([f'{CROSS}size', elf], capture_output=True, text=True, check=True).stdout.split('\n')[1].split()
    show('text_bytes', int(sizes[0]), 'byte')
    show('text_bytes_core', size.core_bytes(BUILD), 'byte')
    show('data_bytes', int(sizes[1]) + int(sizes[2]), 'byte')
    said = subprocess.run(['gdb-multiarch', '-batch', '-nx', '-ex', 'print sizeof(struct frame)', elf], text=True,
                          capture_output=True, check=False).stdout
    if found := re.search(r'= (\d+)', said):
        show('frame_meta_bytes', int(found[1]), 'byte/frame')
    else:
        fail('gdb does not know struct frame')


def measure_host():
    for source in sorted((ROOT / 'tests' / 'host').glob('bench_*.c')):
        program = f'build/fast/{source.stem}'
        done = subprocess.run(['make', '-s', '-C', ROOT, program], check=False)
        arguments = traces.make() if source.stem == 'bench_policy' else []
        if done.returncode == 0:
            done = subprocess.run([ROOT / program, *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=False)
            print(''.join(line + '\n' for line in done.stdout.splitlines() if line.startswith('bench ')), end='', flush=True)
        if done.returncode != 0:
            fail(f'{source.stem} failed')


def main():
    subprocess.run([sys.executable, ROOT / 'tests' / 'programs' / 'job' / 'generate.py'], check=True)
    for measure in (measure_image, measure_boot, measure_inside, measure_codec, measure_least_frames, measure_host):
        measure()
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
