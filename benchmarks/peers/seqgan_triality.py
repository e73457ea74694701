"""Our side of ``sequence_speed.py``: the library's own generator, discriminator, roll-outs and steps, compiled.

python benchmarks/peers/seqgan_triality.py TASK.json RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("NPROC", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import equinox as eqx
import jax

from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.energies.sequence import convolutional_sequence_energy
from triality.objectives.critic import OfCritic
from triality.objectives.free_discriminator import FreeDiscriminatorLoss
from triality.sampler import draw
from triality.samplers.tokens.token_sampler import lstm
from triality.updates.sampler.token_score import MinusRealness, RolloutReturn, TokenScore


def timed(step: Any, state: Any, repeats: int) -> tuple[list[float], float]:
    """Seconds of each repeat, and of the first call, which compiles."""
    begin = time.perf_counter()
    state = jax.block_until_ready(step(state))
    first, found = time.perf_counter() - begin, []
    for _ in range(repeats):
        begin = time.perf_counter()
        state = jax.block_until_ready(step(state))
        found.append(time.perf_counter() - begin)
    return found, first


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    key, size, length = jax.random.key(0), task["batch"], task["length"]
    generator = lstm(key, length, task["vocabulary"], task["hidden"], task["hidden"])
    data = DataSet(jax.random.randint(key, (1000, length), 0, task["vocabulary"]))
    if task["kind"] == "sample":
        # The generator is an argument: as a constant it would be folded into the program.
        drawn = eqx.filter_jit(lambda q, key: draw(q, key, size))

        def step(key: Any) -> Any:
            jax.block_until_ready(drawn(generator, key))
            return jax.random.fold_in(key, 1)

        state = key
    else:
        if task["kind"] == "likelihood":
            learning: Any = LikelihoodLearning(data, 1e-3, size)
            state = learning.init(key, generator)
        else:
            gradient = TokenScore(RolloutReturn(task["rollouts"]), MinusRealness(), 0.0, size)
            learning = EnergyLearning(
                data,
                OfCritic(FreeDiscriminatorLoss()),
                gradient,
                batch_size=size,
                num_drawn=size,
                num_energy_steps=task["discriminator_steps"],
            )
            state = learning.init(key, convolutional_sequence_energy(key, task["vocabulary"], length), generator)
        compiled = eqx.filter_jit(lambda learning, state: learning.step(state)[0])

        def step(state: Any) -> Any:
            return compiled(learning, state)

    seconds, first = timed(step, state, task["repeats"])
    packages = {name: version(name) for name in ("triality", "jax", "jaxlib")}
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "first": first, "packages": packages}))


if __name__ == "__main__":
    main()
