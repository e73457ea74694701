"""What is asked of four parts of a CPU, in a process of its own: the number of devices is fixed when jax first looks for them.

Prints one line of JSON: of every question the largest difference between four devices and one.
"""

import json
import sys

import jax

jax.config.update("jax_enable_x64", "--float32" not in sys.argv)
jax.config.update("jax_num_cpu_devices", 4)

import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.sharding import PartitionSpec as P  # noqa: E402

from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.devices.fleet import OneDevice, SeveralDevices  # noqa: E402
from triality.devices.mesh import data_mesh  # noqa: E402
from triality.devices.summed import summed  # noqa: E402
from triality.energies.quadratic import quadratic_energy  # noqa: E402
from triality.numerics import effective_sample_size, log_mean_exp  # noqa: E402
from triality.partition.acceptance_ratio import acceptance_ratio, solve_log_z  # noqa: E402
from triality.partition.importance import importance  # noqa: E402
from triality.reduction import DATA, OverDevices  # noqa: E402
from triality.samplers.gaussian import Gaussian  # noqa: E402

MESH = data_mesh(4)


class LocalMaximum(OverDevices):
    """Broken: each device takes its own maximum out of its sum, and puts it back into everybody's."""

    def _highest(self, values):
        return values


class MeanOfDevices(OverDevices):
    """Broken: the mean of the devices' own log-sum-exps, and log of their number."""

    def log_sum_exps(self, *values):
        own = jnp.stack([jax.nn.logsumexp(each) for each in values])
        return tuple(jax.lax.pmean(own, self.axis) + jnp.log(jax.lax.axis_size(self.axis)))

    def total(self, values):
        return jnp.exp(jax.lax.pmean(jnp.log(jnp.sum(values, axis=0)), self.axis)) * jax.lax.axis_size(self.axis)


def with_twin(function, twin):
    """``function`` on four devices with its sums taken by a broken twin; unchecked, since what comes out is not everybody's."""
    of_some = jax.shard_map(lambda *a: function(*a, over=twin), mesh=MESH, in_specs=P(DATA), out_specs=P(), check_vma=False)
    return jax.jit(of_some)


def worst(found, expected):
    """Relative; where both are NaN or infinite alike, nothing."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    gaps = [np.max(np.abs(np.asarray(a) - np.asarray(b)) / np.maximum(1.0, np.abs(np.asarray(b)))) for a, b in pairs if not alike(a, b)]
    return float(max(gaps, default=0.0))


def alike(a, b):
    return np.array_equal(a, b, equal_nan=True)


def ratios(shift):
    """Of both sides, their largest far apart on the four devices; two masked."""
    data = jax.random.normal(jax.random.key(0), (16,)) + jnp.repeat(jnp.array([0.0, 3.0, -2.0, 40.0]), 4) + shift
    drawn = jax.random.normal(jax.random.key(1), (24,)) + jnp.repeat(jnp.array([-30.0, 1.0, 0.0, 2.0]), 6) + shift
    return data, drawn, jnp.zeros(16).at[5].set(-jnp.inf), jnp.linspace(-1.0, 1.0, 24).at[0].set(-jnp.inf)


def reductions(functions):
    data, drawn, of_data, of_drawn = ratios(0.0 if "--float32" in sys.argv else 300.0)
    arguments = {
        log_mean_exp: (drawn, of_drawn),
        effective_sample_size: (drawn,),
        importance: (drawn, of_drawn),
        solve_log_z: (data, drawn, of_data, of_drawn),
        acceptance_ratio: (data, drawn, of_data, of_drawn),
    }
    arguments = {each: arguments[each] for each in functions}
    found = {each.__name__: worst(summed(MESH, each)(*given), jax.jit(each)(*given)) for each, given in arguments.items()}
    expected = jax.jit(log_mean_exp)(drawn, of_drawn)
    for twin in (LocalMaximum(), MeanOfDevices()):
        found[f"log_mean_exp, {type(twin).__name__}"] = worst(with_twin(log_mean_exp, twin)(drawn, of_drawn), expected)
    return found


def roots():
    data, drawn, _, of_drawn = ratios(0.0)
    one = jax.jit(jax.grad(lambda d: solve_log_z(data, d, None, of_drawn)))(drawn)
    solve = summed(MESH, lambda a, b, c, d, over: solve_log_z(a, b, c, d, over=over))
    four = jax.jit(jax.grad(lambda d: solve(data, d, jnp.zeros(16), of_drawn)))(drawn)
    found = {"gradient of solve_log_z": worst(four, one), "not zero": float(jnp.max(jnp.abs(one)) < 1e-3)}
    broken = with_twin(solve_log_z, MeanOfDevices())(data, drawn)
    found["solve_log_z, MeanOfDevices"] = worst(broken, jax.jit(solve_log_z)(data, drawn))
    nowhere = jnp.full(4, -jnp.inf)
    found["nothing but masked"] = worst(summed(MESH, effective_sample_size)(nowhere), jnp.zeros(()))
    return found


def learning():
    """Batches of ten over four devices: the last has one, and two of padding that must not count."""
    x = 1.0 + 0.5 * jax.random.normal(jax.random.key(3), (50, 1))
    algorithm = EnergyLearning(DataSet(x), batch_size=10, num_drawn=10)
    first = jax.jit(lambda key: algorithm.init(key, quadratic_energy(key, 1), Gaussian(jnp.zeros(1), jnp.zeros(1))))(jax.random.key(4))

    def after_two(fleet):
        shared, state = fleet.placed(fleet.shared(algorithm)), fleet.placed(first)
        step = jax.jit(lambda state: shared.step(state))
        return fleet.here(step(step(state)[0])[0])

    fleet = SeveralDevices(MESH)
    found = after_two(fleet)
    return {"two steps of a density": worst(*(jax.tree.leaves(jax.tree.map(raw, each)) for each in (found, after_two(OneDevice()))))}


def raw(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


FEW, ALL = (
    (log_mean_exp, effective_sample_size, importance, solve_log_z),
    (log_mean_exp, effective_sample_size, importance, solve_log_z, acceptance_ratio),
)

if __name__ == "__main__":
    said = reductions(ALL if "--all" in sys.argv else FEW) | learning() | (roots() if "--all" in sys.argv else {})
    print(json.dumps(said))
