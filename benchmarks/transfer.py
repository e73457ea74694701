"""Rewards taken to a changed world: learned with the maze's opening on one side, used with it on the other.

    python benchmarks/transfer.py                           # every row, 5 seeds, two lengths of learning
    python benchmarks/transfer.py --only airl-state         # one row; rows that are there already are kept
    python benchmarks/transfer.py --table                   # docs/results/transfer.md from the record

After Fu et al. 2018, section 7.1: an expert and 50 demonstrations in the one world; a cost for each method; a fresh policy for that cost
alone in the other, which practices from anywhere and is judged from below the barrier; 0 = random actions, 1 = policies that practiced
there as long on the true reward, from as many roll-outs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from machine import describe_machine
from result_page import Record, ResultPage, kept
from transfer_page import page

from triality.algorithms.airl import Airl
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.gail import Gail
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.levels import MatchedTrajectories
from triality.algorithms.policy_training import PolicyTraining
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps, Transitions
from triality.cli.evaluation import MeanPolicy
from triality.each_pair import EachPair
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.shaped_cost import ShapedCost
from triality.energies.step_cost import ConstantCost, EnvironmentCost, state_cost
from triality.envs.environment import AbstractEnvironment
from triality.envs.point_maze import PointMaze, anywhere, point_maze_anywhere, point_maze_shifted
from triality.run import over_seeds, run
from triality.trajectory import Policy, Trajectory, rollout
from triality.updates.ppo import PPO

NUM_DEMOS, NUM_ROLLOUTS, NUM_PAIRS, HORIZON, NUM_EPISODES = 50, 32, 512, 100, 100
RATE, COST_RATE, EXPERT_TEMPERATURE, PENALTY = 1e-3, 3e-3, 0.1, 0.03
CHUNK = 20


class Row(NamedTuple):
    """How one row learns.

    Fields:
        world: of demonstrations and roll-outs.
        make: the algorithm there.
        level: at which it compares.
        make_cost: of what the cost is one; the algorithm's own if None.
        temperature: entropy weight of its policies, and of the fresh ones.
        lengths: iterations after which the cost is judged.
        num_cost_steps: an iteration.
        sharpened: what the temperature of the fresh policies is divided by.
        first_seed: of learning; others than 0, 1, ... where those chose the row's settings.
    """

    world: Callable[[], AbstractEnvironment]
    make: Callable[..., CostLearning]
    level: Any
    make_cost: Any = state_cost
    temperature: float = 1.0
    lengths: tuple[int, ...] = (100,)
    num_cost_steps: int = 3
    sharpened: float = 1.0
    first_seed: int = 0


STARTS = FreeStarts(NUM_ROLLOUTS)
TRANSITIONS, PAIRS = Transitions(STARTS, NUM_PAIRS), Steps(STARTS, NUM_PAIRS, EachPair())
TRAJECTORIES = MatchedTrajectories(2 * NUM_DEMOS, 4)
ROWS = {
    "airl-state": Row(point_maze_anywhere, Airl, TRANSITIONS, lengths=(100, 200)),
    "airl-state-third": Row(point_maze_anywhere, Airl, TRANSITIONS, lengths=(100, 200), sharpened=3.0, first_seed=5),
    "airl-state-narrow": Row(PointMaze, Airl, TRANSITIONS),
    "gan-gcl-step": Row(point_maze_anywhere, GanGcl, Steps(STARTS, NUM_PAIRS)),
    "airl-state-action": Row(point_maze_anywhere, Airl, TRANSITIONS, make_cost=None),
    "gail": Row(point_maze_anywhere, Gail, PAIRS, make_cost=None, temperature=0.0),
    "gan-gcl-trajectory": Row(point_maze_anywhere, GanGcl, TRAJECTORIES, lengths=(80,)),
    "gan-gcl-trajectory-third": Row(point_maze_anywhere, GanGcl, TRAJECTORIES, lengths=(80, 160), sharpened=3.0, first_seed=5),
}


def main() -> int:
    result = ResultPage("transfer", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS), help="rows to measure (default: all)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, help="to judge a setting on seeds that did not choose it (default: of each row its own)")
    parser.add_argument("--cost-steps", type=int, help="an iteration (default: of each row its own)")
    parser.add_argument("--sharpened", type=float, help="divides the temperature of fresh policies (default: of each row its own)")
    parser.add_argument("--lengths", type=int, nargs="+", help="iterations of learning (default: of each row its own)")
    parser.add_argument("--policy-iterations", type=int, default=100, help="of experts and fresh policies (default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Yields after every length of every row. What an earlier call measured with as many seeds and iterations is kept beside it."""
    record: Record = kept(options.out) or {"rows": {}}
    of_truth = jax.vmap(jax.random.key)(1000 + jnp.arange(options.seeds))
    there, count = point_maze_shifted(), options.policy_iterations
    practice = PointMaze(there.spec, there.edge, there.toward, starts=anywhere)
    if record.get("policy_iterations") != count or len(record["truth"]) != options.seeds:
        truth = fresh_policies(of_truth, practice, EnvironmentCost(there), count, EXPERT_TEMPERATURE)
        constant = fresh_policies(of_truth, practice, ConstantCost(), count, 1.0)
        record = {"rows": {}, "truth": mean_returns(there, truth), "constant": mean_returns(there, constant)}
    record |= {"machine": describe_machine(), "policy_iterations": count, "num_demos": NUM_DEMOS, "num_rollouts": NUM_ROLLOUTS}
    demonstrations: dict[Any, Trajectory] = {}
    for name in options.only:
        row = ROWS[name]
        row = row._replace(num_cost_steps=options.cost_steps or row.num_cost_steps, sharpened=options.sharpened or row.sharpened)
        first_seed = row.first_seed if options.first_seed is None else options.first_seed
        seeds = first_seed + jnp.arange(options.seeds)
        keys = jax.vmap(jax.random.key)(1000 + seeds)
        if row.world not in demonstrations:
            demonstrations[row.world] = demonstrate(row.world(), count)
        record["rows"][name] = by_length = {}
        for length, states in learned(row, demonstrations[row.world], seeds, options.lengths or row.lengths):
            cost = states.cost.cost if isinstance(states.cost, ShapedCost) else states.cost
            fresh = fresh_policies(keys, practice, cost, count, row.temperature / row.sharpened, is_stacked=True)
            by_length[str(length)] = {
                "first_seed": first_seed,
                "own": mean_returns(row.world(), states.policy),
                "returns": mean_returns(there, fresh),
                "demonstrations": float(jnp.mean(jnp.sum(demonstrations[row.world].reward, axis=1))),
            }
            yield record


def demonstrate(world: AbstractEnvironment, iterations: int) -> Trajectory:
    """By sampled actions of an expert that was trained on the true reward."""
    keys = jax.random.split(jax.random.key(0), 1)
    expert = jax.tree.map(lambda leaf: leaf[0], fresh_policies(keys, world, EnvironmentCost(world), iterations, EXPERT_TEMPERATURE))
    draw = eqx.filter_jit(lambda keys: jax.vmap(lambda key: rollout(key, world, expert, HORIZON))(keys))
    return draw(jax.random.split(jax.random.key(1), NUM_DEMOS))._replace(start=jnp.arange(NUM_DEMOS))


def learned(row: Row, data: Trajectory, seeds: Any, lengths: Sequence[int]) -> Iterator[tuple[int, Any]]:
    """The states of all seeds after so many iterations; a longer run is a shorter one that went on."""
    makers = {} if row.make_cost is None else {"make_cost": row.make_cost}
    rule = PPO(learning_rate=RATE, temperature=row.temperature)
    settings = {"penalty": GradientPenalty(PENALTY), "cost_learning_rate": COST_RATE, "num_cost_steps": row.num_cost_steps} | makers
    algorithm = row.make(row.world(), row.level, update_rule=rule, **settings)
    states = eqx.filter_jit(jax.vmap(lambda key: algorithm.init(key, data)))(jax.vmap(jax.random.key)(seeds))
    program, done = over_seeds(lambda algorithm, state: run(algorithm, state, 1, CHUNK)[0]), 0
    for length in lengths:
        while done < length:
            states, done = program(algorithm, states), done + CHUNK
        yield length, states


def fresh_policies(
    keys: Any, world: AbstractEnvironment, cost: Any, iterations: int, temperature: float, is_stacked: bool = False
) -> Policy:
    """One policy a key for the cost alone, or for each of stacked costs its own."""
    training = PolicyTraining(world, HORIZON, PPO(learning_rate=RATE, temperature=temperature), num_rollouts=NUM_ROLLOUTS)
    axis = eqx.if_array(0) if is_stacked else None
    states = eqx.filter_jit(eqx.filter_vmap(training.init, in_axes=(0, axis)))(keys, cost)
    return _trained(training, states, iterations).policy


@eqx.filter_jit
def _trained(training: PolicyTraining, states: Any, iterations: int) -> Any:
    return eqx.filter_vmap(lambda state: run(training, state, 1, iterations)[0], in_axes=eqx.if_array(0))(states)


def mean_returns(world: AbstractEnvironment, policies: Policy) -> list[float]:
    """True returns of the mean actions of every policy."""

    @eqx.filter_jit
    @eqx.filter_vmap
    def judged(policy):
        keys = jax.random.split(jax.random.key(0), NUM_EPISODES)
        return jnp.mean(jax.vmap(lambda key: jnp.sum(rollout(key, world, MeanPolicy(policy), HORIZON).reward))(keys))

    return judged(policies).tolist()


if __name__ == "__main__":
    sys.exit(main())
