"""Inverse optimal control of a linear system: the quadratic costs under which a given gain is the best one (Kalman 1964; Boyd et al. 1994).

    x' = A x + B u,   u = -K x,   c(x, u) = x'Q x + u'R u        low = likely; Q >= 0, R > 0

The gain K is optimal for (Q, R) exactly if, with F = A - B K stable, the cost-to-go P of K itself says so:

    discrete:     P = Q + K'R K + F'P F,          R K = B'P F
    continuous:   F'P + P F + Q + K'R K = 0,      R K = B'P

P is linear in (Q, R), so all costs of a gain are the null space of one linear map, cut with the cones Q >= 0 and R > 0. A null space of
more than one dimension is the rule: with B'S A = 0, Q + eps (S - A'S A) has the gain of Q, since it only adds the potential x'S x. What is
returned is the point of the set that is closest to Q = I, R = I at trace n + m, found by alternating projections (Dykstra 1983). These
converge at a linear rate where the set has an interior; where the demonstrated Q lies on the border of every candidate, slowly.

References: R. E. Kalman, When is a linear control system optimal?, 1964; S. Boyd, L. El Ghaoui, E. Feron and V. Balakrishnan, Linear
Matrix Inequalities in System and Control Theory, 1994, section 10.6 (as a semidefinite program).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError

Matrix = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class InverseLqrConfig:
    """How the costs of a gain are found.

    Args:
        diagonal: whether Q and R are diagonal: with generic A, B and K they are then unique up to scale.
        rank_tolerance: singular values below this part of the largest count as zero. Raise it for a gain that was estimated.
        smallest: least eigenvalue of R, at trace(Q) + trace(R) = n + m.
        tolerance: how far Q may be from its cone at the end, in the same unit.
        max_num_projections: rounds of projections.
    """

    diagonal: bool = False
    rank_tolerance: float = 1e-9
    smallest: float = 1e-6
    tolerance: float = 1e-9
    max_num_projections: int = 20_000

    def __post_init__(self) -> None:
        positive = min(self.rank_tolerance, self.smallest, self.tolerance) > 0
        if not positive or self.max_num_projections < 1:
            raise ConfigError(f"expected tolerances > 0 and max_num_projections >= 1, got {self}; correct the option")


class QuadraticCost(NamedTuple):
    """c(x, u) = x'Q x + u'R u, scaled to trace(Q) + trace(R) = n + m.

    Fields:
        state: Q.
        action: R.
        gain: the gain that is optimal for them, by one step of policy iteration from the given one.
        gain_error: largest entry of the difference between that and the given gain: the measure of success.
        num_dimensions: of the costs of the class that have this gain, positive or not, scale included: 1 = identified up to scale.
            0: none has it exactly, and the best in least squares is returned.
    """

    state: Float[np.ndarray, "obs obs"]
    action: Float[np.ndarray, "act act"]
    gain: Float[np.ndarray, "act obs"]
    gain_error: float
    num_dimensions: int

    def __call__(self, observation: ArrayLike, action: ArrayLike) -> float:
        """c(x, u)."""
        x, u = np.asarray(observation), np.asarray(action)
        return float(x @ self.state @ x + u @ self.action @ u)


def inverse_lqr(dynamics: ArrayLike, control: ArrayLike, gain: ArrayLike, config: InverseLqrConfig | None = None) -> QuadraticCost:
    """A quadratic cost of which ``gain`` is the optimum over an infinite horizon, in discrete time.

    Args:
        dynamics: A (n, n).
        control: B (n, m).
        gain: K (m, n), in u = -K x.
        config: class of costs and tolerances.

    Raises:
        DataError: shapes do not fit, the gain does not stabilize, or no cost of the class with Q >= 0 and R > 0 has it.

    Example:
        >>> cost = inverse_lqr([[1.0]], [[1.0]], [[0.5]])
        >>> round(float(cost.state[0, 0] / cost.action[0, 0]), 6), cost.num_dimensions  # Q/R = K^2 / (1 - K)
        (0.5, 1)
    """

    def cost_to_go(closed: Matrix, stage: Matrix) -> Matrix:
        system = np.eye(closed.size) - np.kron(closed.T, closed.T)
        return np.linalg.solve(system, stage.reshape(-1)).reshape(stage.shape)

    def improved(a: Matrix, b: Matrix, r: Matrix, p: Matrix) -> Matrix:
        return np.linalg.solve(r + b.T @ p @ b, b.T @ p @ a)

    kind = _Kind(cost_to_go, lambda b, closed, p: b.T @ p @ closed, improved, lambda roots: np.max(np.abs(roots)) < 1.0)
    return _inverse(kind, dynamics, control, gain, config or InverseLqrConfig())


def inverse_lqr_continuous(
    dynamics: ArrayLike, control: ArrayLike, gain: ArrayLike, config: InverseLqrConfig | None = None
) -> QuadraticCost:
    """The same for dx/dt = A x + B u. Arguments as ``inverse_lqr``.

    Example:
        >>> cost = inverse_lqr_continuous([[0.0]], [[1.0]], [[2.0]])
        >>> round(float(cost.state[0, 0] / cost.action[0, 0]), 6)  # Q/R = K^2
        4.0
    """

    def cost_to_go(closed: Matrix, stage: Matrix) -> Matrix:
        eye = np.eye(len(closed))
        system = -np.kron(closed.T, eye) - np.kron(eye, closed.T)
        return np.linalg.solve(system, stage.reshape(-1)).reshape(stage.shape)

    def improved(a: Matrix, b: Matrix, r: Matrix, p: Matrix) -> Matrix:
        return np.linalg.solve(r, b.T @ p)

    kind = _Kind(cost_to_go, lambda b, closed, p: b.T @ p, improved, lambda roots: np.max(roots.real) < 0.0)
    return _inverse(kind, dynamics, control, gain, config or InverseLqrConfig())


def gain_of_demonstrations(observation: ArrayLike, action: ArrayLike) -> Float[np.ndarray, "act obs"]:
    """K of u = -K x by least squares: the most likely gain where actions carry equal Gaussian noise.

    Raises:
        DataError: the observations do not span the state space.

    Example:
        >>> gain_of_demonstrations([[1.0, 0.0], [0.0, 1.0]], [[-2.0], [3.0]]).tolist()
        [[2.0, -3.0]]
    """
    x, u = np.asarray(observation, dtype=float), np.asarray(action, dtype=float)
    solution, _, rank, _ = np.linalg.lstsq(x, u, rcond=None)
    if rank < x.shape[1]:
        raise DataError(f"expected observations that span {x.shape[1]} dimensions, got {rank}; start the demonstrations elsewhere too")
    return 0.0 - solution.T


class _Kind(NamedTuple):
    """What differs between discrete and continuous time."""

    cost_to_go: Callable[[Matrix, Matrix], Matrix]
    pull: Callable[[Matrix, Matrix, Matrix], Matrix]
    improved: Callable[[Matrix, Matrix, Matrix, Matrix], Matrix]
    is_stable: Callable[[np.ndarray], bool]


def _inverse(kind: _Kind, dynamics: ArrayLike, control: ArrayLike, gain: ArrayLike, config: InverseLqrConfig) -> QuadraticCost:
    a, b, k = (np.asarray(part, dtype=float) for part in (dynamics, control, gain))
    _check(kind, a, b, k)
    closed, (n, m) = a - b @ k, b.shape
    basis = _basis(n, m, config.diagonal)

    def violation(q: Matrix, r: Matrix) -> Matrix:
        return r @ k - kind.pull(b, closed, kind.cost_to_go(closed, q + k.T @ r @ k))

    blocks = [(one[:n, :n], one[n:, n:]) for one in basis]
    system = np.stack([violation(q, r).reshape(-1) for q, r in blocks], axis=1)
    _, values, directions = np.linalg.svd(system)
    num_dimensions = len(basis) - int(np.sum(values > config.rank_tolerance * values[0]))
    free = np.tensordot(directions[-max(num_dimensions, 1) :], basis, axes=1)
    q, r = _nearest_to_identity(free, n, config)
    found = kind.improved(a, b, r, kind.cost_to_go(closed, q + k.T @ r @ k))
    return QuadraticCost(q, r, found, float(np.max(np.abs(found - k))), num_dimensions)


def _nearest_to_identity(free: Float[np.ndarray, "dims s s"], n: int, config: InverseLqrConfig) -> tuple[Matrix, Matrix]:
    """Dykstra's projections of the identity between span(free) at its trace and the cones, ending on the span."""
    size = free.shape[1]
    flat, trace = free.reshape(len(free), -1), np.trace(free, axis1=1, axis2=2)
    if trace @ trace < 1e-20:
        raise _none(config)

    def on_span(point: Matrix) -> Matrix:
        inside = flat @ point.reshape(-1)
        inside = inside + trace * (size - trace @ inside) / (trace @ trace)
        return (inside @ flat).reshape(size, size)

    point, correction = on_span(np.eye(size)), np.zeros((size, size))
    for _ in range(config.max_num_projections):
        outside = point + correction
        inside = _on_cones(outside, n, config.smallest)
        if np.max(np.abs(inside - point)) <= config.tolerance:
            break
        correction, point = outside - inside, on_span(inside)
    q, r = point[:n, :n], point[n:, n:]
    # Also where the loop stopped by its count: then the constraint itself decides, not the distance moved.
    if np.linalg.eigvalsh(q)[0] < -size * config.tolerance or np.linalg.eigvalsh(r)[0] < 0.5 * config.smallest:
        raise _none(config)
    return q, r


def _on_cones(point: Matrix, n: int, smallest: float) -> Matrix:
    projected = np.zeros_like(point)
    for part, floor in ((slice(0, n), 0.0), (slice(n, None), smallest)):
        values, vectors = np.linalg.eigh(point[part, part])
        projected[part, part] = (vectors * np.maximum(values, floor)) @ vectors.T
    return projected


def _basis(n: int, m: int, diagonal: bool) -> Float[np.ndarray, "dims s s"]:
    """Orthonormal symmetric matrices of size n + m whose blocks are Q and R."""
    pairs = [(i, j) for i in range(n + m) for j in range(i + 1) if i == j or (not diagonal and (i < n) == (j < n))]
    basis = np.zeros((len(pairs), n + m, n + m))
    for one, (i, j) in zip(basis, pairs, strict=True):
        one[i, j] = one[j, i] = 1.0 if i == j else np.sqrt(0.5)
    return basis


def _check(kind: _Kind, a: np.ndarray, b: np.ndarray, k: np.ndarray) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[0] != a.shape[1] or b.shape[0] != a.shape[0] or k.shape != b.shape[::-1]:
        raise DataError(f"expected A (n, n), B (n, m) and K (m, n), got {a.shape}, {b.shape} and {k.shape}; transpose what is turned")
    if not kind.is_stable(np.linalg.eigvals(a - b @ k)):
        raise DataError("expected a gain that stabilizes, got an unstable A - B K; check the sign: the action is u = -K x")


def _none(config: InverseLqrConfig) -> DataError:
    kind = "diagonal" if config.diagonal else "symmetric"
    return DataError(
        f"expected a gain that some {kind} cost with Q >= 0 and R > 0 has, got none within {config.max_num_projections} projections; "
        "not every stabilizing gain is optimal: allow the full class, or estimate the gain from more demonstrations"
    )
