"""The forty faults that a run has to survive, and where each is tried; a sentence where one is not."""

import re
from pathlib import Path

import pytest

from triality.cli.machine_limits import refuse_beyond_memory, refuse_old_packages
from triality.errors import ConfigError

TESTS = Path(__file__).parents[1]

F = "faults/"
ROWS = {
    1: (
        "killed at any moment",
        (F + "test_f01_resumption.py::test_a_killed_run_goes_on_to_the_same_numbers", "test_f01_killed_at_random_moments"),
    ),
    2: (
        "killed while a checkpoint is written",
        (F + "test_f02_writing.py::test_f02_killed_while_writing", "test_f02_two_hundred_writers_killed"),
    ),
    3: ("a crash at every call of the system", (F + "test_f02_writing.py::test_f03_a_writer_that_dies_at_any_call",)),
    4: ("a power cut", (F + "test_f02_writing.py::test_f04_the_name_comes_after_the_data",)),
    5: ("a full disk", ("runs/test_keeper.py::test_f05_the_run_goes_on_and_tries_again", "test_f05_it_is_refused_at_the_beginning")),
    6: ("a folder that vanishes", ("runs/test_keeper.py::test_f06_a_folder_that_vanishes_ends_the_run",)),
    7: (
        "a checkpoint cut anywhere",
        (
            F + "test_damaged_files.py::test_f07_every_length_of_a_checkpoint",
            F + "test_f01_resumption.py::test_f07_the_checkpoint_before_a_damaged_one_is_taken_and_it_is_said",
        ),
    ),
    8: (
        "flipped bits",
        (F + "test_damaged_files.py::test_f08_damage_is_noticed_or_harmless_or_at_least_no_other_error", "test_f08_at_length"),
    ),
    9: (
        "another version, another configuration",
        (
            F + "test_versions.py::test_f09_checkpoints_of_every_version_are_read",
            F + "test_f01_resumption.py::test_another_configuration_is_refused_and_every_difference_named",
        ),
    ),
    10: (
        "all checkpoints damaged",
        (F + "test_f01_resumption.py::test_f10_where_every_checkpoint_is_damaged_the_run_does_not_begin_anew",),
    ),
    11: ("a file that would execute", (F + "test_executable_content.py::test_f11_what_could_run_is_refused",)),
    12: ("a bomb", (F + "test_bombs.py::test_f12_a_bomb_is_refused_in_little_memory",)),
    13: ("NaN in data", (F + "test_bad_numbers.py::test_f13_numbers_that_are_none_are_counted_and_the_first_is_named",)),
    14: ("wrong shapes and types", (F + "test_bad_numbers.py::test_f14_demonstrations_load_exactly_or_are_refused_by_key",)),
    15: ("discrete against continuous", (F + "test_bad_demonstrations.py::test_f15_kinds_of_actions",)),
    16: ("an index out of range", (F + "test_bad_demonstrations.py::test_f16_an_index_out_of_range_is_named",)),
    17: ("no data, or too few", (F + "test_bad_demonstrations.py::test_f17_no_data_no_steps_one_demonstration_and_too_few",)),
    18: ("actions on and outside the bounds", (F + "test_bad_demonstrations.py::test_f18_actions_at_the_bound",)),
    19: ("names given twice, unknown names", (F + "test_duplicate_names.py::test_f19_a_member_twice",)),
    20: ("demonstrations given twice", (F + "test_bad_demonstrations.py::test_f20_repeats_are_told_and_weights_stay",)),
    21: ("wrong options", ("cli/test_refusals.py::test_all_wrong_options_are_listed_together", "test_refusals_import_no_jax")),
    22: ("an environment that raises", (F + "test_f22_environment_raises.py",)),
    23: ("an environment that hangs", (F + "test_f23_environment_hangs.py",)),
    24: ("an environment that breaks its interface", (F + "test_f24_environment_check.py",)),
    25: (
        "episodes of several lengths",
        ("tabular/test_stay_alive.py::test_without_information_one_reward_keeps_alive_and_the_other_ends", "data/test_one_length.py"),
    ),
    26: ("a worker that dies", (F + "test_f26_worker_dies.py",)),
    27: ("a parent that dies", (F + "test_f27_parent_dies.py",)),
    28: ("a lost peer", "a run is one process so far: there is no peer to lose"),
    29: (
        "SIGTERM",
        (F + "test_f01_resumption.py::test_f29_f30_a_signal_leaves_a_checkpoint_of_just_then", "test_f29_f30_signals_at_random_moments"),
    ),
    30: (
        "ctrl-C, once and twice",
        (
            F + "test_f01_resumption.py::test_f29_f30_a_signal_leaves_a_checkpoint_of_just_then",
            "test_f29_a_process_too_busy_to_stop_is_ended_by_its_watch",
        ),
    ),
    31: (
        "two runs in one folder",
        (
            F + "test_f01_resumption.py::test_f31_a_second_run_in_the_folder_is_refused",
            "test_f31_of_twenty_racing_starters_exactly_one_wins",
        ),
    ),
    32: ("a reader beside the writer", (F + "test_f02_writing.py::test_f32_a_reader_beside_a_writer_always_sees_a_whole_file",)),
    33: (
        "NaN while learning",
        (
            "algorithms/test_guarded.py::test_a_row_of_failures_ends_it_and_the_step_can_be_seen_again",
            "runs/test_keeper.py::test_f33_the_state_before_nan_is_kept_apart",
        ),
    ),
    34: (
        "extreme numbers",
        (
            "objectives/test_discriminator.py::test_finite_in_float32",
            "objectives/test_guided_cost.py::test_ratios_that_overflow_exp_stay_finite",
            "objectives/test_per_decision.py::test_costs_of_a_thousand_stay_finite",
        ),
    ),
    35: (
        "degenerate weights",
        (
            "partition/test_diagnostics.py::test_degenerate_weights_are_defined",
            "partition/test_importance.py::test_degenerate_weights_are_defined",
        ),
    ),
    36: (
        "clocks, time zones, paths, masks",
        (
            F + "test_paths.py::test_f36_every_format_below_such_a_folder",
            F + "test_f02_writing.py::test_f36_the_newest_is_told_by_its_number_whatever_the_clock_says",
        ),
    ),
    37: ("a torn line of the log", ("runs/test_keeper.py::test_f37_a_torn_line_is_cut_off",)),
    38: ("a batch beyond the memory", (F + "test_rows.py::test_f38_what_cannot_fit_is_refused_with_its_size",)),
    39: ("older packages", (F + "test_rows.py::test_f39_older_packages_are_named",)),
    40: ("sabotaged mathematics", ("mutants/test_mutants.py",)),
}
"""By number: the fault, and its tests; a name alone is in the file before it."""


def test_every_row_has_its_test():
    assert sorted(ROWS) == list(range(1, 41))
    for number, (_, tests) in ROWS.items():
        if isinstance(tests, str):
            continue
        source = ""
        for each in tests:
            path, _, name = each.rpartition("::") if "::" in each else (each, "", "") if each.endswith(".py") else ("", "", each)
            if path:
                file = TESTS / path
                assert file.is_file(), f"F{number}: expected {path}, got none"
                source = file.read_text()
            assert not name or re.search(rf"^(    )?def {name}\(", source, re.MULTILINE), f"F{number}: expected {name}, got none"


def test_f38_what_cannot_fit_is_refused_with_its_size(tmp_path, capsys):
    from triality.cli.main import main

    demos = TESTS.parent / "examples" / "pendulum_demos.npz"
    words = ["irl", "--env", "Pendulum-v1", "--demos", str(demos), "--num-demos", "2", "--out", str(tmp_path / "run")]
    assert main([*words, "--num-rollouts", "1000000000"]) == 2
    assert re.search(r"expected a run that fit into [0-9.]+ GB of memory, got about [0-9.]+ GB; ask for fewer", capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
    assert main(["ebm", "--target", "two-moons", "--out", str(tmp_path / "run"), "--num-drawn", "100000000000"]) == 2
    assert "got about 2400.0 GB; ask for a smaller --batch-size or --num-drawn" in capsys.readouterr().err
    refuse_beyond_memory("a run", 10**9, "", total=4 * 10**9)  # the control: what fits passes


def test_f39_older_packages_are_named():
    versions = {"jax": "0.9.1", "numpy": "2.4.6", "h5py": "1.0", "equinox": "0.13.8"}
    needed = ["jax>=0.10.2", "equinox>=0.13", "numpy>=2.0", "h5py>=3.11; extra == 'demos'"]
    with pytest.raises(ConfigError, match=r"^expected jax >= 0\.10\.2, got 0\.9\.1; do pip install --upgrade triality$"):
        refuse_old_packages(needed, versions.__getitem__)
    refuse_old_packages(needed, (versions | {"jax": "0.10.2"}).__getitem__)
    refuse_old_packages()  # what is installed here
