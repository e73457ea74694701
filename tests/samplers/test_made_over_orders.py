"""MADE over orders: the mean over orders is a density, each order sees what comes before in it, and training reaches every conditional."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError
from triality.objectives.generator_loss import InOrder, Likelihood, OrderAgnostic
from triality.partition.exact import binary_vectors
from triality.sampler import Samples
from triality.samplers.autoregressive.made_over_orders import made_over_orders

DIM = 4


@pytest.fixture(scope="module")
def q():
    begun = made_over_orders(jax.random.key(0), DIM, (9, 6), num_orders=3)
    leaves, structure = jax.tree.flatten(eqx.filter(begun, eqx.is_inexact_array))
    keys = jax.random.split(jax.random.key(1), len(leaves))
    moved = [leaf + 0.7 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, moved), begun)


def test_every_order_is_a_density_of_its_own_and_the_generator_is_their_mean(q):
    x = binary_vectors(DIM)
    each = jnp.stack([jax.vmap(InOrder(q, order).log_prob)(x) for order in q.orders])
    np.testing.assert_allclose(jax.nn.logsumexp(each, axis=1), 0.0, atol=1e-12)
    assert float(jnp.max(jnp.abs(each[0] - each[1]))) > 0.1  # orders differ
    np.testing.assert_allclose(jnp.exp(jax.vmap(q.log_prob)(x)), jnp.mean(jnp.exp(each), axis=0), rtol=1e-12)


def test_a_coordinate_sees_those_before_it_in_the_order(q):
    order = jnp.array([2, 0, 3, 1])
    ranks = jnp.argsort(order) + 1
    x = jnp.array([1, 0, 0, 1])
    before = q.conditionals.logits(x, ranks)
    for j in range(DIM):
        moved = jnp.any(q.conditionals.logits(x.at[j].set(1 - x[j]), ranks) != before, axis=1)
        np.testing.assert_array_equal(moved, ranks > ranks[j])


def test_what_is_not_seen_does_not_look_like_a_zero(q):
    """The first coordinate of an order has no input; the conditional of the second moves whichever value the first takes."""
    order = jnp.array([2, 0, 3, 1])
    out = [q.conditionals.net(jnp.zeros((DIM, 2)).at[2].set(value), jnp.argsort(order) + 1)[0] for value in jnp.eye(2)]
    unseen = q.conditionals.net(jnp.zeros((DIM, 2)), jnp.argsort(order) + 1)[0]
    assert all(float(jnp.max(jnp.abs(seen - unseen))) > 1e-3 for seen in out)


def test_the_order_agnostic_loss_is_the_mean_over_orders_and_bounds_the_likelihood(q):
    data = Samples.unweighted(binary_vectors(DIM)[jnp.array([3, 9, 9, 14])], jnp.zeros(4))
    loss = np.asarray(jax.jit(jax.vmap(lambda key: OrderAgnostic()(key, q, data, jnp.array(0))))(jax.random.split(jax.random.key(2), 2000)))
    every = jnp.array(list(itertools.permutations(range(DIM))))
    each = np.asarray(jax.vmap(lambda order: -jnp.mean(jax.vmap(InOrder(q, order).log_prob)(data.x)))(every))
    assert np.all(np.min(np.abs(loss[:, None] - each), axis=1) < 1e-9)
    assert abs(loss.mean() - each.mean()) < 4 * each.std() / np.sqrt(len(loss))
    own = jnp.mean(jnp.stack([-jax.vmap(InOrder(q, order).log_prob)(data.x) for order in q.orders]))
    assert (
        float(own) > float(Likelihood()(jax.random.key(0), q, data, jnp.array(0))) + 1e-3
    )  # Jensen: the bound is strict where orders differ


def test_no_order_is_refused():
    with pytest.raises(ConfigError, match="expected at least one order"):
        made_over_orders(jax.random.key(0), 3, num_orders=0)
