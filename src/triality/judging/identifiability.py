"""What demonstrations cannot determine about a cost on a table, however many there are: counted, and said in words.

    information = sum_t sum_x n_t(x) Var_{u ~ pi_t(.|x)} d log pi_t(u|x) / d theta          n_t(x): the demonstrations' visits

A direction of the parameters in which this is zero changes no probability that the data bear on: the likelihood is flat along it. Three
kinds:

* **shaping**: c + h(x) - gamma E[h(x')], for every h; a constant is one of them. Over a horizon the constant alone.
* **nothing there**: states that no demonstration visits enter through their value alone.
* **redundant**: two parameters that move one cost.

Two freedoms are no directions of c(x, u). *Scale*: the model acts at temperature 1, cost against entropy, and that alone fixes it; of an
expert of unknown temperature the cost is known up to a positive factor. *Redistribution*: of a cost c(x, u, x') only E[c|x, u] matters.

What is found is a matter of the model's policy being positive everywhere: that an action was never taken in a visited state says that it
is expensive, by how much is a matter of the intervals (``sandwich``). Reference: Cao, Cohen, Szpruch 2021, arXiv:2106.03498; Skalse et
al. 2023.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from triality.errors import ConfigError, DataError
from triality.judging.feature_sums import linear_features, model_sums
from triality.judging.shaping_projection import constant_projection, orderless, shaping_projection
from triality.judging.tables import branch_probabilities
from triality.tabular.costs import CostModel
from triality.tabular.demonstrations import TabularDemonstrations
from triality.tabular.mdp import TabularMDP

TOLERANCE = 1e-9
"""An eigenvalue of the information below this share of the largest counts as zero."""
NOT_AT_ALL, UP_TO_SHAPING, DETERMINED = 0, 1, 2


class Identifiability(NamedTuple):
    """What the data determine.

    Fields:
        num_parameters: of the cost.
        num_determined: rank of the information.
        num_shaping: flat directions that are potential shaping (the constant among them), or that move no cost at all.
        num_unseen: the other flat directions, which only visits would determine.
        has_constant: whether the class of costs holds the constant.
        num_redistribution: dimension of what E[c(x, u, x')] hides, were the cost one of x' too.
        unvisited_states: that no demonstration acts in.
        num_untaken: pairs that no demonstration has, of visited states.
        level: DETERMINED (up to one constant), UP_TO_SHAPING or NOT_AT_ALL of each pair.
        flat: an orthonormal basis of the flat directions, one a column.
        eigenvalues: of the information, ascending.
        tolerance: share of the largest below which one counts as zero.
    """

    num_parameters: int
    num_determined: int
    num_shaping: int
    num_unseen: int
    has_constant: bool
    num_redistribution: int
    unvisited_states: Int[np.ndarray, " unvisited"]
    num_untaken: int
    level: Int[np.ndarray, "states actions"]
    flat: Float[np.ndarray, "k flat"]
    eigenvalues: Float[np.ndarray, " k"]
    tolerance: float

    @property
    def state_level(self) -> Int[np.ndarray, " states"]:
        """The lowest level of a state's actions."""
        return self.level.min(axis=1)

    def words(self) -> list[str]:
        """The same in sentences."""
        pairs, counts = self.level.size, [int(np.sum(self.level == each)) for each in (DETERMINED, UP_TO_SHAPING, NOT_AT_ALL)]
        found = [
            f"Of {self.num_parameters} parameters the data determine {self.num_determined} combinations; the likelihood is flat along the "
            f"other {self.num_parameters - self.num_determined} (information below {self.tolerance:g} of the largest).",
            _of_shaping(self.num_shaping, self.has_constant),
        ]
        if self.num_unseen:
            found.append(f"{_many(self.num_unseen, 'flat direction')} would be determined by visits that no demonstration makes.")
        if len(self.unvisited_states):
            shown = ", ".join(str(each) for each in self.unvisited_states[:8]) + (", ..." if len(self.unvisited_states) > 8 else "")
            found.append(f"No demonstration acts in {_many(len(self.unvisited_states), 'state')} ({shown}): any cost there is a guess.")
        if self.num_untaken:
            found.append(
                f"{_many(self.num_untaken, 'action')} of visited states {'was' if self.num_untaken == 1 else 'were'} never taken: they are "
                "expensive, and how expensive only the prior and the class of costs say."
            )
        found.append(
            f"Of {_many(pairs, 'pair')} of state and action {counts[0]} are determined up to one constant, {counts[1]} up to shaping, "
            f"{counts[2]} not at all."
        )
        found.append("The scale is fixed by the temperature, 1, and by nothing else: of an expert of another one, by a factor not known.")
        return found


def identifiability(
    mdp: TabularMDP,
    log_policy: ArrayLike,
    cost_model: CostModel,
    visits: Float[np.ndarray, "steps states actions"],
    tolerance: float = TOLERANCE,
) -> Identifiability:
    """What demonstrations with these visits determine of a cost of this class.

    Args:
        mdp: dynamics, and discount or horizon.
        log_policy: pi of the model, such as ``IrlResult.log_policy``; (T, S, A) over a horizon, else (S, A).
        cost_model: linear in its parameters.
        visits: from ``demonstrated_visits``, one step where the MDP is discounted; the numbers of one step need not sum to one.
        tolerance: share of the largest eigenvalue that counts as zero.

    Raises:
        ConfigError: a cost that is not linear in its parameters, or a tolerance outside (0, 1).
        DataError: visits of another shape, negative, or none at all.

    Example:
        >>> from triality.tabular.costs import StateActionCost
        >>> mdp = TabularMDP.from_sparse([[[0], [1]], [[1], [1]]], np.ones((2, 2, 1)), 0, discount=0.5)
        >>> found = identifiability(mdp, np.log(np.full((2, 2), 0.5)), StateActionCost(mdp), np.ones((1, 2, 2)))
        >>> found.num_determined, found.num_shaping, found.num_unseen, found.level.tolist()
        (2, 2, 0, [[1, 1], [1, 1]])
    """
    if not 0.0 < tolerance < 1.0:
        raise ConfigError(f"expected a tolerance strictly between 0 and 1, got {tolerance}; 1e-9 is usual in float64")
    law = np.asarray(visits, np.float64)
    expected = (mdp.horizon or 1, mdp.num_states, mdp.num_actions)
    if law.shape != expected or not np.all(np.isfinite(law)) or law.min() < 0 or law.sum() <= 0:
        raise DataError(f"expected visits >= 0 of shape {expected}, some positive, got shape {law.shape}; take demonstrated_visits")
    features, start = linear_features(cost_model), np.exp(np.asarray(mdp.log_start, np.float64))
    information = model_sums(mdp, np.asarray(log_policy), features, start, law.sum(axis=-1)).information
    sizes, directions = np.linalg.eigh(information)
    flat = directions[:, sizes <= tolerance * max(float(sizes[-1]), 1e-300)]
    rows, total = features.reshape(-1, features.shape[-1]), law.sum(axis=0)
    num_shaping = _num_within(rows, orderless(mdp))
    seen = total.sum(axis=-1) > 0
    return Identifiability(
        num_parameters=rows.shape[1],
        num_determined=rows.shape[1] - flat.shape[1],
        num_shaping=min(num_shaping, flat.shape[1]),
        num_unseen=max(flat.shape[1] - num_shaping, 0),
        has_constant=_num_within(rows, np.ones((len(rows), 1))) > _num_within(rows, np.zeros((len(rows), 1))),
        num_redistribution=int(np.sum(np.sum(branch_probabilities(mdp) > 0, axis=-1) - 1)),
        unvisited_states=np.flatnonzero(~seen),
        num_untaken=int(np.sum((total == 0) & seen[:, None])),
        level=_levels(mdp, rows @ flat, np.broadcast_to(seen[:, None], total.shape)),
        flat=flat,
        eigenvalues=sizes,
        tolerance=tolerance,
    )


def demonstrated_visits(mdp: TabularMDP, demonstrations: TabularDemonstrations) -> Float[np.ndarray, "steps states actions"]:
    """How often each step (all steps together where the MDP is discounted) was spent in each pair, on average over demonstrations.

    Example:
        >>> mdp = TabularMDP.from_sparse([[[0], [0]]], [[[1.0], [1.0]]], 0, horizon=2)
        >>> demonstrated_visits(mdp, TabularDemonstrations(np.zeros((1, 3), int), np.array([[0, 1]]), np.array([2]))).tolist()
        [[[1.0, 0.0]], [[0.0, 1.0]]]
    """
    states, actions, lengths = (np.asarray(part) for part in demonstrations)
    used = np.arange(actions.shape[1]) < lengths[:, None]
    step = np.broadcast_to(np.arange(actions.shape[1]), actions.shape)
    weight = float(mdp.discount) ** step[used] / len(lengths)
    table = np.zeros((mdp.horizon or 1, mdp.num_states, mdp.num_actions))
    np.add.at(table, (step[used] if mdp.horizon else np.zeros_like(step[used]), states[:, :-1][used], actions[used]), weight)
    return table


def _levels(mdp: TabularMDP, flat_costs: np.ndarray, visited: np.ndarray) -> Int[np.ndarray, "states actions"]:
    """Which pairs' costs do not move along any flat direction, after the constant, or after all shaping, is taken away."""
    weights = visited.astype(float)
    leveled = constant_projection(mdp, weights) @ flat_costs
    unshaped = shaping_projection(mdp, weights) @ flat_costs
    size = 1e-6 * max(float(np.abs(flat_costs).max(initial=0.0)), 1e-300)
    fixed = [np.abs(each).max(axis=1, initial=0.0).reshape(visited.shape) <= size for each in (leveled, unshaped)]
    return np.where(fixed[0] & visited, DETERMINED, np.where(fixed[1] & visited, UP_TO_SHAPING, NOT_AT_ALL))


def _num_within(rows: np.ndarray, directions: np.ndarray) -> int:
    """Dimension of the parameters whose costs lie in the span of the directions."""
    basis, sizes, _ = np.linalg.svd(directions, full_matrices=False)
    basis = basis[:, sizes > 1e-10 * max(float(sizes.max(initial=0.0)), 1e-300)] if sizes.max(initial=0.0) > 0 else basis[:, :0]
    left = rows - basis @ (basis.T @ rows)
    return rows.shape[1] - int(np.linalg.matrix_rank(left, tol=1e-9 * max(float(np.linalg.norm(rows, 2)), 1e-300)))


def _of_shaping(num: int, has_constant: bool) -> str:
    if not num:
        return "No cost of this class is a constant or potential shaping, so none of it is lost to them."
    constant = "the constant among them" if has_constant else "though not the constant"
    return f"{_many(num, 'direction')} of the class {'is' if num == 1 else 'are'} potential shaping ({constant}): they change no policy."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
