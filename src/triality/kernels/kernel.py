"""A Markov kernel K(x'|x): one step of one chain that leaves exp(-E)/Z invariant.

    integral of exp(-E(x))/Z K(x'|x) dx = exp(-E(x'))/Z

A kernel can be run, but the density of what it has drawn after k steps is unknown: it is never a ``Sampler``, and nothing here has a
``log_q``. Batching is the caller's ``vmap``; ``run_chains`` does it.

Reference: Neal, Probabilistic inference using Markov chain Monte Carlo methods, 1993, CRG-TR-93-1.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

from jaxtyping import Array, Float, Int, Key

from triality.energy import Energy

X = TypeVar("X")


class StepInfo(NamedTuple):
    """What a step reports; never needed next.

    Fields:
        acceptance: probability with which the proposal was accepted, in [0, 1]; 1 for Gibbs and for Langevin without correction.
            Healthy, by rule of thumb: 0.57 for MALA (Roberts and Rosenthal 1998), 0.65 for HMC (Beskos et al. 2013). It says nothing
            about modes that the chain never visits.
        num_energies: evaluations of the energy; one with its gradient counts once.
    """

    acceptance: Float[Array, "*batch"]
    num_energies: Int[Array, "*batch"]


@runtime_checkable
class ChainState(Protocol):
    """What a kernel remembers between two steps under one energy; ``position`` is x."""

    @property
    def position(self) -> Any: ...


@runtime_checkable
class Kernel(Protocol):
    """One step of one chain. Hyper-parameters, such as a step size, are leaves of the kernel.

    Where the energy changes from step to step, as in annealing or in training, call ``init`` again: states remember energies.
    """

    # Whether exp(-E)/Z is left invariant. Annealing, which divides by it, refuses a kernel where it is not.
    is_exact: ClassVar[bool]

    def init(self, position: Any, energy: Energy[Any]) -> Any:
        """The state of a chain at ``position``: one evaluation of the energy at most."""
        ...

    def step(self, key: Key[Array, ""], state: Any, energy: Energy[Any]) -> tuple[Any, StepInfo]:
        """The next state under the energy that ``state`` was made with, and what the step reports."""
        ...
