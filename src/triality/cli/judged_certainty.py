"""What the data of a run can tell: where demonstrations and roll-outs overlap, where seeds agree, how far f is from known densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from triality.cli.experiment import as_trajectories
from triality.cli.judge_options import JudgeOptions
from triality.cli.judged_steps import Covered, batch_cost
from triality.cli.stored import StoredRun
from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.energies.shaped_cost import ShapedCost
from triality.envs.gridworld import TWO_DOORS, TabularEnvironment
from triality.errors import DataError
from triality.judging.density_ratio import fit_log_ratio
from triality.judging.ensemble import sampled_ensemble, unshaped
from triality.judging.identifiability import Identifiability, identifiability
from triality.judging.known_density import known_density_gap, r_squared_up_to_shaping
from triality.judging.regions import Regions
from triality.judging.steps import BatchCost, PotentialClass, Steps
from triality.tabular.costs import StateActionCost, StateCost
from triality.tabular.mdp import TabularMDP

MOST_STEPS = 6_000
NUM_WAVES_OF_RATIO = 32


class Seen(NamedTuple):
    """Demonstrations as one seed saw them.

    Fields:
        steps: with rewards of zero where none were recorded.
        log_prob: log pi_E of each step, in nats; None where the file has none, or the task is not the one that it is of.
    """

    steps: Steps
    log_prob: Float[np.ndarray, " n"] | None


class Certainty(NamedTuple):
    """What goes on the page.

    Fields:
        numbers: of the record.
        pairs: f (less its mean error, where a constant is free) and what known densities say it is, of the first seed; None without them.
        determined: exactly, where the environment is a table.
        grid: the grid as text, where it is one.
    """

    numbers: dict[str, Any]
    pairs: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]] | None = None
    determined: Identifiability | None = None
    grid: tuple[str, ...] | None = None


def seen_demonstrations(stored: StoredRun) -> list[Seen] | str:
    """Of every seed; or why they are not at hand, in words."""
    try:
        found = read_demonstrations(stored.options.demos)
        first = stored.options.seed
        return [_seen(found.select(stored.options.num_demos, seed), stored, seed) for seed in range(first, first + stored.options.seeds)]
    except DataError as error:
        return f"the demonstrations are not at hand: {error}"


def certainty(costs: Sequence[Any], seen: list[Seen] | str, over: Covered, stored: StoredRun, options: JudgeOptions) -> Certainty:
    """Everything of the section.

    Args:
        costs: of every seed, as learned.
        seen: from ``seen_demonstrations``.
        over: the roll-outs.
        stored: the run.
        options: of the command.
    """
    if isinstance(seen, str):
        return Certainty({"note": seen})
    learned = [batch_cost(cost) for cost in costs]
    demonstrated = _joined([each.steps for each in seen])
    drawn = Steps(*(leaf[: over.num_learned] for leaf in over.steps))
    regions = Regions.fitted(demonstrated.observation, drawn.observation)
    both = _joined([demonstrated, drawn]).thinned(MOST_STEPS, options.seed)
    potentials = PotentialClass.fitted(both.observation, options.waves, options.seed)
    numbers = _of_seeds(learned, both, regions, potentials.shaping(both, options.discount))
    shares = [regions.shares(each.observation) for each in (demonstrated, drawn)]
    numbers["overlap"] = float(np.minimum(*shares).sum())
    numbers["regions"] = [
        {"name": name, "demonstrations": float(a), "roll_outs": float(b), "spread": spread}
        for name, a, b, spread in zip(_names(regions), *shares, numbers.pop("spread"), strict=True)
    ]
    known, pairs = _known_densities(costs, seen, over, regions, stored, options)
    # Every objective but the plain one solves for log Z: a constant of f is then free.
    numbers |= {
        "known_density": known,
        "first_seed": stored.options.seed,
        "level": stored.options.level,
        "is_constant_free": stored.options.objective != "plain",
    }
    return Certainty(numbers, pairs)


def determined_by(found: Certainty, seen: list[Seen] | str, environment: TabularEnvironment, options: JudgeOptions, kind: str) -> Certainty:
    """The same, with what a table allows to be said exactly: which directions the visits could ever tell, at the uniform policy."""
    if isinstance(seen, str):
        return found
    law, start = (np.exp(np.asarray(each, np.float64)) for each in (environment.log_probabilities, environment.log_start))
    mdp = TabularMDP.from_sparse(environment.successors, law, start, discount=options.discount)
    steps, visits = _joined([each.steps for each in seen]), np.zeros((1, mdp.num_states, mdp.num_actions))
    np.add.at(visits[0], (np.argmax(steps.observation, axis=1), steps.action), 1.0 / len(steps.action))
    even = np.full((mdp.num_states, mdp.num_actions), -np.log(mdp.num_actions))
    exact = identifiability(mdp, even, StateCost(mdp) if kind == "state" else StateActionCost(mdp), visits)
    names = ("num_parameters", "num_determined", "num_shaping", "num_unseen", "num_untaken")
    numbers = {**found.numbers, "determined": {name: int(getattr(exact, name)) for name in names}, "words": exact.words()}
    grid = TWO_DOORS if environment.spec.name == "Gridworld-v0" and mdp.num_states == len("".join(TWO_DOORS)) else None
    return found._replace(numbers=numbers, determined=exact, grid=grid)


def _seen(chosen: Demonstrations, stored: StoredRun, seed: int) -> Seen:
    batch = as_trajectories(chosen, stored.task, seed)
    is_known = chosen.log_prob is not None and not stored.task.is_absorbing
    return Seen(Steps.of([batch]), np.asarray(batch.log_prob, np.float64)[np.asarray(batch.mask)] if is_known else None)


def _joined(parts: Sequence[Steps]) -> Steps:
    counts = np.cumsum([0] + [int(each.episode.max()) + 1 for each in parts])
    moved = [each._replace(episode=each.episode + first) for each, first in zip(parts, counts, strict=False)]
    return Steps(*(np.concatenate(leaves) for leaves in zip(*moved, strict=True)))


def _of_seeds(learned: Sequence[BatchCost], steps: Steps, regions: Regions, shaping: np.ndarray) -> dict[str, Any]:
    """Share of shaping in each seed's cost, and where seeds differ after it is taken away, in units of a canonical cost's spread."""
    values = np.stack([cost(steps.observation, steps.action, steps.after) for cost in learned])
    left = unshaped(values, shaping, np.full(len(steps.action), 1.0 / len(steps.action)))
    found = {"shaping_share": [float(1.0 - np.var(b) / max(np.var(a), 1e-300)) for a, b in zip(values, left, strict=True)]}
    nothing: list[float | None] = [None] * len(regions.centers)
    # A seed whose cost is shaping alone has no direction to compare.
    if len(learned) < 2 or max(found["shaping_share"]) > 1.0 - 1e-9:
        return {**found, "disagreement": None, "spread": nothing}
    ensemble = sampled_ensemble(left, shaping[:, :0])
    place, square = regions.of(steps.observation), ensemble.deviation**2
    counts, sums = (np.bincount(place, each, minlength=len(regions.centers)) for each in (None, square))
    spread = [float(np.sqrt(total / count)) if count else None for total, count in zip(sums, counts, strict=True)]
    return {**found, "disagreement": ensemble.disagreement, "spread": spread}


def _known_densities(
    costs: Sequence[Any], seen: list[Seen], over: Covered, regions: Regions, stored: StoredRun, options: JudgeOptions
) -> tuple[list[dict[str, Any]] | None, tuple[np.ndarray, np.ndarray] | None]:
    """f against log pi_E + log(rho_E / rho_pi) along each seed's demonstrations; nothing of a discriminator that knows no density."""
    if stored.options.algorithm == "gail":
        return None, None
    found, pairs = [], None
    for index, (cost, each) in enumerate(zip(costs, seen, strict=True)):
        if each.log_prob is None:
            return None, None
        drawn = _of_seed(over, index, options.episodes).observation
        both = np.concatenate([each.steps.observation, drawn])
        features = PotentialClass.fitted(both, 0 if regions.is_exact else NUM_WAVES_OF_RATIO, options.seed)
        ratio = fit_log_ratio(each.steps.observation, drawn, features)(each.steps.observation)
        f, log_expert = -transition_cost(cost)(*each.steps[:3]), each.log_prob
        gap = known_density_gap(f, log_expert, ratio, region=regions.of(each.steps.observation))
        potentials = PotentialClass.fitted(each.steps.observation, min(options.waves, len(f) // 8), options.seed)
        explained = r_squared_up_to_shaping(f, log_expert, potentials.shaping(each.steps, options.discount))
        found.append(
            {
                "error": gap.error,
                "bias": gap.bias,
                "error_up_to_constant": float(np.sqrt(max(gap.error**2 - gap.bias**2, 0.0))),
                "correlation": gap.correlation,
                "size_of_ratio": gap.mean_ratio,
                "r_squared_up_to_shaping": explained,
                "region_bias": gap.region_bias.tolist(),
            }
        )
        shift = 0.0 if stored.options.objective == "plain" else gap.bias
        pairs = (f - shift, log_expert + ratio) if pairs is None else pairs
    return found, pairs


def transition_cost(cost: Any) -> BatchCost:
    """c_f(x, u, x') of a shaped cost, which is what its discriminator saw; c(x, u) of any other."""
    if not isinstance(cost, ShapedCost):
        return batch_cost(cost)

    def of(observation: np.ndarray, action: np.ndarray, after: np.ndarray) -> np.ndarray:
        pairs = batch_cost(cost)(observation, action, after)
        h = [np.asarray(jax.vmap(cost.potential)(jax.numpy.asarray(seen, float)), np.float64) for seen in (observation, after)]
        return pairs + h[0] - float(cost.discount) * h[1]

    return of


def _of_seed(over: Covered, index: int, episodes: int) -> Steps:
    mine = (over.steps.episode >= index * episodes) & (over.steps.episode < (index + 1) * episodes)
    return Steps(*(leaf[mine] for leaf in over.steps))


def _names(regions: Regions) -> list[str]:
    if regions.is_exact and np.all(np.sort(regions.centers, axis=1)[:, -2:] == [0.0, 1.0]):
        return [f"state {place}" for place in np.argmax(regions.centers, axis=1)]
    return ["(" + ", ".join(f"{value:.2g}" for value in row[:4]) + (", ...)" if len(row) > 4 else ")") for row in regions.centers]
