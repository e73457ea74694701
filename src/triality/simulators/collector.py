"""Roll-outs of a policy in simulators on the host: the same padded batch that compiled environments give, for the same ``update``.

Each step is one compiled call of the policy for all simulators and one step of them all (``triality.simulators.episodes``). Several
batches of simulators go through their episodes side by side, each in a thread of its own, so that one asks the policy while another moves;
which batch a simulator stands in makes no difference to what it is asked and answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from triality.errors import ConfigError
from triality.simulators.batch import SimulatorBatch
from triality.simulators.endings import Ending, Padded
from triality.simulators.episodes import Acting, Played, played
from triality.simulators.record import Rows
from triality.simulators.repeated import repeated
from triality.simulators.row_trajectories import trajectories_of
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, Trajectory


class Timing(NamedTuple):
    """Where the seconds of collecting went: in the simulators and in the policy, averaged over threads, and in all."""

    physics: float
    policy: float
    total: float


class Collector:
    """Episodes of ``horizon`` steps from one batch of simulators, or from several side by side.

    Args:
        simulators: the batch, or several of one task; what one call can collect is a multiple of the number of all of them.
        horizon: T, at most the time limit; the time limit by default.
        ending: what follows an episode that ends before the horizon.

    Example:
        >>> from triality.policies.categorical import categorical_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.simulators.endings import Absorbed
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> collector = Collector(GymnasiumBatch("CartPole-v1", 2), horizon=20, ending=Absorbed())
        >>> policy = categorical_policy(jax.random.key(0), collector.spec, identity_scaling(5))
        >>> batch = collector.collect(jax.random.key(1), policy, num_rollouts=4)
        >>> batch.observation.shape, bool(batch.mask.all())
        ((4, 21, 5), True)
    """

    def __init__(
        self,
        simulators: SimulatorBatch | Sequence[SimulatorBatch],
        horizon: int | None = None,
        ending: Ending = Padded(),  # noqa: B008
    ):
        self._lanes = tuple(simulators) if isinstance(simulators, Sequence) else (simulators,)
        bare = self._lanes[0].spec
        self.horizon = bare.time_limit if horizon is None else horizon
        if not 1 <= self.horizon <= bare.time_limit:
            raise ConfigError(f"expected a horizon of 1 to {bare.time_limit} steps (the time limit), got {horizon}; choose one of these")
        self.num = sum(lane.num for lane in self._lanes)
        self.spec: EnvironmentSpec = ending.spec(bare)
        self.timing = Timing(0.0, 0.0, 0.0)
        self._ending = ending
        self._actors = _Actors()
        self._pool = ThreadPoolExecutor(len(self._lanes))

    def collect(self, key: Key[Array, ""], policy: Policy, num_rollouts: int, seeds: Sequence[int] | None = None) -> Trajectory:
        """``num_rollouts`` episodes; where no ``seeds`` of the starts are given, ``key`` determines them too.

        Raises:
            ConfigError: the simulators do not divide ``num_rollouts``.
            SimulatorError: a simulator failed; says which, and at which step. Nothing is returned of a batch that is not whole.
        """
        if num_rollouts < 1 or num_rollouts % self.num:
            raise ConfigError(f"expected a multiple of {self.num} roll-outs (the simulators), got {num_rollouts}; change either")
        given = np.asarray(jax.random.randint(key, (num_rollouts,), 0, 2**31 - 1)).tolist() if seeds is None else list(seeds)
        pieces = [
            piece
            for first in range(0, num_rollouts, self.num)
            for piece in self._side_by_side(jax.random.fold_in(key, first), policy, given[first : first + self.num])
        ]
        return trajectories_of(pieces)

    def close(self) -> None:
        """Closes the simulators."""
        self._pool.shutdown()
        for lane in self._lanes:
            lane.close()

    def _side_by_side(self, key: Key[Array, ""], policy: Policy, seeds: Sequence[int]) -> list[Rows]:
        """One episode of each simulator. A failing batch is reported when the others have come to their ends."""
        begin, keys = time.perf_counter(), jax.random.split(key, (self.horizon, self.num))
        waiting = []
        for lane, (first, last) in zip(self._lanes, pairwise(accumulate((lane.num for lane in self._lanes), initial=0)), strict=True):
            act = self._actors.of(keys[:, first:last], policy)
            waiting.append(self._pool.submit(self._whole_episodes, lane, act, seeds[first:last]))
        parts = [each.result() for each in waiting]
        physics, asking = (sum(spent) / len(parts) for spent in ([part.physics for part in parts], [part.policy for part in parts]))
        before = self.timing
        self.timing = Timing(before.physics + physics, before.policy + asking, before.total + time.perf_counter() - begin)
        return [part.rows for part in parts]

    def _whole_episodes(self, simulators: SimulatorBatch, act: Acting, seeds: Sequence[int]) -> Played:
        """The same seeds, policy and randomness make them, however often a worker is replaced under them."""
        number = np.dtype(jnp.zeros(()).dtype)
        return repeated(lambda: played(simulators, act, seeds, self.horizon, self._ending, number))


class _Actors:
    """Compiled calls of policies, one for each structure of a policy; only its arrays travel with a call, which costs half as much."""

    def __init__(self) -> None:
        self._compiled: dict[Hashable, Callable[..., tuple[Array, Array]]] = {}

    def of(self, keys: Key[Array, "time n"], policy: Policy) -> Acting:
        """(step, observations) to actions and their log-probabilities, one row a simulator, by the randomness of ``keys``."""
        arrays, static = eqx.partition(policy, eqx.is_array)
        leaves, structure = jax.tree.flatten(arrays)
        kind = (structure, tuple(jax.tree.leaves(static)), jax.tree.structure(static))
        if kind not in self._compiled:
            self._compiled[kind] = jax.jit(lambda *arguments: _draw(static, structure, *arguments))
        act = self._compiled[kind]
        return lambda step, observation: act(leaves, keys, np.asarray(step), observation)


def _draw(static: Policy, structure: PyTree, leaves: list[Array], keys: Array, step: Int[Array, ""], observation: Float[Array, "n obs"]):
    policy = eqx.combine(jax.tree.unflatten(structure, leaves), static)
    return jax.vmap(lambda key, x: policy(x).sample_and_log_prob(key))(keys[step], observation)
