"""Roll-outs by actors that do not wait for the update: while it computes they play on, by the policy that it improves.

    collect in iteration i:   take what is there, of policies i - K .. i;   throw away what is older;   ask for more, by policy i
    before it returns:        have K batches in flight, by policy i or older, so that nobody is idle during the update

K = 1 is a pipeline: each batch is drawn by the policy before, while that one is being improved. Every roll-out says which policy drew
it, and its log-probabilities are that policy's: a batch is a sample of the mixture of its policies (``algorithms.past_samplers`` with
``max_staleness``), never of the law of the policy of the moment. Which roll-outs come in time depends on the machines, so that no two
runs are equal to the last digit.
"""

from __future__ import annotations

import time

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from triality.errors import ConfigError
from triality.remote.crew import Counts
from triality.remote.errand import Delivery, Errand, fresh_starts
from triality.remote.remote_collector import RemoteCollector, key_words, refuse_uneven
from triality.remote.sending import sent
from triality.remote.sent_policy import Label, SentPolicy
from triality.simulators.row_trajectories import trajectories_of
from triality.trajectory import Policy, Trajectory


class DelayedCollector:
    """Batches whose roll-outs are up to ``max_staleness`` iterations old.

    Args:
        collector: whose crew plays; it still collects what has to be of one policy, and closes the crew.
        max_staleness: K, at least 1.

    Raises:
        ConfigError: another K; 0 is what ``RemoteCollector`` does.

    Example:
        >>> import jax
        >>> from functools import partial
        >>> from triality.policies.categorical import categorical_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.remote.crew import Crew
        >>> from triality.remote.in_process import InProcessActors
        >>> from triality.simulators.endings import Padded
        >>> from triality.simulators.gymnasium_batch import GymnasiumBatch
        >>> from triality.specs import SPECS
        >>> make, spec = partial(GymnasiumBatch, "CartPole-v1", 2), SPECS["CartPole-v1"]
        >>> crew = Crew(InProcessActors(make, 2, 10, Padded()), rows=2)
        >>> delayed = DelayedCollector(RemoteCollector(crew, spec, 10), max_staleness=1)
        >>> policies = [categorical_policy(jax.random.key(i), spec, identity_scaling(4), (8,)) for i in range(2)]
        >>> batches = [delayed.collect(jax.random.key(2), policies[i], 4, Label(0, i)) for i in range(2)]
        >>> [batch.policy.tolist() for batch in batches], delayed.staleness
        ([[0, 0, 0, 0], [0, 0, 0, 0]], 1.0)
        >>> crew.close()
    """

    def __init__(self, collector: RemoteCollector, max_staleness: int):
        if max_staleness < 1:
            raise ConfigError(f"expected a staleness of at least 1, got {max_staleness}; use RemoteCollector for batches of one policy")
        self.max_staleness = max_staleness
        self.staleness = 0.0
        self._collector, self._crew = collector, collector.crew
        self._ready: list[Delivery] = []

    @property
    def counts(self) -> Counts:
        """What became of the roll-outs so far."""
        return self._crew.counts

    def collect(self, key: Key[Array, ""], policy: Policy, num_rollouts: int, label: Label) -> Trajectory:
        """``num_rollouts`` episodes of this policy and of earlier ones; ``policy`` of each is the index of the one that drew it.

        What is still in flight of another run than ``label.run`` is thrown away, uncounted.

        Args:
            key: of the episodes that are asked for now.
            policy: of the moment.
            num_rollouts: a multiple of the simulators of an actor.
            label: of the policy; its index goes up by one where the policy changes.

        Raises:
            ConfigError, SimulatorError: as for ``RemoteCollector``.
        """
        rows = refuse_uneven(num_rollouts, self._crew.rows)
        begin, num = time.perf_counter(), num_rollouts // rows
        asking = _Asking(self._collector, key_words(key), sent(policy, self._collector.spec, label))
        taken: list[Delivery] = []
        while True:
            self._sort_out(label)
            missing = num - len(taken)
            taken += self._ready[:missing]
            del self._ready[:missing]
            if len(taken) == num:
                break
            self._ask(asking, num - len(taken) + self.max_staleness * num)
            self._ready += self._crew.hear().delivered
        self._ask(asking, self.max_staleness * num)
        self._collector.add_timing(taken, begin)
        drawn_by = np.repeat([each.label.index for each in taken], rows)
        self.staleness = label.index - float(np.mean(drawn_by))
        return trajectories_of([each.played.rows for each in taken])._replace(policy=jnp.asarray(drawn_by, int))

    def _ask(self, asking: _Asking, target: int) -> None:
        """So that ``target`` errands are out or have come back, or every actor has all that it may have."""
        while self._crew.num_out + len(self._ready) < target and self._crew.has_room:
            asking.post()

    def _sort_out(self, label: Label) -> None:
        """Keeps what may be learned from, the oldest first."""
        ours = [each for each in self._ready if each.label.run == label.run]
        oldest = label.index - self.max_staleness
        for each in ours:
            if each.label.index < oldest:
                self._crew.throw_away(each)
        fresh = [each for each in ours if each.label.index >= oldest]
        self._ready = sorted(fresh, key=lambda each: (each.label.index, each.errand.serial))


class _Asking:
    """Errands of one call, each with starts and randomness of its own."""

    def __init__(self, collector: RemoteCollector, words: tuple[int, ...], policy: SentPolicy):
        self._collector, self._words, self._policy, self._count = collector, words, policy, 0

    def post(self) -> None:
        crew, words = self._collector.crew, (*self._words, self._count)
        self._count += 1
        crew.post(Errand(self._collector.next_serial(), fresh_starts((*words, 0), crew.rows), (*words, 1)), self._policy)
