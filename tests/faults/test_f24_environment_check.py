"""F24: what an environment may not return is found at the start by ``check_simulator``, all of it, and in a run at its first occurrence."""

import itertools
import json
import subprocess
import sys
import time

import gymnasium
import numpy as np
import pytest

from tests.faults.faulty_environments import Line
from triality.cli.main import main
from triality.errors import ConfigError, SimulatorError
from triality.simulators.check import check_simulator
from triality.simulators.gymnasium_batch import GymnasiumBatch
from triality.simulators.worker_batch import WorkerBatch

Box, TimeLimit = gymnasium.spaces.Box, gymnasium.wrappers.TimeLimit
LINE, NOT_A_NUMBER = (f"tests.faults.faulty_environments:{name}-v0" for name in ("Line", "NotANumber"))


def limited(kind):
    return lambda: TimeLimit(kind(), 12)


def returning(change, limit=12):
    """A line with ``change`` applied to what its steps return."""

    class Changed(Line):
        def step(self, action):
            return change(*super().step(action))

    return lambda: TimeLimit(Changed(), limit)


class FromTheGlobalGenerator(Line):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = float(np.random.uniform(-0.5, 0.5))
        return self.seen(), {}


class NoiseOfItsOwn(Line):
    draw = np.random.default_rng()

    def step(self, action):
        self.place += 0.01 * float(self.draw.normal())
        return super().step(action)


class WornOut(Line):
    """Its first episode is not like the others."""

    age = 0

    def reset(self, *, seed=None, options=None):
        self.age += 1
        seen, info = super().reset(seed=seed)
        return seen + np.float32(0.001 * self.age), info


class OneOfMany(Line):
    """Its second instance is not like the first."""

    made = itertools.count()

    def __init__(self):
        self.number = next(self.made)

    def step(self, action):
        return super().step(action + 0.1 * self.number)


class OneArray(Line):
    def seen(self):
        if not hasattr(self, "array"):
            self.array = np.zeros(2, np.float32)
        self.array[:] = self.place, 0.1 * self.taken
        return self.array


class ClipsInPlace(Line):
    def step(self, action):
        action *= 0.5
        return super().step(action)


class Old(Line):
    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)[0]


class Seedless(Line):
    def reset(self):
        return super().reset()


class OwnLimit(Line):
    def step(self, action):
        seen, reward, _, _, info = super().step(action)
        return seen, reward, self.taken == 12, False, info


class Named(Line):
    observation_space = gymnasium.spaces.Dict({"place": Box(-20.0, 20.0, (2,), np.float32)})

    def seen(self):
        return {"place": super().seen()}


class Breaking(Line):
    def step(self, action):
        if self.taken == 5:
            raise ZeroDivisionError("the gear is stuck")
        return super().step(action)


class Hanging(Line):
    def step(self, action):
        if self.taken == 5:
            time.sleep(2.0)
        return super().step(action)


def with_actions(space):
    class Other(Line):
        action_space = space

        def step(self, action):
            return super().step(np.zeros(1))

    return limited(Other)


BROKEN = {
    "NaN": (
        returning(lambda seen, *rest: (seen * np.nan, *rest)),
        "seed 0, step 1, action .*: expected finite observations .* got .nan nan.",
    ),
    "infinite reward": (returning(lambda seen, reward, *rest: (seen, np.inf, *rest)), "expected a finite reward .* got inf"),
    "wrong shape": (returning(lambda seen, *rest: (seen[:1], *rest)), r"observe 2 numbers, got float32 of shape \(1,\)"),
    "ragged": (returning(lambda seen, *rest: ([[1.0], [1.0, 2.0]], *rest)), "observe 2 numbers, got list"),
    "text": (returning(lambda seen, *rest: (np.array(["a", "b"]), *rest)), "observe 2 numbers, got <U1"),
    "integers": (returning(lambda seen, *rest: (seen.astype(int), *rest)), "observations of float32, as the space says, got int64"),
    "no reward": (returning(lambda seen, reward, *rest: (seen, None, *rest)), "expected one number as reward .* got NoneType None"),
    "array as reward": (returning(lambda seen, reward, *rest: (seen, np.ones(1), *rest)), "as reward .* got an array of shape"),
    "number as flag": (returning(lambda seen, reward, end, *rest: (seen, reward, 0.0, *rest)), "expected a truth value as terminated"),
    "outside the space": (
        returning(lambda seen, *rest: (seen + 25, *rest)),
        r"expected coordinate 0 of the observation in \[-20, 20\], got",
    ),
    "info is none": (
        returning(lambda *given: (*given[:4], None)),
        "expected a dictionary as info, got NoneType None; return {} for nothing",
    ),
    "four values": (
        lambda: returning(lambda seen, reward, end, cut, info: (seen, reward, end, info))().env,
        "to return .observation, reward",
    ),
    "reset without info": (lambda: TimeLimit(Old(), 12).env, r"expected reset to return \(observation, info\), got an array"),
    "reset without seed": (lambda: TimeLimit(Seedless(), 12).env, r"reset to seed 0: expected it to go on, got TypeError: .* 'seed'"),
    "never ends": (Line, "to have a time limit, got none; register it with max_episode_steps"),
    "own limit": (limited(OwnLimit), "expected episodes that reach the time limit to be truncated, got terminated=True at step 12 in all"),
    "start not by seed": (limited(FromTheGlobalGenerator), r"reset\(seed=0\) to decide all that follows, got another start reset again"),
    "steps not by seed": (limited(NoiseOfItsOwn), r"to decide all that follows, got another step 1 reset again, by the same actions"),
    "worn out": (limited(WornOut), "got another start reset again"),
    "instances differ": (limited(OneOfMany), "got another step 1 in another instance, by the same actions; draw all"),
    "one array": (limited(OneArray), "expected the observation before this step to stay as it was handed out, .* return a copy"),
    "action written to": (limited(ClipsInPlace), "expected the action to stay as it was given, .* copy it before it is changed"),
    "no bounds": (with_actions(Box(-np.inf, np.inf, (1,))), "expected finite bounds of the actions"),
    "first action": (with_actions(gymnasium.spaces.Discrete(3, start=1)), "a first one of 1; shift them"),
    "named observations": (limited(Named), "to observe a vector, got Dict.* wrap it in gymnasium.wrappers.FlattenObservation"),
    "raises": (
        limited(Breaking),
        r"step 6, action .* got ZeroDivisionError: the gear is stuck \(.*test_f24_environment_check.py, line \d+\)",
    ),
    "hangs": (limited(Hanging), r"(?s)step 6, action .* expected an answer within 0.5 s, got nothing; its stack:.* in step\n"),
    "cannot be made": (lambda: 1 / 0, "when it is made: expected it to go on, got ZeroDivisionError"),
}
WITHOUT_LIMIT = ("four values", "reset without info", "reset without seed")
"""The wrapper of the time limit does not let these pass: they are looked at as they are, and have no limit either."""


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_is_found_alone_with_its_place_and_its_remedy(name):
    make, words = BROKEN[name]
    report = check_simulator("Line-v0", make, num_steps=100, patience=0.5)
    faults = [fault for fault in report.faults if "time limit, got none" not in fault] if name in WITHOUT_LIMIT else report.faults
    assert len(faults) == 1
    with pytest.raises(SimulatorError, match=words) as raised:
        report.refuse()
    assert raised.value.exit_code == 4


def test_a_healthy_environment_has_none():
    """The control, with what was looked at."""
    report = check_simulator(LINE, num_steps=100)
    assert report.faults == report.notes == ()
    report.refuse()
    assert report.facts["random episodes"] == "8, of 12 to 12 steps; 0 terminated, 8 truncated"
    assert report.facts["starts by one seed"] == report.facts["steps by one seed"] == "the same each time"
    assert float(report.facts["steps a second"].replace(",", "")) > 0


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1", "MountainCarContinuous-v0", "Hopper-v5"])
def test_gymnasiums_own_have_none(env_id):
    assert check_simulator(env_id, num_steps=300).faults == ()


def test_all_faults_are_listed_together():
    def change(seen, reward, *rest):
        return seen.astype(np.float64) * np.nan, None, *rest[:2], []

    report = check_simulator("Line-v0", lambda: returning(change)().env, num_steps=30)
    assert [next(word for word in ("limit", "reward", "info", "finite") if word in fault) for fault in report.faults] == [
        *("limit", "reward", "info", "finite")
    ]
    assert "(39 times)" in report.faults[1]


def test_what_need_not_be_mended_is_a_note():
    wide = returning(lambda seen, *rest: (seen.astype(np.float64), *rest))
    assert "float32, as the space says, got float64" in check_simulator("Line-v0", wide, num_steps=50).notes[0]
    report = check_simulator("Line-v0", with_actions(Box(-3.0, 5.0, (1,))), num_steps=50)
    assert "between -3 and 5" in report.notes[0]
    assert report.faults == ()


def test_one_length_of_all_episodes_is_told():
    report = check_simulator("Line-v0", lambda: TimeLimit(OwnLimit(), 50), num_steps=50)
    assert "all 4 random episodes terminated after 12 steps" in report.notes[0]


def test_in_a_run_the_first_occurrence_is_named():
    """By the same words in this process and in a worker."""
    here, hosted = GymnasiumBatch(NOT_A_NUMBER, 2), WorkerBatch(NOT_A_NUMBER, 2, 1)
    texts = []
    for batch in (here, hosted):
        batch.reset([0, 1])
        for _ in range(2):
            batch.step(np.zeros((2, 1)), np.ones(2, bool))
        with pytest.raises(SimulatorError, match=r"finite observations from step of simulator 0, got .nan nan.; check") as raised:
            batch.step(np.zeros((2, 1)), np.ones(2, bool))
        texts.append(str(raised.value))
    assert texts[1] == f"in worker 0 of {NOT_A_NUMBER}, step 3 of simulator 0 by action [0.]: {texts[0]}"
    here.close()


def test_the_command(capsys):
    assert main(["check-env", LINE, "--steps", "100"]) == 0
    words = capsys.readouterr().out
    assert "12 steps" in words
    assert f"triality irl --env {LINE} --host takes it" in words
    assert main(["check-env", NOT_A_NUMBER, "--steps", "100"]) == 4
    error = capsys.readouterr().err
    assert "got 2 faults:\n  seed 0, step 3, action [" in error
    assert "expected a dictionary as info" in error
    assert main(["check-env", "Gridworld-v0", "--steps", "80"]) == 0
    assert "compiled" in capsys.readouterr().out
    assert main(["check-env", "Pendulm-v1"]) == 2
    assert "did you mean 'Pendulum-v1'?" in capsys.readouterr().err
    assert main(["check-env", LINE, "--steps", "0", "--patience", "0"]) == 2
    assert "2 options cannot be used" in capsys.readouterr().err


def test_the_command_needs_no_jax_for_what_is_not_compiled():
    program = f"import sys; sys.path[:] = {json.dumps(sys.path)}; from triality.cli.main import main; "
    program += f"code = main(['check-env', '{LINE}', '--steps', '50']); sys.exit(code or 99 * ('jax' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60).returncode == 0


def test_no_steps_show_nothing():
    with pytest.raises(ConfigError, match="expected at least one step, got 0"):
        check_simulator(LINE, num_steps=0)
