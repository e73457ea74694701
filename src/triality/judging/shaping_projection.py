"""Taking away what no policy sees, as a matrix: errors of a cost are carried through it as the cost itself is.

C = 1 - Phi (Phi' W Phi)^+ Phi' W,   Phi(x, u; y) = 1[x = y] - gamma P(y|x, u)          (``MinimalNorm`` of costs c(x, u))
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.judging.starc import pair_weights
from triality.judging.tables import shapings
from triality.tabular.mdp import TabularMDP


def orderless(mdp: TabularMDP) -> Float[np.ndarray, "pairs directions"]:
    """Costs c(x, u), pairs in a row, that order no policies: potential shaping where the MDP is discounted.

    Over a horizon the constant alone: shaping would leave h(x_{T+1}) behind, which a policy does see.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=2)
        >>> orderless(mdp).tolist()
        [[1.0], [1.0]]
    """
    return shapings(mdp) if mdp.horizon is None else np.ones((mdp.num_states * mdp.num_actions, 1))


def shaping_projection(mdp: TabularMDP, weights: ArrayLike | None = None) -> Float[np.ndarray, "pairs pairs"]:
    """C: from a cost, pairs in a row, to the smallest one that orders all policies alike.

    Args:
        mdp: discounted; over a horizon the constant alone goes.
        weights: w(x, u) of "smallest"; uniform by default. What the canonical cost of a pair with w > 0 is depends on no pair with w = 0.

    Raises:
        DataError: weights of another shape, or none that is positive.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> (shaping_projection(mdp) @ np.array([1.0, 3.0])).round(9).tolist()
        [-1.0, 1.0]
    """
    return np.eye(mdp.num_states * mdp.num_actions) - _fitted(orderless(mdp), pair_weights(mdp, weights).ravel())


def constant_projection(mdp: TabularMDP, weights: ArrayLike | None = None) -> Float[np.ndarray, "pairs pairs"]:
    """The same for the constant alone: minus the weighted mean.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, discount=0.5)
        >>> (constant_projection(mdp, [[3.0, 1.0]]) @ np.array([1.0, 3.0])).tolist()
        [-0.5, 1.5]
    """
    law = pair_weights(mdp, weights).ravel()
    return np.eye(len(law)) - np.broadcast_to(law, (len(law), len(law)))


def _fitted(directions: np.ndarray, law: np.ndarray) -> np.ndarray:
    root = np.sqrt(law)
    return directions @ np.linalg.pinv(root[:, None] * directions, rcond=1e-11) * root
