"""Which learned costs depend on the generator, on a continuous task: five generators of Pendulum-v1, trained along or fixed (5.4, 7.3).

    python benchmarks/generator_independence_pendulum.py            # every system, 3 seeds
    python benchmarks/generator_independence_pendulum.py --only fixed/gail
    python benchmarks/generator_independence_pendulum.py --table    # docs/results/generator_independence_pendulum.md and its picture

The cost's family, its scaling of observations, the demonstrations and the number of cost steps are the same for all; first weights are not.
Two costs are compared by STARC (least squares over a class of potentials) and EPIC, each with a bootstrap interval over episodes, over one
coverage for all: the demonstrations and as many episodes of uniform actions. Beside pairs of generators stand pairs of seeds of one
generator, which differ in first weights and roll-outs alone: what any two runs are apart.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from generator_independence_pendulum_page import page
from machine import describe_machine, one_thread
from result_page import Record, ResultPage, kept

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from pendulum_generators import SPEC, STANDING, TRAINED, Generator  # noqa: E402

from triality.algorithms.cost_learning import CostLearning  # noqa: E402
from triality.algorithms.first_policy import rollouts  # noqa: E402
from triality.algorithms.gail import Gail  # noqa: E402
from triality.algorithms.guided_cost import GanGcl  # noqa: E402
from triality.algorithms.steps import Steps as StepLevel  # noqa: E402
from triality.cli.judged_steps import batch_cost  # noqa: E402
from triality.data.demonstration_file import read_demonstrations  # noqa: E402
from triality.data.trajectories import to_trajectories  # noqa: E402
from triality.energies.adversarial_reward import MinusLogData  # noqa: E402
from triality.energies.step_cost import EnvironmentCost  # noqa: E402
from triality.envs.pendulum import Pendulum  # noqa: E402
from triality.errors import DataError  # noqa: E402
from triality.judging import BatchCost, PotentialClass, Steps, canonicalized, sampled_epic, sampled_fit  # noqa: E402
from triality.policies.scaling import Scaling  # noqa: E402
from triality.policies.uniform import UniformPolicy  # noqa: E402
from triality.run import over_seeds, run  # noqa: E402
from triality.trajectory import StepCost, Trajectory  # noqa: E402
from triality.updates.ppo import PPO  # noqa: E402
from triality.updates.unchanged import Unchanged  # noqa: E402

HORIZON, DISCOUNT, CHUNK = SPEC.time_limit, 0.99, 10
NUM_JUDGED, NUM_EPIC_STEPS, NUM_PAIRS, NUM_DRAWS = 32, 1000, 64, 60
DEMONSTRATIONS = Path(__file__).parents[1] / "examples" / "pendulum_demos.npz"


class Implied(eqx.Module):
    """-log D of a free discriminator as a cost of pairs."""

    cost: StepCost

    def __call__(self, observation: jax.Array, action: jax.Array) -> jax.Array:
        return MinusLogData(self.cost)(observation, action, observation)


class System(NamedTuple):
    """What learns a cost, and which costs are read from it.

    Fields:
        make: the algorithm from its update rule.
        temperature: that its policy is trained with, from the generator's.
        read: by name, a cost from the learned one.
    """

    make: Callable[..., CostLearning]
    temperature: Callable[[float], float]
    read: dict[str, Callable[[StepCost], StepCost]]


SYSTEMS = {
    "gan-gcl": System(lambda **rule: GanGcl(Pendulum(), **rule), lambda t: t, {"GAN-GCL, whole trajectories": lambda cost: cost}),
    "gan-gcl-step": System(
        lambda **rule: GanGcl(Pendulum(), StepLevel(), **rule), lambda t: t, {"GAN-GCL, single steps": lambda cost: cost}
    ),
    "gail": System(
        lambda **rule: Gail(Pendulum(), **rule),
        lambda t: 0.1 * (t - 1.0),
        {"GAIL, implied: -log D": Implied, "GAIL, its logit": lambda cost: cost},
    ),
}
MODES = {"trained": TRAINED, "fixed": STANDING}
CELLS = [f"{mode}/{system}" for mode in MODES for system in SYSTEMS]
USUAL = [cell for cell in CELLS if cell != "trained/gan-gcl-step"]
COST_STEPS = {"trained": 3, "fixed": 20}
"""An iteration: a generator that is trained along must not fall behind; against a fixed one there is all of its density to learn."""


def main() -> int:
    result = ResultPage("generator_independence_pendulum", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=CELLS, default=USUAL, help="what to measure (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="(default %(default)s)")
    parser.add_argument("--iterations", type=int, default=60, help="(default %(default)s)")
    parser.add_argument("--cost-steps", type=int, help="an iteration (default: 3, and 20 where the generator is fixed)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Yields after every cell; what an earlier call measured alike is kept beside it."""
    record: Record = kept(options.out)
    if record.get("seeds") != options.seeds:
        record = {"cells": {}}
    given = read_demonstrations(DEMONSTRATIONS)
    data = to_trajectories(given, HORIZON)
    coverage = Coverage.of(data)
    record |= {
        "seeds": options.seeds,
        "machine": describe_machine(),
        "demonstrations": given.num_trajectories,
        "steps": len(coverage.steps.cost),
    }
    record |= {"demonstrations_return": float(np.mean(given.returns()))}
    for name in options.only:
        mode, system = name.split("/")
        num_cost_steps = options.cost_steps or COST_STEPS[mode]
        costs, returns = {}, {}
        for place, (label, generator) in enumerate(MODES[mode].items()):
            keys = jax.vmap(jax.random.key)(100 * place + jnp.arange(options.seeds))
            states = learned(SYSTEMS[system], generator, mode == "fixed", keys, data, options.iterations, num_cost_steps)
            costs[label], returns[label] = states.cost, mean_returns(states.policy)
            print(f"{name}, {label}: returns {', '.join(f'{each:.0f}' for each in returns[label])}", flush=True)
        read = SYSTEMS[system].read
        found = {words: compared({label: of(cost) for label, cost in costs.items()}, options.seeds, coverage) for words, of in read.items()}
        record["cells"][name] = {"cost_steps": options.iterations * num_cost_steps, "returns": returns, "costs": found}
        yield record


def learned(system: System, generator: Generator, is_fixed: bool, keys: Any, data: Trajectory, iterations: int, num_cost_steps: int) -> Any:
    """The states of all seeds; the scaling of observations is that of the data and of random actions, for every generator the same."""
    rule = Unchanged() if is_fixed else PPO(temperature=system.temperature(generator.temperature))
    algorithm = system.make(update_rule=rule, make_policy=generator.make_policy, num_cost_steps=num_cost_steps)
    scaling = common_scaling(data)

    @eqx.filter_jit
    @jax.vmap
    def first(key):
        key_policy, key_run = jax.random.split(key)
        return algorithm.init(key_run, data, policy=generator.begin(key_policy, data, scaling), scaling=scaling)

    program, states = over_seeds(lambda algorithm, state: run(algorithm, state, 1, CHUNK)[0]), first(keys)
    for _ in range(0, iterations, CHUNK):
        states = program(algorithm, states)
    return states


def common_scaling(data: Trajectory) -> Scaling:
    return GanGcl(Pendulum()).fit_scaling(jax.random.key(7), data)


@eqx.filter_jit
def _returns(policies: Any) -> jax.Array:
    return eqx.filter_vmap(lambda q: jnp.mean(jnp.sum(rollouts(jax.random.key(8), Pendulum(), q, HORIZON, NUM_JUDGED).reward, axis=1)))(
        policies
    )


def mean_returns(policies: Any) -> list[float]:
    """By sampled actions, a seed each."""
    return _returns(policies).tolist()


class Coverage(NamedTuple):
    """What every distance averages over: the demonstrations and as many episodes of uniform actions, and a part of their steps for EPIC."""

    steps: Steps
    few: Steps
    potentials: PotentialClass

    @classmethod
    def of(cls, data: Trajectory) -> Coverage:
        num = data.start.shape[0]
        random = eqx.filter_jit(rollouts)(jax.random.key(9), Pendulum(), UniformPolicy(SPEC), HORIZON, num)
        steps = Steps.of([data, random])
        return cls(steps, steps.thinned(NUM_EPIC_STEPS), PotentialClass.fitted(steps.observation))

    def judged(self, cost: BatchCost) -> Judged:
        along = cost(self.steps.observation, self.steps.action, self.steps.after)
        return Judged(along, canonicalized(cost, self.few, NUM_PAIRS))

    def apart(self, first: Judged, second: Judged, num_draws: int = 1) -> dict[str, list[float] | None]:
        """STARC and EPIC, with the ends of their intervals where they are drawn; None where one side is a constant up to shaping."""
        kept = 3 if num_draws > 1 else 1
        found = {"starc": lambda: self._starc(first, second, num_draws), "epic": lambda: self._epic(first, second, num_draws)}
        return {name: _or_none(lambda distance=distance: distance()[:kept]) for name, distance in found.items()}

    def _starc(self, first: Judged, second: Judged, num_draws: int) -> list[float]:
        return [*sampled_fit(first.along, second.along, self.steps, self.potentials, DISCOUNT, num_draws)[1]]

    def _epic(self, first: Judged, second: Judged, num_draws: int) -> list[float]:
        return [*sampled_epic(first.anywhere, second.anywhere, self.few, DISCOUNT, num_draws)]


class Judged(NamedTuple):
    """A cost along all steps, and where EPIC asks for it."""

    along: np.ndarray
    anywhere: Any


def compared(costs: dict[str, StepCost], num_seeds: int, coverage: Coverage) -> dict[str, Any]:
    """Pairs of generators with the same seed, pairs of seeds of the same generator, and each against the true cost."""
    judged = {
        (label, seed): coverage.judged(batch_cost(jax.tree.map(lambda leaf, seed=seed: leaf[seed], cost)))
        for label, cost in costs.items()
        for seed in range(num_seeds)
    }
    true = coverage.judged(batch_cost(EnvironmentCost(Pendulum())))
    between, within = [], []
    for (one, a), (two, b) in itertools.combinations(judged, 2):
        if a == b or one == two:
            pair = {"of": [one, two], "seeds": [a, b]} | coverage.apart(judged[one, a], judged[two, b], NUM_DRAWS if a == b else 1)
            (between if a == b else within).append(pair)
    truth = [{"of": label, "seed": seed} | coverage.apart(true, each) for (label, seed), each in judged.items()]
    return {"between": between, "within": within, "truth": truth}


def _or_none(distance: Callable[[], list[float]]) -> list[float] | None:
    try:
        return distance()
    except DataError:
        return None


if __name__ == "__main__":
    sys.exit(main())
