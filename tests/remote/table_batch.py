"""A small decision process as simulators: what actors play where everything is known exactly."""

import jax
import jax.numpy as jnp
import numpy as np

from triality.policies.categorical import CategoricalPolicy, categorical_policy
from triality.policies.scaling import Scaling
from triality.simulators.batch import StepResult
from triality.specs import EnvironmentSpec
from triality.tabular.mdp import TabularMDP

NUM_STATES, NUM_ACTIONS, HORIZON = 3, 2, 3
SPEC = EnvironmentSpec("Table-v0", 1, num_actions=NUM_ACTIONS, time_limit=HORIZON)
MDP = TabularMDP.from_sparse(
    [[[0, 1], [2, 1]], [[1, 2], [0, 2]], [[0, 2], [1, 0]]],
    [[[0.3, 0.7], [0.9, 0.1]], [[0.45, 0.55], [0.2, 0.8]], [[0.6, 0.4], [0.85, 0.15]]],
    [0.5, 0.2, 0.3],
    horizon=HORIZON,
)


class TableBatch:
    """``num`` copies of the process; the observation is the number of the state."""

    def __init__(self, num: int):
        self.spec, self.num = SPEC, num
        self._successors, self._probabilities = np.asarray(MDP.successors), np.exp(np.asarray(MDP.log_probabilities))
        self._start = np.exp(np.asarray(MDP.log_start))

    def reset(self, seeds):
        self._draws = [np.random.default_rng(seed) for seed in seeds]
        self._states = np.array([chosen(draw, self._start) for draw in self._draws])
        return self._seen()

    def restart(self, which):
        raise NotImplementedError

    def step(self, actions, running):
        for i in np.flatnonzero(running):
            branch = chosen(self._draws[i], self._probabilities[self._states[i], actions[i]])
            self._states[i] = self._successors[self._states[i], actions[i], branch]
        never = np.zeros(self.num, bool)
        return StepResult(self._seen(), np.where(running, 1.0, 0.0), never, never)

    def close(self):
        pass

    def _seen(self):
        return self._states[:, None].astype(float)


def chosen(draw, probabilities) -> int:
    return min(int(np.searchsorted(np.cumsum(probabilities), draw.random(), side="right")), len(probabilities) - 1)


def policy(seed: int) -> CategoricalPolicy:
    """Another in every state, and others for other seeds: weights of order one."""
    scaling = Scaling(jnp.array([0.7]), jnp.array([0.9]))
    made, draw = categorical_policy(jax.random.key(0), SPEC, scaling, (5,)), np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf if leaf.shape == (1,) else jnp.asarray(np.asarray(leaf) + draw.normal(size=leaf.shape)), made)


def log_table(each) -> np.ndarray:
    """log pi(u|x), states x actions, by a sum over nothing but the net: exact."""
    states = jnp.arange(NUM_STATES, dtype=float)[:, None]
    return np.asarray(jax.nn.log_softmax(jax.vmap(lambda x: each(x).logits)(states)))
