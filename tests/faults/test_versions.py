"""F9: files that earlier versions wrote are read for ever, those of later ones are refused by name. ``golden`` holds the earlier ones.

The exported models are ``squashed`` and ``box`` of ``tests/export/cases.py``, as ``write_policy`` and ``write_cost`` wrote them.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.faults.damage import zip_members, zip_of
from triality.errors import StorageError
from triality.export.numpy_cost import NumpyCost
from triality.export.numpy_policy import NumpyPolicy
from triality.runs.checkpoint_file import config_hash, read_leaves

GOLDEN = Path(__file__).parent / "golden"
VERSION_1, VERSION_2 = ("checkpoint_v1.ckpt", "checkpoint_v1_without_hash.ckpt"), "checkpoint_v2.ckpt"
"""The second of version 1 is from before the manifest held a hash of itself. Version 2 has the same leaves as the first."""


@pytest.mark.parametrize("name", [*VERSION_1, VERSION_2])
def test_f09_checkpoints_of_every_version_are_read(name):
    found = read_leaves(GOLDEN / name)
    leaves = {leaf.path: (leaf.array, leaf.key_impl) for leaf in found.leaves}
    assert (found.step, found.config) == (12, {"env": "Toy-v0", "learning_rate": 3e-4})
    np.testing.assert_array_equal(leaves[".weight"][0], np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32))
    assert leaves[".count"][0] == np.int32(7)
    assert leaves[".empty"][0].shape == (0, 2)
    assert leaves[".flags"][0].tolist() == [True, False]
    assert (leaves[".key"][0].tolist(), leaves[".key"][1]) == ([1, 2], "threefry2x32")


def changed(tmp_path, name, **changes):
    """A golden checkpoint with another manifest, sound as a zip, and with its own hash made anew where it has one."""
    members = dict(zip_members((GOLDEN / name).read_bytes()))
    manifest = json.loads(members["manifest.json"]) | changes
    if "manifest_blake2b" in manifest:
        manifest["manifest_blake2b"] = config_hash({key: value for key, value in manifest.items() if key != "manifest_blake2b"})
    members["manifest.json"] = json.dumps(manifest).encode()
    (tmp_path / name).write_bytes(zip_of(members.items()))
    return tmp_path / name


@pytest.mark.parametrize("name", VERSION_1)
@pytest.mark.parametrize("version", [3, 0, "1", None, True, 1.5])
def test_f09_other_versions_of_a_checkpoint_are_refused(version, name, tmp_path):
    assert read_leaves(changed(tmp_path, name)).step == 12
    with pytest.raises(StorageError, match=r"expected format version 1, 2, got .*; install the triality that wrote it"):
        read_leaves(changed(tmp_path, name, format_version=version))


@pytest.mark.parametrize("name", VERSION_1)
def test_f09_a_checkpoint_of_version_1_is_none_of_version_2(name, tmp_path):
    with pytest.raises(StorageError, match="'manifest_sha256' is the hash of"):
        read_leaves(changed(tmp_path, name, format_version=2))


def test_f09_a_manifest_changed_without_its_hash_is_refused(tmp_path):
    members = dict(zip_members((GOLDEN / VERSION_1[0]).read_bytes()))
    members["manifest.json"] = members["manifest.json"].replace(b'"step":12', b'"step":13')
    (tmp_path / "a").write_bytes(zip_of(members.items()))
    with pytest.raises(StorageError, match="'manifest_blake2b' is the hash of, got another"):
        read_leaves(tmp_path / "a")


@pytest.mark.parametrize("folder", [GOLDEN / "without_hash", GOLDEN.parent / "exported"])
def test_f09_exported_models_of_version_1_are_read(folder, tmp_path):
    policy, cost = NumpyPolicy.load(folder), NumpyCost.load(folder)
    observation, action = np.array([0.1, -0.2, 0.3]), np.array([0.5, -1.0])
    np.testing.assert_allclose(policy.log_prob(observation, action), LOG_PROB, rtol=1e-5)
    np.testing.assert_allclose(cost(observation, action), COST, rtol=1e-5)
    shutil.copytree(folder, tmp_path / "later")
    path = tmp_path / "later" / "policy.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(StorageError, match="of version 1, got"):
        NumpyPolicy.load(tmp_path / "later")


LOG_PROB, COST = -911.8035, 0.3117540
"""Of the golden policy and cost at one observation and action, when they were written."""


def test_f09_arrays_exchanged_between_two_exports_are_refused(tmp_path):
    shutil.copytree(GOLDEN.parent / "exported", tmp_path / "a")
    payload = (tmp_path / "a" / "policy.safetensors").read_bytes()
    (tmp_path / "a" / "policy.safetensors").write_bytes(payload[:-4] + b"\0\0\0\x3f")
    with pytest.raises(StorageError, match="'arrays_blake2b' of the description is the hash of, got others"):
        NumpyPolicy.load(tmp_path / "a")
    shutil.copytree(GOLDEN / "without_hash", tmp_path / "b")  # the control: what the hash is for
    (tmp_path / "b" / "policy.safetensors").write_bytes(payload[:-4] + b"\0\0\0\x3f")
    NumpyPolicy.load(tmp_path / "b")
