"""Figures of a density run: samples beside data, the landscape, energies, learning curves, and whether D is a probability."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from triality.runs.report.curves import Curves
from triality.runs.report.figures import Panel, curve, draw, legend_above
from triality.runs.report.palette import DATA, DRAWN, MUTED, OTHER
from triality.runs.report.words import MINUS, number

Arrays = Mapping[str, np.ndarray]
SIDES = (("data", "test data", DATA.light), ("drawn", "generator", DRAWN.light), ("picked", "energy (draws resampled)", OTHER.light))
"""Array, name and color; the same colors in every figure."""
LEVELS = 8.0
"""Nats above the lowest point that the landscape shows; beyond it everything is dark."""


def sample_panels(arrays: Arrays) -> list[Panel]:
    """What was drawn beside the data: sheets of images, clouds of points, or columns."""
    if "data" not in arrays:
        return []
    if arrays["data"].ndim == 3:
        return [_sheet(name, label, arrays[name]) for name, label, _ in SIDES if name in arrays]
    if arrays["data"].shape[1] == 2 and not _is_whole(arrays["data"]):
        return [_cloud(name, label, color, arrays) for name, label, color in SIDES if name in arrays]
    if _is_whole(arrays["data"]):
        return [_means(arrays)]
    return [_histogram(arrays, column) for column in range(arrays["data"].shape[1])]


def _is_whole(values: np.ndarray) -> bool:
    return bool(np.all(values == np.floor(values)))


def _names(arrays: Arrays) -> list[str]:
    width = arrays["data"].shape[1]
    given = arrays.get("names")
    return [str(name) for name in given[:width]] if given is not None and len(given) >= width else [f"x{i}" for i in range(width)]


def _cloud(name: str, label: str, color: str, arrays: Arrays) -> Panel:
    names, data, points = _names(arrays), arrays["data"], arrays[name]
    low, high = np.percentile(data, 0.1, axis=0), np.percentile(data, 99.9, axis=0)
    margin = 0.15 * (high - low)

    def paint(axes: Axes) -> None:
        axes.scatter(points[:, 0], points[:, 1], s=3, color=color, alpha=0.5, linewidths=0, rasterized=True)
        axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
        axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
        axes.set_xlabel(f"{names[0]} (units of the data)")
        axes.set_ylabel(f"{names[1]} (units of the data)")

    outside = np.mean(np.any((points < low - margin) | (points > high + margin), axis=1))
    caption = f"{len(points):,} points on the axes of the test data. {_share(outside)} of them lie outside the frame."
    return Panel(f"samples-{name}", label[0].upper() + label[1:], draw(f"samples-{name}", paint), f"Scatter plot of {label}.", caption)


def _share(value: float) -> str:
    return "None" if value == 0 else f"{100 * value:.1f} %"


def _sheet(name: str, label: str, images: np.ndarray) -> Panel:
    columns = 6
    rows = -(-len(images) // columns)
    height, width = images.shape[1:]
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for place, image in enumerate(images):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        sheet[top : top + height, left : left + width] = image

    def paint(axes: Axes) -> None:
        axes.imshow(sheet, cmap="gray_r", interpolation="nearest")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
        axes.set_xlabel("images side by side")
        axes.set_ylabel("pixels")

    caption = f"{len(images)} of the {label}, not chosen."
    return Panel(f"samples-{name}", label[0].upper() + label[1:], draw(f"samples-{name}", paint), f"Images: {label}.", caption)


def _edges(values: np.ndarray, percent: float) -> list[float]:
    """Forty bins over all values but ``percent`` on either side."""
    low, high = np.percentile(values, [percent, 100.0 - percent])
    return np.linspace(low, high, 41).tolist()


def _histogram(arrays: Arrays, column: int) -> Panel:
    name, data = _names(arrays)[column], arrays["data"][:, column]
    edges = _edges(data, 0.2)

    def paint(axes: Axes) -> None:
        for side, label, color in SIDES:
            if side in arrays:
                axes.hist(arrays[side][:, column], edges, density=True, histtype="step", color=color, label=label, linewidth=1.6)
        axes.set_xlabel(f"{name} (units of the data)")
        axes.set_ylabel("density (1 / unit of the data)")
        legend_above(axes)

    caption = f"Marginal law of {name}. Hope for lines that lie on each other; joint laws can differ where marginals agree."
    return Panel(
        f"column-{column}", f"Column {name}", draw(f"column-{column}", paint), f"Histograms of {name} for data and samples.", caption
    )


def _means(arrays: Arrays) -> Panel:
    """Means of the columns of samples against those of data."""

    def paint(axes: Axes) -> None:
        high = max(float(arrays[side].mean(axis=0).max()) for side, _, _ in SIDES if side in arrays)
        axes.plot([0, high], [0, high], color=MUTED.light, linewidth=1.2, linestyle=(0, (5, 3)), label="equal")
        for side, label, color in SIDES[1:]:
            if side in arrays:
                axes.scatter(
                    arrays["data"].mean(axis=0), arrays[side].mean(axis=0), s=26, color=color, label=label, alpha=0.8, linewidths=0
                )
        axes.set_xlabel("mean of the column in test data (level)")
        axes.set_ylabel("mean of the column in samples (level)")
        legend_above(axes)

    caption = "One point a column (the first six). On the dashed line a column's mean is that of the data."
    return Panel("columns", "Means of the columns", draw("columns", paint), "Column means of samples against those of data.", caption)


def landscape_panels(arrays: Arrays) -> list[Panel]:
    """-log p_theta over the plane, and the truth's where it is known."""
    shown = [("landscape", "Learned landscape", f"{MINUS}log p of the learned energy")]
    shown += [("landscape_true", "True landscape", f"{MINUS}log p of the target itself")]
    return [_landscape(name, title, what, arrays) for name, title, what in shown if name in arrays]


def _landscape(name: str, title: str, what: str, arrays: Arrays) -> Panel:
    names, values, x, y = _names(arrays), arrays[name], arrays["landscape_x"], arrays["landscape_y"]
    low = float(np.min(arrays.get("landscape_true", values)))

    def paint(axes: Axes) -> None:
        mesh = axes.pcolormesh(x, y, np.clip(values, low, low + LEVELS), cmap=mpl.colormaps["cividis_r"], shading="auto", rasterized=True)
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02)
        bar.set_label(f"{MINUS}log p (nats)")
        axes.grid(False)
        axes.set_xlabel(f"{names[0]} (units of the data)")
        axes.set_ylabel(f"{names[1]} (units of the data)")

    caption = (
        f"{what}, cut {LEVELS:g} nats above the lowest point. Low energy where there are no data is what to look for: neither the "
        "likelihood nor the samples show it."
    )
    return Panel(name.replace("_", "-"), title, draw(name.replace("_", "-"), paint), f"{title}: {what} as a map.", caption)


def energy_panel(arrays: Arrays) -> Panel | None:
    """Histograms of the energy of data and of draws."""
    if "energy_data" not in arrays:
        return None
    data, drawn = arrays["energy_data"], arrays["energy_drawn"]
    both = np.concatenate([data, drawn])
    edges = _edges(both[np.isfinite(both)], 0.5)

    def paint(axes: Axes) -> None:
        for values, label, color in ((data, "test data", DATA.light), (drawn, "generator", DRAWN.light)):
            axes.hist(values, edges, density=True, histtype="step", color=color, label=label, linewidth=1.6)
        axes.set_xlabel("energy (nats, up to a constant)")
        axes.set_ylabel("density (1 / nat)")
        legend_above(axes)

    caption = (
        "Where the generator follows the energy, both histograms agree. Draws far to the right are what the energy would have out of it."
    )
    alt = f"Mean energy {number(float(data.mean()), 4)} nats for data, {number(float(drawn.mean()), 4)} for draws."
    return Panel("energies", "Energies of data and draws", draw("energies", paint), alt, caption)


def calibration_panel(arrays: Arrays) -> Panel | None:
    """Observed share of data against D."""
    if "reliability_predicted" not in arrays:
        return None
    x, y = arrays["reliability_predicted"], arrays["reliability_observed"]
    low, high = arrays["reliability_low"], arrays["reliability_high"]

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED.light, linewidth=1.2, linestyle=(0, (5, 3)), label="a probability")
        bars = np.stack([np.maximum(y - low, 0), np.maximum(high - y, 0)])
        axes.errorbar(
            x, y, yerr=bars, fmt="o", color=OTHER.light, ecolor=OTHER.light, capsize=3, markersize=5, label="tenths of the samples"
        )
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("D, the predicted probability of data")
        axes.set_ylabel("observed share of data")
        legend_above(axes)

    worst = float(np.max(np.abs(x - y)))
    caption = (
        "D = p/(p + q) of the learned energy, with its log Z, on test data against draws; bars are 95 % intervals. Off the line, energy "
        "or log Z is wrong. Points that crowd at one half say that data and generator can hardly be told apart. "
        f"Largest gap: {worst:.3f}."
    )
    return Panel("calibration", "Is D a probability?", draw("calibration", paint), f"Reliability curve, largest gap {worst:.3f}.", caption)


def learning_panel(curves: Curves, num_before: int, unit: str = "on standardized columns") -> Panel | None:
    """Validation likelihood over both stages; ``unit`` goes on the sentence "mean log likelihood of the validation data"."""
    if not curves.has("validation"):
        return None

    def paint(axes: Axes) -> None:
        x, table = curves.iterations.astype(float), curves.values["validation"]
        curve(axes, x, table, DATA.light, "validation")
        if 0 < num_before < x[-1]:
            axes.axvline(num_before, color=MUTED.light, linewidth=1.4, linestyle=(0, (5, 3)), label="the energy begins")
        # A first look long before anything was learned would flatten the rest.
        finite = table[np.isfinite(table)]
        low, high = np.percentile(finite, 10), float(finite.max())
        axes.set_ylim(low - 0.1 * (high - low) - 1e-6, high + 0.1 * (high - low) + 1e-6)
        axes.set_xlabel("gradient step")
        axes.set_ylabel("log likelihood (nats a sample)")
        legend_above(axes)

    caption = (
        f"Mean log likelihood of the validation data, {unit}: of the generator, then of the energy, charged the larger "
        "of two estimates of log Z. The step where it was highest was kept; where it falls, the model overfits, or log Z is missed."
    )
    end = number(float(np.nanmax(curves.band("validation").median)), 5)
    return Panel("validation", "Validation", draw("validation", paint), f"Validation log likelihood; highest {end} nats a sample.", caption)
