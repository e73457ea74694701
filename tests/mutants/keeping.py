"""Mutants of runs that survive: checkpoints in a row, resumption, signals, the lock, the guard inside the step."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

KEEPER, SERIES, GUARDED, LOCK = "runs/keeper.py", "runs/checkpoint_series.py", "algorithms/guarded.py", "runs/lock.py"

MUTANTS = (
    Mutant(
        "the log is not cut where a run resumes",
        KEEPER,
        '    folder.metrics.truncate(int(_place_of(checkpoint)["log_bytes"]))\n',
        "",
        ("runs/test_keeper.py::test_a_killed_run_goes_on",),
        "steps that stand twice in the curve of a run that was killed",
    ),
    Mutant(
        "another configuration goes on",
        KEEPER,
        "    refuse_other_run(folder, command, config, keeping)\n",
        "",
        ("runs/test_keeper.py::test_other_inputs_and_options_are_refused_by_name",),
        "a run that is half one experiment and half another",
    ),
    Mutant(
        "an error loses what was learned",
        KEEPER,
        "                if keeper.save_latest():\n                    goes_on",
        "                if keeper.step:\n                    goes_on",
        ("runs/test_keeper.py::test_what_was_learned_before_an_error_is_kept_and_said",),
        "a simulator's fault after an hour, and nothing left of the hour",
    ),
    Mutant(
        "a full disk ends the run",
        KEEPER,
        "            if is_needed:\n                raise\n",
        "            raise\n",
        ("runs/test_keeper.py::test_f05_the_run_goes_on_and_tries_again",),
        "a training that dies of its own safety copy",
    ),
    Mutant(
        "checkpoints may cost what they like",
        KEEPER,
        "max(every, LEAST_SHARE * self._took)",
        "every",
        ("runs/test_keeper.py::test_slow_storage_costs_two_percent_and_no_more",),
        "a run that mostly writes",
    ),
    Mutant(
        "all damaged is as good as none",
        SERIES,
        "        if notes or aside:\n",
        "        if notes and aside is None:\n",
        ("faults/test_f01_resumption.py::test_f10_where_every_checkpoint_is_damaged_the_run_does_not_begin_anew",),
        "a run that silently begins anew, and overwrites what could have been restored",
    ),
    Mutant(
        "the oldest is taken for the newest",
        SERIES,
        "reverse=True, key=_number)",
        "key=_number)",
        ("faults/test_f02_writing.py::test_f36_the_newest_is_told_by_its_number_whatever_the_clock_says",),
        "a resumption that goes back further than it must",
    ),
    Mutant(
        "only one checkpoint is kept",
        SERIES,
        "before[max(self.keep, 1) - 1 :]",
        "before",
        ("runs/test_keeper.py::test_f05_the_run_goes_on_and_tries_again",),
        "nothing to fall back on when the newest is damaged",
    ),
    Mutant(
        "the key of a skipped step is used again",
        GUARDED,
        "fresh is not kept and not _is_key(fresh)]",
        "fresh is not kept]",
        ("algorithms/test_guarded.py::test_only_the_bad_steps_are_skipped",),
        "the same bad minibatch for ever",
    ),
    Mutant(
        "the guard sees NaN alone",
        GUARDED,
        "jnp.isfinite(fresh) | (jnp.isinf(fresh) & ~jnp.isfinite(old))",
        "~jnp.isnan(fresh)",
        ("algorithms/test_guarded.py::test_only_the_bad_steps_are_skipped",),
        "an infinite weight that becomes NaN a step later",
    ),
    Mutant(
        "what is infinite from the beginning fails every step",
        GUARDED,
        " | (jnp.isinf(fresh) & ~jnp.isfinite(old))",
        "",
        ("algorithms/test_guarded.py::test_only_the_bad_steps_are_skipped",),
        "a weight of zero, minus infinity in logs, taken for a failure",
    ),
    Mutant(
        "the last failure is shown for the first",
        GUARDED,
        "is_first = ~ok & (before.in_row == 0)",
        "is_first = ~ok",
        ("algorithms/test_guarded.py::test_a_row_of_failures_ends_it_and_the_step_can_be_seen_again",),
        "a report whose step does not fail when it is repeated",
    ),
    Mutant(
        "two may hold the lock",
        LOCK,
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        ("runs/test_keeper.py::test_f31_the_lock",),
        "two runs in one folder, each overwriting the other",
    ),
    Mutant(
        "randomness begins anew where a run resumes",
        "runs/checkpoint.py",
        "        return jax.random.wrap_key_data(jnp.asarray(stored.array), impl=stored.key_impl)\n",
        "        return jax.random.wrap_key_data(jnp.zeros_like(jnp.asarray(stored.array)), impl=stored.key_impl)\n",
        ("runs/test_checkpoint.py::test_round_trip_is_bit_equal",),
        "a resumed run that sees again the minibatches it began with",
    ),
)
