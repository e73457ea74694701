"""A policy that was written and read back into jax is the policy that was written."""

import equinox as eqx
import jax
import numpy as np
import pytest

from tests.export.cases import HIDDEN, POLICIES, SCALING, actions, make, observations
from triality.errors import StorageError
from triality.export.numpy_policy import NumpyPolicy
from triality.export.read import read_policy
from triality.export.write import write_policy


@pytest.mark.parametrize("name", POLICIES)
def test_what_is_read_is_what_was_written(name, tmp_path):
    maker, spec = POLICIES[name]
    written = make(maker, spec)
    write_policy(tmp_path, written, spec)
    read = read_policy(tmp_path)
    assert eqx.tree_equal(read, written)
    assert not eqx.tree_equal(read, maker(jax.random.key(9), spec, SCALING, HIDDEN))
    of_read = jax.jit(jax.vmap(lambda x, u: read(x).log_prob(u)))(observations(), actions(spec))
    np.testing.assert_allclose(of_read, NumpyPolicy.load(tmp_path).log_prob(observations(), actions(spec)), rtol=1e-9)


def test_a_damaged_file_is_refused(tmp_path):
    maker, spec = next(iter(POLICIES.values()))
    write_policy(tmp_path, make(maker, spec), spec)
    (tmp_path / "policy.safetensors").write_bytes(b"no tensors")
    with pytest.raises(StorageError, match="is the hash of, got others"):
        read_policy(tmp_path)
