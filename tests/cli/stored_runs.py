"""Run folders of ``triality irl`` that nobody trained: random parameters, written as the command writes them, within a second."""

from dataclasses import asdict
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.cli.evaluation import summarize
from triality.cli.experiment import build_algorithm, state_template
from triality.cli.names import find_task
from triality.cli.options import IrlOptions
from triality.policies.scaling import identity_scaling
from triality.runs.checkpoint import write_checkpoint
from triality.runs.folder import RunFolder

RETURNS = {"return_mean": -900.0, "return_normalized": 0.1, "return_sampled": -910.0, "expert_return": -150.0, "random_return": -1200.0}


def stored_run(out: Path, demos: Path, **choices) -> Path:
    """The folder; ``choices`` as of ``IrlOptions``."""
    decided = {"objective": "normalized", "starts": "matched", "policy_learning_rate": 3e-4}
    options = IrlOptions(**{"env": "Pendulum-v1", "demos": demos, "out": out, "num_demos": 2, "seeds": 2, "seed": 5, **decided, **choices})
    task = find_task(options.env)
    algorithm = build_algorithm(options, task)
    states = jax.tree.map(_blank, state_template(algorithm, task, options))
    keys, scaling = jax.random.split(jax.random.key(7), options.seeds), identity_scaling(task.spec.observation_size)
    for name in ("cost", "policy"):
        if hasattr(states, name):
            make = algorithm.make_policy if name == "policy" else algorithm.make_cost
            states = states._replace(**{name: _moved(jax.vmap(lambda key, make=make: make(key, task.spec, scaling))(keys))})
    folder = RunFolder.create(out)
    folder.write_config("irl", options)
    write_checkpoint(folder.state_path, states, step=1, config=asdict(options))
    records = [
        {"seed": seed, **RETURNS, "ess_fraction": None, "overlap": None} for seed in range(options.seed, options.seed + options.seeds)
    ]
    folder.write_summary(summarize("irl", asdict(options), records, {}, 1, None, 1.0))
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
