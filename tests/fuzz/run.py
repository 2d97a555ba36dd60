#!/usr/bin/env python3
"""Runs fuzz targets: run.py [--seconds N] [--calls SEEDS] [NAME ...].

Without --seconds each makes a fixed number of runs from a fixed seed and an empty start, as `make check` wants it: the same
on every machine. With it, each goes on for that long, from the corpus in build/fuzz-corpus/NAME, which grows; and at the
end random system calls run in the emulator. Findings stay in build/fuzz-findings. Ends with "N passed, N failed".
"""

import argparse
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'
FINDINGS = BUILD / 'fuzz-findings'
TREES = ROOT / 'tests' / 'host' / 'trees'

# How often in `make check`: about a minute each on one core.
RUNS = {'elf': 2_500_000, 'tree': 700_000, 'parts': 2_000_000, 'gpt': 60_000, 'codec': 300_000, 'mount': 8_000, 'memory': 7_000}
LENGTHS = {'elf': 4200, 'tree': 20_000, 'codec': 4100, 'memory': 2000}
LENGTH = 512
# The slow ones come too seldom to long inputs if they have to be earned; libFuzzer's own number is 100.
LENGTH_CONTROL = {'mount': 10, 'memory': 10}
SEED = 20_251
SYSTEM_CALL_BATCHES = 200
SYSTEM_CALL_SEEDS_AN_HOUR = 12


def seeds(name):
    """Good inputs to start from, where hardly a random one would get far."""
    if name == 'elf':
        for program in ('hello', 'attack'):
            path = BUILD / 'programs' / program
            if path.is_file():
                yield b'\xff\x00' + path.read_bytes()[:4096]
    if name == 'tree':
        for tree in sorted(TREES.glob('*.dts')):
            done = subprocess.run(['dtc', '-q', '-O', 'dtb', tree], capture_output=True, check=False)
            if done.returncode == 0:
                yield done.stdout


def make_corpus(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (folder / f'seed-{number}').write_bytes(seed)


def processor_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fuzz(name, seconds):
    folder = BUILD / ('fuzz-corpus' if seconds else 'fuzz-check') / name
    if not seconds and folder.is_dir():
        for path in folder.iterdir():
            path.unlink()
    make_corpus(name, folder)
    FINDINGS.mkdir(parents=True, exist_ok=True)
    words = [BUILD / 'fuzz' / name, folder, f'-seed={SEED}', f'-max_len={LENGTHS.get(name, LENGTH)}',
             f'-len_control={LENGTH_CONTROL.get(name, 100)}', '-timeout=60',
             '-rss_limit_mb=4096', f'-artifact_prefix={FINDINGS}/{name}-', '-print_final_stats=1',
             f'-max_total_time={seconds}' if seconds else f'-runs={RUNS[name]}']
    # What the simulated flash says when a caller's mistake is let pass is no finding.
    environment = {**os.environ, 'ASAN_OPTIONS': 'detect_leaks=0'}
    before = processor_s()
    done = subprocess.run(words, capture_output=True, text=True, errors='replace', env=environment, check=False)
    last = re.findall(r'cov: (\d+) ft: (\d+) corp: (\d+)', done.stderr)
    runs = re.search(r'number_of_executed_units: (\d+)', done.stderr)
    coverage = 'cov=%s ft=%s corpus=%s' % last[-1] if last else ''
    print(f'fuzz {name} runs={runs[1] if runs else "?"} {coverage} cpu_s={processor_s() - before:.0f} '
          f'{"good" if done.returncode == 0 else "FAILED"}', flush=True)
    if done.returncode:
        print(done.stderr[-6000:])
    return done.returncode == 0


def system_calls(seed, batches):
    """In turn: frames enough and few, and every fourth on the other board; beside it two tasks that compute and check."""
    board = 'sifive_u' if seed % 4 == 3 else 'virt'
    frames = 200 if (seed % 4 + seed // 4) % 2 else 512
    commands = [f'callfuzz {seed} {batches}', f'fill 60 {batches}', 'stencil 100 60']
    files = ' '.join(f'{BUILD}/programs/{name}' for name in ('callfuzz', 'fill', 'stencil'))
    words = [ROOT / 'platform' / 'run', f'BOARD={board}', f'FRAMES={frames}', f'FILES={files}', 'TIMEOUT=7200',
             f'CMD={" & ".join(commands)}']
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', check=False)
    good = done.returncode == 0 and ' good\n' in done.stdout
    said = ' '.join(re.findall(r'^callfuzz .*$', done.stdout, re.M))
    print(f'fuzz system calls board={board} frames={frames}: {said} status={done.returncode}', flush=True)
    if not good:
        print(done.stdout[-1000:], done.stderr[-6000:], sep='\n')
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=int, default=0)
    parser.add_argument('--calls', type=int, help='only system calls in the emulator, this many seeds')
    parser.add_argument('--first', type=int, default=100, help='the first seed of those')
    parser.add_argument('--batches', type=int, default=SYSTEM_CALL_BATCHES, help='of each seed')
    parser.add_argument('names', nargs='*')
    given = parser.parse_args()
    calls = given.calls or (0 if given.names else given.seconds * SYSTEM_CALL_SEEDS_AN_HOUR // 3600)
    results = [] if given.calls else [fuzz(name, given.seconds) for name in given.names or RUNS]
    results += [system_calls(seed, given.batches) for seed in range(given.first, given.first + calls)]
    print(f'{sum(results)} passed, {len(results) - sum(results)} failed')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
