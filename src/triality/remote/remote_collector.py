"""Roll-outs by actors, every batch from the policy of the moment: what a ``Collector`` gives, from processes here or elsewhere.

    ask for whole episodes, ``rows`` of them an errand;   give errands to actors, a few at a time;   again what an actor took with it

The batch is determined by the key and by the number of simulators of an actor, not by who played what, when, or how often.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Array, Key

from triality.errors import ConfigError
from triality.remote.crew import Counts, Crew
from triality.remote.errand import MOST_SEED, Delivery, Errand
from triality.remote.sending import sent
from triality.remote.sent_policy import Label
from triality.simulators.collector import Timing
from triality.simulators.row_trajectories import trajectories_of
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy, Trajectory

NO_RUN = -1
"""The run that policies belong to which are not counted."""


class RemoteCollector:
    """Episodes of ``horizon`` steps by a crew, as ``Collector`` gives them.

    Args:
        crew: its simulators have to be of ``spec``; closed together with this.
        spec: as the policy sees the environment, the absorbing indicator included.
        horizon: T, as the actors have it.

    Example:
        >>> from functools import partial
        >>> from triality.policies.categorical import categorical_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.remote.in_process import InProcessActors
        >>> from triality.simulators.endings import Padded
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> from triality.specs import SPECS
        >>> make, spec = partial(GymnasiumBatch, "CartPole-v1", 2), SPECS["CartPole-v1"]
        >>> collector = RemoteCollector(Crew(InProcessActors(make, 2, 10, Padded()), rows=2), spec, 10)
        >>> policy = categorical_policy(jax.random.key(0), spec, identity_scaling(4), (8,))
        >>> batch = collector.collect(jax.random.key(1), policy, num_rollouts=8)
        >>> batch.observation.shape, collector.counts.played
        ((8, 11, 4), 8)
        >>> collector.close()
    """

    def __init__(self, crew: Crew, spec: EnvironmentSpec, horizon: int):
        self.crew, self.spec, self.horizon = crew, spec, horizon
        self.num = crew.rows * crew.num_actors
        self.timing = Timing(0.0, 0.0, 0.0)
        self._serial = 0
        self._policies = 0

    @property
    def counts(self) -> Counts:
        """What became of the roll-outs so far."""
        return self.crew.counts

    def collect(self, key: Key[Array, ""], policy: Policy, num_rollouts: int, seeds: Sequence[int] | None = None) -> Trajectory:
        """``num_rollouts`` episodes; where no ``seeds`` of the starts are given, ``key`` determines them too, as for ``Collector``.

        Raises:
            ConfigError: no multiple of the simulators of an actor; a policy that cannot be sent; an environment that cannot be made.
            SimulatorError: an actor ended or its simulators failed, and no restart is left.
        """
        rows = refuse_uneven(num_rollouts, self.crew.rows)
        begin = time.perf_counter()
        starts = np.asarray(jax.random.randint(key, (num_rollouts,), 0, MOST_SEED)).tolist() if seeds is None else list(seeds)
        words = key_words(key)
        waiting = deque(
            Errand(self.next_serial(), tuple(starts[first : first + rows]), (*words, first)) for first in range(0, num_rollouts, rows)
        )
        self._policies += 1
        policy_on_its_way = sent(policy, self.spec, Label(NO_RUN, self._policies))
        ours = {errand.serial for errand in waiting}
        done: dict[int, Delivery] = {}
        while len(done) < len(ours):
            while waiting and self.crew.has_room:
                self.crew.post(waiting.popleft(), policy_on_its_way)
            news = self.crew.hear()
            done |= {each.errand.serial: each for each in news.delivered if each.errand.serial in ours}
            waiting.extendleft(reversed([errand for errand in news.dropped if errand.serial in ours]))
        deliveries = [done[serial] for serial in sorted(done)]
        self.add_timing(deliveries, begin)
        return trajectories_of([each.played.rows for each in deliveries])

    def close(self) -> None:
        """Ends the actors."""
        self.crew.close()

    def next_serial(self) -> int:
        """Of the next errand."""
        self._serial += 1
        return self._serial

    def add_timing(self, deliveries: Sequence[Delivery], begin: float) -> None:
        """Seconds in simulators and policy, averaged over actors, and those that passed here since ``begin``."""
        before, num = self.timing, self.crew.num_actors
        physics, policy = (sum(getattr(each.played, name) for each in deliveries) / num for name in ("physics", "policy"))
        self.timing = Timing(before.physics + physics, before.policy + policy, before.total + time.perf_counter() - begin)


def key_words(key: Key[Array, ""]) -> tuple[int, ...]:
    """A key as whole numbers.

    Example:
        >>> key_words(jax.random.key(7))
        (0, 7)
    """
    return tuple(np.asarray(jax.random.key_data(key)).ravel().tolist())


def refuse_uneven(num_rollouts: int, rows: int) -> int:
    """``rows``, where they divide the roll-outs.

    Raises:
        ConfigError: they do not.
    """
    if num_rollouts < 1 or num_rollouts % rows:
        raise ConfigError(f"expected a multiple of {rows} roll-outs (the simulators of an actor), got {num_rollouts}; change either")
    return rows
