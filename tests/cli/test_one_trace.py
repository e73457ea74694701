"""A run traces each of its programs once: what a chunk gives back is, to the compiler, what the chunk was given.

A leaf that comes back with another type, if only a weak one, makes every run compile its largest program twice.
"""

from collections import Counter
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from tests.faults.kept_runs import DEMOS, some_text
from triality.algorithms import side_by_side, stages
from triality.algorithms.energy_learning import EnergyLearning
from triality.algorithms.guarded import Guarded
from triality.algorithms.likelihood_learning import LikelihoodLearning
from triality.algorithms.minibatch import DataSet
from triality.cli import irl_sweep, learning
from triality.cli.experiment import build_algorithm, state_template
from triality.cli.irl import task_of
from triality.cli.irl_defaults import resolve
from triality.cli.main import main
from triality.cli.options import IrlOptions
from triality.energies.quadratic import quadratic_energy
from triality.policies.uniform import UniformPolicy
from triality.run import over_seeds, run
from triality.samplers.gaussian import Gaussian

FEW = {"num_demos": 2, "num_rollouts": 4, "seeds": 2}
EVERY = {
    "trajectories": {"init_policy": "random"},
    "cloned, running": {"init_policy": "cloned", "scaling": "running", "starts": "free"},
    "steps": {"level": "step"},
    "replay": {"level": "step", "past_samplers": 2},
    "sac": {"level": "step", "policy_update": "sac"},
    "airl": {"algorithm": "airl"},
    "gail": {"algorithm": "gail"},
    "sqil": {"algorithm": "sqil"},
    "iq-learn": {"algorithm": "iq-learn"},
    "f-irl": {"algorithm": "f-irl"},
    "bc": {"algorithm": "bc"},
    "dagger": {"algorithm": "dagger"},
}
FAST = ("bc",)


def seen(tree):
    """All that the compiler tells two arguments apart by."""
    leaves, structure = jax.tree.flatten(eqx.filter(tree, lambda leaf: hasattr(leaf, "dtype")))
    return structure, [(leaf.shape, leaf.dtype, getattr(leaf, "weak_type", False)) for leaf in leaves]


def after_a_chunk(algorithm, states):
    return eqx.filter_eval_shape(over_seeds(lambda a, s: run(a, s, 1, 1)[0]), algorithm, states)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in EVERY])
def test_what_an_iteration_gives_is_what_it_takes(name):
    options = IrlOptions("Pendulum-v1", DEMOS, Path("unused"), **{**FEW, **EVERY[name]})
    task = task_of(options)
    options = resolve(options, task)
    guarded = Guarded(build_algorithm(options, task, UniformPolicy(task.spec)))  # the expert that DAgger asks
    states = jax.eval_shape(jax.vmap(guarded.init), state_template(guarded.algorithm, task, options))
    assert seen(after_a_chunk(guarded, states)) == seen(states)


def test_what_a_step_of_a_stage_gives_is_what_it_takes():
    data = DataSet(jnp.linspace(-1.0, 3.0, 20)[:, None])
    sampler = Gaussian(jnp.zeros(1), jnp.zeros(1))
    begun = (
        (likelihood := LikelihoodLearning(data, 0.01, 4), likelihood.init(jax.random.key(0), sampler)),
        (game := EnergyLearning(data, batch_size=4), game.init(jax.random.key(0), quadratic_energy(jax.random.key(1), 1), sampler)),
    )
    for algorithm, state in begun:
        guarded = Guarded(algorithm)
        first = guarded.init(state)
        assert seen(eqx.filter_eval_shape(lambda g, s: run(g, s, 1, 1)[0], guarded, first)) == seen(first)


def test_a_leaf_of_a_weak_type_is_seen():
    """The broken twin: the state begins as a number of Python's, and comes back as an array's."""

    class Weak(eqx.Module):
        def step(self, state):
            return state + jnp.ones(()), state

    states = jax.eval_shape(lambda: jnp.broadcast_to(jnp.asarray(1.0), (2,)))
    assert seen(after_a_chunk(Weak(), states)) != seen(jax.ShapeDtypeStruct((2,), jnp.float32))
    weak = jax.eval_shape(lambda: 1.0 * jnp.asarray(2.0))
    strong = jax.eval_shape(lambda: jnp.zeros(()))
    assert seen(weak) != seen(strong)


@pytest.fixture
def traces(monkeypatch):
    """How often a program of so many steps was traced, by where it is made."""
    found = Counter()

    def counting(module):
        def counted(algorithm, state, num_evaluations, num_steps, *more):
            found[module.__name__.rpartition(".")[2], max(num_evaluations, num_steps)] += 1
            return run(algorithm, state, num_evaluations, num_steps, *more)

        monkeypatch.setattr(module, "run", counted)

    for module in (learning, stages, side_by_side):
        counting(module)
    return found


IRL = ("irl", "--env", "Pendulum-v1", "--demos", str(DEMOS), "--num-demos", "2", "--num-rollouts", "4", "--level", "step")
IRL = (*IRL, "--iterations", "17", "--seeds", "2")
EBM = ("ebm", "--target", "two-moons", "--num-data", "500", "--objective", "gan", "--generator", "gaussian", "--generator-steps", "83")
EBM = (*EBM, "--energy-steps", "83", "--num-drawn", "200", "--temperatures", "0", "--batch-size", "17", "--seeds", "2")


class Trained(BaseException):
    """All iterations are done; what comes after is not of interest here."""


@pytest.mark.slow
def test_a_run_of_irl_traces_each_size_of_its_chunks_once(traces, tmp_path, monkeypatch):
    """5, 5, 5 and 2 iterations; a resumed run and a sweep are no worse."""

    def ended(*given):
        raise Trained

    def trained(*words):
        traces.clear()
        with pytest.raises(Trained):
            main(list(words))
        return dict(traces)

    monkeypatch.setattr(learning, "conclude", ended)
    monkeypatch.setattr(irl_sweep, "conclude", ended)
    once = {("learning", 5): 1, ("learning", 2): 1}
    assert trained(*IRL, "--out", str(tmp_path / "run")) == once
    assert trained(*IRL, "--sweep", "temperature=0.5,1", "--out", str(tmp_path / "sweep")) == once
    longer = [word if word != "17" else "27" for word in IRL]
    assert trained(*longer, "--out", str(tmp_path / "run"), "--resume") == once | {("learning", 3): 1}


@pytest.mark.slow
def test_a_run_of_ebm_traces_each_size_of_both_stages_once_for_all_seeds(traces, tmp_path):
    assert main([*EBM, "--out", str(tmp_path / "run")]) == 0
    assert traces == {("stages", 2): 2, ("stages", 1): 2}  # two stages
    traces.clear()
    assert main([*EBM, "--sweep", "energy_learning_rate=1e-4,1e-3", "--out", str(tmp_path / "sweep")]) == 0
    assert traces == {("side_by_side", 2): 1, ("side_by_side", 1): 1}  # likelihood was compiled above


@pytest.mark.slow
def test_a_run_of_seq_traces_each_size_of_both_stages_once(traces, tmp_path):
    text = some_text(tmp_path / "lines.txt")
    words = ["seq", "--data", str(text), "--hidden", "8", "--length", "8", "--generator-steps", "83", "--energy-steps", "42"]
    assert main([*words, "--num-drawn", "200", "--batch-size", "17", "--out", str(tmp_path / "run")]) == 0
    assert traces == {("stages", 2): 2, ("stages", 1): 1, ("stages", 4): 1}  # 2, ..., 2, 1 of the generator; 4, ..., 4, 2 of the energy
