"""Batches of one policy by actors: determined by the key whoever plays, dies or is slow; the law is that of the policy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.remote.crews import POLICIES, ROWS, collector, log_probs
from tests.remote.table_batch import NUM_STATES, TableBatch, log_table
from triality.errors import ConfigError, SimulatorError, WorkerDiedError
from triality.policies.categorical import OneHotTabularPolicy
from triality.remote.crew import Counts
from triality.remote.in_process import Script
from triality.simulators.collector import Collector

KEY = jax.random.key(3)


def equal(one, other) -> bool:
    return jax.tree.all(jax.tree.map(lambda a, b: bool(np.all(a == b)), one, other))


def collected(num_rollouts=16, **how):
    made, _ = collector(**how)
    batch = made.collect(KEY, POLICIES[1], num_rollouts)
    counts = made.counts
    made.close()
    return batch, counts


def test_log_probabilities_are_the_policys_own():
    batch, counts = collected()
    np.testing.assert_allclose(batch.log_prob, log_probs(POLICIES[1], batch), atol=1e-12)
    assert np.abs(batch.log_prob - log_probs(POLICIES[2], batch)).max() > 0.1
    assert counts == Counts(played=16)
    assert batch.policy is None
    assert bool(batch.mask.all())
    assert bool(batch.truncated[:, -1].all())


@pytest.mark.slow
def test_starts_are_those_of_a_collector_in_this_process():
    batch, _ = collected()
    in_process = Collector(TableBatch(16))
    np.testing.assert_array_equal(batch.observation[:, 0], in_process.collect(KEY, POLICIES[1], 16).observation[:, 0])
    in_process.close()


@pytest.mark.parametrize(
    "how",
    [
        {"num": 3},
        {"num": 1, "num_in_flight": 1},
        {"script": Script(duration=lambda actor, count: 1.0 + 5.0 * (actor == 0))},
        {"script": Script(deaths=frozenset({(0, 0), (1, 1)}))},
        {"script": Script(deaths=frozenset({(0, 0), (0, 2), (1, 0)})), "num_in_flight": 3},
    ],
    ids=["three actors", "one actor", "a slow one", "two deaths", "a row of deaths"],
)
@pytest.mark.filterwarnings("ignore:expected actor")
def test_who_plays_dies_or_dawdles_makes_no_difference(how):
    assert equal(collected()[0], collected(**how)[0])


def test_another_key_is_another_batch():
    made, _ = collector()
    assert not equal(made.collect(KEY, POLICIES[1], 16), made.collect(jax.random.key(4), POLICIES[1], 16))
    made.close()


def test_a_death_is_told_and_counted():
    script = Script(deaths=frozenset({(1, 1)}))
    with pytest.warns(RuntimeWarning, match=r"actor 1 to live .* the script says so.* restart 1 of 3; 4 episodes under way are lost"):
        _, counts = collected(script=script)
    assert counts == Counts(played=16, lost=ROWS, restarts=1)


@pytest.mark.filterwarnings("ignore:expected actor")
def test_the_end_comes_when_no_restart_is_left():
    made, _ = collector(script=Script(deaths=frozenset((0, count) for count in range(9))), max_restarts=2)
    with pytest.raises(WorkerDiedError, match="to live through its episodes") as raised:
        made.collect(KEY, POLICIES[0], 16)
    assert raised.value.exit_code == 4
    with pytest.raises(SimulatorError, match=r"crew that has ended: .* to live through"):
        made.collect(KEY, POLICIES[0], 16)


def test_simulators_that_fail_are_replaced_too_and_told_with_their_trace():
    class Failing(TableBatch):
        left = [3]  # noqa: RUF012

        def step(self, actions, running):
            self.left[0] -= 1
            if self.left[0] == 0:
                raise ValueError("the belt snapped")
            return super().step(actions, running)

    with pytest.warns(RuntimeWarning, match=r"(?s)actor 0 to go on, got ValueError: the belt snapped; its traceback.*in step"):
        batch, counts = collected(make=lambda: Failing(ROWS))
    assert counts == Counts(played=16, lost=ROWS, restarts=1)
    assert equal(batch, collected()[0])


def test_what_no_restart_can_help_is_said_at_once():
    def unmade():
        raise ConfigError("expected an environment id, got 'Tetris'; choose another")

    made, _ = collector(make=unmade)
    with pytest.raises(ConfigError, match="got 'Tetris'"):
        made.collect(KEY, POLICIES[0], 8)
    assert made.counts.restarts == 0


def test_wrong_numbers_and_policies_are_refused():
    made, _ = collector()
    with pytest.raises(ConfigError, match="multiple of 4 roll-outs"):
        made.collect(KEY, POLICIES[0], 6)
    with pytest.raises(ConfigError, match="got OneHotTabularPolicy"):
        made.collect(KEY, OneHotTabularPolicy(jnp.zeros((1, 2))), 8)
    with pytest.raises(ConfigError, match="of at least 1"):
        collector(num_in_flight=0)
    made.close()


def test_actions_follow_the_policy():
    """Shares of actions in each state within four standard errors; another policy's are not."""
    made, _ = collector(num=4)
    batch = made.collect(KEY, POLICIES[1], 480)
    states, actions = np.asarray(batch.observation[:, :-1, 0]).ravel().astype(int), np.asarray(batch.action).ravel()
    own, other = np.exp(log_table(POLICIES[1])), np.exp(log_table(POLICIES[2]))
    seen = [states == state for state in range(NUM_STATES)]
    share = np.array([actions[here].mean() for here in seen])
    error = 4 * np.sqrt(own[:, 0] * own[:, 1] / np.array([here.sum() for here in seen]))
    assert np.all(np.abs(share - own[:, 1]) < error)
    assert np.any(np.abs(share - other[:, 1]) > error)
    made.close()
