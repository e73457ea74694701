"""Small worlds with exact answers: gridworld, icy gridworld, objectworld, random MDP."""

from triality.tabular.worlds.gridworld import FIVE_MOVES, FOUR_MOVES, gridworld, icy_gridworld
from triality.tabular.worlds.objectworld import Objectworld, objectworld, threshold_features
from triality.tabular.worlds.random_mdp import random_mdp

__all__ = ["FIVE_MOVES", "FOUR_MOVES", "Objectworld", "gridworld", "icy_gridworld", "objectworld", "random_mdp", "threshold_features"]
