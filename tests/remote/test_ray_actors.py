"""Ray's actors beside those of this process: the same batches, deaths by SIGKILL, and no jax where simulators are."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import jax
import numpy as np
import pytest

from tests.faults.processes import NEEDS_PROC, are_gone_within
from triality.errors import ConfigError
from triality.policies.categorical import categorical_policy
from triality.policies.scaling import identity_scaling
from triality.remote.crew import Crew
from triality.remote.delayed_collector import DelayedCollector
from triality.remote.in_process import InProcessActors
from triality.remote.remote_collector import RemoteCollector
from triality.remote.sent_policy import Label
from triality.simulators.endings import Padded
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.specs import SPECS
from triality.trajectory import action_log_probs

NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed; it is the extra ray")
SPEC, HORIZON, ROWS = SPECS["CartPole-v1"], 40, 4
MAKE = partial(GymnasiumBatch, "CartPole-v1", ROWS)
POLICIES = [categorical_policy(jax.random.key(i), SPEC, identity_scaling(4), (8,)) for i in range(30)]


def of_ray(max_restarts=3):
    from triality.remote.ray_actors import RayActors

    return RemoteCollector(Crew(RayActors(MAKE, 2, HORIZON, Padded()), ROWS, max_restarts), SPEC, HORIZON)


def test_what_an_actor_imports_has_no_jax():
    program = (
        f"import sys; sys.path[:] = {sys.path!r}; import triality.remote.host, triality.remote.ray_actors, triality.remote.crew; "
        "import triality.simulators.gymnasium_batch, triality.simulators.mujoco_batch, triality.simulators.endings; "
        "sys.exit(sorted({'jax', 'equinox', 'ray'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_ray_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r'got none installed; do pip install "triality\[ray\]"'):
        of_ray()


@NEEDS_RAY
@pytest.mark.slow
def test_batches_are_those_of_actors_in_this_process():
    theirs, ours = of_ray(), RemoteCollector(Crew(InProcessActors(MAKE, 2, HORIZON, Padded()), ROWS), SPEC, HORIZON)
    for index in range(2):
        batches = [each.collect(jax.random.key(index), POLICIES[index], 24) for each in (theirs, ours)]
        for one, other in zip(*map(jax.tree.leaves, batches), strict=True):
            np.testing.assert_array_equal(one, other)
    theirs.close()
    ours.close()


@NEEDS_PROC
@NEEDS_RAY
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:expected actor")
def test_kills_lose_what_is_under_way_and_nothing_else():
    """Every half second an actor is killed by SIGKILL while batches are collected ahead of updates."""
    collector = of_ray(max_restarts=3)
    late, killed, everyone = DelayedCollector(collector, 2), [], set()

    def kill():
        while len(killed) < 3:
            time.sleep(0.5)
            alive = [pid for pid in collector.crew.processes.values() if pid not in killed]
            if alive:
                os.kill(alive[-1], signal.SIGKILL)
                killed.append(alive[-1])

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    batches = []
    for index, policy in enumerate(POLICIES):
        batches.append(late.collect(jax.random.key(index), policy, 24, Label(0, index)))
        everyone |= set(collector.crew.processes.values())
        time.sleep(0.1)
        if collector.counts.restarts == 3:
            break
    killer.join(30.0)
    assert collector.counts.restarts == len(killed) == 3
    assert collector.counts.lost == 3 * ROWS
    for batch in batches:
        for index in set(np.asarray(batch.policy).tolist()):
            mine = np.asarray(batch.policy) == index
            again = jax.vmap(lambda one, index=index: action_log_probs(POLICIES[index], one))(batch._replace(policy=None))
            np.testing.assert_allclose(again[mine], batch.log_prob[mine], atol=1e-9)
    collector.close()
    assert are_gone_within(10.0, everyone)


@NEEDS_RAY
@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_named():
    from triality.remote.ray_actors import RayActors

    with pytest.raises(ConfigError, match=r"Ray cluster at 127\.0\.0\.1:1, got .*; start one by ray start --head"):
        RayActors(MAKE, 2, HORIZON, Padded(), "127.0.0.1:1")
