"""Evaluation where a result counts: in Gymnasium itself, by its own dynamics, rewards, clipping and time limits."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from triality.errors import ConfigError, DataError, SimulatorError
from triality.specs import EnvironmentSpec

if TYPE_CHECKING:
    import gymnasium

Act = Callable[[np.ndarray], np.ndarray]
MAX_STEPS = 100_000
REGISTERED = ("DisabledAnt-v0",)
"""Ids that Gymnasium has from ``triality.simulators.registered``."""


def evaluate_in_gymnasium(
    env_id: str, act: Act, num_episodes: int = 100, seeds: Sequence[int] = range(100), absorbing: bool = False
) -> np.ndarray:
    """Undiscounted return of each of ``num_episodes`` episodes; episode i is reset with ``seeds[i]``.

    The episodes run in lockstep, so that ``act`` is called once a step with all observations, always of the same shape (n, obs): rows
    of episodes that are over keep their last observation and their actions are ignored. Actions go to the simulator as they are; where
    it clips, it clips itself.

    Args:
        env_id: Gymnasium's id.
        act: float32 observations (n, obs) to actions (n,) integers or (n, act).
        num_episodes: n.
        seeds: at least n of them.
        absorbing: append the indicator coordinate 0 to each observation, for a policy that was trained under ``Absorbing``. An episode
            that is over earns nothing there, so its return is complete.

    Raises:
        ConfigError: Gymnasium is not installed, does not know the id, or observes no vector; or there are too few seeds.
        DataError: ``act`` returned another shape or a number that is not finite.
        SimulatorError: the simulator raised, or an episode did not end within 100,000 steps.

    Example:
        >>> always_right = lambda observation: np.ones(len(observation), int)
        >>> evaluate_in_gymnasium("CartPole-v1", always_right, num_episodes=3).tolist()
        [8.0, 9.0, 10.0]
    """
    if not 1 <= num_episodes <= len(seeds):
        raise ConfigError(
            f"expected between 1 and {len(seeds)} episodes, one a seed, got {num_episodes}; do pass as many seeds as episodes"
        )
    simulators = [make_gymnasium(env_id) for _ in range(num_episodes)]
    try:
        return _run(simulators, act, list(seeds)[:num_episodes], absorbing)
    finally:
        for simulator in simulators:
            simulator.close()


def uniform_actions(spec: EnvironmentSpec) -> Act:
    """Actions that are uniform on their set, numpy's ``default_rng(0)``: what the zero of the normalized return is measured with.

    Example:
        >>> from triality.specs import SPECS
        >>> uniform_actions(SPECS["CartPole-v1"])(np.zeros((3, 4))).tolist()
        [1, 1, 1]
    """
    generator = np.random.default_rng(0)

    def act(observation: np.ndarray) -> np.ndarray:
        if spec.is_discrete:
            return generator.integers(spec.num_actions, size=len(observation))
        return generator.uniform(spec.action_low, spec.action_high, size=(len(observation), spec.action_size))

    return act


def make_gymnasium(env_id: str) -> gymnasium.Env:
    """Gymnasium's environment with its time limit, and without its checker of every step.

    Raises:
        ConfigError: Gymnasium is not installed, does not know the id, or observes no vector.
    """
    simulator = make_whatever_it_observes(env_id)
    shape = simulator.observation_space.shape
    if shape is None or len(shape) != 1:
        raise ConfigError(
            f"expected {env_id} to observe a vector, got {simulator.observation_space}; do register it wrapped in "
            "gymnasium.wrappers.FlattenObservation, or in a wrapper of your own"
        )
    return simulator


def make_whatever_it_observes(env_id: str) -> gymnasium.Env:
    """The same where it may observe anything.

    Raises:
        ConfigError: Gymnasium is not installed, or does not know the id.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise ConfigError(
            'expected Gymnasium for an evaluation, got no such package; do install it: pip install "triality[envs]"'
        ) from error
    try:
        with _silent_mujoco():
            return gymnasium.make(full_id(env_id), disable_env_checker=True)
    except (gymnasium.error.Error, ImportError) as error:
        raise ConfigError(
            f"expected an environment that Gymnasium can make, got {env_id!r} ({error}); do check the id and its extra"
        ) from error


def full_id(env_id: str) -> str:
    """What ``gymnasium.make`` finds: of an environment that this package registers the module that does it as well, which is imported then.

    Example:
        >>> full_id("Ant-v5"), full_id("DisabledAnt-v0")
        ('Ant-v5', 'triality.simulators.registered:DisabledAnt-v0')
    """
    return f"triality.simulators.registered:{env_id}" if env_id in REGISTERED else env_id


@contextlib.contextmanager
def _silent_mujoco() -> Iterator[None]:
    """MuJoCo says of Gymnasium's own model files, each time it reads one, that an attribute in them is deprecated; users cannot help it."""
    try:
        import mujoco
    except ImportError:
        yield
        return
    mujoco.set_mju_user_warning(lambda text: None)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(None)  # pyright: ignore[reportAttributeAccessIssue]


def _run(simulators: list[gymnasium.Env], act: Act, seeds: list[int], absorbing: bool) -> np.ndarray:
    observations = np.stack([_guarded(simulator.reset, seed=seed)[0] for simulator, seed in zip(simulators, seeds, strict=True)])
    observations = observations.astype(np.float32)
    returns, running = np.zeros(len(simulators)), list(range(len(simulators)))
    for _ in range(MAX_STEPS):
        seen = np.pad(observations, ((0, 0), (0, 1))) if absorbing else observations.copy()
        actions = _native(np.asarray(act(seen)), simulators[0].action_space, len(simulators))
        still_running = []
        for index in running:
            observation, reward, terminated, truncated, _ = _guarded(simulators[index].step, actions[index])
            observations[index] = observation
            returns[index] += reward
            if not (terminated or truncated):
                still_running.append(index)
        running = still_running
        if not running:
            return returns
    raise SimulatorError(f"expected every episode to end within {MAX_STEPS} steps, got {len(running)} that go on; do give it a time limit")


def _native(actions: np.ndarray, space: gymnasium.Space, num_episodes: int) -> Any:
    """Actions as the simulator takes them: Python integers, or vectors of its own type."""
    shape = (num_episodes, *(space.shape or ()))
    if actions.shape != shape:
        raise DataError(f"expected actions of shape {shape}, got {actions.shape}; do return one action a row of the observations")
    discrete = np.issubdtype(space.dtype, np.integer)
    if discrete and not np.issubdtype(actions.dtype, np.integer):
        raise DataError(f"expected integer actions, got {actions.dtype}; do return the index of an action, not scores or probabilities")
    if not np.all(np.isfinite(actions)):
        raise DataError(f"expected finite actions, got {np.sum(~np.isfinite(actions))} that are not; do check the policy's parameters")
    return actions.tolist() if discrete else actions.astype(space.dtype)


def _guarded(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """``function(...)``, with whatever a simulator raises under the project's own class."""
    try:
        return function(*arguments, **options)
    except Exception as error:
        raise SimulatorError(
            f"expected the simulator to go on, got {type(error).__name__}: {error}; do check the action and the environment"
        ) from error
