"""The stored returns of random actions, measured again by the script that made them, and once more by other means."""

import runpy
from pathlib import Path

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.envs.cases import CASES, QUICK, uniform_actions
from triality.data.reference_returns import RANDOM_RETURNS, normalized_return
from triality.errors import ConfigError
from triality.specs import MUJOCO_SPECS, SPECS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reference_returns.py"


def test_every_environment_has_its_reference():
    assert set(RANDOM_RETURNS) == {*SPECS, *MUJOCO_SPECS}


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1", "MountainCar-v0", "Reacher-v5", "InvertedPendulum-v5"])
def test_the_script_reproduces_the_table(name):
    measured = runpy.run_path(str(SCRIPT))["measure"](name)
    np.testing.assert_allclose(measured, RANDOM_RETURNS[name], rtol=1e-4)


@pytest.mark.parametrize("name", ["pendulum", "cartpole", "acrobot", "mountain-car-continuous"])
def test_compiled_environments_earn_what_gymnasium_pays(name):
    """Another simulator and other seeds: equal within four joint standard errors."""
    env = CASES[name]
    assert env.spec.name in gymnasium.registry

    def episode(key):
        key_start, key_steps = jax.random.split(key)

        def step(carry, key):
            state, alive, total = carry
            after = env.transition(key, state, uniform_actions(key, env.spec, ()))
            return (after.state, alive & ~after.terminated, total + jnp.where(alive, after.reward, 0.0)), None

        start = (env.initial_state(key_start), jnp.array(True), jnp.zeros(()))
        return jax.lax.scan(step, start, jax.random.split(key_steps, env.spec.time_limit))[0][2]

    returns = np.asarray(jax.jit(jax.vmap(episode), compiler_options=QUICK)(jax.random.split(jax.random.key(0), 1000)))
    stored = RANDOM_RETURNS[env.spec.name]
    error = np.hypot(returns.std() / np.sqrt(len(returns)), stored.stderr)
    assert abs(returns.mean() - stored.mean) < 4 * error


def test_normalized_return_has_the_anchors_zero_and_one():
    assert normalized_return(-10.0, random=-10.0, demonstrations=5.0) == 0.0
    assert normalized_return(5.0, random=-10.0, demonstrations=5.0) == 1.0
    assert normalized_return(-25.0, random=-10.0, demonstrations=5.0) == -1.0


def test_demonstrations_worse_than_random_actions_are_refused():
    with pytest.raises(ConfigError, match="more than random actions"):
        normalized_return(0.0, random=1.0, demonstrations=1.0)
