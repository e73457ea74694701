"""One small sabotage of the library, written as a replacement of text, and the tests that have to notice it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "triality"


class Mutant(NamedTuple):
    """See the module.

    Fields:
        name: what is wrong then, in words; unique.
        file: under ``src/triality``.
        old: text that stands in the file exactly once.
        new: what stands there instead.
        tests: node ids under ``tests``, each of one function. One of them has to fail, by what it claims and not by a crash.
        stands_for: the mistake of a practitioner that it is a picture of.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    stands_for: str

    def applied_to(self, text: str) -> str:
        """The sabotaged text.

        Raises:
            ValueError: ``old`` does not stand there exactly once, or nothing changes.
        """
        count = text.count(self.old)
        if count != 1 or self.old == self.new:
            raise ValueError(
                f"{self.name}: expected its old text once in {self.file}, got it {count} times; bring the mutant up to date with the code"
            )
        return text.replace(self.old, self.new)

    def problems(self) -> list[str]:
        """What keeps it from being tried: a text that is not there, a test that is not there."""
        found = []
        try:
            self.applied_to((PACKAGE / self.file).read_text())
        except (OSError, ValueError) as error:
            found.append(str(error))
        if not self.tests:
            found.append(f"{self.name}: expected a test that has to notice it, got none; name one")
        for test in self.tests:
            file, _, function = test.partition("::")
            path = ROOT / "tests" / file
            if not path.is_file() or f"\ndef {function}(" not in path.read_text():
                found.append(f"{self.name}: expected a test function {test}, got none of that name; name another")
        return found
