"""``--cost`` and ``--cost-sees``: the class of a cost, and the coordinates of the observation that it may depend on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from triality.cli.names import Task
from triality.cli.options import IrlOptions
from triality.errors import ConfigError

if TYPE_CHECKING:
    from triality.algorithms.cost_learning import MakeCost

TILTED, LINEAR = "tilted", "linear"
ALL = IrlOptions.cost_sees
PART = re.compile(r"(\d+)(?::(\d+))?")


def coordinates_of(text: str, size: int) -> tuple[int, ...] | None:
    """Those that the text names, in their order; None if it is not understood, names none, or names others than the ``size`` there are.

    Example:
        >>> coordinates_of("0:2,4", 5), coordinates_of("4:9", 5), coordinates_of("3:3", 5), coordinates_of("all", 3)
        ((0, 1, 4), None, None, (0, 1, 2))
    """
    if text == ALL:
        return tuple(range(size))
    found: set[int] = set()
    for part in text.split(","):
        match = PART.fullmatch(part.strip())
        if match is None:
            return None
        first = int(match[1])
        end = int(match[2]) if match[2] else first + 1
        if not first < end <= size:
            return None
        found |= set(range(first, end))
    return tuple(sorted(found))


def cost_sees_problems(options: IrlOptions, task: Task) -> list[str]:
    """Of coordinates that there are not, and of a cost that sees nothing whatever is said."""
    if options.cost_sees == ALL:
        return []
    problems = [] if coordinates_of(options.cost_sees, task.bare.observation_size) else [_not_understood(options, task)]
    if options.cost == "constant":
        problems.append(f"expected no --cost-sees with --cost constant, got {options.cost_sees}: it depends on nothing; leave it out")
    return problems


def make_cost_of(options: IrlOptions, task: Task) -> MakeCost:
    """Makes costs of the class that ``--cost`` names, blind to what ``--cost-sees`` leaves out. Whether an episode is over they always see.

    Raises:
        ConfigError: coordinates that there are not, in a run's configuration that somebody changed.
    """
    from triality.energies.linear_cost import linear_cost
    from triality.energies.partial_cost import MakePartialCost
    from triality.energies.step_cost import ConstantCost, mlp_cost, state_cost

    classes = {"mlp": mlp_cost, "state": state_cost, LINEAR: linear_cost, TILTED: mlp_cost, "constant": ConstantCost}
    make_cost = classes[options.cost]
    if options.cost_sees == ALL:
        return make_cost
    seen = coordinates_of(options.cost_sees, task.bare.observation_size)
    if seen is None:
        raise ConfigError(_not_understood(options, task))
    return MakePartialCost(make_cost, (*seen, *range(task.bare.observation_size, task.spec.observation_size)))


def _not_understood(options: IrlOptions, task: Task) -> str:
    return (
        f"expected --cost-sees as coordinates from 0 to {task.bare.observation_size - 1} of {task.bare.name}, got '{options.cost_sees}'; "
        "write them as in 0:3 or 0,2 (the end of a range is not in it)"
    )
