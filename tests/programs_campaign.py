#!/usr/bin/env python3
"""Foreign programs, stressors, and the table of cases, on both boards: the section of tests/RESULTS.md about them.

Runs the target tests that ONLY names (all of them) with VELLUM_CAMPAIGN set, which adds the cases that take longer than a
check may; SEEDS is for the stressors.
"""
import collections
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "tests/RESULTS.md"
REPORT = ROOT / "build/campaign-programs.xml"
TESTS = (os.environ.get("ONLY") or "posix stress third_party").split()
BOARDS = ("virt", "sifive_u")
VERDICTS = ("passed", "FAILED", "not supported")
HEADING = "## Programs"


def run_tests():
    files = [f"tests/target/test_{name}.py" for name in TESTS]
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-n", str(os.cpu_count()), "-p", "no:cacheprovider",
                           f"--junitxml={REPORT}", *files], cwd=ROOT, env=os.environ | {"VELLUM_CAMPAIGN": "1"},
                          check=False).returncode


def verdict(case):
    for tag, word in (("failure", "FAILED"), ("error", "FAILED"), ("skipped", "not run")):
        if case.find(tag) is not None:
            return word
    told = {note.get("name"): note.get("value") for note in case.iter("property")}
    if "faults" not in told:
        return "passed"
    return f"passed: {told['frames']} frames, {int(told['faults']):,} faults"


def test_rows():
    """Test, what it was run with, and the verdict of each board."""
    rows = collections.defaultdict(dict)
    for case in xml.etree.ElementTree.parse(REPORT).iter("testcase"):
        name, _, rest = case.get("name").partition("[")
        words = rest.rstrip("]").split("-")
        rows[name.removeprefix("test_").replace("_", " "), " ".join(words[1:])][words[0]] = verdict(case)
    for (name, variant), boards in sorted(rows.items()):
        yield f"| {name} | {variant} | " + " | ".join(boards.get(board, "-") for board in BOARDS) + " |"


def case_lines(board):
    done = subprocess.run(["platform/run", f"BOARD={board}", "FRAMES=512", "FILES=build/programs/posix", "CMD=posix"],
                          cwd=ROOT, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL, check=False)
    return re.findall(r"^(\w+) (\w+): (.*)$", done.stdout, re.M)


def case_rows():
    """A row a group and board; then the cases that have not passed, with the reason."""
    reasons = []
    for board in BOARDS:
        sums = collections.defaultdict(collections.Counter)
        for group, name, text in case_lines(board):
            reason, _, word = text.rpartition("; ")
            sums[group][word] += 1
            if word != "passed":
                reasons.append(f"- `{board}`, {group} {name}: {word}: {reason}")
        for group, counts in sums.items():
            yield f"| {group} | {board} | " + " | ".join(str(counts[word]) for word in VERDICTS) + " |"
    yield from ["", *reasons]


def section():
    call = f'make campaign-programs ONLY="{" ".join(TESTS)}" SEEDS={os.environ.get("SEEDS") or 3}'
    yield from [HEADING, f"Written by `{call}`; QEMU 7.2.", "",
                "Cases in the manner of the Linux Test Project, written from POSIX and the man pages "
                "(`tests/programs/posix`). Linux passes all of them.", "",
                "| group | board | " + " | ".join(VERDICTS) + " |", "|---|---|---|---|---|",
                *case_rows(), "",
                "Target tests; stressors run with frames for a quarter (80 at least), half and all of what they touch. Others' "
                "programs run with the frames that they touch divided by the number behind their name, and print what they "
                "print under Linux. Frames are for everything, the firmware's own included; faults are pages brought back.", "",
                "| test | with | " + " | ".join(BOARDS) + " |", "|---|---|---|---|", *test_rows(), ""]


def main():
    status = run_tests()
    before, _, after = RESULTS.read_text(encoding="utf-8").partition(HEADING + "\n")
    _, following, rest = after.partition("\n## ")
    text = before.rstrip("\n") + "\n\n" + "\n".join(section())
    RESULTS.write_text(text + (following + rest if following else ""), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
