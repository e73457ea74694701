"""All claims and controls, measured: ``check_paper``.

The random instances of one kind of space share one compiled program, and the draws run side by side under ``vmap``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from triality.claims import background, controls, energy_models, equivalence, facts, trajectories
from triality.claims.claim import Claim, Statement
from triality.claims.spaces import INSTANCES, TRAJECTORIES
from triality.errors import ConfigError

CLAIMS: tuple[Statement, ...] = tuple(
    sorted(
        (
            *background.STATEMENTS,
            *trajectories.STATEMENTS,
            *equivalence.STATEMENTS,
            *facts.STATEMENTS,
            *equivalence.FOOTNOTE_3,
            *energy_models.STATEMENTS,
        ),
        key=lambda statement: (statement.section, statement.place),
    )
)
"""Every claim of sections 2 to 4 that has a number or a formula, in the paper's order."""

# A control that found fewer draws with enough overlap has shown nothing.
LEAST_COUNTED_SHARE = 0.5


def check_paper(seed: int = 0, num_draws: int = 100) -> list[Claim]:
    """Measures every claim and every control on ``num_draws`` random instances of each kind of space, in float64.

    Claims first, in the paper's order, then the controls. A control passes where it *fails* to hold.

    Args:
        seed: of the random instances.
        num_draws: random instances of each kind.

    Raises:
        ConfigError: ``num_draws`` is below one.
    """
    if num_draws < 1:
        raise ConfigError(f"expected at least one draw, got {num_draws}; ask for 100")
    statements = (*CLAIMS, *controls.CONTROLS)
    measured: dict[str, list[Claim]] = {}
    for space, residuals, overlap in _measure_all(statements, seed, num_draws):
        here = [statement for statement in statements if space in statement.spaces]
        for statement, values in zip(here, residuals, strict=True):
            judge = _judge_control if statement.breaks else _judge_claim
            measured.setdefault(_label(statement), []).append(judge(statement, space, values, overlap))
    return [claim for statement in statements for claim in measured[_label(statement)]]


def _label(statement: Statement) -> str:
    return f"{statement.id} {statement.breaks}"


def _measure_all(
    statements: Sequence[Statement], seed: int, num_draws: int
) -> Iterator[tuple[str, Float[np.ndarray, "statements draws"], Float[np.ndarray, " draws"]]]:
    """Name, residuals and overlaps of each kind of space.

    Kinds with the same statements share one program; one program is compiled, in a thread of its own, while the next is traced.
    """
    with jax.enable_x64(True), ThreadPoolExecutor() as pool:
        keys = jax.random.split(jax.random.key(seed), num_draws)
        makers = {**INSTANCES, TRAJECTORIES: trajectories.Drawing.prepare()}
        groups: dict[tuple[tuple[Statement, ...], PyTree, tuple], dict[str, PyTree]] = {}
        for space, make in makers.items():
            here = tuple(statement for statement in statements if space in statement.spaces)
            if here:
                drawn = _execute(jax.jit(jax.vmap(make)).lower(keys), keys)
                shapes = tuple(leaf.shape for leaf in jax.tree.leaves(drawn))
                groups.setdefault((here, jax.tree.structure(drawn), shapes), {})[space] = drawn
        running = []
        for (here, *_), spaces in groups.items():
            instances = jax.tree.map(lambda *leaves: np.concatenate(leaves), *spaces.values())
            program = jax.jit(jax.vmap(partial(_measure, here))).lower(instances)
            running.append((spaces, pool.submit(_execute, program, instances)))
        for spaces, task in running:
            for index, space in enumerate(spaces):
                part = slice(index * num_draws, (index + 1) * num_draws)
                residuals, overlap = task.result()
                yield space, residuals[part].T, overlap[part]


def _measure(statements: Sequence[Statement], instance: PyTree) -> tuple[Float[Array, " statements"], Float[Array, ""]]:
    """Every residual on one instance, and its overlap; zero where no control asks for it."""
    residuals = jnp.stack([statement.measure(instance) for statement in statements])
    return residuals, controls.overlap(instance) if any(statement.breaks for statement in statements) else jnp.zeros(())


def _execute(program: jax.stages.Lowered, arguments: PyTree) -> PyTree:
    """Compiles and runs once, so that an optimizing compiler would cost more than it saves."""
    with jax.enable_x64(True):  # a setting of each thread
        return jax.tree.map(np.asarray, program.compile(compiler_options={"xla_backend_optimization_level": "0"})(arguments))


def _judge_claim(statement: Statement, space: str, residuals: np.ndarray, overlap: np.ndarray) -> Claim:
    """Every draw counts; NaN is larger than any bound."""
    del overlap
    residual = float(np.max(residuals))
    return _claim(statement, space, residual, len(residuals), passed=residual <= statement.bound)


def _judge_control(statement: Statement, space: str, residuals: np.ndarray, overlap: np.ndarray) -> Claim:
    """The draw that breaks the claim least decides, among those with overlap."""
    counted = residuals[overlap >= controls.LEAST_OVERLAP]
    enough = len(counted) >= LEAST_COUNTED_SHARE * len(residuals)
    residual = float(np.min(counted)) if len(counted) else float("nan")
    return _claim(statement, space, residual, len(counted), passed=enough and residual > statement.bound)


def _claim(statement: Statement, space: str, residual: float, draws: int, *, passed: bool) -> Claim:
    return Claim(
        id=statement.id,
        section=statement.section,
        place=statement.place,
        statement=statement.text,
        space=space,
        residual=residual,
        tolerance=statement.bound,
        draws=draws,
        passed=passed,
        is_control=bool(statement.breaks),
        breaks=statement.breaks,
        erratum=statement.erratum,
    )
