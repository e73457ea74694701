"""One episode of every simulator of a batch, written down step by step: what a collector here and an actor elsewhere have in common.

    repeat for t = 1 .. T:   u, log pi(u|x) of all simulators by one call of the policy;   one step of all simulators

The log-probabilities are those of the draw itself. What follows an episode that ends early is the ending's to say. No jax here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from triality.errors import SimulatorError
from triality.simulators.batch import SimulatorBatch
from triality.simulators.endings import Ending
from triality.simulators.record import Record, Rows

Acting = Callable[[int, np.ndarray], tuple[Any, Any]]
"""(step, observations of all simulators) to actions and their log-probabilities, arrays of one row a simulator."""


class Played(NamedTuple):
    """Whole episodes, and where their seconds went.

    Fields:
        rows: one a simulator.
        physics: seconds in the simulators.
        policy: seconds in the policy.
    """

    rows: Rows
    physics: float
    policy: float


def played(simulators: SimulatorBatch, act: Acting, seeds: Sequence[int], horizon: int, ending: Ending, dtype: np.dtype) -> Played:
    """Episodes of ``horizon`` steps from the starts that ``seeds`` give.

    Args:
        simulators: n of them; the caller closes them.
        act: who draws the actions.
        seeds: n, one a simulator.
        horizon: T.
        ending: what follows an episode that ends before.
        dtype: of the numbers that are written down, and that the policy is shown.

    Raises:
        SimulatorError: a simulator failed; says which, and at which step.

    Example:
        >>> from triality.simulators.endings import Padded
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> simulators = GymnasiumBatch("CartPole-v1", 2)
        >>> right = lambda step, x: (np.ones(len(x), int), np.zeros(len(x)))
        >>> rows = played(simulators, right, [0, 1], 20, Padded(), np.dtype(float)).rows
        >>> rows.mask.sum(axis=1).tolist(), rows.observation.shape
        ([8, 9], (2, 21, 4))
        >>> simulators.close()
    """
    physics, asking = 0.0, 0.0
    bare, name = simulators.spec, simulators.spec.name
    record = Record.empty(horizon, simulators.num, ending.spec(bare), dtype)
    try:
        running, seen = np.ones(simulators.num, bool), simulators.reset(seeds)
    except SimulatorError as error:
        raise type(error)(f"{name}: {error}") from error
    for step in range(horizon):
        record.observation[step] = ending.shown(seen, running)
        start = time.perf_counter()
        action, log_prob = (np.asarray(each) for each in act(step, record.observation[step]))
        record.action[step], record.log_prob[step] = action, log_prob
        asking, start = asking + time.perf_counter() - start, time.perf_counter()
        try:
            result = simulators.step(action, running)
        except SimulatorError as error:
            raise type(error)(f"{name}, step {step + 1} of an episode: {error}") from error
        physics += time.perf_counter() - start
        record.mask[step], record.reward[step] = running, result.reward
        record.terminated[step], record.truncated[step] = running & result.terminated, running & result.truncated & ~result.terminated
        seen, running = ending.after(simulators, result, running)
    record.observation[horizon] = ending.shown(result.observation, running)  # what the last step led to, whatever would begin after it
    return Played(ending.finished(record, running), physics, asking)
