"""Small worlds with exact answers: gridworld, icy gridworld, objectworld, random MDP, stay alive, tightrope."""

from triality.tabular.worlds.gridworld import FIVE_MOVES, FOUR_MOVES, gridworld, icy_gridworld
from triality.tabular.worlds.objectworld import Objectworld, objectworld, threshold_features
from triality.tabular.worlds.random_mdp import random_mdp
from triality.tabular.worlds.stay_alive import stay_alive
from triality.tabular.worlds.tightrope import Tightrope, absorbing_tightrope, off_the_rope, regret, tightrope

__all__ = [
    "FIVE_MOVES",
    "FOUR_MOVES",
    "Objectworld",
    "Tightrope",
    "absorbing_tightrope",
    "gridworld",
    "icy_gridworld",
    "objectworld",
    "off_the_rope",
    "random_mdp",
    "regret",
    "stay_alive",
    "threshold_features",
    "tightrope",
]
