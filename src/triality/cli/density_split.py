"""The data of ``triality ebm`` as they are learned from: three parts on a standardized scale, or integers as they are."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from triality.cli.density_parts import Space
from triality.cli.ebm import DensityPlan
from triality.sampler import draw
from triality.targets.catalog import TARGETS

SHARES = (0.8, 0.9)
"""Where training and validation end in the samples of a target."""


class Split(NamedTuple):
    """The data as they are learned from.

    Fields:
        space: what one sample is.
        train, valid, test: standardized numbers, or integers; leading axis of samples.
        shift, scale: of each column; x = shift + scale z. Zeros and ones for integers.
        target: the law itself, where it is known.
    """

    space: Space
    train: Array
    valid: Array
    test: Array
    shift: Array
    scale: Array
    target: Any


def split_of(plan: DensityPlan) -> Split:
    """The data of a plan, on the scale that is learned on."""
    if plan.options.target is not None:
        target = TARGETS[plan.options.target]()
        samples = jax.jit(lambda key: draw(target, key, plan.options.num_data).x)(jax.random.key(plan.options.seed))
        ends = [round(share * plan.options.num_data) for share in SHARES]
        train, valid, test = (np.asarray(part, float) for part in jnp.split(samples, ends))
        return _standardized(train, valid, test, target)
    if plan.kind == "continuous":
        return _standardized(plan.train, plan.valid, plan.test, None)
    is_laid_out = plan.options.generator == "masked-convolution"
    shape = plan.image if is_laid_out else (plan.train.shape[1],)
    parts = (plan.train, plan.valid, plan.test)
    train, valid, test = (jnp.asarray(part.reshape(len(part), *shape), jnp.int32) for part in parts)
    space = Space(plan.kind, shape, plan.num_levels, plan.image or shape)
    return Split(space, train, valid, test, jnp.zeros(()), jnp.ones(()), None)


def _standardized(train: np.ndarray, valid: np.ndarray, test: np.ndarray, target: Any) -> Split:
    shift, scale = train.mean(axis=0), train.std(axis=0)
    shape = (train.shape[1],)
    train, valid, test = ((part - shift) / scale for part in (train, valid, test))
    parts = jnp.asarray(train, float), jnp.asarray(valid, float), jnp.asarray(test, float)
    return Split(
        Space("continuous", shape, 0, shape), parts[0], parts[1], parts[2], jnp.asarray(shift, float), jnp.asarray(scale, float), target
    )


def log_scale_of(split: Split) -> float:
    """What standardizing adds to a log density, nats."""
    return float(jnp.sum(jnp.log(split.scale)))
