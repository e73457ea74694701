"""What becomes of a row of the batch when its episode ends before the horizon.

| ending | the rest of the row | for |
|---|---|---|
| ``Padded`` | masked | episodes as they are |
| ``Absorbed`` | an absorbing state, an ordinary state whose actions do nothing | costs: how long one survives is no reward in disguise |
| ``Restarted`` | the next episode | a reward, or a cost beside the end, that is given: no step is wasted |
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from triality.simulators.batch import SimulatorBatch, StepResult
from triality.simulators.record import Record, Rows
from triality.specs import EnvironmentSpec, absorbing_spec


@runtime_checkable
class Ending(Protocol):
    """``spec`` is what the policy sees, ``shown`` makes it, ``after`` goes on, ``finished`` makes rows of the record."""

    def spec(self, bare: EnvironmentSpec) -> EnvironmentSpec: ...

    def shown(self, observation: Float[np.ndarray, "n obs"], running: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n shown"]: ...

    def after(
        self, simulators: SimulatorBatch, result: StepResult, running: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n obs"], Bool[np.ndarray, " n"]]: ...

    def finished(self, record: Record, running: Bool[np.ndarray, " n"]) -> Rows: ...


class Padded:
    """One episode a row; what follows its end is masked.

    Example:
        >>> from triality.specs import SPECS
        >>> Padded().spec(SPECS["CartPole-v1"]).observation_size
        4
    """

    def spec(self, bare: EnvironmentSpec) -> EnvironmentSpec:
        return bare

    def shown(self, observation: Float[np.ndarray, "n obs"], running: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n shown"]:
        del running
        return observation

    def after(
        self, simulators: SimulatorBatch, result: StepResult, running: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n obs"], Bool[np.ndarray, " n"]]:
        del simulators
        return result.observation, running & ~result.terminated & ~result.truncated

    def finished(self, record: Record, running: Bool[np.ndarray, " n"]) -> Rows:
        return record.rows(running)


class Absorbed:
    """One episode a row, which goes on in an absorbing state, as ``triality.envs.absorbing`` does it in compiled environments.

    There the observation is zeros and an indicator of one; the policy is asked, its actions do nothing, and the reward is zero.

    Example:
        >>> from triality.specs import SPECS
        >>> Absorbed().spec(SPECS["CartPole-v1"]).observation_size
        5
    """

    def spec(self, bare: EnvironmentSpec) -> EnvironmentSpec:
        return absorbing_spec(bare)

    def shown(self, observation: Float[np.ndarray, "n obs"], running: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n shown"]:
        return np.concatenate([np.where(running[:, None], observation, 0.0), ~running[:, None]], axis=1)

    def after(
        self, simulators: SimulatorBatch, result: StepResult, running: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n obs"], Bool[np.ndarray, " n"]]:
        del simulators
        return result.observation, running & ~result.terminated & ~result.truncated

    def finished(self, record: Record, running: Bool[np.ndarray, " n"]) -> Rows:
        return record.endless().rows(np.ones_like(running))


class Restarted:
    """As many episodes a row as fit, each begun where the one before it ended; the row's end cuts the last.

    A row is as long as the time limit, so that only terminations stand within it, unless an environment truncates by a rule of its own:
    nothing has to be worth anything after them, and the advantages of ``PPO`` are right as they are. A trajectory-level cost is not: its
    sum would run over several episodes. The last observation of a row is what the last step led to, where a time limit cuts it as well.

    Example:
        >>> from triality.specs import SPECS
        >>> Restarted().spec(SPECS["CartPole-v1"]).observation_size
        4
    """

    def spec(self, bare: EnvironmentSpec) -> EnvironmentSpec:
        return bare

    def shown(self, observation: Float[np.ndarray, "n obs"], running: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n shown"]:
        del running
        return observation

    def after(
        self, simulators: SimulatorBatch, result: StepResult, running: Bool[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, "n obs"], Bool[np.ndarray, " n"]]:
        over = running & (result.terminated | result.truncated)
        return simulators.restart(over) if over.any() else result.observation, running

    def finished(self, record: Record, running: Bool[np.ndarray, " n"]) -> Rows:
        return record.rows(running)
