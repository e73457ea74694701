"""Costs of single steps held against the density that they should be: f = -c beside log pi_E on demonstrations that trained nothing.

At its optimum the discriminator of single steps has f = log pi_E(u|x) + log rho_E(x)/rho_q(x) (D10). The second term is estimated by a
discriminator of states, log rho_E/rho_q on states of other episodes. Demonstrations are split into those that train (the first 20 of a
permutation, which the clone has too), 5 that choose when to stop, and 25 that judge.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from known_experts import laws, log_density, read_expert
from known_rollouts import RAW, Part, demonstrations, one_scale_raw, ratios, recorded, rolled

from triality.algorithms.airl import Airl
from triality.algorithms.cost_learning import CostLearning
from triality.algorithms.guided_cost import GanGcl
from triality.algorithms.starts import FreeStarts
from triality.algorithms.steps import Steps, Transitions
from triality.data.trajectories import to_trajectories
from triality.energies.gradient_penalty import GradientPenalty
from triality.energies.shaped_cost import ShapedCost
from triality.energies.step_cost import mlp_cost, state_cost
from triality.energies.tilted_cost import TiltedCost
from triality.energy import Constant, UnnormalizedDensity
from triality.envs.host import HostEnvironment
from triality.metrics.calibration import calibration
from triality.objectives.discriminator import DiscriminatorLoss
from triality.policies.gaussian import GaussianPolicy
from triality.policies.scaling import fit_scaling
from triality.sampler import Samples
from triality.simulators.collector import Collector
from triality.simulators.mujoco_batch import MujocoBatch
from triality.specs import MUJOCO_SPECS
from triality.trajectory import StepCost, StepEnergy
from triality.updates.ppo import PPO

ENVIRONMENT = "HalfCheetah-v5"
ORDER = np.random.default_rng(0).permutation(50)
"""The order in which ``Demonstrations.select(n, seed=0)`` takes them."""
TRAIN, CHOOSE, JUDGE = slice(0, 20), slice(20, 25), slice(25, 50)
MOST_STEPS, BATCH, LOOK_EVERY = 2000, 1024, 250
NUM_ROLLOUTS, COST_STEPS = 8, 15
"""Of an iteration: as many steps of the cost in 40 iterations as the command takes in 200."""


class Pairs(NamedTuple):
    """Steps of some episodes, one row each, with the density of the action that the discriminator is given."""

    observation: Float[Array, "n obs"]
    action: Float[Array, "n act"]
    log_q: Float[Array, " n"]


def pairs(part: Part, episodes: Any, log_q: np.ndarray) -> Pairs:
    return Pairs(*(jnp.asarray(each[episodes].reshape(-1, *each.shape[2:]), float) for each in (part.before, part.action, log_q)))


@eqx.filter_jit
def _chunk(cost: StepCost, state: Any, key: Any, data: Pairs, drawn: Pairs, optimizer: Any) -> tuple[StepCost, Any]:
    arrays, static = eqx.partition(cost, eqx.is_array)

    def some(key: Any, side: Pairs) -> Pairs:
        index = jax.random.randint(key, (BATCH,), 0, side.log_q.shape[0])
        return jax.tree.map(lambda leaf: leaf[index], side)

    def step(carry: Any, key: Any) -> tuple[Any, None]:
        arrays, state = carry
        of_data, of_drawn = some(jax.random.fold_in(key, 0), data), some(jax.random.fold_in(key, 1), drawn)
        gradient = eqx.filter_grad(loss)(eqx.combine(arrays, static), of_data, of_drawn)
        updates, state = optimizer.update(gradient, state)
        return (eqx.filter(eqx.apply_updates(eqx.combine(arrays, static), updates), eqx.is_array), state), None

    (arrays, state), _ = jax.lax.scan(step, (arrays, state), jax.random.split(key, LOOK_EVERY))
    return eqx.combine(arrays, static), state


def loss(cost: StepCost, data: Pairs, drawn: Pairs) -> Float[Array, ""]:
    """Of the discriminator of single steps: two logarithms of two where it knows nothing."""
    sides = [Samples.unweighted((side.observation, side.action), side.log_q) for side in (data, drawn)]
    return DiscriminatorLoss()(UnnormalizedDensity(StepEnergy(cost), Constant(jnp.zeros(()))), *sides)[0]


def fitted(cost: StepCost, data: tuple[Pairs, Pairs], drawn: tuple[Pairs, Pairs], most_steps: int = MOST_STEPS) -> StepCost:
    """Adam on steps of the first of each pair; what is best on the second is kept."""
    optimizer = optax.adam(1e-3)
    state, judge = optimizer.init(eqx.filter(cost, eqx.is_inexact_array)), eqx.filter_jit(loss)
    best = (float(judge(cost, data[1], drawn[1])), cost)
    for look in range(most_steps // LOOK_EVERY):
        cost, state = _chunk(cost, state, jax.random.key(look), data[0], drawn[0], optimizer)
        best = min(best, (float(judge(cost, data[1], drawn[1])), cost), key=lambda each: each[0])
    return best[1]


def log_occupancy_ratio(given: Part, drawn: Part) -> Callable[[Part], np.ndarray]:
    """log rho_E(x)/rho_q(x), pooled over time, by a discriminator of states alone: it is given no density."""
    nothing = [np.zeros(part.mask.shape) for part in (given, drawn)]
    data = tuple(pairs(given, ORDER[each], nothing[0]) for each in (TRAIN, CHOOSE))
    others = tuple(pairs(drawn, each, nothing[1]) for each in (TRAIN, CHOOSE))
    scaling = fit_scaling(jnp.concatenate([data[0].observation, others[0].observation]))
    cost = fitted(state_cost(jax.random.key(1), MUJOCO_SPECS[ENVIRONMENT], scaling), data, others, MOST_STEPS // 2)
    return lambda part: minus(cost, part)


def minus(cost: Any, part: Part) -> np.ndarray:
    """f = -c of every step, (n, T); of a shaped cost that of the transition, shaping included."""
    rows = tuple(jnp.asarray(each.reshape(-1, each.shape[-1])) for each in (part.before, part.action, part.after))
    return -np.asarray(_each(cost, *rows), np.float64).reshape(part.mask.shape)


@eqx.filter_jit
def _each(cost: Any, before: Array, action: Array, after: Array) -> Array:
    if isinstance(cost, ShapedCost):
        return jax.vmap(cost.of_transition)(before, action, after)
    return jax.vmap(cost)(before, action)


def steps_judged(expert: GaussianPolicy, q: Any, given: Part, drawn: Part) -> dict[str, Any]:
    """The discriminator of single steps of episodes that trained nothing, with f = log pi_E, and with log rho_E/rho_q added."""
    ratio = log_occupancy_ratio(given, drawn)
    on_data, on_drawn = (each.steps[RAW] for each in ratios([given, drawn], expert, q))
    data, others = on_data[ORDER[JUDGE]], on_drawn[JUDGE]
    add = ratio(given)[ORDER[JUDGE]], ratio(drawn)[JUDGE]
    found = {}
    for name, sides in {"without": (data, others), "with": (data + add[0], others + add[1])}.items():
        each = calibration(*(jnp.asarray(side.reshape(-1)) for side in sides))
        found[name] = {"error": float(each.expected_error), "log_loss": float(each.log_loss)}
    return found | {"spread": float(np.std(np.concatenate([side.reshape(-1) for side in add])))}


def against(f: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Correlation, slope of f on the truth, root mean square difference, and the same after the difference's own mean is taken out."""
    correlation = float(np.corrcoef(f.reshape(-1), truth.reshape(-1))[0, 1])
    apart = f - truth
    return {
        "correlation": correlation,
        "slope": correlation * float(f.std() / truth.std()),
        "rms": float(np.sqrt(np.mean(apart**2))),
        "centered": float(apart.std()),
    }


def learned_costs(found: dict[str, Any], clone: GaussianPolicy, options: argparse.Namespace) -> Iterator[None]:
    """Fills ``found``, a cost at a time."""
    expert, given = read_expert(ENVIRONMENT, options.folder), recorded(ENVIRONMENT, options.folder)
    if "fixed" not in found:
        name = "cloned_from_20_demonstrations"
        drawn = rolled(ENVIRONMENT, clone, ((50, 1000),), options.rollouts / f"{ENVIRONMENT}_{name}_fixed", 20)[0]
        found["fixed"] = of_fixed(expert, clone, given, drawn)
        yield
    moving = found.setdefault("moving", {})
    for name, algorithm in algorithms(clone).items():
        if name not in moving:
            print(f"--- {name}", flush=True)
            moving[name] = of_moving(algorithm, expert, clone, given, options)
            yield


def of_fixed(expert: GaussianPolicy, clone: GaussianPolicy, given: Part, drawn: Part) -> dict[str, Any]:
    """q is the clone and stays it."""
    spec = MUJOCO_SPECS[ENVIRONMENT]
    log_q = [log_density(laws(clone, part.before), part.action.astype(np.float64)) for part in (given, drawn)]
    log_e = [log_density(laws(expert, part.before), part.action.astype(np.float64)) for part in (given, drawn)]
    data = tuple(pairs(given, ORDER[each], log_q[0]) for each in (TRAIN, CHOOSE))
    others = tuple(pairs(drawn, each, log_q[1]) for each in (TRAIN, CHOOSE))
    ratio = log_occupancy_ratio(given, drawn)
    add = [ratio(part) for part in (given, drawn)]
    perceptron = mlp_cost(jax.random.key(2), spec, clone.scaling)
    learned = {"a perceptron": perceptron, "log density of the clone, tilted by a perceptron": TiltedCost(perceptron, clone)}
    rows = {"log density of the clone": log_q}
    for name, cost in learned.items():
        print(f"--- {name}", flush=True)
        cost = fitted(cost, data, others)
        rows[name] = [minus(cost, part) for part in (given, drawn)]
    rows |= {"log pi_E": log_e, "log pi_E + log rho_E/rho_q": [one + more for one, more in zip(log_e, add, strict=True)]}
    truth, corrected = log_e[0][ORDER[JUDGE]], (log_e[0] + add[0])[ORDER[JUDGE]]
    found = {}
    for name, (on_data, on_drawn) in rows.items():
        s = (on_data - log_q[0])[ORDER[JUDGE]], (on_drawn - log_q[1])[JUDGE]
        judged = {"loss": float(np.mean(np.logaddexp(0.0, -s[0])) + np.mean(np.logaddexp(0.0, s[1])))}
        on_judged = on_data[ORDER[JUDGE]]
        found[name] = judged | {"density": against(on_judged, truth), "corrected": against(on_judged, corrected)}
    return found


def algorithms(clone: GaussianPolicy) -> dict[str, CostLearning]:
    env = HostEnvironment(MUJOCO_SPECS[ENVIRONMENT])
    settings: dict[str, Any] = {
        "update_rule": PPO(num_epochs=4, num_minibatches=16),
        "make_policy": one_scale_raw,
        "num_cost_steps": COST_STEPS,
    }
    starts = FreeStarts(NUM_ROLLOUTS)
    flat, steep = GradientPenalty(0.1), GradientPenalty(0.0)
    tilted = functools.partial(_tilted, clone=clone)
    plain = DiscriminatorLoss()
    return {
        "GAN-GCL, gradient penalty 0.1": GanGcl(env, Steps(starts, 4096), plain, penalty=flat, **settings),
        "GAN-GCL, no penalty": GanGcl(env, Steps(starts, 4096), plain, penalty=steep, **settings),
        "GAN-GCL, tilted clone, no penalty": GanGcl(env, Steps(starts, 4096), plain, penalty=steep, make_cost=tilted, **settings),
        "AIRL, no penalty": Airl(env, Transitions(starts, 4096), plain, penalty=steep, **settings),
    }


def _tilted(key: Any, spec: Any, scaling: Any, clone: GaussianPolicy) -> TiltedCost:
    return TiltedCost(mlp_cost(key, spec, scaling), clone)


def of_moving(
    algorithm: CostLearning, expert: GaussianPolicy, clone: GaussianPolicy, given: Part, options: argparse.Namespace
) -> dict[str, Any]:
    """The policy begins as the clone and is improved on the cost; f and the policy's own density on the demonstrations that judge."""
    data = to_trajectories(demonstrations(ENVIRONMENT, options.folder).select(20, 0), 1000)
    collector = Collector(MujocoBatch(ENVIRONMENT, NUM_ROLLOUTS))
    update = eqx.filter_jit(lambda algorithm, state, batch: algorithm.update(state, batch))
    batch = collector.collect(jax.random.key(30), clone, NUM_ROLLOUTS)
    state = algorithm.init(jax.random.key(31), data, None, clone, clone.scaling, batch)
    trace = []
    for iteration in range(1, options.iterations + 1):
        batch = collector.collect(jax.random.fold_in(jax.random.key(32), iteration), state.policy, NUM_ROLLOUTS)
        state, metrics = update(algorithm, state, batch)
        if iteration % 10 == 0 or iteration == options.iterations:
            row = _against_expert(state.cost, state.policy, expert, given)
            trace.append({"iteration": iteration, "return": float(metrics.return_mean), "overlap": float(metrics.overlap), **row})
            print(trace[-1], flush=True)
    collector.close()
    return {"trace": trace}


def _against_expert(cost: Any, policy: Any, expert: GaussianPolicy, given: Part) -> dict[str, Any]:
    judged = Part(*(each[ORDER[JUDGE]] for each in given))
    action = judged.action.astype(np.float64)
    truth = log_density(laws(expert, judged.before), action)
    own = log_density(laws(policy, judged.before), action)
    kl = ratios([judged], expert, policy)[0].divergence
    return {"cost": against(minus(cost, judged), truth), "policy": against(own, truth), "divergence": float(kl.mean())}
