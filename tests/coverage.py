#!/usr/bin/env python3
"""Lines and branches of mm/store that its host tests reach, a line a file; fails below what is promised.

coverage.py [-v] "PROGRAM ARGUMENT..." ...: runs the programs, which `make coverage` has built with --coverage, and lets
gcovr read what they left. ASSERT's branches are not counted (--exclude-branches-by-pattern): the one that fails is our
bug, and ends the program. -v shows the lines and the branches that are missed, with their source.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build/coverage"
LEAST_LINES, LEAST_BRANCHES = 100.0, 95.0
ASSERTS = r"^\s*ASSERT\("


def run(words):
    done = subprocess.run([BUILD / words[0], *words[1:]], cwd=ROOT, text=True, errors="replace", check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        print(done.stdout, f"{words[0]} ended with {done.returncode}", sep="\n")
    return done.returncode


def measured():
    """Of each file: lines and branches as lists of (line, times taken)."""
    report = BUILD / "report.json"
    subprocess.run(["gcovr", "-r", ".", "--object-directory", "build/coverage", "--filter", "mm/store/",
                    "--exclude-branches-by-pattern", ASSERTS, "--json", report, "build/coverage"],
                   cwd=ROOT, check=True)
    for file in json.loads(report.read_text())["files"]:
        counted = [line for line in file["lines"] if not line["gcovr/noncode"]]
        yield (file["file"], [(line["line_number"], line["count"]) for line in counted],
               [(line["line_number"], branch["count"]) for line in counted for branch in line["branches"]])


def share(found):
    return 100.0 * sum(1 for _, count in found if count) / len(found) if found else 100.0


def show_missed(name, found):
    source = (ROOT / name).read_text().splitlines()
    missed = sorted({number for number, count in found if not count})
    for number in missed:
        times = sum(1 for at, count in found if at == number and not count)
        print(f"    {number:4} {times} {source[number - 1]}")


def main():
    runs = [argument.split() for argument in sys.argv[1:] if argument != "-v"]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        if any(list(workers.map(run, runs))):
            return 1
    lines, branches = [], []
    for name, file_lines, file_branches in measured():
        print(f"{name:28} lines {len(file_lines):5} {share(file_lines):6.1f} %   "
              f"branches {len(file_branches):5} {share(file_branches):6.1f} %")
        if "-v" in sys.argv:
            show_missed(name, file_lines)
            show_missed(name, file_branches)
        lines += file_lines
        branches += file_branches
    print(f"{'all':28} lines {len(lines):5} {share(lines):6.1f} %   branches {len(branches):5} {share(branches):6.1f} %")
    return int(share(lines) < LEAST_LINES or share(branches) < LEAST_BRANCHES)


if __name__ == "__main__":
    sys.exit(main())
