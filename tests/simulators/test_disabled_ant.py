"""The ant with two disabled legs: its body against the published figures and against MuJoCo's own editor, and who knows of it."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import triality
from triality.envs.gymnasium_eval import make_gymnasium
from triality.errors import ConfigError

mujoco = pytest.importorskip("mujoco")

HIND = {"back_leg_geom": "third_ankle_geom", "rightback_leg_geom": "fourth_ankle_geom"}
FRONT = {"left_leg_geom": "left_ankle_geom", "right_leg_geom": "right_ankle_geom"}
DENSITY, RADIUS = 5.0, 0.08


@pytest.fixture(scope="module")
def ants():
    """The disabled one, and Gymnasium's."""
    return make_gymnasium("DisabledAnt-v0").unwrapped, make_gymnasium("Ant-v5").unwrapped


def edited(path, legs, motors):
    """Gymnasium's ant after the same changes by MuJoCo's editor: of whichever legs and motors."""
    spec = mujoco.MjSpec.from_file(path)
    for thigh, shin in legs.items():
        spec.geom(thigh).fromto = 0.5 * np.array(spec.geom(thigh).fromto)
        spec.geom(shin).fromto = 0.5 * np.array(spec.geom(shin).fromto)
        spec.geom(shin).parent.pos = 0.5 * np.array(spec.geom(shin).parent.pos)
    for motor in spec.actuators:
        if motor.target in motors:
            motor.gear = np.array([1.0, *motor.gear[1:]])
    return spec.compile()


def differing(model, other):
    """Names of the arrays of numbers in which two models differ."""
    names = [name for name in dir(model) if not name.startswith("_") and isinstance(getattr(model, name), np.ndarray)]
    assert len(names) > 200
    arrays = ((name, getattr(model, name), getattr(other, name)) for name in names if name not in ("paths", "names", "names_map"))
    return {name for name, mine, its in arrays if mine.dtype.kind in "fiub" and not np.allclose(mine, its, rtol=1e-9, atol=1e-12)}


def test_lengths_masses_and_gears_are_those_published(ants):
    """Per axis 0.1 and 0.2 m where they were 0.2 and 0.4; the mass of a capsule by hand; gear 1 of hip_4, ankle_4, hip_3 and ankle_3."""
    model = ants[0].model
    for legs, share in ((HIND, 0.5), (FRONT, 1.0)):
        for pair in legs.items():
            for name, reach in zip(pair, (0.2, 0.4), strict=True):
                geom, length = model.geom(name), share * reach * np.sqrt(2.0)
                np.testing.assert_allclose(geom.size[:2], [RADIUS, length / 2], rtol=1e-12)
                np.testing.assert_allclose(np.abs(geom.pos), [share * reach / 2] * 2 + [0.0], rtol=1e-12)
                mass = DENSITY * np.pi * RADIUS**2 * (length + 4 / 3 * RADIUS)
                np.testing.assert_allclose(model.body_mass[geom.bodyid[0]], mass, rtol=1e-12)
    assert model.actuator_gear[:, 0].tolist() == [1, 1, 150, 150, 150, 150, 1, 1]


def test_the_body_is_what_mujocos_own_editor_makes_of_it_and_nothing_else_changed(ants):
    """The twins: Gymnasium's ant, the wrong legs, the right legs with the wrong motors."""
    ours, theirs = ants
    weak = ("hip_3", "ankle_3", "hip_4", "ankle_4")
    right = edited(theirs.fullpath, HIND, weak)
    assert differing(ours.model, right) == {"geom_rgba"}
    assert "body_pos" in differing(ours.model, theirs.model)
    assert "body_pos" in differing(ours.model, edited(theirs.fullpath, FRONT, weak))
    assert "actuator_gear" in differing(ours.model, edited(theirs.fullpath, HIND, ("hip_1", "ankle_1", "hip_2", "ankle_2")))


def test_a_disabled_motor_pulls_with_one_newton_meter(ants):
    for ant, hind in zip(ants, (1.0, 150.0), strict=True):
        ant.reset(seed=0)
        ant.data.ctrl[:] = 0.5
        mujoco.mj_forward(ant.model, ant.data)
        torque = {name: ant.data.joint(name).qfrc_actuator[0] for name in ("hip_1", "ankle_2", "hip_3", "ankle_4")}
        assert torque == {"hip_1": 75.0, "ankle_2": 75.0, "hip_3": 0.5 * hind, "ankle_4": 0.5 * hind}


def test_starts_are_those_of_the_whole_ant(ants):
    ours, theirs = (ant.reset(seed=3)[0][:27] for ant in ants)
    np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(ours, ants[1].reset(seed=4)[0][:27])


def test_a_copy_is_another_disabled_ant(ants):
    copied = pickle.loads(pickle.dumps(ants[0]))
    np.testing.assert_array_equal(copied.model.actuator_gear, ants[0].model.actuator_gear)


def test_gymnasium_knows_it_by_the_module_that_registers_it_and_loads_mujoco_when_it_is_made():
    code = (
        "import sys, gymnasium, triality.simulators.registered\n"
        "print(sorted({'mujoco', 'jax'} & set(sys.modules)))\n"
        "print(gymnasium.make('DisabledAnt-v0').action_space.shape, 'mujoco' in sys.modules)"
    )
    sources = os.environ | {"PYTHONPATH": str(Path(triality.__file__).parents[1])}
    told = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=sources)
    assert told.stdout.splitlines() == ["[]", "(8,) True"]
    assert gymnasium.make("triality.simulators.registered:DisabledAnt-v0").spec.max_episode_steps == 1000


def test_another_ant_is_refused():
    from triality.simulators.disabled_ant import disabled

    with pytest.raises(ConfigError, match=r"expected one .*back_leg.* got 0"):
        disabled("<mujoco><worldbody/></mujoco>")
