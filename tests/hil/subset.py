"""Which of a test's parameters are in a subset: `quick` is a part of `make check`, `core` is what the campaign repeats.

The core has at least a test of each file and of each ability that a target can have: commands, programs, swap, files, faults,
power cuts, resets, other boot arguments.
"""

import pytest

WAYS = [pytest.param(way, marks=pytest.mark.needs(way)) for way in ('power_cut', 'reset')]      # to another boot


def chosen(values, quick=(), core=()):
    """The values as parameters, those that are named with their marks."""
    return [pytest.param(value, marks=[*([pytest.mark.quick] if value in quick else []),
                                       *([pytest.mark.core] if value in core else [])]) for value in values]
