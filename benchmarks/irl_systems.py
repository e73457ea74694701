"""Every system of inverse RL on the same tables: regret, STARC, EPIC, seconds.

    python benchmarks/irl_systems.py            # 20 random MDPs, 3 gridworlds, five sets of demonstrations each and exact ones
    python benchmarks/irl_systems.py --table    # docs/results/irl_systems.md from the result file

The expert is the soft optimum of a known cost. Regret is that of the hard optimum of the learned cost, paid in the true one: 0 optimal, 1
as random. STARC with the representative of least norm and EPIC over a product of uniform laws: 0 the same cost, 1 its negative.
Trajectories of a uniform policy serve the two systems that need a sampler.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from irl_systems_page import page
from machine import one_thread
from result_page import Record, ResultPage

one_thread()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.errors import DataError  # noqa: E402
from triality.judging import Coverage, MinimalNorm, epic_distance, regret, starc_distance  # noqa: E402
from triality.tabular import (  # noqa: E402
    IrlConfig,
    StateActionCost,
    StateCost,
    TabularDemonstrations,
    TabularMDP,
    Visitation,
    empirical_visitation,
    mce_irl,
    sample_demonstrations,
)
from triality.tabular import in_expectation as exact  # noqa: E402
from triality.tabular import systems as other  # noqa: E402
from triality.tabular.worlds import FIVE_MOVES, gridworld, icy_gridworld, random_mdp  # noqa: E402

jax.config.update("jax_enable_x64", True)

NUM_RANDOM, DISCOUNT, NUM_TRAJECTORIES, NUM_STEPS, NUM_DRAWN, L2 = 20, 0.9, 20, 50, 200, 1e-2


class World(NamedTuple):
    mdp: TabularMDP
    cost: jax.Array


class Task(NamedTuple):
    """What a system may see: the dynamics, the visits, and trajectories, of the expert and of a uniform policy."""

    mdp: TabularMDP
    demonstrated: Visitation
    demonstrations: TabularDemonstrations
    drawn: TabularDemonstrations
    l2: float

    @property
    def features(self) -> jax.Array:
        """One for each state and action: every cost is linear in them."""
        pairs = self.mdp.num_states * self.mdp.num_actions
        return jnp.eye(pairs).reshape(self.mdp.num_states, self.mdp.num_actions, pairs)


def relative_entropy(task: Task) -> jax.Array:
    """The baseline law is the uniform policy's own, so that every ratio is one."""
    expert, drawn = (other.trajectory_features(task.features, each, DISCOUNT) for each in (task.demonstrations, task.drawn))
    epsilon = 0.02  # of one visit: what 20 trajectories tell of a frequency
    return task.features @ other.relative_entropy_irl(expert, drawn, epsilon=epsilon, config=other.ProximalConfig(1000, 1e-6)).parameters


def path_integral(task: Task) -> jax.Array:
    """Ten perturbations around each demonstration."""
    near = other.perturbations(jax.random.key(5), task.mdp, task.demonstrations, 10)
    expert, perturbed = (other.trajectory_features(task.features, each, DISCOUNT) for each in (task.demonstrations, near))
    sets = perturbed.reshape(len(expert), 10, -1)
    return task.features @ other.path_integral_irl(expert, sets, config=other.ProximalConfig(1000, 1e-6)).parameters


def deep(task: Task) -> jax.Array:
    network = other.perceptron_cost(jax.random.key(7), jnp.eye(task.mdp.num_states), task.mdp.num_actions)
    return other.deep_maxent_irl(task.mdp, task.demonstrated, network, IrlConfig(l2=L2, max_num_steps=200, tolerance=1e-4)).cost


def maxent(task: Task, model: Callable[[TabularMDP], StateCost | StateActionCost]) -> jax.Array:
    return mce_irl(task.mdp, task.demonstrated, model(task.mdp), IrlConfig(l2=task.l2)).cost


def alternation(task: Task, share: float = 1.0) -> exact.AlternationConfig:
    return exact.AlternationConfig(share=share, l2=task.l2, tolerance=1e-6)


SYSTEMS: dict[str, Callable[[Task], jax.Array]] = {
    "MCE IRL": lambda task: maxent(task, StateActionCost),
    "MCE IRL, costs of states": lambda task: maxent(task, StateCost),
    "deep MaxEnt, costs of states": deep,
    "guided cost": lambda task: exact.guided_cost(task.mdp, task.demonstrated, alternation(task)).cost,
    "GAN-GCL, step level": lambda task: exact.gan_gcl(task.mdp, task.demonstrated, alternation(task)).cost,
    "AIRL, single-step, lagging generator": lambda task: exact.airl(task.mdp, task.demonstrated, alternation(task, 0.2)).cost,
    "IQ-Learn": lambda task: exact.iq_learn(task.mdp, task.demonstrated, l2=task.l2).cost,
    "behavioral cloning": lambda task: exact.clone(task.mdp, task.demonstrated, prior=0.1 if task.l2 else 1e-9).cost,
    "SQIL": lambda task: exact.sqil(task.mdp, task.demonstrated).cost,
    "GAIL, implied": lambda task: exact.gail(task.mdp, task.demonstrated).cost,
    "f-IRL, forward KL": lambda task: exact.f_irl(task.mdp, task.demonstrated, l2=0.1 * task.l2).cost,
    "relative-entropy IRL": relative_entropy,
    "path-integral IRL": path_integral,
    "apprenticeship, last adversary": lambda task: other.apprenticeship(task.mdp, task.demonstrated, task.features).cost,
    "MWAL": lambda task: other.mwal(task.mdp, task.demonstrated, task.features, 200).cost,
    "projection": lambda task: other.projection(task.mdp, task.demonstrated, task.features, max_num_rounds=100).cost,
    "linear program": lambda task: other.linear_program_irl(task.mdp, task.demonstrated).cost,
    "constant": lambda task: jnp.ones((task.mdp.num_states, task.mdp.num_actions)),
}


def worlds(num_random: int) -> dict[str, World]:
    """Costs of each state and action on random MDPs, of states alone on grids."""
    found = {}
    for i in range(num_random):
        mdp = random_mdp(jax.random.key(i), 16, 4, 3, discount=DISCOUNT)
        found[f"random {i}"] = World(mdp, jax.random.normal(jax.random.key(1000 + i), (16, 4)))
    grids = {
        "icy grid": icy_gridworld(4, 0.2, discount=DISCOUNT),
        "grid": gridworld(4, 4, start=np.full(16, 1 / 16), moves=FIVE_MOVES, discount=DISCOUNT),
        "windy corridor": gridworld(2, 8, start=np.full(16, 1 / 16), slip=0.4, discount=DISCOUNT),
    }
    for i, (name, mdp) in enumerate(grids.items()):
        found[name] = World(mdp, StateCost(mdp)(1.5 * jax.random.normal(jax.random.key(2000 + i), (16,))))
    return found


def tasks(world: World, seeds: int) -> Iterator[tuple[str, int, Task]]:
    """Exact visits once, then sampled ones."""
    mdp, start = world.mdp, jnp.exp(world.mdp.log_start)
    expert, uniform = exact.soft_policy(mdp, world.cost), jnp.full(world.cost.shape, -np.log(mdp.num_actions))
    visits = Visitation(exact.exact_visits(mdp, expert, start), start)
    for seed in range(-1, seeds):
        keys = jax.random.split(jax.random.key(max(seed, 0)))
        drawn = sample_demonstrations(keys[0], mdp, uniform, NUM_DRAWN, NUM_STEPS)
        episodes = sample_demonstrations(keys[1], mdp, expert, NUM_TRAJECTORIES, NUM_STEPS)
        if seed < 0:
            yield "exact", 0, Task(mdp, visits, episodes, drawn, 0.0)
        else:
            yield "sampled", seed, Task(mdp, empirical_visitation(mdp, episodes), episodes, drawn, L2)


def measured(world: World, task: Task, system: Callable[[Task], jax.Array]) -> dict[str, float | str | None]:
    """The figures of one learned cost; EPIC of a constant is not defined, and what a system refuses is recorded as refused."""
    begin = time.perf_counter()
    try:
        cost = np.asarray(jax.block_until_ready(system(task)))
    except DataError as error:
        return {"refused": str(error)}
    seconds = time.perf_counter() - begin
    size, actions = world.cost.shape
    try:
        epic = epic_distance(world.cost, cost, Coverage.product(np.ones(size), np.ones(actions)), DISCOUNT)
    except DataError:
        epic = None
    starc = starc_distance(world.mdp, world.cost, cost, MinimalNorm())
    return {"regret": regret(world.mdp, world.cost, cost), "starc": starc, "epic": epic, "seconds": seconds}


def measure(options: argparse.Namespace) -> Iterator[Record]:
    rows, warm = [], set()
    for name, world in worlds(options.random).items():
        for kind, seed, task in tasks(world, options.seeds):
            for system, learn in SYSTEMS.items():
                if kind == "exact" and learn in (relative_entropy, path_integral):
                    continue  # they take trajectories, not visits
                shape = (system, kind, world.mdp.successors.shape)
                if shape not in warm:  # compiled before it is timed
                    measured(world, task, learn)
                    warm.add(shape)
                rows.append({"world": name, "visits": kind, "seed": seed, "system": system} | measured(world, task, learn))
        print(name, flush=True)
        yield {"seeds": options.seeds, "trajectories": NUM_TRAJECTORIES, "steps": NUM_STEPS, "l2": L2, "rows": rows}


def main() -> int:
    result = ResultPage("irl_systems", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="sets of demonstrations (default %(default)s)")
    parser.add_argument("--random", type=int, default=NUM_RANDOM, help="random MDPs (default %(default)s)")
    return result.run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
