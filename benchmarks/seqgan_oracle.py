"""SeqGAN's synthetic task by every method here: both likelihoods, both divergences, and the curve over temperatures.

    python benchmarks/seqgan_oracle.py                        # what is not done yet; hours on one core
    python benchmarks/seqgan_oracle.py --only "likelihood"    # methods whose name contains it
    python benchmarks/seqgan_oracle.py --table                # docs/results/seqgan_oracle.md and its figure, from the record

10,000 training sequences of the oracle, 5,000 to choose by, 10,000 to judge by (all three drawn anew for each seed), 10,000 draws of each
model, 20 tokens, nats a token. Likelihood is stopped where validation likelihood is greatest, at temperature 1. What follows an energy or a
reward has no such judge: there every chunk is told, the one of least NLL_oracle is SeqGAN's own rule, and the row says which was taken.
The oracle's file belongs to its authors and is not part of this project (--oracle).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import ROOT, one_thread
from result_page import PICTURES, Record, ResultPage, kept

one_thread()

import equinox as eqx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from oracle_page import page, plot  # noqa: E402

from triality.algorithms.density_estimation import draw_in_pieces, fit_tilt, in_pieces  # noqa: E402
from triality.algorithms.energy_learning import EnergyLearning  # noqa: E402
from triality.algorithms.likelihood_learning import LikelihoodLearning  # noqa: E402
from triality.algorithms.minibatch import DataSet  # noqa: E402
from triality.algorithms.tilt_learning import TiltLearning  # noqa: E402
from triality.data.seqgan_oracle import read_seqgan_oracle  # noqa: E402
from triality.energies.sequence import convolutional_sequence_energy  # noqa: E402
from triality.energies.tilted_sequence import TiltedSequenceEnergy  # noqa: E402
from triality.numerics import effective_sample_size, log_mean_exp  # noqa: E402
from triality.objectives.critic import OfCritic  # noqa: E402
from triality.objectives.free_discriminator import FreeDiscriminatorLoss  # noqa: E402
from triality.objectives.generator_loss import GeneratorLoss, Likelihood  # noqa: E402
from triality.objectives.sequence.scheduled_sampling import ScheduledSampling  # noqa: E402
from triality.objectives.sequence.schedules import LinearDecay  # noqa: E402
from triality.objectives.sequence.weight_prior import WithWeightPrior  # noqa: E402
from triality.partition.acceptance_ratio import solve_log_z  # noqa: E402
from triality.run import run  # noqa: E402
from triality.samplers.autoregressive.heads import categorical_head  # noqa: E402
from triality.samplers.mixture import MixtureSampler  # noqa: E402
from triality.samplers.tokens.tempered import tempered  # noqa: E402
from triality.samplers.tokens.token_sampler import TokenSampler, lstm  # noqa: E402
from triality.updates.sampler.token_score import MinusRealness, RolloutReturn, TokenScore  # noqa: E402

LENGTH, VOCABULARY = 20, 5000
NUM_TRAIN, NUM_VALID, NUM_TEST, NUM_DRAWN = 10_000, 5_000, 10_000, 10_000
TEMPERATURES = (1.0, 0.9, 0.8, 0.7, 0.65, 0.6, 0.55, 0.5)
