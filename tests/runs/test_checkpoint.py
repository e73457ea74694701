"""Checkpoints: bit-equal round trips into a template, and nothing that is damaged or foreign ever loads."""

import hashlib
import io
import json
import zipfile
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from triality import __version__
from triality.errors import StorageError
from triality.runs import checkpoint_file
from triality.runs.checkpoint import read_checkpoint, write_checkpoint
from triality.runs.checkpoint_file import StoredLeaf, config_hash, read_leaves, write_leaves
from triality.runs.json_files import canonical_json

CONFIG = {"env": "Toy-v0", "seeds": 2, "learning_rate": 3e-4}


class State(NamedTuple):
    model: eqx.nn.MLP
    optimizer: optax.OptState
    log_z: jax.Array
    key: jax.Array
    history: np.ndarray
    step: int
    nothing: None
    flags: dict


def state(seed=0, width=4):
    """All that a training state has: a model with static leaves, an optimizer, random keys, numpy arrays, scalars, empty arrays."""
    key = jax.random.key(seed)
    model = eqx.nn.MLP(3, 1, width, 1, key=key)
    optimizer = optax.adam(1e-3).init(eqx.filter(model, eqx.is_array))
    flags = {"b": jnp.array([True, False]), "a": jnp.zeros((0, 2)), "count": jnp.int32(seed + 7), "half": jnp.ones(2, jnp.float16)}
    keys = jax.random.split(jax.random.key(seed + 1, impl="rbg"), 3)
    return State(model, optimizer, jnp.float32(seed - jnp.inf), keys, np.arange(5.0) + seed, seed, None, flags)


def bits(tree):
    """Every array of a tree as (type, shape, bytes)."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if eqx.is_array(leaf)]
    data = [jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf for leaf in leaves]
    return [(str(leaf.dtype), leaf.shape, np.asarray(raw).tobytes()) for leaf, raw in zip(leaves, data, strict=True)]


def refusal(path, like):
    with pytest.raises(StorageError) as caught:
        read_checkpoint(path, like)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value)


def test_round_trip_is_bit_equal(tmp_path):
    written, template = state(0), state(1)
    write_checkpoint(tmp_path / "a", written, step=12, config=CONFIG)
    found = read_checkpoint(tmp_path / "a", template)
    assert bits(found) == bits(written)
    assert bits(found) != bits(template)
    assert jax.tree.structure(found) == jax.tree.structure(written)
    assert isinstance(found.history, np.ndarray)
    assert found.history.flags.writeable
    assert found.step == 1  # not an array: it is the template's
    np.testing.assert_array_equal(jax.random.normal(found.key[1]), jax.random.normal(written.key[1]))
    write_checkpoint(tmp_path / "b", found, step=12, config=CONFIG)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_template_may_be_shapes_alone(tmp_path):
    write_checkpoint(tmp_path / "a", state(0)._replace(history=None), step=1, config={})
    shapes = eqx.filter_eval_shape(lambda: state(1)._replace(history=None))
    assert bits(read_checkpoint(tmp_path / "a", shapes)) == bits(state(0)._replace(history=None))


def test_what_the_file_records(tmp_path):
    write_checkpoint(tmp_path / "a", state(), step=12, config=CONFIG)
    stored = read_leaves(tmp_path / "a")
    assert (stored.step, stored.config, stored.config_hash) == (12, CONFIG, config_hash(CONFIG))
    assert stored.versions["triality"] == __version__
    assert stored.versions["jax"] == jax.__version__
    assert ".model.layers[0].weight" in {leaf.path for leaf in stored.leaves}
    assert {leaf.path: leaf.key_impl for leaf in stored.leaves}[".key"] == "rbg"
    with np.load(tmp_path / "a", allow_pickle=False) as file:  # an ordinary zip of ordinary arrays
        assert len([name for name in file.files if name.startswith("leaves/")]) == len(stored.leaves)
    assert config_hash(CONFIG) != config_hash(CONFIG | {"seeds": 3})


def test_another_tree_is_refused_and_every_difference_named(tmp_path):
    write_checkpoint(tmp_path / "a", state(0, width=4), step=1, config={})
    message = refusal(tmp_path / "a", state(0, width=5))
    assert ".model.layers[0].weight: expected float64[5, 3], got float64[4, 3]" in message
    assert ".model.layers[1].weight: expected float64[1, 5], got float64[1, 4]" in message
    like = state()._replace(log_z=None, flags=state().flags | {"new": jnp.zeros(1), "count": jnp.int64(1), "half": jax.random.key(0)})
    message = refusal(tmp_path / "a", like)
    assert ".log_z: expected no array, got one in the file" in message
    assert ".flags['new']: expected an array, got none in the file" in message
    assert ".flags['count']: expected int64[], got int32[]" in message
    assert ".flags['half']: expected key<fry>[], got float16[2]" in message
    assert message.count("\n") == 4
    message = refusal(tmp_path / "a", state()._replace(key=jax.random.split(jax.random.key(0), 3)))
    assert ".key: expected key<fry>[3], got key<rbg>[3]" in message


def test_types_that_are_not_stored(tmp_path):
    with pytest.raises(StorageError, match=r"\['w'\]: got bfloat16; convert them first"):
        write_checkpoint(tmp_path / "a", {"w": jnp.zeros(2, jnp.bfloat16)}, step=0, config={})
    with pytest.raises(StorageError, match="a path of its own"):
        write_leaves(tmp_path / "a", [StoredLeaf("x", np.zeros(1)), StoredLeaf("x", np.ones(1))], step=0, config={})
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    write_checkpoint(tmp_path / "a", state(0), step=1, config={})

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("triality.runs.atomic.os.replace", fail)
        with pytest.raises(StorageError, match="No space left on device"):
            write_checkpoint(tmp_path / "a", state(1), step=2, config={})
    with monkeypatch.context() as patch:  # a disk that returns other bytes than it was given
        patch.setattr(checkpoint_file, "write_members", lambda file, members: file.write(b"PK"))
        with pytest.raises(StorageError, match=r"expected to read back what was written, got BadZipFile.*; check the disk"):
            write_checkpoint(tmp_path / "a", state(1), step=2, config={})
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert bits(read_checkpoint(tmp_path / "a", state(1))) == bits(state(0))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A small checkpoint file, in numpy alone so that it is read thousands of times."""
    path = tmp_path_factory.mktemp("checkpoint") / "a"
    leaves = [
        StoredLeaf(".w", np.arange(6.0).reshape(2, 3)),
        StoredLeaf(".n", np.array(3, np.int32)),
        StoredLeaf(".k", np.array([1, 2], np.uint32), "threefry2x32"),
    ]
    write_leaves(path, leaves, step=5, config=CONFIG)
    return path, path.read_bytes()


def summary_of(stored):
    return (
        stored.step,
        stored.config,
        stored.versions,
        [(x.path, x.key_impl, x.array.dtype.str, x.array.shape, x.array.tobytes()) for x in stored.leaves],
    )


def equal_or_refused(path, content, sound):
    """True if ``content`` is refused, False if it is read as exactly what ``sound`` holds; anything else fails."""
    path.write_bytes(content)
    try:
        found = read_leaves(path)
    except StorageError:
        return True
    assert summary_of(found) == summary_of(sound)
    return False


def test_every_truncation_is_refused(written):
    path, content = written
    sound, target = read_leaves(path), path.with_name("cut")
    assert all(equal_or_refused(target, content[:size], sound) for size in range(len(content)))


def test_bit_flips_never_pass_silently(written):
    path, content = written
    sound, target = read_leaves(path), path.with_name("flipped")
    refused = 0
    for position in np.random.default_rng(11).integers(0, 8 * len(content), 1500):
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << (position % 8)
        refused += equal_or_refused(target, bytes(flipped), sound)
    assert refused > 1200  # the rest touch dates and the like


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    at=st.integers(0, 2**31), remove=st.integers(0, 30), piece=st.binary(max_size=12), source=st.integers(0, 2**31), size=st.integers(0, 50)
)
def test_mutated_files_are_equal_or_refused(written, at, remove, piece, source, size):
    path, content = written
    i, j = at % (len(content) + 1), source % (len(content) + 1)
    mutant = content[:i] + piece + content[j : j + size] + content[i + remove :]
    equal_or_refused(path.with_name("mutant"), mutant, read_leaves(path))


def rebuilt(path, change):
    """The checkpoint as a sound zip of members that ``change`` has altered: only the manifest can tell."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    change(members, manifest)
    if "manifest.json" in members:
        manifest.pop("manifest_sha256")  # made anew: it is not what is tried here
        digest = hashlib.sha256(canonical_json(manifest).encode()).hexdigest()
        members["manifest.json"] = json.dumps(manifest | {"manifest_sha256": digest}).encode()
    target = path.with_name("rebuilt")
    with zipfile.ZipFile(target, "w") as archive:
        for name, payload in members.items():
            archive.writestr(name, payload)
    return target


def npy(array, allow_pickle=False):
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


W = "leaves/000000.npy"
TAMPERED = {
    "nothing changed": (lambda m, c: None, None),
    "another value": (lambda m, c: m.update({W: npy(np.arange(6.0).reshape(2, 3) + 1)}), "expected '.w' with the shape, type and hash"),
    "another shape": (lambda m, c: m.update({W: npy(np.arange(6.0))}), "expected '.w' with the shape"),
    "two leaves exchanged": (lambda m, c: m.update({W: m["leaves/000002.npy"], "leaves/000002.npy": m[W]}), "expected '.w' with the shape"),
    "missing": (lambda m, c: m.pop(W), "missing ['leaves/000000.npy']"),
    "additional": (lambda m, c: m.update({"leaves/9.npy": m[W]}), "additional ['leaves/9.npy']"),
    "outside": (lambda m, c: m.update({"../x": b""}), "expected plain members"),
    "pickled": (lambda m, c: m.update({W: npy(np.array([{}]), allow_pickle=True)}), "pickled objects, which are never loaded"),
    "no manifest": (lambda m, c: m.pop("manifest.json"), "a zip without manifest.json"),
    "another format": (lambda m, c: c.update(format="other"), "expected format 'triality-checkpoint'"),
    "a newer version": (lambda m, c: c.update(format_version=3), "expected format version 1, 2, got 3"),
    "another configuration": (lambda m, c: c["config"].update(seeds=9), "expected the configuration that manifest.json has the hash of"),
    "no step": (lambda m, c: c.pop("step"), "expected manifest.json to hold step"),
    "leaves of another kind": (lambda m, c: c.update(leaves={}), "expected manifest.json to hold leaves"),
    "an entry of another kind": (lambda m, c: c.update(leaves=[1, 2, 3]), "expected a described numeric leaf"),
    "a path twice": (lambda m, c: c["leaves"][1].update(path=".w"), "expected every path once"),
    "another type": (lambda m, c: c["leaves"][0].update(dtype="<f4"), "expected '.w' with the shape"),
    "a hash of nothing": (lambda m, c: c["leaves"][0].update(sha256=""), "expected '.w' with the shape"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_files_with_sound_checksums(written, case):
    path, _ = written
    change, fragment = TAMPERED[case]
    target = rebuilt(path, change)
    if fragment is None:
        assert summary_of(read_leaves(target)) == summary_of(read_leaves(path))
        return
    with pytest.raises(StorageError) as caught:
        read_leaves(target)
    assert fragment in str(caught.value)


def test_unknown_generators_and_bad_keys(tmp_path):
    like = {"k": jax.random.key(0)}
    write_leaves(tmp_path / "a", [StoredLeaf("['k']", np.array([1, 2], np.uint32), "other")], step=0, config={})
    assert "['k']: expected key<fry>[], got a key of 'other' that cannot be read" in refusal(tmp_path / "a", like)
    write_leaves(tmp_path / "a", [StoredLeaf("['k']", np.array([1.0, 2.0, 3.0]), "threefry2x32")], step=0, config={})
    assert "that cannot be read" in refusal(tmp_path / "a", like)


def test_compressed_and_absent_files(tmp_path, written):
    path, _ = written
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "deflated", "w", zipfile.ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    assert "stored or deflated" in refusal(tmp_path / "deflated", {})
    assert "expected an existing file, got none there" in refusal(tmp_path / "none", {})
    assert "got a folder" in refusal(tmp_path, {})


def test_training_goes_on_bit_equal(tmp_path):
    """Four steps at once equal two steps, a checkpoint, a fresh object, two steps. A resume that forgets the optimizer does not."""
    optimizer = optax.adam(1e-1)

    @eqx.filter_jit
    def step(carry):
        model, opt_state, key = carry
        key, subkey = jax.random.split(key)
        x = jax.random.normal(subkey, (16, 3))
        gradient = eqx.filter_grad(lambda m: jnp.mean((jax.vmap(m)(x)[:, 0] - x[:, 0]) ** 2))(model)
        updates, opt_state = optimizer.update(gradient, opt_state)
        return eqx.apply_updates(model, updates), opt_state, key

    def start(seed):
        model = eqx.nn.MLP(3, 1, 4, 1, key=jax.random.key(seed))
        return model, optimizer.init(eqx.filter(model, eqx.is_array)), jax.random.key(seed)

    def run(carry, num_steps):
        for _ in range(num_steps):
            carry = step(carry)
        return carry

    write_checkpoint(tmp_path / "a", run(start(0), 2), step=2, config={})
    resumed = read_checkpoint(tmp_path / "a", start(9))
    assert bits(run(resumed, 2)) == bits(run(start(0), 4))
    assert bits(run((resumed[0], start(0)[1], resumed[2]), 2)) != bits(run(start(0), 4))
