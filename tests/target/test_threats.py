"""What the threat model names as shown by a test is a test."""

import fnmatch
import re

import pytest
from conftest import ROOT
from test_hostile import GROUPS

ATTACKS, FUZZED, NAMED = 'attack', 'fuzz', ''


def known_names():
    """The names that may stand behind `attack`, behind `fuzz`, and by themselves or behind `hil`."""
    python = '\n'.join(path.read_text() for folder in ('target', 'hil') for path in (ROOT / 'tests' / folder).glob('test_*.py'))
    faults = (ROOT / 'tests' / 'hil' / 'faults.toml').read_text()
    files = [path.stem for folder, name in (('host', '*.c'), ('target', 'test_*.py'), ('hil', 'test_*.py'), ('programs', '*'))
             for path in (ROOT / 'tests' / folder).glob(name)]
    return {
        ATTACKS: set(GROUPS),
        FUZZED: {path.stem for path in (ROOT / 'tests' / 'fuzz').glob('*.c')},
        NAMED: {*files, *re.findall(r'^def (test_\w+)', python, re.M), *re.findall(r'^name = "(.*)"', faults, re.M)},
    }


def named(document):
    """(kind, name) in the last column of its tables that have one for tests."""
    said = re.search(r'^\|.*\| shown by \|\n\|[-|]+\n((?:\|.*\n)+)', (ROOT / document).read_text(), re.M)[1]
    for row in said.splitlines():
        kind = NAMED
        for word, name in re.findall(r'(attack|fuzz|hil|;|\))|`([^`]+)`', row.rstrip('| ').rpartition(' | ')[2]):
            if word:
                kind = word if word in (ATTACKS, FUZZED) else NAMED
            else:
                # `attack`, `a`, `b`, `test_c`: what is a test by itself ends the list.
                yield (NAMED if name.startswith('test_') else kind), name


@pytest.mark.parametrize('document,least', [('README.md', 15), ('firmware/THREATS.md', 50)])
def test_what_is_named_exists(document, least):
    known = known_names()
    found = list(named(document))
    assert len(found) >= least
    missing = [(kind, name) for kind, name in found if not fnmatch.filter(known[kind], name)]
    assert not missing
