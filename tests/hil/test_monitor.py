"""The contract of every command of the monitor."""

import pytest


@pytest.mark.quick
def test_hello(target):
    done = target.run('hello')
    assert done.result == 0 and done.text.splitlines() == ['hello, world']
