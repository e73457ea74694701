"""The f-divergences against their definition, their critics against the optimum, and the three log Z of one family."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.objectives import instances
from triality.objectives.discriminator import DiscriminatorLoss
from triality.objectives.divergence import KL, Alpha, JensenShannon, Neyman, Pearson, ReverseKL, SquaredHellinger
from triality.objectives.f_divergence import FDivergenceLoss, FreeFDivergenceLoss, critic_loss
from triality.objectives.guided_cost import GuidedCostLoss
from triality.partition.acceptance_ratio import solve_log_z
from triality.sampler import Samples

# Name -> (divergence, f written down from its definition).
FAMILY = {
    "kl": (KL(), lambda u: u * jnp.log(u) - u + 1),
    "reverse kl": (ReverseKL(), lambda u: -jnp.log(u) + u - 1),
    "jensen-shannon": (JensenShannon(), lambda u: u * jnp.log(u) - (1 + u) * jnp.log((1 + u) / 2)),
    "pearson": (Pearson(), lambda u: (u - 1) ** 2),
    "neyman": (Neyman(), lambda u: (u - 1) ** 2 / u),
    "hellinger": (SquaredHellinger(), lambda u: (jnp.sqrt(u) - 1) ** 2),
    "alpha 3": (Alpha(3.0), lambda u: (u**3 - 1 - 3 * (u - 1)) / 6),
    "alpha -0.4": (Alpha(-0.4), lambda u: (u**-0.4 - 1 + 0.4 * (u - 1)) / 0.56),
}
RATIOS = jnp.array([0.03, 0.4, 1.0, 1.7, 25.0])
P = jax.nn.softmax(jnp.array([0.3, -1.2, 0.9, 0.0]))
Q = jax.nn.softmax(jnp.array([-0.5, 0.4, 0.1, 1.0]))
POINTS = jnp.arange(4)


def sides():
    """Exact expectations: every point once, weighted by its probability."""
    return Samples(POINTS, jnp.log(Q), jnp.log(P)), Samples(POINTS, jnp.log(Q), jnp.log(Q))


@pytest.mark.parametrize("name", FAMILY)
def test_f_its_slope_and_its_conjugate(name):
    divergence, f = FAMILY[name]
    log_r = jnp.log(RATIOS)
    np.testing.assert_allclose(divergence.f(log_r), f(RATIOS), rtol=1e-12, atol=1e-13)
    slope = jax.vmap(jax.grad(f))(RATIOS)
    np.testing.assert_allclose(divergence.slope(log_r), slope, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(divergence.conjugate(log_r), RATIOS * slope - f(RATIOS), rtol=1e-11, atol=1e-13)
    assert abs(float(divergence.f(jnp.array(0.0)))) + abs(float(divergence.slope(jnp.array(0.0)))) < 1e-15


@pytest.mark.parametrize("name", FAMILY)
def test_the_critic_is_a_lower_bound_that_is_tight_at_the_ratio(name):
    divergence, f = FAMILY[name]
    exact = float(jnp.sum(Q * f(P / Q)))
    data, drawn = sides()

    def bound(log_r):
        return -float(critic_loss(divergence, log_r, log_r, data.log_weight, drawn.log_weight))

    log_r = jnp.log(P / Q)
    np.testing.assert_allclose(bound(log_r), exact, rtol=1e-12)
    for seed in range(5):
        off = 0.5 * jax.random.normal(jax.random.key(seed), (4,))
        assert bound(log_r + off) < exact - 1e-4
    assert bound(-log_r) < exact - 0.1  # the broken twin: the ratio upside down


@pytest.mark.parametrize("name", FAMILY)
def test_density_aware_and_free_critics_vanish_at_their_own_optimum(name):
    """The density-aware energy is -log p up to log Z, whatever q is; the free critic is log p - log q."""
    divergence = FAMILY[name][0]
    data, drawn = sides()

    def aware(table):
        return FDivergenceLoss(divergence)(instances.density(lambda x: table[x], 0.7), data, drawn)[0]

    def free(table):
        return FreeFDivergenceLoss(divergence)(lambda x: table[x], data, drawn)[0]

    np.testing.assert_allclose(jax.grad(aware)(-jnp.log(P) - 0.7), 0.0, atol=1e-14)
    np.testing.assert_allclose(jax.grad(free)(jnp.log(P / Q)), 0.0, atol=1e-14)
    assert jnp.max(jnp.abs(jax.grad(free)(jnp.log(P)))) > 1e-2
    assert jnp.max(jnp.abs(jax.grad(aware)(-jnp.log(P / Q) - 0.7))) > 1e-2


def minimum(loss, start):
    """Where the derivative of a convex function of log Z vanishes, by bisection."""
    low, high = start - 30.0, start + 30.0
    slope = jax.jit(jax.grad(loss))
    for _ in range(70):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return low


def test_the_optimal_log_z_is_importance_acceptance_or_reciprocal():
    """D6: one loss, three estimators. Equal sides, so that the acceptance ratio's nu is one."""
    data, drawn = instances.two_sides(9, 9)
    cost = instances.energy()
    on_data, on_drawn = (-jax.vmap(cost)(side.x) - side.log_q for side in (data, drawn))
    wanted = {
        "kl": jax.nn.logsumexp(on_drawn) - jnp.log(9),
        "jensen-shannon": solve_log_z(on_data, on_drawn),
        "reverse kl": -(jax.nn.logsumexp(-on_data) - jnp.log(9)),
    }
    for name, log_z in wanted.items():
        loss = FDivergenceLoss(FAMILY[name][0])
        found = minimum(lambda b, loss=loss: loss(instances.density(cost, b), data, drawn)[0], float(log_z))
        np.testing.assert_allclose(found, log_z, atol=1e-9)
    assert np.ptp([float(each) for each in wanted.values()]) > 0.01


def test_its_members_are_the_other_losses():
    """Jensen-Shannon has the discriminator's gradient at nu = 1; KL, log Z at its optimum, has guided cost learning's."""
    data, drawn = instances.two_sides(9, 9)
    cost = instances.energy()
    js = instances.gradient(FDivergenceLoss(), cost, 0.3, data, drawn)
    np.testing.assert_allclose(js, instances.gradient(DiscriminatorLoss(), cost, 0.3, data, drawn), rtol=1e-10, atol=1e-13)
    on_drawn = -jax.vmap(cost)(drawn.x) - drawn.log_q
    log_z = jax.nn.logsumexp(on_drawn) - jnp.log(9)
    kl = instances.gradient(FDivergenceLoss(KL()), cost, log_z, data, drawn)
    np.testing.assert_allclose(kl, instances.gradient(GuidedCostLoss(), cost, log_z, data, drawn), rtol=1e-10, atol=1e-13)
    assert jnp.max(jnp.abs(kl - js)) > 1e-3


def test_nothing_is_formed_outside_log_space():
    """Ratios of e^900 leave Jensen-Shannon and its gradient finite."""
    log_r = jnp.array([900.0, -900.0])
    for function in (JensenShannon().slope, JensenShannon().conjugate):
        values, slopes = jax.vmap(jax.value_and_grad(function))(log_r)
        assert jnp.all(jnp.isfinite(values) & jnp.isfinite(slopes))
