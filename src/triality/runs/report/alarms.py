"""The alarm on log Z in plain words, for people: by the words that its verdict starts with, for roll-outs and for samples of data."""

from __future__ import annotations

from typing import NamedTuple


class Verdict(NamedTuple):
    """A judgement: its level (a role of the palette), a few words, the explanation, and why log Z is then no number to use, if so."""

    level: str
    headline: str
    explanation: str
    doubt: str = ""


Alarms = tuple[tuple[str, Verdict], ...]
"""Pairs of how a verdict starts, and what it says."""

OF_ROLLOUTS: Alarms = (
    (
        "too few effective samples for",
        Verdict(
            "caution",
            "Nothing speaks against log Z, but it is not known well",
            "The estimates lie within their joint errors of one another, and those errors are too large for that to be a test. Use log Z "
            "with its error, no more digits than that. The run's own words say how many times as many roll-outs (there are 256, or four a "
            "demonstration where that is more) or demonstrations would do.",
        ),
    ),
    (
        "too few effective samples to settle",
        Verdict(
            "caution",
            "The estimates differ, and there are too few samples to say why",
            "By more than their joint errors make likely, and by too little, or with too coarse errors, to be called a misfit. Either the "
            "demonstrations do not follow the learned model, or the sampler misses a part of it, or both are right and the errors too "
            "short. The run's own words say how many times as many roll-outs or demonstrations would tell.",
            "its estimates differ by more than their errors, and too few samples carry them to say which is right",
        ),
    ),
    (
        "agree",
        Verdict(
            "good",
            "The three estimates agree",
            "Forward, symmetric and reciprocal estimates of log Z lie within five joint standard errors of one another, and those are "
            "small enough for that to be a test. It is necessary for a model that fits and a sampler that covers it; it does not prove "
            "either.",
        ),
    ),
    (
        "too few effective samples",
        Verdict(
            "caution",
            "Too few effective samples to tell",
            "A handful of trajectories carries all the weight, so neither agreement nor disagreement of the estimates means anything. The "
            "learned policy may still be good: look at its return. Do not use log Z from this run as a number.",
            "a handful of trajectories carries all the weight, and error bars made from it would be too short",
        ),
    ),
    (
        "model misfit or missed mode",
        Verdict(
            "bad",
            "The three estimates disagree",
            "Either the demonstrations do not follow the learned model, or the sampler misses a part of it. During training the first is "
            "normal; at the end it says that log Z is not to be trusted.",
        ),
    ),
    (
        "no estimate",
        Verdict(
            "bad",
            "No estimate exists",
            "One side has no usable sample, or demonstrations and roll-outs do not overlap at all: the discriminator tells them apart.",
            "demonstrations and roll-outs have nothing in common that an estimate could rest on",
        ),
    ),
)

OF_SAMPLES: Alarms = (
    (
        "too few effective samples for",
        Verdict(
            "caution",
            "Nothing speaks against log Z, but it is not known well",
            "The estimates lie within their joint errors of one another, and those errors are too large for that to be a test. Use log Z "
            "with its error, no more digits than that. The run's own words say how many times as many draws (--num-drawn) or test data "
            "would do; a generator closer to the energy needs fewer.",
        ),
    ),
    (
        "too few effective samples to settle",
        Verdict(
            "caution",
            "The estimates differ, and there are too few samples to say why",
            "By more than their joint errors make likely, and by too little, or with too coarse errors, to be called a misfit. Either the "
            "test data do not follow the learned energy, or the generator misses a part of it, or both are right and the errors too short. "
            "The run's own words say how many times as many draws (--num-drawn) or test data would tell.",
            "its estimates differ by more than their errors, and too few samples carry them to say which is right",
        ),
    ),
    (
        "agree",
        Verdict(
            "good",
            "The three estimates agree",
            "Estimates of log Z from draws alone, from both sides and from test data alone lie within five joint standard errors of one "
            "another, and those are small enough for that to be a test. It is necessary for an energy that fits and a generator that "
            "covers it; it does not prove either.",
        ),
    ),
    (
        "too few effective samples",
        Verdict(
            "caution",
            "Too few effective samples to tell",
            "A handful of samples carries all the weight, so neither agreement nor disagreement of the estimates means anything. Draw more "
            "(--num-drawn), or bring generator and energy closer together.",
            "a handful of samples carries all the weight, and error bars made from it would be too short",
        ),
    ),
    (
        "model misfit or missed mode",
        Verdict(
            "bad",
            "The three estimates disagree",
            "Either the test data do not follow the learned energy, or the generator misses a part of it. Estimates that use data are off "
            "by the misfit; importance sampling and annealing need a generator that covers. Compare the two kinds in the table.",
        ),
    ),
    (
        "no estimate",
        Verdict(
            "bad",
            "No estimate exists",
            "A side has no usable sample, or the two do not overlap at all. The energy and its generator are too far apart.",
            "there is no overlap to make an estimate from",
        ),
    ),
    (
        "no density",
        Verdict(
            "muted",
            "This objective learns no density",
            "Its energy tells data from draws, or ranks them; exp of it has no meaning, and so there is no log Z to trust or to doubt. The "
            "generator has a density all the same, and that is judged.",
        ),
    ),
)
