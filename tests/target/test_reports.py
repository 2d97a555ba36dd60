"""The stacks of programs and of the firmware in words."""

import re
import subprocess

from conftest import ROOT
from test_runner import run as run_fake


def test_a_stopped_program_is_told_by_its_calls(vellum):
    result = vellum('stack')
    assert result.status == 128 + 11
    calls = re.findall(r'^run: +in (\w+) \((\S+?):\d+\)$', result.err, re.M)
    assert ('dig', 'stack.c') in calls, result.err


def test_a_handler_without_a_stack_is_told_by_its_calls(vellum):
    result = vellum('stack nowhere')
    assert result.status == 128 + 11
    assert "a signal's frame is out of reach" in result.err
    assert re.search(r'fault x0 [0-9a-f]{16}', result.err), result.err
    calls = re.findall(r'^run: +in (\w+) \((\S+?):\d+\)$', result.err, re.M)
    assert ('handle_nowhere', 'stack.c') in calls, result.err


def test_a_panic_is_told_by_its_calls():
    symbols = subprocess.run(['riscv64-unknown-elf-nm', ROOT / 'build' / 'vellum.elf'], capture_output=True, text=True, check=True).stdout
    address = re.search(r'^([0-9a-f]+) [tT] mm_check$', symbols, re.M)[1]
    said = run_fake(f'line:panic_here line:panic_trace_vellum_{address}_0_0_0 end:0').stderr.decode()
    assert re.search(r'^run: +in mm_check \(check\.c:\d+\)$', said, re.M), said
