"""What a claim is before it is measured (``Statement``) and after (``Claim``), and the two distances that residuals are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree


@dataclass(frozen=True)
class Statement:
    """A claim of the paper, or a deliberately broken twin of one (a control), and how to measure it on one random instance.

    Args:
        id: short name, unique among the statements: "fact 2".
        section: where it is listed: "2", "3", "4" or "controls".
        place: where it stands in the paper.
        text: what is claimed, in one line.
        measure: instance -> residual. A jax function: many draws are measured at once, under ``vmap``.
        bound: a claim holds where no draw's residual exceeds it; a control works where every draw's residual does.
        spaces: names of the spaces on which it is measured.
        erratum: label of the correction to the printed formula, "" where it holds as printed.
        breaks: id of the claim that a control breaks; "" for a claim.
    """

    id: str
    section: str
    place: str
    text: str
    measure: Callable[[PyTree], Float[Array, ""]]
    bound: float
    spaces: tuple[str, ...]
    erratum: str = ""
    breaks: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement, measured on one space.

    Args:
        id: the statement's id.
        section: "2", "3", "4" or "controls".
        place: where it stands in the paper.
        statement: what is claimed, in one line.
        space: where it was measured.
        residual: the largest over the draws; for a control the smallest.
        tolerance: a claim passes at or below it, a control above it.
        draws: random instances measured; for a control those with overlap enough to count.
        passed: the verdict. NaN never passes.
        is_control: whether this is a broken twin.
        breaks: id of the claim that a control breaks, "" for a claim.
        erratum: label of the correction to the printed formula, or "".
    """

    id: str
    section: str
    place: str
    statement: str
    space: str
    residual: float
    tolerance: float
    draws: int
    passed: bool
    is_control: bool
    breaks: str
    erratum: str


def relative(one: PyTree, other: PyTree) -> Float[Array, ""]:
    """|a - b| / max(|a|, |b|) in the Euclidean norm over all leaves: 0 for equal, 2 for opposite; 0 where both vanish.

    Example:
        >>> import jax.numpy as jnp
        >>> float(relative(jnp.array([3.0, 4.0]), jnp.array([-3.0, -4.0])))
        2.0
    """
    a, b = ravel_pytree(one)[0], ravel_pytree(other)[0]
    scale = jnp.maximum(jnp.linalg.norm(a), jnp.linalg.norm(b))
    return jnp.linalg.norm(a - b) / jnp.where(scale > 0, scale, 1.0)


def in_nats(one: Float[Array, "*shape"], other: Float[Array, "*shape"]) -> Float[Array, ""]:
    """Largest |a - b| / max(1, |a|) of two logarithms or losses; a difference of logarithms is a relative error already.

    Example:
        >>> import jax.numpy as jnp
        >>> float(in_nats(jnp.array(0.0), jnp.array(0.5)))
        0.5
    """
    return jnp.max(jnp.abs(one - other) / jnp.maximum(1.0, jnp.abs(one)))


def worst(*residuals: Float[Array, ""]) -> Float[Array, ""]:
    """The largest of several residuals; NaN if one is."""
    return jnp.max(jnp.stack(residuals))
