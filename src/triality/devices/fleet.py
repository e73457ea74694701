"""On what a run computes: one device, several of one process, or those of several processes. What differs between them, and no more.

Where there are several devices, one of two things is split. **The seeds**, if the devices divide them: each runs its own from beginning to
end and nothing is communicated. Else **the batches** of every seed: see ``sharded``. Seeds first, since their efficiency has no limit but
their number; batches for one seed that should be faster, and where there are more devices than seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

from jax.sharding import Mesh, PartitionSpec
from jaxtyping import PyTree

from triality.devices.moving import to_here, to_mesh
from triality.devices.seeds import spread_over_seeds
from triality.devices.sharded import Sharded
from triality.reduction import DATA
from triality.run import over_seeds, over_settings
from triality.settings import Settings, one_setting

Tree = TypeVar("Tree", bound=PyTree)


@runtime_checkable
class Fleet(Protocol):
    """See the module. ``num_seeds`` is how many run side by side in one program."""

    def shared(self, algorithm: Any, num_seeds: int = 1) -> Any:
        """The algorithm as it runs there."""
        ...

    def over_seeds(self, function: Callable[..., Any], num_seeds: int) -> Callable[..., Any]:
        """As ``run.over_seeds``."""
        ...

    def settings(self, settings: Settings, num_rows: int) -> Settings:
        """Of the rows of a run, as they run there."""
        ...

    def over_settings(self, function: Callable[..., Any], num_rows: int, at_once: int | None = None) -> Callable[..., Any]:
        """As ``run.over_settings``."""
        ...

    def placed(self, tree: Tree, num_seeds: int = 1) -> Tree:
        """Where programs take it from: states with a leading axis of the seeds, if there are several."""
        ...

    def here(self, tree: Tree) -> Tree:
        """What came out of a program, for the host."""
        ...


class OneDevice:
    """The device that jax takes by itself.

    Example:
        >>> import jax.numpy as jnp
        >>> program = OneDevice().over_seeds(lambda rate, state: rate * state, 2)
        >>> program(0.5, jnp.array([4.0, 8.0])).tolist()
        [2.0, 4.0]
    """

    def shared(self, algorithm: Any, num_seeds: int = 1) -> Any:
        del num_seeds
        return algorithm

    def over_seeds(self, function: Callable[..., Any], num_seeds: int) -> Callable[..., Any]:
        del num_seeds
        return over_seeds(function)

    def settings(self, settings: Settings, num_rows: int) -> Settings:
        del num_rows
        return settings

    def over_settings(self, function: Callable[..., Any], num_rows: int, at_once: int | None = None) -> Callable[..., Any]:
        del num_rows
        return over_settings(function, at_once)

    def placed(self, tree: Tree, num_seeds: int = 1) -> Tree:
        del num_seeds
        return tree

    def here(self, tree: Tree) -> Tree:
        return tree


class SeveralDevices:
    """The devices of a mesh, of this process or of several.

    Args:
        mesh: as ``data_mesh`` makes it.

    Example:
        >>> from triality.devices.mesh import data_mesh
        >>> import jax.numpy as jnp
        >>> fleet = SeveralDevices(data_mesh(1))
        >>> program = fleet.over_seeds(lambda rate, state: state - rate * state, 2)
        >>> fleet.here(program(fleet.placed(0.5), fleet.placed(jnp.array([4.0, 8.0]), 2))).tolist()
        [2.0, 4.0]
    """

    def __init__(self, mesh: Mesh):
        self.mesh = mesh

    def shared(self, algorithm: Any, num_seeds: int = 1) -> Any:
        return algorithm if self._splits_seeds(num_seeds) else Sharded(algorithm, self.mesh)

    def over_seeds(self, function: Callable[..., Any], num_seeds: int) -> Callable[..., Any]:
        return spread_over_seeds(self.mesh, function) if self._splits_seeds(num_seeds) else over_seeds(function)

    def settings(self, settings: Settings, num_rows: int) -> Settings:
        """Of rows that all have one algorithm: what varies is for one device."""
        return one_setting(self.shared(settings.of(0), num_rows))

    def over_settings(self, function: Callable[..., Any], num_rows: int, at_once: int | None = None) -> Callable[..., Any]:
        """All rows at once: the devices are there to make room for them."""
        del at_once
        program = self.over_seeds(function, num_rows)
        return lambda settings, states: program(settings.of(0), states)

    def placed(self, tree: Tree, num_seeds: int = 1) -> Tree:
        return to_mesh(tree, self.mesh, PartitionSpec(DATA) if self._splits_seeds(num_seeds) else PartitionSpec())

    def here(self, tree: Tree) -> Tree:
        return to_here(tree, self.mesh)

    def _splits_seeds(self, num_seeds: int) -> bool:
        """A single device holds all seeds either way."""
        return self.mesh.size > 1 and num_seeds % self.mesh.size == 0
