#!/usr/bin/env python3
"""make lint: format (clang-format), warnings of gcc and clang, static analysis (cppcheck, clang-tidy), include directions."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(str(p.relative_to(ROOT)) for d in ("firmware", "platform", "mm", "hal", "tests")
                 for p in (ROOT / d).rglob("*.[ch]"))
PORTABLE = [s for s in SOURCES if s.startswith("mm/") and s.endswith(".c")]
WARNINGS = "-std=gnu17 -I. -Wall -Wextra -Werror -Wconversion -Wshadow -Wmissing-prototypes -Wvla".split()

PARTS = {
    "format": ["clang-format", "--dry-run", "-Werror", *SOURCES],
    "includes": [sys.executable, "tests/check_includes.py"],
    "clang": ["clang", *WARNINGS, "-fsyntax-only", *PORTABLE],
    "cppcheck": ["cppcheck", "--quiet", "--std=c11", "--enable=warning,performance,portability", "--inline-suppr",
                 "--error-exitcode=1", "--suppress=missingIncludeSystem", "-I.", *PORTABLE],
    "clang-tidy": ["clang-tidy", "--quiet", "--warnings-as-errors=*", *PORTABLE, "--", *WARNINGS],
}


def main():
    failed = 0
    for name, command in PARTS.items():
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"lint {name:12} {'passed' if done.returncode == 0 else 'failed'}")
        if done.returncode:
            failed += 1
            print((done.stdout + done.stderr)[-6000:])
    print(f"{len(PARTS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
