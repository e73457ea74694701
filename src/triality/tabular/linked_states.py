"""Which states deterministic dynamics link: where a potential has one free constant, and where it has several (Fu et al. 2018, section 6).

    x and y are linked where one state can be followed by either; and where a chain of such links joins them.

Where every state is linked to every other the dynamics are *decomposable*. Of f(x, x') = a(x) + b(x') with x' following x, both a and b are
then known up to one constant. Where they are not, b has a constant of its own in each part, and a makes up for it: each state leads into
one part only. A state that follows none is a part by itself.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from triality.tabular.mdp import TabularMDP


def linked_states(mdp: TabularMDP) -> Int[np.ndarray, " states"]:
    """The part that each state belongs to, 0, 1, 2, ... in the order of their first states; all zero where the MDP is decomposable.

    Args:
        mdp: its dynamics; whatever the actions, whatever the probabilities, as long as they are positive.

    Example:
        >>> import numpy as np
        >>> moves = np.array([[[1], [3]], [[2], [0]], [[3], [1]], [[0], [2]]])  # a ring of four, one step to either side
        >>> linked_states(TabularMDP.from_sparse(moves, np.ones((4, 2, 1)), 0, discount=0.5)).tolist()
        [0, 1, 0, 1]
        >>> stay = np.concatenate([moves, np.arange(4)[:, None, None]], axis=1)
        >>> linked_states(TabularMDP.from_sparse(stay, np.ones((4, 3, 1)), 0, discount=0.5)).tolist()
        [0, 0, 0, 0]
    """
    successors = np.asarray(mdp.successors).reshape(mdp.num_states, -1)
    follows = np.isfinite(np.asarray(mdp.log_probabilities)).reshape(mdp.num_states, -1)
    labels, before = np.arange(mdp.num_states), None
    # The smallest index spreads over every set of successors, until none changes: at most S times.
    while before is None or np.any(labels != before):
        before = labels.copy()
        least = np.where(follows, labels[successors], mdp.num_states).min(axis=1)
        np.minimum.at(labels, successors[follows], np.broadcast_to(least[:, None], successors.shape)[follows])
    return np.unique(labels, return_inverse=True)[1].reshape(-1)
