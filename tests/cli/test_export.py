"""``triality export``: files that act and cost as the run does, read where there is no jax."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from tests.cli.stored_runs import stored_run
from triality.cli.evaluation import MeanPolicy, evaluate_policies
from triality.cli.main import main
from triality.cli.stored import load_states, open_run
from triality.envs.gymnasium_eval import evaluate_in_gymnasium
from triality.export.numpy_cost import NumpyCost
from triality.export.numpy_policy import NumpyPolicy

WITHOUT_JAX = """
import sys
for name in ("jax", "jaxlib", "equinox", "optax", "jaxtyping", "gymnasium", "matplotlib", "torch", "stable_baselines3"):
    sys.modules[name] = None
import numpy as np
from triality.export import LearnedReward, NumpyCost, NumpyPolicy, RewardFunction
cost, policy = NumpyCost.load(sys.argv[1]), NumpyPolicy.load(sys.argv[1])
action = policy.act(np.zeros(3))
print(float(cost(np.zeros(3), action)), float(action[0]), RewardFunction(cost)([[0, 0, 0]], [action], None, None)[0])
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return stored_run(folder / "run", folder / "demos.npz")


def test_the_files_are_the_run(run, tmp_path):
    assert main(["export", str(run), "--out", str(tmp_path / "new" / "folder"), "--seed", "6"]) == 0
    folder = tmp_path / "new" / "folder"
    assert {path.name for path in folder.iterdir()} == {"cost.json", "cost.safetensors", "policy.json", "policy.safetensors"}
    _, states = load_states(open_run(run))
    x, u = np.random.default_rng(1).normal(size=(9, 3)), np.random.default_rng(2).uniform(-2, 2, size=(9, 1))
    for index, agrees in ((1, True), (0, False)):
        cost, policy = jax.tree.map(lambda leaf, i=index: leaf[i], (states.cost, states.policy))
        mean = jax.vmap(lambda x, policy=policy: MeanPolicy(policy)(x).sample(jax.random.key(0)))(x)
        assert np.allclose(NumpyCost.load(folder)(x, u), jax.vmap(cost)(x, u), rtol=1e-10) == agrees
        assert np.allclose(NumpyPolicy.load(folder).act(x), mean, rtol=1e-10) == agrees


def test_the_policy_earns_in_numpy_what_it_earns_in_jax(run, tmp_path):
    assert main(["export", str(run), "--out", str(tmp_path)]) == 0
    returns = evaluate_in_gymnasium("Pendulum-v1", NumpyPolicy.load(tmp_path).act, 3)
    stored = open_run(run)
    expected = evaluate_policies(load_states(stored)[1].policy, 1, stored.task, 3)[0]["mean"]
    np.testing.assert_allclose(returns, expected, rtol=1e-4)  # actions are float32 to the simulator


def test_nothing_but_numpy_is_needed(run, tmp_path):
    assert main(["export", str(run), "--out", str(tmp_path)]) == 0
    found = subprocess.run([sys.executable, "-c", WITHOUT_JAX, str(tmp_path)], capture_output=True, text=True, check=True)
    cost, _, reward = map(float, found.stdout.split())
    assert cost == pytest.approx(-reward)
    assert cost != 0.0


def test_refusals(run, tmp_path, capsys):
    assert main(["export", str(run), "--out", str(tmp_path / "out"), "--seed", "4"]) == 2
    assert "5 to 6" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["export", str(run), "--out", str(tmp_path)]) == 0
    assert main(["export", str(run), "--out", str(tmp_path)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(["export", str(run), "--out", str(tmp_path), "--overwrite"]) == 0
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "out")]) == 2


def test_without_safetensors_the_extra_is_named(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 2
    assert "triality[export]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_cloning_has_a_policy_alone(tmp_path, capsys):
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", algorithm="bc")
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    assert "learns no cost" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"policy.json", "policy.safetensors"}


def test_an_absorbing_state_is_told(tmp_path):
    run = stored_run(tmp_path / "run", tmp_path / "demos.npz", env="CartPole-v1")
    assert main(["export", str(run), "--out", str(tmp_path / "out")]) == 0
    cost, policy = NumpyCost.load(tmp_path / "out"), NumpyPolicy.load(tmp_path / "out")
    assert (cost.is_absorbing, cost.observation_size, cost.horizon, cost.num_actions) == (True, 5, 500, 2)
    assert (policy.is_absorbing, policy.observation_size, policy.action_shape) == (True, 5, ())
