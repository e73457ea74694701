"""Algorithms that differ in numbers alone, as one: what a compiled program is mapped over beside its seeds.

Hyper-parameters are leaves, so that a learning rate is an argument of the program like any state. What is static, a count or a function,
is part of the program itself: two algorithms that differ there are two programs, and cannot be told as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.errors import ConfigError


class Settings(NamedTuple):
    """Several algorithms of one structure.

    Fields:
        varied: the algorithm's tree with a leading axis of settings at every leaf that is not the same in all, and nothing elsewhere.
        shared: the same tree with all other leaves, and nothing where ``varied`` has one.
    """

    varied: Any
    shared: Any

    def repeated(self, times: int) -> Settings:
        """Every setting so many times in a row: a row for each of its seeds."""
        return Settings(jax.tree.map(lambda leaf: jnp.repeat(leaf, times, axis=0), self.varied), self.shared)

    def of(self, row: int) -> Any:
        """One of the algorithms."""
        return eqx.combine(jax.tree.map(lambda leaf: leaf[row], self.varied), self.shared)


def one_setting(algorithm: Any) -> Settings:
    """Nothing varies: one algorithm for all rows.

    Example:
        >>> one_setting({"rate": jnp.array(0.5)}).of(3)["rate"].item()
        0.5
    """
    return Settings(*eqx.partition(algorithm, lambda leaf: False))


def settings_of(algorithms: Sequence[Any]) -> Settings:
    """The algorithms as one, in their order.

    Raises:
        ConfigError: they differ in more than the values of arrays.

    Example:
        >>> settings = settings_of([{"rate": jnp.array(0.5), "clip": jnp.array(2.0)}, {"rate": jnp.array(0.25), "clip": jnp.array(2.0)}])
        >>> settings.varied["rate"].tolist(), settings.varied["clip"], settings.shared["clip"].item()
        ([0.5, 0.25], None, 2.0)
    """
    if not differ_in_numbers_alone(algorithms):
        raise ConfigError(
            f"expected algorithms that differ in the values of their arrays alone, got {len(algorithms)} that differ in more; run each "
            "by itself"
        )
    leaves, structure = jax.tree.flatten(algorithms[0])
    columns = [leaves, *(jax.tree.leaves(each) for each in algorithms[1:])]
    pairs = [_stacked(column) for column in zip(*columns, strict=True)]
    if not pairs:
        return one_setting(algorithms[0])
    varied, shared = (jax.tree.unflatten(structure, side) for side in zip(*pairs, strict=True))
    return Settings(varied, shared)


def differ_in_numbers_alone(algorithms: Sequence[Any]) -> bool:
    """Whether all have one structure, static parts included, and arrays of the same shapes and types.

    Example:
        >>> differ_in_numbers_alone([{"rate": jnp.array(0.5)}, {"rate": jnp.array(0.25)}])
        True
        >>> differ_in_numbers_alone([{"rate": jnp.array(0.5)}, {"rate": jnp.zeros(2)}])
        False
    """
    first = algorithms[0]
    return all(
        jax.tree.structure(each) == jax.tree.structure(first)
        and all(_can_be_stacked(a, b) for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(each), strict=True))
        for each in algorithms[1:]
    )


def are_equal(algorithms: Sequence[Any]) -> bool:
    """Whether they do not differ at all, and so what was varied has no part in them."""
    leaves = [jax.tree.leaves(each) for each in algorithms]
    return all(_is_same(column[0], other) for column in zip(*leaves, strict=True) for other in column[1:])


def _stacked(column: Sequence[Any]) -> tuple[Any, Any]:
    if all(_is_same(column[0], other) for other in column[1:]):
        return None, column[0]
    return jnp.stack([jnp.asarray(each) for each in column]), None


def _can_be_stacked(a: Any, b: Any) -> bool:
    if eqx.is_array(a) and eqx.is_array(b):
        return a.shape == b.shape and a.dtype == b.dtype
    return _is_same(a, b)


def _is_same(a: Any, b: Any) -> bool:
    if eqx.is_array(a) and eqx.is_array(b):
        if a is b:
            return True
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        values = [jax.random.key_data(each) if jnp.issubdtype(each.dtype, jax.dtypes.prng_key) else each for each in (a, b)]
        return bool(np.array_equal(np.asarray(values[0]), np.asarray(values[1])))
    return not eqx.is_array(a) and not eqx.is_array(b) and (a is b or bool(a == b))
