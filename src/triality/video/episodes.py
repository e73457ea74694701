"""One episode after the other, picture by picture: a policy at work, and a demonstration shown again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from triality.data.demonstrations import Demonstrations
from triality.errors import SimulatorError
from triality.video.graphics import draw
from triality.video.places import Put

if TYPE_CHECKING:
    import gymnasium

Act = Callable[[np.ndarray], Any]
Begin = Callable[[Any], np.ndarray]
"""Resets a simulator and says what is seen then."""

SAME = 1e-3
"""Largest difference, absolute and relative, at which a replay counts as what was recorded: records are float32."""


class Picture(NamedTuple):
    """A moment of an episode.

    Fields:
        image: (height, width, 3) bytes.
        step: steps done.
        total: the environment's own return so far.
        is_over: whether the episode ended with this step.
    """

    image: np.ndarray
    step: int
    total: float
    is_over: bool


def from_seed(seed: int) -> Begin:
    """Begins where a reset with that seed begins."""
    return lambda simulator: _guarded(simulator.reset, seed=seed)[0]


def from_state(put: Put, observation: np.ndarray) -> Begin:
    """Begins in the state behind an observation."""

    def begin(simulator: Any) -> np.ndarray:
        _guarded(simulator.reset, seed=0)
        put(simulator, observation)
        return observation

    return begin


def play_policy(simulator: gymnasium.Env, begin: Begin, act: Act, num_steps: int) -> Iterator[Picture]:
    """The policy's episode, to its end or for ``num_steps`` steps; the first picture is of the start.

    Raises:
        SimulatorError: the simulator raised.
        ConfigError: it cannot draw.
    """
    observation, total = begin(simulator), 0.0
    yield Picture(draw(simulator), 0, total, False)
    for step in range(1, num_steps + 1):
        observation, reward, terminated, truncated, _ = _step(simulator, act(observation))
        total += float(reward)
        yield Picture(draw(simulator), step, total, terminated or truncated)
        if terminated or truncated:
            return


def play_demonstration(
    simulator: gymnasium.Env, begin: Begin, episode: Demonstrations, put: Put | None, num_steps: int
) -> Iterator[Picture]:
    """One recorded episode. With ``put`` every step starts in the state that was recorded, else only the first does.

    The return is that of the recorded rewards, where there are any.

    Raises:
        SimulatorError: the simulator raised.
        ConfigError: it cannot draw.
    """
    begin(simulator)
    total, shown = 0.0, min(num_steps, episode.num_steps)
    yield Picture(draw(simulator), 0, total, False)
    for step in range(shown):
        if put is not None:
            put(simulator, episode.observations[step])
        _, reward, _, _, _ = _step(simulator, episode.actions[step])
        total += float(reward if episode.rewards is None else episode.rewards[step])
        yield Picture(draw(simulator), step + 1, total, step + 1 == episode.num_steps)


def steps_alike(simulator: gymnasium.Env, begin: Begin, episode: Demonstrations, put: Put | None, num_steps: int) -> int:
    """How many steps of a replay show what was recorded; all that are shown if none departs. Draws nothing.

    Raises:
        SimulatorError: the simulator raised.
    """
    seen, shown = begin(simulator), min(num_steps, episode.num_steps)
    for step in range(shown):
        if not np.allclose(seen, episode.observations[step], rtol=SAME, atol=SAME):
            return step
        if put is not None:
            put(simulator, episode.observations[step])
        seen = _step(simulator, episode.actions[step])[0]
    return shown


def _step(simulator: gymnasium.Env, action: Any) -> Any:
    space: Any = simulator.action_space
    native = int(action) if np.issubdtype(space.dtype, np.integer) else np.asarray(action, space.dtype)
    return _guarded(simulator.step, native)


def _guarded(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """``function(...)``, with whatever a simulator raises under the project's own class."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        raise SimulatorError(f"expected the simulator to go on, got {type(error).__name__}: {error}; check the environment") from error
