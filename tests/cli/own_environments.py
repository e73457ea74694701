"""Environments that no table knows, as a user would register them; named ``own_environments:ID``."""

import time

import gymnasium
import numpy as np


class Reach(gymnasium.Env):
    """Steer a point to the origin; twenty steps."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1.0, 1.0, 2)
        return self.place.astype(np.float32), {}

    def step(self, action):
        self.place = self.place + 0.2 * np.clip(action, -1.0, 1.0)
        return self.place.astype(np.float32), -float(np.sum(self.place**2)), False, False, {}

    def render(self):
        frame = np.zeros((32, 32, 3), np.uint8)
        row, column = np.clip(16 + 8 * self.place, 0, 31).astype(int)
        frame[row, column] = 255
        return frame


class Hanging(Reach):
    """Its fifth step takes an hour."""

    count = 0

    def step(self, action):
        self.count += 1
        if self.count == 5:
            time.sleep(3600.0)
        return super().step(action)


class Failing(Reach):
    """Goes on for a hundred and fifty steps, however often it is reset: long enough for random actions, and for one iteration."""

    count = 0

    def step(self, action):
        self.count += 1
        if self.count > 50:
            raise RuntimeError("the cable is out")
        return super().step(action)


gymnasium.register("OwnReach-v0", Reach, max_episode_steps=20)
gymnasium.register("OwnHanging-v0", Hanging, max_episode_steps=20)
gymnasium.register("OwnFailing-v0", Failing, max_episode_steps=20)
