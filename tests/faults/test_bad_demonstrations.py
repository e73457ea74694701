"""F15 to F18 and F20: demonstrations that are sound by themselves and do not fit what they are used for, or count more than they tell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from triality.data.checks import check_against
from triality.data.demonstration_file import read_demonstrations
from triality.data.demonstrations import Demonstrations
from triality.data.duplicates import NEAR, duplicate_fraction, near_duplicate_fraction
from triality.data.trajectories import to_trajectories
from triality.errors import DataError
from triality.policies.gaussian import squashed_gaussian_policy
from triality.policies.scaling import identity_scaling
from triality.specs import EnvironmentSpec

SPECS = {
    "continuous": EnvironmentSpec("Box-v0", 2, action_size=2, action_low=(-1.0, -1.0), action_high=(1.0, 1.0), time_limit=9),
    "discrete": EnvironmentSpec("Wheel-v0", 2, num_actions=3, time_limit=9),
}


def demonstrations(kind, lengths=(3, 2), **changes):
    draw, steps = np.random.default_rng(0), sum(lengths)
    actions = draw.uniform(-1, 1, (steps, 2)) if kind == "continuous" else draw.integers(3, size=steps)
    return Demonstrations(**({"observations": draw.normal(size=(steps, 2)), "actions": actions, "lengths": np.array(lengths)} | changes))


@pytest.mark.parametrize("env", SPECS)
@pytest.mark.parametrize("kind", SPECS)
def test_f15_kinds_of_actions(kind, env):
    if kind == env:
        assert check_against(demonstrations(kind), SPECS[env]).notes == ()
        return
    with pytest.raises(DataError, match=f"actions: expected {env}.*got {kind} ones; use the demonstrations of"):
        check_against(demonstrations(kind), SPECS[env])


@pytest.mark.parametrize("value", [-1, 3, 2**40, -(2**62)])
def test_f16_an_index_out_of_range_is_named(value):
    actions = np.array([0, 1, 2, value, 0])
    with pytest.raises(DataError, match=f"expected indices 0 to 2, got 1 others, the first at index 3: {value}; number"):
        check_against(demonstrations("discrete", actions=actions), SPECS["discrete"])
    assert jnp.array([5.0, 6.0, 7.0])[min(value, 2**30)] in (5.0, 7.0)  # the control: jax clamps, and says nothing


def test_f17_no_data_no_steps_one_demonstration_and_too_few(tmp_path):
    for name, lengths, message in (("none", [], "expected at least one trajectory"), ("no steps", [5, 0], "got 0 in trajectory 1")):
        steps = sum(lengths)
        arrays = {"observations": np.zeros((steps, 2)), "actions": np.zeros(steps, int), "lengths": np.array(lengths, int)}
        np.savez(tmp_path / f"{name}.npz", **arrays)
        with pytest.raises(DataError, match=message):
            read_demonstrations(tmp_path / f"{name}.npz")
    one = check_against(demonstrations("discrete", (3,)), SPECS["discrete"])
    assert one.notes == ("there is a single demonstration: nothing tells how much demonstrations differ",)
    assert to_trajectories(one.demonstrations, horizon=9).action.shape == (1, 9)
    with pytest.raises(DataError, match=r"expected 1 to 2 \(all there are\), got 3; lower --num-demos"):
        check_against(demonstrations("discrete"), SPECS["discrete"], num_demos=3)
    with pytest.raises(DataError, match="expected 1 to 2 demonstrations to select, got 3"):
        demonstrations("discrete").select(3, seed=0)


BOUND = {"beyond": -1 - 1e-6, "on": -1.0, "hardly within": -1 + 1e-12, "on the other": 1.0}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BOUND)
def test_f18_actions_at_the_bound(name, dtype):
    """Beyond it they are refused; on it the density of a squashed policy and its gradient are finite."""
    actions = np.zeros((5, 2), dtype)
    actions[3, 1] = BOUND[name]
    demos, spec = demonstrations("continuous", actions=actions), SPECS["continuous"]
    if name == "beyond":
        with pytest.raises(DataError, match=r"within the box of Box-v0, got 10.0% of the coordinates .* at index \(3, 1\): -1"):
            check_against(demos, spec)
        demos = check_against(demos, spec, actions="clip").demonstrations
    else:
        assert check_against(demos, spec).notes == ()
    policy = squashed_gaussian_policy(jax.random.key(0), spec, identity_scaling(2), (4,))

    def log_prob(policy):
        return policy(jnp.asarray(demos.observations[3], dtype)).log_prob(jnp.asarray(demos.actions[3]))

    value, gradient = jax.value_and_grad(lambda net: log_prob(with_mean(policy, net)))(policy.mean.weights)
    assert jnp.isfinite(value)
    assert all(jnp.isfinite(each).all() for each in gradient)
    with np.errstate(divide="ignore"):
        assert np.isinf(np.arctanh(1.0))  # the control: without the policy's margin an action on the bound has no pre-image


def with_mean(policy, weights):
    import equinox as eqx

    return eqx.tree_at(lambda each: each.mean.weights, policy, weights)


def test_f18_nan_is_refused_where_the_record_is_made():
    with pytest.raises(DataError, match=r"actions: expected finite numbers, got 1 NaN, the first at index \(3, 1\)"):
        demonstrations("continuous", actions=np.where(np.arange(10).reshape(5, 2) == 7, np.nan, 0.0))


def repeated(noise):
    """Five demonstrations of four steps: two of their own, a copy, a copy with ``noise``, and the first with another action."""
    draw = np.random.default_rng(0)
    observations, actions = draw.uniform(-1, 1, (5, 4, 2)), draw.uniform(-1, 1, (5, 4, 2))
    observations[2], actions[2] = observations[0], actions[0]
    observations[3], actions[3] = observations[1] + noise * np.sign(observations[1]), actions[1]
    observations[4], actions[4] = observations[0], actions[0]
    actions[4, 2, 1] += 0.3
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    return Demonstrations(observations.reshape(-1, 2), actions.reshape(-1, 2).clip(-1, 1), np.full(5, 4), weights=weights)


@pytest.mark.parametrize(("noise", "exact", "near"), [(0.0, 0.4, 0.4), (1e-9, 0.2, 0.4), (0.9 * NEAR, 0.2, 0.4), (1e-2, 0.2, 0.2)])
def test_f20_repeats_are_told_and_weights_stay(noise, exact, near):
    demos = repeated(noise)
    assert duplicate_fraction(demos) == pytest.approx(exact)
    assert near_duplicate_fraction(demos) == pytest.approx(near)
    checked = check_against(demos, SPECS["continuous"])
    assert checked.demonstrations is demos
    np.testing.assert_array_equal(checked.demonstrations.weights, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert f"{exact:.1%} of the demonstrations repeat an earlier one bit by bit" in checked.notes[0]
    assert (len(checked.notes) == 2) == (near > exact)
    assert near == exact or checked.notes[1].startswith("20.0% more repeat one up to 0.0001 of each coordinate's range")


@pytest.mark.parametrize("kind", SPECS)
def test_f20_many_repeats_against_all_pairs(kind):
    """The search for neighbors finds what a comparison of all pairs finds."""
    draw = np.random.default_rng(1)
    first = demonstrations(kind, (3,) * 30)
    chosen, noise = draw.integers(30, size=60), draw.choice([0.0, 1e-6, 1e-2], (60, 3, 1))
    observations = first.observations.reshape(30, 3, 2)[chosen] + noise
    actions = first.actions.reshape(30, 3, -1)[chosen]
    demos = Demonstrations(
        observations.reshape(-1, 2), actions.reshape(180, -1) if kind == "continuous" else actions.ravel(), np.full(60, 3)
    )
    spread = np.ptp(observations, axis=(0, 1))
    near = [[np.abs((a - b) / spread).max() <= NEAR and np.array_equal(c, d) for b, d in zip(observations, actions, strict=True)]
            for a, c in zip(observations, actions, strict=True)]  # fmt: skip
    groups = {tuple(np.flatnonzero(row)) for row in near}
    assert sum(map(len, groups)) == 60  # near is near to the same ones here, so that every group but its first repeats
    assert near_duplicate_fraction(demos) == pytest.approx(1 - len(groups) / 60)


def test_f20_control_a_hash_alone_misses_copies_with_fewer_digits():
    assert duplicate_fraction(repeated(1e-9)) < near_duplicate_fraction(repeated(1e-9))
