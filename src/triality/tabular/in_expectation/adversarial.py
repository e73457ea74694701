"""Guided cost learning, GAN-GCL and AIRL on a table: one alternation of cost and generator, three gradients (``cost_gradients``).

    repeat:  c   <- c - rate (gradient + l2 c) / (n_E + n_pi + l2)
             pi  <- pi^(1 - share) pi_c^share, normalized                         pi_c = soft optimum of c

The division makes a step scale-free: entries of the likelihood's gradient lie between -(n_E + n) and n_E + n. ``share`` = 1 is a generator
that is optimal every round, in which the three agree on what they are looking for; below 1 it lags, as a trained one does.

    guided_cost   exact gradient of the likelihood: what importance weights per decision give in expectation, whatever the generator
    gan_gcl       step discriminator: fixed point c = -log pi_E, a shaping of the true cost where dynamics and expert are exact
    airl          single-step weights: biased on the way (D9), and unbiased once the generator has arrived

Reference: Finn, Christiano, Abbeel, Levine 2016; Fu, Luo, Levine 2018, appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from triality.errors import ConfigError
from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.cost_gradients import CostGradient, PerDecisionWeights, SingleStepWeights, StepDiscriminator, Table
from triality.tabular.in_expectation.dense import check_demonstrated, exact_visits
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_value_iteration


@dataclass(frozen=True)
class AlternationConfig:
    """How the two take turns.

    Args:
        rate: of the cost, in nats a round where a pair is all demonstrated or all drawn.
        share: of the way that the generator goes to the cost's optimum in a round, in log probabilities.
        l2: weight of the prior on the cost; what no demonstration visits grows without bound at 0, by at most ``rate`` a round.
        tolerance: on ``residual``: the largest of the entries of gradient + l2 c, in visits a trajectory, and of pi - pi_c.
        max_num_rounds: stop there in any case.
    """

    rate: float = 0.3
    share: float = 1.0
    l2: float = 0.0
    tolerance: float = 1e-7
    max_num_rounds: int = 5000

    def __post_init__(self) -> None:
        if not self.rate > 0 or not 0 < self.share <= 1 or not self.l2 >= 0 or not self.tolerance > 0 or self.max_num_rounds < 1:
            raise ConfigError(f"expected rate, tolerance > 0, 0 < share <= 1, l2 >= 0 and max_num_rounds >= 1, got {self}; correct it")


def guided_cost(
    mdp: TabularMDP, demonstrated: Visitation, config: AlternationConfig | None = None, initial: Table | None = None
) -> Learned:
    """Guided cost learning in exact expectation: the same optimum as ``mce_irl``.

    Args:
        mdp: discounted.
        demonstrated: visits of the expert, discounted alike.
        config: options.
        initial: log probabilities of the first generator; uniform by default.

    Raises:
        ConfigError: the horizon is finite.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], jnp.ones((1, 2, 1)), 0, discount=0.5)
        >>> learned = guided_cost(mdp, Visitation(jnp.array([[0.5, 1.5]]), jnp.ones(1)))
        >>> jnp.exp(learned.log_policy).round(4).tolist()
        [[0.25, 0.75]]
    """
    return _alternate(PerDecisionWeights(), mdp, demonstrated, config, initial)


def gan_gcl(mdp: TabularMDP, demonstrated: Visitation, config: AlternationConfig | None = None, initial: Table | None = None) -> Learned:
    """GAN-GCL on single steps in exact expectation; arguments as ``guided_cost``. Its cost has no free potential: V = 0 at the optimum."""
    return _alternate(StepDiscriminator(), mdp, demonstrated, config, initial)


def airl(mdp: TabularMDP, demonstrated: Visitation, config: AlternationConfig | None = None, initial: Table | None = None) -> Learned:
    """AIRL's single-step weights in exact expectation; arguments as ``guided_cost``."""
    return _alternate(SingleStepWeights(), mdp, demonstrated, config, initial)


def _alternate(
    gradient_of: CostGradient, mdp: TabularMDP, demonstrated: Visitation, config: AlternationConfig | None, initial: Table | None
) -> Learned:
    check_demonstrated(mdp, demonstrated)
    config = config or AlternationConfig()
    numbers = [jnp.asarray(each, dtype=float) for each in (config.rate, config.share, config.l2, config.tolerance)]
    start = jnp.full((mdp.num_states, mdp.num_actions), -jnp.log(float(mdp.num_actions))) if initial is None else initial
    cost, log_policy, residual, num_rounds = _rounds(gradient_of, mdp, demonstrated, numbers, start, config.max_num_rounds)
    gap = visit_gap(mdp, demonstrated, log_policy)
    return Learned(cost, log_policy, gap, residual, num_rounds, residual <= config.tolerance)


@eqx.filter_jit
def _rounds(
    gradient_of: CostGradient,
    mdp: TabularMDP,
    demonstrated: Visitation,
    numbers: list[Float[Array, ""]],
    initial: Table,
    max_num_rounds: int,
) -> tuple[Array, ...]:
    rate, share, l2, tolerance = numbers

    def one(carry):
        cost, log_policy, value, _, num_rounds = carry
        model = soft_value_iteration(mdp, cost, value, tolerance=1e-11)
        log_policy = jax.nn.log_softmax((1.0 - share) * log_policy + share * model.log_policy, axis=-1)
        gradient = gradient_of(mdp, demonstrated, cost, model.log_policy, log_policy) + l2 * cost
        # The mean of what is demonstrated and drawn, as a diagonal of curvature: rare pairs move as fast as frequent ones.
        weight = demonstrated.state_action + exact_visits(mdp, log_policy, demonstrated.start) + l2
        lag = jnp.max(jnp.abs(jnp.exp(log_policy) - jnp.exp(model.log_policy)))
        residual = jnp.maximum(jnp.max(jnp.abs(gradient)), lag)
        return cost - rate * gradient / weight, log_policy, model.value, residual, num_rounds + 1

    def unfinished(carry):
        return (carry[3] > tolerance) & (carry[4] < max_num_rounds)

    zero, infinite = jnp.zeros(mdp.num_states), jnp.array(jnp.inf, initial.dtype)
    cost, log_policy, _, residual, num_rounds = jax.lax.while_loop(
        unfinished, one, (jnp.zeros_like(initial), initial, zero, infinite, jnp.array(0))
    )
    return cost, log_policy, residual, num_rounds
