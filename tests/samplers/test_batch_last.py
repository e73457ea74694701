"""The batch on the last axis changes nothing but speed: values, derivatives, and both kinds of vmap."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.samplers.batch_last import batch_last
from triality.samplers.flow import inverse_autoregressive_flow, masked_autoregressive_flow


@pytest.fixture(scope="module", params=[masked_autoregressive_flow, inverse_autoregressive_flow])
def flow(request):
    begun = request.param(jax.random.key(0), 4, 2, (7, 5))
    leaves, structure = jax.tree.flatten(eqx.filter(begun, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [leaf + 0.3 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), begun)


def test_a_batch_is_its_samples_one_by_one(flow):
    keys = jax.random.split(jax.random.key(2), 6)
    x, log_q = eqx.filter_jit(jax.vmap(flow.sample_and_log_prob))(keys)
    one = eqx.filter_jit(flow.sample_and_log_prob)
    for i, key in enumerate(keys):
        alone = one(key)
        np.testing.assert_allclose(x[i], alone[0], rtol=1e-12)
        np.testing.assert_allclose(log_q[i], alone[1], rtol=1e-12)
    np.testing.assert_allclose(jax.vmap(flow.log_prob)(x), log_q, rtol=1e-10)


def test_inverse_and_log_determinant_against_differentiation(flow):
    z = jnp.array([0.3, -1.2, 0.8, 0.1])
    x, log_det = flow.transform_and_log_det(z)
    back, log_det_back = flow.inverse_and_log_det(x)
    np.testing.assert_allclose(back, z, atol=1e-12)
    np.testing.assert_allclose(log_det, -log_det_back, atol=1e-12)
    jacobian = jax.jacfwd(lambda z: flow.transform_and_log_det(z)[0])(z)
    np.testing.assert_allclose(log_det, jnp.linalg.slogdet(jacobian)[1], rtol=1e-10)


def test_gradients_pass_a_batch_of_draws(flow):
    """Against finite differences, through vmap inside grad and grad inside vmap, and over two sets of parameters at once."""
    keys = jax.random.split(jax.random.key(3), 5)

    def value(flow):
        x, log_q = jax.vmap(flow.sample_and_log_prob)(keys)
        return jnp.mean(jnp.sin(x[:, 0]) + x[:, 3] ** 2 + 0.1 * log_q)

    gradient = eqx.filter_jit(eqx.filter_grad(value))(flow)
    arrays, rest = eqx.partition(flow, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(arrays)
    direction = [jax.random.normal(jax.random.key(i), leaf.shape) for i, leaf in enumerate(leaves)]

    def along(step):
        moved = [leaf + step * each for leaf, each in zip(leaves, direction, strict=True)]
        return value(eqx.combine(jax.tree.unflatten(structure, moved), rest))

    slope = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), direction, strict=True))
    np.testing.assert_allclose(slope, (along(1e-5) - along(-1e-5)) / 2e-5, rtol=1e-6)
    pair = jax.tree.map(lambda leaf: jnp.stack([leaf, 1.1 * leaf]), arrays)
    both = eqx.filter_jit(eqx.filter_vmap(lambda arrays: value(eqx.combine(arrays, rest))))(pair)
    np.testing.assert_allclose(both[0], value(flow), rtol=1e-10)
    assert abs(float(both[1] - both[0])) > 1e-6


def test_the_batch_is_whole_only_where_the_parameters_are_one():
    shapes = []

    def scaled(scale, x):
        shapes.append(x.shape)
        return scale * x, jnp.sum(scale * x, axis=0)

    x = jnp.arange(6.0).reshape(2, 3)
    jax.vmap(lambda x: batch_last(scaled)(jnp.array(2.0), x))(x)
    assert shapes[-1] == (3, 2)
    y, _ = jax.vmap(batch_last(scaled))(jnp.array([1.0, 10.0]), x)
    assert shapes[-1] == (3,)
    np.testing.assert_array_equal(y, x * jnp.array([[1.0], [10.0]]))
