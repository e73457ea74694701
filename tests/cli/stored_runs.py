"""Run folders of ``triality irl`` that nobody trained: random parameters, written as the command writes them, within a second."""

from dataclasses import asdict
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.cli.evaluation import summarize
from triality.cli.experiment import build_algorithm, state_template
from triality.cli.options import IrlOptions
from triality.cli.stored import open_run
from triality.policies.scaling import identity_scaling
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder

RETURNS = {"return_mean": -900.0, "return_normalized": 0.1, "return_sampled": -910.0, "expert_return": -150.0, "random_return": -1200.0}


def stored_run(out: Path, demos: Path, **choices) -> Path:
    """The folder; ``choices`` as of ``IrlOptions``."""
    given = IrlOptions(**{"env": "Pendulum-v1", "demos": demos, "out": out, "num_demos": 2, "seeds": 2, "seed": 5, **choices})
    folder, config = RunFolder.create(out), asdict(given)
    folder.write_config("irl", config)
    records = [{"seed": seed, **RETURNS, "ess_fraction": None, "overlap": None} for seed in range(given.seed, given.seed + given.seeds)]
    folder.write_summary(summarize("irl", config, records, {}, 1, None, 1.0))
    stored = open_run(out)
    options, spec = stored.options, stored.task.spec
    algorithm = build_algorithm(options, stored.task)
    states = jax.tree.map(_blank, state_template(algorithm, stored.task, options))
    keys, scaling = jax.random.split(jax.random.key(7), options.seeds), identity_scaling(spec.observation_size)
    makers = {"cost": getattr(algorithm, "make_cost", None), "policy": algorithm.make_policy}
    for name, make in makers.items():
        if make is not None:
            states = states._replace(**{name: _moved(jax.vmap(lambda key, make=make: make(key, spec, scaling))(keys))})
    if hasattr(states, "scaling"):
        states = states._replace(scaling=jax.tree.map(lambda leaf: jnp.stack([leaf] * options.seeds), scaling))
    write_checkpoint(folder.state_path, states, step=1, config=config)
    return out


def _blank(shape):
    if jnp.issubdtype(shape.dtype, jax.dtypes.prng_key):
        return jax.random.split(jax.random.key(0), shape.shape)
    return jnp.zeros(shape.shape, shape.dtype)


def _moved(module):
    """Away from the nearly flat beginning; scaling and box stay."""
    draw = np.random.default_rng(0)

    def move(path, leaf):
        fixed = any(name in jax.tree_util.keystr(path) for name in ("scaling", "center", "half_width"))
        return leaf if fixed or not eqx.is_array(leaf) else leaf + 0.3 * draw.normal(size=leaf.shape)

    return jax.tree_util.tree_map_with_path(move, module)
