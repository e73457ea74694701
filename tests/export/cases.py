"""Every cost and every policy that can be exported, far from their first, nearly flat parameters."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from triality.energies.linear_cost import linear_cost
from triality.energies.step_cost import ConstantCost, mlp_cost, state_cost
from triality.energies.tilted_cost import TiltedCost
from triality.policies.categorical import categorical_policy
from triality.policies.gaussian import gaussian_policy, squashed_gaussian_policy
from triality.policies.over import BoxPolicyUntilOver, ChoiceUntilOver
from triality.policies.scaling import PartialScaling, Scaling
from triality.specs import SPECS, EnvironmentSpec

BOX = EnvironmentSpec("Box-v0", 3, 2, 0, (-1.0, -4.0), (1.0, 2.0), 7)
DISCRETE = EnvironmentSpec("Discrete-v0", 3, 0, 4, time_limit=7)
PENDULUM = SPECS["Pendulum-v1"]
SCALING = Scaling(jnp.array([0.3, -1.0, 2.0]), jnp.array([0.5, 2.0, 3.0]))
HIDDEN = (6, 5)
SEEN = (0, 2)


def until_over(key, spec, scaling, hidden):
    policy = squashed_gaussian_policy(key, spec, scaling, hidden)
    return BoxPolicyUntilOver(policy, jnp.asarray(spec.action_low), jnp.asarray(spec.action_high))


COSTS = {
    "box": (mlp_cost, BOX),
    "discrete": (mlp_cost, DISCRETE),
    "state": (state_cost, BOX),
    "state, discrete": (state_cost, DISCRETE),
    "tilted": (lambda *parts: TiltedCost(mlp_cost(*parts), squashed_gaussian_policy(*parts)), BOX),
    "tilted, discrete": (lambda *parts: TiltedCost(mlp_cost(*parts), categorical_policy(*parts)), DISCRETE),
    "tilted, until over": (lambda *parts: TiltedCost(mlp_cost(*parts), until_over(*parts)), BOX),
    "constant": (lambda key, spec, scaling, hidden: ConstantCost(), BOX),
    "linear": (lambda key, spec, scaling, hidden: linear_cost(key, spec, scaling), BOX),
    "linear, discrete": (lambda key, spec, scaling, hidden: linear_cost(key, spec, scaling), DISCRETE),
    "linear, of a part": (lambda key, spec, scaling, hidden: linear_cost(key, spec, PartialScaling(scaling, SEEN)), BOX),
    "box, of a part": (lambda key, spec, scaling, hidden: mlp_cost(key, spec, PartialScaling(scaling, SEEN), hidden), BOX),
    "state, of a part": (lambda key, spec, scaling, hidden: state_cost(key, spec, PartialScaling(scaling, SEEN), hidden), DISCRETE),
}
POLICIES = {
    "squashed": (squashed_gaussian_policy, BOX),
    "squashed, one scale": (lambda *parts: squashed_gaussian_policy(*parts, state_scale=False), BOX),
    "gaussian": (gaussian_policy, BOX),
    "gaussian, one scale": (lambda *parts: gaussian_policy(*parts, state_scale=False), BOX),
    "categorical": (categorical_policy, DISCRETE),
    "until over": (until_over, BOX),
    "until over, discrete": (lambda *parts: ChoiceUntilOver(categorical_policy(*parts)), DISCRETE),
}


def make(maker, spec):
    """Weights of order one everywhere, biases included; scaling and box as they are."""
    module = maker(jax.random.key(0), spec, SCALING, HIDDEN)
    draw = np.random.default_rng(1)

    def moved(path, leaf):
        fixed = any(name in jax.tree_util.keystr(path) for name in ("scaling", "center", "half_width", ".low", ".high"))
        return leaf if fixed or not eqx.is_array(leaf) else jnp.asarray(draw.normal(size=leaf.shape) * 0.7)

    return jax.tree_util.tree_map_with_path(moved, module)


def observations(num=11):
    return np.random.default_rng(2).normal(size=(num, 3)) * 2.0


def actions(spec, num=11):
    """Inside the box, on its bounds, outside."""
    draw = np.random.default_rng(3)
    if spec.is_discrete:
        return draw.integers(spec.num_actions, size=num)
    found = draw.uniform(spec.action_low, spec.action_high, size=(num, spec.action_size))
    found[0], found[1], found[2] = spec.action_low, spec.action_high, np.array(spec.action_high) + 0.5
    return found
