"""The tightrope: exact regret of cloning, DAgger and inverse RL against horizon and error rate; the control, where one falls for good.

    python benchmarks/tightrope.py            # about ten minutes
    python benchmarks/tightrope.py --table    # docs/results/tightrope.md from the result file

All learn from the same episodes of an expert that never falls, and act in one class of policies: their most likely action, done with
error rate eps (another action, any of the three). Cloning and DAgger fit scores that are linear in the one-hot state, with a bias; so what
cloning has learned on the rope, to walk, it does off the rope, where that never steps back. DAgger's first round is cloning. Inverse RL
learns one cost for each state, plans, and takes its most likely action at each time.
Regret is evaluated by a forward pass over the states, not by roll-outs. DAgger's own roll-outs are drawn: seeds differ there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from machine import one_thread
from result_page import PICTURES, Record, ResultPage

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from triality.algorithms.behavioral_cloning import BehavioralCloning  # noqa: E402
from triality.algorithms.dagger import Dagger  # noqa: E402
from triality.algorithms.expert_labels import MostLikelyLabels  # noqa: E402
from triality.envs.tightrope import tightrope_environment, tightrope_expert  # noqa: E402
from triality.policies.categorical import categorical_policy  # noqa: E402
from triality.policies.erring import ErringPolicy, erring  # noqa: E402
from triality.policies.scaling import identity_scaling  # noqa: E402
from triality.run import run  # noqa: E402
from triality.tabular import IrlConfig, StateCost, TabularDemonstrations, empirical_visitation, mce_irl  # noqa: E402
from triality.tabular.worlds import Tightrope, absorbing_tightrope, off_the_rope, regret, tightrope  # noqa: E402

jax.config.update("jax_enable_x64", True)

WORLDS = {"recoverable": tightrope, "absorbing": absorbing_tightrope}
HORIZONS, ERROR = (8, 16, 32, 64, 128, 256, 512), 1e-3
ERRORS, HORIZON = (1.25e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3), 128
NUM_LABELS, NUM_ROUNDS, NUM_STEPS, BATCH, RATE, L2 = 16_384, 8, 300, 256, 0.3, 1e-3
CLONING, DAGGER, IRL, SOFT = "behavioral cloning", "DAgger", "inverse RL", "inverse RL, its soft policy"
METHODS = (CLONING, DAGGER, IRL, SOFT)

Policies = dict[str, list[jax.Array]]


def in_class(log_policy: jax.Array, error: float) -> jax.Array:
    """Its most likely actions, with errors."""
    return erring(jnp.log(jax.nn.one_hot(jnp.argmax(log_policy, axis=-1), log_policy.shape[-1])), error)


def learned(world: Tightrope, error: float, seeds: int) -> Policies:
    """log pi of every method, one for each seed where roll-outs are drawn."""
    make_policy = partial(_linear, error=error)
    env, horizon = tightrope_environment(world), world.mdp.num_steps
    cloning = BehavioralCloning(env.spec, RATE, BATCH, make_policy)
    settings = {"labels": MostLikelyLabels(), "num_rollouts": NUM_LABELS // horizon, "num_rounds": NUM_ROUNDS}
    algorithm = Dagger(env, tightrope_expert(world), cloning, horizon, num_cloning_steps=NUM_STEPS, **settings)
    first = jax.vmap(lambda key: algorithm.init(key, identity_scaling(2)))(jax.random.split(jax.random.key(0), seeds))
    state, _, policies = _rounds(algorithm, first)
    tables = jax.vmap(jax.vmap(lambda policy: jax.vmap(lambda x: policy(x).logits)(jnp.eye(2))))(policies)  # seeds, rounds, states, actions
    result = mce_irl(
        world.mdp,
        empirical_visitation(world.mdp, _expert_episodes(state.cloning.data, algorithm.num_rollouts)),
        StateCost(world.mdp),
        IrlConfig(l2=L2),
    )
    if not result.converged:
        raise RuntimeError(f"expected inverse RL to converge, got a gap of {result.gap[-1]:.2g} at horizon {horizon}; raise max_num_steps")
    return {
        CLONING: [in_class(table[0], error) for table in tables],
        DAGGER: [in_class(table[-1], error) for table in tables],
        IRL: [in_class(result.log_policy, error)],
        SOFT: [result.log_policy],
    }


def _linear(key: jax.Array, spec, scaling, error: float) -> ErringPolicy:
    return ErringPolicy(categorical_policy(key, spec, scaling, hidden=()), error)


@eqx.filter_jit
def _rounds(algorithm: Dagger, states):
    return jax.lax.map(lambda state: run(algorithm, state, NUM_ROUNDS, 1, lambda state: state.policy), states)


def _expert_episodes(data, num_rollouts: int) -> TabularDemonstrations:
    """The first seed's first round, in which the expert alone acted."""
    first = jax.tree.map(lambda leaf: leaf[0, :num_rollouts], data)
    return TabularDemonstrations(jnp.argmax(first.observation, axis=-1), first.action, jnp.sum(first.mask, axis=-1))


def main() -> int:
    result = ResultPage("tightrope", measure, page)
    parser = result.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="(default %(default)s)")
    return result.run(parser.parse_args())


def measure(options: argparse.Namespace) -> Iterator[Record]:
    """Every horizon at one error rate in both worlds; every error rate at one horizon where one can step back."""
    cases = [(name, horizon, ERROR) for name in WORLDS for horizon in HORIZONS]
    cases += [("recoverable", HORIZON, error) for error in ERRORS if error != ERROR]
    rows, curves = [], []
    for name, horizon, error in cases:
        world = WORLDS[name](horizon)
        for method, policies in learned(world, error, options.seeds).items():
            row = {"world": name, "horizon": horizon, "error": error, "method": method}
            rows.append(row | {"regret": [float(regret(world, policy)) for policy in policies]})
            print(rows[-1], flush=True)
            if horizon == HORIZONS[-1]:
                off = [np.asarray(off_the_rope(world, policy)) for policy in policies]
                curves.append(row | {"off": np.mean(off, axis=0).tolist()})
        yield {"seeds": options.seeds, "rows": rows, "curves": curves}


def series(record: Record, world: str, method: str, over: str) -> tuple[np.ndarray, np.ndarray]:
    """(horizons or error rates, regret of every seed at each)."""
    fixed = {"horizon": ("error", ERROR), "error": ("horizon", HORIZON)}[over]
    found = [row for row in record["rows"] if (row["world"], row["method"], row[fixed[0]]) == (world, method, fixed[1])]
    found.sort(key=lambda row: row[over])
    return np.array([row[over] for row in found]), np.array([row["regret"] for row in found])


def exponents(at: np.ndarray, regrets: np.ndarray) -> np.ndarray:
    """Slope of log regret by least squares, for every seed."""
    return np.polyfit(np.log(at), np.log(regrets), 1)[0]


def page(record: Record) -> list[str]:
    lines = ["# The tightrope: where the errors of cloning compound", ""]
    lines += [
        "| method | exponent in $T$, one can step back | last doubling | in $T$, one falls for good | last doubling | in $\\epsilon$ |"
    ]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for method in METHODS[:3]:
        in_horizon = [series(record, world, method, "horizon") for world in WORLDS]
        found = [exponents(at[which], regrets[which]) for at, regrets in in_horizon for which in (slice(None), slice(-2, None))]
        found.append(exponents(*series(record, "recoverable", method, "error")))
        lines.append(f"| {method} | {' | '.join(_range(each, '{:.2f}') for each in found)} |")
    lines += ["", "![Regret and divergence](../_static/tightrope.svg)", ""]
    for world in WORLDS:
        lines += [f"Regret, steps off the rope, {world}:", "", f"| method | {' | '.join(f'T = {horizon}' for horizon in HORIZONS)} |"]
        lines += [f"|---|{'---:|' * len(HORIZONS)}"]
        lines += [
            f"| {method} | {' | '.join(_range(each, '{:.3g}') for each in series(record, world, method, 'horizon')[1])} |"
            for method in METHODS
        ]
        lines.append("")
    plot(record, PICTURES / "tightrope.svg")
    return [
        *lines,
        f"Error rate {ERROR:g} a step, so that $\\epsilon T$ is {ERROR * HORIZONS[0]:g} to {ERROR * HORIZONS[-1]:.2g}; in the",
        f"last column of the upper table T = {HORIZON}, rates are {ERRORS[0]:g} to {ERRORS[-1]:g}, and one can step back.",
        "Exponents are slopes of log regret by least squares. Regret and the probabilities in the picture are evaluated exactly,",
        f"by a forward pass over the states. Where roll-outs are drawn: means over {record['seeds']} seeds, with the range where they",
        f"differ. {NUM_LABELS:,} labels a round, {NUM_ROUNDS} rounds; cloning and inverse RL have those of the first, the expert's",
        "own. The expert's regret is 0; the least in the class is $\\epsilon(T-1)$ where one can step back. The *soft policy* of",
        "inverse RL is the maximum entropy policy, and its errors are those that its entropy makes, not $\\epsilon$: its regret",
        f"is its gap of features, the weight of the prior ({L2:g}) times what it learned that being off costs.",
    ]


def _range(values: np.ndarray, form: str) -> str:
    mean, low, high = (form.format(value) for value in (values.mean(), values.min(), values.max()))
    return mean if low == high else f"{mean} ({low} to {high})"


def plot(record: Record, target: Path) -> None:
    """Regret against horizon and against error rate; the probability of being off at each step."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["svg.hashsalt"] = "triality"  # the same file every time
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    by_horizon, by_error, by_step = figure.subplots(1, 3)
    for i, method in enumerate(METHODS[:3]):
        for world, style in (("recoverable", "-"), ("absorbing", ":")):
            at, regrets = series(record, world, method, "horizon")
            label = method if world == "recoverable" else f"{method}, falling for good"
            by_horizon.plot(at, regrets.mean(axis=1), f"C{i}{style}", marker="os^"[i], ms=7 - 2 * i, label=label)
            curve = next(each["off"] for each in record["curves"] if (each["world"], each["method"]) == (world, method))
            by_step.plot(np.arange(1, len(curve) + 1), curve, f"C{i}{style}", lw=3.0 - 0.9 * i)
        at, regrets = series(record, "recoverable", method, "error")
        by_error.plot(at, regrets.mean(axis=1), f"C{i}-", marker="os^"[i], ms=7 - 2 * i)
    by_horizon.set(xscale="log", yscale="log", xlabel="horizon T (steps)", ylabel="regret (expected steps off the rope)")
    by_error.set(
        xscale="log", yscale="log", xlabel=f"error rate (probability a step), T = {HORIZON}", ylabel="regret (expected steps off the rope)"
    )
    by_step.set(yscale="log", ylim=(1e-4, 1), xlabel="step t", ylabel="total variation distance to the expert")
    for axes, ticks in ((by_horizon, HORIZONS[::2]), (by_error, ERRORS[::2])):
        axes.set_xticks(ticks, [f"{each:g}" for each in ticks])
        axes.minorticks_off()
    for axes in (by_horizon, by_error, by_step):
        axes.grid(alpha=0.3)
    figure.legend(*by_horizon.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    sys.exit(main())
