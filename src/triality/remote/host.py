"""The body of an actor: it holds simulators and plays errands in them, by whichever policy it is sent. Imports no jax.

One process has one of these. It makes its simulators when it is first asked, so that what goes wrong there is an answer like any other.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from triality.errors import ConfigError
from triality.export.numpy_laws import Law
from triality.remote.errand import Delivery, Errand
from triality.remote.sent_policy import Label, SentPolicy
from triality.simulators.batch import SimulatorBatch
from triality.simulators.endings import Ending
from triality.simulators.episodes import played
from triality.simulators.worker import fault_of
from triality.simulators.worker_wire import Fault

MakeSimulators = Callable[[], SimulatorBatch]
"""Makes the simulators of one actor: importable by name or a ``functools.partial`` of what is, since it travels to the actor."""


class Host:
    """Simulators and the policy that acts in them.

    Args:
        make: makes the simulators.
        horizon: T, steps of an episode; the time limit if None.
        ending: what follows an episode that ends before the horizon.

    Example:
        >>> from functools import partial
        >>> from triality.simulators.endings import Padded
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> net = {"sizes": [4, 2], "activation": "tanh"}
        >>> arrays = {"net.weights.0": np.zeros((4, 2)), "scaling.mean": np.zeros(4), "scaling.scale": np.ones(4)}
        >>> policy = SentPolicy(Label(0, 3), {"kind": "categorical", "observation_size": 4, "num_actions": 2, "net": net}, arrays)
        >>> host = Host(partial(GymnasiumBatch, "CartPole-v1", 1), 10, Padded())
        >>> told = host.play(Errand(0, (5,), (1, 2)), policy)
        >>> told.label.index, told.played.rows.log_prob[0, 0].round(4).item()
        (3, -0.6931)
    """

    def __init__(self, make: MakeSimulators, horizon: int | None, ending: Ending):
        self._make, self._horizon, self._ending = make, horizon, ending
        self._simulators: SimulatorBatch | None = None
        self._law: tuple[Label, Law] | None = None

    def play(self, errand: Errand, policy: SentPolicy) -> Delivery | Fault:
        """Whole episodes; or what went wrong, told rather than raised, since errors do not all travel."""
        try:
            return self._delivery(errand, policy)
        except BaseException as error:
            return fault_of(error)

    def close(self) -> None:
        """Closes the simulators, if there are any."""
        if self._simulators is not None:
            self._simulators.close()
        self._simulators = None

    def _delivery(self, errand: Errand, policy: SentPolicy) -> Delivery:
        if self._simulators is None:
            self._simulators = self._make()
        simulators = self._simulators
        if len(errand.starts) != simulators.num:
            raise ConfigError(f"expected one start for each of {simulators.num} simulators, got {len(errand.starts)}; make as many")
        law, randomness = self._law_of(policy), errand.randomness()
        horizon = simulators.spec.time_limit if self._horizon is None else self._horizon

        def act(step: int, observation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            del step
            return law.sample_and_log_prob(observation, randomness)

        whole = played(simulators, act, errand.starts, horizon, self._ending, policy.dtype)
        return Delivery(errand, policy.label, whole, os.getpid())

    def _law_of(self, policy: SentPolicy) -> Law:
        """Read once for all errands of one policy."""
        if self._law is None or self._law[0] != policy.label:
            self._law = (policy.label, policy.law())
        return self._law[1]
