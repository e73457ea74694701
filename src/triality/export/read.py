"""An exported policy back in jax: to be asked where it was not learned, such as the expert of DAgger.

``NumpyPolicy`` reads the same files for plain numpy. Nothing is unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike

import equinox as eqx
import jax
import jax.numpy as jnp

from triality.energies.mlp import MLP
from triality.export.numpy_mlp import read_mlp, read_scaling
from triality.export.saved import Saved, read_saved
from triality.policies.categorical import CategoricalPolicy
from triality.policies.gaussian import ConstantScale, GaussianPolicy, SquashedGaussianPolicy, StateScale
from triality.policies.over import BoxPolicyUntilOver, ChoiceUntilOver
from triality.policies.scaling import Scaling
from triality.trajectory import Policy


def read_policy(folder: str | PathLike[str]) -> Policy:
    """The policy that ``triality export`` or ``triality expert --policy-out`` wrote to ``folder``.

    Its observations are those of ``policy.json``: where that says ``absorbing``, they end with the indicator.

    Raises:
        ConfigError: safetensors is not installed.
        StorageError: the files are missing, damaged, or do not fit together.

    Example:
        >>> import tempfile
        >>> from triality.export.write import write_policy
        >>> from triality.policies.gaussian import squashed_gaussian_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> spec, folder = SPECS["Pendulum-v1"], tempfile.mkdtemp()
        >>> policy = squashed_gaussian_policy(jax.random.key(0), spec, identity_scaling(3), (8,))
        >>> write_policy(folder, policy, spec)
        >>> eqx.tree_equal(read_policy(folder), policy).item()
        True
    """
    saved = read_saved(folder, "policy")
    policy = KINDS[saved.word("kind", tuple(KINDS))](saved, saved.count("observation_size"))
    return _until_over(saved, policy) if "when_over" in saved.description else policy


def _until_over(saved: Saved, policy: Policy) -> Policy:
    saved.word("when_over", ("uniform",))
    if saved.count("num_actions"):
        return ChoiceUntilOver(policy)
    center, half_width = (jnp.asarray(saved.array(name, (saved.count("action_size"),)), float) for name in ("center", "half_width"))
    return BoxPolicyUntilOver(policy, center - half_width, center + half_width)


def _mlp(saved: Saved, prefix: str, num_inputs: int, num_outputs: int) -> MLP:
    net = read_mlp(saved, prefix, num_inputs, num_outputs)
    sizes = (num_inputs, *(weight.shape[1] for weight in net.weights))
    blank = MLP(jax.random.key(0), sizes, output_bias=len(net.biases) == len(net.weights))
    parts = [[jnp.asarray(array, float) for array in arrays] for arrays in (net.weights, net.biases)]
    return eqx.tree_at(lambda each: (each.weights, each.biases), blank, tuple(parts))


def _scaling(saved: Saved, size: int) -> Scaling:
    found = read_scaling(saved, size)
    return Scaling(jnp.asarray(found.mean, float), jnp.asarray(found.scale, float))


def _of_box(policy: type[GaussianPolicy] | type[SquashedGaussianPolicy]) -> Callable[[Saved, int], Policy]:
    def read(saved: Saved, size: int) -> Policy:
        width = saved.count("action_size")
        mean, scale = _mlp(saved, "mean", size, width), SCALES[saved.word("scale_kind", tuple(SCALES))](saved, size, width)
        center, half_width = (jnp.asarray(saved.array(name, (width,)), float) for name in ("center", "half_width"))
        return policy(mean, scale, _scaling(saved, size), center, half_width)

    return read


def _categorical(saved: Saved, size: int) -> Policy:
    return CategoricalPolicy(_mlp(saved, "net", size, saved.count("num_actions")), _scaling(saved, size))


SCALES: dict[str, Callable[[Saved, int, int], ConstantScale | StateScale]] = {
    "constant": lambda saved, size, width: ConstantScale(jnp.asarray(saved.array("log_scale.raw", (width,)), float)),
    "state": lambda saved, size, width: StateScale(_mlp(saved, "log_scale.net", size, width)),
}
KINDS: dict[str, Callable[[Saved, int], Policy]] = {
    "squashed-gaussian": _of_box(SquashedGaussianPolicy),
    "gaussian": _of_box(GaussianPolicy),
    "categorical": _categorical,
}
"""What a policy's kind is called in the description."""
