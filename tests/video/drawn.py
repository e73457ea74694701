"""Gymnasium's own simulators with a picture that needs no graphics: the first number of the observation as a bar."""

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.envs.classic_control.pendulum import PendulumEnv


def bar(share):
    picture = np.full((20, 30, 3), 255, np.uint8)
    picture[:, : int(np.clip(share, 0, 1) * 30)] = (200, 0, 0)
    return picture


class DrawnPendulum(PendulumEnv):
    def render(self):
        return bar((np.cos(self.state[0]) + 1) / 2)


class DrawnCartPole(CartPoleEnv):
    def render(self):
        return bar((self.state[2] + 0.2) / 0.4)


class DrawnWithoutStates(DrawnPendulum):
    """Stands for a simulator whose observation does not say its state."""


CLASSES = {"Pendulum-v1": (DrawnPendulum, 200), "CartPole-v1": (DrawnCartPole, 500), "Stateless-v0": (DrawnWithoutStates, 200)}


def register(monkeypatch):
    """Puts them in the places of the real ones, for one test."""
    for name, (entry, limit) in CLASSES.items():
        spec = gymnasium.envs.registration.EnvSpec(name, entry_point=entry, max_episode_steps=limit)
        monkeypatch.setitem(gymnasium.registry, name, spec)
