"""What ``triality seq`` can be asked for, and which parts go together: the one table, read before jax is imported."""

from __future__ import annotations

from typing import NamedTuple

ORACLE = "oracle:"


class SeqTraits(NamedTuple):
    """What the other options have to know of an objective.

    Fields:
        has_energy: whether an energy is learned that is a density; of the others no log Z is asked.
        follows: whether the generator goes on learning after likelihood.
        has_schedule: whether the data's share falls.
    """

    has_energy: bool
    follows: bool
    has_schedule: bool = False


OBJECTIVES = {
    "mle": SeqTraits(False, False),
    "scheduled-sampling": SeqTraits(False, False, True),
    "reward-augmented": SeqTraits(False, False),
    "nce": SeqTraits(True, False),
    "gan": SeqTraits(True, True),
    "seqgan": SeqTraits(False, True),
    "mixer": SeqTraits(True, True, True),
    "actor-critic": SeqTraits(True, True),
}
SCORED = ("gan", "seqgan")
"""Objectives whose generator improves by ``--credit``."""


def credit_of(objective: str, energy: str) -> str:
    """What ``--credit auto`` stands for."""
    if objective == "seqgan":
        return "rollouts"
    return "by-token" if energy == "by-token" else "whole"
