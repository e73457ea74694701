"""Writes learned costs and policies as plain files: ``cost.json``, ``cost.safetensors``, ``policy.json``, ``policy.safetensors``.

The description says kind, sizes, activation and sign in words; ``docs/export.md`` lists every field. Equal models give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from triality.energies.linear_cost import BOUND, EFFORTS, LinearBoxCost, LinearDiscreteCost
from triality.energies.mlp import MLP, tanh
from triality.energies.shaped_cost import ShapedCost
from triality.energies.step_cost import BoxCost, ConstantCost, DiscreteCost, StateCost
from triality.energies.tilted_cost import TiltedCost
from triality.errors import ConfigError, NonFiniteError
from triality.export.saved import FORMAT_VERSION, encode, sealed
from triality.policies.categorical import CategoricalPolicy
from triality.policies.gaussian import LOG_SCALE_RANGE, ConstantScale, GaussianPolicy, SquashedGaussianPolicy, StateScale
from triality.policies.over import BoxPolicyUntilOver, ChoiceUntilOver
from triality.policies.scaling import AnyScaling, PartialScaling
from triality.regularizers.spectral_norm import SpectrallyNormalized, normalized
from triality.runs.atomic import replace_file
from triality.runs.json_files import to_json_value, write_json
from triality.samplers.gaussian import MARGIN
from triality.specs import EnvironmentSpec

Parts = tuple[dict[str, Any], dict[str, Any]]
"""Fields of the description, and arrays by name."""

SIGN = "cost: low = likely; a reward is minus the cost"
ACTIVATIONS: dict[Callable[..., Any], str] = {tanh: "tanh"}


def write_cost(folder: str | PathLike[str], cost: Any, spec: EnvironmentSpec, is_absorbing: bool = False) -> None:
    """Write ``cost.json`` and ``cost.safetensors`` into an existing folder.

    Args:
        folder: where to.
        cost: c(x, u) of one step; one of ``triality.energies.step_cost``, without an axis of seeds. Of a shaped cost c alone is written.
        spec: as the cost sees the environment, the absorbing indicator included.
        is_absorbing: whether the last coordinate of its observations is that indicator.

    Raises:
        ConfigError: a class of cost that has no such form, or safetensors is not installed.
        NonFiniteError: a parameter is NaN or infinite.
        StorageError: the files cannot be written.

    Example:
        >>> import jax, tempfile
        >>> import jax.numpy as jnp
        >>> from triality.energies.step_cost import mlp_cost
        >>> from triality.export.numpy_cost import NumpyCost
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> cost, folder = mlp_cost(jax.random.key(0), SPECS["CartPole-v1"], identity_scaling(4), (8,)), tempfile.mkdtemp()
        >>> write_cost(folder, cost, SPECS["CartPole-v1"])
        >>> observation, action = jnp.array([0.1, 0.2, 0.3, 0.4]), jnp.array(1)
        >>> bool(abs(NumpyCost.load(folder)(observation, action) - cost(observation, action)) < 1e-12)
        True
    """
    fields, arrays = _parts("cost", COSTS, cost)
    words = {"sign": SIGN, "horizon": spec.time_limit, "action_low": spec.action_low, "action_high": spec.action_high}
    _write(Path(folder), "cost", {**fields, **words}, arrays, spec, is_absorbing)


def write_policy(folder: str | PathLike[str], policy: Any, spec: EnvironmentSpec, is_absorbing: bool = False) -> None:
    """Write ``policy.json`` and ``policy.safetensors`` into an existing folder; arguments and errors as of ``write_cost``."""
    fields, arrays = _parts("policy", POLICIES, policy)
    _write(Path(folder), "policy", fields, arrays, spec, is_absorbing)


def described_policy(policy: Any, spec: EnvironmentSpec, is_absorbing: bool = False) -> Parts:
    """What ``write_policy`` writes, without a file: the description, without hashes, and the arrays, all of one floating type.

    Raises:
        ConfigError, NonFiniteError: as of ``write_policy``.
    """
    fields, arrays = _parts("policy", POLICIES, policy)
    return _described("policy", fields, arrays, spec, is_absorbing)


def _parts(name: str, table: Mapping[type, Callable[[Any], Parts]], module: Any) -> Parts:
    if type(module) not in table:
        known = ", ".join(each.__name__ for each in table)
        raise ConfigError(f"expected a {name} that can be exported ({known}), got {type(module).__name__}; learn one of these")
    return table[type(module)](module)


def _write(
    folder: Path, name: str, fields: Mapping[str, Any], arrays: Mapping[str, Any], spec: EnvironmentSpec, is_absorbing: bool
) -> None:
    description, plain = _described(name, fields, arrays, spec, is_absorbing)
    payload = encode(plain)
    replace_file(folder / f"{name}.safetensors", lambda file: _write_all(file, payload))
    write_json(folder / f"{name}.json", sealed(description, payload))


def _described(name: str, fields: Mapping[str, Any], arrays: Mapping[str, Any], spec: EnvironmentSpec, is_absorbing: bool) -> Parts:
    """Fields as JSON holds them, and arrays of one floating type, all finite."""
    description = {
        "format": f"triality-{name}",
        "format_version": FORMAT_VERSION,
        "environment": spec.name,
        "observation_size": spec.observation_size,
        "num_actions": spec.num_actions,
        "action_size": spec.action_size,
        "absorbing": is_absorbing,
        **fields,
    }
    given = {key: np.asarray(array) for key, array in arrays.items()}
    dtype = np.result_type(np.float32, *given.values())
    plain = {key: array.astype(dtype) for key, array in given.items()}
    wrong = sorted(key for key, array in plain.items() if not np.isfinite(array).all())
    if wrong:
        raise NonFiniteError(f"expected a {name} of finite parameters, got others in {', '.join(wrong)}; export another seed")
    return to_json_value(description), plain


def _write_all(file: Any, payload: bytes) -> None:
    file.write(payload)


def _mlp(name: str, net: MLP) -> Parts:
    if net.activation not in ACTIVATIONS:
        raise ConfigError(f"expected a perceptron with tanh between its layers, got {net.activation}; export one with tanh")
    sizes = [net.weights[0].shape[0], *(weight.shape[1] for weight in net.weights)]
    fields = {name: {"sizes": sizes, "activation": ACTIVATIONS[net.activation], "output_bias": net.output_bias}}
    weights = {f"{name}.weights.{i}": weight for i, weight in enumerate(net.weights)}
    return fields, {**weights, **{f"{name}.biases.{i}": bias for i, bias in enumerate(net.biases)}}


def _scaled(kind: str, name: str, net: MLP, scaling: AnyScaling, more: Mapping[str, Any]) -> Parts:
    """A perceptron of the scaled observation, under the name that its reader knows it by."""
    if isinstance(scaling, PartialScaling):
        # A coordinate that does not go through is one without weights.
        passes = np.concatenate([scaling.mask, np.ones(net.weights[0].shape[0] - len(scaling.mask), bool)])  # with it goes the action
        net = eqx.tree_at(lambda each: each.weights[0], net, np.where(passes[:, None], net.weights[0], 0.0))
        scaling = scaling.scaling
    fields, arrays = _mlp(name, net)
    return {"kind": kind, **fields}, {**arrays, "scaling.mean": scaling.mean, "scaling.scale": scaling.scale, **more}


def _linear(kind: str, cost: LinearBoxCost | LinearDiscreteCost, more: Mapping[str, Any]) -> Parts:
    weights, scaling = cost.weights, cost.scaling
    if isinstance(scaling, PartialScaling):
        weights, scaling = np.where(scaling.mask, weights, 0.0), scaling.scaling
    arrays = {"weights": weights, "efforts": cost.efforts, "scaling.mean": scaling.mean, "scaling.scale": scaling.scale}
    return {"kind": kind, "clip_range": [-BOUND, BOUND]}, {**arrays, **more}


def _gaussian(kind: str) -> Callable[[GaussianPolicy | SquashedGaussianPolicy], Parts]:
    def parts(policy: GaussianPolicy | SquashedGaussianPolicy) -> Parts:
        box = {"center": policy.center, "half_width": policy.half_width}
        fields, arrays = _scaled(kind, "mean", policy.mean, policy.scaling, box)
        scale_fields, scale_arrays = _parts("scale of a policy", SCALES, policy.log_scale)
        numbers = {"log_scale_range": list(LOG_SCALE_RANGE), "margin": MARGIN}
        return {**fields, **scale_fields, **numbers}, {**arrays, **scale_arrays}

    return parts


def _state_scale(scale: StateScale) -> Parts:
    fields, arrays = _mlp("log_scale.net", scale.net)
    return {"scale_kind": "state", **fields}, arrays


def _within(name: str, parts: Parts) -> Parts:
    """A model within another: see ``Saved.part``."""
    fields, arrays = parts
    return {name: fields}, {f"{name}.{key}": array for key, array in arrays.items()}


def _tilted(cost: TiltedCost) -> Parts:
    tilt, reference = _within("tilt", _parts("cost", COSTS, cost.tilt)), _within("reference", _parts("policy", POLICIES, cost.reference))
    return {"kind": "tilted", **tilt[0], **reference[0]}, {**tilt[1], **reference[1]}


COSTS: dict[type, Callable[[Any], Parts]] = {
    BoxCost: lambda cost: _scaled("box", "net", cost.net, cost.scaling, {"half_width": cost.half_width}),
    DiscreteCost: lambda cost: _scaled("discrete", "net", cost.net, cost.scaling, {}),
    StateCost: lambda cost: _scaled("state", "net", cost.net, cost.scaling, {}),
    LinearBoxCost: lambda cost: _linear("linear-box", cost, {"efforts": EFFORTS * cost.efforts, "half_width": cost.half_width}),
    LinearDiscreteCost: lambda cost: _linear("linear-discrete", cost, {}),
    ConstantCost: lambda cost: ({"kind": "constant"}, {}),
    ShapedCost: lambda cost: _parts("cost", COSTS, cost.cost),  # c alone: shaping asks for the same policies
    TiltedCost: _tilted,
    SpectrallyNormalized: lambda cost: _parts("cost", COSTS, normalized(cost.energy, cost.bound, cost.num_iterations)),
}
SCALES: dict[type, Callable[[Any], Parts]] = {
    ConstantScale: lambda scale: ({"scale_kind": "constant"}, {"log_scale.raw": scale.raw}),
    StateScale: _state_scale,
}


def _until_over(policy: BoxPolicyUntilOver | ChoiceUntilOver) -> Parts:
    fields, arrays = _parts("policy", POLICIES, policy.policy)
    return {**fields, "when_over": "uniform"}, arrays


POLICIES: dict[type, Callable[[Any], Parts]] = {
    BoxPolicyUntilOver: _until_over,
    ChoiceUntilOver: _until_over,
    SquashedGaussianPolicy: _gaussian("squashed-gaussian"),
    GaussianPolicy: _gaussian("gaussian"),
    CategoricalPolicy: lambda policy: _scaled("categorical", "net", policy.net, policy.scaling, {}),
}
