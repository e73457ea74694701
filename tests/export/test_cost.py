"""A cost read back in numpy is the cost that jax knows."""

import json

import jax
import numpy as np
import pytest

from tests.export.cases import BOX, COSTS, DISCRETE, actions, make, observations
from triality.energies.shaped_cost import MakeShapedCost
from triality.energies.step_cost import EnvironmentCost, mlp_cost
from triality.envs.pendulum import Pendulum
from triality.errors import ConfigError, DataError, NonFiniteError, StorageError
from triality.export.numpy_cost import NumpyCost
from triality.export.write import write_cost


@pytest.mark.parametrize("case", COSTS)
def test_equal_to_jax(case, tmp_path):
    maker, spec = COSTS[case]
    cost = make(maker, spec)
    write_cost(tmp_path, cost, spec)
    x, u = observations(), actions(spec)
    expected = np.asarray(jax.vmap(cost)(x, u))
    loaded = NumpyCost.load(tmp_path)
    np.testing.assert_allclose(loaded(x, u), expected, rtol=1e-10, atol=1e-10)
    assert loaded(x[0], u[0]).shape == ()
    pairs = x[:10].reshape(2, 5, 3), u[:10].reshape(2, 5, *u.shape[1:])
    np.testing.assert_allclose(loaded(*pairs), expected[:10].reshape(2, 5), rtol=1e-10, atol=1e-10)
    assert (loaded.horizon, loaded.environment, loaded.is_absorbing) == (7, spec.name, False)


def test_a_turned_sign_is_seen(tmp_path):
    """The comparison above can fail: a reward read as a cost."""
    cost = make(mlp_cost, BOX)
    turned = jax.tree.map(lambda leaf: leaf, cost)
    turned.net.weights[-1] = -cost.net.weights[-1]
    write_cost(tmp_path, turned, BOX)
    x, u = observations(), actions(BOX)
    expected = np.asarray(jax.vmap(cost)(x, u))
    assert np.abs(NumpyCost.load(tmp_path)(x, u) - expected).max() > 0.1
    np.testing.assert_allclose(-NumpyCost.load(tmp_path)(x, u), expected, atol=1e-10)


def test_of_a_shaped_cost_the_cost_alone_is_written(tmp_path):
    shaped = make(lambda key, spec, scaling, hidden: MakeShapedCost(hidden=hidden)(key, spec, scaling), BOX)
    write_cost(tmp_path, shaped, BOX)
    x, u = observations(), actions(BOX)
    np.testing.assert_allclose(NumpyCost.load(tmp_path)(x, u), jax.vmap(shaped.cost)(x, u), rtol=1e-10)
    moved = jax.vmap(shaped.of_transition)(x, u, x[::-1])
    assert np.abs(NumpyCost.load(tmp_path)(x, u) - moved).max() > 0.1


def test_float32_stays_float32(tmp_path):
    cost = jax.tree.map(lambda leaf: leaf.astype(np.float32), make(mlp_cost, BOX))
    write_cost(tmp_path, cost, BOX)
    loaded = NumpyCost.load(tmp_path)
    # The bounds come from the specification: they do not widen what was learned.
    assert loaded(observations(), actions(BOX)).dtype == np.float32


def test_the_description_can_be_read_by_people(tmp_path):
    write_cost(tmp_path, make(mlp_cost, BOX), BOX, is_absorbing=True)
    description = json.loads((tmp_path / "cost.json").read_text())
    assert description["sign"].startswith("cost: low = likely")
    assert description["net"] == {"sizes": [5, 6, 5, 1], "activation": "tanh", "output_bias": False}
    assert description["absorbing"] is True
    assert NumpyCost.load(tmp_path).action_high == (1.0, 2.0)


def test_wrong_shapes_and_indices(tmp_path):
    write_cost(tmp_path, make(mlp_cost, DISCRETE), DISCRETE)
    cost = NumpyCost.load(tmp_path)
    with pytest.raises(DataError, match="3 coordinates"):
        cost(np.zeros((2, 4)), np.zeros(2, int))
    with pytest.raises(DataError, match="one action an observation"):
        cost(np.zeros((2, 3)), np.zeros(3, int))
    with pytest.raises(DataError, match="from 0 to 3"):
        cost(np.zeros((1, 3)), np.array([-1]))


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(ConfigError, match="EnvironmentCost"):
        write_cost(tmp_path, EnvironmentCost(Pendulum()), BOX)
    cost = make(mlp_cost, BOX)
    cost.net.biases[0] = cost.net.biases[0].at[0].set(np.nan)
    with pytest.raises(NonFiniteError, match=r"net\.biases\.0"):
        write_cost(tmp_path, cost, BOX)
    assert not list(tmp_path.iterdir())


def _edit(folder, **changes):
    """The description changed, and without its hashes, as older files are: what else protects it?"""
    path = folder / "cost.json"
    found = {name: value for name, value in json.loads(path.read_text()).items() if not name.endswith("blake2b")}
    path.write_text(json.dumps({**found, **changes}))


def test_of_a_tilted_cost_both_parts_are_needed(tmp_path):
    cost = make(*COSTS["tilted"])
    write_cost(tmp_path, cost, BOX)
    _edit(tmp_path, reference=3)
    with pytest.raises(StorageError, match="'reference'"):
        NumpyCost.load(tmp_path)


DAMAGES = {
    "another format": (lambda folder: _edit(folder, format="triality-policy"), "triality-cost"),
    "a later version": (lambda folder: _edit(folder, format_version=2), "version 1"),
    "another kind": (lambda folder: _edit(folder, kind="quadratic"), "'kind'"),
    "other sizes": (lambda folder: _edit(folder, net={"sizes": [5, 9, 5, 1], "activation": "tanh"}), r"net\.weights\.0"),
    "no sizes": (lambda folder: _edit(folder, net=3), "'net'"),
    "another activation": (lambda folder: _edit(folder, net={"sizes": [5, 6, 5, 1], "activation": "eval"}), "activation"),
    "a negative size": (lambda folder: _edit(folder, observation_size=-3), "observation_size"),
    "no JSON": (lambda folder: (folder / "cost.json").write_text("{"), "damaged"),
    "a list": (lambda folder: (folder / "cost.json").write_text("[]"), "triality-cost"),
    "a cut file": (lambda folder: (folder / "cost.safetensors").write_bytes((folder / "cost.safetensors").read_bytes()[:-8]), "damaged"),
    "a pickle": (lambda folder: (folder / "cost.safetensors").write_bytes(b"\x80\x04N."), "damaged"),
    "nothing there": (lambda folder: (folder / "cost.safetensors").unlink(), "triality export"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_are_refused(damage, tmp_path):
    write_cost(tmp_path, make(mlp_cost, BOX), BOX)
    spoil, fragment = DAMAGES[damage]
    spoil(tmp_path)
    with pytest.raises(StorageError, match=fragment):
        NumpyCost.load(tmp_path)
