"""The oracle of SeqGAN's task: its gates are where its authors have them, and its entropy is the published one."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.data.seqgan_oracle import read_seqgan_oracle
from triality.errors import DataError
from triality.sampler import draw_in_pieces

FILE = Path(__file__).parents[3] / "shared" / "data" / "seqgan_oracle_lstm.npz"


def small_oracle(path, vocabulary=7, inputs=3, hidden=4):
    rng = np.random.default_rng(0)
    arrays = {
        "embedding": rng.normal(size=(vocabulary, inputs)),
        "wo": rng.normal(size=(hidden, vocabulary)),
        "bo": rng.normal(size=vocabulary),
    }
    for gate in ("i", "f", "og", "c"):
        arrays |= {
            f"w{gate}": rng.normal(size=(inputs, hidden)),
            f"u{gate}": rng.normal(size=(hidden, hidden)),
            f"b{gate}": rng.normal(size=hidden),
        }
    np.savez(path, **arrays)
    return arrays


def log_prob_by_hand(arrays, x):
    """The recurrence, written out in numpy from the paper's equations."""

    def sigmoid(z):
        return 1.0 / (1.0 + np.exp(-z))

    h = c = np.zeros(len(arrays["bi"]))
    before, total = 0, 0.0
    for token in x:
        u = arrays["embedding"][before]
        gate = {name: u @ arrays[f"w{name}"] + h @ arrays[f"u{name}"] + arrays[f"b{name}"] for name in ("i", "f", "og", "c")}
        c = sigmoid(gate["f"]) * c + sigmoid(gate["i"]) * np.tanh(gate["c"])
        h = sigmoid(gate["og"]) * np.tanh(c)
        logits = h @ arrays["wo"] + arrays["bo"]
        total += logits[token] - np.log(np.sum(np.exp(logits)))
        before = token
    return total


def test_probabilities_are_those_of_the_equations(tmp_path):
    arrays = small_oracle(tmp_path / "o.npz")
    q = read_seqgan_oracle(tmp_path / "o.npz", length=6)
    for x in ([0, 1, 2, 3, 4, 5], [6, 6, 0, 0, 2, 1]):
        np.testing.assert_allclose(q.log_prob(jnp.array(x)), log_prob_by_hand(arrays, x), rtol=1e-10)
    swapped = arrays | {"wi": arrays["wf"], "wf": arrays["wi"]}
    assert abs(float(q.log_prob(jnp.array([6, 6, 0, 0, 2, 1]))) - log_prob_by_hand(swapped, [6, 6, 0, 0, 2, 1])) > 1e-3  # the twin


def test_wrong_files_are_refused(tmp_path):
    path = tmp_path / "o.npz"
    with pytest.raises(DataError, match="expected an npz file of the oracle's arrays"):
        read_seqgan_oracle(path)
    arrays = small_oracle(path)
    np.savez(path, **{name: each for name, each in arrays.items() if name != "uc"})
    with pytest.raises(DataError, match="got none of uc"):
        read_seqgan_oracle(path)
    np.savez(path, **arrays | {"bo": arrays["bo"][:-1]})
    with pytest.raises(DataError, match=r"expected array bo of shape \(7,\).*got \(6,\)"):
        read_seqgan_oracle(path)
    np.savez(path, **arrays | {"wi": arrays["wi"] * np.nan})
    with pytest.raises(DataError, match="expected finite numbers in array wi"):
        read_seqgan_oracle(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="expected an npz file of the oracle's arrays"):
        read_seqgan_oracle(path)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="expected an npz file of the oracle's arrays"):
        read_seqgan_oracle(path)
    np.savez(path, **arrays | {"ui": np.float64(3.0)})
    with pytest.raises(DataError, match="expected array ui of two axes"):
        read_seqgan_oracle(path)


@pytest.mark.skipif(not FILE.is_file(), reason=f"needs {FILE.name}, which is not part of the project")
def test_entropy_of_the_published_oracle():
    q = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), read_seqgan_oracle(FILE))
    drawn = eqx.filter_jit(lambda q, key: draw_in_pieces(q, key, 1024))(q, jax.random.key(0))
    assert abs(-float(jnp.mean(drawn.log_q)) / 20 - 5.750) < 4.5 * float(jnp.std(drawn.log_q)) / 20 / 32
