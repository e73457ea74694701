"""The plane of states: learned cost beside true cost, demonstrated and learned trajectories, and the returns that they earn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patheffects import AbstractPathEffect, withStroke

from triality.runs.report.figures import HEIGHT, Panel, draw, legend_above
from triality.runs.report.palette import DATA, DRAWN, INK
from triality.runs.report.words import number

MAX_TRAJECTORIES = 20
COLOR_MAP = "viridis"
Grid = Float[np.ndarray, "a b"]
Paths = Float[np.ndarray, "n time 2"]


class Plane(NamedTuple):
    """Two coordinates of the state, as far as the run recorded them.

    Fields:
        x, y: grid points, ascending; None where no usable grid was recorded.
        labels: of the two axes, with units.
        limits: ((left, right), (bottom, top)), shared by all panels so that they can be compared.
        paths: trajectories by the role of their color.
    """

    x: Float[np.ndarray, " a"] | None
    y: Float[np.ndarray, " b"] | None
    labels: tuple[str, str]
    limits: tuple[tuple[float, float], tuple[float, float]]
    paths: Mapping[str, Paths]


def state_panels(arrays: Mapping[str, np.ndarray]) -> list[Panel]:
    """All panels that the arrays of ``figures.npz`` allow; arrays of unexpected shapes are passed over."""
    plane = _plane(arrays)
    if plane is None:
        return []
    panels = []
    learned, true = _grid(arrays, "cost_grid", plane), _grid(arrays, "true_cost_grid", plane)
    if learned is not None:
        panels.append(_learned_cost(plane, learned, true, _text(arrays, "cost_grid_note", "")))
    if true is not None:
        panels.append(_true_cost(plane, true))
    names = (
        ("demonstrations", "Trajectories of the demonstrations", DATA.light),
        ("learned", "Trajectories of the learned policy", DRAWN.light),
    )
    return panels + [_trajectories(plane, key, title, color) for key, title, color in names if key in plane.paths]


def episode_panel(arrays: Mapping[str, np.ndarray]) -> Panel | None:
    """Return of every demonstration and of every roll-out, as cumulative shares."""
    sides = (("rewards_demonstrations", "demonstrations", DATA.light), ("rewards_learned", "learned policy", DRAWN.light))
    found = [(name, np.sort(arrays[key][np.isfinite(arrays[key])]), color) for key, name, color in sides if _is_series(arrays, key)]
    # Demonstration files need not hold rewards; those without count as zero all over, which is no return.
    found = [each for each in found if each[1].size and (each[0] != "demonstrations" or each[1].any())]
    if not found:
        return None

    def paint(axes: Axes) -> None:
        for name, returns, color in found:
            share = np.arange(1, returns.size + 1) / returns.size
            axes.plot(np.concatenate([returns[:1], returns]), np.concatenate([[0], share]), drawstyle="steps-post", color=color, label=name)
        axes.set_xlabel("return of an episode (environment's reward)")
        axes.set_ylabel("share of episodes at or below")
        axes.set_ylim(0, 1.02)
        axes.locator_params(axis="x", nbins=6)
        legend_above(axes)

    listed = "; ".join(
        f"{name} {number(np.median(returns), 4)} ({_count(returns.size, 'episode')}, {number(returns[0])} to {number(returns[-1])})"
        for name, returns, _ in found
    )
    apart = " The demonstrations have starts of their own, so compare the curves, not single episodes."
    caption = (
        "Further to the right is better. Roll-outs: sampled actions of the first seed at the end of learning, from starts that the "
        f"environment drew. Medians: {listed}.{apart if len(found) > 1 else ''}"
    )
    return Panel(
        "episodes", "Returns of single episodes", draw("episodes", paint), f"Cumulative shares of returns. Medians: {listed}.", caption
    )


def rank_correlation(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> float:
    """Spearman's rank correlation, ties at their mean rank; NaN where one side is constant.

    Example:
        >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([0.1, 10.0, 11.0])).__round__(6)
        1.0
    """
    ranks = [_ranks(values) for values in (first, second)]
    centered = [each - each.mean() for each in ranks]
    scale = np.sqrt(np.prod([np.sum(each**2) for each in centered]))
    return float(centered[0] @ centered[1] / scale) if scale > 0 else float("nan")


def _learned_cost(plane: Plane, grid: Grid, true: Grid | None, note: str) -> Panel:
    both = np.isfinite(grid) & np.isfinite(true) if true is not None else np.zeros(grid.shape, bool)
    agreement = rank_correlation(grid[both], true[both]) if true is not None and both.sum() > 2 else float("nan")
    said = f" Rank correlation with the true cost over this plane: {number(agreement, 2)} (1: same order)."
    said = said if np.isfinite(agreement) else ""
    how = f" The cost of a state is {note}." if note else ""
    caption = (
        "Dark: low cost, states that the model takes for likely. White lines with a dark rim: the demonstrations. Where no demonstration "
        "and no roll-out has been, the cost is extrapolated. A cost is known only up to a constant, and to terms that steer no policy, so "
        f"compare patterns, not levels.{how}{said}"
    )
    svg = _heat_map("learned-cost", plane, grid, "learned cost (nats per step)")
    values = f"{number(np.nanmin(grid))} to {number(np.nanmax(grid))} nats per step"
    alt = f"Heat map of the learned cost, {values}, demonstrations overlaid.{said}"
    return Panel("learned-cost", "Learned cost", svg, alt, caption)


def _true_cost(plane: Plane, grid: Grid) -> Panel:
    caption = (
        "Minus the environment's own reward, on the same plane. The method never saw it. A learned cost need not look like it to make "
        "the same policy: costs that look ahead, like a value function, do too."
    )
    svg = _heat_map("true-cost", plane, grid, "true cost (reward units per step)")
    values = f"{number(np.nanmin(grid))} to {number(np.nanmax(grid))} reward units per step"
    alt = f"Heat map of the true cost, {values}, demonstrations overlaid."
    return Panel("true-cost", "True cost", svg, alt, caption)


def _heat_map(name: str, plane: Plane, grid: Grid, label: str) -> str:
    def paint(axes: Axes) -> None:
        assert plane.x is not None, "a grid is accepted only together with its axes"
        assert plane.y is not None
        mesh = axes.pcolormesh(plane.x, plane.y, grid.T, cmap=COLOR_MAP, shading="nearest", rasterized=True)
        for path in plane.paths.get("demonstrations", ())[:MAX_TRAJECTORIES]:
            axes.plot(*_unwrapped(path, plane.limits).T, color="white", linewidth=_line_width(path), path_effects=_outlined(path))
        bar = axes.figure.colorbar(mesh, ax=axes, label=label, pad=0.02)
        for solid in bar.ax.collections:
            solid.set_rasterized(True)
        bar.ax.spines["outline"].set_visible(False)
        _frame(axes, plane)

    return draw(name, paint, HEIGHT + 20)


def _trajectories(plane: Plane, key: str, title: str, color: str) -> Panel:
    paths = plane.paths[key]
    shown = paths[:MAX_TRAJECTORIES]

    def paint(axes: Axes) -> None:
        for path in shown:
            axes.plot(*_unwrapped(path, plane.limits).T, color=color, linewidth=1.2 * _line_width(path), alpha=0.6)
        finite = [path[np.isfinite(path).all(axis=1)] for path in shown]
        ends = np.array([path[[0, -1]] for path in finite if len(path)])
        axes.plot(*ends[:, 0].T, "o", color=color, markersize=4.5, markerfacecolor="none", linestyle="none", label="start")
        axes.plot(*ends[:, 1].T, "s", color=INK.light, markersize=4, linestyle="none", label="end")
        _frame(axes, plane)
        legend_above(axes)

    shown_words = f"{len(shown)} of {len(paths)} trajectories" if len(paths) > len(shown) else _count(len(paths), "trajectory")
    source = "as they were given" if key == "demonstrations" else "drawn from the learned policy of the first seed, sampled actions"
    reading = "Both panels have the same axes. A line breaks where a coordinate wraps around, and ends where the episode did."
    caption = f"{shown_words}, {source}. {reading}"
    alt = f"{title}: {shown_words}, over {plane.labels[0]} and {plane.labels[1]}."
    return Panel(f"paths-{key}", title, draw(f"paths-{key}", paint), alt, caption)


def _outlined(path: Float[np.ndarray, "time 2"]) -> list[AbstractPathEffect]:
    """Black on both sides of a line, so that a white one shows on bright ground too; the same in both of the reader's schemes."""
    return [withStroke(linewidth=_line_width(path) + 1.2, foreground="black", alpha=0.6)]


def _line_width(path: Float[np.ndarray, "time 2"]) -> float:
    """Thinner where a path has many steps, which would fill the plane."""
    return 0.8 if len(path) <= 250 else 0.45


def _count(number_of: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number_of} {noun if number_of == 1 else plural}"


def _frame(axes: Axes, plane: Plane) -> None:
    axes.set_xlim(plane.limits[0])
    axes.set_ylim(plane.limits[1])
    axes.set_xlabel(plane.labels[0])
    axes.set_ylabel(plane.labels[1])


def _unwrapped(path: Float[np.ndarray, "time 2"], limits: tuple[tuple[float, float], tuple[float, float]]) -> Float[np.ndarray, "more 2"]:
    """A gap wherever one step crosses more than half of the plane: an angle that wrapped, not a movement."""
    span = np.array([high - low for low, high in limits])
    jumps = np.flatnonzero((np.abs(np.diff(path, axis=0)) > span / 2).any(axis=1)) + 1
    return np.insert(path, jumps, np.nan, axis=0)


def _plane(arrays: Mapping[str, np.ndarray]) -> Plane | None:
    x, y = (arrays[key].astype(float) if _is_axis(arrays, key) else None for key in ("grid_x", "grid_y"))
    x, y = (x, y) if x is not None and y is not None else (None, None)
    paths = {key: arrays[key].astype(float) for key in ("demonstrations", "learned") if _is_paths(arrays, key)}
    if x is None and not paths:
        return None
    labels = _text(arrays, "grid_x_label", "first coordinate"), _text(arrays, "grid_y_label", "second coordinate")
    if x is not None and y is not None:
        limits = (float(x[0]), float(x[-1])), (float(y[0]), float(y[-1]))
    else:
        points = np.concatenate([path.reshape(-1, 2) for path in paths.values()])
        limits = _around(points[:, 0]), _around(points[:, 1])
    return Plane(x, y, labels, limits, paths)


def _around(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = 0.04 * (high - low) + 1e-9
    return low - margin, high + margin


def _grid(arrays: Mapping[str, np.ndarray], key: str, plane: Plane) -> Grid | None:
    grid = arrays.get(key)
    if grid is None or plane.x is None or plane.y is None or grid.dtype.kind not in "fiu" or grid.shape != (plane.x.size, plane.y.size):
        return None
    return np.where(np.isfinite(grid), grid, np.nan).astype(float) if np.isfinite(grid).any() else None


def _is_axis(arrays: Mapping[str, np.ndarray], key: str) -> bool:
    axis = arrays.get(key)
    if axis is None or axis.ndim != 1 or axis.size < 2 or axis.dtype.kind not in "fiu":
        return False
    return bool(np.isfinite(axis).all() and (np.diff(axis) > 0).all())


def _is_paths(arrays: Mapping[str, np.ndarray], key: str) -> bool:
    paths = arrays.get(key)
    if paths is None or paths.ndim != 3 or paths.shape[-1] != 2 or 0 in paths.shape or paths.dtype.kind not in "fiu":
        return False
    return bool(np.isfinite(paths).all(axis=-1).any())


def _is_series(arrays: Mapping[str, np.ndarray], key: str) -> bool:
    return key in arrays and arrays[key].ndim == 1 and arrays[key].dtype.kind in "fiu"


def _text(arrays: Mapping[str, np.ndarray], key: str, otherwise: str) -> str:
    value = arrays.get(key)
    return str(value) if value is not None and value.ndim == 0 and value.dtype.kind == "U" else otherwise


def _ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
