"""What FU540 and FU740 do otherwise than the emulated harts, forced as far as it can be: their errata by boot argument, A and
D bits by software, hart 0 without an MMU, Sv48 announced where Sv39 is used. The simulated hart of the host tests has the
rest: fences by address that do nothing, addresses that come without their sign.
"""

import os
import re
import subprocess

import pytest
from conftest import ROOT

TREE_EMULATOR = ROOT / 'build' / 'compat' / 'trixie' / 'bin' / 'qemu-system-riscv64'
# Faults of every kind, fork with shared pages, and more memory than there is.
COMMAND = 'family; fill 900 1; hostile 1'
FRAMES = 600


def processor(result):
    """The words of the line that tells what the firmware takes the processor for."""
    return result.line(r'^processor: hart (\d+), errata=(\w+), (\d+) ASID bits, page attributes 0x(\w+)$')


def contained(result):
    """The last program stores to kernel memory, which ends it with SIGSEGV."""
    assert result.status == 128 + 11
    assert 'fill pages=900 rounds=1 seed=1 good' in result.text and 'parent=good' in result.text
    # Not from the start of a line: newer machine-mode firmware remarks on forbidden instructions there.
    assert re.search(r'hostile attacks=(\d+) contained=\1$', result.text, re.M)
    assert 'panic' not in result.err and 'check failed' not in result.err


@pytest.mark.parametrize('errata', ('none', 'fu540', 'fu740'))
def test_errata_forced(vellum, errata):
    result = vellum(COMMAND, FRAMES=FRAMES, BOOTARGS=f'errata={errata}', TIMEOUT=600)
    assert processor(result)[2] == errata
    contained(result)


def test_errata_follow_the_board(vellum, board):
    assert processor(vellum('hello'))[2] == ('fu540' if board == 'sifive_u' else 'none')


@pytest.mark.parametrize('board', ['sifive_u'], indirect=True)
def test_the_monitor_core_is_left_alone(vellum):
    """Hart 0 has no MMU: it is not counted, and never the one that we run on."""
    result = vellum('hello', QEMU_ARGS='-smp 5')
    assert int(processor(result)[1]) >= 1
    assert int(result.line(r': (\d+) harts,')[1]) == 4


def test_sv48_may_be_announced(board, vellum, tmp_path):
    """The tree says that there is more than Sv39; what runs is Sv39, or nothing would."""
    blob = tmp_path / 'tree'
    subprocess.run([os.environ.get('QEMU', 'qemu-system-riscv64'), '-M', f'{board},dumpdtb={blob}'], check=True,
                   capture_output=True)
    assert re.search(rb'riscv,sv(48|57)', blob.read_bytes())
    assert vellum('hello').status == 0


def emulator_with(properties):
    """An emulator that has these properties of a processor, or None."""
    for qemu in (os.environ.get('QEMU', 'qemu-system-riscv64'), str(TREE_EMULATOR)):
        if os.path.exists(qemu) or os.sep not in qemu:
            tried = subprocess.run([qemu, '-M', 'none', '-cpu', f'rv64,{properties}', '-display', 'none', '-monitor', 'stdio'],
                                   input=b'quit\n', capture_output=True, check=False)
            if tried.returncode == 0:
                return qemu
    return None


@pytest.mark.parametrize('board', ['virt'], indirect=True)
@pytest.mark.parametrize('properties', ('svade=true,svadu=false', 'svade=false,svadu=true', 'sstc=false'))
def test_processors_of_newer_emulators(vellum, properties):
    qemu = emulator_with(properties)
    if not qemu:
        pytest.skip(f'no emulator here knows {properties} (make compat brings one)')
    contained(vellum(COMMAND, FRAMES=FRAMES, QEMU=qemu, QEMU_ARGS=f'-cpu rv64,{properties}', TIMEOUT=600))
