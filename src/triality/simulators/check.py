"""A conformance check for a Gymnasium environment that one has written: everything that is wrong with it, and how to mend it. No jax.

| what is looked at | fault |
|---|---|
| spaces and time limit | what no policy here can act in; no time limit |
| every ``reset`` and ``step`` of random episodes | raises, hangs; NaN, another shape or kind, outside its space; no reward, no flags |
| what was handed out earlier | an observation that changes afterwards, an action that was written to |
| the same seed twice, in another instance as well | another start, other steps |
| how episodes end | a time limit that is reported as termination |

What it cannot see: whether the dynamics and the reward are the ones that were meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from triality.envs.gymnasium_eval import make_whatever_it_observes
from triality.errors import ConfigError, SimulatorError
from triality.simulators.check_findings import MAKING, Findings, Given
from triality.simulators.check_player import Episode, Player
from triality.simulators.gymnasium_batch import PATIENCE
from triality.simulators.gymnasium_spec import action_problems, limit_problems, observation_problems, time_limit_of
from triality.simulators.watched_thread import LateError, WatchedThread

if TYPE_CHECKING:
    import gymnasium

NUM_STEPS, MOST_REPEATED = 2000, 100


class Report(NamedTuple):
    """What was found.

    Fields:
        env_id: the environment.
        faults: what has to be mended, one text each.
        notes: what may be as it should be, and is worth a look.
        facts: what was looked at, and what came of it.
    """

    env_id: str
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    facts: dict[str, str]

    @classmethod
    def of(cls, env_id: str, findings: Findings) -> Report:
        """What they came to."""
        return cls(env_id, findings.faults, findings.notes, findings.facts)

    def refuse(self) -> None:
        """Raises if there are faults.

        Raises:
            SimulatorError: lists all of them.
        """
        if self.faults:
            many = f"{len(self.faults)} faults" if len(self.faults) > 1 else "one fault"
            raise SimulatorError("\n  ".join([f"expected {self.env_id} to keep to Gymnasium's interface, got {many}:", *self.faults]))


def silently() -> None:
    """Where nobody waits for a sign of life."""


def check_simulator(
    env_id: str, make: Callable[[], gymnasium.Env] | None = None, num_steps: int = NUM_STEPS, seed: int = 0, patience: float = PATIENCE
) -> Report:
    """Plays random episodes, with eyes for everything that can be wrong, and goes on where it finds something.

    It looks in this process, which an environment that crashes in native code takes with it: ``check_apart`` looks in another.

    Args:
        env_id: Gymnasium's id, ``module:Id`` for one of your own.
        make: makes one environment; Gymnasium's ``make`` of the id by default.
        num_steps: random steps in all; a tenth of them, at most 100, is played three times more.
        seed: of the first episode, and of the actions.
        patience: seconds that one reset or step may take.

    Raises:
        ConfigError: Gymnasium does not know the id, or is not installed; no steps.

    Example:
        >>> report = check_simulator("CartPole-v1", num_steps=200)
        >>> report.faults, report.facts["time limit"], report.facts["steps by one seed"]
        ((), '500 steps', 'the same each time')
    """
    refuse_no_steps(num_steps)
    findings, thread = Findings(), WatchedThread(patience)
    made = partial(make_whatever_it_observes, env_id) if make is None else make
    try:
        thread.run(lambda: look(made, env_id, num_steps, seed, findings, thread.is_alive))
    except LateError:
        findings.hangs(patience, thread.stack())
    finally:
        thread.close()
    return Report.of(env_id, findings)


def refuse_no_steps(num_steps: int) -> None:
    """Raise where there is nothing to look at.

    Raises:
        ConfigError: no steps.
    """
    if num_steps < 1:
        raise ConfigError(f"expected at least one step, got {num_steps}; ask for some hundreds")


def look(
    make: Callable[[], gymnasium.Env],
    env_id: str,
    num_steps: int,
    seed: int,
    findings: Findings,
    is_alive: Callable[[], None] = silently,
) -> None:
    """The check itself, which goes wherever the environment takes it; what it finds is with ``findings``.

    Args: as those of ``check_simulator``, but for
        findings: where everything goes.
        is_alive: called after every answer of the environment.

    Raises:
        ConfigError: there is no such environment.
    """
    findings.at(MAKING)
    one, other = findings.tried(make), findings.tried(make)
    is_alive()
    if one is None or other is None:
        return
    _look_at_spaces(one, env_id, findings)
    players = [Player(_as_vector(each), findings, is_alive) for each in (one, other)]
    players[0].simulator.action_space.seed(seed)
    _look_at_episodes(players[0], time_limit_of(one), num_steps, seed, findings)
    _look_at_seeds(players[0], players[1], max(1, min(num_steps // 10, MOST_REPEATED)), seed, findings)
    findings.at("when it is closed")
    for player in players:
        findings.tried(player.simulator.close)


def _as_vector(simulator: gymnasium.Env) -> gymnasium.Env:
    """Flattened where it is no vector, which is a fault found before, so that the other faults are found as well."""
    import gymnasium

    space = simulator.observation_space
    is_vector = isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1
    return simulator if is_vector or not space.is_np_flattenable else gymnasium.wrappers.FlattenObservation(simulator)


def _look_at_spaces(simulator: gymnasium.Env, env_id: str, findings: Findings) -> None:
    seen, acted, limit = simulator.observation_space, simulator.action_space, time_limit_of(simulator)
    findings.fact("observations", str(seen))
    findings.fact("actions", str(acted))
    findings.fact("time limit", "none" if limit is None else f"{limit} steps")
    for kind, problems in {
        "observation space": observation_problems,
        "time limit": limit_problems,
        "action space": action_problems,
    }.items():
        for problem in problems(simulator, env_id):
            findings.fault(kind, problem)
    low, high = getattr(acted, "low", None), getattr(acted, "high", None)
    if low is not None and high is not None and np.isfinite([low, high]).all() and not (np.all(low == -1) and np.all(high == 1)):
        findings.note(
            "action box",
            f"the actions are not between -1 and 1 but between {np.min(low):g} and {np.max(high):g}: policies here scale to the box by "
            "themselves, those of other libraries may not; gymnasium.wrappers.RescaleAction does it for all",
        )


def _look_at_episodes(player: Player, limit: int | None, num_steps: int, seed: int, findings: Findings) -> None:
    episodes: list[Episode] = []
    left = num_steps
    while left > 0 and not findings.is_hopeless:
        played = player.random_episode(seed + len(episodes), left)
        left -= max(len(played.rewards), 1)
        episodes.append(played)
    whole = [each for each in episodes if each.is_over]
    findings.fact("random episodes", _lengths(whole, num_steps))
    findings.fact("random return", _returns(whole))
    steps = sum(len(each.rewards) for each in episodes)
    findings.fact("steps a second", f"{steps / player.seconds:,.0f}" if player.seconds > 0 else "none measured")
    if whole and not findings.is_hopeless:
        # The last one may have been cut where the steps were used up.
        longest = max(len(each.rewards) for each in whole)
        if episodes[-1].is_over or player.random_episode(seed + len(episodes), longest).is_over:
            findings.fact("a step after the end", player.step_after_end())
    _look_at_ends(whole, limit, findings)


def _lengths(whole: list[Episode], num_steps: int) -> str:
    if not whole:
        return f"none ended within {num_steps} steps"
    lengths, terminated = [len(each.rewards) for each in whole], sum(each.terminated for each in whole)
    return f"{len(whole)}, of {min(lengths)} to {max(lengths)} steps; {terminated} terminated, {len(whole) - terminated} truncated"


def _returns(whole: list[Episode]) -> str:
    """Mean and standard error."""
    if not whole:
        return "no whole episode"
    returns = np.array([np.sum(each.rewards) for each in whole])
    if not np.isfinite(returns).all():
        return "not finite"
    error = f" ± {returns.std(ddof=1) / math.sqrt(len(returns)):.3g}" if len(returns) > 1 else ""
    return f"{returns.mean():.6g}{error}"


def _look_at_ends(whole: list[Episode], limit: int | None, findings: Findings) -> None:
    """Only what ends by itself is terminated: a value function must not take the time limit for the end of the world."""
    at_limit = [each.terminated for each in whole if len(each.rewards) == limit]
    lengths = {len(each.rewards) for each in whole}
    if len(at_limit) > 1 and all(at_limit):
        findings.fault(
            "time limit as termination",
            f"expected episodes that reach the time limit to be truncated, got terminated=True at step {limit} in all "
            f"{len(at_limit)} of them; return terminated only for an end of the task itself, and leave the time limit to max_episode_steps",
        )
    elif len(whole) > 2 and len(lengths) == 1 and lengths != {1} and all(each.terminated for each in whole):
        findings.note(
            "one length",
            f"all {len(whole)} random episodes terminated after {lengths.pop()} steps: if that is a time limit, return truncated there, or "
            "leave it to max_episode_steps",
        )


def _look_at_seeds(one: Player, other: Player, num_steps: int, seed: int, findings: Findings) -> None:
    """The same seed and actions in the environment that was used, there again, and in one that was not."""
    if findings.is_hopeless:
        return
    actions = [one.simulator.action_space.sample() for _ in range(num_steps)]
    first, again, fresh = (player.replay(seed, actions) for player in (one, one, other))
    if not all((first, again, fresh)):
        return
    same = {"starts": "the same each time", "steps": "the same each time"}
    for played, where in ((again, "reset again"), (fresh, "in another instance")):
        differs = _first_difference(first, played)
        if differs is None:
            continue
        what = "starts" if differs == 0 else "steps"
        same[what] = f"another one {where}"
        got = f"another start {where}" if differs == 0 else f"another step {differs} {where}, by the same actions"
        findings.fault(
            f"seeds: {what}",
            f"expected reset(seed={seed}) to decide all that follows, got {got}; draw all randomness from self.np_random, which "
            "super().reset(seed=seed) seeds, and let reset set everything that a step reads",
        )
    findings.fact("starts by one seed", same["starts"])
    if same["starts"] == "the same each time":
        findings.fact("steps by one seed", same["steps"])


def _first_difference(one: list[Given], other: list[Given]) -> int | None:
    """The first step, 0 for the start, that is not the same to the last bit; None where all are."""
    pairs = enumerate(zip(one, other, strict=False))
    where = next((step for step, (a, b) in pairs if not a.equals(b)), None)
    return min(len(one), len(other)) if where is None and len(one) != len(other) else where
