"""Checkpoints of a pytree: its arrays go to the file of ``checkpoint_file``, and come back into a template of the same structure."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from triality.errors import StorageError
from triality.runs.checkpoint_file import StoredCheckpoint, StoredLeaf, read_leaves, write_leaves

Tree = TypeVar("Tree", bound=PyTree)


def write_checkpoint(path: str | PathLike[str], tree: PyTree, *, step: int, config: Mapping[str, Any]) -> None:
    """Replace ``path`` by a checkpoint of every array in ``tree``, all at once and verified (see ``atomic.replace_file``).

    Only arrays are stored, numpy's and jax's, typed random keys among them. Functions, Python numbers and other static leaves are
    part of the template that ``read_checkpoint`` is given.

    Args:
        path: the file, such as ``RunFolder.state_path``.
        tree: any pytree.
        step: number of steps done, kept for the reader.
        config: the run's configuration, kept with its hash.

    Raises:
        StorageError: an array of a type that is not stored (bfloat16), or a file that cannot be written; the old file then stays.
    """
    write_leaves(Path(path), leaves_of(tree), step=step, config=config)


def leaves_of(tree: PyTree) -> list[StoredLeaf]:
    """Every array of ``tree`` with its path, as a checkpoint holds it.

    Example:
        >>> [(leaf.path, leaf.array.tolist()) for leaf in leaves_of({"a": jnp.arange(2), "b": "no array"})]
        [("['a']", [0, 1])]
    """
    return [_stored(place, leaf) for place, leaf in jax.tree_util.tree_flatten_with_path(tree)[0] if eqx.is_array(leaf)]


def read_checkpoint(path: str | PathLike[str], like: Tree) -> Tree:
    """``like`` with every array replaced by the one that the checkpoint holds at the same path of the tree.

    Args:
        path: a file that ``write_checkpoint`` made.
        like: a tree of the same structure, shapes and types; its arrays may be ``jax.ShapeDtypeStruct`` (from ``eqx.filter_eval_shape``).

    Raises:
        StorageError: a damaged file, or a tree that differs; every difference is named.
    """
    return restored(read_leaves(Path(path)), like, str(path))


def restored(checkpoint: StoredCheckpoint, like: Tree, name: str, under: str = "") -> Tree:
    """The same of a checkpoint that has been read, or of the part of its tree ``under`` a path; ``name`` is told in errors.

    Raises:
        StorageError: a tree that differs; every difference is named.
    """
    stored = {leaf.path.removeprefix(under): leaf for leaf in checkpoint.leaves if leaf.path.startswith(under)}
    places, structure = jax.tree_util.tree_flatten_with_path(like)
    wanted = {jax.tree_util.keystr(place): leaf for place, leaf in places if _is_slot(leaf)}
    problems = [f"{place}: expected an array, got none in the file" for place in wanted if place not in stored]
    problems += [f"{place}: expected no array, got one in the file" for place in stored if place not in wanted]
    problems += [text for place in wanted if place in stored for text in _differences(stored[place], wanted[place])]
    if problems:
        listed = "\n  - ".join(problems)
        raise StorageError(f"{name}: expected the tree of this run, got another; use the configuration that wrote it\n  - {listed}")
    leaves = [_restored(stored[jax.tree_util.keystr(place)], leaf) if _is_slot(leaf) else leaf for place, leaf in places]
    return jax.tree.unflatten(structure, leaves)


def _is_slot(leaf: Any) -> bool:
    return eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _stored(place: tuple[Any, ...], leaf: Any) -> StoredLeaf:
    name = jax.tree_util.keystr(place)
    if _is_key(leaf):
        return StoredLeaf(name, np.asarray(jax.random.key_data(leaf)), str(jax.random.key_impl(leaf)))
    return StoredLeaf(name, np.asarray(leaf))


def _differences(stored: StoredLeaf, slot: Any) -> list[str]:
    found, wanted = _describe_stored(stored), f"{slot.dtype}{list(slot.shape)}"
    return [] if found == wanted else [f"{stored.path}: expected {wanted}, got {found}"]


def _describe_stored(stored: StoredLeaf) -> str:
    if stored.key_impl is None:
        return f"{stored.array.dtype}{list(stored.array.shape)}"
    try:
        key = jax.eval_shape(lambda: jax.random.wrap_key_data(jnp.asarray(stored.array), impl=stored.key_impl))
    except Exception:  # an unknown generator, or data that are no key of it
        return f"a key of '{stored.key_impl}' that cannot be read"
    return f"{key.dtype}{list(key.shape)}"


def _restored(stored: StoredLeaf, slot: Any) -> Any:
    if stored.key_impl is not None:
        return jax.random.wrap_key_data(jnp.asarray(stored.array), impl=stored.key_impl)
    if isinstance(slot, np.generic):
        return stored.array[()]
    if isinstance(slot, np.ndarray):
        return stored.array.copy()  # the file's buffer is read-only
    return jnp.asarray(stored.array)
