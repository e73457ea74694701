"""Small runs of every kind that the devices are tried on, in a process of its own: what they come to, and how long an iteration takes.

    python benchmarks/device_cases.py numbers --devices 8 --x64     # differences from one device, on 2, 4 and 8
    python benchmarks/device_cases.py pace --devices 2               # seconds an iteration

Prints one line of JSON. Called by ``benchmarks/devices.py`` and by the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from machine import one_thread

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from triality.devices.machines import join  # noqa: E402
from triality.devices.mesh import ask_for_cpu_devices, data_mesh  # noqa: E402

COUNTS = (2, 4, 8)
ITERATIONS = 3


class Case(NamedTuple):
    """An algorithm, and the first state of a seed."""

    algorithm: Any
    first: Callable[[Any], Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("numbers", "pace"))
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--x64", action="store_true")
    parser.add_argument("--cases", nargs="+", help="default: all")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rollouts", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--coordinator", help="host:port, with the next two: one process among several")
    parser.add_argument("--processes", type=int)
    parser.add_argument("--index", type=int)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", options.x64)
    ask_for_cpu_devices(options.devices)
    if options.coordinator:
        join(options.coordinator, options.processes, options.index)
    print(json.dumps(numbers(options) if options.what == "numbers" else pace(options)), flush=True)
    return 0


def cases() -> dict[str, Callable[[], Case]]:
    """By name. Batches and demonstrations that eight devices do not divide are among them."""
    from triality.algorithms.guided_cost import GanGcl, GuidedCost
    from triality.algorithms.levels import MatchedTrajectories, Steps, Trajectories
    from triality.envs.pendulum import Pendulum
    from triality.updates.ppo import PPO
    from triality.updates.soft_actor_critic import SoftActorCritic

    env = Pendulum()
    ppo = PPO(num_epochs=2, num_minibatches=4, hidden=(16,))
    sac = SoftActorCritic(env.spec, num_updates=5, batch_size=36, capacity=2000, hidden=(16,))

    def irl(algorithm: Any, num_demos: int, horizon: int) -> Case:
        return Case(algorithm, lambda key: algorithm.init(key, demonstrations(num_demos, horizon)))

    return {
        "GAN-GCL, trajectories": lambda: irl(GanGcl(env, Trajectories(24, num_past_samplers=2), update_rule=ppo), 8, 24),
        "GAN-GCL, matched trajectories": lambda: irl(GanGcl(env, MatchedTrajectories(11, 6), update_rule=ppo), 5, 20),
        "guided cost learning, trajectories": lambda: irl(GuidedCost(env, Trajectories(24), update_rule=ppo), 8, 24),
        "GAN-GCL, steps, PPO": lambda: irl(GanGcl(env, Steps(num_pairs=100, num_past_samplers=2), update_rule=ppo), 5, 20),
        "GAN-GCL, steps, SAC": lambda: irl(GanGcl(env, Steps(), update_rule=sac), 5, 20),
        "ebm: generator and energy": _density,
    }


def _density() -> Case:
    from triality.algorithms.energy_learning import EnergyLearning
    from triality.algorithms.minibatch import DataSet
    from triality.energies.mlp import MLPEnergy
    from triality.samplers.gaussian_mixture import gaussian_mixture

    x = jnp.array([1.0, -0.5]) + 0.5 * jax.random.normal(jax.random.key(3), (500, 2))
    learning = EnergyLearning(DataSet(x), batch_size=60, num_drawn=100, energy_learning_rate=0.01, sampler_learning_rate=0.01)
    return Case(learning, lambda key: learning.init(key, MLPEnergy(key, 2, (16,)), gaussian_mixture(key, x, 3)))


def demonstrations(num: int, horizon: int) -> Any:
    from triality.envs.pendulum import Pendulum
    from triality.policies.gaussian import squashed_gaussian_policy
    from triality.policies.scaling import identity_scaling
    from triality.trajectory import rollout

    env = Pendulum()
    policy = squashed_gaussian_policy(jax.random.key(1), env.spec, identity_scaling(env.spec.observation_size))
    batch = jax.vmap(lambda key: rollout(key, env, policy, horizon))(jax.random.split(jax.random.key(2), num))
    return batch._replace(start=jnp.arange(num))


def numbers(options: argparse.Namespace) -> dict[str, Any]:
    """{case: {devices: largest relative difference from one device, over all arrays of state and metrics}}, and of another key."""
    from triality.devices.fleet import OneDevice, SeveralDevices

    counts = [count for count in COUNTS if count <= options.devices]
    found: dict[str, Any] = {}
    for name, make in cases().items():
        if options.cases and name not in options.cases:
            continue
        case = make()
        first = eqx.filter_jit(case.first)(jax.random.key(0))
        other = eqx.filter_jit(case.first)(jax.random.key(1))
        whole = _run(case, first, OneDevice())
        found[name] = {str(count): difference(_run(case, first, SeveralDevices(data_mesh(count))), whole) for count in counts}
        found[name]["another key"] = difference(_run(case, other, OneDevice()), whole)
    found["seeds"] = _of_seeds(counts)
    return found


def _run(case: Case, first: Any, fleet: Any) -> Any:
    from triality.algorithms.guarded import Guarded
    from triality.algorithms.stages import advanced_on

    return advanced_on(fleet, case.algorithm, Guarded(case.algorithm).init(first), ITERATIONS)


def _of_seeds(counts: list[int]) -> dict[str, float]:
    """Eight seeds of a density, split over devices, which is another program than that of batches."""
    from triality.devices.fleet import OneDevice, SeveralDevices
    from triality.run import run

    case = _density()
    first = eqx.filter_jit(eqx.filter_vmap(case.first))(jax.random.split(jax.random.key(0), 8))

    def ends(fleet: Any) -> Any:
        program = fleet.over_seeds(lambda a, s: run(a, s, 1, ITERATIONS)[:2], 8)
        return fleet.here(program(fleet.placed(fleet.shared(case.algorithm, 8)), fleet.placed(first, 8)))

    whole = ends(OneDevice())
    return {str(count): difference(ends(SeveralDevices(data_mesh(count))), whole) for count in counts}


def difference(found: Any, whole: Any) -> float:
    """Largest |a - b|/max|b| of an array, over all arrays; infinite where one is not finite where the other is."""
    pairs = zip(jax.tree.leaves(eqx.filter(found, eqx.is_array)), jax.tree.leaves(eqx.filter(whole, eqx.is_array)), strict=True)
    return max(_difference(*(np.asarray(_numbers(each)) for each in pair)) for pair in pairs)


def _difference(found: np.ndarray, whole: np.ndarray) -> float:
    finite = np.isfinite(whole.astype(float))
    if not np.array_equal(found[~finite].astype(float), whole[~finite].astype(float), equal_nan=True):
        return float("inf")
    found, whole = found[finite].astype(float), whole[finite].astype(float)
    if not np.isfinite(found).all():
        return float("inf")
    gap, size = np.max(np.abs(found - whole), initial=0.0), np.max(np.abs(whole), initial=0.0)
    return float(gap / size) if gap else 0.0


def _numbers(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def pace(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of whole iterations of GAN-GCL with matched starts, as the command runs it: Pendulum, horizon 200, eight demonstrations."""
    from triality.algorithms.guarded import Guarded
    from triality.algorithms.guided_cost import GanGcl
    from triality.algorithms.levels import MatchedTrajectories
    from triality.devices.fleet import OneDevice, SeveralDevices
    from triality.envs.pendulum import Pendulum
    from triality.run import run

    several = options.devices > 1 or options.coordinator
    fleet = SeveralDevices(data_mesh(options.devices)) if several else OneDevice()
    free = options.rollouts // 3
    algorithm = GanGcl(Pendulum(), MatchedTrajectories(options.rollouts - free, free))
    keys, data = jax.random.split(jax.random.key(0), options.seeds), demonstrations(8, 200)
    guarded = Guarded(algorithm)
    first = eqx.filter_jit(jax.vmap(lambda key: guarded.init(algorithm.init(key, data))))(keys)
    program = fleet.over_seeds(lambda a, s: run(a, s, 1, 1)[:2], options.seeds)
    shared, there = fleet.placed(Guarded(fleet.shared(algorithm, options.seeds))), fleet.placed(first, options.seeds)
    there, _ = jax.block_until_ready(program(shared, there))
    seconds = []
    for _ in range(options.repeats):
        begin = time.perf_counter()
        there, _ = jax.block_until_ready(program(shared, there))
        seconds.append(time.perf_counter() - begin)
    return {"seconds": seconds, "median": median(seconds), "cores": len(os.sched_getaffinity(0))}


if __name__ == "__main__":
    sys.exit(main())
