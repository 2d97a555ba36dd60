#!/usr/bin/env python3
"""Power cuts at length: every workload of build/fast/powercut under SEEDS seeds, on all cores.

Usage: tests/powercut_campaign.py [SEEDS [FIRST]]: 10 seeds from 1 are 1,050,000 cuts. A line per seed, the lines of what failed
(each names the command that repeats it), a summary, and "N passed, N failed".
"""
import concurrent.futures
import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / "build" / "fast" / "powercut"
WORKLOADS = ("files", "swap", "collect", "retire", "reboot")
OPERATIONS = 3500           # of each workload that are cut, each under six tears

COUNT = re.compile(r"^(\d+) passed, (\d+) failed$", re.M)
AGAIN = re.compile(r"^# (\d+) cut again during recovery, (\d+) kept", re.M)


def one(job):
    """(passed, failed, cut again, kept new) of one workload under one seed."""
    workload, seed = job
    done = subprocess.run([PROGRAM, workload, str(seed), "1", str(OPERATIONS)], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("FAILED"):
            print(line, flush=True)
    count, again = COUNT.search(done.stdout), AGAIN.search(done.stdout)
    if not count or not again:
        print(f"FAILED powercut {workload} {seed} 1 {OPERATIONS}  # status {done.returncode}\n{done.stderr[-2000:]}", flush=True)
        return 0, 1, 0, 0
    return tuple(int(n) for n in (*count.groups(), *again.groups()))


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    total = [0, 0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for seed in range(first, first + seeds):
            results = list(workers.map(one, [(workload, seed) for workload in WORKLOADS]))
            sums = [sum(numbers) for numbers in zip(*results)]
            print(f"seed {seed}: {sums[0]} passed, {sums[1]} failed", flush=True)
            total = [a + b for a, b in zip(total, sums)]
    print(f"seeds {first} to {first + seeds - 1}, operations 1 to {OPERATIONS} of {', '.join(WORKLOADS)}; "
          f"{total[2]} cut again during recovery, {total[3]} kept the commit that was under way")
    print(f"{total[0]} passed, {total[1]} failed")
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
