"""Normalizing flows: a bijection of Gaussian noise, with its log-determinant. Couplings are flowjax's (extra ``flows``).

    x = T(z), z ~ N(0, I),     log q(x) = log N(T^-1(x)) + log |det dT^-1/dx|

| constructor | density | draw | |
|---|---|---|---|
| ``real_nvp`` | one pass | one pass | affine couplings (Dinh et al. 2017, arXiv:1605.08803) |
| ``spline_coupling_flow`` | one pass | one pass | rational-quadratic splines (Durkan et al. 2019, arXiv:1906.04032) |
| ``triangular_spline_flow`` | one pass | one pass | a spline a coordinate and a triangular matrix a layer (flowjax) |
| ``masked_autoregressive_flow`` | one pass | coordinate by coordinate | MAF (Papamakarios et al. 2017, arXiv:1705.07057) |
| ``inverse_autoregressive_flow`` | coordinate by coordinate | one pass | IAF (Kingma et al. 2016, arXiv:1606.04934) |

All are reparameterized: gradients reach the parameters through a draw. All begin near the identity; data on another scale go through
``Standardized``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from triality.errors import ConfigError
from triality.sampler import AbstractSampler
from triality.samplers.gaussian import LOG_TWO_PI
from triality.samplers.masked_affine import Generating, Inverting, masked_affine


class Flow(AbstractSampler[Float[Array, " dim"]]):
    """The law of T(z); density with respect to Lebesgue measure.

    Args:
        bijection: T, an object with ``transform_and_log_det`` and ``inverse_and_log_det``.
        dim: size of a sample.

    Example:
        >>> import jax
        >>> flow = real_nvp(jax.random.key(0), 3)
        >>> x, log_q = flow.sample_and_log_prob(jax.random.key(1))
        >>> bool(jnp.abs(flow.log_prob(x) - log_q) < 1e-9)
        True
    """

    bijection: Any
    dim: int = eqx.field(static=True)

    def log_prob(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        z, log_det = self.inverse_and_log_det(x)
        return _log_normal(z) + log_det

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """One pass through T for both."""
        z = jax.random.normal(key, (self.dim,))
        x, log_det = self.transform_and_log_det(z)
        return x, _log_normal(z) - log_det

    def transform_and_log_det(self, z: Float[Array, " dim"]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """T(z) and log |det dT/dz|."""
        return self.bijection.transform_and_log_det(z)

    def inverse_and_log_det(self, x: Float[Array, " dim"]) -> tuple[Float[Array, " dim"], Float[Array, ""]]:
        """T^-1(x) and log |det dT^-1/dx|."""
        return self.bijection.inverse_and_log_det(x)


def real_nvp(key: Key[Array, ""], dim: int, num_layers: int = 5, hidden: Sequence[int] = (64, 64)) -> Flow:
    """Affine coupling layers with permutations between them.

    Raises:
        ConfigError: in one dimension there is nothing to couple; or the hidden layers differ in size; or flowjax is absent.
    """
    _check(dim, hidden)
    flowjax = _flowjax()
    return _flow(flowjax.coupling_flow, key, dim, num_layers, hidden, None)


def spline_coupling_flow(
    key: Key[Array, ""], dim: int, num_layers: int = 5, hidden: Sequence[int] = (64, 64), num_bins: int = 8, interval: float = 5.0
) -> Flow:
    """Rational-quadratic spline couplings: many bends in each coordinate inside [-interval, interval], the identity outside.

    Raises:
        ConfigError: as ``real_nvp``.
    """
    _check(dim, hidden)
    flowjax = _flowjax()
    from flowjax.bijections import RationalQuadraticSpline

    spline = RationalQuadraticSpline(knots=num_bins, interval=interval)
    return _flow(flowjax.coupling_flow, key, dim, num_layers, hidden, spline)


def triangular_spline_flow(key: Key[Array, ""], dim: int, num_layers: int = 2, num_bins: int = 16, tail: float = 3.0) -> Flow:
    """Layers of a triangular matrix and a rational-quadratic spline a coordinate: no networks. Learns many modes along axes fast.

    Beyond ``tail`` a coordinate is stretched linearly.

    Raises:
        ConfigError: no coordinate, or flowjax is absent.
    """
    if dim < 1:
        raise ConfigError(f"expected at least 1 dimension, got {dim}; check the data")
    flowjax = _flowjax()
    from flowjax.distributions import StandardNormal

    base = StandardNormal((dim,))
    made = flowjax.triangular_spline_flow(key, base_dist=base, flow_layers=num_layers, knots=num_bins, tanh_max_val=tail, invert=False)
    return Flow(made.bijection, dim)


def masked_autoregressive_flow(key: Key[Array, ""], dim: int, num_layers: int = 5, hidden: Sequence[int] = (64, 64)) -> Flow:
    """MAF: the density in one pass, a draw coordinate by coordinate. For maximum likelihood.

    Raises:
        ConfigError: no coordinate, or no hidden layer.
    """
    return Flow(Generating(masked_affine(key, dim, num_layers, hidden)), dim)


def inverse_autoregressive_flow(key: Key[Array, ""], dim: int, num_layers: int = 5, hidden: Sequence[int] = (64, 64)) -> Flow:
    """IAF: a draw with its density in one pass, the density of anything else coordinate by coordinate. For reverse KL.

    Raises:
        ConfigError: no coordinate, or no hidden layer.
    """
    return Flow(Inverting(masked_affine(key, dim, num_layers, hidden)), dim)


def _flow(
    make: Callable[..., Any],
    key: Key[Array, ""],
    dim: int,
    num_layers: int,
    hidden: Sequence[int],
    transformer: Any,
) -> Flow:
    from flowjax.distributions import StandardNormal

    made = make(
        key,
        base_dist=StandardNormal((dim,)),
        transformer=transformer,
        flow_layers=num_layers,
        nn_width=hidden[0],
        nn_depth=len(hidden),
        nn_activation=jax.nn.silu,  # smooth: energies are compared with it, and paths are differentiated through it
        invert=False,
    )
    return Flow(made.bijection, dim)


def _log_normal(z: Float[Array, " dim"]) -> Float[Array, ""]:
    return -0.5 * jnp.sum(z**2 + LOG_TWO_PI)


def _check(dim: int, hidden: Sequence[int]) -> None:
    if dim < 2:
        raise ConfigError(
            f"expected at least 2 dimensions for a coupling flow, got {dim}; use a Gaussian mixture, or an autoregressive flow"
        )
    if not hidden or len(set(hidden)) > 1:
        raise ConfigError(f"expected hidden layers of one size, got {tuple(hidden)}; give one width, such as (64, 64)")


def _flowjax() -> Any:
    try:
        from flowjax import flows
    except ImportError as error:
        raise ConfigError('expected the package flowjax, got none installed; do pip install "triality[flows]"') from error
    return flows
