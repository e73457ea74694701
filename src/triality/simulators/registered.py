"""What this package registers with Gymnasium, for programs that know nothing else of it.

    gymnasium.make("triality.simulators.registered:DisabledAnt-v0")

The entries are names, so that MuJoCo is imported once a simulator is made, and not before.
"""

from __future__ import annotations

import gymnasium

from triality.specs import MUJOCO_SPECS

gymnasium.register(
    "DisabledAnt-v0",
    "triality.simulators.disabled_ant:DisabledAnt",
    max_episode_steps=MUJOCO_SPECS["DisabledAnt-v0"].time_limit,
)
