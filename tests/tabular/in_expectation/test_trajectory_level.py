"""Paper 5.4 and 7.3 over whole trajectories, by enumeration: the optimal energy does not depend on the generator, GAIL's does."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from triality.judging import pearson_distance
from triality.tabular import TabularEnergy, enumerate_trajectories
from triality.tabular.in_expectation.descent import descend
from triality.tabular.trajectories import policy_log_prob
from triality.tabular.worlds import random_mdp

MDP = random_mdp(jax.random.key(60), 3, 2, 1, horizon=4)
COST = jax.random.normal(jax.random.key(61), (3, 2))
GENERATORS = [
    jax.nn.log_softmax(scale * jax.random.normal(jax.random.key(62 + i), (4, 3, 2))) for i, scale in enumerate((0.1, 0.5, 1, 1.5, 2))
]


class Discriminator(eqx.Module):
    """The exact loss as a function of costs (S, A) and one log Z, flat: s = -c(tau) - log Z - weight log q."""

    counts: Float[Array, "n pairs"]
    log_p: Float[Array, " n"]
    log_q: Float[Array, " n"]
    base: Float[Array, " n"]
    density_weight: Float[Array, ""]

    def __call__(self, parameters: Float[Array, " pairs_plus_1"]) -> Float[Array, ""]:
        log_odds = -self.counts @ parameters[:-1] - parameters[-1] - self.density_weight * self.log_q
        expert, drawn = jnp.exp(self.log_p + self.base), jnp.exp(self.log_q + self.base)
        return -expert @ jax.nn.log_sigmoid(log_odds) - drawn @ jax.nn.log_sigmoid(-log_odds)


@pytest.fixture(scope="module")
def learned():
    """Energies of every trajectory by generator: density-aware, and free; and the truth, with log Z in it."""
    space = enumerate_trajectories(MDP)
    pairs = jnp.eye(6).reshape(6, 3, 2)
    counts = jax.vmap(lambda table: space.energies(TabularEnergy(table)))(pairs).T
    log_p = space.log_prob(TabularEnergy(COST))
    found = {1.0: [], 0.0: []}
    for policy in GENERATORS:
        log_q = policy_log_prob(policy, space.points)
        for weight, energies in found.items():
            loss = Discriminator(counts, log_p, log_q, space.log_base, jnp.array(weight))
            best = descend(loss, jnp.zeros(7), tolerance=1e-9)
            energies.append(np.asarray(counts @ best.table[:-1] + best.table[-1]))
    return found, np.asarray(-log_p), np.exp(np.asarray(log_p + space.log_base))


def test_the_density_aware_energy_is_the_same_for_five_generators_and_normalized(learned):
    found, truth, _ = learned
    for energy in found[1.0]:
        np.testing.assert_allclose(energy, truth, atol=1e-5)  # log Z included: it is learned exactly


def test_without_the_density_every_generator_leaves_another(learned):
    found, truth, law = learned
    apart = [pearson_distance(found[0.0][i], found[0.0][j], law) for i in range(5) for j in range(i)]
    assert min(apart) > 0.02
    assert max(pearson_distance(each, truth, law) for each in found[0.0]) > 0.1
    assert max(pearson_distance(found[1.0][i], found[1.0][j], law) for i in range(5) for j in range(i)) < 1e-5
