"""Trajectories of experts and of policies at a known distance from them, and their log density ratios under three measures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from known_experts import Laws, laws, log_density, log_density_of_clipped, stem

from triality.algorithms.behavioral_cloning import BehavioralCloning
from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.trajectories import to_trajectories
from triality.policies.gaussian import GaussianPolicy, gaussian_policy
from triality.run import run
from triality.simulators.collector import Collector
from triality.simulators.mujoco_batch import MujocoBatch
from triality.specs import MUJOCO_SPECS
from triality.trajectory import Policy, Trajectory

SIMULATORS = 100
RAW, CLIPPED, ATOMS = "raw", "clipped, density of the raw action", "clipped, with the atoms on the bounds"
"""Which action the densities are asked about, and which density that is."""
DENSITIES: dict[str, Callable[[Laws, np.ndarray], np.ndarray]] = {
    RAW: log_density,
    CLIPPED: lambda law, action: log_density(law, np.clip(action, -1.0, 1.0)),
    ATOMS: lambda law, action: log_density_of_clipped(law, np.clip(action, -1.0, 1.0)),
}
one_scale_raw = functools.partial(gaussian_policy, state_scale=False)


class Part(NamedTuple):
    """Trajectories of one length T: T + 1 observations, actions before the simulator clips them, real steps, rewards."""

    observation: np.ndarray
    action: np.ndarray
    mask: np.ndarray
    reward: np.ndarray

    @property
    def before(self) -> np.ndarray:
        """What was seen before each action."""
        return self.observation[:, :-1]

    @property
    def after(self) -> np.ndarray:
        """What was seen after it."""
        return self.observation[:, 1:]


def demonstrations(env_id: str, folder: Path) -> Demonstrations:
    return read_demonstrations(folder / f"demos_{stem(env_id)}.npz")


def part_of(batch: Trajectory) -> Part:
    return Part(*(np.asarray(each) for each in (batch.observation, batch.action, batch.mask, batch.reward)))


def recorded(env_id: str, folder: Path) -> Part:
    """The demonstrations themselves."""
    return part_of(to_trajectories(demonstrations(env_id, folder), MUJOCO_SPECS[env_id].time_limit))


def rolled(env_id: str, policy: Policy, batches: Sequence[tuple[int, int]], kept_at: Path, seed: int) -> list[Part]:
    """Roll-outs, (number, horizon) a batch, from the environment's own starts; read where they are kept."""
    parts = []
    for place, (number, horizon) in enumerate(batches):
        file = kept_at.with_name(f"{kept_at.name}_{number}x{horizon}.npz")
        if not file.is_file():
            print(f"--- {file.name}", flush=True)
            collector = Collector(MujocoBatch(env_id, min(number, SIMULATORS)), horizon=horizon)
            drawn = part_of(collector.collect(jax.random.key(10 * seed + place), policy, number))
            collector.close()
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(file, **drawn._asdict())
        with np.load(file, allow_pickle=False) as stored:
            parts.append(Part(*(stored[name] for name in Part._fields)))
    return parts


def cloned(env_id: str, data: Trajectory, num_steps: int, kept_at: Path) -> GaussianPolicy:
    """An unsquashed policy of one scale by likelihood of the raw actions; read where it is kept."""
    learning = BehavioralCloning(MUJOCO_SPECS[env_id], make_policy=one_scale_raw)
    state = learning.init(jax.random.key(0), data)
    if not kept_at.is_file():
        print(f"--- {kept_at.name}", flush=True)
        kept_at.parent.mkdir(parents=True, exist_ok=True)
        eqx.tree_serialise_leaves(kept_at, run(learning, state, 1, num_steps)[0].policy)
    return eqx.tree_deserialise_leaves(kept_at, state.policy)


class Ratios(NamedTuple):
    """log pi_E - log q of every step of one part, (n, T), zero on padding, by the measure; and KL(pi_E || q) there."""

    steps: dict[str, np.ndarray]
    divergence: np.ndarray


def ratios(parts: Sequence[Part], expert: Policy, q: Policy) -> list[Ratios]:
    found = []
    for part in parts:
        of_expert, of_q = laws(expert, part.before), laws(q, part.before)
        action = part.action.astype(np.float64)
        steps = {name: np.where(part.mask, density(of_expert, action) - density(of_q, action), 0.0) for name, density in DENSITIES.items()}
        found.append(Ratios(steps, np.where(part.mask, _divergence(of_expert, of_q), 0.0)))
    return found


def until(found: Sequence[Ratios], measure: str, horizon: int) -> np.ndarray:
    """log w of the first ``horizon`` steps of every trajectory that was rolled out so far."""
    return np.concatenate([each.steps[measure][:, :horizon].sum(1) for each in found if each.divergence.shape[1] >= horizon])


def _divergence(of: Laws, other: Laws) -> np.ndarray:
    """KL(of || other) of one step's action, nats."""
    ratio = np.exp(2.0 * (of.log_scale - other.log_scale))
    moved = ((of.mean - other.mean) * np.exp(-other.log_scale)) ** 2
    return np.sum(other.log_scale - of.log_scale + 0.5 * (ratio + moved - 1.0), axis=-1)
