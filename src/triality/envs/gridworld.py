"""A finite Markov decision process as an environment, and a gridworld drawn as text.

The observation is the state's one-hot vector, so that every policy and cost that takes vectors takes tables too: a linear cost is then
a table. The arrays are those of a tabular MDP: successors (S, A, K), their log probabilities, and a log start law; ``reward`` serves
evaluation, as everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.errors import ConfigError
from triality.specs import SPECS, EnvironmentSpec

TWO_DOORS = ("S.#..G", "..#...", "....#.", ".##.#.", "S.....")
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


class TabularEnvironment(AbstractEnvironment[Int[Array, ""]]):
    """States 0 .. S-1 seen as one-hot vectors, actions 0 .. A-1. Never terminates: an end is a state that one cannot leave.

    Fields:
        spec: sizes and time limit; S and A must be those of the arrays.
        successors: index of the k-th successor of a state and action.
        log_probabilities: its log probability, in nats; -inf where there are fewer than K.
        log_start: log of the start law, in nats.
        reward: r(state, action), for evaluation.
    """

    spec: EnvironmentSpec = eqx.field(static=True)
    successors: Int[Array, "states actions branches"]
    log_probabilities: Float[Array, "states actions branches"]
    log_start: Float[Array, " states"]
    reward: Float[Array, "states actions"]

    def __check_init__(self):
        num_states, num_actions, _ = self.successors.shape
        if (self.spec.observation_size, self.spec.num_actions) != (num_states, num_actions):
            raise ConfigError(
                f"expected a specification of {num_states} states and {num_actions} actions, got one of "
                f"{self.spec.observation_size} and {self.spec.num_actions}; do set observation_size and num_actions to those of the arrays"
            )

    def initial_state(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """Drawn from exp(log_start)."""
        return jax.random.categorical(key, self.log_start)

    def observe(self, state: Int[Array, ""]) -> Float[Array, " states"]:
        return jax.nn.one_hot(state, self.spec.observation_size, dtype=self.log_start.dtype)

    def transition(self, key: Key[Array, ""], state: Int[Array, ""], action: Int[Array, ""]) -> Transition:
        branch = jax.random.categorical(key, self.log_probabilities[state, action])
        after = self.successors[state, action, branch].astype(state.dtype)
        return Transition(after, self.reward[state, action], jnp.array(False))

    def state_from_observation(self, observation: Float[Array, " states"]) -> Int[Array, ""]:
        """The index of the one."""
        return jnp.argmax(observation)


def gridworld(rows: Sequence[str] = TWO_DOORS, slip: float = 0.1, spec: EnvironmentSpec | None = None) -> TabularEnvironment:
    """A grid drawn as text: ``S`` start (uniform among them), ``G`` goal, ``#`` wall, ``.`` floor; state = row * width + column.

    Actions stay, up, down, left, right. With probability ``slip`` the floor is icy and one of the five happens instead, each as likely;
    a move into a wall or off the grid stays. Reward: 0 in a goal cell, -1 elsewhere, a step.

    Args:
        rows: lines of equal length.
        slip: probability that a random move happens instead of the chosen one.
        spec: for a name or a time limit of one's own; by default ``Gridworld-v0`` resized to the grid.

    Raises:
        ConfigError: if the lines differ in length, hold another character, or there is no start; or ``slip`` is no probability.

    Example:
        >>> corridor = gridworld(("S.G",), slip=0.0)
        >>> corridor.successors[1, 4, jnp.argmax(corridor.log_probabilities[1, 4])].item()  # right of the middle is the goal
        2
    """
    cells = _read(rows)
    if not 0.0 <= slip <= 1.0:
        raise ConfigError(f"expected a slip probability in [0, 1], got {slip}; do pass the share of steps that go astray")
    num_states, num_actions = cells.size, len(MOVES)
    neighbors = _neighbors(cells)
    with np.errstate(divide="ignore"):
        log_probabilities = np.log((1.0 - slip) * np.eye(num_actions) + slip / num_actions)
        log_start = np.log((cells.ravel() == "S") / np.sum(cells == "S"))
    reward = np.where(cells.ravel() == "G", 0.0, -1.0)
    return TabularEnvironment(
        spec=_resized(num_states, num_actions) if spec is None else spec,
        successors=jnp.asarray(np.broadcast_to(neighbors[:, None], (num_states, num_actions, num_actions))),
        log_probabilities=jnp.asarray(np.broadcast_to(log_probabilities, (num_states, num_actions, num_actions)), dtype=float),
        log_start=jnp.asarray(log_start, dtype=float),
        reward=jnp.asarray(np.broadcast_to(reward[:, None], (num_states, num_actions)), dtype=float),
    )


def _read(rows: Sequence[str]) -> np.ndarray:
    """(height, width) single characters."""
    if not rows or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ConfigError(f"expected lines of one positive length, got lengths {[len(row) for row in rows]}; do pad with '#'")
    cells = np.array([list(row) for row in rows])
    unknown = sorted(set(cells.ravel()) - set("SG#."))
    if unknown:
        raise ConfigError(f"expected cells 'S', 'G', '#' or '.', got {unknown}; do draw the grid with these four")
    if not (cells == "S").any():
        raise ConfigError("expected at least one start cell 'S', got none; do mark where episodes begin")
    return cells


def _neighbors(cells: np.ndarray) -> np.ndarray:
    """(S, 5) where each move leads to, if nothing slips."""
    height, width = cells.shape
    row, column = np.divmod(np.arange(cells.size), width)
    neighbors = []
    for down, right in MOVES:
        to_row, to_column = np.clip(row + down, 0, height - 1), np.clip(column + right, 0, width - 1)
        blocked = cells[to_row, to_column] == "#"
        neighbors.append(np.where(blocked, row * width + column, to_row * width + to_column))
    return np.stack(neighbors, axis=1)


def _resized(num_states: int, num_actions: int) -> EnvironmentSpec:
    template = SPECS["Gridworld-v0"]
    if (template.observation_size, template.num_actions) == (num_states, num_actions):
        return template
    return EnvironmentSpec(
        template.name,
        num_states,
        num_actions=num_actions,
        time_limit=template.time_limit,
        observation_low=(0.0,) * num_states,
        observation_high=(1.0,) * num_states,
    )
