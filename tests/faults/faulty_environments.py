"""Environments that fail on purpose, for tests and their workers: ``tests.faults.faulty_environments:ID``."""

import ctypes
import os
import signal
import time

import gymnasium
import numpy as np


class Line(gymnasium.Env):
    """A point on a line: a healthy environment that the others break in one place."""

    observation_space = gymnasium.spaces.Box(-20.0, 20.0, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.taken = float(self.np_random.uniform(-0.5, 0.5)), 0
        return self.seen(), {}

    def step(self, action):
        self.place += 0.1 * float(np.clip(action[0], -1.0, 1.0)) + 0.01 * float(self.np_random.normal())
        self.taken += 1
        return self.seen(), -(self.place**2), abs(self.place) > 4.0, False, {}

    def seen(self):
        return np.array([self.place, 0.1 * self.taken], np.float32)


class Failing(Line):
    """Its call ``TRIALITY_FAIL_AT`` does as ``TRIALITY_FAIL_HOW`` says; once alone where a file marks that it was done."""

    calls = 0

    def reset(self, *, seed=None, options=None):
        self.fail()
        return super().reset(seed=seed)

    def step(self, action):
        self.fail()
        return super().step(action)

    def fail(self):
        Failing.calls += 1
        mark = os.environ.get("TRIALITY_FAIL_MARK")
        if Failing.calls != int(os.environ["TRIALITY_FAIL_AT"]) or (mark and not _is_first(mark)):
            return
        HOW[os.environ["TRIALITY_FAIL_HOW"]]()


class Ailing(Failing):
    """Its info is none either, as long as it lives."""

    def step(self, action):
        return (*super().step(action)[:4], None)


def _is_first(mark):
    """Of all processes that leave this mark; two that come to it at the same moment must not both be."""
    try:
        os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def raise_one():
    raise ValueError("the motor burned")


def hang():
    time.sleep(3600.0)


def hang_with_the_lock():
    """No other thread of the process can run meanwhile."""
    ctypes.PyDLL(None).sleep(3600)


def leave():
    os._exit(3)


def crash():
    ctypes.string_at(0)


def eat():
    """What the kernel does to who takes all memory."""
    os.kill(os.getpid(), signal.SIGKILL)


HOW = {"raise": raise_one, "hang": hang, "lock": hang_with_the_lock, "leave": leave, "crash": crash, "eat": eat}


class Slow(Line):
    def step(self, action):
        time.sleep(0.12)
        return super().step(action)


class NotANumber(Line):
    """From its third step on, and its info is none either."""

    def step(self, action):
        seen, reward, terminated, truncated, info = super().step(action)
        return (seen, reward, terminated, truncated, info) if self.taken < 3 else (seen * np.nan, reward, terminated, truncated, None)


class NeverMade(Line):
    def __init__(self):
        raise OSError("no such robot")


class WithHelper(Line):
    """Starts a process of its own, which holds what it inherits."""

    def reset(self, *, seed=None, options=None):
        if not hasattr(self, "helper"):
            self.helper = os.fork()
            if self.helper == 0:
                time.sleep(3600.0)
        return super().reset(seed=seed)


def make_short():
    """A line of three steps."""
    return gymnasium.wrappers.TimeLimit(Line(), 3)


for name, kind in {
    "Line": Line,
    "Failing": Failing,
    "Ailing": Ailing,
    "NeverMade": NeverMade,
    "WithHelper": WithHelper,
    "Slow": Slow,
    "NotANumber": NotANumber,
}.items():
    gymnasium.register(f"{name}-v0", kind, max_episode_steps=12)
