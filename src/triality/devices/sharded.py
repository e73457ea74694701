"""An algorithm on a mesh of devices: the same program with the same numbers, its batches spread over the devices.

    step, on every device:
        policy, cost, optimizers, data are whole
        roll-outs are drawn, each device some of them                       no communication: keys are split, not shared
        sums over samples: log Z, losses, gradients                         all-reduce, the size of what is summed
        the batch is gathered, so that any minibatch can be drawn of it     all-gather, the size of the batch, once
        minibatches are spread again, their gradients summed                all-reduce, the size of the parameters, each
        what comes out is whole

The program is written as for one device, of all samples (a global view); who computes what is said by ``placement.spread`` where a batch
is made. Sums are taken in another order than on one device, so that numbers differ by rounding, and by nothing else.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree


class Sharded(eqx.Module):
    """``algorithm`` on ``mesh``; has the methods that the algorithm has, for the inside of ``jax.jit``.

    Args:
        algorithm: anything that ``run`` takes.
        mesh: as ``data_mesh`` makes it.

    Example:
        >>> import jax.numpy as jnp
        >>> from triality.algorithms.likelihood_learning import LikelihoodLearning
        >>> from triality.algorithms.minibatch import DataSet
        >>> from triality.devices.mesh import data_mesh
        >>> from triality.run import run
        >>> from triality.samplers.gaussian import Gaussian
        >>> learning = LikelihoodLearning(DataSet(1.0 + jax.random.normal(jax.random.key(0), (64, 1))), batch_size=8)
        >>> state = learning.init(jax.random.key(1), Gaussian(jnp.zeros(1), jnp.zeros(1)))
        >>> ends = [jax.jit(lambda s, a=a: run(a, s, 1, 5)[0])(state) for a in (learning, Sharded(learning, data_mesh(1)))]
        >>> bool(jnp.allclose(ends[0].sampler.mean, ends[1].sampler.mean))
        True
    """

    algorithm: Any
    mesh: Mesh = eqx.field(static=True)

    def init(self, *given: Any) -> Any:
        """The algorithm's first state, whole."""
        with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
            return self._whole(self.algorithm.init(*given))

    def step(self, state: Any) -> tuple[Any, PyTree]:
        """One step."""
        with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
            return self._whole(self.algorithm.step(self._whole(state)))

    def collect(self, key: Any, state: Any) -> Any:
        """The roll-outs of one iteration."""
        with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
            return self._whole(self.algorithm.collect(key, self._whole(state)))

    def update(self, state: Any, *given: Any) -> tuple[Any, PyTree]:
        """What a step does with the roll-outs that it is ``given``."""
        with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
            return self._whole(self.algorithm.update(self._whole(state), *self._whole(given)))

    def _whole(self, tree: Any) -> Any:
        """Names the devices too, which the wishes of ``placement`` do not."""
        everywhere = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(lambda leaf: jax.lax.with_sharding_constraint(leaf, everywhere) if eqx.is_array(leaf) else leaf, tree)
