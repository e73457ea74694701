"""An environment that lives on the host: here only its sizes, so that an algorithm can be built; a collector draws its roll-outs."""

from __future__ import annotations

from typing import NoReturn

import equinox as eqx
from jaxtyping import Array, Float, Key

from triality.envs.environment import AbstractEnvironment, Transition
from triality.errors import ConfigError
from triality.specs import EnvironmentSpec


class HostEnvironment(AbstractEnvironment[None]):
    """What an algorithm needs to know of a simulator outside the compiled run: its specification.

    Example:
        >>> from triality.specs import MUJOCO_SPECS
        >>> HostEnvironment(MUJOCO_SPECS["HalfCheetah-v5"]).spec.action_size
        6
    """

    spec: EnvironmentSpec = eqx.field(static=True)

    def initial_state(self, key: Key[Array, ""]) -> NoReturn:
        """Refused: there is nothing to compile."""
        self._refuse()

    def observe(self, state: None) -> Float[Array, " obs"]:
        self._refuse()

    def transition(self, key: Key[Array, ""], state: None, action: Array) -> Transition:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ConfigError(
            f"expected roll-outs of {self.spec.name} from a collector, got a compiled roll-out; "
            "give update the batch of triality.simulators.collector.Collector, and init a scaling and a batch"
        )
