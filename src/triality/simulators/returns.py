"""Returns of episodes in a batch of simulators on the host: what ``evaluate_in_gymnasium`` computes, many times faster for MuJoCo's tasks.

``MujocoBatch`` steps Gymnasium's own bodies from Gymnasium's own starts, and a test holds the two returns against each other, episode by
episode. Where a result is judged by somebody else's program, ``evaluate_in_gymnasium`` is that program, and ``triality eval`` runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from triality.errors import ConfigError, DataError
from triality.simulators.batch import SimulatorBatch
from triality.simulators.repeated import repeated

Act = Callable[[np.ndarray], np.ndarray]


def returns_in(simulators: SimulatorBatch, act: Act, seeds: Sequence[int], absorbing: bool = False) -> Float[np.ndarray, " n"]:
    """Undiscounted return of one episode of each simulator, up to its time limit; simulator i is reset with ``seeds[i]``.

    Args:
        simulators: n of them; the caller closes them.
        act: float32 observations (n, obs) to actions, as for ``evaluate_in_gymnasium``; rows of episodes that are over are ignored.
        seeds: n.
        absorbing: append the indicator coordinate 0 to each observation, for a policy that was trained with an absorbing state.

    Raises:
        ConfigError: not one seed a simulator.
        DataError: ``act`` returned a number that is not finite, or not one row an observation.
        SimulatorError: a simulator failed.

    Example:
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> simulators = GymnasiumBatch("CartPole-v1", 3)
        >>> returns_in(simulators, lambda observation: np.ones(len(observation), int), [0, 1, 2]).tolist()
        [8.0, 9.0, 10.0]
        >>> simulators.close()
    """
    if len(seeds) != simulators.num:
        raise ConfigError(f"expected {simulators.num} seeds, one a simulator, got {len(seeds)}; pass as many as there are simulators")
    return repeated(lambda: _returns(simulators, act, list(seeds), absorbing))


def _returns(simulators: SimulatorBatch, act: Act, seeds: list[int], absorbing: bool) -> Float[np.ndarray, " n"]:
    observation, running = simulators.reset(seeds), np.ones(simulators.num, bool)
    returns = np.zeros(simulators.num)
    for _ in range(simulators.spec.time_limit):
        seen = observation.astype(np.float32)
        result = simulators.step(_checked(np.asarray(act(np.pad(seen, ((0, 0), (0, 1))) if absorbing else seen)), simulators.num), running)
        observation = result.observation
        returns += np.where(running, result.reward, 0.0)
        running = running & ~result.terminated & ~result.truncated
        if not running.any():
            break
    return returns


def _checked(actions: np.ndarray, num: int) -> np.ndarray:
    if len(actions) != num or not np.all(np.isfinite(actions)):
        raise DataError(
            f"expected {num} finite actions, got shape {actions.shape} with {np.sum(~np.isfinite(actions))} numbers that are not finite; "
            "return one action a row, and check the policy's parameters"
        )
    return actions
