import jax.numpy as jnp
import numpy as np
import pytest

from triality.errors import ConfigError, DataError
from triality.tabular import TabularMDP

VALID = {"successors": [[[0, 1]], [[1, 0]]], "probabilities": [[[0.25, 0.75]], [[1.0, 0.0]]], "start": 0, "horizon": 3}


def test_dense_and_sparse_agree():
    table = np.zeros((3, 2, 3))
    table[0, 0] = [0.2, 0.0, 0.8]
    table[0, 1] = [0.0, 1.0, 0.0]
    table[1, :] = [0.5, 0.5, 0.0]
    table[2, :] = [0.0, 0.0, 1.0]
    mdp = TabularMDP.from_dense(table, [0.1, 0.2, 0.7], discount=0.9)
    rebuilt = np.zeros_like(table)
    for index in np.ndindex(3, 2, mdp.num_branches):
        rebuilt[index[0], index[1], mdp.successors[index]] += np.exp(mdp.log_probabilities[index])
    assert mdp.num_branches == 2
    np.testing.assert_allclose(rebuilt, table, atol=1e-15)
    np.testing.assert_allclose(np.exp(mdp.log_start), [0.1, 0.2, 0.7], atol=1e-15)


def test_equal_successors_are_merged():
    mdp = TabularMDP.from_sparse([[[0, 0, 0]]], [[[0.2, 0.3, 0.5]]], 0, horizon=1)
    np.testing.assert_allclose(np.exp(mdp.log_probabilities[0, 0]), [1.0, 0.0, 0.0], atol=1e-15)


def test_a_discounted_mdp_has_no_number_of_steps():
    mdp = TabularMDP.from_sparse([[[0]]], [[[1.0]]], 0, discount=0.5)
    with pytest.raises(ConfigError, match="expected a finite horizon"):
        _ = mdp.num_steps


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"successors": [[[0, 2]], [[1, 0]]]}, DataError, "integer successors in 0 .. 1"),
        ({"successors": [[[0.0, 1.0]], [[1.0, 0.0]]]}, DataError, "integer successors"),
        ({"successors": [[0, 1]]}, DataError, "one shape"),
        ({"probabilities": [[[0.25, 0.5]], [[1.0, 0.0]]]}, DataError, "off by 0.25"),
        ({"probabilities": [[[-0.25, 1.25]], [[1.0, 0.0]]]}, DataError, ">= 0"),
        ({"probabilities": [[[np.nan, 1.25]], [[1.0, 0.0]]]}, DataError, "non-finite"),
        ({"start": 2}, DataError, "start state in 0 .. 1"),
        ({"start": [0.5, 0.6]}, DataError, "sum to 1"),
        ({"start": [0.5, 0.25, 0.25]}, DataError, "start law of 2"),
        ({"horizon": None}, ConfigError, "a horizon, or a discount"),
        ({"horizon": None, "discount": 1.0}, ConfigError, "strictly between"),
        ({"discount": 0.9}, ConfigError, "either a horizon or a discount"),
        ({"horizon": 0}, ConfigError, "at least one action"),
    ],
)
def test_wrong_input_is_refused(change, error, message):
    TabularMDP.from_sparse(**VALID)
    with pytest.raises(error, match=message):
        TabularMDP.from_sparse(**(VALID | change))


def test_a_table_of_the_wrong_shape_is_refused():
    with pytest.raises(DataError, match="next state"):
        TabularMDP.from_dense(jnp.ones((2, 2, 3)) / 3, 0, horizon=1)
