"""Gymnasium's ant with two disabled legs: the changed body that a reward learned on ``Ant-v5`` is taken to.

After Fu et al. 2018, section 7.1, by the figures of its code (``angry_ant_crippled``): of both hind legs thigh and shin are half as long,
here dark red too, and their four motors have gear 1. Everything else is Ant-v5's: masses follow from lengths, and the order of bodies,
joints and motors stays, so that an observation and an action mean the same. What differs from the published body is what Ant-v5 differs
in: gear 150 of the healthy motors where it was 30, a friction of 1 where it was 1.5, effort at weight 0.5 where it was 0.01, a reward for
staying up, and ends. An ant that stands still earns 995 in either body.
"""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import final

from gymnasium.envs.mujoco.ant_v5 import AntEnv
from gymnasium.envs.mujoco.mujoco_env import DEFAULT_SIZE, expand_model_path
from gymnasium.utils import EzPickle

from triality.errors import ConfigError

HIND_LEGS = ("back_leg", "right_back_leg")
"""Of Gymnasium's ``ant.xml``: those of hip_3 and of hip_4."""
SHRUNK, WEAK_GEAR, DARK_RED = 0.5, "1", "0.8 0.3 0.3 1"


@final
class DisabledAnt(AntEnv):
    """``DisabledAnt-v0``: observations, actions, reward, start and ends of Gymnasium's ``AntEnv`` with its default arguments, another body.

    Args:
        render_mode: as of ``AntEnv``.
        width: of its pictures, in pixels.
        height: of its pictures, in pixels.

    Raises:
        ConfigError: Gymnasium's ant has other parts than expected.

    Example:
        >>> from triality.envs.gymnasium_eval import make_gymnasium
        >>> body = make_gymnasium("DisabledAnt-v0").unwrapped.model
        >>> [float(body.geom(name).size[1].round(4)) for name in ("left_ankle_geom", "third_ankle_geom")]
        [0.2828, 0.1414]

    Reference: Fu, Luo, Levine, Learning robust rewards with adversarial inverse reinforcement learning, 2018, arXiv:1710.11248.
    """

    def __init__(self, render_mode: str | None = None, width: int = DEFAULT_SIZE, height: int = DEFAULT_SIZE):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "disabled_ant.xml"
            path.write_text(disabled(Path(expand_model_path("ant.xml")).read_text()))
            AntEnv.__init__(self, str(path), render_mode=render_mode, width=width, height=height)
        EzPickle.__init__(self, render_mode, width, height)  # a copy is made as this one was: the file is gone


def disabled(ant: str) -> str:
    """The model of an ant, as XML, with its two hind legs shortened and all but without force.

    Raises:
        ConfigError: it has other parts than Gymnasium's ant.
    """
    model = ET.fromstring(ant)
    for name in HIND_LEGS:
        thigh = _part(model, f".//body[@name='{name}']/body")
        shin = _part(thigh, "body")
        _shrink(shin, "pos")
        for limb in (thigh, shin):
            shape, joint = _part(limb, "geom"), _part(limb, "joint").get("name")
            _shrink(shape, "fromto")
            shape.set("rgba", DARK_RED)
            _part(model, f"actuator/motor[@joint='{joint}']").set("gear", WEAK_GEAR)
    return ET.tostring(model, encoding="unicode")


def _part(of: ET.Element, path: str) -> ET.Element:
    found = of.findall(path)
    if len(found) != 1:
        raise ConfigError(
            f"expected one {path} in the model of Gymnasium's ant, got {len(found)}; install a release of Gymnasium that has Ant-v5"
        )
    return found[0]


def _shrink(part: ET.Element, attribute: str) -> None:
    """Halves a place, or both ends of a limb, which begins at its joint."""
    part.set(attribute, " ".join(str(SHRUNK * float(number)) for number in part.get(attribute, "").split()))
