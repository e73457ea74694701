"""``triality play``: a film of the learned policy beside a demonstration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from triality.cli.export import seed_index
from triality.cli.play_options import PlayOptions
from triality.cli.ranges import counts, refuse
from triality.cli.stored import StoredRun, load_states, open_run
from triality.data.checks import RESET_SEEDS, check_against
from triality.data.demonstrations import Demonstrations
from triality.data.demonstrations_from import read_demonstrations_from
from triality.errors import ConfigError, TrialityError
from triality.runs.folder import check_writable
from triality.video.episodes import Act, Begin, from_seed, from_state, play_demonstration, play_policy, steps_alike
from triality.video.film import check_film, write_film
from triality.video.graphics import draw, open_drawing
from triality.video.panel import Strip, frames
from triality.video.places import Put, put_finder

SMALLEST = 64


class Beside(NamedTuple):
    """What one episode of the policy is shown beside.

    Fields:
        begin: where both begin.
        episode: the demonstration; None where there is none to show.
        put: as of ``triality.video.places``.
        note: what the caption says of it.
    """

    begin: Begin
    episode: Demonstrations | None
    put: Put | None
    note: str


def run(options: PlayOptions) -> int:
    """Draw and write the film; returns the exit code."""
    refuse(counts(options, "episodes", "steps", "fps") + counts(options, "size", least=SMALLEST))
    stored = open_run(options.run)
    index, out = seed_index(stored, options.seed), options.out or beside_run(options.run)
    check_film(out)
    check_writable(out.parent)
    task = stored.task
    if task.is_ours:
        raise ConfigError(
            f"expected an environment that Gymnasium can draw, got {task.bare.name}; see the pictures in {options.run}/report.html"
        )
    simulators = open_drawing(task.bare.name), open_drawing(task.bare.name)
    try:
        beside = list(_beside(stored, index, options.episodes))
        simulators[0].reset(seed=0)
        draw(simulators[0])  # what is missing is told before jax is loaded
        out.parent.mkdir(parents=True, exist_ok=True)
        told: list[str] = []
        count = write_film(out, _film(simulators, beside, _mean_action(stored, index), stored, options, told.append), options.fps)
    finally:
        for simulator in simulators:
            simulator.close()
    console = Console()
    for words in dict.fromkeys(told):
        console.print(words, highlight=False)
    console.print(f"{count} frames in {out}", highlight=False)
    return 0


def beside_run(run: Path) -> Path:
    """Where the film goes if no place is named: beside the run's folder, which holds nothing but what the run wrote.

    Example:
        >>> beside_run(Path("runs/mine")).name
        'mine.gif'
    """
    folder = run.resolve()
    return folder.parent / f"{folder.name}.gif"


def _film(
    simulators: Any, beside: list[Beside], act: Act, stored: StoredRun, options: PlayOptions, tell: Callable[[str], None]
) -> Iterator[np.ndarray]:
    """Every frame of every episode."""
    ours, theirs = simulators
    name = f"{stored.options.env}, {stored.options.algorithm}, seed {stored.options.seed if options.seed is None else options.seed}"
    for each in beside:
        note = each.note
        strips = [Strip("learned policy, mean action", play_policy(ours, each.begin, act, options.steps))]
        if each.episode is not None:
            shown = min(options.steps, each.episode.num_steps)
            alike = steps_alike(theirs, each.begin, each.episode, each.put, options.steps)
            if alike < shown:
                note += f"; the replay departs from the record after {alike} steps"
            strips.append(Strip("demonstration", play_demonstration(theirs, each.begin, each.episode, each.put, options.steps)))
        tell(note)
        yield from frames(strips, f"{name}. {note}.", options.size)


def _beside(stored: StoredRun, index: int, episodes: int) -> Iterator[Beside]:
    """One for each episode; the demonstrations that this seed of the run learned from come first.

    Raises:
        ConfigError: more episodes than demonstrations that they could begin with.
    """
    try:
        # As recorded, whatever the run did with actions outside the box: they are to be taken again.
        checked = check_against(read_demonstrations_from(stored.options.demos), stored.task.bare, "raw").demonstrations
    except TrialityError as error:
        for seed in range(episodes):
            yield Beside(
                from_seed(seed), None, None, f"Reset seed {seed}; no demonstration, since the file cannot be read ({_short(error)})"
            )
        return
    order = np.random.default_rng(stored.options.seed + index).permutation(checked.num_trajectories)
    put, seeds = put_finder(stored.task.bare.name), _reset_seeds(checked)
    if episodes > len(order) and (put is not None or seeds is not None):
        raise ConfigError(
            f"expected --episodes of at most {len(order)}, one for each demonstration in {stored.options.demos}, got {episodes}: the "
            "others would be the same again; ask for fewer"
        )
    for number in range(episodes):
        which = int(order[number % len(order)])
        episode = checked.take([which])
        if put is not None:
            yield Beside(from_state(put, episode.observations[0]), episode, put, f"Both begin where demonstration {which} begins")
        elif seeds is not None:
            note = f"Both begin at reset seed {seeds[which]}; the actions of demonstration {which} are taken again"
            yield Beside(from_seed(seeds[which]), episode, None, note)
        else:
            note = f"Reset seed {number}; no demonstration, since its start cannot be set and meta lists no {RESET_SEEDS}"
            yield Beside(from_seed(number), None, None, note)


def _reset_seeds(demonstrations: Demonstrations) -> list[int] | None:
    """One for each demonstration, or nothing."""
    seeds = demonstrations.meta.get(RESET_SEEDS)
    fits = isinstance(seeds, list) and len(seeds) == demonstrations.num_trajectories and all(isinstance(each, int) for each in seeds)
    return seeds if fits else None


def _mean_action(stored: StoredRun, index: int) -> Act:
    """The policy of one seed, for one observation of the bare environment."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    _, states = load_states(stored)
    policy = jax.tree.map(lambda leaf: leaf[index], states.policy)
    mode = eqx.filter_jit(lambda policy, observation: policy(observation).mode)
    indicator = np.zeros(1 if stored.task.is_absorbing else 0)

    def act(observation: np.ndarray) -> np.ndarray:
        return np.asarray(mode(policy, jnp.asarray(np.concatenate([observation, indicator]), jnp.zeros(()).dtype)))

    return act


def _short(error: Exception) -> str:
    """Its first clause: a caption has little room."""
    return str(error).splitlines()[0].split(";")[0]
