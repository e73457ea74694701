"""The entropy that the paper's policy maximizes beside the cost, for PPO and A2C of stable-baselines3, imported when asked for.

    q minimizes E_q[c] + temperature E_q[log q]     (eq. 2, weight 1):   r_t = -c(x_t, u_t) - temperature log pi(u_t|x_t)

A cost learned by maximum entropy is in nats and is meant to be minimized together with log q. The entropy bonus of PPO's own loss is
another thing: it looks one step ahead, and is weighed against advantages in units of their spread.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from triality.errors import ConfigError


def entropy_in_reward(temperature: float = 1.0) -> Any:
    """A callback for ``learn`` that subtracts temperature * log pi from the rewards of every roll-out, and forms the advantages anew.

    The policy has to be squashed (``use_sde=True, policy_kwargs={"squash_output": True}``): one that the simulator clips gains entropy
    without end beyond the bounds. Its densities are with respect to actions scaled to [-1, 1]; that differs from the box's by a constant
    a step, which changes nothing where episodes have one length. Do not scale rewards (``VecNormalize``): both terms are in nats.
    SAC needs no such thing: its ``ent_coef=1.0`` is the same.

    Args:
        temperature: weight of the entropy; 1 is the paper's, and that of the run whose cost it is.

    Raises:
        ConfigError: stable-baselines3 is not installed, or the temperature is negative.

    Example::

        PPO("MlpPolicy", venv, use_sde=True, policy_kwargs={"squash_output": True}).learn(640_000, callback=entropy_in_reward())
    """
    if not 0.0 <= temperature < np.inf:
        raise ConfigError(f"expected a temperature of at least 0, got {temperature}; 1 is the paper's")
    try:
        from stable_baselines3.common.callbacks import BaseCallback  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ConfigError(
            "expected stable-baselines3 for its callbacks, got no such package; install it: pip install stable-baselines3"
        ) from error

    class EntropyInReward(BaseCallback):
        """The class is made here, since its parent is there only where stable-baselines3 is."""

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            told = self.locals
            add_entropy(told["rollout_buffer"], temperature, told["values"], told["dones"])

    return EntropyInReward()


def add_entropy(buffer: Any, temperature: float, last_values: Any, dones: Any) -> None:
    """Subtract temperature * log pi from a roll-out buffer's rewards, in place, and have it compute returns and advantages again."""
    buffer.rewards -= temperature * buffer.log_probs
    buffer.compute_returns_and_advantage(last_values=last_values, dones=dones)
