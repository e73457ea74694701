"""One loss, three estimators (D6): KL, Jensen-Shannon and reverse KL give importance sampling, the acceptance ratio, and the reciprocal."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from triality.partition.acceptance_ratio import acceptance_ratio, solve_log_z
from triality.partition.importance import importance
from triality.partition.reciprocal import reciprocal

RNG = np.random.default_rng(0)
DATA, DRAWN = 0.4 + 0.8 * RNG.normal(size=30), -0.3 + 0.9 * RNG.normal(size=75)
NU = 75 / 30


def profile_loss(slope, conjugate):
    """-E_p f'(u) + E_q[u f'(u) - f(u)] as a function of b, u = p_theta/q = exp(r - b), minimized numerically."""

    def loss(b):
        return -np.mean(slope(np.exp(DATA - b))) + np.mean(conjugate(np.exp(DRAWN - b)))

    return minimize_scalar(loss, bounds=(-5, 5), method="bounded", options={"xatol": 1e-12}).x


estimate = {f: jax.jit(f) for f in (importance, acceptance_ratio, reciprocal)}
FAMILY = {
    "KL": (lambda u: np.log(u) + 1, lambda u: u, importance, "drawn"),
    "Jensen-Shannon": (lambda u: np.log(u / (u + NU)), lambda u: NU * np.log(u + NU), acceptance_ratio, "both"),
    "reverse KL": (lambda u: -1 / u, lambda u: -1 + np.log(u), reciprocal, "data"),
}
SIDES = {"drawn": (DRAWN,), "both": (DATA, DRAWN), "data": (DATA,)}


@pytest.mark.parametrize("name", FAMILY)
def test_minimizer_of_the_profile_loss_is_the_estimator(name):
    slope, conjugate, estimator, sides = FAMILY[name]
    value = float(estimate[estimator](*map(jnp.asarray, SIDES[sides])).value)
    assert value == pytest.approx(profile_loss(slope, conjugate), abs=1e-6)
    others = [float(estimate[FAMILY[k][2]](*map(jnp.asarray, SIDES[FAMILY[k][3]])).value) for k in FAMILY if k != name]
    assert min(abs(value - other) for other in others) > 1e-2  # three different numbers, so the agreement says something


def test_limits_in_the_noise_ratio():
    """nu to infinity is the forward estimator, nu to zero the reciprocal one."""
    data, drawn = jnp.asarray(DATA), jnp.asarray(DRAWN)
    solve = jax.jit(lambda log_nu: solve_log_z(data, drawn, None, jnp.full(75, log_nu)))
    assert float(solve(30.0)) == pytest.approx(float(estimate[importance](drawn).value), abs=1e-9)
    assert float(solve(-30.0)) == pytest.approx(float(estimate[reciprocal](data).value), abs=1e-9)
    assert abs(float(solve(0.0)) - float(estimate[importance](drawn).value)) > 1e-2
