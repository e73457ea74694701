"""A stage gives what the next one needs, and the stages of a step together are the step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.minibatch import DataSet
from triality.energies.quadratic import quadratic_energy
from triality.profiling.energy_learning_stages import energy_learning_stages, one_stage
from triality.profiling.learning_profile import profile_learning
from triality.profiling.seeds import of_seeds
from triality.profiling.stage import profile_stage
from triality.samplers.gaussian import Gaussian


class Descent(eqx.Module):
    """Half the way to zero."""

    def step(self, state):
        return {"x": 0.5 * state["x"]}, None


def test_results_carry_what_is_no_array():
    key = jax.random.key(0)
    record, out = profile_stage("add", lambda x, n, key: (x + n, "kept", key), jnp.ones(4), 2, key, num_repeats=3)
    assert out[0].tolist() == [3.0] * 4
    assert out[1] == "kept"
    assert jnp.issubdtype(out[2].dtype, jax.dtypes.prng_key)
    assert record.count.operations == 4
    assert record.working_set >= 2 * 4 * 8
    assert len(record.seconds.seconds) == 3


def test_a_stage_of_seeds_has_their_axis():
    record, out = profile_stage("dot", of_seeds(lambda scale, x: scale * x @ x), 2.0, jnp.arange(6.0).reshape(2, 3), num_repeats=1)
    assert out.tolist() == [10.0, 100.0]
    assert record.median > 0


def test_the_profile_of_a_learning_compiles_once_and_goes_as_far_as_its_chunks():
    profile, state = profile_learning("toy", {"dim": 2}, Descent(), {"x": jnp.ones(2)}, 3, 2, 2, one_stage)
    assert [stage.name for stage in profile.stages] == ["gradient step"]
    assert profile.chunk.recompiled == ()
    assert state["x"].tolist() == [2.0**-6] * 2
    assert profile.sum == profile.stages[0].seconds.median


@pytest.mark.slow
def test_the_stages_put_together_are_the_step():
    x = jax.random.normal(jax.random.key(0), (50, 1))
    learning = EnergyLearning(DataSet(x), batch_size=8, num_drawn=8, num_energy_steps=2)
    state = learning.init(jax.random.key(1), quadratic_energy(jax.random.key(2), 1), Gaussian(jnp.zeros(1), jnp.zeros(1)))

    @eqx.filter_jit
    def by_hand(learning, state):
        _, key_energy, key_sampler, key_batch = jax.random.split(state.key, 4)
        memory = (state.density, state.density_optimizer, state.log_z_memory)
        for key in jax.random.split(key_energy, 2):
            key_data, key_drawn, key_penalty = jax.random.split(key, 3)
            memory, _ = learning.improved_energy(key_penalty, memory, *learning.compared(key_data, key_drawn, state.sampler))
        return memory[0], learning.improved_sampler(key_sampler, key_batch, state, memory[0])[0]

    after, _ = eqx.filter_jit(learning.step)(state)
    density, sampler = by_hand(learning, state)
    for found, expected in ((density, after.density), (sampler, after.sampler)):
        assert all(jnp.allclose(a, b, atol=1e-12) for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))
    assert not jnp.allclose(sampler.mean, state.sampler.mean)  # a step that moved nothing would agree with anything

    stages, whole = energy_learning_stages(learning, state, 2)
    assert [(stage.name, stage.times) for stage in stages] == [("collect", 2), ("energy update", 2), ("generator update", 1)]
    assert 0.5 < sum(stage.times * stage.count.operations for stage in stages) / whole.count.operations < 2.0
