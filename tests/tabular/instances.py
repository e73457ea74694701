"""The instances that the tests share: small, random and asymmetric, so that neither a sign nor an index can hide."""

import jax

from triality.tabular.worlds import random_mdp


def stochastic(horizon=6):
    """4 states, 3 actions, 2 successors: 3 x 2 choices a step, 186,624 trajectories at T = 6."""
    return random_mdp(jax.random.key(10), 4, 3, 2, horizon=horizon)


def deterministic(horizon=6):
    """4 states, 3 actions, one successor: 2,916 trajectories at T = 6."""
    return random_mdp(jax.random.key(11), 4, 3, 1, horizon=horizon)


def random_cost(mdp, seed=12):
    """Costs of order one, for each state and action."""
    return 1.5 * jax.random.normal(jax.random.key(seed), (mdp.num_states, mdp.num_actions))


def random_log_policy(mdp, seed=13):
    """A policy that depends on time, not uniform."""
    logits = jax.random.normal(jax.random.key(seed), (mdp.num_steps, mdp.num_states, mdp.num_actions))
    return jax.nn.log_softmax(logits, axis=-1)
