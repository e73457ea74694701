"""triality: energies learned from samples, with generators whose density can be evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triality.estimator import DensityEstimator as DensityEstimator

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``triality.DensityEstimator`` is loaded when it is asked for: it needs scikit-learn, and everything else does not."""
    if name == "DensityEstimator":
        from triality.estimator import DensityEstimator

        return DensityEstimator
    raise AttributeError(f"module 'triality' has no attribute '{name}'")
