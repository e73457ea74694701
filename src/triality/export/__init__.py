"""What was learned, outside of jax: plain files, plain numpy, rewards for other libraries. Names are loaded when they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triality.export.entropy_callback import entropy_in_reward as entropy_in_reward
    from triality.export.learned_reward import LearnedReward as LearnedReward
    from triality.export.numpy_cost import NumpyCost as NumpyCost
    from triality.export.numpy_policy import NumpyPolicy as NumpyPolicy
    from triality.export.read import read_policy as read_policy
    from triality.export.reward_function import RewardFunction as RewardFunction
    from triality.export.reward_vec_env import learned_reward_vec_env as learned_reward_vec_env
    from triality.export.reward_vector_wrapper import LearnedRewardVectorWrapper as LearnedRewardVectorWrapper
    from triality.export.reward_wrapper import LearnedRewardWrapper as LearnedRewardWrapper
    from triality.export.write import write_cost as write_cost
    from triality.export.write import write_policy as write_policy

HOMES = {
    "LearnedReward": "learned_reward",
    "LearnedRewardVectorWrapper": "reward_vector_wrapper",
    "LearnedRewardWrapper": "reward_wrapper",
    "NumpyCost": "numpy_cost",
    "NumpyPolicy": "numpy_policy",
    "RewardFunction": "reward_function",
    "entropy_in_reward": "entropy_callback",
    "learned_reward_vec_env": "reward_vec_env",
    "read_policy": "read",
    "write_cost": "write",
    "write_policy": "write",
}


def __getattr__(name: str) -> Any:
    """Each name from its own file: the readers need numpy alone, the wrappers gymnasium, the writers jax."""
    if name not in HOMES:
        raise AttributeError(f"module 'triality.export' has no attribute '{name}'")
    return getattr(import_module(f"triality.export.{HOMES[name]}"), name)
