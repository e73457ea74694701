"""What the tests of judging share: random asymmetric MDPs with a discount, costs on them, and potential shaping."""

import jax
import numpy as np

from triality.tabular.worlds import random_mdp

GAMMA = 0.9


def discounted(num_states=5, num_actions=3, num_branches=3, seed=3):
    """Stochastic, so that redistribution over next states is something."""
    return random_mdp(jax.random.key(seed), num_states, num_actions, num_branches, discount=GAMMA)


def of_pairs(mdp, seed):
    """c(x, u)."""
    return np.random.default_rng(seed).normal(size=(mdp.num_states, mdp.num_actions))


def of_branches(mdp, seed):
    """c(x, u, x') along the transitions that happen."""
    return np.random.default_rng(seed).normal(size=mdp.successors.shape)


def potential(mdp, seed):
    """h(x), of a size that drowns the costs."""
    return 5.0 * np.random.default_rng(seed).normal(size=mdp.num_states)


def shaped(mdp, cost, h, scale=1.0, gamma=GAMMA):
    """scale * c + h(x) - gamma h(x') as (S, A, K)."""
    full = np.broadcast_to(cost[..., None] if cost.ndim == 2 else cost, mdp.successors.shape)
    return scale * full + h[:, None, None] - gamma * h[np.asarray(mdp.successors)]


def redistributed(mdp, cost, seed):
    """The same expectation over x' for every pair, other values in every branch."""
    noise = np.random.default_rng(seed).normal(size=mdp.successors.shape)
    law = np.exp(np.asarray(mdp.log_probabilities))
    full = np.broadcast_to(cost[..., None] if cost.ndim == 2 else cost, mdp.successors.shape)
    return full + noise - np.sum(law * noise, axis=-1, keepdims=True)
