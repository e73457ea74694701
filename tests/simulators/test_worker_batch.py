"""Environments in workers give what they give in this process, bit for bit; what cannot be hosted is refused with the remedy."""

import functools
import json
import subprocess
import sys

import gymnasium
import jax
import numpy as np
import pytest

from tests.faults.faulty_environments import make_short
from triality.cli.names import Hosting, find_task, make_simulators
from triality.errors import ConfigError, DataError, SimulatorError
from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.simulators.batch import SimulatorBatch
from triality.simulators.collector import Collector
from triality.simulators.endings import Restarted
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.returns import returns_in
from triality.simulators.worker_batch import WorkerBatch

LINE = "tests.faults.faulty_environments:Line-v0"


def actions_for(spec, draw, num):
    if spec.is_discrete:
        return draw.integers(spec.num_actions, size=num)
    return draw.uniform(spec.action_low, spec.action_high, size=(num, spec.action_size))


HOSTED = [("CartPole-v1", 5, 2), ("Pendulum-v1", 3, 3), ("Hopper-v5", 2, 1), ("DisabledAnt-v0", 2, 1), (LINE, 4, 3)]


@pytest.mark.parametrize(("env_id", "num", "workers"), HOSTED)
def test_workers_give_what_this_process_gives(env_id, num, workers):
    hosted, here = WorkerBatch(env_id, num, workers), GymnasiumBatch(env_id, num)
    assert isinstance(hosted, SimulatorBatch)
    assert hosted.spec == here.spec
    draw, seeds = np.random.default_rng(0), [7, 3, None, 11, 2][:num]
    seeds = [5 if seed is None else seed for seed in seeds]
    np.testing.assert_array_equal(hosted.reset(seeds), here.reset(seeds))
    running = np.ones(num, bool)
    for step in range(60):
        actions = actions_for(here.spec, draw, num)
        ours, theirs = hosted.step(actions, running), here.step(actions, running)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
        running &= ~(ours.terminated | ours.truncated)
        if step % 20 == 10:  # some begin anew, by their own randomness, while others go on
            again = ~running | (draw.uniform(size=num) < 0.3)
            np.testing.assert_array_equal(hosted.restart(again), here.restart(again))
            running |= again
    np.testing.assert_array_equal(hosted.reset(seeds), here.reset(seeds))
    hosted.close()
    here.close()


def test_another_seed_is_another_start():
    """The control of the equalities above."""
    hosted, here = WorkerBatch(LINE, 2, 1), GymnasiumBatch(LINE, 2)
    assert not np.array_equal(hosted.reset([0, 1]), here.reset([0, 2]))
    hosted.close()


def test_collected_episodes_and_returns_are_the_same():
    episodes, returns = [], []
    for batch in (WorkerBatch(LINE, 4, 2), GymnasiumBatch(LINE, 4)):
        collector = Collector(batch, ending=Restarted())
        policy = gaussian_policy(jax.random.key(1), collector.spec, identity_scaling(2), (8,))
        episodes.append(collector.collect(jax.random.key(0), policy, 8))
        returns.append(returns_in(batch, lambda seen: np.full((len(seen), 1), 0.3), [0, 1, 2, 3]))
        collector.close()
    for one, other in zip(*(jax.tree.leaves(each) for each in episodes), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(*returns)


def test_a_function_is_found_by_its_name():
    batch = WorkerBatch("Short-v0", 2, 1, make=make_short)
    assert batch.spec.time_limit == 3
    batch.reset([0, 1])
    for _ in range(2):
        assert not batch.step(np.zeros((2, 1)), np.ones(2, bool)).truncated.any()
    assert batch.step(np.zeros((2, 1)), np.ones(2, bool)).truncated.all()
    batch.close()


NAMELESS = {
    "a lambda": lambda: make_short(),
    "arguments": functools.partial(make_short),
    "a bound one": gymnasium.make("Pendulum-v1").reset,
}


@pytest.mark.parametrize("what", NAMELESS)
def test_a_function_without_a_name_is_refused(what):
    with pytest.raises(ConfigError, match="expected a function of a module, which a worker finds by its name"):
        WorkerBatch("Short-v0", 1, 1, make=NAMELESS[what])


@pytest.mark.parametrize("workers", [0, 3])
def test_each_worker_hosts_something(workers):
    with pytest.raises(ConfigError, match=f"expected 1 to 2 workers for 2 simulators, got {workers}"):
        WorkerBatch(LINE, 2, workers)


def test_an_environment_that_nobody_knows_is_refused():
    with pytest.raises(ConfigError, match=r"Gymnasium can make, got 'Nowhere-v0' .* registers module:Id"):
        WorkerBatch("Nowhere-v0", 2, 2)


def test_indices_are_not_rounded():
    batch = WorkerBatch("CartPole-v1", 1, 1)
    batch.reset([0])
    with pytest.raises(DataError, match="expected actions of integers for CartPole-v1, got float64"):
        batch.step(np.array([0.9]), np.ones(1, bool))
    batch.close()


def test_a_batch_that_was_closed_says_so():
    batch = WorkerBatch("CartPole-v1", 1, 1)
    batch.close()
    batch.close()
    with pytest.raises(SimulatorError, match="got one that has ended: it was closed"):
        batch.reset([0])


def test_the_command_hosts_them_as_it_was_told():
    task = find_task(LINE, host=True)
    batch = make_simulators(task._replace(hosting=Hosting(workers=4, max_restarts=2, patience=7.0)), 3)
    assert isinstance(batch, WorkerBatch)
    assert (len(batch.process_ids), batch.max_restarts) == (3, 2)
    batch.close()
    assert isinstance(make_simulators(task, 3), GymnasiumBatch)


def test_a_worker_imports_no_jax():
    program = "import triality.simulators.worker; print('jax' in sys.modules)"
    program = f"import sys; sys.path[:] = {json.dumps(sys.path)}; {program}"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout.strip() == "False"
