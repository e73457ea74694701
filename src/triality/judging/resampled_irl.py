"""``mce_irl`` over bootstrap resamples of the demonstrations: whole trajectories with replacement, all resamples in one compiled call.

The spread of the costs is that of the sandwich where demonstrations are many, and needs no formula where they are few (Efron 1979).
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.errors import ConfigError, DataError
from triality.judging.feature_sums import demonstrated_sums
from triality.tabular.costs import CostModel
from triality.tabular.demonstrations import TabularDemonstrations, Visitation
from triality.tabular.irl import IrlConfig, mce_parameters
from triality.tabular.mdp import TabularMDP


def bootstrap_costs(
    mdp: TabularMDP,
    demonstrations: TabularDemonstrations,
    cost_model: CostModel,
    config: IrlConfig | None = None,
    num_members: int = 100,
    seed: int = 0,
) -> Float[np.ndarray, "members states actions"]:
    """One learned cost a resample, as ``table_ensemble`` takes them.

    Args:
        mdp: as of ``mce_irl``.
        demonstrations: independent trajectories.
        cost_model: as of ``mce_irl``.
        config: as of ``mce_irl``; with stochastic dynamics and many parameters l2 > 0, for a resample too has visits that no policy has.
        num_members: resamples.
        seed: of the resamples.

    Raises:
        ConfigError: fewer than two resamples.
        DataError: as ``empirical_visitation``; fewer than two demonstrations; or a resample whose problem was not solved.
    """
    config = config or IrlConfig()
    n = len(demonstrations.lengths)
    if num_members < 2 or n < 2:
        error = ConfigError if num_members < 2 else DataError
        raise error(f"expected at least 2 members and 2 demonstrations, got {num_members} and {n}; resampling has to have a choice")
    each = each_visitation(mdp, demonstrations)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=num_members) / n
    resamples = Visitation(*(jnp.asarray(np.tensordot(counts, np.asarray(leaf), 1), float) for leaf in each))
    _, costs, gap = solve_each(mdp, resamples, cost_model, config)
    if failed := int(np.sum(~(np.asarray(gap) <= config.tolerance))):
        raise DataError(f"expected every resample to be solved, got {failed} of {num_members} that were not; set l2 > 0, or more steps")
    return np.asarray(costs, np.float64)


def each_visitation(mdp: TabularMDP, demonstrations: TabularDemonstrations) -> Visitation:
    """``empirical_visitation`` of each demonstration alone, stacked: every resample's visits are a weighted mean of these.

    Raises:
        DataError: as ``empirical_visitation``.
    """
    pairs = mdp.num_states * mdp.num_actions
    visits = demonstrated_sums(mdp, demonstrations, np.eye(pairs).reshape(mdp.num_states, mdp.num_actions, pairs))
    start = np.eye(mdp.num_states)[np.asarray(demonstrations.states)[:, 0]]
    return Visitation(jnp.asarray(visits.reshape(-1, mdp.num_states, mdp.num_actions), float), jnp.asarray(start, float))


@eqx.filter_jit
def solve_each(
    mdp: TabularMDP, visits: Visitation, cost_model: CostModel, config: IrlConfig
) -> tuple[Float[Array, "members ..."], Float[Array, "members states actions"], Float[Array, " members"]]:
    """``mce_irl`` of many sets of visits in one compiled call: parameters, costs and last gaps. Unsolved ones have a gap above the
    tolerance.

    Args:
        mdp: as of ``mce_irl``.
        visits: with a leading axis of members.
        cost_model: as of ``mce_irl``.
        config: as of ``mce_irl``.
    """
    parameters, gap = eqx.filter_vmap(lambda one: mce_parameters(mdp, one, cost_model, config))(visits)
    return parameters, eqx.filter_vmap(cost_model)(parameters), gap
