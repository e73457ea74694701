"""Random MDPs: asymmetric instances on which a wrong sign or a transposed index cannot hide."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from triality.errors import ConfigError
from triality.tabular.mdp import TabularMDP


def random_mdp(
    key: Key[Array, ""],
    num_states: int,
    num_actions: int,
    num_branches: int,
    *,
    horizon: int | None = None,
    discount: float = 1.0,
) -> TabularMDP:
    """Every state and action leads to ``num_branches`` distinct random states; probabilities and start law are uniform on the simplex.

    ``num_branches = 1`` gives deterministic dynamics.

    Raises:
        ConfigError: more branches than states, or a count below one.

    Example:
        >>> import jax
        >>> random_mdp(jax.random.key(0), 4, 3, 2, horizon=5).successors.shape
        (4, 3, 2)
    """
    if min(num_states, num_actions, num_branches) < 1 or num_branches > num_states:
        raise ConfigError(
            f"expected counts of at least 1 and num_branches <= num_states, got {num_states} states, {num_actions} actions, "
            f"{num_branches} branches; lower num_branches"
        )
    key_successors, key_probabilities, key_start = jax.random.split(key, 3)
    rows = jax.random.split(key_successors, num_states * num_actions)
    successors = jax.vmap(lambda one: jax.random.permutation(one, num_states)[:num_branches])(rows)
    probabilities = jax.random.dirichlet(key_probabilities, jnp.ones(num_branches), (num_states, num_actions))
    start = jax.random.dirichlet(key_start, jnp.ones(num_states))
    return TabularMDP.from_sparse(
        np.asarray(successors).reshape(num_states, num_actions, num_branches),
        np.asarray(probabilities),
        np.asarray(start),
        horizon=horizon,
        discount=discount,
    )
