"""Everything that an iteration changes is in the checkpoint, or known to be made anew: a walk over the objects of a run on the host."""

import dataclasses
import types

import equinox as eqx
import jax
import numpy as np
import pytest

from tests.faults.kept_runs import HOST
from triality.cli.experiment import build_algorithm
from triality.cli.host_learning import HostRuns
from triality.cli.irl import check
from triality.cli.main import parse
from triality.runs.checkpoint import leaves_of

DERIVED = {
    ".collector.timing": "a clock",
    ".collector._lanes[0]._thread._alive": "a clock",
    ".collector._lanes[0]._observation": "what the simulators showed last; every collection begins with a reset",
}
"""Leaves that are in no checkpoint, and why they need not be. Simulators of other packages are not walked through: every collection begins
with a reset of each, whose seed comes from the state's key."""


def changing(root):
    """Numbers and arrays that can be reached from ``root`` by attributes, entries and items, each by its path."""
    found, seen, waiting = {}, set(), [("", root)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, bool | int | float | str | bytes | type(None)):
            found[path] = node
        elif isinstance(node, np.ndarray | np.generic | jax.Array):
            found[path] = _bytes_of(node)
        elif id(node) not in seen and not isinstance(node, type | types.ModuleType | types.FunctionType | types.MethodType):
            seen.add(id(node))
            if isinstance(node, dict):
                waiting += [(f"{path}[{key!r:.40}]", value) for key, value in node.items()]
            elif isinstance(node, list | tuple):
                waiting += [(f"{path}[{index}]", value) for index, value in enumerate(node)]
            elif type(node).__module__.startswith(("triality", "tests")):
                names = [field.name for field in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else vars(node)
                waiting += [(f"{path}.{name}", getattr(node, name)) for name in names if hasattr(node, name)]
    return found


def _bytes_of(array):
    if isinstance(array, jax.Array) and jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return np.asarray(array).tobytes()


def changed(before, after):
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    plan = check(parse([*HOST.words, "--out", str(tmp_path_factory.mktemp("walk") / "run")]))
    host = HostRuns(plan, build_algorithm(plan.options, plan.task), "lower the rate")
    yield host
    host.close()


def test_what_an_iteration_changes_is_kept_or_made_anew(runs):
    state = jax.tree.map(lambda leaf: leaf[0], jax.vmap(runs._guarded.init)(runs.first_states()))
    state, _ = runs._iterate(state)
    before = changing(runs)
    after_state, _ = runs._iterate(state)
    outside = changed(before, changing(runs))
    unknown = [path for path in outside if not any(path.startswith(known) for known in DERIVED)]
    assert unknown == []
    assert any(path.startswith(".collector.timing") for path in outside)  # the walk sees what it should
    # Inside the state everything that is an array is stored, by its own path.
    arrays = [leaf for leaf in jax.tree.leaves(after_state) if eqx.is_array(leaf)]
    others = [leaf for leaf in jax.tree.leaves(after_state) if not eqx.is_array(leaf)]
    assert others == []
    assert len(leaves_of({"states": after_state})) == len(arrays)


def test_a_counter_beside_the_state_is_found(runs):
    """The negative control: an algorithm that counts on the host would not come back."""
    before = changing(runs)
    runs.counter = 1
    runs.collector.forgotten = np.arange(3)
    assert changed(before, changing(runs)) == [".collector.forgotten", ".counter"]
    del runs.counter, runs.collector.forgotten


def test_the_list_of_what_is_made_anew_names_real_things(runs):
    found = changing(runs)
    assert [path for path in DERIVED if not any(each.startswith(path) for each in found)] == []
