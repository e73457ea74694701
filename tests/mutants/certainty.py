"""Mutants of how sure a learned cost is: ensembles, intervals, and what demonstrations cannot determine."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

ENSEMBLE, SANDWICH, LINEAR, RESAMPLED = (f"judging/{name}.py" for name in ("ensemble", "sandwich", "linear_density", "resampled_irl"))
IDENTIFIABILITY, SUMS = "judging/identifiability.py", "judging/feature_sums.py"
MEAN = "judging/test_ensemble.py::test_the_interval_of_a_mean_covers_it"
PARAMETERS = "judging/test_sandwich.py::test_intervals_cover_at_their_level_and_wrong_covariances_do_not"
PAIRS = "judging/test_sandwich.py::test_so_do_those_of_the_cost_of_every_pair"
DENSITY = "judging/test_linear_density.py::test_intervals_cover_at_their_level"
INFLUENCE = "judging/test_linear_density.py::test_influences_are_what_one_sample_more_does"
IDENTIFIED = "judging/test_identifiability.py::"

MUTANTS = (
    Mutant(
        "the spread of an ensemble is divided by m",
        ENSEMBLE,
        "return self.members.std(axis=0, ddof=1)",
        "return self.members.std(axis=0)",
        (MEAN,),
        "numpy's default, which is too small for few seeds",
    ),
    Mutant(
        "the interval of a mean is that of a member",
        ENSEMBLE,
        "* self.deviation / np.sqrt(len(self.members))",
        "* self.deviation",
        (MEAN,),
        "a standard deviation reported as a standard error",
    ),
    Mutant(
        "the percentiles are those of one side",
        ENSEMBLE,
        "[0.5 - 0.5 * level, 0.5 + 0.5 * level]",
        "[1.0 - level, level]",
        ("judging/test_ensemble.py::test_percentiles_by_hand",),
        "a 95 % interval that leaves out 5 % on either side",
    ),
    Mutant(
        "shaping is taken away without the weights",
        ENSEMBLE,
        "np.linalg.lstsq(root * free, root * costs.T, rcond=None)",
        "np.linalg.lstsq(free, costs.T, rcond=None)",
        ("judging/test_ensemble.py::test_weighted_steps_and_a_weighted_table_agree",),
        "least squares where a law of its own was asked for",
    ),
    Mutant(
        "the disagreement is not a share",
        ENSEMBLE,
        "return within / (within + float(self.weights @ center**2))",
        "return within / float(self.weights @ center**2)",
        ("judging/test_ensemble.py::test_one_cost_in_other_clothes_has_no_spread",),
        "a ratio of variances read as a share of all",
    ),
    Mutant(
        "the sandwich forgets the number of demonstrations",
        SANDWICH,
        "covariance = inverse @ spread @ inverse / n",
        "covariance = inverse @ spread @ inverse",
        (PARAMETERS,),
        "the spread of one demonstration for that of their mean",
    ),
    Mutant(
        "the sandwich has no filling",
        SANDWICH,
        "covariance = inverse @ spread @ inverse / n",
        "covariance = inverse / n",
        (PARAMETERS,),
        "Fisher information where the model may be wrong",
    ),
    Mutant(
        "an interval of one side",
        SANDWICH,
        "NormalDist().inv_cdf(0.5 + 0.5 * level)",
        "NormalDist().inv_cdf(level)",
        (PAIRS,),
        "the quantile of a test in place of an interval's",
    ),
    Mutant(
        "flat directions are inverted as well",
        SANDWICH,
        "kept = sizes > tolerance * max(float(sizes[-1]), 1e-300)",
        "kept = sizes > -np.inf",
        ("judging/test_sandwich.py::test_flat_directions_are_left_out",),
        "an inverse where a pseudo-inverse belongs",
    ),
    Mutant(
        "resamples are half as large",
        RESAMPLED,
        ".multinomial(n, np.full(n, 1.0 / n), size=num_members) / n",
        ".multinomial(n // 2, np.full(n, 1.0 / n), size=num_members) / (n // 2)",
        ("judging/test_sandwich.py::test_resamples_spread_as_the_sandwich_says",),
        "a bootstrap whose samples are not as large as the data",
    ),
    Mutant(
        "the error of log Z's draws is left out",
        LINEAR,
        "sides = (self.data_influence @ row, self.drawn_influence @ row)",
        "sides = (self.data_influence @ row,)",
        (DENSITY,),
        "an estimated log Z taken for the exact one",
    ),
    Mutant(
        "a draw pulls log Z the wrong way",
        LINEAR,
        "own - pull_drawn @ center",
        "own + pull_drawn @ center",
        (INFLUENCE,),
        "two errors added where they cancel in part",
    ),
    Mutant(
        "the constant is all the shaping that there is",
        IDENTIFIABILITY,
        "num_shaping = _num_within(rows, orderless(mdp))",
        "num_shaping = _num_within(rows, np.ones((len(rows), 1)))",
        (IDENTIFIED + "test_of_a_full_table_as_many_directions_are_shaping_as_there_are_states",),
        "an undiscounted task's gauge in a discounted one",
    ),
    Mutant(
        "every state counts as visited",
        IDENTIFIABILITY,
        "model_sums(mdp, np.asarray(log_policy), features, start, law.sum(axis=-1)).information",
        "model_sums(mdp, np.asarray(log_policy), features, start, np.ones(law.shape[:-1])).information",
        (IDENTIFIED + "test_a_flat_direction_changes_no_visited_choice_and_another_does",),
        "what the model says of places without data taken for knowledge",
    ),
    Mutant(
        "up to shaping counts as determined",
        IDENTIFIABILITY,
        "np.where(fixed[0] & visited, DETERMINED,",
        "np.where(fixed[1] & visited, DETERMINED,",
        (IDENTIFIED + "test_of_a_full_table_as_many_directions_are_shaping_as_there_are_states",),
        "a cost read off where only an advantage is known",
    ),
    Mutant(
        "late steps of demonstrations count like early ones",
        IDENTIFIABILITY,
        "weight = float(mdp.discount) ** step[used] / len(lengths)",
        "weight = np.ones(used.sum()) / len(lengths)",
        (IDENTIFIED + "test_visits_are_discounted_by_hand",),
        "undiscounted visits in a discounted task",
    ),
    Mutant(
        "the information looks one step ahead without the discount",
        SUMS,
        'ahead = features + gamma * np.einsum("xub,xubk->xuk", law, value[after])',
        'ahead = features + np.einsum("xub,xubk->xuk", law, value[after])',
        ("judging/test_feature_sums.py::test_the_information_is_the_hessian",),
        "successor features of another task",
    ),
)
