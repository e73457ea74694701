"""Many MuJoCo simulators of one task, stepped together in threads: Gymnasium's own bodies, starts and physics, bit for bit.

Each simulator is Gymnasium's, so that resets are its own; a step is MuJoCo's ``mj_step`` on its data, in as many threads as there are
cores, and observations, rewards and ends are computed for all at once. ``mujoco.rollout`` would lose the solver's warm start between two
steps, and with it the equality with Gymnasium, and gives back no contact forces, which Ant and Humanoid observe.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import ConfigError, SimulatorError
from triality.simulators.batch import StepResult
from triality.simulators.locomotion import LOCOMOTION
from triality.simulators.mujoco_task import Fields, MujocoTask
from triality.simulators.poles_and_arms import POLES_AND_ARMS
from triality.specs import MUJOCO_SPECS, EnvironmentSpec

TASKS: dict[str, MujocoTask] = {**LOCOMOTION, **POLES_AND_ARMS}


class MujocoBatch:
    """``num`` simulators of one of Gymnasium's MuJoCo tasks (version 5), or of a changed body of ours.

    Args:
        env_id: Gymnasium's id, such as ``HalfCheetah-v5``.
        num: simulators.
        num_threads: threads that step them; as many as there are cores by default.
        first: the number of the first one, where this is one batch of several: what an error names.

    Raises:
        ConfigError: no such task here, or Gymnasium or MuJoCo is not installed.

    Example:
        >>> batch = MujocoBatch("HalfCheetah-v5", num=2)
        >>> batch.reset([0, 1]).shape
        (2, 17)
        >>> batch.step(np.zeros((2, 6)), np.array([True, True])).reward.shape
        (2,)
        >>> batch.close()
    """

    def __init__(self, env_id: str, num: int, num_threads: int | None = None, first: int = 0):
        if env_id not in TASKS:
            raise ConfigError(f"expected one of {', '.join(TASKS)}, got {env_id}; use GymnasiumBatch for others")
        if num < 1:
            raise ConfigError(f"expected at least one simulator, got {num}; ask for more")
        self.spec: EnvironmentSpec = MUJOCO_SPECS[env_id]
        self.num = num
        self._first_number = first
        self._task = TASKS[env_id]
        own: Any = make_gymnasium(env_id).unwrapped
        self._simulators = [own, *(_twin(own) for _ in range(num - 1))]
        self._frame_skip, self._seconds = own.frame_skip, own.dt
        self._controls = [each.data.ctrl for each in self._simulators]
        self._views = {name: [getattr(each.data, name) for each in self._simulators] for name in self._task.fields}
        self._now: Fields = {name: np.stack(views) for name, views in self._views.items()}
        self._mass = np.tile(own.model.body_mass, (num, 1))
        self._num_threads = min(num, num_threads or os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(max(1, self._num_threads - 1))

    def reset(self, seeds: Sequence[int | None]) -> Float[np.ndarray, "n obs"]:
        """Gymnasium's own start for each seed; ``None`` goes on with the simulator's own randomness."""
        for simulator, seed in zip(self._simulators, seeds, strict=True):
            simulator.reset(seed=seed)
        self._gather()
        return self._task.observe(self._fields())

    def restart(self, which: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n obs"]:
        """A new start of some, by Gymnasium's own randomness."""
        for index in np.flatnonzero(which).tolist():
            self._simulators[index].reset()
        self._gather()
        return self._task.observe(self._fields())

    def step(self, actions: np.ndarray, running: Bool[np.ndarray, " n"]) -> StepResult:
        """One step of the simulators that are ``running``; actions go in as they are, and MuJoCo clips what it clips.

        Raises:
            SimulatorError: a simulator's state is no longer finite; names it.
        """
        before = {name: values.copy() for name, values in self._fields().items()}
        own, *others = np.array_split(np.flatnonzero(running), self._num_threads)
        waiting = [self._pool.submit(self._advance, part, actions) for part in others if len(part)]
        self._advance(own, actions)
        for each in waiting:
            each.result()
        self._gather()
        after = self._fields()
        reward = np.where(running, self._task.reward(before, after, actions, self._seconds), 0.0)
        terminated = running & ~self._task.healthy(after)
        observation = self._task.observe(after)
        self._refuse_non_finite(observation, reward, running)
        return StepResult(observation, reward, terminated, np.zeros(self.num, bool))

    def close(self) -> None:
        """Ends the threads and gives back the simulators."""
        self._pool.shutdown()
        self._simulators[0].close()

    def _advance(self, part: Int[np.ndarray, " part"], actions: np.ndarray) -> None:
        """Steps some of the simulators; MuJoCo lets other threads go on meanwhile."""
        import mujoco

        step, contacts = mujoco.mj_step, mujoco.mj_rnePostConstraint  # pyright: ignore[reportAttributeAccessIssue]
        model, skip, has_contacts = self._simulators[0].model, self._frame_skip, self._task.has_contact_forces
        for index in part.tolist():
            data = self._simulators[index].data
            self._controls[index][:] = actions[index]
            step(model, data, skip)
            if has_contacts:
                contacts(model, data)

    def _gather(self) -> None:
        for name, now in self._now.items():
            np.concatenate(self._views[name], out=now.reshape(-1, *now.shape[2:]))

    def _fields(self) -> Fields:
        return {**self._now, "body_mass": self._mass}

    def _refuse_non_finite(self, observation: np.ndarray, reward: np.ndarray, running: np.ndarray) -> None:
        good = np.all(np.isfinite(observation), axis=1) & np.isfinite(reward)
        if not np.all(good | ~running):
            index = self._first_number + int(np.argmin(good | ~running))
            raise SimulatorError(
                f"expected finite observations and rewards of {self.spec.name}, got NaN or infinity from simulator {index}; "
                "check the actions, which MuJoCo may have blown up on"
            )


def _twin(simulator: Any) -> Any:
    """A simulator with data and randomness of its own that shares the model, which nothing changes."""
    import mujoco

    twin = object.__new__(type(simulator))  # copy.copy would read the model's file again
    twin.__dict__.update(simulator.__dict__)
    twin.data = mujoco.MjData(simulator.model)  # pyright: ignore[reportAttributeAccessIssue]
    twin.init_qpos, twin.init_qvel = simulator.init_qpos.copy(), simulator.init_qvel.copy()
    twin._np_random = None
    return twin
