"""``triality expert``: an expert that is there already records more, and what is refused."""

import jax
import numpy as np
import pytest

from triality.cli.main import main
from triality.data.demonstration_file import read_demonstrations
from triality.export.write import write_policy
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.specs import SPECS, absorbing_spec

CARTPOLE, PENDULUM = SPECS["CartPole-v1"], SPECS["Pendulum-v1"]


def kept(folder, spec, make, is_absorbing=False):
    """An expert that nobody trained."""
    folder.mkdir()
    policy = make(jax.random.key(1), spec, identity_scaling(spec.observation_size), (8,))
    write_policy(folder, policy, spec, is_absorbing)
    return folder, policy


@pytest.mark.parametrize("is_absorbing", [False, True], ids=["knows no absorbing state", "knows an absorbing state"])
def test_an_expert_records_in_a_compiled_environment_that_can_end(tmp_path, is_absorbing):
    spec = absorbing_spec(CARTPOLE) if is_absorbing else CARTPOLE
    folder, policy = kept(tmp_path / "expert", spec, categorical_policy, is_absorbing)
    out = tmp_path / "demos.npz"
    assert main(["expert", "--env", "CartPole-v1", "--expert", str(folder), "--num-episodes", "3", "--out", str(out)]) == 0
    found = read_demonstrations(out)
    assert found.observations.shape == (found.lengths.sum(), 4)
    assert found.terminated is not None
    assert found.terminated.sum() == 3
    # The whole policy was asked, with the indicator at zero where it knows one.
    seen = np.concatenate([found.observations, np.zeros((len(found.observations), 1))], axis=1) if is_absorbing else found.observations
    expected = jax.vmap(lambda x, u: policy(x).log_prob(u))(seen, found.actions)
    np.testing.assert_allclose(found.log_prob, expected, atol=1e-5)
    assert "the policy in" in found.meta["expert"]


def test_an_unsquashed_expert_is_recorded_as_it_is(tmp_path):
    folder, policy = kept(tmp_path / "expert", PENDULUM, gaussian_policy)
    out = tmp_path / "demos.npz"
    assert main(["expert", "--env", "Pendulum-v1", "--expert", str(folder), "--num-episodes", "2", "--out", str(out)]) == 0
    found = read_demonstrations(out)
    expected = jax.vmap(lambda x, u: policy(x).log_prob(u))(found.observations, found.actions)
    np.testing.assert_allclose(found.log_prob, expected, atol=1e-5)


def test_what_is_refused(tmp_path, capsys):
    folder, _ = kept(tmp_path / "expert", PENDULUM, gaussian_policy)
    given = ["expert", "--out", str(tmp_path / "demos.npz"), "--expert"]
    assert main([*given, str(folder), "--env", "CartPole-v1"]) != 0
    assert "expected an expert for CartPole-v1" in " ".join(capsys.readouterr().err.split())
    assert main([*given, str(tmp_path / "none"), "--env", "Pendulum-v1"]) != 0
    assert "got no such folder" in " ".join(capsys.readouterr().err.split())
    assert main([*given, str(folder), "--env", "Pendulum-v1", "--policy-out", str(tmp_path / "x")]) != 0
    assert "got --expert too" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "demos.npz").exists()
