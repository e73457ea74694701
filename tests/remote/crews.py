"""Crews of actors that follow a script, in a world where everything is known."""

from functools import partial

import jax
import numpy as np

from tests.remote.table_batch import HORIZON, SPEC, TableBatch, policy
from triality.remote.crew import Crew
from triality.remote.delayed_collector import DelayedCollector
from triality.remote.in_process import InProcessActors, Script
from triality.remote.remote_collector import RemoteCollector
from triality.simulators.endings import Padded
from triality.trajectory import action_log_probs

ROWS = 4
POLICIES = [policy(seed) for seed in range(8)]


def collector(num=2, script=Script(), make=partial(TableBatch, ROWS), **settings):  # noqa: B008
    """And the actors, whose clock can be moved."""
    actors = InProcessActors(make, num, HORIZON, Padded(), script)
    return RemoteCollector(Crew(actors, ROWS, **settings), SPEC, HORIZON), actors


def delayed(max_staleness=1, **more):
    made, actors = collector(**more)
    return DelayedCollector(made, max_staleness), made, actors


@jax.jit
def log_probs(policy, batch):
    return jax.vmap(lambda one: action_log_probs(policy, one))(batch)


def wrong_labels(batch, policies=POLICIES):
    """Roll-outs whose log-probabilities are not those of the policy that they name."""
    of_each = np.stack([log_probs(each, batch._replace(policy=None)) for each in policies])
    named = of_each[np.asarray(batch.policy), np.arange(len(batch.policy))]
    return int(np.sum(np.abs(named - batch.log_prob).max(axis=1) > 1e-9))
