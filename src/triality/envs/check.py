"""A conformance check for an environment that one has written: run it once, on the host, before training on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PyTree

from triality.envs.environment import AbstractEnvironment, Transition
from triality.errors import SimulatorError
from triality.specs import EnvironmentSpec

T = TypeVar("T")


class _Subject(NamedTuple):
    """What every check needs: the environment, a start with its observation, and an action."""

    env: AbstractEnvironment
    state: PyTree
    action: Array


def check_environment(env: AbstractEnvironment, num_steps: int | None = None, seed: int = 0) -> None:
    """Raises with the reason and the remedy where ``env`` breaks the protocol; returns nothing where it keeps it.

    Checked: the specification; shapes and types of observations, rewards and flags; that a step keeps the state's structure (a roll-out
    is a scan); that start and step are functions of their key; that compiled and batched they give what they give plainly; that random
    roll-outs of ``num_steps`` stay finite and within the documented bounds; and that ``state_from_observation``, where it is written,
    inverts ``observe``. What it cannot see: whether the dynamics are the ones that were meant.

    Args:
        env: the environment.
        num_steps: length of the random roll-outs, eight of them; by default the time limit.
        seed: of everything random.

    Raises:
        SimulatorError: at the first rule that is broken.

    Example:
        >>> from triality.envs.pendulum import Pendulum
        >>> check_environment(Pendulum(), num_steps=20)
    """
    _check_spec(env.spec)
    key_start, key_action, key_step, key_rollout = jax.random.split(jax.random.key(seed), 4)
    state = _call("initial_state", env.initial_state, key_start)
    subject = _Subject(env, state, random_action(key_action, env.spec))
    _check_observation(subject)
    _check_transition(subject, key_step)
    _check_function_of_key(subject, key_start, key_step)
    _check_compiled_and_batched(subject, key_step)
    _check_rollouts(env, key_rollout, env.spec.time_limit if num_steps is None else num_steps)
    _check_inverse(subject, key_step)


def random_action(key: Key[Array, ""], spec: EnvironmentSpec) -> Array:
    """One action, uniform on the action set; standard normal in a coordinate without finite bounds."""
    if spec.is_discrete:
        return jax.random.randint(key, (), 0, spec.num_actions)
    low, high = jnp.asarray(spec.action_low, dtype=float), jnp.asarray(spec.action_high, dtype=float)
    bounded = jnp.isfinite(low) & jnp.isfinite(high)
    key_uniform, key_normal = jax.random.split(key)
    lower, width = jnp.where(bounded, low, 0.0), jnp.where(bounded, high - low, 0.0)
    uniform = lower + width * jax.random.uniform(key_uniform, low.shape)
    return jnp.where(bounded, uniform, jax.random.normal(key_normal, low.shape))


def _check_spec(spec: EnvironmentSpec) -> None:
    if spec.observation_size < 1 or spec.time_limit < 1:
        raise SimulatorError(
            f"expected observation_size and time_limit of at least 1, got {spec.observation_size} and {spec.time_limit}; do set them"
        )
    if (spec.num_actions > 0) == (spec.action_size > 0):
        raise SimulatorError(
            f"expected either num_actions (discrete) or action_size (continuous), got {spec.num_actions} and {spec.action_size}; "
            "do set one of them and leave the other 0"
        )
    _check_box("action", spec.action_size, spec.action_low, spec.action_high)
    if spec.observation_low or spec.observation_high:
        _check_box("observation", spec.observation_size, spec.observation_low, spec.observation_high)


def _check_box(name: str, size: int, low: tuple[float, ...], high: tuple[float, ...]) -> None:
    ordered = all(lower < upper for lower, upper in zip(low, high, strict=False))
    if len(low) != size or len(high) != size or not ordered or any(math.isnan(bound) for bound in (*low, *high)):
        raise SimulatorError(
            f"expected {size} bounds {name}_low < {name}_high, got {low} and {high}; "
            "do give one pair a coordinate, infinite where none holds"
        )


def _call(name: str, function: Callable[..., T], *arguments: object) -> T:
    """``function(*arguments)``; whatever the user's code raises is reported under the method's name."""
    try:
        return function(*arguments)
    except Exception as error:
        raise SimulatorError(
            f"expected {name} to run, got {type(error).__name__}: {error}; do make it a pure jax.numpy function"
        ) from error


def _check_observation(subject: _Subject) -> None:
    env = subject.env
    _check_array("observe", _call("observe", env.observe, subject.state), (env.spec.observation_size,), jnp.floating)


def _check_transition(subject: _Subject, key: Key[Array, ""]) -> None:
    after = _call("transition", subject.env.transition, key, subject.state, subject.action)
    if not isinstance(after, Transition):
        raise SimulatorError(
            f"expected transition to return a Transition, got {type(after).__name__}; do return Transition(state, reward, terminated)"
        )
    _check_array("the reward of transition", after.reward, (), jnp.floating)
    _check_array("terminated of transition", after.terminated, (), jnp.bool_)
    before, now = _describe(subject.state), _describe(after.state)
    if before != now:
        raise SimulatorError(
            f"expected transition to keep the state's structure, shapes and types {before}, got {now}; do return the kind of state that "
            "initial_state returns (a Python number or a list in it is a common cause)"
        )


def _check_array(name: str, value: object, shape: tuple[int, ...], kind: type) -> None:
    if not isinstance(value, jax.Array):
        raise SimulatorError(f"expected {name} to be a jax array of shape {shape}, got {type(value).__name__}; do wrap it in jnp.asarray")
    if value.shape != shape or not jnp.issubdtype(value.dtype, kind):
        raise SimulatorError(
            f"expected {name} of shape {shape} and type {kind.__name__}, got {value.shape} and {value.dtype}; do cast or index it"
        )
    if kind is jnp.floating and not bool(jnp.all(jnp.isfinite(value))):
        raise SimulatorError(f"expected finite numbers from {name}, got {np.asarray(value)}; do look for a division by zero or an overflow")


def _describe(state: PyTree) -> str:
    """Structure, shapes and types, for comparison and for people."""
    return str(jax.tree.map(lambda leaf: (jnp.shape(leaf), str(jnp.asarray(leaf).dtype)), state))


def _check_function_of_key(subject: _Subject, key_start: Key[Array, ""], key_step: Key[Array, ""]) -> None:
    env = subject.env
    if not _agree(subject.state, env.initial_state(key_start), tolerance=0.0):
        raise SimulatorError(
            "expected initial_state to be a function of its key, got two starts from one key; do draw with jax.random only"
        )
    first, second = (env.transition(key_step, subject.state, subject.action) for _ in range(2))
    if not _agree(first, second, tolerance=0.0):
        raise SimulatorError(
            "expected transition to be a function of key, state and action, got two results from one call's arguments; "
            "do draw with jax.random only, and keep what changes in the state"
        )


def _check_compiled_and_batched(subject: _Subject, key: Key[Array, ""]) -> None:
    def step(key: Key[Array, ""], state: PyTree, action: Array) -> tuple[Transition, Float[Array, " obs"]]:
        after = subject.env.transition(key, state, action)
        return after, subject.env.observe(after.state)

    plain = _call("transition", step, key, subject.state, subject.action)
    compiled = _call("transition under jit", jax.jit(step), key, subject.state, subject.action)
    if not _agree(plain, compiled):
        raise SimulatorError("expected transition to give the same compiled, got another result; do keep Python side effects out of it")
    keys, states, actions = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), (key, subject.state, subject.action))
    batched = _call("transition under vmap", jax.jit(jax.vmap(step)), keys, states, actions)
    if not _agree(plain, jax.tree.map(lambda leaf: leaf[1], batched)):
        raise SimulatorError("expected transition to give the same under vmap, got another result; do index from the last axis, or by name")


def _agree(a: PyTree, b: PyTree, tolerance: float = 1e-4) -> bool:
    """Same structure, and equal within ``tolerance`` (relative, float32 rounding); NaN agrees with NaN."""
    if jax.tree.structure(a) != jax.tree.structure(b):
        return False
    pairs = zip(jax.tree.leaves(_without_keys(a)), jax.tree.leaves(_without_keys(b)), strict=True)
    return all(np.allclose(x, y, rtol=tolerance, atol=tolerance, equal_nan=True) for x, y in pairs)


def _without_keys(tree: PyTree) -> PyTree:
    """Random keys as the numbers in them, since a state may carry one."""

    def numbers(leaf: Array) -> Array:
        is_key = jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key)
        return jax.random.key_data(leaf) if is_key else leaf

    return jax.tree.map(numbers, tree)


def _check_rollouts(env: AbstractEnvironment, key: Key[Array, ""], num_steps: int) -> None:
    def roll(key: Key[Array, ""]) -> tuple[Array, Array]:
        key_start, key_steps = jax.random.split(key)

        def step(state: PyTree, key: Key[Array, ""]) -> tuple[PyTree, tuple[Array, Array]]:
            key_action, key_step, key_restart = jax.random.split(key, 3)
            after = env.transition(key_step, state, random_action(key_action, env.spec))
            fresh = env.initial_state(key_restart)
            following = jax.tree.map(lambda new, go_on: jnp.where(after.terminated, new, go_on), fresh, after.state)
            return following, (env.observe(after.state), after.reward)

        return jax.lax.scan(step, env.initial_state(key_start), jax.random.split(key_steps, num_steps))[1]

    observation, reward = _call("a random roll-out", jax.jit(jax.vmap(roll)), jax.random.split(key, 8))
    for name, values in (("observation", observation), ("reward", reward)):
        finite = np.isfinite(np.asarray(values)).reshape(8, num_steps, -1).all(axis=(0, 2))
        if not finite.all():
            raise SimulatorError(
                f"expected a finite {name} at every step, got NaN or infinity after {int(finite.argmin()) + 1} random steps; "
                "do bound the state"
            )
    _check_bounds(env.spec, np.asarray(observation))


def _check_bounds(spec: EnvironmentSpec, observation: np.ndarray) -> None:
    if not spec.observation_low:
        return
    low, high = np.array(spec.observation_low), np.array(spec.observation_high)
    below, above = low - 1e-5 * (1.0 + np.abs(low)), high + 1e-5 * (1.0 + np.abs(high))  # room for float32 rounding
    outside = np.any((observation < below) | (observation > above), axis=(0, 1))
    if outside.any():
        coordinate = int(outside.argmax())
        raise SimulatorError(
            f"expected observation coordinate {coordinate} in [{low[coordinate]}, {high[coordinate]}], got values from "
            f"{observation[..., coordinate].min():.6g} to {observation[..., coordinate].max():.6g}; do widen the bounds or clip the state"
        )


def _check_inverse(subject: _Subject, key: Key[Array, ""]) -> None:
    env = subject.env
    if type(env).state_from_observation is AbstractEnvironment.state_from_observation:
        return
    state = env.transition(key, subject.state, subject.action).state
    try:
        again = env.state_from_observation(env.observe(state))
    except NotImplementedError:
        return  # a wrapper around an environment whose observation does not determine its state
    except Exception as error:
        raise SimulatorError(
            f"expected state_from_observation to run, got {type(error).__name__}: {error}; do leave it out, or mend it"
        ) from error
    if _describe(again) != _describe(state):
        raise SimulatorError(
            f"expected state_from_observation to return a state like {_describe(state)}, got {_describe(again)}; "
            "do return the same structure"
        )
    following = [env.transition(key, each, subject.action) for each in (state, again)]
    same_now = _agree(env.observe(state), env.observe(again))
    if not same_now or not _agree(env.observe(following[0].state), env.observe(following[1].state)):
        raise SimulatorError(
            "expected state_from_observation to invert observe, got a state that looks or goes on differently; "
            "do leave it out where the observation does not determine the state"
        )
