"""What ``triality ebm`` can be asked for, and which parts go together: the one table, read before jax is imported."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal, NamedTuple

Kind = Literal["continuous", "integer", "binary"]

GENERATORS: dict[str, tuple[Kind, ...]] = {
    "gaussian": ("continuous",),
    "mixture": ("continuous",),
    "real-nvp": ("continuous",),
    "spline": ("continuous",),
    "maf": ("continuous",),
    "bernoulli": ("binary",),
    "nade": ("binary",),
    "made": ("binary", "integer"),
    "made-over-orders": ("binary", "integer"),
    "masked-convolution": ("binary", "integer"),
    "causal-convolution": ("binary", "integer"),
    "recurrent": ("binary", "integer"),
}
"""By name, the kinds of columns that the generator is a density of."""

OF_IMAGES = ("masked-convolution",)
OF_COUPLINGS = ("real-nvp", "spline")
"""Couplings move one part of the columns by the other: they need two."""

WITH_HEADS = ("causal-convolution", "recurrent")
"""Generators for which the law of one value can be chosen."""
HEADS: dict[str, tuple[Kind, ...]] = {"categorical": ("binary", "integer"), "discretized-logistic": ("integer",)}
"""By name, the kinds of columns that the law is of."""

GRADIENTS: dict[str, tuple[Kind, ...]] = {
    "fixed": ("continuous", "integer", "binary"),
    "path": ("continuous",),
    "reparameterized": ("continuous",),
    "score": ("continuous", "integer", "binary"),
    "alpha": ("continuous", "integer", "binary"),
    "annealed": ("continuous",),
    "likelihood": ("continuous", "integer", "binary"),
    "hybrid": ("continuous", "integer", "binary"),
    "adversarial": ("continuous",),
    "energy-alone": ("continuous",),
    "pull-away": ("continuous",),
}
"""By name, the kinds of columns that the generator's gradient can be taken for."""


DIFFERENTIABLE = ("gaussian", "real-nvp", "spline", "maf")
"""Generators whose draws move with their parameters. Which component of a mixture is drawn does not."""
THROUGH_DRAWS = ("path", "reparameterized", "adversarial", "energy-alone", "pull-away")
"""Gradients that differentiate a draw."""


class ObjectiveTraits(NamedTuple):
    """What the other options have to know of an objective.

    Fields:
        is_density: whether exp(-E) is what it learns; of the others no log Z is asked.
        gradient: of the generator where nothing is said; ``follow`` is ``path`` where draws are differentiable, else ``score``.
        base: what the energy's network is added to where nothing is said.
        kinds: kinds of columns it can be used with.
    """

    is_density: bool
    gradient: str
    base: Literal["generator", "none"]
    kinds: tuple[Kind, ...] = ("continuous", "integer", "binary")


FOLLOW = "follow"
DENSITY_AWARE = ObjectiveTraits(True, FOLLOW, "generator")
NO_DENSITY = ObjectiveTraits(False, "adversarial", "none", ("continuous",))

OBJECTIVES: dict[str, ObjectiveTraits] = {
    "nce": DENSITY_AWARE._replace(gradient="fixed"),
    "gan": DENSITY_AWARE,
    "fce": DENSITY_AWARE._replace(gradient="adversarial", kinds=("continuous",)),
    "guided-cost": DENSITY_AWARE,
    "kl": DENSITY_AWARE,
    "reverse-kl": DENSITY_AWARE,
    "jensen-shannon": DENSITY_AWARE,
    "pearson": DENSITY_AWARE,
    "neyman": DENSITY_AWARE,
    "hellinger": DENSITY_AWARE,
    "kim-bengio": ObjectiveTraits(True, FOLLOW, "none"),
    "cd": ObjectiveTraits(True, "fixed", "none", ("continuous", "binary")),
    "pcd": ObjectiveTraits(True, "fixed", "none", ("continuous", "binary")),
    "hinge": ObjectiveTraits(False, FOLLOW, "none"),
    "ebgan": NO_DENSITY._replace(gradient="pull-away"),
    "free-gan": NO_DENSITY,
    "wasserstein": NO_DENSITY._replace(gradient="energy-alone"),
    "mle": ObjectiveTraits(True, "fixed", "generator"),
}

CHAINS = ("cd", "pcd")
"""Negatives from Markov chains; the generator has no part in them, and gives log Z in the end."""

TARGETS = (
    *("ring", "grid", "eight-gaussians", "two-moons", "pinwheel", "spirals", "checkerboard", "rings"),
    *("funnel", "forty-gaussians", "many-well"),
)
"""Laws that are known, as ``triality.targets.catalog`` makes them."""


def gradient_of(objective: str, generator: str) -> str:
    """What ``--sampler-gradient auto`` stands for."""
    wanted = OBJECTIVES[objective].gradient
    return ("path" if generator in DIFFERENTIABLE else "score") if wanted == FOLLOW else wanted


def generator_of(kind: Kind, is_image: bool, dim: int, objective: str, gradient: str) -> str:
    """What ``--generator auto`` stands for: a mixture for numbers, or a flow where the gradient goes through the draws."""
    if kind != "continuous":
        return "masked-convolution" if is_image else "made"
    asked = OBJECTIVES[objective].gradient if gradient in ("auto", "hybrid") else gradient
    if asked not in THROUGH_DRAWS:
        return "mixture"
    return "spline" if dim > 1 else "maf"


def is_relative(objective: str, base: str, gradient: str, gradient_penalty: float) -> bool:
    """Whether the energy is learned relative to a generator that stands still, without its density."""
    return base == "generator" and gradient == "fixed" and objective not in (*CHAINS, "mle") and gradient_penalty == 0


def head_of(generator: str) -> str:
    """What ``--head auto`` stands for; it stays where there is nothing to choose."""
    return "categorical" if generator in WITH_HEADS else "auto"


def energy_of(objective: str, is_image: bool) -> str:
    """What ``--energy auto`` stands for."""
    return "autoencoder" if objective == "ebgan" else "convolutional" if is_image else "mlp"


PACKAGES = {"flowjax": "flows", "blackjax": "samplers", "ot": "ot", "sklearn": "sklearn"}
"""What not every installation has, and the extra that brings it."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    return find_spec(package) is not None


def packages_of(generator: str, objective: str, gradient: str, kind: Kind) -> tuple[str, ...]:
    """Packages that a run cannot do without."""
    needed = ["flowjax"] if generator in ("real-nvp", "spline") else []
    if (objective in CHAINS and kind == "continuous") or gradient == "annealed":
        needed.append("blackjax")
    return tuple(needed)
