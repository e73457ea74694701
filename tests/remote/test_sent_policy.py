"""A policy that was sent is the policy: the same log-probabilities in numpy as in jax, draws and their densities together."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.export.cases import BOX, HIDDEN, POLICIES, SCALING, actions, make, observations
from triality.errors import ConfigError
from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.remote.sending import sent
from triality.remote.sent_policy import Label

LABEL = Label(0, 4)


def in_jax(policy, x, u):
    return np.asarray(jax.jit(jax.vmap(lambda x, u: policy(x).log_prob(u)))(x, u))


def narrow(policy):
    return jax.tree.map(lambda leaf: leaf.astype(np.float32) if eqx.is_inexact_array(leaf) else leaf, policy)


def broad(maker, spec):
    """As it begins, near enough: scales of order one, means that differ."""
    made = maker(jax.random.key(2), spec, SCALING, HIDDEN)
    return jax.tree.map(lambda leaf: leaf + 0.2 * jax.random.normal(jax.random.key(3), leaf.shape) if leaf.ndim == 2 else leaf, made)


@pytest.fixture(scope="module", params=POLICIES)
def case(request):
    maker, spec = POLICIES[request.param]
    return make(maker, spec), spec


def test_log_probabilities_are_those_of_jax(case):
    policy, spec = case
    x, u = observations(), actions(spec)
    there, here = sent(policy, spec, LABEL).law().log_prob(x, u), in_jax(policy, x, u)
    np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["squashed", "gaussian", "categorical", "until over"])
def test_single_precision_too(name):
    """Of broad policies and away from the bounds of the box: a narrow one, or the squash turned back, multiplies the last digit."""
    policy, spec = narrow(broad(*POLICIES[name])), POLICIES[name][1]
    x, u = observations().astype(np.float32), actions(spec)
    if not spec.is_discrete:
        u = (np.mean([spec.action_low, spec.action_high], axis=0) + 0.3 * np.sin(np.arange(22.0)).reshape(11, 2)).astype(np.float32)
    on_its_way = sent(policy, spec, LABEL)
    there, here = on_its_way.law().log_prob(x, u), in_jax(policy, x, u)
    assert on_its_way.dtype == there.dtype == np.float32
    np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-6)


def test_a_draw_has_its_own_density(case):
    """Of the draw itself, beside that of jax, which inverts the squash; and it is the draw that ``sample`` gives."""
    policy, spec = case
    law, x = sent(policy, spec, LABEL).law(), np.repeat(observations(), 20, axis=0)
    u, log_prob = law.sample_and_log_prob(x, np.random.default_rng(3))
    np.testing.assert_array_equal(u, law.sample(x, np.random.default_rng(3)))
    inside = np.ones(len(x), bool)
    if not spec.is_discrete:
        scaled = (u - np.mean([spec.action_low, spec.action_high], axis=0)) / (np.subtract(spec.action_high, spec.action_low) / 2)
        inside = np.all(np.abs(scaled) < 1 - 1e-4, axis=1) | (np.abs(scaled) > 1).any(axis=1)
    assert inside.mean() > 0.2
    np.testing.assert_allclose(log_prob[inside], in_jax(policy, x, u)[inside], rtol=1e-8, atol=1e-8)
    other = narrow(make(POLICIES["squashed"][0], BOX)) if spec is BOX else None
    if other is not None and type(policy).__name__ == "GaussianPolicy":
        assert np.abs(log_prob - in_jax(other, x, u)).max() > 0.1, "the density without the squash is another one"


def test_the_comparison_can_fail():
    """The twin: a policy that was sent without its scaling of observations."""
    policy = make(squashed_gaussian_policy, BOX)
    on_its_way = sent(policy, BOX, LABEL)
    forgetful = on_its_way._replace(arrays=on_its_way.arrays | {"scaling.mean": np.zeros(3), "scaling.scale": np.ones(3)})
    x, u = observations(), actions(BOX)
    assert np.abs(forgetful.law().log_prob(x, u) - in_jax(policy, x, u)).max() > 0.1


def test_what_has_no_numpy_form_is_refused():
    with pytest.raises(ConfigError, match="got OneHotTabularPolicy"):
        sent(OneHotTabularPolicy(jnp.zeros((2, 2))), BOX, LABEL)
