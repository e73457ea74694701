"""Laws that every target in the plane is held to, by quadrature over its box."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from triality.sampler import draw

NUM_DRAWS, BLOCKS = 20_000, 20


@eqx.filter_jit
def _densities(target, low, high, num_cells):
    x = [low[i] + (high[i] - low[i]) * (jnp.arange(num_cells) + 0.5) / num_cells for i in range(2)]
    points = jnp.stack(jnp.meshgrid(*x, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.exp(jax.lax.map(target.log_prob, points, batch_size=5000)).reshape(num_cells, num_cells)


def block_masses(target, num_cells=600):
    """Mass of each of 20 x 20 blocks of the box, by the midpoint rule; their sum is the whole."""
    low, high = target.box
    area = float(jnp.prod((high - low) / num_cells))
    values = np.asarray(_densities(target, low, high, num_cells))
    return area * values.reshape(BLOCKS, num_cells // BLOCKS, BLOCKS, num_cells // BLOCKS).sum(axis=(1, 3))


@eqx.filter_jit
def drawn_by(target, seed=7):
    samples = draw(target, jax.random.key(seed), NUM_DRAWS)
    return samples.x, samples.log_q, jax.vmap(target.log_prob)(samples.x)


def goodness_of_fit(x, target, masses):
    """p-value of the counts in the blocks; blocks with fewer than ten expected draws are pooled."""
    edges = [np.linspace(float(a), float(b), BLOCKS + 1) for a, b in zip(*target.box, strict=True)]
    counts = np.histogram2d(np.asarray(x)[:, 0], np.asarray(x)[:, 1], bins=edges)[0]
    expected = NUM_DRAWS * masses
    rare = expected < 10
    rest = max(NUM_DRAWS - expected[~rare].sum(), 1.0)
    counts = np.append(counts[~rare], NUM_DRAWS - counts[~rare].sum())
    expected = np.append(expected[~rare], rest)
    return stats.chi2.sf(np.sum((counts - expected) ** 2 / expected), len(counts) - 1)
