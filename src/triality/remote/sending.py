"""From a policy of the library to one that can be sent: the description and the arrays that ``triality export`` would write."""

from __future__ import annotations

import numpy as np

from triality.export.write import described_policy
from triality.remote.sent_policy import Label, SentPolicy
from triality.specs import EnvironmentSpec
from triality.trajectory import Policy


def sent(policy: Policy, spec: EnvironmentSpec, label: Label) -> SentPolicy:
    """The policy in numpy, of the dtype that it has.

    Args:
        policy: one of the classes that can be exported: perceptrons of the library's own, with the absorbing state or without.
        spec: of the environment as the policy sees it.
        label: which policy it is.

    Raises:
        ConfigError: a class of policy that has no such form.

    Example:
        >>> import jax
        >>> from triality.policies.categorical import categorical_policy
        >>> from triality.policies.scaling import identity_scaling
        >>> from triality.specs import SPECS
        >>> policy = categorical_policy(jax.random.key(0), SPECS["CartPole-v1"], identity_scaling(4), (8,))
        >>> on_its_way = sent(policy, SPECS["CartPole-v1"], Label(0, 2))
        >>> observation = jax.numpy.array([0.1, -0.2, 0.3, -0.4])
        >>> there = on_its_way.law().log_prob(np.asarray(observation)[None], np.array([1]))[0]
        >>> bool(abs(there - policy(observation).log_prob(jax.numpy.array(1))) < 1e-6), on_its_way.num_bytes // on_its_way.dtype.itemsize
        (True, 66)
    """
    fields, arrays = described_policy(policy, spec)
    return SentPolicy(label, fields, {name: np.array(array) for name, array in arrays.items()})
