"""What an environment looks like from outside: sizes, bounds, time limit. Imports no jax, so that bad input is refused at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnvironmentSpec:
    """Sizes and bounds of an environment.

    Args:
        name: the public id; Gymnasium's own where it has the environment.
        observation_size: number of observation coordinates.
        action_size: number of action coordinates; 0 for discrete actions.
        num_actions: number of discrete actions; 0 for continuous ones.
        action_low: lower bound of each action coordinate.
        action_high: upper bound of each action coordinate.
        time_limit: steps after which an episode is cut.
    """

    name: str
    observation_size: int
    action_size: int = 0
    num_actions: int = 0
    action_low: tuple[float, ...] = ()
    action_high: tuple[float, ...] = ()
    time_limit: int = 200

    @property
    def is_discrete(self) -> bool:
        """Whether actions are integers 0 .. num_actions - 1."""
        return self.num_actions > 0
