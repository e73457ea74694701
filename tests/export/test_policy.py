"""A policy read back in numpy acts as in jax, has its density, and draws from it."""

import equinox as eqx
import jax
import numpy as np
import pytest
from scipy.stats import kstest, norm

from tests.export.cases import BOX, DISCRETE, POLICIES, actions, make, observations
from triality.cli.evaluation import MeanPolicy
from triality.energies.step_cost import ConstantCost
from triality.errors import ConfigError, DataError
from triality.export import numpy_laws, numpy_policy
from triality.export.numpy_policy import NumpyPolicy
from triality.export.write import write_policy
from triality.policies import gaussian
from triality.policies.categorical import OneHotTabularPolicy
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.over import Either, UniformBox
from triality.samplers import gaussian as laws


@pytest.fixture(scope="module", params=POLICIES)
def case(request, tmp_path_factory):
    maker, spec = POLICIES[request.param]
    policy, folder = make(maker, spec), tmp_path_factory.mktemp("policy")
    write_policy(folder, policy, spec)
    return policy, NumpyPolicy.load(folder), spec


def test_equal_to_jax(case):
    policy, loaded, spec = case
    x, u = observations(), actions(spec)
    mean = jax.jit(jax.vmap(lambda x: MeanPolicy(policy)(x).sample(jax.random.key(0))))(x)
    np.testing.assert_allclose(loaded.act(x), mean, rtol=1e-10, atol=1e-10)
    log_prob = jax.jit(jax.vmap(lambda x, u: policy(x).log_prob(u)))(x, u)
    np.testing.assert_allclose(loaded.log_prob(x, u), log_prob, rtol=1e-10, atol=1e-10)
    assert loaded.act(x[0]).shape == u[0].shape
    assert loaded.log_prob(x[0], u[0]).shape == ()
    np.testing.assert_allclose(loaded.log_prob(x[None], u[None]), np.asarray(log_prob)[None], rtol=1e-10)


def test_draws_follow_the_density(case):
    """Probability integral transform of each coordinate, by the law that jax knows."""
    policy, loaded, spec = case
    x = observations()[4]
    drawn = loaded.act(np.broadcast_to(x, (4000, 3)), np.random.default_rng(5))
    law = policy(jax.numpy.asarray(x))
    if spec.is_discrete:
        share = np.bincount(drawn, minlength=4) / 4000
        probability = np.asarray(jax.nn.softmax(law.logits))
        assert np.all(np.abs(share - probability) < 4 * np.sqrt(probability * (1 - probability) / 4000))
        return
    if isinstance(law, Either):
        law = law.yes if law.flag else law.no
    if isinstance(law, UniformBox):
        assert all(kstest((drawn[:, i] - law.low[i]) / (law.high[i] - law.low[i]), "uniform").pvalue > 1e-4 for i in range(2))
        return
    base = getattr(law, "base", law)
    pulled = np.arctanh((drawn - law.center) / law.half_width) if hasattr(law, "base") else drawn
    inside = np.abs(pulled) < 7.0 if hasattr(law, "base") else np.full(drawn.shape, True)
    uniform = norm.cdf(np.asarray(pulled), base.mean, np.exp(base.log_scale))
    assert all(kstest(uniform[inside[:, i], i], "uniform").pvalue > 1e-4 for i in range(2) if inside[:, i].mean() > 0.999)
    assert min(kstest(0.9 * uniform[:, i], "uniform").pvalue for i in range(2)) < 1e-4, "a wrong scale is seen"


def test_a_forgotten_jacobian_is_seen(tmp_path):
    """The comparison can fail: the same parameters under the name of the unsquashed policy."""
    policy = make(squashed_gaussian_policy, BOX)
    parts = (policy.mean, policy.log_scale, policy.scaling, policy.center, policy.half_width)
    write_policy(tmp_path, gaussian.GaussianPolicy(*parts), BOX)
    x, u = observations(), actions(BOX)
    log_prob = jax.jit(jax.vmap(lambda x, u: policy(x).log_prob(u)))(x, u)
    assert np.abs(NumpyPolicy.load(tmp_path).log_prob(x, u) - log_prob).min() > 1e-3


def test_float32(tmp_path):
    policy = make(squashed_gaussian_policy, BOX)
    narrow = jax.tree.map(lambda leaf: leaf.astype(np.float32) if eqx.is_array(leaf) else leaf, policy)
    write_policy(tmp_path, narrow, BOX)
    loaded, x, u = NumpyPolicy.load(tmp_path), observations().astype(np.float32), actions(BOX).astype(np.float32)
    found = loaded.log_prob(x, u)
    assert found.dtype == loaded.act(x).dtype == loaded.act(x, np.random.default_rng(0)).dtype == np.float32
    expected = jax.jit(jax.vmap(lambda x, u: narrow(x).log_prob(u)))(x, u)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_constants_are_those_of_the_library():
    assert numpy_policy.LOG_SCALE_RANGE == gaussian.LOG_SCALE_RANGE
    assert numpy_laws.MARGIN == laws.MARGIN
    assert numpy_laws.LOG_TWO_PI == laws.LOG_TWO_PI


def test_an_index_out_of_range_has_no_density(tmp_path):
    maker, spec = POLICIES["categorical"]
    write_policy(tmp_path, make(maker, spec), spec)
    loaded = NumpyPolicy.load(tmp_path)
    assert loaded.log_prob(np.zeros((2, 3)), np.array([-1, 4])).tolist() == [-np.inf, -np.inf]


def test_wrong_shapes_and_classes(case, tmp_path):
    _, loaded, spec = case
    with pytest.raises(DataError, match="3 coordinates"):
        loaded.act(np.zeros(4))
    with pytest.raises(DataError, match="one action an observation"):
        loaded.log_prob(np.zeros((2, 3)), actions(spec)[:3])
    with pytest.raises(ConfigError, match="OneHotTabularPolicy"):
        write_policy(tmp_path, OneHotTabularPolicy(jax.numpy.zeros((3, 4))), DISCRETE)
    with pytest.raises(ConfigError, match="ConstantCost"):
        write_policy(tmp_path, ConstantCost(), DISCRETE)
