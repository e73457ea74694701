"""Policies: densities that are right in the environment's own units, gradients, scaling that is frozen, tables."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from triality.policies.categorical import TabularPolicy, categorical_policy
from triality.policies.gaussian import LOG_SCALE_RANGE, bounded, gaussian_policy, squashed_gaussian_policy
from triality.policies.scaling import fit_scaling, identity_scaling
from triality.sampler import draw
from triality.specs import SPECS, EnvironmentSpec

BOX = EnvironmentSpec("Box", 3, action_size=2, action_low=(-2.0, 0.0), action_high=(2.0, 0.5))
SCALING = fit_scaling(jnp.array([[0.0, 5.0, -1.0], [2.0, 5.0, 3.0], [4.0, 5.0, 1.0]]))
OBSERVATION = jnp.array([1.0, 5.0, 2.0])


def moved(policy):
    """The policy with other parameters than its nearly uniform first ones; box and scaling are leaves too and stay."""
    frozen = {id(leaf) for leaf in jax.tree.leaves((policy.scaling, getattr(policy, "center", ()), getattr(policy, "half_width", ())))}
    keys = iter(jax.random.split(jax.random.key(7), 100))
    return jax.tree.map(lambda leaf: leaf if id(leaf) in frozen else leaf + 0.2 * jax.random.normal(next(keys), leaf.shape), policy)


BUILDERS = {
    "squashed": lambda state_scale: squashed_gaussian_policy(jax.random.key(0), BOX, SCALING, (8,), state_scale),
    "unsquashed": lambda state_scale: gaussian_policy(jax.random.key(0), BOX, SCALING, (8,), state_scale),
}


@pytest.mark.parametrize("state_scale", [True, False])
@pytest.mark.parametrize("name", BUILDERS)
def test_draws_follow_the_density_in_the_box_units(name, state_scale):
    """By the probability integral transform, coordinate by coordinate, from scipy's own Gaussian."""
    q = moved(BUILDERS[name](state_scale))(OBSERVATION)
    base = q.base if name == "squashed" else q
    samples = jax.jit(lambda: draw(q, jax.random.key(1), 4000))()
    x = np.asarray(samples.x)
    u = np.arctanh((x - np.asarray(q.center)) / np.asarray(q.half_width)) if name == "squashed" else x
    for i in range(2):
        uniform = stats.norm.cdf(u[:, i], base.mean[i], np.exp(base.log_scale[i]))
        assert stats.kstest(uniform, "uniform").pvalue > 1e-6
        assert stats.kstest(uniform**1.2, "uniform").pvalue < 1e-6
    np.testing.assert_allclose(samples.log_q, jax.vmap(q.log_prob)(samples.x), atol=1e-8)


@pytest.mark.parametrize("name", BUILDERS)
def test_scale_depends_on_the_observation_only_where_asked(name):
    for state_scale in (True, False):
        policy = moved(BUILDERS[name](state_scale))
        scales = []
        for observation in (OBSERVATION, OBSERVATION + 1.0):
            q = policy(observation)
            scales.append((q.base if name == "squashed" else q).log_scale)
        assert bool(jnp.any(scales[0] != scales[1])) == state_scale


@pytest.mark.parametrize(("name", "stay"), [("squashed", True), ("unsquashed", False)])
def test_broad_squashed_actions_stay_in_the_box_and_unsquashed_ones_do_not(name, stay):
    policy = eqx.tree_at(lambda policy: policy.log_scale.raw, BUILDERS[name](False), jnp.ones(2))
    x = draw(policy(OBSERVATION), jax.random.key(0), 2000).x
    inside = jnp.all((x > jnp.array(BOX.action_low)) & (x < jnp.array(BOX.action_high)))
    assert bool(inside) == stay


@pytest.mark.parametrize("name", BUILDERS)
def test_broad_and_centered_at_first(name):
    q = BUILDERS[name](True)(OBSERVATION)
    center, half_width = jnp.array([0.0, 0.25]), jnp.array([2.0, 0.25])
    assert jnp.all(jnp.abs(q.mode - center) < 0.05 * half_width)
    x = draw(q, jax.random.key(0), 2000).x
    assert jnp.all(jnp.std(x, axis=0) > 0.15 * half_width)


def test_log_scale_is_bounded_with_a_gradient_everywhere():
    raw = jnp.linspace(-4.0, 4.0, 41)
    assert jnp.all((bounded(raw) > LOG_SCALE_RANGE[0]) & (bounded(raw) < LOG_SCALE_RANGE[1]))
    assert jnp.all(jax.vmap(jax.grad(lambda r: bounded(r[None])[0]))(raw) > 1e-3)


@pytest.mark.parametrize("name", [*BUILDERS, "categorical"])
def test_gradient_reaches_the_networks_and_neither_box_nor_scaling(name):
    if name == "categorical":
        policy, action = moved(categorical_policy(jax.random.key(0), SPECS["Acrobot-v1"], identity_scaling(6), (8,))), jnp.array(2)
        observation = jnp.linspace(-1.0, 1.0, 6)
    else:
        policy, action, observation = moved(BUILDERS[name](True)), jnp.array([0.3, 0.2]), OBSERVATION
    gradient = eqx.filter_grad(lambda policy: policy(observation).log_prob(action))(policy)
    frozen = (gradient.scaling, getattr(gradient, "center", jnp.zeros(1)), getattr(gradient, "half_width", jnp.zeros(1)))
    assert all(jnp.all(leaf == 0) for leaf in jax.tree.leaves(frozen))
    nets = [gradient.net] if name == "categorical" else [gradient.mean, gradient.log_scale]
    assert all(jnp.any(leaf != 0) for leaf in jax.tree.leaves(nets))


@pytest.mark.parametrize("name", BUILDERS)
def test_gradient_of_log_prob_against_finite_differences(name):
    policy = moved(BUILDERS[name](True))
    action = jnp.array([0.3, 0.2])
    gradient = eqx.filter_grad(lambda policy: policy(OBSERVATION).log_prob(action))(policy)
    where = lambda policy: policy.mean.weights[0]  # noqa: E731
    step = jnp.zeros_like(where(policy)).at[0, 0].set(1e-6)
    up, down = (eqx.tree_at(where, policy, where(policy) + sign * step)(OBSERVATION).log_prob(action) for sign in (1, -1))
    np.testing.assert_allclose(where(gradient)[0, 0], (up - down) / 2e-6, rtol=1e-6)


def test_categorical_policy_is_a_density_over_the_actions():
    policy = moved(categorical_policy(jax.random.key(0), SPECS["Acrobot-v1"], identity_scaling(6), (8,)))
    q = policy(jnp.linspace(-1.0, 1.0, 6))
    np.testing.assert_allclose(jnp.sum(jnp.exp(jax.vmap(q.log_prob)(jnp.arange(3)))), 1.0, rtol=1e-14)
    first = categorical_policy(jax.random.key(0), SPECS["Acrobot-v1"], identity_scaling(6), (8,))
    np.testing.assert_allclose(jax.nn.softmax(first(jnp.ones(6)).logits), 1 / 3, atol=0.02)


def test_tabular_policy_reads_its_row():
    logits = jnp.array([[0.0, 1.0], [2.0, -1.0], [0.3, 0.3]])
    policy = TabularPolicy(logits)
    for state in range(3):
        wanted = np.exp(logits[state]) / np.exp(logits[state]).sum()
        np.testing.assert_allclose([np.exp(policy(jnp.array(state)).log_prob(jnp.array(a))) for a in (0, 1)], wanted, rtol=1e-14)
    gradient = jax.grad(lambda policy: policy(jnp.array(1)).log_prob(jnp.array(0)))(policy).logits
    np.testing.assert_array_equal(gradient[jnp.array([0, 2])], 0.0)
    np.testing.assert_allclose(gradient[1], np.array([1.0, 0.0]) - jax.nn.softmax(logits[1]), rtol=1e-12)


def test_scaling_centers_and_leaves_still_coordinates_alone():
    np.testing.assert_allclose(SCALING.mean, [2.0, 5.0, 1.0])
    np.testing.assert_allclose(SCALING.scale, [np.sqrt(8 / 3), 1.0, np.sqrt(8 / 3)], rtol=1e-14)
    np.testing.assert_allclose(SCALING(jnp.array([2.0, 6.0, 1.0])), [0.0, 1.0, 0.0], atol=1e-15)
    np.testing.assert_array_equal(identity_scaling(3)(OBSERVATION), OBSERVATION)


def test_scaling_is_never_trained():
    gradient = jax.grad(lambda scaling: jnp.sum(scaling(OBSERVATION) ** 2))(SCALING)
    assert all(jnp.all(leaf == 0) for leaf in jax.tree.leaves(gradient))
    by_observation = jax.grad(lambda observation: jnp.sum(SCALING(observation) ** 2))(OBSERVATION)
    assert jnp.any(by_observation != 0)
