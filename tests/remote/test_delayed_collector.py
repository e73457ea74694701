"""Actors that do not wait for the update: whose roll-outs they are, how old they may be, how many may wait, what they are samples of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.remote.crews import POLICIES, ROWS, collector, delayed, log_probs, wrong_labels
from tests.remote.table_batch import log_table
from triality.algorithms.levels import Trajectories
from triality.errors import ConfigError
from triality.remote.delayed_collector import DelayedCollector
from triality.remote.in_process import Script
from triality.remote.sent_policy import Label

pytestmark = pytest.mark.filterwarnings("ignore:expected actor")
SLOW = Script(duration=lambda actor, count: 1.0 + 6.0 * (actor == 1))


def run(late, actors, num_iterations=6, num_rollouts=16, update=1.0, of=0):
    """Batches of a run whose policies are ``POLICIES`` one after the other, with an update between two batches."""
    batches = []
    for index in range(num_iterations):
        batches.append(late.collect(jax.random.key(index), POLICIES[index], num_rollouts, Label(of, index)))
        actors.pass_time(update)
    return batches


def ages(batches):
    return [(index - np.asarray(batch.policy)).tolist() for index, batch in enumerate(batches)]


def test_a_pipeline_is_one_iteration_behind():
    late, made, actors = delayed(1)
    found = ages(run(late, actors, update=10.0))
    assert found == [[0] * 16, *[[1] * 16] * 5]
    assert made.counts.stale == 0
    assert late.staleness == 1.0


@pytest.mark.parametrize("max_staleness", [1, 2])
def test_nothing_older_than_allowed_is_handed_over_and_the_rest_is_counted(max_staleness):
    late, made, actors = delayed(max_staleness, script=SLOW, num_in_flight=3)
    batches = run(late, actors, num_iterations=8, num_rollouts=8)
    assert 1 <= max(max(each) for each in ages(batches)) <= max_staleness
    assert len({len(set(each)) for each in ages(batches)}) > 1, "some batches are of several policies"
    assert made.counts.stale > 0
    assert made.counts.stale % ROWS == 0
    assert made.counts.played >= 64 + made.counts.stale


def test_without_the_bound_older_ones_would_be_handed_over():
    """The twin of the bound: the same script under one that never binds."""
    late, _, actors = delayed(50, script=SLOW, num_in_flight=3)
    late.max_staleness = 1  # asks for as much as before ...
    late._sort_out = lambda label: None  # ... and throws nothing away
    assert max(max(each) for each in ages(run(late, actors, num_iterations=8, num_rollouts=8))) > 1


def test_every_rollout_has_the_density_of_the_policy_that_it_names():
    late, _, actors = delayed(2, script=SLOW, num_in_flight=3)
    batches = run(late, actors)
    assert [wrong_labels(batch) for batch in batches] == [0] * 6
    # The mistake: taken for the policy of the moment.
    assert wrong_labels(batches[4]._replace(policy=jnp.full(16, 4))) >= ROWS


def test_no_more_than_so_many_wait_at_an_actor():
    most = []

    class Watched(DelayedCollector):
        def _ask(self, asking, target):
            super()._ask(asking, target)
            most.append(max(map(len, self._crew._out)))

    made, actors = collector(num_in_flight=2)
    run(Watched(made, 5), actors)
    assert max(most) == 2


def test_a_death_loses_what_was_under_way_and_no_label():
    script = Script(deaths=frozenset({(0, 1), (1, 2), (0, 4)}))
    late, made, actors = delayed(1, script=script)
    batches = run(late, actors)
    assert made.counts.restarts == 3
    assert made.counts.lost == 3 * ROWS
    assert [len(batch.policy) for batch in batches] == [16] * 6
    assert [wrong_labels(batch) for batch in batches] == [0] * 6


def test_what_is_in_flight_of_another_run_is_not_taken():
    late, _, actors = delayed(1)
    run(late, actors, num_iterations=3)
    second = late.collect(jax.random.key(9), POLICIES[5], 16, Label(1, 0))
    assert second.policy.tolist() == [0] * 16
    np.testing.assert_allclose(second.log_prob, log_probs(POLICIES[5], second._replace(policy=None)), atol=1e-9)


def test_the_same_crew_still_collects_of_one_policy():
    late, made, actors = delayed(1)
    run(late, actors, num_iterations=2)
    batch = made.collect(jax.random.key(9), POLICIES[7], 16)
    np.testing.assert_allclose(batch.log_prob, log_probs(POLICIES[7], batch), atol=1e-9)
    alone, _ = collector()
    again = alone.collect(jax.random.key(9), POLICIES[7], 16)
    np.testing.assert_array_equal(batch.action, again.action)


@pytest.mark.slow
def test_what_the_cost_compares_with_is_the_mixture_of_those_who_drew():
    """From the actors to the samples of a level: log q of every roll-out, by tables of the policies."""
    late, _, actors = delayed(2, script=SLOW, num_in_flight=3)
    level = Trajectories(8, max_staleness=2)
    data = late.collect(jax.random.key(0), POLICIES[0], 8, Label(7, 0))._replace(policy=None)
    late, _, actors = delayed(2, script=SLOW, num_in_flight=3)
    memory, remember, samples = level.first_memory(POLICIES[0], data, data), jax.jit(level.remember), jax.jit(level.samples)
    several = 0
    for index, batch in enumerate(run(late, actors, num_iterations=7, num_rollouts=8)):
        memory = remember(memory, POLICIES[index], batch, data)
        _, drawn = samples(memory, data, jnp.zeros(8))
        drawn_by, counts = np.unique(np.asarray(batch.policy), return_counts=True)
        of_each = np.stack([table_log_q(POLICIES[k], batch) for k in drawn_by])
        exact = np.log(np.sum((counts / 8)[:, None] * np.exp(of_each), axis=0))
        np.testing.assert_allclose(drawn.log_q, exact, atol=1e-10)
        several += len(drawn_by) > 1
        if drawn_by[0] < index:
            assert np.abs(table_log_q(POLICIES[index], batch) - exact).max() > 1e-3, "the policy of the moment is another law"
    assert several >= 2


def table_log_q(policy, batch):
    states = np.asarray(batch.observation[:, :-1, 0]).astype(int)
    return log_table(policy)[states, np.asarray(batch.action)].sum(axis=1)


def test_a_delay_of_nothing_is_another_collector():
    with pytest.raises(ConfigError, match="use RemoteCollector"):
        delayed(0)
