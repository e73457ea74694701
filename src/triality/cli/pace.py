"""How fast a command collects, compilation left out. Imports no jax."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Environment steps a second over calls of compiled programs. The first call of each program compiles it, and is left out.

    Args:
        steps: of the calls that count.
        seconds: of the same calls.
        compiled: programs called before.

    Example:
        >>> pace = Pace()
        >>> pace.record("five iterations", num_steps=1000, seconds=30.0)
        >>> pace.steps_per_second
        >>> pace.record("five iterations", num_steps=1000, seconds=0.5)
        >>> pace.record("three iterations", num_steps=600, seconds=30.0)
        >>> pace.steps_per_second
        2000.0
    """

    steps: int = 0
    seconds: float = 0.0
    compiled: set[Hashable] = field(default_factory=set)

    def record(self, program: Hashable, num_steps: int, seconds: float) -> None:
        """Count one call that has ended."""
        if program in self.compiled:
            self.steps += num_steps
            self.seconds += seconds
        self.compiled.add(program)

    @property
    def steps_per_second(self) -> float | None:
        """None where no call counts, or none took a step in the environment."""
        return self.steps / self.seconds if self.steps else None

    @property
    def words(self) -> str:
        """For a progress bar: the rate, or nothing."""
        speed = self.steps_per_second
        return "" if speed is None else f"{speed:,.0f} env steps/s"
