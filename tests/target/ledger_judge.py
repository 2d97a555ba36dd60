"""The judge of tests/programs/ledger.c: what a boot after a cut may find of the steps that were told before it."""

import re

FILES = 6


class Ledger:
    """The steps that were begun, in their order, and what they leave."""

    def __init__(self):
        self.steps = {}         # sequence number: the files it writes
        self.synced = 0
        self.lost = []          # reported syncs that each kill took back
        self.halves = 0         # kills between the two files of a sync

    def state(self, sequence):
        """Each file's sequence number after that sync."""
        files = [0] * FILES
        for step in sorted(self.steps):
            if step <= sequence:
                for file in self.steps[step]:
                    files[file] = step
        return files

    def judge(self, found, lost_most=0):
        """Of the syncs that were reported, `lost_most` may have been taken back."""
        at = max(found)
        assert at == 0 or at in self.steps, f'{at} was never written'
        before, after = self.state(at - 1), self.state(at)
        here = [file for file in self.steps.get(at, []) if found[file] == at]
        for file in range(FILES):
            wanted = after[file] if file in here else before[file]
            assert found[file] == wanted, f'a mix: {found}; before {at} it was {before}, then {after}'
        whole = at if here == self.steps.get(at, []) else at - 1
        assert whole >= self.synced - lost_most, f'{found} is found, {self.synced} was reported as synced'
        self.lost.append(max(0, self.synced - whole))
        self.halves += whole < at
        self.synced = at
        self.steps = {step: files for step, files in self.steps.items() if step < at} | ({at: here} if at else {})

    def take(self, line):
        """One line of the program."""
        if found := re.fullmatch(r'step (\d+) (\d+) (\d+)', line):
            step, file, count = map(int, found.groups())
            self.steps[step] = [(file + i) % FILES for i in range(count)]
        elif found := re.fullmatch(r'synced (\d+)', line):
            self.synced = int(found[1])
