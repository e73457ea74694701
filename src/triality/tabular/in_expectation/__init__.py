"""The sampled systems of inverse RL in exact expectation: ``system(mdp, demonstrated, ...)`` returns ``Learned``, with no draw."""

from triality.tabular.in_expectation.adversarial import AlternationConfig, airl, gan_gcl, guided_cost
from triality.tabular.in_expectation.cloning import clone
from triality.tabular.in_expectation.cost_gradients import (
    CostGradient,
    PerDecisionWeights,
    SingleStepWeights,
    StepDiscriminator,
    single_step_bias,
)
from triality.tabular.in_expectation.dense import exact_visits, soft_policy
from triality.tabular.in_expectation.descent import DescentConfig
from triality.tabular.in_expectation.f_irl import f_irl
from triality.tabular.in_expectation.gail import free_discriminator_cost, gail
from triality.tabular.in_expectation.iq_learn import iq_learn
from triality.tabular.in_expectation.learned import Learned, visit_gap
from triality.tabular.in_expectation.shaped_airl import ShapedLearned, shaped_airl
from triality.tabular.in_expectation.sqil import sqil

__all__ = [
    "AlternationConfig",
    "CostGradient",
    "DescentConfig",
    "Learned",
    "PerDecisionWeights",
    "ShapedLearned",
    "SingleStepWeights",
    "StepDiscriminator",
    "airl",
    "clone",
    "exact_visits",
    "f_irl",
    "free_discriminator_cost",
    "gail",
    "gan_gcl",
    "guided_cost",
    "iq_learn",
    "shaped_airl",
    "single_step_bias",
    "soft_policy",
    "sqil",
    "visit_gap",
]
