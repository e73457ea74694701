"""AIRL as published, on a table: a cost of the state beside a shaping potential, against a generator that follows them (Fu et al. 2018).

    s(x, u, x') = -c(x) - h(x) + gamma h(x') - log pi(u|x)          h(x): high = good, c(x): low = likely, both of the state alone

    repeat:  (c, h) <- (c, h) - rate H^+ (gradient + l2 (c, h))       a step down the discriminator's loss on single transitions
             pi     <- pi^(1 - share) pi_c^share, normalized         pi_c = soft optimum of c; shaping does not move it

H is the loss's curvature where D = 1/2, its largest (n_E + n_pi over 4), so that no step overshoots, and H^+ leaves alone what no
transition shows: of all pairs (c, h) that fit, the smallest.

Where dynamics are deterministic, the expert the soft optimum of a cost of the state, and all states linked (``linked_states``), the fixed
point is that cost up to a constant, and h the expert's soft value up to another. For the discriminator alone, whatever pi, is best at

    c = c_E - log rho_E(x) / rho_pi(x) + k,   h = V_E + k'          k + (1 - gamma) k' = 0

since -log pi_E = c_E + V_E(x) - gamma V_E(x'); and with pi = pi_c, sum (c - c_E)(rho_pi - rho_E) is then at least zero, while for visits of
soft optima it is at most zero: both rho agree, and with them c and c_E. On dynamics that are stochastic x' stands in f and its mean in the
advantage, and where states are not linked h has a constant in each part that c takes up: there no data tell, and c is another cost.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from triality.tabular.demonstrations import Visitation
from triality.tabular.in_expectation.adversarial import AlternationConfig
from triality.tabular.in_expectation.cost_gradients import Table
from triality.tabular.in_expectation.dense import check_demonstrated, exact_visits
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.linked_states import linked_states
from triality.tabular.mdp import TabularMDP
from triality.tabular.soft_value_iteration import soft_value_iteration


class ShapedLearned(NamedTuple):
    """What was learned, the cost apart from the shaping.

    Fields:
        learned: as every system returns it; ``learned.cost`` is c(x) for each action, without shaping.
        state_cost: c(x), in nats.
        potential: h(x), high = good, in nats.
        num_parts: of the states that nothing links; c is determined up to as many constants, one where the MDP is decomposable.
    """

    learned: Learned
    state_cost: Float[Array, " states"]
    potential: Float[Array, " states"]
    num_parts: int


def shaped_airl(
    mdp: TabularMDP, demonstrated: Visitation, config: AlternationConfig | None = None, initial: Table | None = None
) -> ShapedLearned:
    """The alternation of discriminator and generator, from c = h = 0.

    Args:
        mdp: discounted; its discount is that of the shaping.
        demonstrated: visits of the expert, discounted alike.
        config: options; ``rate`` 1 is the whole step to the bound's least point.
        initial: log probabilities of the first generator; uniform by default.

    Raises:
        ConfigError: the horizon is finite.
        DataError: the visits are not those of such an MDP.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[0], [1]]], jnp.ones((2, 2, 1)), 0, discount=0.5)
        >>> log_policy = soft_value_iteration(mdp, jnp.array([[0.0, 0.0], [2.0, 2.0]])).log_policy
        >>> start = jnp.array([1.0, 0.0])
        >>> found = shaped_airl(mdp, Visitation(exact_visits(mdp, log_policy, start), start), AlternationConfig(tolerance=1e-4))
        >>> round(float(found.state_cost[1] - found.state_cost[0]), 2), found.num_parts
        (2.0, 1)
    """
    check_demonstrated(mdp, demonstrated)
    config = config or AlternationConfig()
    numbers = [jnp.asarray(each, dtype=float) for each in (config.rate, config.share, config.l2, config.tolerance)]
    start = jnp.full((mdp.num_states, mdp.num_actions), -jnp.log(float(mdp.num_actions))) if initial is None else initial
    parts, log_policy, residual, num_rounds = _rounds(mdp, demonstrated, numbers, start, config.max_num_rounds)
    cost, gap = _of_pairs(mdp, parts[0]), visit_gap(mdp, demonstrated, log_policy)
    learned = Learned(cost, log_policy, gap, residual, num_rounds, residual <= config.tolerance)
    return ShapedLearned(learned, parts[0], parts[1], int(np.max(linked_states(mdp))) + 1)


class TransitionDiscriminator(eqx.Module):
    """The loss sum n_E softplus(-s) + n_pi softplus(s) over transitions, as a function of (c, h): value, gradient and bound of curvature.

    f is linear in (c, h), so that the loss is convex. ``rows`` is -f: 1 at c(x), 1 at h(x), -gamma at h(x'), for each (x, u, x').
    """

    rows: Float[Array, "transitions parameters"]
    expert: Float[Array, " transitions"]
    drawn: Float[Array, " transitions"]
    log_policy: Float[Array, " transitions"]

    @classmethod
    def of(cls, mdp: TabularMDP, demonstrated: Visitation, log_policy: Table) -> TransitionDiscriminator:
        """At one generator; both sides go on by the dynamics of the MDP."""
        share = jnp.exp(mdp.log_probabilities)
        drawn = exact_visits(mdp, log_policy, demonstrated.start)
        expert, drawn = ((visits[..., None] * share).ravel() for visits in (demonstrated.state_action, drawn))
        return cls(_rows(mdp), expert, drawn, jnp.broadcast_to(log_policy[..., None], share.shape).ravel())

    def __call__(self, parts: Float[Array, "2 states"]) -> Float[Array, ""]:
        log_odds = -self.rows @ parts.ravel() - self.log_policy
        return self.expert @ jax.nn.softplus(-log_odds) + self.drawn @ jax.nn.softplus(log_odds)

    def curvature(self) -> Float[Array, "parameters parameters"]:
        """At least the second derivative, wherever (c, h) are, and equal to it where D is 1/2 everywhere."""
        return self.rows.T @ (0.25 * (self.expert + self.drawn)[:, None] * self.rows)


def _rows(mdp: TabularMDP) -> Float[Array, "transitions parameters"]:
    here = jnp.broadcast_to(jnp.eye(mdp.num_states)[:, None, None], (*mdp.successors.shape, mdp.num_states))
    after = jnp.eye(mdp.num_states)[mdp.successors]
    return jnp.concatenate([here, here - mdp.discount * after], axis=-1).reshape(-1, 2 * mdp.num_states)


@eqx.filter_jit
def _rounds(
    mdp: TabularMDP, demonstrated: Visitation, numbers: list[Float[Array, ""]], initial: Table, max_num_rounds: int
) -> tuple[Array, ...]:
    rate, share, l2, tolerance = numbers

    def one(carry):
        parts, log_policy, value, _, num_rounds = carry
        model = soft_value_iteration(mdp, _of_pairs(mdp, parts[0]), value, tolerance=1e-11)
        log_policy = jax.nn.log_softmax((1.0 - share) * log_policy + share * model.log_policy, axis=-1)
        discriminator = TransitionDiscriminator.of(mdp, demonstrated, log_policy)
        gradient = jax.grad(discriminator)(parts) + l2 * parts
        bound = discriminator.curvature() + l2 * jnp.eye(parts.size)
        step = jnp.linalg.pinv(bound, hermitian=True) @ gradient.ravel()
        lag = jnp.max(jnp.abs(jnp.exp(log_policy) - jnp.exp(model.log_policy)))
        residual = jnp.maximum(jnp.max(jnp.abs(gradient)), lag)
        return parts - rate * step.reshape(parts.shape), log_policy, model.value, residual, num_rounds + 1

    def unfinished(carry):
        return (carry[3] > tolerance) & (carry[4] < max_num_rounds)

    zero, infinite = jnp.zeros(mdp.num_states), jnp.array(jnp.inf, initial.dtype)
    beginning = (jnp.zeros((2, mdp.num_states)), initial, zero, infinite, jnp.array(0))
    parts, log_policy, _, residual, num_rounds = jax.lax.while_loop(unfinished, one, beginning)
    return parts, log_policy, residual, num_rounds


def _of_pairs(mdp: TabularMDP, cost: Float[Array, " states"]) -> Table:
    return jnp.broadcast_to(cost[:, None], (mdp.num_states, mdp.num_actions))
