"""A finite Markov decision process with sparse transitions, and the checks that let the exact algorithms trust it.

Successors are stored as (S, A, K): state x under action u goes to ``successors[x, u, k]`` with log probability
``log_probabilities[x, u, k]``. A gridworld has K <= 5 whatever its size, so nothing here is ever S x S.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError


class TabularMDP(eqx.Module):
    """States 0 .. S-1, actions 0 .. A-1, dynamics, start law, and either a finite horizon or a discount.

    Build it with ``from_sparse`` or ``from_dense``, which check what they get. The cost is no part of it: it is what one learns.

    Fields:
        successors: index of the k-th successor; any valid index where its probability is zero (padding).
        log_probabilities: log P(x'|x, u), in nats; -inf on padding. No successor occurs twice with positive probability.
        log_start: log of the start law, in nats.
        discount: gamma; 1 where the horizon is finite.
        horizon: number of actions T; ``None`` = infinite and discounted.
    """

    successors: Int[Array, "states actions branches"]
    log_probabilities: Float[Array, "states actions branches"]
    log_start: Float[Array, " states"]
    discount: Float[Array, ""]
    horizon: int | None = eqx.field(static=True)

    @property
    def num_states(self) -> int:
        """S."""
        return self.successors.shape[0]

    @property
    def num_actions(self) -> int:
        """A."""
        return self.successors.shape[1]

    @property
    def num_branches(self) -> int:
        """K, the largest number of successors of a state and action."""
        return self.successors.shape[2]

    @property
    def num_steps(self) -> int:
        """T.

        Raises:
            ConfigError: the horizon is infinite.
        """
        if self.horizon is None:
            raise ConfigError("expected a finite horizon, got a discounted MDP; build it with horizon=T, or call soft_value_iteration")
        return self.horizon

    @classmethod
    def from_sparse(
        cls, successors: ArrayLike, probabilities: ArrayLike, start: int | ArrayLike, *, horizon: int | None = None, discount: float = 1.0
    ) -> TabularMDP:
        """From (S, A, K) successors and probabilities. A successor that occurs twice is merged, probability zero marks padding.

        Args:
            successors: integers in 0 .. S-1.
            probabilities: each row sums to one within 1e-6; the rest of the rounding is divided out.
            start: a state's index, or the probability of each state.
            horizon: T, or ``None`` with a discount below one.
            discount: gamma.

        Raises:
            DataError: shapes, indices or probabilities are wrong.
            ConfigError: neither or both of a horizon and a discount.

        Example:
            >>> mdp = TabularMDP.from_sparse([[[1, 1]], [[0, 1]]], [[[0.5, 0.5]], [[0.25, 0.75]]], 0, horizon=3)
            >>> mdp.successors[0, 0].tolist(), jnp.exp(mdp.log_probabilities[0, 0]).tolist()
            ([1, 1], [1.0, 0.0])
        """
        indices, values = np.asarray(successors), np.asarray(probabilities, dtype=np.float64)
        _check_transitions(indices, values)
        _check_time(horizon, discount)
        values = _merge_duplicates(indices, values)
        log_probabilities = np.log(values / values.sum(axis=-1, keepdims=True), where=values > 0, out=np.full(values.shape, -np.inf))
        return cls(
            successors=jnp.asarray(indices, dtype=jnp.int32),
            log_probabilities=jnp.asarray(log_probabilities, dtype=float),
            log_start=jnp.asarray(_log_start(start, indices.shape[0]), dtype=float),
            discount=jnp.asarray(discount, dtype=float),
            horizon=horizon,
        )

    @classmethod
    def from_dense(cls, transitions: ArrayLike, start: int | ArrayLike, *, horizon: int | None = None, discount: float = 1.0) -> TabularMDP:
        """From P(x'|x, u) as a table (S, A, S): K becomes the largest number of non-zero entries in a row.

        Raises:
            DataError: shapes or probabilities are wrong.
            ConfigError: neither or both of a horizon and a discount.
        """
        table = np.asarray(transitions, dtype=np.float64)
        if table.ndim != 3 or table.shape[0] != table.shape[2]:
            raise DataError(
                f"expected transitions of shape (states, actions, states), got {table.shape}; index them as [state, action, next state]"
            )
        width = max(1, int(np.max(np.sum(table != 0, axis=-1), initial=0)))
        successors = np.argsort(table == 0, axis=-1, kind="stable")[..., :width]
        return cls.from_sparse(successors, np.take_along_axis(table, successors, axis=-1), start, horizon=horizon, discount=discount)


def _check_transitions(successors: np.ndarray, probabilities: np.ndarray) -> None:
    if successors.ndim != 3 or successors.shape != probabilities.shape or 0 in successors.shape:
        raise DataError(
            f"expected successors and probabilities of one shape (states, actions, successors), got {successors.shape} and "
            f"{probabilities.shape}; pad shorter rows with probability zero"
        )
    num_states = successors.shape[0]
    if not np.issubdtype(successors.dtype, np.integer) or successors.min() < 0 or successors.max() >= num_states:
        raise DataError(
            f"expected integer successors in 0 .. {num_states - 1}, got {successors.dtype} outside of it; padding too needs a valid index"
        )
    if not np.all(np.isfinite(probabilities)) or np.min(probabilities) < 0:
        raise DataError("expected finite probabilities >= 0, got a negative or non-finite one; pass probabilities, not their logarithms")
    worst = np.max(np.abs(probabilities.sum(axis=-1) - 1.0))
    if worst > 1e-6:
        raise DataError(
            f"expected the successors' probabilities to sum to 1 for every state and action, got a sum off by {worst:.3g}; normalize them"
        )


def _check_time(horizon: int | None, discount: float) -> None:
    if horizon is None and not 0.0 < discount < 1.0:
        raise ConfigError(f"expected a horizon, or a discount strictly between 0 and 1, got horizon=None and discount={discount}; set one")
    if horizon is not None and discount != 1.0:
        raise ConfigError(f"expected either a horizon or a discount, got horizon={horizon} and discount={discount}; drop one")
    if horizon is not None and horizon < 1:
        raise ConfigError(f"expected a horizon of at least one action, got {horizon}; set horizon >= 1")


def _merge_duplicates(successors: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities in which the first of several equal successors carries the sum, and the others zero."""
    merged = probabilities.copy()
    for later in range(1, successors.shape[-1]):
        for earlier in range(later):
            same = successors[..., earlier] == successors[..., later]
            merged[..., earlier] += np.where(same, merged[..., later], 0.0)
            merged[..., later] = np.where(same, 0.0, merged[..., later])
    return merged


def _log_start(start: int | ArrayLike, num_states: int) -> np.ndarray:
    law = np.asarray(start)
    if law.ndim == 0 and np.issubdtype(law.dtype, np.integer):
        if not 0 <= law < num_states:
            raise DataError(f"expected a start state in 0 .. {num_states - 1}, got {law}; name a state of the MDP")
        law = np.eye(1, num_states, int(law))[0]
    if law.shape != (num_states,) or not np.all(np.isfinite(law)) or np.min(law) < 0 or abs(law.sum() - 1.0) > 1e-6:
        raise DataError(
            f"expected a start law of {num_states} probabilities that sum to 1, got shape {law.shape}; normalize it, or pass one state"
        )
    law = law.astype(np.float64)
    return np.log(law / law.sum(), where=law > 0, out=np.full(law.shape, -np.inf))
