"""What is left to the command is decided once, and the algorithm is built of what was decided."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from rich.console import Console

from triality.algorithms.policy_training import PolicyTraining
from triality.algorithms.scaling_rules import FrozenScaling, RunningScaling
from triality.cli import learning
from triality.cli.experiment import build_algorithm, state_template
from triality.cli.irl import check_options
from triality.cli.irl_defaults import Usual, resolve
from triality.cli.names import find_task
from triality.cli.options import LEFT, IrlOptions
from triality.cli.training import train_policies
from triality.each_pair import EachPair
from triality.each_transition import EachTransition
from triality.energies.adversarial_reward import LogDrawn, MinusLogData
from triality.energies.shaped_cost import OfTransition
from triality.energies.step_cost import EnvironmentCost
from triality.envs.pendulum import Pendulum
from triality.errors import ConfigError, NonFiniteError
from triality.objectives.linear_twist import CrossFitted, LinearTwist
from triality.policies.scaling import identity_scaling
from triality.runs.keeper import kept_run
from triality.runs.keeping import Keeping
from triality.trajectory import EachStep, OfPair
from triality.updates.ppo import PPO

PLAIN = IrlOptions("Pendulum-v1", Path("demos.npz"), Path("run"), num_demos=20)
RESOLVED = {
    "gan-gcl": ({}, ("normalized", "matched", 3e-4)),
    "per step": ({"level": "step"}, ("normalized", "free", 3e-4)),
    "guided cost": ({"algorithm": "guided-cost"}, ("q-only", "matched", 3e-4)),
    "a weight for every decision": ({"algorithm": "guided-cost", "objective": "per-decision"}, ("per-decision", "matched", 3e-4)),
    "airl": ({"algorithm": "airl"}, ("plain", "free", 3e-4)),
    "gail": ({"algorithm": "gail"}, ("plain", "free", 3e-4)),
    "as named": ({"objective": "plain", "starts": "free", "policy_learning_rate": 0.01}, ("plain", "free", 0.01)),
    "cloning": ({"algorithm": "bc"}, ("auto", "auto", 1e-3)),
    "cloning, its rate named": ({"algorithm": "bc", "policy_learning_rate": 0.01}, ("auto", "auto", 0.01)),
}


@pytest.mark.parametrize("case", RESOLVED)
def test_options_are_resolved_once(case):
    changes, expected = RESOLVED[case]
    options, task = (choice := check_options(replace(PLAIN, **changes))).options, choice.task
    assert (options.objective, options.starts, options.policy_learning_rate) == expected
    assert resolve(options, task) == options
    assert check_options(options).options == options


REWARDS = {
    "gan-gcl": ({}, ("trajectory", "auto", 1.0, OfPair, EachStep)),
    "gan-gcl per step, cooler": ({"level": "step", "temperature": 0.5}, ("step", "auto", 0.5, OfPair, EachStep)),
    "airl": ({"algorithm": "airl"}, ("step", "f-log-pi", 1.0, OfTransition, EachTransition)),
    "airl, no entropy": ({"algorithm": "airl", "reward": "f"}, ("step", "f", 0.0, OfTransition, EachTransition)),
    "airl, unshaped": ({"algorithm": "airl", "reward": "g-log-pi"}, ("step", "g-log-pi", 1.0, OfPair, EachTransition)),
    "airl, neither": ({"algorithm": "airl", "reward": "g"}, ("step", "g", 0.0, OfPair, EachTransition)),
    "gail": ({"algorithm": "gail"}, ("step", "positive", 0.0, LogDrawn, EachPair)),
    "gail, negative": ({"algorithm": "gail", "reward": "negative", "level": "step"}, ("step", "negative", 0.0, MinusLogData, EachPair)),
    "gail, some entropy": ({"algorithm": "gail", "reward": "log-odds", "temperature": 0.1}, ("step", "log-odds", 0.1, OfPair, EachPair)),
}


@pytest.mark.parametrize("case", REWARDS)
def test_a_reward_is_a_cost_a_temperature_and_a_view(case):
    changes, (level, reward, temperature, policy_cost, view) = REWARDS[case]
    choice = check_options(replace(PLAIN, past_samplers=3, shaping_discount=0.9 if changes.get("algorithm") == "airl" else 0.99, **changes))
    options = choice.options
    assert (options.level, options.reward, options.temperature) == (level, reward, temperature)
    assert check_options(options).options == options
    algorithm = build_algorithm(options, choice.task)
    assert algorithm.policy_cost is policy_cost
    assert float(algorithm.update_rule.temperature) == pytest.approx(temperature)
    assert algorithm.level.num_past_samplers == 3
    assert type(getattr(algorithm.level, "view", EachStep())) is view
    assert getattr(algorithm.make_cost, "discount", 0.9) == 0.9


@pytest.mark.parametrize(("starts", "twist"), [("auto", LinearTwist), ("free", CrossFitted)])
def test_the_value_that_weighs_free_starts_has_not_seen_them(starts, twist):
    choice = check_options(replace(PLAIN, algorithm="guided-cost", objective="per-decision", starts=starts))
    assert type(build_algorithm(choice.options, choice.task).objective.twist) is twist


AS_NAMED = {"num_rollouts": 5, "policy_epochs": 3, "policy_minibatches": 2, "num_pairs": 7, "iterations": 1, "gradient_penalty": 0.0}
SIZES = {
    "compiled": ({}, (100, 96, 4, 8, 0, 0.003)),
    "on the host": ({"host": True}, (200, 80, 8, 32, 4096, 0.1)),
    "short episodes": ({"env": "Reacher-v5"}, (200, 320, 8, 32, 4096, 0.1)),
    "MuJoCo": ({"env": "HalfCheetah-v5"}, (200, 16, 8, 32, 4096, 0.1)),
    "as named": (
        AS_NAMED,
        (1, 5, 3, 2, 7, 0.0),
    ),
}


@pytest.mark.parametrize("case", SIZES)
def test_sizes_are_those_of_where_the_environment_lives(case):
    changes, expected = SIZES[case]
    options = check_options(replace(PLAIN, **changes)).options
    assert tuple(getattr(options, name) for name in Usual._fields) == expected
    assert options.starts == ("free" if case in ("on the host", "MuJoCo", "short episodes") else "matched")


UPDATES = {
    "ppo": ({}, (96, 4, 8, LEFT)),
    "sac": ({}, (96, LEFT, LEFT, 500)),
    "sac per step": ({"level": "step"}, (16, LEFT, LEFT, 100)),
    "sac under gail, few roll-outs": ({"algorithm": "gail", "num_rollouts": 5}, (5, LEFT, LEFT, 31)),
    "sac on the host": ({"env": "HalfCheetah-v5"}, (16, LEFT, LEFT, 500)),
    "sac as named": ({"level": "step", "sac_updates": 7}, (16, LEFT, LEFT, 7)),
}


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_of_the_policy_has_its_own_counts(case):
    """One gradient step for 32 environment steps, at most 500; what the other update would need is left."""
    changes, expected = UPDATES[case]
    choice = check_options(replace(PLAIN, policy_update=case[:3], temperature=0.5, **changes))
    options = choice.options
    assert (options.num_rollouts, options.policy_epochs, options.policy_minibatches, options.sac_updates) == expected
    assert check_options(options).options == options
    rule = build_algorithm(options, choice.task).update_rule
    assert (float(rule.temperature), float(rule.learning_rate)) == pytest.approx((0.5, 3e-4))
    assert isinstance(rule, PPO) if case == "ppo" else rule.num_updates == expected[3]


def test_the_state_of_soft_actor_critic_has_a_template():
    """What ``eval`` and ``retrain`` read a checkpoint into, for either kind of actions."""
    for env, action in (("Pendulum-v1", (2, 200_000, 1)), ("CartPole-v1", (2, 200_000))):
        task, options = check_options(replace(PLAIN, env=env, level="step", seeds=2, policy_update="sac"))
        state = state_template(build_algorithm(options, task), task, options).update
        assert state.buffer.kept.action.shape == action
        assert state.buffer.kept.observation.shape == (2, 200_000, task.spec.observation_size)


def test_a_task_on_the_host_is_gymnasiums_own():
    assert find_task("HalfCheetah-v5").on_host
    assert not find_task("HalfCheetah-v5").is_absorbing
    assert find_task("Hopper-v5").is_absorbing
    assert not find_task("Pendulum-v1").on_host
    assert find_task("Pendulum-v1", host=True).on_host
    with pytest.raises(ConfigError, match=r"did you mean 'Hopper-v5'.* With --host any"):
        find_task("Hoper-v5")
    with pytest.raises(ConfigError, match="can make"):
        find_task("Hoper-v5", host=True)
    with pytest.raises(ConfigError, match="expected --starts free with Pendulum-v1 on the host"):
        check_options(replace(PLAIN, host=True, starts="matched"))


def test_the_scaling_follows_where_it_is_asked_to():
    cases = [({}, FrozenScaling), *(({"algorithm": name, "scaling": "running"}, RunningScaling) for name in ("gan-gcl", "airl", "gail"))]
    for changes, rule in cases:
        choice = check_options(replace(PLAIN, **changes))
        assert type(build_algorithm(choice.options, choice.task).scaling_rule) is rule


@pytest.mark.parametrize("rate", [None, 0.01])
def test_the_rate_of_the_policy_reaches_the_algorithm(rate):
    cloning = check_options(replace(PLAIN, algorithm="bc", policy_learning_rate=rate))
    assert float(build_algorithm(cloning.options, cloning.task).learning_rate) == pytest.approx(rate or 1e-3)
    learned = check_options(replace(PLAIN, policy_learning_rate=rate))
    assert float(build_algorithm(learned.options, learned.task).update_rule.learning_rate) == pytest.approx(rate or 3e-4)


@pytest.mark.parametrize(("num_demos", "number"), [(20, 112), (16, None), (50, 132)])
def test_the_real_number_of_rollouts_is_told_where_it_differs(num_demos, number, monkeypatch):
    """96 asked for: a third is free, two thirds are rounded up to equal shares."""
    notes = []
    monkeypatch.setattr(learning, "print_note", notes.append)
    task, options = check_options(replace(PLAIN, num_demos=num_demos))
    algorithm = build_algorithm(options, task)
    steps = learning._steps_of(algorithm, state_template(algorithm, task, options), options)
    assert steps == 200 * (number or 96)
    assert [note.split(":")[0] for note in notes] == ([f"{number} roll-outs an iteration instead of 96"] if number else [])


@pytest.mark.slow
def test_a_policy_that_becomes_nan_again_and_again_ends_the_training_with_a_remedy(tmp_path):
    """The rate is one that no command lets through. The control: one such step is not taken, and no more."""
    env = Pendulum()
    training = PolicyTraining(env, 3, PPO(learning_rate=jnp.nan, num_epochs=1, num_minibatches=1, hidden=(4,)), num_rollouts=2)
    states = jax.jit(jax.vmap(lambda key: training.init(key, EnvironmentCost(env), identity_scaling(3))))(jax.random.key(0)[None])
    with kept_run(tmp_path / "run", "train", {}, Keeping(), print) as keeper:
        assert train_policies(training, states, 1, Console(quiet=True), "lower the rate", keeper) is not None
    found = r"got NaN or infinity in \.policy.* and \d+ more 3 times in a row within iterations 1-3; lower the rate"
    with (
        pytest.raises(NonFiniteError, match=found),
        kept_run(tmp_path / "other", "train", {}, Keeping(), print) as keeper,
    ):
        train_policies(training, states, 3, Console(quiet=True), "lower the rate", keeper)
    assert (tmp_path / "other" / "failed.ckpt").is_file()


def test_the_simulator_that_judges_is_named():
    assert find_task("Pendulum-v1").simulator == "Gymnasium"
    for name in ("PointMass-v0", "TwoRooms-v0", "PointMaze-v0", "PointMazeShifted-v0", "PointMazeAnywhere-v0", "Gridworld-v0"):
        assert find_task(name).simulator.startswith("the compiled environment")


def test_dagger_is_content_with_one_rollout_a_round_where_others_compare_several():
    dagger = replace(PLAIN, algorithm="dagger", expert=Path("expert"), num_rollouts=1)
    assert check_options(dagger).options.num_rollouts == 1
    with pytest.raises(ConfigError, match="--num-rollouts of at least 4, got 1"):
        check_options(replace(PLAIN, num_rollouts=1))
