"""`make help` names every target and every variable, with its default."""

import re
import subprocess

import pytest
from conftest import ROOT

MAKEFILES = '\n'.join((ROOT / name).read_text() for name in ('Makefile', 'tests/fuzz/fuzz.mk'))


@pytest.fixture(scope='module')
def told():
    return subprocess.run(['make', '-s', 'help'], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_targets(told):
    phony = re.findall(r'^\.PHONY: ((?:.*\\\n)*.*)$', MAKEFILES, re.M)
    targets = {word for words in phony for word in words.replace('\\', ' ').split() if not word.startswith('setup-')}
    assert targets and targets <= set(re.findall(r'^  ([a-z-]+) ', told, re.M))


def test_variables_of_make(told):
    defaults = re.findall(r'^(\w+) \?= (.*)$', MAKEFILES, re.M) + re.findall(r'\$\(or \$\((\w+)\),(\w+)\)', MAKEFILES) + \
        re.findall(r'\$\$\{(\w+):-(\w+)\}', MAKEFILES)
    assert len(defaults) > 8
    for name, default in defaults:
        # `NAME=default`, or of a script's: `NAME=shape  words (default)`.
        assert re.search(rf'\b{name}=(?:{re.escape(default)}(?!\w)|.*\({re.escape(default)}\b)', told), name


@pytest.mark.parametrize('script, source', [('run', 'run_options.py'), ('board_image', 'board_image'), ('flash_card', 'flash_card')])
def test_variables_of_scripts(told, script, source):
    keys = re.search(r'^KEYS = \(([^)]*)\)', (ROOT / 'platform' / source).read_text(), re.M)[1]
    own = subprocess.run([ROOT / 'platform' / script, 'help'], capture_output=True, text=True, check=True).stdout
    for key in re.findall(r"'(\w+)'", keys):
        line = re.search(rf'^  {key}=.*(?:\n    .*)*', own, re.M)
        assert line and line[0] in told, key
        assert re.search(r'\(.*\)', line[0]) or 'without it' in line[0].lower(), f'{key} has no default'
